"""Charts of targets, drawn in a child process. Only `draw` imports matplotlib, and the daemon never imports `draw`."""

from agent.charts.data import ChartData, ChartKind, Lane, chart_data
from agent.charts.process import ChartError, Charts

__all__ = ["ChartData", "ChartError", "ChartKind", "Charts", "Lane", "chart_data"]
