"""How receivers are reached: which of them fail, since when and why; and who else hears of what did not get through."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import orjson
import structlog

from agent.config.configuration import Configuration
from agent.reports.rendering import read_report
from agent.sending.envelopes import EXPIRES_AFTER, idempotency_key, read_notice
from agent.store.records import Delivery, DeliveryKind, ReceiverState
from connectors.base import ConnectorError
from connectors.report_message import as_notice
from rules.model import Notice, Reason
from rules.routing import CONSOLE

log = structlog.get_logger()


_BEGINS = frozenset({Reason.FIRING, Reason.FLAPPING, Reason.RAISED, Reason.ESCALATED})


def _said(delivery: Delivery) -> Notice:
    """What a delivery says, as a notice."""
    if delivery.kind is DeliveryKind.REPORT:
        return as_notice(read_report(delivery.payload), delivery.receiver)
    return read_notice(delivery.payload)


class Receivers:
    """How each notifier of each receiver was reached last. `failing` are those whose last try failed, as stored."""

    def __init__(self, failing: Iterable[ReceiverState] = ()) -> None:
        self.config = Configuration({}, {})
        self._states = {(one.receiver, one.position): one for one in failing}
        self._told = {place: one.error for place, one in self._states.items()}  # also after a restart only once
        self._missed: dict[tuple[str, int], set[tuple[str, str]]] = {}  # what the fallback was told to begin

    def use(self, config: Configuration) -> None:
        """Goes by another configuration from now on."""
        self.config = config

    def states(self) -> list[ReceiverState]:
        """How the notifiers that are configured were reached last; those never tried are absent."""
        return configured(self._states.values(), self.config)

    def settled(self, delivery: Delivery, error: ConnectorError | None, now: int) -> None:
        """A try ended. One that is only put off says nothing of the receiver."""
        if delivery.kind is DeliveryKind.CALL or (error is not None and error.unsent):
            return
        place = (delivery.receiver, delivery.position)
        before = self._states.get(place)
        if error is None:
            self._states[place] = ReceiverState(*place)
            self._told.pop(place, None)
            self._missed.pop(place, None)
            return
        since = before.since if before is not None and before.since is not None else now
        self._states[place] = ReceiverState(*place, since, str(error))

    def undeliverable(self, delivery: Delivery, error: ConnectorError) -> list[Delivery]:
        """What the fallback receiver is told because another receiver could not be told; none about its own."""
        return self._beside(delivery, f"Receiver {delivery.receiver} could not be told: {error}", "")

    def waiting(self, delivery: Delivery, error: ConnectorError) -> list[Delivery]:
        """What the fallback receiver is told because nothing gets through until it is mended.

        Once for each reason, and of each alert that begins meanwhile or gets graver, so that somebody hears of it.
        """
        place = (delivery.receiver, delivery.position)
        missed, begun = self._missed.setdefault(place, set()), _begun(delivery)
        if self._told.get(place) == str(error) and begun <= missed:
            return []
        self._told[place] = str(error)
        missed |= begun
        said = f"Receiver {delivery.receiver} can't be told: {error}. What it misses waits for up to three days"
        return self._beside(delivery, said, "waits")

    def _beside(self, delivery: Delivery, words: str, mark: str) -> list[Delivery]:
        try:
            notice = _said(delivery)
        except (ValueError, TypeError, KeyError):
            log.exception("delivery.unreadable", delivery=delivery.id)  # written by another version; nobody can be told
            return []
        fallback = self.config.route.receiver if self.config.route else CONSOLE
        if notice.reason in {Reason.UNDELIVERABLE, Reason.TEST}:
            return []
        if fallback == delivery.receiver:
            fallback = CONSOLE
        said = replace(notice, reason=Reason.UNDELIVERABLE, receiver=fallback, details=(*notice.details, words))
        marks = (mark,) if mark else ()
        return [
            Delivery(
                key=idempotency_key(delivery.key, fallback, str(position), *marks),
                kind=DeliveryKind.NOTICE,
                receiver=fallback,
                position=position,
                lane=f"{fallback}/{position}/{notice.group or notice.fingerprint}/undeliverable",
                payload=orjson.dumps(said, option=orjson.OPT_SERIALIZE_DATACLASS),
                created=notice.at,
                next_at=delivery.next_at,
                expires_at=delivery.expires_at + EXPIRES_AFTER,
            )
            for position, _ in enumerate(self.config.notifiers(fallback))
        ]


def _begun(delivery: Delivery) -> set[tuple[str, str]]:
    """The alerts, with their severities, of which a delivery is the first to tell that they fire."""
    try:
        notice = _said(delivery)
    except (ValueError, TypeError, KeyError):
        return set()  # as `_beside` says
    firing = [one for one in notice.every if one.status == "firing"] if notice.reason in _BEGINS else []
    fresh = [one for one in firing if one.fresh]
    return {(one.fingerprint, one.severity) for one in fresh or firing}


def configured(states: Iterable[ReceiverState], config: Configuration) -> list[ReceiverState]:
    """Those whose receiver and notifier there are, in order."""
    return sorted(
        (one for one in states if one.position < len(config.notifiers(one.receiver))),
        key=lambda one: (one.receiver, one.position),
    )


def failing(states: Sequence[ReceiverState]) -> list[ReceiverState]:
    """Those whose last try failed."""
    return [one for one in states if one.error is not None]
