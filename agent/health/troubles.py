"""Troubles: what keeps the daemon from seeing or remembering, decided once, and what is said of it."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import orjson

from agent.alerts.notices import Notices
from agent.deciding.decided import Decision
from agent.deciding.memory import Memory
from agent.sending.envelopes import EXPIRES_AFTER, idempotency_key
from agent.store.records import Delivery, DeliveryKind
from rules.model import BLIND, SOURCES, MutedBy, Notice, Reason, Trouble
from rules.muting import Cause, Situation
from rules.routing import CONSOLE

_OVER = {"disk": "there is room on the disk again", "database": "the database can be written again"}


class Troubles:
    """Decides by one configuration on what is remembered."""

    def __init__(self, notices: Notices, memory: Memory, situation: Situation) -> None:
        self.sight = situation.sight
        self.sight.note(memory.sources.values())
        self._notices = notices
        self._memory = memory
        self._situation = situation
        situation.blind = memory.troubles.get(SOURCES)

    def look(self, decision: Decision) -> list[Cause]:
        """Whether the daemon is blind now, or sees again; returns what no longer mutes the alerts of sources."""
        doubted = self.sight.doubt is not None
        self.sight.note(decision.sources.values())
        changed = self.sight.look(self._memory.troubles.get(SOURCES), receiver_of(self._notices), decision.now)
        if changed is not None:
            self._situation.blind = changed
            self._take(decision, changed, self.sight.words() if changed.over is None else self.sight.over())
        ended = changed.over is not None if changed is not None else doubted and self.sight.doubt is None
        return [(MutedBy.BLINDNESS, SOURCES)] if ended else []

    def note(self, decision: Decision, cause: str, words: str | None) -> None:
        """Takes in that something began (`words`) or is over (None); once, however often it is said."""
        before = self._memory.troubles.get(cause)
        open_ = before is not None and before.over is None
        if words is not None and not open_:
            self._take(decision, Trouble(cause, decision.now, receiver_of(self._notices), words), words)
        elif words is None and open_ and before is not None:
            self._take(decision, replace(before, over=decision.now), _OVER[cause])

    def _take(self, decision: Decision, trouble: Trouble, words: str) -> None:
        decision.troubles[trouble.cause] = trouble
        decision.deliveries += deliveries(self._notices, trouble, words, decision.now)


def receiver_of(notices: Notices) -> str:
    """Who hears of it: whom the route names for all else, or the console."""
    return notices.config.route.receiver if notices.config.route else CONSOLE


def deliveries(notices: Notices, trouble: Trouble, words: str, now: int) -> list[Delivery]:
    """One for each notifier of the receiver that is told."""
    said = notice(trouble, words, now, notices.external_url)
    return [
        Delivery(
            key=idempotency_key(BLIND, trouble.cause, str(trouble.since), said.status, trouble.receiver, str(position)),
            kind=DeliveryKind.NOTICE,
            receiver=trouble.receiver,
            position=position,
            lane=f"{trouble.receiver}/{position}/{said.fingerprint}",
            payload=orjson.dumps(said, option=orjson.OPT_SERIALIZE_DATACLASS),
            created=now,
            next_at=now,
            expires_at=now + EXPIRES_AFTER,
        )
        for position, _ in enumerate(notices.notifiers(trouble.receiver))
    ]


def notice(trouble: Trouble, words: str, now: int, external_url: str) -> Notice:
    """`I am blind: …`, or `I can see again: …`, as an alert of no target."""
    firing = trouble.over is None
    return Notice(
        reason=Reason.FIRING if firing else Reason.RESOLVED,
        status="firing" if firing else "resolved",
        title="Setpoint",
        headline=f"I am blind: {words}" if firing else f"I can see again: {words}",
        target="",
        alert=BLIND,
        severity="critical",
        standing="",
        fingerprint=hashlib.sha256(f"{BLIND} {trouble.cause}".encode()).hexdigest()[:16],
        labels={"alertname": BLIND, "cause": trouble.cause, "severity": "critical"},
        annotations={},
        values={},
        starts_at=trouble.since,
        ends_at=trouble.over,
        at=now,
        receiver=trouble.receiver,
        external_url=external_url,
    )
