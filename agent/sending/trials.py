"""Test notices that wait for a person: through the outbox to Slack, and back by a click.

Nothing of them is kept beside the delivery and the audit log, so that a restart in between changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import orjson

from agent.acts import Act, Person
from agent.clock import Clock
from agent.config.configuration import Configuration
from agent.deciding.decided import Decision
from agent.runtime import Unknown
from agent.sending.envelopes import idempotency_key
from agent.settings import Settings
from agent.store.records import Attempt, Delivery, DeliveryKind
from agent.store.store import Store
from rules.model import DAY, MINUTE, Notice, Reason
from rules.words import clock_time

SENT, CLICKED = "send-test", "confirm-test"
"""The acts: a test was sent, and its button was clicked. Their subject is the receiver, their note the test's id; of a
click also `by` and the way that it took."""

_TRIED_FOR = 10 * MINUTE
_REMEMBERED = DAY
_MOST_ACTS = 1_000
_BY = " by "


@dataclass(frozen=True, slots=True)
class Sent:
    """One message of a test, on its way to a channel or there."""

    channel: str
    delivery: Delivery
    attempts: Sequence[Attempt]


@dataclass(frozen=True, slots=True)
class Trial:
    """A test notice, how far it got, who clicked first, and the `way` in that the click took."""

    id: str
    receiver: str
    begun: int
    sent: Sequence[Sent]
    click: Act | None

    @property
    def way(self) -> str:
        """Empty where nobody clicked."""
        return self.click.note.partition(_BY)[2] if self.click else ""


Do = Callable[[Callable[[Decision], None]], Awaitable[None]]


class Trials:
    """`config` gives the configuration in force; `act` commits what a person's act changes."""

    def __init__(
        self, clock: Clock, store: Store, settings: Settings, config: Callable[[], Configuration], act: Do
    ) -> None:
        self._clock = clock
        self._store = store
        self._settings = settings
        self._config = config
        self._act = act

    async def begin(self, receiver: str, person: Person) -> Trial:
        """Sends a test with a button to the Slack channels of a receiver. Raises Unknown, ValueError."""
        places, now = self._places(receiver), self._clock.now()
        if not any(clicks for _, clicks in places.values()):
            raise ValueError(f"receiver {receiver} has no Slack channel that is written to with the app's own token")
        if not self._settings.slack_clicks:
            raise ValueError(
                "no click arrives here: set SETPOINT_SLACK_APP_TOKEN (Socket Mode) or SETPOINT_SLACK_SIGNING_SECRET"
            )
        identity = hashlib.sha256(f"test {receiver} {now}".encode()).hexdigest()[:16]
        notice = trial_notice(receiver, now, self._settings.external_url, identity)
        payload = orjson.dumps(notice, option=orjson.OPT_SERIALIZE_DATACLASS)
        made = [
            Delivery(
                key=_key(identity, position),
                kind=DeliveryKind.NOTICE,
                receiver=receiver,
                position=position,
                lane=f"{receiver}/{position}/{identity}",
                payload=payload,
                created=now,
                next_at=now,
                expires_at=now + _TRIED_FOR,
            )
            for position, (_, clicks) in places.items()
            if clicks
        ]
        await self._commit(made, Act(now, person, SENT, receiver, identity))
        return await self.look(receiver, identity)

    async def look(self, receiver: str, identity: str) -> Trial:
        """How far a test of the last day got. Raises Unknown."""
        begun = await self._begun(identity, receiver)
        sent = []
        for position, (channel, clicks) in self._places(receiver).items():
            delivery = await self._store.delivery(_key(identity, position)) if clicks else None
            if delivery is not None:
                sent.append(Sent(channel, delivery, await self._store.attempts(delivery.id)))
        acts = await self._store.acts(_MOST_ACTS, begun.at)
        clicks_ = [act for act in acts if (act.act, act.note.partition(_BY)[0]) == (CLICKED, identity)]
        return Trial(identity, receiver, begun.at, sent, clicks_[-1] if clicks_ else None)

    async def confirm(self, identity: str, person: Person, way: str) -> Notice:
        """Notes that the button was clicked; returns the test as it is shown from then on. Raises Unknown."""
        begun, now = await self._begun(identity), self._clock.now()
        await self._commit((), Act(now, person, CLICKED, begun.subject, f"{identity}{_BY}{way}"))
        said = f"{person.name} clicked at {clock_time(now, 'UTC', now)} UTC; it came by {way}"
        return replace(trial_notice(begun.subject, begun.at, self._settings.external_url), details=(said,))

    async def _commit(self, deliveries: Sequence[Delivery], act: Act) -> None:
        def change(decision: Decision) -> None:
            decision.deliveries += deliveries
            decision.acts.append(act)

        await self._act(change)

    async def _begun(self, identity: str, receiver: str | None = None) -> Act:
        for act in await self._store.acts(_MOST_ACTS, self._clock.now() - _REMEMBERED):
            if (act.act, act.note) == (SENT, identity) and receiver in {None, act.subject}:
                return act
        raise Unknown(f"no test {identity!r} of the last day")

    def _places(self, receiver: str) -> dict[int, tuple[str, bool]]:
        """By position, the channel of each Slack notifier and whether clicks below its messages come here."""
        known = self._config().receivers
        if receiver not in known:
            raise Unknown.among("receiver", receiver, known)
        return {
            position: (entry.config.channel, entry.config.token is None)
            for position, entry in enumerate(known[receiver])
            if entry.kind == "slack" and entry.config.channel
        }


def trial_notice(receiver: str, now: int, external_url: str, confirm: str = "") -> Notice:
    """Says that it is a test; no alert has its fingerprint. `confirm` names a test that waits for a click."""
    return Notice(
        reason=Reason.TEST,
        status="firing",
        title="Test",
        headline=f"This is a test of receiver {receiver}; nothing is wrong",
        target="",
        alert="test",
        severity="info",
        standing="",
        fingerprint=confirm or hashlib.sha256(f"test {receiver} {now}".encode()).hexdigest()[:16],
        labels={"alertname": "test", "severity": "info"},
        annotations={},
        values={},
        starts_at=now,
        ends_at=None,
        at=now,
        receiver=receiver,
        external_url=external_url,
        confirm=confirm,
    )


def _key(identity: str, position: int) -> str:
    return idempotency_key("test", identity, str(position))
