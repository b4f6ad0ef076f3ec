"""How receivers are reached: which of them fail, since when and why; and who else hears of what did not get through."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import structlog

from agent.config.configuration import Configuration
from agent.deciding.decided import Decision
from agent.reports.rendering import read_report
from agent.sending.envelopes import EXPIRES_AFTER, idempotency_key, read_notice
from agent.sending.manners import keeps_open
from agent.sending.unreached import CAN_BE, Unreached, delivery_of, ends, fallback_of, told_of
from agent.store.records import Commit, Delivery, DeliveryKind, ReceiverState
from connectors.base import ConnectorError
from connectors.report_message import as_notice
from rules.model import Notice, Reason, Trouble

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
        self._unreached = Unreached()
        self._states = {(one.receiver, one.position): one for one in failing}
        self._told = {place: one.error for place, one in self._states.items()}  # also after a restart only once
        self._missed: dict[tuple[str, int], set[tuple[str, str]]] = {}  # what the fallback was told to begin

    def use(self, config: Configuration, troubles: Iterable[Trouble] = ()) -> None:
        """Goes by another configuration from now on; `troubles` are what others were told before a start, as stored."""
        self.config = config
        self._unreached.take_up(troubles)

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

    def reached(self, delivery: Delivery, now: int) -> Commit | None:
        """What those are told who were told that the delivery's receiver can't be told, now that it was."""
        over = self._unreached.end((delivery.receiver, delivery.position), now)
        return Commit(now, deliveries=[*ends(over, CAN_BE, self.config)], troubles=[over]) if over else None

    def let_go(self, decision: Decision) -> None:
        """The same of those that the configuration has no more, or of which others are told by now: from anew."""
        for place, words in self._unreached.gone(self.config).items():
            self._told.pop(place, None)
            self._missed.pop(place, None)
            over = self._unreached.end(place, decision.now)
            if over is not None:
                decision.troubles[over.cause] = over
                decision.deliveries += ends(over, words, self.config)

    def undeliverable(self, delivery: Delivery, error: ConnectorError, now: int) -> Commit:
        """What the fallback receiver is told because another receiver could not be told; none about its own."""
        return self._beside(delivery, f"Receiver {delivery.receiver} could not be told: {error}", "", now)

    def waiting(self, delivery: Delivery, error: ConnectorError, now: int) -> Commit | None:
        """What the fallback receiver is told because nothing gets through until it is mended.

        Once for each reason, and of each alert that begins meanwhile or gets graver, so that somebody hears of it.
        """
        place = (delivery.receiver, delivery.position)
        missed, begun = self._missed.setdefault(place, set()), _begun(delivery)
        if self._told.get(place) == str(error) and begun <= missed:
            return None
        self._told[place] = str(error)
        missed |= begun
        said = f"Receiver {delivery.receiver} can't be told: {error}. What it misses waits for up to three days"
        return self._beside(delivery, said, "waits", now)

    def _beside(self, delivery: Delivery, words: str, mark: str, now: int) -> Commit:
        try:
            notice = _said(delivery)
        except (ValueError, TypeError, KeyError):
            log.exception("delivery.unreadable", delivery=delivery.id)  # written by another version; nobody can be told
            return Commit(now)
        if notice.reason in {Reason.UNDELIVERABLE, Reason.TEST}:
            return Commit(now)
        fallback = fallback_of(self.config, delivery.receiver)
        said = replace(notice, reason=Reason.UNDELIVERABLE, receiver=fallback, details=(*notice.details, words))
        trouble: Trouble | None = None
        made = []
        for position, entry in enumerate(self.config.notifiers(fallback)):
            if keeps_open(entry):
                trouble = self._unreached.begin((delivery.receiver, delivery.position), fallback, words, now)
            told = told_of(trouble, notice, words) if trouble is not None and keeps_open(entry) else said
            key = idempotency_key(delivery.key, fallback, str(position), *([mark] if mark else []))
            made.append(delivery_of(told, position, key, delivery.next_at, delivery.expires_at + EXPIRES_AFTER))
        return Commit(now, deliveries=made, troubles=[] if trouble is None else [trouble])


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
