"""The chart of a target for the one who asked.

A file can't be shown in a message that one person sees, only in a direct message or for all
(https://github.com/slackapi/node-slack-sdk/issues/1790), so that is where the chart goes.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any

import structlog

from agent.sending.outgoing import drawable
from agent.slack.replies import Reply, lines
from agent.slack.visit import Visit
from connectors.base import ConnectorError
from connectors.facts import shortened
from connectors.slack_picture import when_taken_in
from rules.model import Notice

log = structlog.get_logger()

_COMES = "The chart comes as a direct message."
_NAME = "chart.png"
_UNTIL = 20.0  # seconds for the picture to be taken in


def charted(visit: Visit, notice: Notice, reply: Reply) -> Reply:
    """The reply with the chart to follow, where one can be drawn and sent."""
    if not visit.api.usable or not drawable(visit.runtime.config.targets[notice.target]):
        return reply
    said = reply.lines if visit.asked.public else [*reply.lines, _COMES]

    async def later() -> Reply | None:
        return await _sent(visit, notice, reply)

    return replace(reply, lines=said, later=later)


async def _sent(visit: Visit, notice: Notice, reply: Reply) -> Reply | None:
    """Sends the chart; returns what is left to say."""
    chart = await visit.runtime.chart(notice)
    if chart is None:
        return lines("The chart could not be drawn.")
    title = shortened(notice.headline, 200)
    try:
        if visit.asked.public:
            return await _to_all(visit, chart, title)
        await _to_person(visit, reply, chart, title)
    except ConnectorError as error:
        log.warning("slack.chart_not_sent", target=notice.target, error=str(error))
        return lines(f"The chart could not be sent: {error}")
    return None


async def _to_all(visit: Visit, chart: bytes, title: str) -> Reply | None:
    """Shares the chart in the channel; where the app is no member, an answer to the command can still show it."""
    from connectors.slack_api import SlackRefused

    try:
        await _upload(visit, chart, title, channel=visit.channel)
    except SlackRefused as error:
        if error.is_too_fast:
            raise
        file = await _upload(visit, chart, title, alt_txt=title)
        return Reply((), title=title, public=True, picture=file)
    return None


async def _to_person(visit: Visit, reply: Reply, chart: bytes, title: str) -> None:
    """Puts words and chart into the person's messages with the app; a user's id as the channel opens them."""
    posted = await visit.api.in_time("chat_postMessage", channel=visit.person.id, **reply.message())
    where: dict[str, Any] = {"channel": posted["channel"]}
    file = await _upload(visit, chart, title, alt_txt=title)
    shown = replace(reply, picture=file).message()
    until = asyncio.get_running_loop().time() + _UNTIL
    try:
        show = partial(visit.api.in_time, "chat_update", **where, ts=posted["ts"], **shown)
        await when_taken_in(show, visit.api.pause, until)
    except ConnectorError:
        await _upload(visit, chart, title, **where, thread_ts=posted["ts"])


async def _upload(visit: Visit, chart: bytes, title: str, **more: Any) -> str:
    """The id of the file. What goes to a channel has no `alt_txt`: Slack then says yes and shares nothing.

    Source: python-slack-sdk issue 1818
    """
    said = await visit.api.in_time("files_upload_v2", file=chart, filename=_NAME, title=title, **more)
    return str(said["files"][0]["id"])
