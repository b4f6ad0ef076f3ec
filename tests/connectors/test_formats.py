"""Bytes into rows: what is no text anybody could store is refused here, not when it is stored."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from connectors.extract import Table
from connectors.formats import parse_csv, parse_json, parse_ndjson


def test_a_label_that_is_no_unicode_is_no_json_also_beside_a_nan() -> None:
    for body in (b'{"v": 1, "room": "\\ud800"}', b'{"v": NaN, "room": "\\ud800"}'):
        with pytest.raises(ValueError, match="is not JSON"):
            parse_json(body)
        (row,) = parse_ndjson(body).answer
        assert "is not JSON" in row.reason


def test_what_no_strict_parser_takes_is_still_read() -> None:
    assert parse_json(b'{"v": NaN, "big": 123456789012345678901234567890, "room": "\\u00e9"}').answer["room"] == "é"


@pytest.mark.parametrize(("charset", "body"), [("unicode_escape", b"room,v\n\\ud800,1"), ("utf-7", b"room,v\n+2AA-,1")])
def test_a_charset_that_can_write_half_a_character_does_not_smuggle_it_in(charset: str, body: bytes) -> None:
    with pytest.raises(ValueError, match="is not text"):
        parse_csv(body, charset)


@pytest.mark.parametrize(
    "body",
    [b"[" + b"{}," * 1_000_001 + b"{}]", b"[" + b"[]," * 600_000 + b"[]]", b"[NaN," + b"0," * 1_000_001 + b"0]"],
    ids=["objects", "lists", "numbers"],
)
def test_few_bytes_make_no_million_values(body: bytes) -> None:
    with pytest.raises(ValueError, match="more than 1,000,000 values"):
        parse_json(body)


@pytest.mark.parametrize("parse", [parse_csv, parse_ndjson])
@pytest.mark.parametrize("rows", [b"1\n", b"\n", b"1\r"])
def test_few_bytes_make_no_million_rows(parse: Callable[[bytes], Table], rows: bytes) -> None:
    if parse is parse_ndjson and rows == b"1\r":
        return  # one line, which is no JSON
    with pytest.raises(ValueError, match=r"more than 1,000,000 values"):
        parse(b"v\n" * (rows != b"1\r") + rows * 1_000_001)


@pytest.mark.parametrize("body", [b"[" * 100_000, b"[NaN," * 100_000, b'{"a":' * 100_000 + b"NaN"])
def test_deep_json_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="is not JSON"):
        parse_json(body)


def test_nan_and_infinity_are_read_where_they_are_values_only() -> None:
    body = rb'[{"NaN": "NaN \" Infinity", "v": NaN}, {"v": -Infinity}, {"v": Infinity, "w": "\\"}]'
    assert parse_json(body).answer == [
        {"NaN": 'NaN " Infinity', "v": None},
        {"v": "-Infinity"},
        {"v": "Infinity", "w": "\\"},
    ]
    for wrong in (b"[NaNs]", b"[Inf, NaN]", b"NaN NaN", b'["NaN]', b"[--Infinity]"):
        with pytest.raises(ValueError, match="is not JSON"):
            parse_json(wrong)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"day,v,v\n1,2,3\n", "has two columns named 'v', the 2. and the 3."),
        (b'day,v\n1,2\n2,"3\n3,4\n4,5\n', "is not CSV after line 2: unexpected end of data"),
        (b'day,v\n1,2\n2,"3"4\n', "is not CSV after line 2: ',' expected after '\"'"),
    ],
)
def test_a_csv_that_says_two_things_is_an_error(body: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        parse_csv(body)


def test_columns_without_a_name_may_be_several() -> None:
    assert parse_csv(b'day,,v,\n1,x,2,y\n3,"two\nlines",4,\n').answer == [
        {"day": "1", "": "y", "v": "2"},
        {"day": "3", "": "", "v": "4"},
    ]
