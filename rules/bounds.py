"""The numbers of a goal that are looked up: in a table by period, or in the readings of another series."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from rules.combining import combine_of, combined
from rules.model import CalendarPeriod, Combine, Goal, InstanceKey, Lookup, PeriodTable, Selector, Series
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
    values = [track.at(end - 1) for track in serving(selector, scene.key, scene.beside)]
    known = [value for value in values if value is not None]
    combine = combine_of(scene.target)
    if not values or len(known) < len(values):
        raise Unsettled(f"{selector} has no value yet")
    if len(known) > 1 and combine in {None, Combine.LAST}:
        raise Unsettled(f"{selector} means {len(known)} series; say which with labels, or how with `combine`")
    return combined(combine, known)


def serving(selector: Selector, key: InstanceKey, beside: Iterable[tuple[Series, Track]]) -> list[Track]:
    """The readings of what a selector means for an instance: of several series those that name most of its labels."""
    found = [(_named(series, key), track) for series, track in beside if selects(selector, series)]
    most = max((count for count, _ in found), default=0)
    return [track for count, track in found if count == most]


def _named(series: Series, key: InstanceKey) -> int:
    return len(set(series.labels) & set(key.labels))
