"""Configurations that explode, go round in circles or are none: refused at once, with their place."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from agent.config.document import MOST_ERRORS
from agent.config.errors import ConfigErrors
from agent.config.load import load


def refused(tmp_path: Path, text: str | bytes) -> list[str]:
    file = tmp_path / "setpoint.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    began = time.process_time()
    with pytest.raises(ConfigErrors) as caught:
        load(file, {})
    assert time.process_time() - began < 10  # a tenth of a second by itself; what explodes never ends
    return [str(error).replace(f"{tmp_path}/", "") for error in caught.value.errors]


TENS = "".join(f"b{i}: &b{i} [{','.join(['*' + (f'b{i - 1}' if i else 'a')] * 10)}]\n" for i in range(9))
PLACED = {
    "bomb": "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + TENS,
    "circle": "targets: &t\n  a: *t\n",
    "circle in a body": "actions:\n  x:\n    type: webhook\n    url: http://h/\n    json: &j\n      a: [*j]\n",
    "deep": "a: " + "[" * 100_000,
    "deep blocks": "".join(" " * i + f"k{i}:\n" for i in range(500)),
    "twice": "sources: {}\nsources: {}\n",
    "python": "a: !!python/object/apply:os.system ['true']\n",
    "binary": "sources: !!binary aGVsbG8=\n",
    "merge key": "sources: {<<: {}}\n",
    "no text": b"sources:\n  a: \xff\n",
    "half a text": b'sources:\n  a: "\xc3\x28"\n',
    "nul": b"sources:\n  a\0: b\n",
    "two documents": "sources: {}\n---\nsources: {}\n",
    "tab": "sources:\n\ta: b\n",
    "slow pattern": "route: {receiver: console, routes: [{receiver: console, matchers: ['a=~\"(a+)+$\"']}]}\n",
    "deep path": "sources: {a: {type: http, url: 'http://h/', readings: [{series: v, value: '" + "[" * 900 + "'}]}}\n",
    "long path": "sources: {a: {type: http, url: 'http://h/', readings: [{series: v, value: '"
    + "a|" * 900
    + "a'}]}}\n",
}


@pytest.mark.parametrize("text", PLACED.values(), ids=PLACED)
def test_what_explodes_is_refused_at_once_with_its_place(tmp_path: Path, text: str | bytes) -> None:
    first = refused(tmp_path, text)[0]
    name, line, column, _ = first.split(":", 3)
    assert name == "setpoint.yaml"
    assert int(line) >= 1
    assert int(column) >= 1


def test_what_is_no_text_is_said_where_it_stands(tmp_path: Path) -> None:
    assert refused(tmp_path, b"sources:\n  a: \xff\n") == [
        "setpoint.yaml:2:6: is not a text in UTF-8: invalid leading UTF-8 octet"
    ]


def test_a_file_is_read_as_far_as_it_may_be_large(tmp_path: Path) -> None:
    assert refused(tmp_path, b"#" * 10_000_001) == ["setpoint.yaml: is larger than 10000000 bytes"]
    endless = tmp_path / "endless.yaml"
    endless.symlink_to("/dev/zero")
    with pytest.raises(ConfigErrors, match="is larger than"):
        load(endless, {})


def test_nobody_reads_a_thousand_mistakes(tmp_path: Path) -> None:
    assert len(refused(tmp_path, "".join(f"t{number}: {{}}\n" for number in range(5_000)))) == MOST_ERRORS
    assert len(refused(tmp_path, "targets:\n" + "".join(f"  t{n}: {{}}\n" for n in range(2_000)))) == MOST_ERRORS


def test_a_key_moves_no_cursor(tmp_path: Path) -> None:
    said = "\n".join(refused(tmp_path, 'sources:\n  "a\\e[2J\\x9b": {type: http}\n'))
    assert "\x1b" not in said
    assert "\x9b" not in said
    assert "sources.a\\x1b[2J\\x9b" in said


@pytest.mark.parametrize("kind", ["device", "pipe", "folder", "large", "none"])
def test_a_file_of_a_secret_is_a_small_ordinary_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "secret"
    if kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "large":
        path.write_bytes(b"x" * 64_001)
    text = "sources: {a: {type: sql, url_file: secret, query: select 1, readings: [{series: v, value: v}]}}\n"
    (said,) = [line for line in refused(tmp_path, text) if "url_file" in line]
    assert "setpoint.yaml:1:36: sources.a.url_file: can't read 'secret': " in said
