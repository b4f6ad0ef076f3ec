"""What is told together, and what is not told."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rules.model.quick import quick
from rules.model.states import InstanceKey, Transition
from rules.model.values import Labels, Matcher


class MutedBy(StrEnum):
    """What keeps an alert from being told."""

    SILENCE = "silence"
    INHIBITION = "inhibition"
    INTERVAL = "interval"
    DEPENDENCY = "dependency"
    BLINDNESS = "blindness"


@dataclass(frozen=True, slots=True)
class Muted:
    """Why an alert is not told. `name` is the silence's id, the other alert's fingerprint, the interval's name, the
    target or source that is off, or `sources` where too many fail; `until` when that ends by itself, or is looked at
    again, where it is known."""

    by: MutedBy
    name: str
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Silence:
    """Mutes the alerts that all matchers match from `starts` until `ends` (not included)."""

    id: str
    matchers: tuple[Matcher, ...]
    author: str
    reason: str
    starts: int
    ends: int
    created: int
    updated: int


@quick
@dataclass(frozen=True, slots=True)
class Group:
    """Alerts that one receiver is told of together. Spans are microseconds.

    `key` says where it comes from, in Alertmanager's words. `own` is a group of one alert, which is told at once. From
    `since` on its messages are about the same episode; `told_at` is when something was last told, `tellings` how often.
    `begun` is when it began a message by itself, of a burst when the last alerts joined.
    A `burst` is of alerts that were too many at once to be told by themselves.
    """

    id: str
    key: str
    receiver: str
    since: int
    labels: Labels = ()
    wait: int = 0
    interval: int = 0
    repeat: int | None = None
    mute: tuple[str, ...] = ()  # names of time intervals
    active: tuple[str, ...] = ()
    own: bool = False
    next_look: int | None = None
    looked: bool = False
    told_at: int | None = None
    tellings: int = 0
    begun: tuple[int, ...] = ()
    burst: bool = False


@quick
@dataclass(frozen=True, slots=True)
class Member:
    """One alert in one group. `told`: the receiver was told that it fires; `news`: since then it became graver, flaps
    or has settled, could not be corrected, or the last message left it out, which is what `left` says. `escalated`: the
    receiver knows it only by an escalation.

    `ended` is its resolve, until that is told; `muted` why it was left out when it was last looked at.
    """

    group: str
    key: InstanceKey
    alert: str
    fingerprint: str
    labels: Labels
    fired_at: int
    repeat: int | None = None
    told: bool = False
    news: bool = False
    left: bool = False
    escalated: bool = False
    muted: Muted | None = None
    ended: Transition | None = None
