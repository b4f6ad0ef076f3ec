"""A Slack message as a picture, drawn as Slack shows it, with the chart in it."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from agent.demo.slack_view import Part, parts

_WIDTH, _PAD, _LEFT = 1400, 48, 148  # pixels; two of them are one of Slack's
_INK, _SOFT, _RULE, _BADGE = "#1D1C1D", "#616061", "#DDDDDD", "#E8E8E8"
_EDGE = "#BBBBBB"
_BUTTONS = {"primary": ("#007A5A", "white"), "danger": ("#E01E5A", "white")}
_DOTS = {"🔴": "#D92D20", "🟠": "#E8830C", "🔵": "#1F6FEB", "✅": "#2E7D32"}


@lru_cache
def _font(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """The typeface that comes with matplotlib, so that the picture is the same on every machine."""
    spec = find_spec("matplotlib")
    if spec is None or spec.origin is None:
        raise RuntimeError("matplotlib is not installed")
    folder = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"
    return ImageFont.truetype(str(folder / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf")), size)


def _wrapped(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    rows: list[str] = []
    for line in text.splitlines():
        rows.append("")
        for word in line.split():
            longer = f"{rows[-1]} {word}".strip()
            if rows[-1] and font.getlength(longer) > width:
                rows.append(word)
            else:
                rows[-1] = longer
    return rows


class _Page:
    """A page that grows downwards; `y` is where the next part begins."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.image = Image.new("RGB", (_WIDTH, 4000), "white")
        self.draw = ImageDraw.Draw(self.image)
        self.files = files
        self.y = _PAD

    def text(self, words: str, size: int, color: str = _INK, *, bold: bool = False) -> None:
        """Text from the left edge, wrapped; a sign before it is drawn as a dot."""
        font, left = _font(size, bold=bold), _LEFT
        sign = next((sign for sign in _DOTS if words.startswith(sign)), "")
        if sign:
            self.draw.ellipse((left, self.y + 4, left + size - 4, self.y + size), fill=_DOTS[sign])
            words, left = words.removeprefix(sign).strip(), left + size + 12
        for line in _wrapped(words, font, _WIDTH - _PAD - left):
            self.draw.text((left, self.y), line, font=font, fill=color)
            self.y += round(size * 1.45)

    def fields(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Labels and texts in two columns."""
        column = (_WIDTH - _LEFT - _PAD) // 2
        for index in range(0, len(pairs), 2):
            tallest = 0
            for place, (label, text) in enumerate(pairs[index : index + 2]):
                x = _LEFT + place * column
                self.draw.text((x, self.y), label, font=_font(26, bold=True), fill=_INK)
                rows = _wrapped(text, _font(26), column - 20)
                for row, words in enumerate(rows):
                    self.draw.text((x, self.y + 38 + row * 36), words, font=_font(26), fill=_INK)
                tallest = max(tallest, 38 + len(rows) * 36)
            self.y += tallest + 14

    def buttons(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Buttons and menus in a row."""
        x, font = _LEFT, _font(24, bold=True)
        for style, words in pairs:
            fill, ink = _BUTTONS.get(style, ("white", _INK))
            width = int(font.getlength(words)) + (80 if style == "menu" else 44)
            box = (x, self.y, x + width, self.y + 56)
            self.draw.rounded_rectangle(box, radius=10, fill=fill, outline=_EDGE if ink == _INK else fill, width=2)
            self.draw.text((x + 22, self.y + 28), words, font=font, fill=ink, anchor="lm")
            if style == "menu":
                tip = x + width - 32
                self.draw.polygon([(tip - 9, self.y + 24), (tip + 9, self.y + 24), (tip, self.y + 35)], fill=_SOFT)
            x += width + 16
        self.y += 66

    def picture(self, content: bytes) -> None:
        """A picture as wide as the message."""
        chart = Image.open(io.BytesIO(content)).convert("RGB")
        width = _WIDTH - _LEFT - _PAD
        chart = chart.resize((width, chart.height * width // chart.width), Image.Resampling.LANCZOS)
        self.image.paste(chart, (_LEFT, self.y))
        self.draw.rounded_rectangle(
            (_LEFT, self.y, _LEFT + width, self.y + chart.height), radius=12, outline=_RULE, width=2
        )
        self.y += chart.height + 14

    def part(self, part: Part) -> None:
        """One part of the message."""
        if part.kind == "header":
            self.text(part.text, 34, bold=True)
        elif part.kind == "fields":
            self.fields(part.fields)
        elif part.kind == "buttons":
            self.buttons(part.fields)
        elif part.kind == "image" and self.files.get(part.file):
            self.picture(self.files[part.file])
        else:
            self.text(part.text, 22 if part.kind == "context" else 26, _SOFT if part.kind == "context" else _INK)
        self.y += 10


def message_png(channel: str, when: str, blocks: Sequence[dict[str, Any]], files: Mapping[str, bytes]) -> bytes:
    """The message with its channel above it, as PNG; `files` are the uploaded pictures by id."""
    page = _Page(files)
    draw = page.draw
    draw.text((_PAD, page.y), f"# {channel}", font=_font(34, bold=True), fill=_INK)
    page.y += 70
    draw.line((0, page.y, _WIDTH, page.y), fill=_RULE, width=2)
    page.y += 34
    draw.rounded_rectangle((_PAD, page.y, _PAD + 72, page.y + 72), radius=16, fill="#0072B2")
    draw.text((_PAD + 36, page.y + 36), "S", font=_font(42, bold=True), fill="white", anchor="mm")
    draw.text((_LEFT, page.y), "Setpoint", font=_font(28, bold=True), fill=_INK)
    x = _LEFT + int(_font(28, bold=True).getlength("Setpoint")) + 14
    draw.rounded_rectangle((x, page.y + 4, x + 54, page.y + 32), radius=5, fill=_BADGE)
    draw.text((x + 27, page.y + 18), "APP", font=_font(17, bold=True), fill=_SOFT, anchor="mm")
    draw.text((x + 68, page.y + 5), when, font=_font(22), fill=_SOFT)
    page.y += 52
    for part in parts(blocks):
        page.part(part)
    out = io.BytesIO()
    page.image.crop((0, 0, _WIDTH, page.y + _PAD - 20)).save(out, format="png")
    return out.getvalue()
