"""Reports for the one who asked: the words at once, charts and PDF as a direct message, or for all into the channel."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import structlog

from agent.reports.rendering import Rendered
from agent.runtime import Unknown
from agent.slack.names import exact, near
from agent.slack.replies import Reply, cut, lines
from agent.slack.visit import Visit, until
from connectors.base import ConnectorError, ReportSending
from connectors.facts import shortened
from connectors.report_message import file_name, left_out, line, mark, period, sections
from rules.model import Report, ReportFormat

log = structlog.get_logger()

_MOST = 30
_MOST_FILES = 10
_NOT_THERE = frozenset({"not_in_channel", "channel_not_found"})
_UNTIL = 20.0  # seconds for what follows the words


async def report(visit: Visit) -> Reply:
    """`report [name]`: one as it is now, or which there are. Nobody else is sent it, and no schedule is disturbed."""
    wanted = visit.asked.rest()
    if not wanted:
        return _listed(visit)
    entries = [one.entry for one in visit.runtime.reporter.reports()]
    known = {**{one.title: one.name for one in entries}, **{one.name: one.name for one in entries}}
    meant = exact(wanted, known)
    name = known.get(meant or near(wanted, known) or "")
    if name is None:
        return lines(f"There is no report {wanted!r}. {visit.hint('report')} lists what there is.")
    before = [] if meant else [f"There is no report {wanted!r}; this is {name}."]
    try:
        made = await visit.runtime.report(name)
    except Unknown:  # a reload took it away in between
        return lines(f"There is no report {wanted!r} any more.")
    reply = Reply([*before, *_words(made)], title=made.title)
    return _followed(visit, made, reply)


def _listed(visit: Visit) -> Reply:
    found = [
        f"{one.entry.name} · {one.entry.title} · next {until(visit, one.next_at)} to {', '.join(one.entry.to)}: "
        f"{visit.hint(f'report {one.entry.name}')}"
        for one in visit.runtime.reporter.reports()
    ]
    return Reply(cut(found, _MOST), title="Reports") if found else lines("There are no reports.")


def _words(made: Report) -> Iterator[str]:
    yield period(made)
    yield made.summary
    yield from cut((f"{mark(row)} {line(row)}" for row in made.rows), _MOST)
    yield from left_out(made)
    for part in sections(made):
        yield f"{part.title}:"
        yield from (f"• {text}" for text in cut(part.lines, _MOST))


def _followed(visit: Visit, made: Report, reply: Reply) -> Reply:
    """The reply with charts or PDF to follow, where they can be sent."""
    if not visit.api.usable or not made.rows:
        return reply
    what = "PDF comes" if made.format is ReportFormat.PDF else "charts come"
    said = reply.lines if visit.asked.public else [*reply.lines, f"The {what} as a direct message."]

    async def later() -> Reply | None:
        return await _sent(visit, made)

    return replace(reply, lines=said, later=later)


async def _sent(visit: Visit, made: Report) -> Reply | None:
    """Sends charts or PDF; returns what is left to say."""
    found = await visit.runtime.reporter.rendering.rendered(made)
    if not found.pdf and made.format is ReportFormat.PDF:
        return lines("The PDF could not be made.")
    if not found.pdf and not found.pictures:
        return lines("There was nothing to draw.")
    try:
        if visit.asked.public:
            await _to_all(visit, made, found)
        else:
            await _to_person(visit, made, found)
    except ConnectorError as error:
        log.warning("slack.report_not_sent", report=made.name, error=str(error))
        if visit.asked.public and getattr(error, "code", "") in _NOT_THERE:
            how = f"type /invite and the app's name here, or ask without public: {visit.hint(f'report {made.name}')}"
            return lines(f"Its charts could not be shown, because the app is not in this channel: {how}")
        return lines(f"What belongs to the report could not be sent: {error}")
    return None


async def _to_person(visit: Visit, made: Report, found: Rendered) -> None:
    """As a receiver gets it; a user's id as the channel opens the direct message."""
    from connectors.slack_report import Ways, post_report

    ways = Ways(visit.api.in_time, visit.api.upload, visit.api.pause, asyncio.get_running_loop().time() + _UNTIL)
    key = f"asked {made.name} {made.end}"
    await post_report(ways, visit.person.id, ReportSending(made, "", key, 1, found.pictures, found.pdf))


async def _to_all(visit: Visit, made: Report, found: Rendered) -> None:
    """The words are in the channel already."""
    if found.pdf:
        files = [{"file": found.pdf, "filename": file_name(made), "title": shortened(made.title, 200)}]
    else:
        files = [
            {"file": png, "filename": f"chart-{place + 1}.png", "title": shortened(line(made.rows[place]), 200)}
            for place, png in list(found.pictures.items())[:_MOST_FILES]
        ]
    await visit.api.in_time("files_upload_v2", channel=visit.channel, file_uploads=files)
