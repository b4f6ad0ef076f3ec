"""What is known: how sources, instances, alerts and corrections stand, and what changed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from rules.model.quick import quick
from rules.model.usual import Finding, Usual
from rules.model.values import Labels
from rules.model.wants import Standing


class Health(StrEnum):
    """How a source is."""

    UNKNOWN = "unknown"
    UP = "up"
    DOWN = "down"


class AlertState(StrEnum):
    """Where one alert rule on one instance is; *resolved* is an event, not a state."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RECOVERING = "recovering"


class Event(StrEnum):
    """What a transition says."""

    PENDING = "pending"
    FIRING = "firing"
    RECOVERING = "recovering"
    RESOLVED = "resolved"
    INACTIVE = "inactive"  # pending that never fired
    ACKNOWLEDGED = "acknowledged"
    CORRECTION = "correction"  # a corrective run moved on while the alert is open
    UNCORRECTED = "uncorrected"  # one failed for good, and nobody is escalated to
    ESCALATED = "escalated"
    RAISED = "raised"  # to a graver severity
    LOWERED = "lowered"  # to a milder one
    FLAPPING = "flapping"
    SETTLED = "settled"  # flaps no more, and fires


class InstanceKey(NamedTuple):
    """One target on one set of labels."""

    target: str
    labels: Labels = ()

    def agrees_with(self, other: InstanceKey) -> bool:
        """Whether the labels that this one has are also the other's, by name and value."""
        return set(self.labels) <= set(other.labels)


@quick
@dataclass(frozen=True, slots=True)
class Projection:
    """The value expected at the end of the period, with its 80 % interval and the chance of meeting the goal."""

    value: float
    low: float | None = None  # None: too few readings for an interval
    high: float | None = None
    chance: float | None = None  # 0 to 1


