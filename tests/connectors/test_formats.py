"""Bytes into rows: what is no text anybody could store is refused here, not when it is stored."""

from __future__ import annotations

import pytest

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
