"""Draws charts; run as a process of its own (`python -m agent.charts.draw`) by `agent.charts.process`.

With `sheet` the only module that imports matplotlib, by its object API: no global figure, nothing to close.
"""

from __future__ import annotations

import io
import warnings
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from math import nan
from typing import Any

import orjson
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from agent.charts import answering
from agent.charts.data import ChartData, ChartKind, Lane, Point
from agent.charts.lanes import room_for, strips
from agent.charts.scales import figure_text, moment_text
from agent.charts.sheet import (
    BLUE,
    BOTTOM,
    DPI,
    FAINT,
    GREEN,
    HEIGHT,
    INK,
    RED,
    SOFT,
    TOP,
    WIDTH,
    Mark,
    Sheet,
    beside,
    column,
    frame,
    heading,
    today,
)

Edge = Sequence[tuple[float, float]]
"""A wanted number over time."""

Run = Sequence[tuple[float, float]]
"""Readings in a row."""


def make(data: ChartData) -> Sheet:
    """The chart, laid out and ready to be saved."""
    made = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI, facecolor="white")
    FigureCanvasAgg(made)
    axes = made.add_axes((0.1, BOTTOM, 0.7, TOP - BOTTOM))
    sheet = Sheet(data, made, axes)
    heading(sheet)
    low, high = _range(data)
    axes.set_xlim(data.start, max(data.end, data.start + 1))
    axes.set_ylim(low - room_for(len(data.lanes)) * (high - low), high)
    _DRAWN[data.kind](sheet)
    strips(sheet, low)
    frame(sheet, low, high)
    column(sheet)
    today(sheet)
    beside(sheet)
    return sheet


def png(data: ChartData) -> bytes:
    """The chart as PNG, or in the form it asks for."""
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        make(data).figure.savefig(out, format=data.form, dpi=DPI)
    return out.getvalue()


def _range(data: ChartData) -> tuple[float, float]:
    """The values from the bottom to the top of the plot."""
    shown = [value for _, value in (*data.points, *data.course, *data.least, *data.most) if value is not None]
    shown += [
        value
        for value in (data.at_least, data.at_most, data.projection, data.projection_low, data.projection_high)
        if value is not None
    ]
    from_zero = data.kind is ChartKind.PERIOD and (not shown or any(value == 0 for _, value in data.course[:1]))
    if from_zero:
        shown.append(0.0)
    low, high = min(shown, default=0.0), max(shown, default=1.0)
    pad = (high - low) * 0.1 or abs(high) * 0.1 or 1.0
    return (low if from_zero and low == 0 else low - pad), high + pad


# A period


def _draw_period(sheet: Sheet) -> None:
    data, axes = sheet.data, sheet.axes
    known = [(float(time), value) for time, value in data.points if value is not None]
    if data.course:
        sheet.line(data.course, FAINT, 1.3, linestyle=(0, (5, 3)), zorder=2)
    _bounds(sheet)
    if not known:
        return
    last, value = known[-1]
    if data.now < data.end and data.projection is not None:
        _projection(sheet, last, value, data.projection)
    axes.fill_between(
        [x for x, _ in known], [y for _, y in known], axes.get_ylim()[0], color=BLUE, alpha=0.08, linewidth=0
    )
    sheet.line(known, BLUE, 2.6, solid_capstyle="round", solid_joinstyle="round", zorder=5)
    ended = data.now >= data.end
    axes.plot([last], [value], "o", color=BLUE, markersize=7.5, markeredgecolor="white", zorder=6, clip_on=False)
    if ended:
        shown = data.value if data.value is not None else value
        sheet.column.append(Mark(value, "Final", sheet.says(shown), sheet.accent))


def _projection(sheet: Sheet, last: float, value: float, projection: float) -> None:
    data, axes = sheet.data, sheet.axes
    end, note = float(data.end), ""
    if data.projection_low is not None and data.projection_high is not None:
        low, high = data.projection_low, data.projection_high
        axes.fill_between([last, end], [value, low], [value, high], color=BLUE, alpha=0.15, linewidth=0, zorder=1)
        sheet.lines += [[(last, value), (end, low)], [(last, value), (end, high)]]
        note = f"{figure_text(_rounded(low))} to {figure_text(_rounded(high))}"
    sheet.line([(last, value), (end, projection)], BLUE, 1.8, linestyle=(0, (1.5, 1.5)), zorder=4)
    sheet.column.append(Mark(projection, "Projected", sheet.says(_rounded(projection)), BLUE, note))


def _rounded(value: float) -> float:
    """A computed figure to about four digits: more would claim to know more."""
    return round(value) if abs(value) >= 100 else float(f"{value:.3g}")


def _bounds(sheet: Sheet) -> None:
    """The wanted number or numbers as lines, with their labels."""
    data = sheet.data
    both = data.at_least is not None and data.at_most is not None
    level = data.kind is not ChartKind.PERIOD
    captions = ("At least" if both or level else "Goal", "At most")
    for edge, caption in zip(_edges(data), captions, strict=True):
        if edge:
            color = SOFT if level else INK
            sheet.line(edge, color, 1.0 if level else 1.6, zorder=3)
            sheet.column.append(Mark(edge[-1][1], caption, sheet.says(edge[-1][1]), INK))


