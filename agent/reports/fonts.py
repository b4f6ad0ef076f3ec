"""The fonts of a document: DejaVu, which comes with matplotlib and may be passed on, is embedded.

It lacks Chinese, Japanese and Korean; a font of this machine that has them is embedded, else those that readers of PDF
bring are named.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from xml.sax.saxutils import escape

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFError, TTFont

from agent.charts.typefaces import installed
from connectors.facts import plain

PLAIN, BOLD = "DejaVuSans", "DejaVuSans-Bold"
_HAN, _KANA, _HANGUL = "STSong-Light", "HeiseiKakuGo-W5", "HYSMyeongJo-Medium"
_RANGES = (
    (0x3040, 0x30FF, _KANA),
    (0x2E80, 0x9FFF, _HAN),
    (0xAC00, 0xD7AF, _HANGUL),
    (0xF900, 0xFAFF, _HAN),
    (0xFF00, 0xFFEF, _KANA),
)


@cache
def register() -> frozenset[int]:
    """Makes the fonts known, once; returns the characters that DejaVu has in plain and bold."""
    spec = find_spec("matplotlib")  # found, not imported
    if spec is None or spec.origin is None:
        raise OSError("the fonts that come with matplotlib are not there")
    folder = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"
    faces = [TTFont(name, str(folder / f"{name}.ttf")) for name in (PLAIN, BOLD)]
    for face in faces:
        pdfmetrics.registerFont(face)
    pdfmetrics.registerFontFamily(PLAIN, normal=PLAIN, bold=BOLD, italic=PLAIN, boldItalic=BOLD)
    for name in (_HAN, _KANA, _HANGUL):
        pdfmetrics.registerFont(UnicodeCIDFont(name))
    return frozenset(faces[0].face.charToGlyph) & frozenset(faces[1].face.charToGlyph)


def markup(text: str) -> str:
    """The text as reportlab's paragraphs read it: nothing in it is markup, each character in a font that has it."""
    pieces = []
    for font, chars in groupby(plain(text), _font_of):
        piece = escape("".join(chars))
        pieces.append(f'<font name="{font}">{piece}</font>' if font else piece)
    return "".join(pieces)


def _font_of(char: str) -> str:
    """The font of a character that DejaVu has not; empty for those it has, and for those nobody has."""
    code = ord(char)
    if code in register():
        return ""
    own = next((name for name, glyphs in _others() if code in glyphs), "")
    return own or next((font for low, high, font in _RANGES if low <= code <= high), "")


@cache
def _others() -> tuple[tuple[str, frozenset[int]], ...]:
    """The fonts of this machine with the characters they have; those whose outlines are CFF can not be embedded."""
    found = []
    for path in installed():
        with suppress(TTFError, OSError):
            face = TTFont(path.stem, str(path))
            pdfmetrics.registerFont(face)
            found.append((face.fontName, frozenset(face.face.charToGlyph)))
    return tuple(found)
