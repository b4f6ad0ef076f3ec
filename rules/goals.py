"""How an instance stands: one function for each form of target, from its readings and the time alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import isnan
from typing import NamedTuple

from rules.bounds import Unsettled, settled
from rules.checkins import assess_checkin
from rules.combining import combine_of, combined
from rules.conditions import Condition
from rules.functions import FUNCTIONS, Query, ask
from rules.model import (
    Assessment,
    Combine,
    Goal,
    Recover,
    Standing,
)
from rules.model.quick import maker, replace
from rules.progress import Sight, assess_period, sighted
from rules.scene import Scene
from rules.selectors import selects
from rules.tracks import Track
from rules.words import number

_IN, _OUT = Standing.IN_BAND, Standing.OUT_OF_BAND  # a member of an enum is slow to look up
_NO_GOAL = Goal()
_assessment = maker(Assessment)
_COMBINED = {combine: partial(combined, combine) for combine in (None, *Combine)}


class Glance(NamedTuple):
    """How an instance stands, the value and the time of its newest reading, and the period that it stands so in.

    `sight` is what decided, for a period.
    """

    standing: Standing
    value: float | None
    time: int | None
    start: int | None = None
    end: int | None = None
    sight: Sight | None = None


def glance(scene: Scene, now: int) -> Glance | None:
    """What `assess` finds at `now`, which may be later than the scene's, but for the numbers that say why.

    None where all of it has to be looked at: nothing can be said, or it is a check-in, or of several series.
    """
    goal = scene.target.goal
    if goal is None:
        return _glance_at_level(scene, _NO_GOAL) if scene.target.checkin is None and len(scene.tracks) == 1 else None
    if scene.condition:
        return _glance_at_condition(scene, scene.condition, now)
    if len(scene.tracks) != 1:
        return None
    if goal.per is None:
        return _glance_at_level(scene, goal)
    sight = sighted(scene, now, goal, goal.per, _COMBINED[combine_of(scene.target)])
    stretch = sight.stretch
    if sight.hold:
        return None
    return Glance(sight.standing, stretch.value, stretch.newest, stretch.start, stretch.end, sight)


def _glance_at_level(scene: Scene, goal: Goal) -> Glance | None:
    if goal.at_least_from is not None or goal.at_most_from is not None or not scene.tracks[0].times:
        return None
    track = scene.tracks[0]
    value = track.values[-1]
    breaches = _breaches(goal, scene.target.recover, value) if not isnan(value) else None
    return None if breaches is None else Glance(_OUT if breaches else _IN, value, track.times[-1])


def _glance_at_condition(scene: Scene, condition: Condition, now: int) -> Glance | None:
    values = condition_values(scene, condition, now)
    truth = condition.decide(values)
    if truth is None:
        return None
    time = max((track.times[-1] for track in scene.tracks if track.times), default=None)
    return Glance(_IN if truth else _OUT, values[0] if len(values) == 1 else None, time)


def assess(scene: Scene) -> Assessment:
    """How the instance stands now."""
    target = scene.target
    if scene.down:
        return _held(scene, f"source {', '.join(scene.down)} can't be read")
    if target.checkin:
        return assess_checkin(target.checkin, _by_name(scene), scene.now, scene.created)
    after = target.no_data.after if target.no_data else None
    if after is not None and scene.silent_until is not None and scene.silent_until - scene.quiet_since >= after:
        return replace(_held(scene, "no reading"), silent=True)
    if scene.condition:
        return _assess_condition(scene, scene.condition)
    try:
        return _assess_goal(scene, target.goal or _NO_GOAL)
    except Unsettled as lack:
        return _held(scene, str(lack))


def _assess_goal(scene: Scene, goal: Goal) -> Assessment:
    if not scene.tracks:
        return _held(scene, "no reading yet")
    if len(scene.tracks) == 1 and goal.per is None:
        return judge(scene)
    combine = combine_of(scene.target)
    if len(scene.tracks) > 1 and combine is None:
        return _held(scene, _two_series(scene))
    if len(scene.tracks) > 1 and combine is Combine.LAST:
        scene = replace(scene, tracks=_last_read(scene.tracks))
    if goal.per is not None:
        return assess_period(scene, goal, goal.per, _COMBINED[combine])
    return judge(scene) if len(scene.tracks) == 1 else _judge_several(scene, combine)


def _judge_several(scene: Scene, combine: Combine | None) -> Assessment:
    """How an instance stands whose goal has no period, by what its series' newest values make together."""
    goal = _settled(scene, scene.now)
    time, value = _newest(scene.tracks, combine)
    if value is None:
        return replace(_held(scene, "no value"), time=time)
    breaches = _breaches(goal, scene.target.recover, value)
    out = scene.verdict is _OUT if breaches is None else breaches
    return _leveled(goal, value, time, breaches=breaches, out=out)


