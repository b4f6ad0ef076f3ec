"""What is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from rules.model.quick import quick
from rules.model.troubles import BLIND, RECEIVER_DOWN


class Reason(StrEnum):
    """Why a notice is sent."""

    FIRING = "firing"
    RESOLVED = "resolved"
    REMINDER = "reminder"  # it still fires, `repeat_interval` after it was last told
    UPDATED = "updated"  # acknowledged, correction called or verified, silenced
    ESCALATED = "escalated"
    UNCORRECTED = "uncorrected"  # a correction failed for good, and nobody is escalated to
    RAISED = "raised"  # to a graver severity
    FLAPPING = "flapping"  # it comes and goes; nothing is told of that until it settles
    SETTLED = "settled"  # flaps no more, and fires
    UNDELIVERABLE = "undeliverable"  # another receiver refused a notice for good
    REPORT = "report"  # to a notifier that knows notices only; nothing fires
    TEST = "test"


@quick
@dataclass(frozen=True, slots=True)
class NoticedAlert:
    """One of the alerts a notice is about. `fresh`: the receiver was not told yet that it fires so, or fired.

    `again`: it was told, and then the alert was muted until now.
    """

    status: str  # "firing" or "resolved"
    title: str
    headline: str
    severity: str
    fingerprint: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    values: Mapping[str, float]
    starts_at: int
    ends_at: int | None
    fresh: bool = False
    again: bool = False


@dataclass(frozen=True, slots=True)
class Proposal:
    """A correction that waits for a person: its id, what it would do, and when the question lapses.

    `of` names the alert among the several of a notice.
    """

    id: str
    action: str
    words: str
    expires: int | None
    of: str = ""


@dataclass(frozen=True, slots=True)
class AsFired:
    """What a notice said when its alert fired."""

    headline: str
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class News:
    """What people have to hear of an alert beside how it stands: a correction that ended, an escalation."""

    words: str
    failed: bool = False


@quick
@dataclass(frozen=True, slots=True)
class Notice:
    """What a notifier is given: everything it may say, rendered, nothing to look up. JSON in the outbox.

    `values` are the numbers behind the words by name (value, at_least, at_most, progress, pace, required_rate,
    projection, projection_low, projection_high, chance, expected); those that are unknown are absent.

    A notice about a group of several says by itself what is said of the gravest of them, but for `headline`. `alerts`
    are all of them, cut where there are very many; `firing` and `resolved` count those too that were cut. `group`
    names a group that may have several alerts over time and `group_since` its episode: messages of one episode belong
    together. Without them that is the alert, and its firing. `news` is all there was so far in this firing, again in
    each notice, so that none is lost where a notice is. `unsaid` are firings, the first at `unsaid_since`, of which the
    receiver was not told by themselves, because they came and went while a message waited; `fired` is what was said of
    this firing when it began, in the notice that goes out instead.
    """

    reason: Reason
    status: str  # "firing" or "resolved", as Alertmanager says it
    title: str  # of the target
    headline: str  # one line of plain words
    target: str
    alert: str
    severity: str
    standing: str
    fingerprint: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    values: Mapping[str, float]
    starts_at: int
    ends_at: int | None
    at: int
    receiver: str
    details: tuple[str, ...] = ()  # further lines: since when, correction, acknowledgement
    period_start: int | None = None
    period_end: int | None = None
    zone: str = "UTC"
    unit: str = ""
    percent: bool = False  # `values` in the goal's unit are shares, from 0 to 1, to be said in percent
    external_url: str = ""
    why: tuple[str, ...] = ()  # a few lines: what was read and compared, what comes next
    group: str = ""
    group_since: int | None = None
    group_key: str = ""  # as Alertmanager writes it
    group_labels: Mapping[str, str] = field(default_factory=dict)
    alerts: tuple[NoticedAlert, ...] = ()
    firing: int = 0
    resolved: int = 0
    acknowledged_by: str = ""
    proposals: tuple[Proposal, ...] = ()
    confirm: str = ""  # names a test that waits for a person's click
    news: tuple[News, ...] = ()
    unsaid: int = 0
    unsaid_since: int | None = None
    fired: AsFired | None = None

    @property
    def every(self) -> tuple[NoticedAlert, ...]:
        """The alerts it is about, at least the one it speaks for."""
        return self.alerts or (
            NoticedAlert(
                self.status, self.title, self.headline, self.severity, self.fingerprint, self.labels, self.annotations,
                self.values, self.starts_at, self.ends_at,
            ),
        )  # fmt: skip

    @property
    def of_itself(self) -> bool:
        """Whether it is about the daemon itself, so that there is nothing to take or to silence."""
        return self.alert in {BLIND, RECEIVER_DOWN} and not self.target

    @property
    def episode(self) -> int:
        """Notices to one receiver about the same `group` (or alert) and episode belong to one message or thread."""
        return self.starts_at if self.group_since is None else self.group_since
