"""Writes notices to standard output, for when nothing else is configured."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from connectors import fields
from connectors.base import ReportSending, Sending, Services, Unreachable
from connectors.facts import facts, links, listed, moment, plain, reasons, remarks, status_word
from connectors.report_message import text_of
from rules.model import Notice

_BOLD, _GREY, _END = "\x1b[1m", "\x1b[2m", "\x1b[0m"
_PAINT = {"resolved": "\x1b[32m", "critical": "\x1b[31m", "error": "\x1b[31m"}
_INDENT = "    "
_MOST_LISTED = 50


class ConsoleConfig(fields.Config):
    """`{type: console}`."""

    type: Literal["console"]


class ConsoleNotifier:
    """A few lines for each notice, in one write; colour on a terminal only."""

    Config = ConsoleConfig
    wants_chart: ClassVar[bool] = False
    wants_updates: ClassVar[bool] = True

    def __init__(self, config: ConsoleConfig | None, services: Services) -> None:
        pass

    async def send(self, sending: Sending) -> Mapping[str, Any] | None:
        """Writes the notice. Raises Unreachable when nobody reads standard output any more."""
        await _print(layout(sending.notice, colour=sys.stdout.isatty()))
        return None

    async def report(self, sending: ReportSending) -> None:
        """Writes a report. Raises Unreachable."""
        await _print(f"{text_of(sending.report)}\n")

    async def close(self) -> None:
        """Nothing is held open."""


def layout(notice: Notice, *, colour: bool = False) -> str:
    """The notice as lines, the last one empty."""
    paint = _PAINT.get("resolved" if notice.status == "resolved" else notice.severity, "\x1b[33m")
    start, bold, grey, end = (paint, _BOLD, _GREY, _END) if colour else ("", "", "", "")
    word = status_word(notice).upper()
    named = f"{plain(notice.alert)} -> {plain(notice.receiver)}" if notice.receiver else plain(notice.alert)
    lines = [
        f"{start}{bold}{word}{end} {bold}{plain(notice.headline) or plain(notice.title)}{end}",
        f"{_INDENT}{grey}{moment(notice.at, notice.zone)}  {named}{end}",
    ]
    lines += [f"{_INDENT}{line}" for line in listed(notice, _MOST_LISTED, marked=False)]
    pairs = [*facts(notice), *links(notice)]
    width = max((len(label) for label, _ in pairs), default=0)
    lines += [f"{_INDENT}{grey}{label:<{width}}{end}  {text}" for label, text in pairs]
    lines += [f"{_INDENT}{text}" for text in remarks(notice)]
    lines += [f"{_INDENT}{grey}{text}{end}" for text in reasons(notice)]
    return "\n".join(lines) + "\n\n"


async def _print(text: str) -> None:
    try:
        import asyncio  # late: a test and a check of the configuration import this, and need no loop

        await asyncio.to_thread(_write, text)  # a reader that stops reading must not stop the daemon
    except (OSError, ValueError) as error:  # ValueError: closed
        raise Unreachable(f"standard output can't be written: {error}") from None


def _write(text: str) -> None:
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    sys.stdout.write(text.encode(encoding, errors="replace").decode(encoding))
    sys.stdout.flush()
