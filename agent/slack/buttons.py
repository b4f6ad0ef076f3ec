"""What is clicked below a message: each act with the one who clicked, and plain words where it can't be done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog

from agent.runtime import OpenAlert, Unknown
from agent.slack.acting import UNSILENCE, held_silences
from agent.slack.correcting import outcome
from agent.slack.replies import Reply, cut, lines
from agent.slack.visit import Visit, until
from agent.slack.whys import why_alert
from connectors.base import ConnectorError
from connectors.facts import plain
from connectors.slack_buttons import ACKNOWLEDGE, APPROVE, CONFIRM, REJECT, SILENCE, WHY, shown_at, silence_of
from connectors.slack_message import message
from connectors.slack_text import plain_text
from rules.matchers import just, matchers_text
from rules.model import AlertState, MutedBy, parse_duration

log = structlog.get_logger()

ENDED = "This alert has ended. Nothing was done."
OVER = "This proposal is over. Nothing was done."
REASON = "from Slack"
_MOST_LISTED = 10
_MOST_SILENCES = 20
_NAMING = ("alertname", "target", "source")


@dataclass(frozen=True, slots=True)
class Click:
    """A click of a visit: what the element says it is about, its block, and the short-lived id that opens a modal.

    `way` is how it came, `shown` the `ts` of the message that it was made below.
    """

    visit: Visit
    value: str
    trigger: str = ""
    block: str = ""
    way: str = ""
    shown: str = ""


Handler = Callable[[Click], Awaitable[Reply | None]]


async def acknowledge(click: Click) -> Reply:
    """Takes the alerts of the message that nobody has yet."""
    visit, found = click.visit, _fired(click, click.value)
    if not found:
        return lines(ENDED)
    free = [one for one in found if not one.acknowledged_by]
    if not free:
        return lines(*(f"{_whose(one, visit)}: {one.headline}" for one in found[:_MOST_LISTED]))
    taken: list[OpenAlert] = []
    for one in free:
        try:
            taken += await visit.runtime.acknowledge(one.fingerprint, visit.person, "")
        except Unknown:
            continue  # it ended in between
    said = [f"Taken by you: {one.headline}" for one in taken[:_MOST_LISTED]]
    return lines(*said) if said else lines(ENDED)


async def silence(click: Click) -> Reply:
    """Mutes just what the message is about."""
    try:
        length, about = silence_of(click.value)
    except ValueError:
        return lines("This menu is of another version. Nothing was done.")
    visit, found = click.visit, _fired(click, about)
    if not found:
        return lines(ENDED)
    muted = [one for one in found if one.muted is not None and one.muted.by is MutedBy.SILENCE]
    if len(muted) == len(found):
        return lines(f"It is muted already: {muted[0].muted_words}")
    texts = list(map(matchers_text, just(_own(visit, one) for one in found)))
    if len(texts) > _MOST_SILENCES:
        how = visit.hint("silence <matchers> <duration> <reason>")
        return lines(f"These {len(found):,} alerts are too different to mute just them. Nothing was done. Use {how}")
    span = visit.now, visit.now + parse_duration(length)
    made = [await visit.runtime.silence([text], visit.person, REASON, span) for text in texts]
    said = cut((f"{one.name} of {one.subject}" for one in found), _MOST_LISTED)
    ends = ", ".join(visit.hint(f"unsilence {one.id}") for one in made)
    only = "just this alert" if len(found) == 1 else f"just these {len(found):,} alerts"
    return lines(f"Silenced until {until(visit, made[0].ends)}, {only}:", *said, f"To end it: {ends}")


async def why(click: Click) -> Reply | None:
    """Opens the explanation; says it in the channel to the one who clicked where no modal can be opened (any more)."""
    found = click.visit.runtime.about(click.value)
    if not found:
        return lines("This alert has ended, so there is nothing to explain any more.")
    said: list[str] = []
    for one in found[:3]:
        said += await why_alert(click.visit.runtime, one)
    reply = Reply(said, title=f"Why: {found[0].name}")
    if not click.trigger or not click.visit.api.usable:
        return reply
    try:
        await click.visit.api.call("views_open", trigger_id=click.trigger, view=_modal(reply))
    except ConnectorError:
        return reply
    return None


async def unsilence(click: Click) -> Reply:
    """Ends a silence and shows those that are left."""
    visit = click.visit
    try:
        await visit.runtime.expire(click.value, visit.person)
    except Unknown as error:
        return lines(f"{str(error)[:1].upper()}{str(error)[1:]}. Nothing was done.")
    left = held_silences(visit)
    return replace(left, lines=[f"Ended: {click.value}", *left.lines], replaces=True)


async def confirm(click: Click) -> Reply:
    """Notes that a test arrived, and takes its button away."""
    visit = click.visit
    try:
        notice = await visit.runtime.trials.confirm(click.value, visit.person, click.way)
    except Unknown:
        return lines("This test is over. Nothing was done.")
    if visit.api.usable and visit.channel and click.shown:
        try:
            await visit.api.call("chat_update", channel=visit.channel, ts=click.shown, **message(notice))
        except ConnectorError as error:
            log.warning("slack.test_not_shown", error=str(error))
    done = f"The test of receiver {notice.receiver} is done: Slack is reached, and reaches back by {click.way}."
    return lines(f"Your click arrived. {done}")


async def approve(click: Click) -> Reply:
    """Has a proposed correction made as the message shows it; only the first word counts."""
    approving = click.visit.runtime.approve(click.value, click.visit.person, seen=shown_at(click.block))
    return await outcome(approving, unknown=OVER)


async def reject(click: Click) -> Reply:
    """Has it not made."""
    return await outcome(click.visit.runtime.reject(click.value, click.visit.person), unknown=OVER)


TABLE: Mapping[str, tuple[Handler, bool]] = {
    ACKNOWLEDGE: (acknowledge, True),
    SILENCE: (silence, True),
    WHY: (why, False),
    APPROVE: (approve, True),
    REJECT: (reject, True),
    UNSILENCE: (unsilence, True),
    CONFIRM: (confirm, False),
}
"""By act: what does it, and whether it changes something, so that operators only may."""


def _fired(click: Click, about: str) -> list[OpenAlert]:
    return [one for one in click.visit.runtime.about(about) if one.state != AlertState.PENDING]


def _whose(one: OpenAlert, visit: Visit) -> str:
    if visit.took(one):
        return "You have it already"
    namesake = "another " if one.acknowledged_by == visit.person.name else ""
    return f"Already taken by {namesake}{one.acknowledged_by}"


def _own(visit: Visit, one: OpenAlert) -> dict[str, str]:
    """What no other alert has: its name, its target or source, and its instance. A label it lacks is empty."""
    target = visit.runtime.config.targets.get(one.key.target)
    lacking = dict.fromkeys(target.by if target else (), "")
    return lacking | dict(one.key.labels) | {name: one.labels[name] for name in _NAMING if one.labels.get(name)}


def _modal(reply: Reply) -> dict[str, Any]:
    """Source: https://docs.slack.dev/reference/views/modal-views (title and close at most 24 characters)"""
    title, close = plain_text(plain(reply.title), 24), plain_text("Close", 24)
    return {"type": "modal", "title": title, "close": close, "blocks": reply.blocks()}
