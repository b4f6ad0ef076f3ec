"""A report as a PDF; run as a process of its own (`python -m agent.reports.pdf`) by `agent.charts.process`.

With `fonts` the only module that imports reportlab.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping
from functools import cache, partial

import orjson
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Image, KeepTogether, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from agent.charts.answering import run
from agent.reports.fonts import BOLD, PLAIN, markup, register
from agent.store.codec import decode
from connectors.facts import local, moment, plain, shortened
from connectors.report_message import colour, day, left_out, period, rate, row_facts, sections, status, word
from rules.model import Report, ReportRow

_MARGIN = 18 * mm
_PADDING = 6  # points, inside the frame of a page
_WIDTH = A4[0] - 2 * _MARGIN
_INSIDE = 0.03 * _WIDTH  # where a chart's own words begin
_COLUMNS = tuple(part * _WIDTH for part in (0.13, 0.3, 0.15, 0.23, 0.19))
_INK_HEX, _SOFT_HEX = "#1f2328", "#57606a"
_SOFT, _GRID = HexColor(_SOFT_HEX), HexColor("#e1e4e8")


@cache
def _style(size: float, hex_: str = _INK_HEX, *, bold: bool = False) -> ParagraphStyle:
    return ParagraphStyle(
        f"{size}{hex_}{bold}",
        fontName=BOLD if bold else PLAIN,
        fontSize=size,
        leading=size * 1.42,
        textColor=HexColor(hex_),
    )


def answer(request: bytes) -> bytes:
    """The document of one line of JSON: `report`, and `pictures` in base64 by the position of their row."""
    given = orjson.loads(request)
    report = decode(Report, orjson.dumps(given["report"]))
    return document(report, {int(place): base64.b64decode(png) for place, png in given["pictures"].items()})


def document(report: Report, pictures: Mapping[int, bytes]) -> bytes:
    """The PDF; the same bytes for the same report and pictures."""
    register()
    _, pages = _built(report, pictures, None)  # each page says how many there are
    return _built(report, pictures, pages)[0]


def _built(report: Report, pictures: Mapping[int, bytes], pages: int | None) -> tuple[bytes, int]:
    """The PDF, and how many pages it has."""
    out = io.BytesIO()
    made = SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=_MARGIN - _PADDING,
        rightMargin=_MARGIN - _PADDING,
        topMargin=16 * mm,
        bottomMargin=20 * mm,
        title=plain(report.title),
        author="Setpoint",
        subject=period(report),
        lang="en",
        invariant=1,
    )
    foot = partial(_foot, report, pages)
    made.build([*_first(report), *_details(report, pictures)], onFirstPage=foot, onLaterPages=foot)
    return out.getvalue(), int(made.page)


def _foot(report: Report, pages: int | None, canvas: Canvas, made: SimpleDocTemplate) -> None:
    """What every page says at its end; and when the document was made, which is the report's time."""
    time = local(report.end, "UTC")
    canvas.setDateFormatter(lambda *_: f"D:{time:%Y%m%d%H%M%S}+00'00'")
    words = markup(f"{shortened(plain(report.title), 80)}, {moment(report.end, report.zone)}")
    line = Paragraph(words, _style(7.5, _SOFT_HEX))
    canvas.saveState()
    canvas.setStrokeColor(_GRID)
    canvas.line(_MARGIN, 15 * mm, A4[0] - _MARGIN, 15 * mm)
    line.wrapOn(canvas, _WIDTH - 30 * mm, 5 * mm)
    line.drawOn(canvas, _MARGIN, 10 * mm)
    canvas.setFont(PLAIN, 7.5)
    canvas.setFillColor(_SOFT)
    canvas.drawRightString(A4[0] - _MARGIN, 10 * mm + 3.15, f"Page {made.page} of {pages}")
    canvas.restoreState()


