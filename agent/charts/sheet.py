"""The sheet a chart is drawn on: heading, ticks, and labels that cover nothing."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from typing import Any, NamedTuple

from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from agent.charts.data import ChartData, ChartKind
from agent.charts.placing import Box, Segment, best_place, spread
from agent.charts.scales import date_ticks, figure_text, moment_text, number_ticks
from agent.charts.typefaces import installed
from rules.plans import value_at

WIDTH, HEIGHT, DPI = 8.0, 4.0, 200  # inches and dots per inch: 1600 by 800

# Okabe and Ito's palette, which people with any kind of colour vision can tell apart.
BLUE, GREEN, RED = "#0072B2", "#00795A", "#C24A00"
INK, SOFT, FAINT, GRID = "#1B1F24", "#5B6570", "#8C96A1", "#E6E9ED"
_ACCENT = {"behind": RED, "missed": RED, "out_of_band": RED, "met": GREEN, "on_track": GREEN, "in_band": GREEN}

_MARGIN = 0.03  # of the width, left and right of everything
TOP, BOTTOM = 0.735, 0.135  # of the height, where the plot ends
_FONTS = ["DejaVu Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans Arabic", "Noto Sans Hebrew"]


class Mark(NamedTuple):
    """A label at the right end of a line: a caption, the number, and a note below it."""

    y: float
    caption: str
    words: str
    color: str
    note: str = ""


@dataclass(slots=True)
class Sheet:
    """A chart being drawn. `lines` are what labels must not cover, as rows of data points."""

    data: ChartData
    figure: Figure
    axes: Axes
    lines: list[Sequence[tuple[float, float]]] = field(default_factory=list)
    column: list[Mark] = field(default_factory=list)
    labels: list[Text] = field(default_factory=list)

    @property
    def accent(self) -> str:
        """The colour of the standing."""
        return _ACCENT.get(self.data.standing, INK)

    @property
    def unit(self) -> str:
        """The unit, if it is short enough to stand beside each number."""
        return self.data.unit if len(self.data.unit) <= 3 else ""

    def says(self, value: float) -> str:
        """A number with its unit."""
        return figure_text(value, self.unit)

    def line(self, points: Sequence[tuple[float, float]], color: str, width: float, **style: Any) -> None:
        """A line that labels keep clear of."""
        self.axes.plot([x for x, _ in points], [y for _, y in points], color=color, linewidth=width, **style)
        self.lines.append(points)

    def size(self, text: Text) -> Box:
        """Where a text stands, in pixels."""
        box = text.get_window_extent(self.figure.canvas.get_renderer())  # type: ignore[attr-defined]
        return Box(box.x0, box.y0, box.x1, box.y1)


def _text(sheet: Sheet, x: float, y: float, words: str, **style: Any) -> Text:
    style = {"fontsize": 10, "color": INK, "parse_math": False, "fontfamily": _fonts(), **style}
    return sheet.figure.text(x, y, words, **style)


@cache
def _fonts() -> list[str]:
    known = font_manager.fontManager
    names = set(font_manager.get_font_names())
    found = [name for name in _FONTS if name in names]
    for path in installed():  # also those that came after matplotlib made its list
        before = len(known.ttflist)
        with suppress(OSError, RuntimeError):
            known.addfont(path)
            found += [font.name for font in known.ttflist[before:]]
    return list(dict.fromkeys(found))


def heading(sheet: Sheet) -> None:
    title = _text(sheet, _MARGIN, 0.945, " ".join(sheet.data.title.split()), fontsize=16, fontweight="bold", va="top")
    _fit(sheet, title, 16, 13)
    color = sheet.accent if sheet.accent != INK else SOFT
    line = _text(sheet, _MARGIN, 0.855, " ".join(sheet.data.headline.split()), fontsize=11, color=color, va="top")
    _fit(sheet, line, 11, 9)


def _fit(sheet: Sheet, text: Text, size: float, least: float) -> None:
    """Smaller where it is too wide; from `least` points on cut, with dots."""
    room = WIDTH * DPI * (1 - 2 * _MARGIN)
    while (wide := sheet.size(text)).right - wide.left > room:
        if size - 0.5 >= least:
            size -= 0.5
            text.set_fontsize(size)
        else:
            words = text.get_text().removesuffix("…")
            text.set_text(words[: len(words) * 97 // 100 - 1].rstrip() + "…")


def frame(sheet: Sheet, low: float, high: float) -> None:
    """Grid, ticks, and room at the left for the numbers."""
    data, axes = sheet.data, sheet.axes
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    values = number_ticks(low, high)
    dates = date_ticks(data.start, data.end, data.zone)
    style: dict[str, Any] = {"fontsize": 9, "color": SOFT, "parse_math": False, "fontfamily": _fonts()}
    axes.set_yticks(values, [figure_text(value) for value in values], **style)
    axes.set_xticks([time for time, _ in dates], [words for _, words in dates], **style)
    axes.tick_params(axis="both", length=0, pad=5)
    axes.tick_params(axis="x", length=3, color=FAINT)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    widest = max((box.right - box.left for box in map(sheet.size, axes.get_yticklabels())), default=0.0)
    left = _MARGIN + (widest + 14) / (WIDTH * DPI)
    axes.set_position((left, BOTTOM, 0.8 - left, TOP - BOTTOM))
    if data.unit and not sheet.unit:
        _text(sheet, _MARGIN, TOP + 0.02, data.unit, fontsize=9, color=SOFT, va="bottom")


def column(sheet: Sheet) -> None:
    """The labels at the right end of their lines, none over another; the plot leaves them the room they need."""
    stacks = [_stack(sheet, mark) for mark in sheet.column]
    boxes = [[sheet.size(text) for text in stack] for stack in stacks]
    width = max((box.right - box.left for stack in boxes for box in stack), default=0.0)
    at = sheet.axes.get_position()
    right = 1 - _MARGIN - ((width + 20) / (WIDTH * DPI) if stacks else 0)
    sheet.axes.set_position((at.x0, at.y0, max(right - at.x0, 0.2), at.height))
    heights = [sum(box.top - box.bottom + _LEADING for box in stack) + 2 * _LEADING for stack in boxes]
    plot = _plot(sheet)
    wanted = [_pixel(sheet, sheet.data.end, mark.y)[1] for mark in sheet.column]
    middles = spread(wanted, heights, plot.bottom - 20, plot.top + 40)
    for stack, sizes, height, middle in zip(stacks, boxes, heights, middles, strict=True):
        top = middle + height / 2 - _LEADING
        for text, box in zip(stack, sizes, strict=True):
            text.set_position(((plot.right + 18) / (WIDTH * DPI), top / (HEIGHT * DPI)))
            top -= box.top - box.bottom + _LEADING
            sheet.labels.append(text)


_LEADING = 7  # pixels between the lines of a label


def _stack(sheet: Sheet, mark: Mark) -> list[Text]:
    small = {"fontsize": 9, "color": SOFT, "va": "top"}
    stack = [
        _text(sheet, 0, 0, mark.caption, **small),
        _text(sheet, 0, 0, mark.words, fontsize=11.5, fontweight="bold", color=mark.color, va="top"),
    ]
    return [*stack, _text(sheet, 0, 0, mark.note, **small)] if mark.note else stack


def _pixel(sheet: Sheet, x: float, y: float) -> tuple[float, float]:
    across, up = sheet.axes.transData.transform((x, y))
    return float(across), float(up)


def _plot(sheet: Sheet) -> Box:
    box = sheet.axes.get_window_extent()
    return Box(box.x0, box.y0, box.x1, box.y1)


def today(sheet: Sheet) -> None:
    """Where now is, if it lies within the period."""
    data = sheet.data
    if data.kind is not ChartKind.PERIOD or not data.start < data.now < data.end:
        return
    sheet.axes.axvline(data.now, color=FAINT, linewidth=1, linestyle=(0, (2, 2)), zorder=1)
    sheet.lines.append([(data.now, sheet.axes.get_ylim()[0]), (data.now, sheet.axes.get_ylim()[1])])
    span = data.end - data.start
    word = "Today" if span > 3 * 86_400_000_000 else "Now"
    box = _plot(sheet)
    x = float(sheet.axes.transData.transform((data.now, 0))[0])
    words = f"{word}, {moment_text(data.now, data.zone, span)}"
    text = _text(sheet, 0, (box.top + 8) / (HEIGHT * DPI), words, fontsize=9, color=SOFT, ha="center", va="bottom")
    half = (sheet.size(text).right - sheet.size(text).left) / 2
    text.set_x(min(max(x, box.left + half), box.right - half) / (WIDTH * DPI))
    sheet.labels.append(text)


def beside(sheet: Sheet) -> None:
    """Names the value so far and the pace line where they cover nothing."""
    data = sheet.data
    if data.kind is not ChartKind.PERIOD or data.now >= data.end:
        return
    known = [(time, value) for time, value in data.points if value is not None]
    if known:
        time, value = known[-1]
        words = f"{sheet.says(data.value if data.value is not None else value)} so far"
        text = _text(sheet, 0, 0, words, fontsize=11.5, fontweight="bold", color=BLUE)
        _place(sheet, text, [(float(time), value)], 20)
    elif data.now > data.start:
        _place(sheet, _text(sheet, 0, 0, "Nothing read yet", color=SOFT), [(data.now, sheet.axes.get_ylim()[0])], 20)
    if data.course:
        times = [data.start + (data.end - data.start) * part // 20 for part in _ALONG]
        along = [(float(time), value_at(data.course, time)) for time in times]
        caption = "Steady pace" if len(data.course) == 2 else "Expected"
        _place(sheet, _text(sheet, 0, 0, caption, fontsize=9, color=SOFT), along, 12)


_ALONG = (15, 14, 16, 13, 17, 12, 18, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2)
_SIDES = ((-1, 1), (1, -1), (-1, -1), (1, 1), (0, 1), (0, -1), (1, 0), (-1, 0))  # left above, right below, …
_DISTANCES = sorted(
    product((0.7, 1.4, 2.8, 4, 6, 9), (1, 0.6, 2, 3, 4.5, 6, 8)), key=sum
)  # across and up, nearest first


def _place(sheet: Sheet, text: Text, anchors: Sequence[tuple[float, float]], distance: float) -> None:
    """Moves a text beside the first of the anchors where it covers nothing; away with it if there is no such place."""
    box = sheet.size(text)
    width, height = box.right - box.left, box.top - box.bottom
    candidates = []
    for away, over in _DISTANCES:
        for anchor in anchors:
            x, y = (float(number) for number in sheet.axes.transData.transform(anchor))
            for across, up in _SIDES:
                left = x + across * away * distance - width * (1 - across) / 2
                bottom = y + up * over * distance - height * (1 - up) / 2
                candidates.append(Box(left, bottom, left + width, bottom + height))
    lines = [
        Segment(*(float(n) for n in (*a, *b)))
        for row in sheet.lines
        for a, b in zip(*(sheet.axes.transData.transform(part) for part in (row[:-1], row[1:])), strict=True)
        if len(row) > 1
    ]
    taken = [sheet.size(label).grown(4) for label in sheet.labels]
    chosen = best_place([c.grown(4) for c in candidates], _plot(sheet).grown(2), lines, taken)
    if chosen is None:
        text.remove()
        return
    text.set_verticalalignment("bottom")
    text.set_position((candidates[chosen].left / (WIDTH * DPI), candidates[chosen].bottom / (HEIGHT * DPI)))
    sheet.labels.append(text)
