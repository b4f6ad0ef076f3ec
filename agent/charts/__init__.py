"""Charts of targets, drawn in a child process. Only `draw` imports matplotlib, and the daemon never imports `draw`."""

from agent.charts.data import ChartData, ChartKind, chart_data
from agent.charts.process import ChartError, Charts

__all__ = ["ChartData", "ChartError", "ChartKind", "Charts", "chart_data"]
