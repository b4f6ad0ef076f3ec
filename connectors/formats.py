"""From the bytes of an answer or a file to rows: JSON, NDJSON, CSV."""

from __future__ import annotations

import codecs
import csv
import io
import json
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


def parse_json(body: bytes, charset: str = "") -> Table:
    """A JSON document. Also takes NaN and Infinity, which are no JSON but are sent. Raises ValueError."""
    if not body.strip():
        raise ValueError("is empty")
    if charset.lower() not in _UTF8 or body[:1] in b"\xef\xff\xfe\x00":
        body = decode(body, charset).encode()
    return Table(_loads(body))


def _loads(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if b"NaN" not in body and b"Infinity" not in body:
            raise ValueError(f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    try:
        found = json.loads(body)
        json.dumps(found, ensure_ascii=False).encode()  # half a character, which orjson refuses, can't be stored
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is not JSON: {error}") from None
    return found


def parse_ndjson(body: bytes) -> Table:
    """A list with the document of every line; a line that is no JSON becomes a BadRow. Raises ValueError."""
    rows: list[Any] = []
    for line in decode(body).splitlines():
        if line.strip():
            try:
                rows.append(_loads(line.encode()))
            except ValueError as error:
                rows.append(BadRow(str(error)))
    return Table(rows)


def parse_csv(body: bytes, charset: str = "", delimiter: str | None = None) -> Table:
    """The rows of a CSV text (RFC 4180) as dicts by the names in its first row. Raises ValueError.

    Without `delimiter` it is the one of comma, semicolon, tab and bar that divides the first row into most cells.
    """
    header, rows = csv_rows(body, charset, delimiter)
    return Table([_row(header, cells) for cells in rows], tuple(name for name in header if name))


def csv_rows(body: bytes, charset: str = "", delimiter: str | None = None) -> tuple[list[str], Iterator[list[str]]]:
    """The names in the first row of a CSV text, and the cells of each other row that has any. Both raise ValueError."""
    text = decode(body, charset).lstrip("\r\n")
    if not text.strip():
        raise ValueError("is empty")
    rows = _cells(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter or _delimiter(text)))
    return [name.strip() for name in next(rows)], filter(any, rows)


def _cells(reader: Any) -> Iterator[list[str]]:
    line = 0
    try:
        for cells in reader:
            line = reader.line_num
            yield cells
    except csv.Error as error:
        raise ValueError(f"is not CSV after line {line}: {error}") from None


def too_many(header: list[str], cells: list[str]) -> str:
    """What is wrong with a row that has cells beyond the first row's; empty where it has none."""
    if len(cells) > len(header) and any(cells[len(header) :]):
        return f"it has {len(cells)} cells where the first row has {len(header)}"
    return ""


def _row(header: list[str], cells: list[str]) -> dict[str, str] | BadRow:
    if len(cells) != len(header) and (reason := too_many(header, cells)):
        return BadRow(reason)
    return dict(zip(header, cells, strict=False))


def _delimiter(text: str) -> str:
    first = text[:65536].splitlines()[0]
    return max(_DELIMITERS, key=lambda sign: len(next(csv.reader([first], delimiter=sign))))
