"""From the bytes of an answer or a file to rows: JSON, NDJSON, CSV.

Bytes alone do not bound what is made of them: three of them make an empty object of 64. So the values are counted
before any is made. Where a library would go through all of a large body in one go, and keep the event loop waiting
although it works in a thread, it is given line after line.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from connectors.extract import BadRow, Table

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DELIMITERS = ",;\t|"
_CHARSET = re.compile(r"charset=[\"']?([\w.:-]+)", re.IGNORECASE)
_UTF8 = frozenset({"", "utf-8", "utf8", "us-ascii", "ascii"})
_NO_JSON = re.compile(rb'"(?:[^"\\]|\\.)*+"|NaN|-?Infinity')
_PIECE = 1_000_000  # bytes that are looked at in one go
MOST_VALUES = 1_000_000
"""Values in one answer or file of a source: 300,000 rows of a time, a label and a number. None is no bound, for what
somebody gives a command by hand."""


def charset_of(headers: Mapping[str, str]) -> str:
    """The charset a `Content-Type` names, else an empty text. Names are looked up as they are and in lower case."""
    match = _CHARSET.search(headers.get("Content-Type") or headers.get("content-type") or "")
    return match[1] if match else ""


def decode(body: bytes, charset: str = "") -> str:
    """The text of some bytes: by their byte order mark, else in `charset`, else UTF-8. Raises ValueError."""
    for mark, name in _BOMS:
        if body.startswith(mark):
            charset = name
            break
    try:
        text = body.decode(charset or "utf-8")
        if charset.lower() not in _UTF8:
            text.encode()  # some charsets can write half a character, which can't be stored
    except LookupError:
        return decode(body)
    except UnicodeError:
        raise ValueError(f"is not text in {(charset or 'utf-8').upper()}") from None
    return text


def parse_json(body: bytes, charset: str = "", most: int | None = MOST_VALUES) -> Table:
    """A JSON document of at most so many values. Also takes NaN and Infinity, which are no JSON but are sent.

    Raises ValueError.
    """
    if not body or body.isspace():
        raise ValueError("is empty")
    body = _in_utf8(body, charset)
    _check_few(body, most, b",", b"[", b"{")
    return Table(_loads(body))


def _in_utf8(body: bytes, charset: str = "") -> bytes:
    if charset.lower() in _UTF8 and body[:1] not in {b"\xef", b"\xff", b"\xfe", b"\x00"}:
        return body
    return decode(body, charset).encode()


def _check_few(body: bytes, most: int | None, *signs: bytes) -> None:
    """Counts a sign inside a text too, which is rare, and costs a hundredth of reading it."""
    if most is None or len(body) <= most:
        return
    found = 0
    for at in range(0, len(body), _PIECE):
        piece = body[at : at + _PIECE]
        found += sum(map(piece.count, signs))
        if found > most:
            raise ValueError(f"has more than {most:,} values; ask for less at once")


def _loads(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if b"NaN" not in body and b"Infinity" not in body:
            raise _no_json(error) from None
    try:
        return orjson.loads(_NO_JSON.sub(_as_json, body))
    except orjson.JSONDecodeError as error:
        raise _no_json(error) from None


def _no_json(error: orjson.JSONDecodeError) -> ValueError:
    return ValueError(f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}")


def _as_json(found: re.Match[bytes]) -> bytes:
    """NaN is no value; infinity stays what no target can have."""
    text = found[0]
    return text if text[:1] == b'"' else b"null" if text == b"NaN" else b'"%b"' % text


def parse_ndjson(body: bytes, most: int | None = MOST_VALUES) -> Table:
    """A list with the document of every line; a line that is no JSON becomes a BadRow. Raises ValueError."""
    body = _in_utf8(body)
    _check_few(body, most, b",", b"[", b"{", b"\n")
    rows: list[Any] = []
    for line in io.BytesIO(body):
        if line.strip():
            try:
                rows.append(_loads(line))
            except ValueError as error:
                rows.append(BadRow(str(error)))
    return Table(rows)


def parse_csv(body: bytes, charset: str = "", delimiter: str | None = None, most: int | None = MOST_VALUES) -> Table:
    """The rows of a CSV text (RFC 4180) as dicts by the names in its first row. Raises ValueError.

    Without `delimiter` it is the one of comma, semicolon, tab and bar that divides the first row into most cells.
    """
    header, rows = csv_rows(body, charset, delimiter, most)
    return Table([_row(header, cells) for cells in rows], tuple(name for name in header if name))


def csv_rows(
    body: bytes, charset: str = "", delimiter: str | None = None, most: int | None = MOST_VALUES
) -> tuple[list[str], Iterator[list[str]]]:
    """The names in the first row of a CSV text, and the cells of each other row that has any. Both raise ValueError."""
    body = _in_utf8(body, charset).lstrip(b"\r\n")
    if not body or body.isspace():
        raise ValueError("is empty")
    sign = delimiter or _delimiter(body)
    _check_few(body, most, sign.encode(), b"\n" if b"\n" in body else b"\r")
    rows = _cells(csv.reader(io.TextIOWrapper(io.BytesIO(body), "utf-8", newline=""), delimiter=sign, strict=True))
    return _names(next(rows)), filter(any, rows)


def _names(cells: list[str]) -> list[str]:
    names = [name.strip() for name in cells]
    places: dict[str, int] = {}
    for place, name in enumerate(names, 1):
        if name and places.setdefault(name, place) != place:
            raise ValueError(f"has two columns named {name!r}, the {places[name]}. and the {place}.")
    return names


def _cells(reader: Any) -> Iterator[list[str]]:
    line = 0
    try:
        for cells in reader:
            line = reader.line_num
            yield cells
    except csv.Error as error:
        raise ValueError(f"is not CSV after line {line}: {error}") from None
    except UnicodeError:
        raise ValueError("is not text in UTF-8") from None


def too_many(header: list[str], cells: list[str]) -> str:
    """What is wrong with a row that has cells beyond the first row's; empty where it has none."""
    if len(cells) > len(header) and any(cells[len(header) :]):
        return f"it has {len(cells)} cells where the first row has {len(header)}"
    return ""


def _row(header: list[str], cells: list[str]) -> dict[str, str] | BadRow:
    if len(cells) != len(header) and (reason := too_many(header, cells)):
        return BadRow(reason)
    return dict(zip(header, cells, strict=False))


def _delimiter(body: bytes) -> str:
    first = body[:65536].decode(errors="replace").splitlines()[0]
    return max(_DELIMITERS, key=lambda sign: len(next(csv.reader([first], delimiter=sign))))
