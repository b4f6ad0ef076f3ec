"""Strips below a line that say when alerts fired."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from operator import itemgetter

from agent.charts.sheet import FAINT, GRID, RED, SOFT, Mark, Sheet

_SHARE = 0.11  # of the values' range, for each strip
_OVER = 5  # bars in one place

Bar = tuple[float, float]
"""Start and width."""


def room_for(lanes: int) -> float:
    """The part of the values' range to leave free below them."""
    return (lanes + 0.5) * _SHARE if lanes else 0.0


def strips(sheet: Sheet, low: float) -> None:
    """Draws the lanes below `low`, the first uppermost, each with its label at the right."""
    data, axes = sheet.data, sheet.axes
    if not data.lanes:
        return
    bottom, top = axes.get_ylim()
    axes.axhspan(bottom, low, color="white", linewidth=0, zorder=7)
    height = (low - bottom) / (len(data.lanes) + 0.5)
    for place, lane in enumerate(data.lanes):
        middle = low - (place + 1) * height
        color = FAINT if lane.faint else RED
        axes.axhspan(middle - height * 0.3, middle + height * 0.3, color=GRID, alpha=0.6, linewidth=0, zorder=8)
        least = (data.end - data.start) / 900  # what fired shortly is seen all the same
        bars = [(start, max(end - start, least)) for start, end in lane.spans]
        axes.broken_barh(_joined(bars), (middle - height * 0.3, height * 0.6), facecolors=color, linewidth=0, zorder=9)
        if not lane.faint:
            axes.broken_barh(_few(bars, least), (low, top - low), facecolors=RED, alpha=0.07, linewidth=0, zorder=1)
        note = lane.note if len(data.lanes) < 3 else ""
        sheet.column.append(Mark(middle, lane.name, lane.words, SOFT if lane.faint else RED, note))


def _joined(bars: Sequence[Bar]) -> list[Bar]:
    """Bars in order of time; those that would cover one another become one."""
    made: list[Bar] = []
    for start, wide in bars:
        if made and start <= made[-1][0] + made[-1][1]:
            made[-1] = made[-1][0], max(made[-1][1], start + wide - made[-1][0])
        else:
            made.append((start, wide))
    return made


def _few(bars: Sequence[Bar], least: float) -> list[Bar]:
    """The widest of the bars that begin in the same place: where there are many it is darker, but not for each."""
    begun: Counter[float] = Counter()
    kept = []
    for start, wide in sorted(bars, key=itemgetter(1), reverse=True):
        begun[start // least] += 1
        if begun[start // least] <= _OVER:
            kept.append((start, wide))
    return kept