def judge(scene: Scene, until: int | None = None) -> Assessment:
    """How an instance of one series whose goal has no period stands, now or as of its reading at `until`.

    The newest value that is either outside the goal or inside the recover band decides; one between the two leaves it
    as it was. So the verdict follows from the readings alone, in whatever order they came. Raises Unsettled.
    """
    goal, recover = _settled(scene, scene.now if until is None else until), scene.target.recover
    track = scene.tracks[0]
    newest = index = track.valued(len(track.times) if until is None else track.count(until))
    if newest < 0:
        return _held(replace(scene, previous=None), "no value")
    out = breaches = _breaches(goal, recover, track.values[newest])
    while out is None and (index := track.valued(index)) >= 0:
        out = _breaches(goal, recover, track.values[index])
    if out is None:
        out = scene.verdict is _OUT
    return _leveled(goal, track.values[newest], track.times[newest], breaches=breaches, out=out)


def judgements(scene: Scene, until: int | None, count: int) -> list[bool] | None:
    """Whether the instance was out of band as of each of the last `count` readings up to `until`, oldest first.

    None where it is not judged reading by reading. Readings before the first that is either outside the goal or inside
    the recover band count as in band, unless no reading is either: then all are as the verdict is.
    """
    goal, tracks = scene.target.goal or _NO_GOAL, scene.tracks
    if goal.per is not None or scene.condition or scene.target.checkin or not tracks:
        return None
    if len(tracks) > 1:
        return None
    found: list[bool | None] = []
    same = goal.at_least_from is None and goal.at_most_from is None
    for time, value in tracks[0].backwards(until):
        found.append(_breaches(goal, scene.target.recover, value) if same else _breached(scene, time, value))
        if len(found) >= count and found[-1] is not None:
            break
    last = scene.verdict is _OUT and all(out is None for out in found)
    outs: list[bool] = []
    for out in reversed(found):
        last = last if out is None else out
        outs.append(last)
    return outs[-count:]


def _breached(scene: Scene, time: int, value: float) -> bool | None:
    """Whether a value breached what was wanted at its time; None where that is not known either."""
    try:
        return _breaches(_settled(scene, time), scene.target.recover, value)
    except Unsettled:
        return None


def _settled(scene: Scene, at: int) -> Goal:
    """The goal with the numbers that it looks up, as of a time. Raises Unsettled where there is none."""
    goal = scene.target.goal or _NO_GOAL
    if goal.at_least_from is None and goal.at_most_from is None:
        return goal
    return settled(goal, scene, at, at + 1)


def _breaches(goal: Goal, recover: Recover | None, value: float) -> bool | None:
    """Whether a value is outside the goal; None where it is inside, but not yet inside the recover band."""
    low, high = goal.at_least, goal.at_most
    if (low is not None and value < low) or (high is not None and value > high):
        return True
    if recover is None:
        return False
    low, high = recover.at_least, recover.at_most
    return None if (low is not None and value < low) or (high is not None and value > high) else False


def _leveled(goal: Goal, value: float, time: int | None, *, breaches: bool | None, out: bool) -> Assessment:
    return _assessment(
        _OUT if out else _IN,
        value,
        time,
        goal.at_least,
        goal.at_most,
        breaching=breaches is True,
        recovered=breaches is False,
    )


def _held(scene: Scene, reason: str) -> Assessment:
    goal, last = scene.target.goal or _NO_GOAL, scene.previous
    return Assessment(
        Standing.NO_DATA,
        value=last.value if last else None,
        time=last.time if last else None,
        at_least=last.at_least if last and goal.at_least_from else goal.at_least,
        at_most=last.at_most if last and goal.at_most_from else goal.at_most,
        start=last.start if last else None,
        end=last.end if last else None,
        reason=reason,
        hold=True,
    )


