"""A report in Slack: one message within Slack's limits, its charts in it, or the PDF in its thread.

Limits as in `slack_message`; sources: https://docs.slack.dev/reference/methods/files.getUploadURLExternal and
https://docs.slack.dev/reference/methods/files.completeUploadExternal
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from connectors.base import ConnectorError, ReportSending
from connectors.facts import plain, shortened
from connectors.report_message import file_name, left_out, line, mark, period, sections
from connectors.slack_picture import once_more, when_taken_in
from connectors.slack_text import Block, escape, mrkdwn, plain_text, section
from rules.model import Report, ReportRow

_log = structlog.get_logger(__name__)

_ROWS = 20
_IN_SECTION = 5
_ROW = 250  # characters of one row; five are a section, twenty leave room within 12,000 for the rest
_LINES = 10  # of each section of what happened
_LINE = 150
_PICTURES = 10


@dataclass(frozen=True, slots=True)
class Ways:
    """`call` calls a method of slack-sdk's client by its name, `upload(address, content)` puts a file where Slack said.

    Both raise ConnectorError. `pause` lets seconds pass. What follows the words has to be there `until` (of the event
    loop's time).
    """

    call: Callable[..., Awaitable[Any]]
    upload: Callable[[str, bytes], Awaitable[None]]
    pause: Callable[[float], Awaitable[None]]
    until: float


def report_message(report: Report, files: Sequence[tuple[str, str]] = ()) -> dict[str, Any]:
    """The arguments `text` and `blocks`. `files` are the charts at Slack: (id, words)."""
    title = shortened(f"📊 {plain(report.title)}", 150)
    blocks: list[Block] = [
        {"type": "header", "text": plain_text(title, 150)},
        _context(period(report)),
        section(escape(plain(report.summary), 1_500)),
    ]
    rows = [f"{mark(row)} {escape(line(row), _ROW)}" for row in _shown(report.rows)]
    blocks += [section("\n".join(rows[at : at + _IN_SECTION])) for at in range(0, len(rows), _IN_SECTION)]
    more = [f"and {len(report.rows) - _ROWS:,} more"] if len(report.rows) > _ROWS else []
    if said := [*more, *left_out(report)][:_LINES]:
        blocks.append(_context("\n".join(escape(text, _LINE) for text in said)))
    for part in sections(report):
        lines = [f"• {escape(text, _LINE)}" for text in part.lines[:_LINES]]
        lines += [f"and {len(part.lines) - _LINES:,} more"] if len(part.lines) > _LINES else []
        blocks.append(section("\n".join([f"*{part.title}*", *lines])))
    blocks += [
        {"type": "image", "slack_file": {"id": name}, "alt_text": shortened(words, 300)} for name, words in files
    ]
    blocks.append(_context(f"report {escape(plain(report.name), 100)}"))
    return {"text": escape(f"{title}: {plain(report.summary)}", 1_000), "blocks": blocks}


def _shown(rows: Sequence[ReportRow]) -> list[ReportRow]:
    """As many as fit, in their order: the first of each target before more of one that has many."""
    first = {row.target: place for place, row in reversed(list(enumerate(rows)))}
    places = [*sorted(first.values()), *(place for place in range(len(rows)) if place not in first.values())]
    return [rows[place] for place in sorted(places[:_ROWS])]


def _context(text: str) -> Block:
    return {"type": "context", "elements": [mrkdwn(text)]}


async def post_report(ways: Ways, channel: str, sending: ReportSending) -> None:
    """Posts the report. Raises ConnectorError.

    The PDF is uploaded before the message is posted: what fails then is tried again without a second message. What
    fails afterwards, or is late, is logged, since the words have arrived.
    """
    report = sending.report
    document = await _uploaded(ways, file_name(report), sending.pdf) if sending.pdf else None
    words = report_message(report)
    said = await ways.call("chat_postMessage", channel=channel, unfurl_links=False, unfurl_media=False, **words)
    address = {"channel": said["channel"], "ts": said["ts"]}
    error = ""
    try:
        async with asyncio.timeout_at(ways.until):
            if document is not None:
                files = [{"id": document, "title": shortened(plain(report.title), 200)}]
                await once_more(lambda: _share(ways, files, address))
            elif sending.pictures:
                await once_more(lambda: _show(ways, sending, address))
    except ConnectorError as refused:
        error = str(refused)
    except TimeoutError:
        error = "not there in time"
    if error:
        _log.warning("report not attached", receiver=sending.receiver, report=report.name, error=error)


async def _show(ways: Ways, sending: ReportSending, address: Mapping[str, str]) -> None:
    """Puts the charts into the message; into its thread where Slack is not ready to show them yet."""
    from connectors.slack_api import LAYOUT, SlackRefused

    report = sending.report
    chosen = list(sending.pictures.items())[:_PICTURES]
    words = [line(report.rows[place]) for place, _ in chosen]
    files = [(f"chart-{place + 1}.png", picture) for place, picture in chosen]
    ids = [await _uploaded(ways, name, picture) for name, picture in files]
    await _share(ways, _listed(ids, words), None)
    shown = report_message(report, list(zip(ids, words, strict=True)))
    try:
        await when_taken_in(lambda: ways.call("chat_update", **address, **shown), ways.pause, ways.until)
    except SlackRefused as error:
        if error.code not in LAYOUT:
            raise
        again = [await _uploaded(ways, name, picture) for name, picture in files]
        await _share(ways, _listed(again, words), address)


def _listed(ids: Sequence[str], words: Sequence[str]) -> list[dict[str, str]]:
    return [{"id": name, "title": shortened(said, 200)} for name, said in zip(ids, words, strict=True)]


async def _uploaded(ways: Ways, name: str, content: bytes) -> str:
    """The id of a file that is at Slack, to be completed."""
    said = await ways.call("files_getUploadURLExternal", filename=name, length=len(content))
    await ways.upload(said["upload_url"], content)
    return str(said["file_id"])


async def _share(ways: Ways, files: list[dict[str, str]], address: Mapping[str, str] | None) -> None:
    """Completes uploads, for use in blocks or in the thread of a message."""
    where = {"channel_id": address["channel"], "thread_ts": address["ts"]} if address else {}
    await ways.call("files_completeUploadExternal", files=files, **where)