def _edges(data: ChartData) -> tuple[Edge, Edge]:
    """The wanted numbers (at least, at most) as lines with a step where they change; empty where there is none."""
    return _edge(data, data.least, data.at_least), _edge(data, data.most, data.at_most)


def _edge(data: ChartData, steps: Sequence[tuple[int, float]], bound: float | None) -> Edge:
    if bound is None:
        return []
    known = steps or [(data.start, bound)]
    made = [known[0]]
    for time, value in known[1:]:
        made += [(time, made[-1][1]), (time, value)]
    return [*made, (data.end, made[-1][1])]


# A level


def _draw_level(sheet: Sheet) -> None:
    data, axes = sheet.data, sheet.axes
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    least, most = _edges(data)
    if least or most:
        inside = _side(sheet, least or [(left, bottom), (right, bottom)], top)
        inside.set(color=GREEN, alpha=0.09, linewidth=0, zorder=0)
        axes.add_patch(inside)
        inside.set_clip_path(_side(sheet, most or [(left, top), (right, top)], bottom))
    _bounds(sheet)
    runs = _runs(data.points)
    _lines(sheet, runs, least, most)
    if runs:
        time, value = runs[-1][-1]
        color = RED if _is_out((time, value), least, most) else BLUE
        axes.plot([time], [value], "o", color=color, markersize=7.5, markeredgecolor="white", zorder=6, clip_on=False)
        caption = f"At {moment_text(int(time), data.zone, min(data.end - data.start, 86_400_000_000))}"
        sheet.column.append(Mark(value, caption, sheet.says(value), color))


def _is_out(point: tuple[float, float], least: Edge, most: Edge) -> bool:
    time, value = point
    low, high = _at(least, time), _at(most, time)
    return (low is not None and value < low) or (high is not None and value > high)


def _at(edge: Edge, time: float) -> float | None:
    """What is wanted at a time; before it is known that nothing is."""
    index = bisect_right(edge, time, key=lambda point: point[0])
    return edge[index - 1][1] if index else None


def _runs(points: Sequence[Point]) -> list[list[tuple[float, float]]]:
    """The stretches without a gap."""
    runs: list[list[tuple[float, float]]] = [[]]
    for time, value in points:
        if value is None:
            runs.append([])
        else:
            runs[-1].append((float(time), value))
    return [run for run in runs if run]


def _joined(runs: Iterable[Run]) -> Run:
    """One line that is broken between the stretches: many lines would take long to draw."""
    return [point for run in runs for point in (*run, (run[-1][0], nan))]


def _lines(sheet: Sheet, runs: Sequence[Run], least: Edge, most: Edge) -> None:
    """The stretches as lines, or dots where they are a single reading; what is out of bounds is emphasised."""
    axes, thin = sheet.axes, bool(sheet.data.lanes)  # with lanes there are many days on one sheet
    for color, out in ((RED, True), (BLUE, False)):
        dots = [run[0] for run in runs if len(run) == 1 and _is_out(run[0], least, most) is out]
        if dots:
            axes.plot([x for x, _ in dots], [y for _, y in dots], "o", color=color, markersize=3.5, zorder=5)
    long = [run for run in runs if len(run) > 1]
    sheet.line(_joined(long), BLUE, 1.2 if thin else 2.2, solid_capstyle="round", solid_joinstyle="round", zorder=4)
    bottom, top = axes.get_ylim()
    none: Edge = []
    for edge, sides, far, near in ((most, (none, most), top, bottom), (least, (least, none), bottom, top)):
        out_of = _joined(run for run in long if edge and any(_is_out(point, *sides) for point in run))
        if out_of:
            xs, ys = [x for x, _ in out_of], [y for _, y in out_of]
            (line,) = axes.plot(xs, ys, color=RED, linewidth=1.4 if thin else 2.6, solid_capstyle="round", zorder=5)
            area = axes.fill_between(xs, ys, near, color=RED, alpha=0.15, linewidth=0, zorder=2)
            for part in (line, area):
                part.set_clip_path(_side(sheet, edge, far))


def _side(sheet: Sheet, edge: Edge, far: float) -> Polygon:
    """What lies between an edge and the top or bottom."""
    return Polygon([*edge, (edge[-1][0], far), (edge[0][0], far)], transform=sheet.axes.transData)


# A measure, period after period


def _draw_periods(sheet: Sheet) -> None:
    _bounds(sheet)
    sheet.line(_joined(_runs(sheet.data.points)), BLUE, 1.6, solid_joinstyle="round", zorder=4)


_DRAWN = {ChartKind.PERIOD: _draw_period, ChartKind.LEVEL: _draw_level, ChartKind.PERIODS: _draw_periods}


def answer(request: bytes) -> bytes:
    """The chart of one line of JSON."""
    return png(_data(orjson.loads(request)))


def _data(fields: dict[str, Any]) -> ChartData:
    points = tuple((time, value) for time, value in fields.pop("points"))
    lanes = tuple(Lane(**{**lane, "spans": tuple(map(tuple, lane["spans"]))}) for lane in fields.pop("lanes"))
    for name in ("course", "least", "most"):
        fields[name] = tuple((time, value) for time, value in fields[name])
    return ChartData(kind=ChartKind(fields.pop("kind")), points=points, lanes=lanes, **fields)


if __name__ == "__main__":
    answering.run(answer)
