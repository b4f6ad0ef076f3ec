from __future__ import annotations

import io
import sys

import pytest

from connectors.base import Unreachable
from connectors.notifiers.console import ConsoleNotifier, layout
from tests.connectors.notifiers import kit


class Stream(io.StringIO):
    """Standard output that counts writes."""

    def __init__(self, terminal=False, encoding="utf-8"):
        super().__init__()
        self.writes = 0
        self.terminal = terminal
        self.named = encoding

    @property
    def encoding(self):
        return self.named

    def isatty(self):
        return self.terminal

    def write(self, text):
        self.writes += 1
        return super().write(text)


def use(monkeypatch, **how):
    stream = Stream(**how)
    monkeypatch.setattr(sys, "stdout", stream)
    return stream


async def test_lines_hold_the_numbers_that_matter_in_one_write(monkeypatch, services):
    out = use(monkeypatch)
    await ConsoleNotifier(None, services).send(kit.sending())
    assert out.writes == 1
    lines = out.getvalue().splitlines()
    assert lines[0] == "FIRING Unique visitors behind: 6,214 of 10,000, needs 412 a day, projected 8,950"
    assert lines[1] == "    2026-05-05 18:53 CEST  behind -> growth"
    told = dict(line.strip().split("  ", 1) for line in lines[2:12])
    assert {name: text.strip() for name, text in told.items()} == {
        "Value": "6,214",
        "Goal": "at least 10,000",
        "Progress": "62 %",
        "Expected by now": "7,123 (87 % of it reached)",
        "Required rate": "412 a day",
        "Projection": "8,950 (80 % likely 8,102 to 9,801)",
        "Period": "2026-05-01 to 2026-05-31",
        "Since": "2026-05-05 18:53 CEST",
        "Severity": "warning",
        "Labels": "site=www",
    }
    assert "https://wiki.example.com/behind?a=1&b=2" in out.getvalue()
    assert "Ask growth" in out.getvalue()
    assert "Taken by Ann at 18:53" in out.getvalue()


async def test_colour_on_a_terminal_only(monkeypatch, services):
    plain, terminal = use(monkeypatch), None
    await ConsoleNotifier(None, services).send(kit.sending())
    terminal = use(monkeypatch, terminal=True)
    await ConsoleNotifier(None, services).send(kit.sending())
    assert "\x1b" not in plain.getvalue()
    assert "\x1b[" in terminal.getvalue()


async def test_what_the_encoding_lacks_is_replaced(monkeypatch, services):
    out = use(monkeypatch, encoding="ascii")
    await ConsoleNotifier(None, services).send(kit.sending(kit.notice(headline="Raum 3 ist zu heiß: 25 °C")))
    assert "zu hei?: 25 ?C" in out.getvalue()


@pytest.mark.parametrize("of", kit.ALL_REASONS, ids=lambda n: n.reason)
def test_every_reason_is_said(of):
    assert layout(of).startswith(f"{of.reason.upper()} {of.headline}\n")


def test_nothing_from_outside_moves_the_cursor():
    text = layout(kit.notice(headline=kit.HOSTILE, labels={"a": kit.HOSTILE}, annotations={"b": kit.HOSTILE}))
    assert not {"\x1b", "\r", "\u202e"} & set(text)
    assert len(text.splitlines()) < 20


async def test_a_closed_output_is_an_error_to_try_again(monkeypatch, services):
    out = use(monkeypatch)
    out.close()
    error = await kit.refusal(ConsoleNotifier(None, services), kit.sending())
    assert isinstance(error, Unreachable)
