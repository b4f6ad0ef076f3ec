"""What goes into the store and comes out of it, beside the vocabulary of `rules.model`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

from agent.acts import Act
from rules.model import (
    Correction,
    Group,
    InstanceKey,
    InstanceState,
    Member,
    Reading,
    Silence,
    SourceState,
    Switch,
    Transition,
    Trouble,
)


class DeliveryKind(StrEnum):
    """A message to a notifier, a corrective call of an action, or a report to a notifier."""

    NOTICE = "notice"
    CALL = "call"
    REPORT = "report"


class DeliveryState(StrEnum):
    """`failed` is for good: refused, or too old to try again. `superseded`: a newer one of its lane says more.

    `withheld`: a call that was not made after all.
    """

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    WITHHELD = "withheld"


class Manner(StrEnum):
    """How notices of one lane follow one another."""

    EVERY = "every"  # each goes out
    NEWEST = "newest"  # of those that wait only the newest does, and what must not be missed
    CALM = "calm"  # likewise, and what comes and goes waits longer and longer


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message or call to one receiver.

    `receiver` and `position` name the notifier (position in the receiver's list); for a call `receiver` is the action.
    Deliveries of one `lane` go out one after another, in order of `id`. `payload` is JSON: a Notice, a call's context,
    or a report's headline and content; its keys `fingerprint` and `starts_at` (or those of its `context`) say which
    alert and which firing it is about, for a group of several `group` and `group_since`. `fence` grows with each claim,
    so that a late outcome of a lost lease is refused. `thread` comes with a claim: what the last notice about the same
    firing sent to the same notifier returned; `earlier` is that of an earlier firing, if there was none about this one
    yet.
    """

    key: str
    kind: DeliveryKind
    receiver: str
    position: int
    lane: str
    payload: bytes
    created: int
    next_at: int
    expires_at: int
    id: int = 0
    state: DeliveryState = DeliveryState.QUEUED
    attempts: int = 0
    fence: int = 0
    error: str | None = None
    manner: Manner = Manner.EVERY
    thread: Mapping[str, Any] | None = None
    earlier: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """How one try of a delivery ended; `error` is None when it was sent.

    `withheld`: a call that was not made after all. It is not read back: the delivery's state keeps it.
    """

    delivery_id: int
    number: int
    at: int
    took: int  # microseconds
    error: str | None = None
    permanent: bool = False
    withheld: bool = False


@dataclass(frozen=True, slots=True)
class Ping:
    """One call of a check-in: kind is success, start, fail, log or exit."""

    source: str
    at: int
    kind: str
    exit_status: int | None
    body: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """That the message to a source with this id was taken in; one that is sent again is known by it."""

    source: str
    message: str
    at: int


@dataclass(frozen=True, slots=True)
class ReportRun:
    """That a report was made at `made` for the time `scheduled`, and how each instance stood in it.

    Without `made` none was: from `scheduled` on the report's `schedule` is this one, and nothing before was missed.
    """

    name: str
    scheduled: int
    schedule: str
    made: int | None = None
    standings: tuple[tuple[InstanceKey, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Commit:
    """Everything one batch changed; it is remembered whole or not at all.

    `shards` maps each shard the batch belongs to to the version its holder has; a different stored version means the
    shard was lost, and nothing is written. `forget` are instances that no longer exist by configuration. `groups` are
    by id and `members` by group and fingerprint; None: it is no more.
    """

    now: int
    shards: Mapping[int, int] = field(default_factory=dict)
    readings: Sequence[Reading] = ()
    pings: Sequence[Ping] = ()
    instances: Sequence[InstanceState] = ()
    sources: Sequence[SourceState] = ()
    transitions: Sequence[Transition] = ()
    deliveries: Sequence[Delivery] = ()
    corrections: Sequence[Correction] = ()
    forget: Sequence[InstanceKey] = ()
    receipts: Sequence[Receipt] = ()
    groups: Mapping[str, Group | None] = field(default_factory=dict)
    members: Mapping[str, Mapping[str, Member | None]] = field(default_factory=dict)
    silences: Sequence[Silence] = ()
    acts: Sequence[Act] = ()
    switches: Mapping[str, Switch] = field(default_factory=dict)
    reports: Sequence[ReportRun] = ()
    troubles: Sequence[Trouble] = ()

    @property
    def says_something(self) -> bool:
        """Whether anything is to be written."""
        return any(getattr(self, one.name) for one in fields(self) if one.name not in {"now", "shards"})


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a starting daemon gets back."""

    instances: Mapping[InstanceKey, InstanceState]
    sources: Mapping[str, SourceState]
    corrections: Sequence[Correction]  # those not ended
    groups: Sequence[Group] = ()
    members: Sequence[Member] = ()
    silences: Sequence[Silence] = ()
    switches: Mapping[str, Switch] = field(default_factory=dict)
    troubles: Sequence[Trouble] = ()


@dataclass(frozen=True, slots=True)
class ReceiverState:
    """How one notifier of a receiver was reached last: with `error`, its words, while tries fail; `since` when."""

    receiver: str
    position: int
    since: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class OutboxStats:
    """Deliveries still to be sent, and the creation time of the oldest."""

    depth: int
    oldest: int | None