def _first(report: Report) -> Iterator[Flowable]:
    """Title, summary, the table of standings, and what happened."""
    yield Paragraph(markup(report.title), _style(20, bold=True))
    yield Paragraph(markup(period(report)), _style(9, _SOFT_HEX))
    yield Spacer(0, 4 * mm)
    yield Paragraph(markup(report.summary), _style(10.5))
    yield Spacer(0, 5 * mm)
    if report.rows:
        yield _table(report)
    for text in left_out(report):
        yield Spacer(0, 1 * mm)
        yield Paragraph(markup(text), _style(8.5, _SOFT_HEX))
    for section in sections(report):
        lines = [Paragraph(markup(text), _bullet(), bulletText="•") for text in section.lines]
        head = Paragraph(markup(section.title), _style(12, bold=True))
        yield KeepTogether([Spacer(0, 5 * mm), head, Spacer(0, 1.5 * mm), lines[0]])
        yield from lines[1:]


@cache
def _bullet() -> ParagraphStyle:
    return ParagraphStyle("bullet", parent=_style(9), leftIndent=4 * mm, bulletFontName=PLAIN, spaceAfter=1 * mm)


def _table(report: Report) -> Table:
    head = [Paragraph(text, _style(8, _SOFT_HEX)) for text in ("Standing", "What", "Value", "Goal", "Projection")]
    made = Table([head, *map(_cells, report.rows)], colWidths=_COLUMNS, repeatRows=1)
    made.setStyle(
        TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LINEBELOW", (0, 0), (-1, 0), 0.8, _SOFT),
                ("LINEBELOW", (0, 1), (-1, -1), 0.4, _GRID),
                ("LEFTPADDING", (0, 0), (-1, -1), 0),
                ("RIGHTPADDING", (0, 0), (-1, -1), 2.5 * mm),
                ("TOPPADDING", (0, 1), (-1, -1), 1.6 * mm),
                ("BOTTOMPADDING", (0, 1), (-1, -1), 1.8 * mm),
            ]
        )
    )
    return made


def _cells(row: ReportRow) -> list[list[Flowable]]:
    small = _style(8.5)
    was = [Paragraph(markup(f"was {word(row.before)}"), _style(7.5, _SOFT_HEX))] if _changed(row) else []
    progress = [Paragraph(markup(f"{row.progress} of the goal"), _style(7.5, _SOFT_HEX))] if row.progress else []
    needs = [Paragraph(markup(rate(row)), _style(7.5, _SOFT_HEX))] if row.required else []
    began = [Paragraph(markup(f"since {day(row.since, row.zone)}"), _style(7.5, _SOFT_HEX))] if row.since else []
    return [
        [Paragraph(markup(status(row)), _style(8.5, colour(row), bold=True)), *began],
        [Paragraph(markup(row.title), small), *was],
        [Paragraph(markup(row.value or "–"), small), *progress],
        [Paragraph(markup(row.goal), small)],
        [Paragraph(markup(row.projection or "–"), small), *needs],
    ]


def _changed(row: ReportRow) -> bool:
    return bool(row.before) and row.before != row.standing


def _details(report: Report, pictures: Mapping[int, bytes]) -> Iterator[Flowable]:
    """The charts, which say whose they are, and the numbers beside them."""
    for place, picture in sorted(pictures.items()):
        numbers = "  ·  ".join(f"{fact.label} {fact.text}" for fact in row_facts(report.rows[place]))
        chart = Image(io.BytesIO(picture), _WIDTH, _WIDTH / 2, mask=None)  # type: ignore[arg-type] # stubs
        yield KeepTogether([Spacer(0, 7 * mm), chart, Paragraph(markup(numbers), _caption())])


@cache
def _caption() -> ParagraphStyle:
    return ParagraphStyle("caption", parent=_style(8, _SOFT_HEX), leftIndent=_INSIDE, rightIndent=_INSIDE)


if __name__ == "__main__":
    run(answer)
