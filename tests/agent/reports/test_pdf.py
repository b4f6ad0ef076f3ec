"""The PDF, read by another library."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace

import orjson
import pytest
from PIL import Image
from pypdf import PdfReader

from agent.charts import ChartError, Charts
from agent.reports import fonts
from agent.reports.fonts import markup
from agent.reports.pdf import answer, document
from agent.reports.rendering import MOST_CHARTS, Rendering
from agent.store.codec import encode
from rules.model import Notice, ReportFormat
from tests.connectors.notifiers.reports import ROWS, hostile, large, report


def _png() -> bytes:
    out = io.BytesIO()
    Image.new("RGBA", (16, 8), "white").save(out, "png")
    return out.getvalue()


PNG = _png()


def read(pdf: bytes) -> tuple[PdfReader, str]:
    found = PdfReader(io.BytesIO(pdf))
    return found, "\n".join(page.extract_text() for page in found.pages)


def test_it_says_everything_on_a4_with_its_fonts_inside() -> None:
    found, text = read(document(report(), {0: PNG, 2: PNG}))
    for words in (
        "Weekly numbers", "1 of 3 is on target.", "missed", "Orders (north)", "was behind",
        "2,835 €", "81 % of the goal", "needs 412 a day", "Room (Küche)", "20 to 23 °C", "and 12 more of room",
        "What changed", "behind → missed", "taken by Ann", "4 runs: 1 failed, 3 verified", "since 2 May",
    ):  # fmt: skip
        assert words in " ".join(text.split()), words
    assert all((round(page.mediabox.width), round(page.mediabox.height)) == (595, 842) for page in found.pages)
    assert sum(len(page.images) for page in found.pages) == 2
    fonts = [font.get_object() for page in found.pages for font in page["/Resources"]["/Font"].values()]
    used = [font for font in fonts if font["/Subtype"] == "/TrueType"]
    assert used
    assert all("/FontFile2" in font["/FontDescriptor"] for font in used)


def test_every_page_says_which_one_it_is() -> None:
    found, _ = read(document(large(), dict.fromkeys(range(4), PNG)))
    count = len(found.pages)
    assert count > 5
    for number, page in enumerate(found.pages, 1):
        assert f"Page {number} of {count}" in page.extract_text()
        assert "Weekly numbers, 2026-05-05 18:53 CEST" in page.extract_text()
    assert "Standing" in found.pages[2].extract_text()  # the head of the table is on each of its pages


def test_its_properties_come_from_the_report() -> None:
    found, _ = read(document(report(), {}))
    assert (found.metadata.title, found.metadata.author) == ("Weekly numbers", "Setpoint")
    assert found.metadata.creation_date_raw == found.metadata.modification_date_raw == "D:20260505165320+00'00'"


def test_the_same_report_is_the_same_file() -> None:
    assert document(report(), {0: PNG}) == document(report(), {0: PNG})
    assert document(report(), {0: PNG}) != document(report(end=report().end + 60_000_000), {0: PNG})


@pytest.mark.parametrize(
    "text",
    [
        "北京 ラーメン 서울",
        "😀 🇳🇱",
        "שלום عربى",
        "a" * 500,
        "x" * 50 + " " * 9,
        "<b>&amp;</b>",
        "\x00\x1b\ud800",
        "ﷺ ก็ ᚠ 𝔘",
    ],
)
def test_any_text_can_be_in_it(text: str) -> None:
    row = replace(ROWS[0], title=text, words=text, value=text, goal=text)
    pdf = document(report(title=text, summary=text, rows=(row,), changes=(row,)), {0: PNG})
    assert read(pdf)[0].pages


def test_nothing_from_outside_is_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_others", tuple)
    _, text = read(document(hostile(), {}))
    assert "<!channel>" in text
    assert "<b>" in text
    assert markup("<b>&") == "&lt;b&gt;&amp;"
    assert markup("Müller 北") == 'Müller <font name="STSong-Light">北</font>'
    monkeypatch.setattr(fonts, "_others", lambda: (("Own", frozenset({ord("北")})),))  # one of this machine comes first
    assert markup("Müller 北") == 'Müller <font name="Own">北</font>'


def test_a_report_of_nothing() -> None:
    found, text = read(document(report(rows=(), changes=(), alerts=(), corrections=(), more=(), first=True), {}))
    assert len(found.pages) == 1
    assert "None fired." in text


def test_one_line_of_json_is_answered() -> None:
    request = orjson.dumps({"report": orjson.loads(encode(report())), "pictures": {}})
    assert b"\n" not in request
    assert answer(request) == document(report(), {})


# rendering


class Drawing:
    """Draws what it is asked to, but for rows of `without`; `late` from that chart on takes for ever."""

    def __init__(self, without: tuple[str, ...] = (), late: int = 1_000) -> None:
        self.without = without
        self.late = late
        self.asked: list[tuple[Notice, int]] = []

    async def __call__(self, notice: Notice, span: int) -> bytes | None:
        self.asked.append((notice, span))
        if len(self.asked) > self.late:
            await asyncio.Event().wait()
        return None if notice.target in self.without else PNG


class Papers(Charts):
    """Makes no document."""

    async def drawn(self, request: bytes) -> bytes:
        raise ChartError("the paper jammed")


async def test_a_child_makes_the_pdf() -> None:
    rendering = Rendering(Drawing(("room",)))
    made = await rendering.rendered(report(format=ReportFormat.PDF))
    assert sorted(made.pictures) == [0, 1]
    assert made.pdf == document(report(format=ReportFormat.PDF), made.pictures)
    await rendering.close()


async def test_what_is_rendered_once_goes_to_all() -> None:
    drawing = Drawing()
    rendering = Rendering(drawing, Papers())
    first = await rendering.rendered(report())
    assert await rendering.rendered(report()) == first
    assert len(drawing.asked) == 3
    notice, span = drawing.asked[0]
    assert (notice.title, notice.headline) == ("Orders (north)", "Orders (north) missed: 2,835 of 3,500 €")
    assert (notice.labels, notice.values["at_least"], span) == ({"region": "north"}, 3500.0, 7 * 86_400_000_000)
    await rendering.rendered(report(end=report().end + 1))
    assert len(drawing.asked) == 6


async def test_without_a_pdf_the_words_and_charts_go_out() -> None:
    made = await Rendering(Drawing(), Papers()).rendered(report(format=ReportFormat.PDF))
    assert (len(made.pictures), made.pdf) == (3, b"")


async def test_charts_that_are_late_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.reports.rendering._CHARTS_SECONDS", 0.05)
    made = await Rendering(Drawing(late=2), Papers()).rendered(report())
    assert sorted(made.pictures) == [0, 1]


async def test_there_are_only_so_many_charts() -> None:
    made = await Rendering(Drawing(), Papers()).rendered(large())
    assert sorted(made.pictures) == list(range(MOST_CHARTS))
