"""That a receiver can't be told, as an alert of its own, where what was told as firing stays so until its end is told.

A pager would keep open for ever what it was told in another's place: that an alert is over is told to whom it belongs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import orjson

from agent.config.configuration import Configuration
from agent.sending.envelopes import EXPIRES_AFTER, idempotency_key
from agent.sending.manners import keeps_open
from agent.store.records import Delivery, DeliveryKind
from connectors.facts import heading, listed
from rules.model import RECEIVER_DOWN, Notice, Reason, Trouble
from rules.routing import CONSOLE

CAN_BE = "can be told again"
_DROPPED, _MOVED = "is no longer configured", "is told of elsewhere if it still can't be told"
_MOST_LISTED = 20
Place = tuple[str, int]
"""A receiver and the position of one of its notifiers."""


def fallback_of(config: Configuration, receiver: str) -> str:
    """Who hears of what another receiver could not be told."""
    found = config.route.receiver if config.route else CONSOLE
    return found if found != receiver else CONSOLE


class Unreached:
    """The notifiers of which others were told that they can't be told, as it is stored."""

    def __init__(self) -> None:
        self.open: dict[Place, Trouble] = {}

    def take_up(self, troubles: Iterable[Trouble]) -> None:
        """Goes on with those that are not over."""
        self.open |= {place: one for one in troubles if one.over is None and (place := _place_of(one)) is not None}

    def begin(self, place: Place, fallback: str, words: str, now: int) -> Trouble:
        """The trouble with a notifier, which may be known already."""
        return self.open.setdefault(place, Trouble(f"{RECEIVER_DOWN} {place[0]}/{place[1]}", now, fallback, words))

    def end(self, place: Place, now: int) -> Trouble | None:
        """The trouble that is over, if there was one."""
        known = self.open.pop(place, None)
        return None if known is None else replace(known, over=now)

    def gone(self, config: Configuration) -> dict[Place, str]:
        """The notifiers that a configuration has no more, or of which it tells others, and what is said of them."""
        dropped = {place: _DROPPED for place in self.open if place[1] >= len(config.notifiers(place[0]))}
        moved = {place: _MOVED for place, one in self.open.items() if one.receiver != fallback_of(config, place[0])}
        return {**moved, **dropped}


def _place_of(trouble: Trouble) -> Place | None:
    kind, _, place = trouble.cause.partition(" ")
    receiver, _, position = place.rpartition("/")
    return (receiver, int(position)) if kind == RECEIVER_DOWN else None


def told_of(trouble: Trouble, missed: Notice, words: str) -> Notice:
    """What is told of a notice that did not get through: always of the same alert, however many it missed."""
    said = replace(_notice(trouble, words, missed.at), external_url=missed.external_url)
    lines = (heading(missed), *listed(missed, _MOST_LISTED, marked=False))
    return replace(said, details=(*lines, *missed.details), annotations={"summary": words, "missed": "\n".join(lines)})


def ends(trouble: Trouble, words: str, config: Configuration) -> Iterator[Delivery]:
    """What is told when it is over, to those who keep it open."""
    at, (receiver, _) = trouble.over or 0, _place_of(trouble) or ("", 0)
    said = _notice(trouble, f"Receiver {receiver} {words}", at)
    for position, entry in enumerate(config.notifiers(trouble.receiver)):
        if keeps_open(entry):
            name = idempotency_key(trouble.cause, str(trouble.since), "over", trouble.receiver, str(position))
            yield delivery_of(said, position, name, at, at + EXPIRES_AFTER)


def delivery_of(said: Notice, position: int, key: str, next_at: int, expires_at: int) -> Delivery:
    """What a notifier is told of another one, in order."""
    return Delivery(
        key=key,
        kind=DeliveryKind.NOTICE,
        receiver=said.receiver,
        position=position,
        lane=f"{said.receiver}/{position}/{said.group or said.fingerprint}/undeliverable",
        payload=orjson.dumps(said, option=orjson.OPT_SERIALIZE_DATACLASS),
        created=said.at,
        next_at=next_at,
        expires_at=expires_at,
    )


def _notice(trouble: Trouble, words: str, at: int) -> Notice:
    receiver, position = _place_of(trouble) or ("", 0)
    labels: Mapping[str, str] = {
        "alertname": RECEIVER_DOWN, "notifier": str(position), "receiver": receiver, "severity": "critical",
    }  # fmt: skip
    return Notice(
        reason=Reason.UNDELIVERABLE if trouble.over is None else Reason.RESOLVED,
        status="firing" if trouble.over is None else "resolved",
        title=f"Receiver {receiver}",
        headline=words,
        target="",
        alert=RECEIVER_DOWN,
        severity="critical",
        standing="",
        fingerprint=hashlib.sha256(trouble.cause.encode()).hexdigest()[:16],
        labels=labels,
        annotations={"summary": words},
        values={},
        starts_at=trouble.since,
        ends_at=trouble.over,
        at=at,
        receiver=trouble.receiver,
    )