@quick
@dataclass(frozen=True, slots=True)
class Assessment:
    """How an instance stands, with the numbers that say why.

    `pace` is actual over expected so far, `progress` value over goal, `required_rate` what is needed per day from
    now (None where it has no meaning). `start` and `end` bound the period.
    """

    standing: Standing
    value: float | None = None
    time: int | None = None  # of the newest reading behind `value`
    at_least: float | None = None
    at_most: float | None = None
    start: int | None = None
    end: int | None = None
    expected: float | None = None
    pace: float | None = None
    progress: float | None = None
    required_rate: float | None = None
    projection: Projection | None = None
    breaching: bool | None = None  # outside the goal now; None: can't be said
    recovered: bool | None = None  # inside the recover band now; None: can't be said
    due: int | None = None  # when the next check-in is due, or the missed one was
    inputs: Labels = ()  # series and value behind a condition, as text
    reason: str = ""  # in plain words, what the standing alone does not say
    hold: bool = False  # nothing can be said now: alerts stay as they are
    silent: bool = False  # readings stopped for longer than `no_data.after`
    finding: Finding | None = None  # whether the newest reading is unusual; None: not asked, or too early to say


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Taken by a person until it clears. `id` tells people of one name apart; empty where it is not known."""

    by: str
    at: int
    note: str = ""
    id: str = ""


@quick
@dataclass(frozen=True, slots=True)
class AlertStatus:
    """One alert rule on one instance. `episode` counts its firings; with the fingerprint it names one of them.

    `told` are the receivers that heard of the firing: its resolve goes to the same, even if the configuration changed.
    `judged` says of the last judgements, oldest first, whether they breached, where they can't be made anew from the
    readings; `judged_at` is the time of the newest reading they know, `judged_times` when the last of them were.

    Of the episode: `open_since` is `fired_at`, moved with a clock that was set back; `escalated` counts the escalation
    steps done, `changes` what was said beside changes of the state. `severity` is the severity step in force (empty:
    the alert's own), `eased_at` since when the number is back inside its bounds. Since `flapping_since` it flaps and is
    held open.

    `checks` says of the last checks, oldest first, whether the alert was open, for flap detection; `checked_at` is the
    time of the newest reading they know.

    `said` is why the alert is there, in words as last found, where the standing does not say it.
    """

    state: AlertState = AlertState.INACTIVE
    since: int = 0
    fired_at: int | None = None
    episode: int = 0
    acknowledged: Acknowledgement | None = None
    fingerprint: str = ""  # as it fired
    labels: Labels = ()  # as it fired
    told: tuple[str, ...] = ()
    judged: tuple[bool, ...] = ()
    judged_at: int | None = None
    open_since: int | None = None
    escalated: int = 0
    changes: int = 0
    severity: str = ""
    eased_at: int | None = None
    flapping_since: int | None = None
    checks: tuple[bool, ...] = ()
    checked_at: int | None = None
    said: str = ""
    judged_times: tuple[int, ...] = ()


@quick
@dataclass(frozen=True, slots=True)
class InstanceState:
    """What is remembered of an instance. `seen` is when its newest value arrived, `wake` when to look again."""

    key: InstanceKey
    assessment: Assessment
    since: int  # of the standing
    created: int
    verdict: Standing | None = None  # the last standing that was a verdict, kept while there is no data
    seen: int | None = None
    alerts: Mapping[str, AlertStatus] = field(default_factory=dict)
    wake: int | None = None
    usual: Usual | None = None  # learned for an alert that waits for what is unusual


@quick
@dataclass(frozen=True, slots=True)
class SourceState:
    """What is remembered of a source."""

    name: str
    health: Health = Health.UNKNOWN
    since: int = 0
    failures: int = 0  # in a row
    last_success: int | None = None
    last_error: str | None = None
    alert: AlertStatus = field(default_factory=AlertStatus)


@quick
@dataclass(frozen=True, slots=True)
class Polled:
    """How one poll of a source ended; `error` is None when it was read, `partly` says what of it could not be."""

    source: str
    at: int
    error: str | None = None
    partly: str | None = None


@quick
@dataclass(frozen=True, slots=True)
class Transition:
    """A stored change of an alert. For a source's alert `key.target` is empty and `labels` name the source."""

    key: InstanceKey
    alert: str
    fingerprint: str
    episode: int
    event: Event
    at: int
    before: AlertState
    after: AlertState
    labels: Labels  # all labels of the alert
    assessment: Assessment | None = None
    fired_at: int | None = None
    detail: str = ""  # plain words for what the event alone does not say
    to: tuple[str, ...] = ()  # whom it is escalated to
    quiet: bool = False  # not told: what happens with it says more
    nth: int = 0  # tells apart what may happen several times at one time in one episode
    taken: Acknowledgement | None = None  # of one that a person took

    @property
    def id(self) -> str:
        """Stable name of this transition, part of every idempotency key."""
        return f"{self.fingerprint}:{self.episode}:{self.event}:{self.at}" + (f":{self.nth}" if self.nth else "")


class RunState(StrEnum):
    """Where a correction stands."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    CALLED = "called"
    VERIFYING = "verifying"
    VERIFIED = "verified"
    FAILED = "failed"
    ESCALATED = "escalated"
    SKIPPED = "skipped"  # no call was made, or no other: it came back, was rejected, lapsed, …
    UNDONE = "undone"  # of what takes another correction back: the call was made, and there is nothing to verify


@dataclass(frozen=True, slots=True)
class Approval:
    """What a person said to a proposal, or who asked for a run; not `given`: it was rejected."""

    by: str
    at: int
    note: str = ""
    given: bool = True


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The numbers of an instance as they were known `at` some time; `time` is that of the reading behind `value`."""

    at: int
    standing: Standing
    value: float | None = None
    time: int | None = None
    inputs: Labels = ()


@dataclass(frozen=True, slots=True)
class Driven:
    """What a controller goes on from: its integral term, and the value it was given last, with the time of that."""

    integral: float
    value: float
    at: int


@dataclass(frozen=True, slots=True)
class Switch:
    """Whether corrections are made at all: who switched them on or off, when, and why."""

    on: bool
    by: str
    at: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Correction:
    """The durable run of an action for one episode of one alert.

    `attempt` counts calls, `called_at` is when the last call ended, `not_before` when the next may start, `deadline`
    when verifying ends, or a proposal lapses. `queued` counts the calls given out, those too that were held back before
    they were made. `fired_at` names the episode where it was not `created` with it. `thing` is a hash of what is acted
    on; `waits_for` is the run that acts on it now. A run by hand has no rule of its own. `undoes` and `undone_by` are
    the ids of runs. `asked` is a hash of the action as it was configured when a person was asked. `place` counts those
    that ended, in that order, whatever the clock was set to meanwhile. `said` counts the transitions that say how it
    goes.
    """

    id: str
    key: InstanceKey
    alert: str
    fingerprint: str
    episode: int
    action: str
    state: RunState
    attempt: int
    created: int
    updated: int
    called_at: int | None = None
    deadline: int | None = None
    not_before: int | None = None
    detail: str = ""
    queued: int = 0
    fired_at: int | None = None
    approval: Approval | None = None
    by_hand: bool = False
    thing: str = ""
    waits_for: str = ""
    before: Snapshot | None = None
    after: Snapshot | None = None
    output: str | None = None  # JSON
    driven: Driven | None = None
    dry_run: bool = False
    undoes: str = ""
    undone_by: str = ""
    asked: str = ""
    place: int = 0
    said: int = 0

    @property
    def sayings(self) -> int:
        """Tells the transition that says how it is now from all others of its alert, also in the same instant.

        Decisions may share one: a clock that was set back shows it once more.
        """
        return (int(self.short, 16) << 16) + self.said

    @property
    def short(self) -> str:
        """What people call it: eight hexadecimal digits."""
        return hashlib.sha256(self.id.encode()).hexdigest()[:8]

    @property
    def of(self) -> int:
        """When the alert fired that it corrects."""
        return self.created if self.fired_at is None else self.fired_at
