"""The numbers of a goal that are looked up: in a table by period, or in the readings of another series."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from rules.combining import combine_of, combined
from rules.model import CalendarPeriod, Combine, Goal, InstanceKey, Lookup, PeriodTable, Selector, Series, Target
from rules.periods import period_name
from rules.scene import Scene
from rules.selectors import selects
from rules.tracks import Track


class Unsettled(Exception):
    """There is no number; the words say why."""


def settled(goal: Goal, scene: Scene, start: int, end: int) -> Goal:
    """The goal with its numbers as of a period, which of a series are the newest value before `end`.

    Raises Unsettled where there is none.
    """
    if goal.at_least_from is not None:
        goal = replace(goal, at_least=_looked_up(goal.at_least_from, goal, scene, (start, end)))
    if goal.at_most_from is not None:
        goal = replace(goal, at_most=_looked_up(goal.at_most_from, goal, scene, (start, end)))
    return goal


def _looked_up(lookup: Lookup, goal: Goal, scene: Scene, period: tuple[int, int]) -> float | None:
    if isinstance(lookup, Selector):
        return _of_series(lookup, scene, period[1])
    return _of_table(lookup, goal, period[0], scene.target.zone)


def _of_table(table: PeriodTable, goal: Goal, start: int, zone: str) -> float:
    name = period_name(goal.per.unit, start, zone) if isinstance(goal.per, CalendarPeriod) else ""
    number = table.values.get(name, table.default)
    if number is None:
        raise Unsettled(f"no goal for {name}")
    return number


def _of_series(selector: Selector, scene: Scene, end: int) -> float | None:
    return _at(selector, scene.target, serving(selector, scene.key, scene.beside), end - 1)


def _at(selector: Selector, target: Target, tracks: Iterable[Track], time: int) -> float | None:
    """The number by the readings up to a time. Raises Unsettled."""
    values = [track.at(time) for track in tracks]
    known = [value for value in values if value is not None]
    combine = combine_of(target)
    if not values or len(known) < len(values):
        raise Unsettled(f"{selector} has no value yet")
    if len(known) > 1 and combine in {None, Combine.LAST}:
        raise Unsettled(f"{selector} means {len(known)} series; say which with labels, or how with `combine`")
    return combined(combine, known)


def through(
    lookup: Lookup | None,
    target: Target,
    key: InstanceKey,
    beside: Iterable[tuple[Series, Track]],
    span: tuple[int, int],
) -> list[tuple[int, float]]:
    """What a looked-up number of an instance was from start to end (inclusive): (time, number) of each change.

    The first is what it was at the start. Empty if it does not come from a series, or is not known.
    """
    if not isinstance(lookup, Selector):
        return []
    tracks = serving(lookup, key, beside)
    start, end = span
    found: list[tuple[int, float]] = []
    for time in sorted({start, *(time for track in tracks for time, _ in track.between(start, end + 1))}):
        try:
            number = _at(lookup, target, tracks, time)
        except Unsettled:
            continue
        if number is not None and (not found or found[-1][1] != number):
            found.append((time, number))
    return found


def serving(selector: Selector, key: InstanceKey, beside: Iterable[tuple[Series, Track]]) -> list[Track]:
    """The readings of what a selector means for an instance: of several series those that name most of its labels."""
    found = [(_named(series, key), track) for series, track in beside if selects(selector, series)]
    most = max((count for count, _ in found), default=0)
    return [track for count, track in found if count == most]


def _named(series: Series, key: InstanceKey) -> int:
    return len(set(series.labels) & set(key.labels))
