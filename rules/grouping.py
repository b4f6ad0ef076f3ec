"""Groups: when they are looked at, and what is told then. As Alertmanager's dispatcher and its notification log.

Source: https://prometheus.io/docs/alerting/latest/configuration/#route (group_wait, group_interval, repeat_interval).
Two things differ. What was told as firing is told as resolved even if it is muted by then, so that no message stays
red; and what fired and ended between two looks is not told at all, whatever else the group has to say. Of a burst it
is told that it ended: each of these alerts asked to be told by itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass

from rules.matchers import quoted
from rules.model import HOUR, MINUTE, Group, Labels, Member, Muted, Reason
from rules.model.quick import replace
from rules.routing import EACH, Route

_DISTINCT = "\xff"
BURST = 10  # messages about alerts by themselves that one receiver is sent within a minute; what comes then shares one
BURST_SPAN = MINUTE
_CALMS = 5  # times: a burst is told of every minute at first, in the end every five
_LIVES = HOUR  # how long a message goes on when its alert fires again


@dataclass(frozen=True, slots=True)
class Told:
    """What a look at a group found to tell."""

    reason: Reason
    firing: tuple[Member, ...]
    resolved: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """What became of a group: None when nothing is left of it. `members` are those that stay, `gone` those that go."""

    group: Group | None
    members: tuple[Member, ...]
    gone: tuple[str, ...]
    told: Told | None


def routed_group(route: Route, labels: Labels, now: int, changing: Container[str] = ()) -> Group:
    """The group of an alert with these labels at a node of the tree, as it is when it begins.

    Labels that are `changing` while it fires do not tell an alert by itself from others.
    """
    grouped = route.group_labels(labels)
    if EACH in route.group_by:
        grouped = tuple(pair for pair in grouped if pair[0] not in changing)
    written = ", ".join(f"{name}={quoted(value)}" for name, value in grouped)
    key = f"{route.key}:{{{written}}}"
    return Group(
        id=_id("route", key, route.receiver),
        key=key,
        receiver=route.receiver,
        since=now,
        labels=grouped,
        wait=route.group_wait,
        interval=route.group_interval,
        repeat=route.repeat_interval,
        mute=route.mute,
        active=route.active,
    )


def own_group(receiver: str, alert: str, fingerprint: str, now: int, repeat: int | None = None) -> Group:
    """The group of one alert by itself, told at once."""
    return Group(
        id=_id("own", receiver, fingerprint),
        key=f'{{}}:{{alertname={quoted(alert)}, fingerprint="{fingerprint}"}}',
        receiver=receiver,
        since=now,
        repeat=repeat,
        own=True,
    )


def burst_group(receiver: str, now: int) -> Group:
    """The group of all alerts that are too many at once to be told by themselves."""
    key = f"{{}}:{{receiver={quoted(receiver)}}}"
    return Group(id=_id("burst", receiver), key=key, receiver=receiver, since=now, interval=MINUTE, burst=True)


def begun(group: Group, now: int) -> Group:
    """The group after it began a message by itself."""
    return replace(group, begun=(*group.begun, now)[-BURST:])


def crowded(group: Group, now: int, *, soon: bool) -> Group:
    """A burst after an alert joined it: looked at in its turn, or `soon`, a minute after the last message."""
    group = begun(replace(group, interval=MINUTE * min(1 + group.tellings, _CALMS)), now)
    if group.next_look is None:
        return replace(group, next_look=now)
    earliest = now if group.told_at is None else max(now, group.told_at + MINUTE)
    return replace(group, next_look=min(group.next_look, earliest)) if soon else group


def goes_on(group: Group, now: int) -> bool:
    """Whether what the group has to say belongs to the message that it began last."""
    return bool(group.begun) and now - group.begun[-1] < _LIVES


def _id(*parts: str) -> str:
    return hashlib.sha256(_DISTINCT.join(parts).encode()).hexdigest()[:16]


def joined(group: Group, fired_at: int, now: int) -> Group:
    """The group after an alert joined it. An alert that is older than `group_wait` waits no more for the first look."""
    if group.own:
        return replace(group, next_look=now)
    first = max(now, fired_at + group.wait)
    if group.next_look is None or (not group.looked and first < group.next_look):
        return replace(group, next_look=first)
    return group


def renewed(group: Group, wanted: Group, now: int) -> Group:
    """The group with the settings that its route has now; they count from when it began or was last to be looked at."""
    after = replace(
        group, wait=wanted.wait, interval=wanted.interval, repeat=wanted.repeat, mute=wanted.mute, active=wanted.active
    )
    waited, waits = (group.interval, after.interval) if group.looked else (group.wait, after.wait)
    if group.own or group.next_look is None or waits == waited:
        return after
    began = group.next_look - waited if group.looked else group.since
    return replace(after, next_look=max(began + waits, now))


def look(
    group: Group,
    members: Iterable[Member],
    now: int,
    muted: Callable[[Member], Muted | None],
    hushed: Callable[[Member], bool],
) -> Look:
    """Looks at a group: what is told now, and when to look again. Nobody is reminded of what is `hushed`:
    of an alert that a person took, or that flaps."""
    if group.told_at is not None and group.told_at > now:  # the clock was set back
        group = replace(group, told_at=now)
    staying, gone, resolved = [], [], []
    for member in members:
        if member.ended is None:
            why = muted(member)
            staying.append(member if why == member.muted else replace(member, muted=why))
            continue
        gone.append(member.fingerprint)
        if member.told or (group.burst and member.muted is None):
            resolved.append(member)
    firing = tuple(member for member in staying if member.muted is None)
    reason = _reason(group, firing, resolved, now, hushed)
    told = None if reason is None else Told(reason, firing, tuple(resolved))
    if told is not None:
        staying = [_named(member) for member in staying]
        group = replace(group, told_at=now, tellings=group.tellings + 1)
    if not staying:
        remembered = replace(group, next_look=group.begun[-1] + _LIVES) if goes_on(group, now) else None
        return Look(remembered, (), tuple(gone), told)
    after = replace(group, looked=True, next_look=_next_look(group, staying, now, hushed))
    return Look(after, tuple(staying), tuple(gone), told)


def passed(group: Group, members: Iterable[Member], now: int) -> Group | None:
    """What a look makes of a group of several, none of them muted, if it is sure to find nothing to tell; else None."""
    if group.own or group.told_at is None or group.told_at > now:
        return None
    for member in members:
        again = reminder(group, member)
        if member.ended or member.muted or member.news or not member.told or (again is not None and again <= now):
            return None
    return replace(group, looked=True, next_look=_next_grid(group, now))


def _named(member: Member) -> Member:
    """A member after a message. One that was told before and is left out is news when it is no longer muted."""
    left = member.told and member.muted is not None
    return replace(member, told=member.told or member.muted is None, news=left, left=left)


def _reason(
    group: Group,
    firing: tuple[Member, ...],
    resolved: list[Member],
    now: int,
    hushed: Callable[[Member], bool],
) -> Reason | None:
    if any(member.news or not member.told for member in firing):
        return Reason.FIRING
    if resolved:
        return Reason.RESOLVED
    due = any((at := _reminder(group, member, hushed)) is not None and at <= now for member in firing)
    return Reason.REMINDER if due else None


def reminder(group: Group, member: Member) -> int | None:
    """When the receiver is to be reminded of a firing member."""
    repeat = member.repeat or group.repeat
    return None if repeat is None or group.told_at is None else group.told_at + repeat


def _reminder(group: Group, member: Member, hushed: Callable[[Member], bool]) -> int | None:
    return None if hushed(member) else reminder(group, member)


def _next_look(group: Group, members: list[Member], now: int, hushed: Callable[[Member], bool]) -> int | None:
    if not group.own:
        return _next_grid(group, now)
    moments = [m.muted.until if m.muted else _reminder(group, m, hushed) for m in members]
    return min((max(moment, now) for moment in moments if moment is not None), default=None)


def _next_grid(group: Group, now: int) -> int:
    """On the grid of its first look, so that a look that came late, after a restart too, moves none of the others."""
    if group.next_look is not None and now < group.next_look <= now + group.interval:
        return group.next_look  # this one came between two
    late = now - group.next_look if group.next_look is not None else 0
    return now + group.interval - max(late, 0) % group.interval
