"""How an instance stands: one function for each form of target, from its readings and the time alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import isnan
from typing import NamedTuple

from rules.bounds import Unsettled
from rules.checkins import assess_checkin
from rules.combining import combine_of, combined, last_read
from rules.conditions import Condition
from rules.levels import NO_GOAL, NO_VALUE, breaching, held, judge, judge_several, settled_at
from rules.model import Assessment, Combine, Goal, Standing
from rules.model.quick import maker, replace
from rules.progress import Sight, assess_period, described, sighted
from rules.scene import Scene
from rules.tracks import Track
from rules.words import number

_IN, _OUT = Standing.IN_BAND, Standing.OUT_OF_BAND  # a member of an enum is slow to look up
_assessment = maker(Assessment)
_COMBINED = {combine: partial(combined, combine) for combine in (None, *Combine)}


class Glance(NamedTuple):
    """How an instance stands, the value and the time of its newest reading, and the period that it stands so in.

    What decided is the `sight` of a period, and the `answers` to a condition.
    """

    standing: Standing
    value: float | None
    time: int | None
    start: int | None = None
    end: int | None = None
    sight: Sight | None = None
    answers: Sequence[float | None] = ()


def glance(scene: Scene, now: int, *, briefly: bool = False) -> Glance | None:
    """What `assess` finds at `now`, which may be later than the scene's, but for the numbers that say why.

    `briefly`: nor what they follow from, where how it stands does not.

    None where all of it has to be looked at: nothing can be said, or it is a check-in, or of several series.
    """
    goal = scene.target.goal
    if goal is None:
        return (
            _glance_at_level(scene, NO_GOAL, now) if scene.target.checkin is None and len(scene.tracks) == 1 else None
        )
    if scene.condition:
        return _glance_at_condition(scene, scene.condition, now)
    if len(scene.tracks) != 1:
        return None
    if goal.per is None:
        return _glance_at_level(scene, goal, now)
    sight = sighted(scene, now, goal, goal.per, _COMBINED[combine_of(scene.target)], briefly=briefly)
    stretch = sight.stretch
    if sight.hold:
        return None
    return Glance(sight.standing, stretch.value, stretch.newest, stretch.start, stretch.end, sight)


def _glance_at_level(scene: Scene, goal: Goal, now: int) -> Glance | None:
    track = scene.tracks[0]
    if not track.times:
        return None
    if goal.at_least_from is not None or goal.at_most_from is not None:
        try:
            goal = settled_at(scene, now)
        except Unsettled:
            return None
    value = track.values[-1]
    if isnan(value):
        return None
    breaches = breaching(goal, scene.target.recover, value)
    standing = scene.verdict if breaches is None else _OUT if breaches else _IN  # one between the two changes nothing
    return None if standing is None else Glance(standing, value, track.times[-1])


def _glance_at_condition(scene: Scene, condition: Condition, now: int) -> Glance | None:
    values = [question.answer(now) for question in scene.questions]
    truth = condition.decide(values)
    if truth is None or (None in values and _open(scene) is not None):
        return None
    value = values[0] if len(values) == 1 else None
    return Glance(_IN if truth else _OUT, value, _newest_time(scene.tracks), answers=values)


def _newest_time(tracks: Sequence[Track]) -> int | None:
    if len(tracks) == 1:
        return tracks[0].times[-1] if tracks[0].times else None
    return max([track.times[-1] for track in tracks if track.times], default=None)


def assess(scene: Scene, seen: Glance | None = None) -> Assessment:
    """How the instance stands now; by what a `glance` at this time has found already, if there was one."""
    target = scene.target
    if scene.down:
        return held(scene, f"source {', '.join(scene.down)} can't be read")
    if target.checkin:
        return assess_checkin(target.checkin, _by_name(scene), scene.now, scene.created)
    after = target.no_data.after if target.no_data else None
    if after is not None and scene.silent_until is not None and scene.silent_until - scene.quiet_since >= after:
        return replace(held(scene, "no reading"), silent=True)
    if scene.condition:
        return assess_condition(scene, scene.condition, answers=seen.answers if seen is not None else ())
    try:
        sight = seen.sight if seen is not None else None
        return described(sight) if sight is not None else _assess_goal(scene, target.goal or NO_GOAL)
    except Unsettled as lack:
        return held(scene, str(lack))


def _assess_goal(scene: Scene, goal: Goal) -> Assessment:
    if not scene.tracks:
        return held(scene, "no reading yet")
    if len(scene.tracks) == 1 and goal.per is None:
        return judge(scene)
    combine = combine_of(scene.target)
    if len(scene.tracks) > 1 and combine is None:
        return held(scene, _two_series(scene))
    if goal.per is None:
        return judge_several(scene, combine)
    if len(scene.tracks) > 1 and combine is Combine.LAST:
        scene = replace(scene, tracks=last_read(scene.tracks))
    return assess_period(scene, goal, goal.per, _COMBINED[combine])


def _two_series(scene: Scene) -> str:
    one, two = scene.series[0], scene.series[1]
    return f"{one} and {two} fall into one instance; split them with `by` or say how with `combine`"


def _by_name(scene: Scene) -> dict[str, Track]:
    return {series.name: track for series, track in zip(scene.series, scene.tracks, strict=True)}


def _open(scene: Scene, until: int | None = None) -> str | None:
    """Of which query it is open which series is meant, now or as of a time, in words."""
    for question in scene.questions:
        views = question.views if until is None else question.views_of(until)
        if question.is_open(views):
            return f"{question.query.text} means {len(views)} series"
    return None


def assess_condition(
    scene: Scene, condition: Condition, until: int | None = None, answers: Sequence[float | None] = ()
) -> Assessment:
    """How an instance stands by its condition, now or as of a time at which one of its series had a reading.

    `answers` are those of now, if they are known.
    """
    if not answers and (many := _open(scene, until)) is not None:
        return held(scene, f"{many}; split them with `by` or use `combine`")
    values = answers or [
        question.answer(scene.now) if until is None else question.answer_then(question.views_of(until), until)
        for question in scene.questions
    ]
    truth = condition.decide(values)
    found = {query.text: value for query, value in zip(condition.queries, values, strict=True)}
    inputs = tuple((text, NO_VALUE if value is None else number(value)) for text, value in found.items())
    if until is None:
        time = _newest_time(scene.tracks)
    else:
        time = max((pair[0] for track in scene.tracks if (pair := track.newest_at(until)) is not None), default=None)
    if truth is None:
        missing = [text for text, value in found.items() if value is None]
        reason = f"{NO_VALUE} for {' and '.join(missing)}" if missing else "it can't be calculated"
        return _assessment(Standing.NO_DATA, time=time, inputs=inputs, reason=reason, hold=True)
    return _assessment(
        Standing.IN_BAND if truth else Standing.OUT_OF_BAND,
        value=values[0] if len(values) == 1 else None,
        time=time,
        breaching=not truth,
        recovered=truth,
        inputs=inputs,
    )
