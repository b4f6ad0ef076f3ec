"""An instance at rest: looks that find nothing but other numbers are told from the others without making its state.

How it stands is found by what the engine decides by (`rules.goals.glance`), how far that is sure by `rules.margins`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rules import burning, episodes, hindsight
from rules.engine import Instance
from rules.functions import NEVER
from rules.goals import Glance, glance
from rules.learning import beside
from rules.margins import Margin, lies_between, margin, may_lie_between, steady
from rules.model import (
    SECOND,
    AlertRule,
    AlertState,
    AlertStatus,
    Assessment,
    InstanceState,
    Reading,
    RollingPeriod,
    Sign,
    Usual,
)
from rules.model.quick import maker, replace
from rules.periods import look_every, look_within
from rules.present import EARLY
from rules.progress import later
from rules.scene import Scene
from rules.whens import Asked

_assessment, _scene = maker(Assessment), maker(Scene)
_UNSURE = 30

_INACTIVE = AlertStatus()
_IDLE = AlertState.INACTIVE  # a member of an enum is slow to look up


class Passed(NamedTuple):
    """A look that found nothing but other numbers: when it was, and when the newest value had arrived by then."""

    at: int
    seen: int | None
    found: Glance
    alerts: Mapping[str, AlertStatus]
    usual: Usual | None

    def moved_on(self, state: InstanceState) -> InstanceState:
        """The state after the look, with those of the numbers that may be asked for."""
        _, value, time, start, end, _ = self.found
        assessment = replace(state.assessment, value=value, time=time, start=start, end=end)
        return replace(state, assessment=assessment, seen=self.seen, alerts=self.alerts, usual=self.usual)


class Resting:
    """An instance whose alerts wait for another standing, or for a time."""

    __slots__ = (
        "alerts",
        "asked",
        "at",
        "found",
        "full",
        "instance",
        "known",
        "lone",
        "margin",
        "previous",
        "quiet_at",
        "rolls",
        "scene",
        "seen",
        "standing",
        "start",
        "sure",
        "time",
        "unsure",
        "until",
        "usual",
        "waits",
    )  # fmt: skip

    def __init__(self, instance: Instance, state: InstanceState) -> None:
        self.instance = instance
        self.scene: Scene = instance.scene()
        target, assessment = self.scene.target, state.assessment
        self.alerts = state.alerts
        self.asked = [rule for rule in instance.rules if _is_asked(rule)]
        self.known: Glance | None = None  # what the margin is of
        self.margin: Margin | None = None
        self.unsure = 0  # for so many readings it is not asked for
        self.found: Glance | None = None  # at the last look, which was then
        self.at = 0
        self.sure = 0  # before this time a look without a reading finds the same
        self.standing, self.start, self.time = assessment.standing, assessment.start, assessment.time
        self.seen, self.usual, self.previous = state.seen, state.usual, assessment
        self.lone = target.goal is None  # it stands by what is unusual alone
        self.waits = bool(self.asked)  # whether one of those that are asked for may not be idle
        self.rolls = target.goal is not None and isinstance(target.goal.per, RollingPeriod)
        self.quiet_at = self.scene.quiet_since + target.no_data.after if target.no_data is not None else NEVER
        self.until = -1  # from then on all of it has to be looked at
        self.full = -1  # as well, at a reading: those that are asked for are moved on at each
        ahead = self.scene.tracks is not instance.members.tracks
        if not (assessment.hold or self.scene.down or target.checkin or self.scene.beside or ahead):
            others = [rule for rule in instance.rules if rule.escalate or rule not in self.asked]
            self.until = min(episodes.moments(instance.rules, self.alerts, self.scene), default=NEVER)
            self.full = (
                min(episodes.moments(others, self.alerts, self.scene), default=NEVER) if self.asked else self.until
            )
        if self.scene.condition is not None and self.until >= 0:
            self.at, self.found = instance.now, Glance(assessment.standing, assessment.value, assessment.time)

    def look(self, at: int, readings: Sequence[Reading]) -> Passed | None:
        """The look at readings that come together; None where all of it has to be looked at."""
        time = self.time
        if at >= self.full or time is None or not readings or (len(readings) > 1 and len(self.scene.tracks) == 1):
            return None
        newest = time
        for reading in readings:
            if reading.value is None or not time < reading.time <= at + EARLY:
                return None
            newest = max(newest, reading.time)
        if self.scene.condition is not None and hindsight.is_old(self.scene.condition, newest, at):
            return None
        found = self._within(at, newest, readings[0].value or 0.0) if self.margin is not None else None
        if found is None:
            found = glance(self.scene, at)
            if found is None or found.time != newest or not (self.lone or self._stands(found)):
                return None
            self._look_ahead(found)
        no_data = self.scene.target.no_data
        self.time, self.seen, self.sure = newest, at, 0
        self.quiet_at = at + no_data.after if no_data is not None else NEVER
        return self._passed(at, found, readings)

    def wait(self, due: int, until: int) -> Passed | None:
        """The last of the looks from the one `due` on, before `until`, that finds the same; None if the first may not.

        No reading comes before `until`.
        """
        until = min(until, self.until, self.quiet_at)
        if due >= until:
            return None
        before = self.found
        if before is not None and due < (sure := min(self._sure_until(before), until)):
            self.at, self.found = self._last_before(sure, due, before)
            if self.waits and not self._go_on(self.at, self.found):
                return None
            return Passed(self.at, self.seen, self.found, self.alerts, self.usual)
        if before is not None and before.sight is not None and not self.asked:
            last, _ = self._last_before(until, due, before)
            if last > due and may_lie_between(self.scene, before.sight, last):
                sight = later(self.scene, before.sight, last)
                if lies_between(before.sight, sight):
                    return self._passed(last, before._replace(sight=sight))
        found = glance(self.scene, due)
        if found is None or found.time != self.time or not self._stands(found):
            return None
        self.margin, self.sure = None, 0
        return self._passed(due, found)

    def sleeps(self, until: int) -> bool:
        """Whether no look before `until` finds anything but what the last one found, nor moves an alert on."""
        found = self.found
        if found is None or self.rolls or self.waits or until > self.until or until > self.quiet_at:
            return False
        return self._sure_until(found) >= until

    def _stands(self, found: Glance) -> bool:
        """Whether it stands as before, in the same period."""
        return found.standing is self.standing and (found.start == self.start or self.rolls)

    def _sure_until(self, found: Glance) -> int:
        """Before when a look without a reading is sure to find what the last one found."""
        if not self.sure:
            known = self.margin
            self.sure = steady(self.scene, self.at, found) if known is None else known.until
            for rule in self.asked:
                self.sure = min(self.sure, 0 if rule.flapping else burning.until(self.scene, self.at, rule.burn))
        return self.sure

    def _last_before(self, until: int, due: int, found: Glance) -> tuple[int, Glance]:
        """The last of the looks from the one `due` on, before a time until which all find the same."""
        start, end = found.start or 0, found.end or 0
        condition = self.scene.condition
        look = condition.look_again if condition is not None else look_every(start, end)
        last = due if not look else due + (until - 1 - due) // look * look
        return last, found._replace(start=last - (end - start), end=last) if self.rolls else found

    def _passed(self, at: int, found: Glance, readings: Sequence[Reading] = ()) -> Passed | None:
        if self.asked and not self._go_on(at, found, readings):
            return None
        self.at, self.found = at, found
        return Passed(at, self.seen, found, self.alerts, self.usual)

    def _go_on(self, at: int, found: Glance, readings: Sequence[Reading] = ()) -> bool:
        """Moves on the alerts that ask for more than how it stands; whether nothing happened to them."""
        alerts = self.alerts
        moving = [rule for rule in self.asked if not self._is_calm(rule, alerts.get(rule.name, _INACTIVE))]
        if not moving and not self.instance.of:
            self.waits = False
            return True
        scene = self._scene_at(at)
        projection = found.sight.projection if found.sight is not None else None
        assessment = _assessment(
            found.standing, found.value, found.time, start=found.start, end=found.end, projection=projection
        )
        if self.instance.of:
            self.usual, _ = self.instance.learn(self.usual, scene, readings)
            assessment = beside(assessment, self.scene.target, self.usual.finding if self.usual is not None else None)
        if assessment.standing is not self.standing:
            return False
        self.previous = assessment
        for rule in moving:
            status = alerts.get(rule.name, _INACTIVE)
            after, happened = episodes.advance(Asked(rule, scene, assessment), status, self.instance.recent)
            if happened:
                return False
            if after is not status:
                alerts = {**alerts, rule.name: after}
        self.alerts = alerts
        self.waits = any(alerts[rule.name].state is not _IDLE for rule in self.asked if rule.name in alerts)
        self.until = min(episodes.moments(self.instance.rules, alerts, scene), default=NEVER)
        return True

    def _is_calm(self, rule: AlertRule, status: AlertStatus) -> bool:
        """Whether it is known that it waits: none of the last judgements breaches, for else it would be pending."""
        if status.state is not _IDLE or status.checks or isinstance(rule.when, Sign):
            return False
        return rule.when is not self.standing

    def _scene_at(self, at: int) -> Scene:
        old = self.scene
        return _scene(
            old.key,
            old.target,
            at,
            old.series,
            old.tracks,
            old.condition,
            old.down,
            old.verdict,
            self.previous,
            old.created,
            old.quiet_since if self.seen is None else max(self.seen, old.quiet_since),
            None if old.silent_until is None else at,
            old.projectors,
            old.beside,
            old.questions,
        )

    def _look_ahead(self, found: Glance) -> None:
        """Finds out how far it is sure to stand so; where it is not, not at every reading."""
        self.margin = None
        if self.unsure:
            self.unsure -= 1
        elif found.sight is not None:
            self.known, self.margin = found, margin(self.scene, found.sight)
            self.unsure = 0 if self.margin is not None else _UNSURE

    def _within(self, at: int, time: int, number: float) -> Glance | None:
        """How it stands, if that is sure by what was found before."""
        found, known = self.known, self.margin
        if found is None or known is None or at >= known.until or time >= known.until or number < 0.0:
            return None
        sight = found.sight
        if sight is None:
            return None
        goal, stretch = sight.goal, sight.stretch
        summary = self.scene.tracks[0].summary(goal, stretch.start, stretch.end)
        value = summary.measure(goal)
        if value is None or value >= known.below or summary.last_time != time:
            return None
        return Glance(found.standing, value, time, found.start, found.end, sight)

    def wake(self, at: int) -> int | None:
        """When time alone may change something, after the look at a time."""
        soonest = min(self.until, self.quiet_at)
        condition, found = self.scene.condition, self.found
        if condition is not None:
            look = None if condition.look_again is None else at + condition.look_again
        else:
            look = None if found is None else look_within(at, found.start, found.end)
        if look is not None and look < soonest:
            soonest = look
        return None if soonest == NEVER else max(soonest, at + SECOND)


def _is_asked(rule: AlertRule) -> bool:
    """Whether an alert asks for more than how its instance stands, or remembers more than its state."""
    return bool(rule.often or rule.flapping or rule.worse) or isinstance(rule.when, Sign)