def newest(scene: Scene) -> tuple[int | None, float | None]:
    """Time and value of the newest reading of an instance; of several series, of what their newest combine to."""
    combine = combine_of(scene.target)
    if len(scene.tracks) > 1 and combine is None:
        return None, None
    return _newest(_last_read(scene.tracks) if combine is Combine.LAST else scene.tracks, combine)


def _newest(tracks: Sequence[Track], combine: Combine | None) -> tuple[int | None, float | None]:
    pairs = [pair for pair in (track.newest for track in tracks) if pair is not None]
    values = [value for _, value in pairs if value is not None]
    time = max((time for time, _ in pairs), default=None)
    return time, combined(combine, values) if len(values) == len(pairs) else None


def _last_read(tracks: Sequence[Track]) -> list[Track]:
    """The track with the newest reading; of several with one of the same time the one with the largest value."""
    read = [(*track.newest, track) for track in tracks if track.newest is not None]
    best = max(read, key=lambda one: (one[0], one[1] is not None, one[1] or 0.0), default=None)
    return [best[2]] if best else []


def _two_series(scene: Scene) -> str:
    one, two = scene.series[0], scene.series[1]
    return f"{one} and {two} fall into one instance; split them with `by` or say how with `combine`"


def _by_name(scene: Scene) -> dict[str, Track]:
    return {series.name: track for series, track in zip(scene.series, scene.tracks, strict=True)}


def condition_values(scene: Scene, condition: Condition, now: int) -> list[float | None]:
    """What each query of a condition is asked at `now`; None: no value, or it is open which series is meant."""
    combine = combine_of(scene.target)
    values: list[float | None] = []
    for query in condition.queries:
        tracks = selected(scene, query)
        is_open = len(tracks) > 1 and _is_open(query, tracks, combine)
        values.append(None if is_open else _asked(query, tracks, scene, combine, now))
    return values


def _is_open(query: Query, tracks: Sequence[Track], combine: Combine | None) -> bool:
    """Whether it is open which of several series is meant, or what is made of them."""
    return len(tracks) > 1 and combine is None and FUNCTIONS[query.function].of_several is None


def _assess_condition(scene: Scene, condition: Condition) -> Assessment:
    combine = combine_of(scene.target)
    values: list[float | None] = []
    for query in condition.queries:
        tracks = selected(scene, query)
        if _is_open(query, tracks, combine):
            return _held(scene, f"{query.text} means {len(tracks)} series; split them with `by` or use `combine`")
        values.append(_asked(query, tracks, scene, combine, scene.now))
    truth = condition.decide(values)
    found = {query.text: value for query, value in zip(condition.queries, values, strict=True)}
    inputs = tuple((text, "no value" if value is None else number(value)) for text, value in found.items())
    time = max((track.times[-1] for track in scene.tracks if track.times), default=None)
    if truth is None:
        missing = [text for text, value in found.items() if value is None]
        reason = f"no value for {' and '.join(missing)}" if missing else "it can't be calculated"
        return replace(_held(scene, reason), inputs=inputs, time=time)
    return Assessment(
        Standing.IN_BAND if truth else Standing.OUT_OF_BAND,
        value=values[0] if len(values) == 1 else None,
        time=time,
        breaching=not truth,
        recovered=truth,
        inputs=inputs,
    )


def selected(scene: Scene, query: Query) -> Sequence[Track]:
    """The readings that a query of the condition asks."""
    selector, series = query.selector, scene.series
    if len(series) == 1:
        return scene.tracks if selects(selector, series[0]) else ()
    return [track for one, track in zip(series, scene.tracks, strict=True) if selects(selector, one)]


def _asked(query: Query, tracks: Sequence[Track], scene: Scene, combine: Combine | None, now: int) -> float | None:
    if len(tracks) == 1:  # as nearly always
        return ask(query, tracks[0], now, scene.target.zone)
    function = FUNCTIONS[query.function]
    if not tracks:
        return function.of_none
    if combine is Combine.LAST and function.of_several is None:
        tracks = _last_read(tracks)
    answers = [ask(query, track, now, scene.target.zone) for track in tracks]
    values = [value for value in answers if value is not None]
    if len(values) < len(answers):
        return None
    return function.of_several(values) if function.of_several else combined(combine, values)
