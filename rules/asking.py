"""The alerts of an instance at rest that ask for more than how it stands, moved on while it stands as it does."""

from __future__ import annotations

from collections.abc import Sequence

from rules import burning, episodes, flapping
from rules.engine import Instance
from rules.functions import NEVER
from rules.goals import Glance
from rules.learning import Usually, alone, beside
from rules.levels import OF_A_LEVEL
from rules.model import (
    AlertRule,
    AlertState,
    AlertStatus,
    Assessment,
    BurnRate,
    InstanceState,
    Reading,
    Sign,
    Standing,
    Usual,
)
from rules.model.quick import maker
from rules.scene import Scene, comes_beside
from rules.spare import Spare
from rules.unusual import Learner
from rules.whens import Asked

_assessment, _scene = maker(Assessment), maker(Scene)
_INACTIVE = AlertStatus()
_OUT = Standing.OUT_OF_BAND
_IDLE, _RECOVERING = AlertState.INACTIVE, AlertState.RECOVERING  # a member of an enum is slow to look up


class Asking:
    """All of an instance's alerts; `rules` are those that ask for more than how it stands, or remember more."""

    __slots__ = ("_instance", "_learner", "_moving", "_previous", "_scene", "alerts", "full", "rules", "until", "waits")

    def __init__(self, instance: Instance, state: InstanceState, scene: Scene) -> None:
        """`scene` is what the instance is judged by now that it has this state."""
        self._instance = instance
        self._scene = scene
        self._previous = state.assessment
        self._learner = Learner(state.usual, scene.target.zone) if state.usual is not None else None
        self.alerts = state.alerts
        self.rules = [rule for rule in instance.rules if _remembers(rule) or isinstance(rule.when, Sign)]
        self.until = self._moment(instance.rules, scene)
        """From then on time alone may move any of the alerts on, or something else is wanted."""
        self.full = self.until
        """The same of those that are not moved on at each reading."""
        if self.rules:
            others = [rule for rule in instance.rules if rule.escalate or rule not in self.rules]
            self.full = self._moment(others, scene)
        self._sort()

    @property
    def usual(self) -> Usual | None:
        """What was learned of what is usual."""
        return self._learner.usual if self._learner is not None else None

    @property
    def is_calm(self) -> bool:
        """Whether none has to be moved on at each look, or learned by."""
        return not self._moving and self._learner is None

    @property
    def patience(self) -> int:
        """For less than this time it may come to stand out of its band, and nothing comes of it; 0: that is not known.

        But for when that was last, which is known as well without the times before.
        """
        rules, statuses = self._instance.rules, self.alerts.values()
        if self.rules or self._learner is not None or any(status.state is not _IDLE for status in statuses):
            return 0
        return min([rule.for_ if rule.when is _OUT else 0 for rule in rules if rule.when in OF_A_LEVEL], default=0)

    def ask_for(self, *standings: Standing) -> bool:
        """Whether any of these may move one of them on, or one of them is open, waits or remembers something."""
        if self.rules or self._learner is not None:
            return True
        if any(status.state is not _IDLE for status in self.alerts.values()):
            return True
        return any(rule.when in standings for rule in self._instance.rules)

    def go_on(self, at: int, seen: int | None, found: Glance, readings: Sequence[Reading] = ()) -> bool:
        """Moves on what has to be at a look; whether nothing happened. `seen` is when the newest value arrived."""
        if self._learner is not None and not self._learn(self._learner, readings):
            return False
        moving, waited = self._moving_at(at), self.waits or at >= self.until
        if not moving:
            return True
        alerts, scene, assessment = self.alerts, self._scene_at(at, seen), self._assessed(found)
        for rule in moving:
            status = alerts.get(rule.name, _INACTIVE)
            after, happened = episodes.advance(Asked(rule, scene, assessment), status, self._instance.recent)
            if happened:
                return False
            if after is not status:
                alerts = {**alerts, rule.name: after}
        if alerts is not self.alerts:
            self.alerts = alerts
            self._sort()
        if waited or self.waits:
            self.until = self._moment(self._instance.rules, scene)
        return True

    def _moment(self, rules: Sequence[AlertRule], scene: Scene) -> int:
        return min([*episodes.moments(rules, self.alerts, scene), *comes_beside(scene)], default=NEVER)

    def _learn(self, learner: Learner, readings: Sequence[Reading]) -> bool:
        """Whether it stands as before by what is usual."""
        for _, time, value in readings:
            learner.take(time, value or 0.0)
        standing = self._previous.standing
        return self._scene.target.goal is not None or standing is alone(learner.unusual, is_early=learner.is_early)

    def _moving_at(self, at: int) -> Sequence[AlertRule]:
        if at >= self.until or (self._learner is not None and self._learner.unusual is not None):
            return self.rules
        return self._moving

    def _assessed(self, found: Glance) -> Assessment:
        projection = found.sight.projection if found.sight is not None else None
        assessment = _assessment(
            self._previous.standing, found.value, found.time, start=found.start, end=found.end, projection=projection
        )
        if self._learner is not None:
            assessment = beside(assessment, self._scene.target, self._learner.finding)
        self._previous = assessment
        return assessment

    def _scene_at(self, at: int, seen: int | None) -> Scene:
        old = self._scene
        return _scene(
            old.key,
            old.target,
            at,
            old.series,
            old.tracks,
            old.condition,
            old.down,
            old.verdict,
            self._previous,
            old.created,
            old.quiet_since if seen is None else max(seen, old.quiet_since),
            None if old.silent_until is None else at,
            old.projectors,
            old.beside,
            old.questions,
        )

    def left_out(self, time: int, readings: int) -> None:
        """Notes so many newer readings, the last at `time`, at which looks were left out."""
        for rule in self.rules:
            status = self.alerts.get(rule.name, _INACTIVE)
            if rule.flapping is not None and _notes(status):
                self.alerts = {**self.alerts, rule.name: flapping.gone_on(status, rule.flapping.of, time, readings)}

    def sure_until(self, at: int) -> int:
        """Before when looks without a reading leave them as they are, if all find what one `at` a time found."""
        return min([0 if rule.flapping else burning.until(self._scene, at, rule.burn) for rule in self.rules])

    def pairs(self) -> Sequence[BurnRate] | None:
        """As long as it burns no faster than any of these they stay as they are; None if they may not."""
        asking = [rule for rule in self.rules if not self._rests(rule, self.alerts.get(rule.name, _INACTIVE))]
        for rule in asking:
            status = self.alerts.get(rule.name, _INACTIVE)
            if rule.when is not Sign.BURNING or _remembers(rule) or status.state is not _IDLE:
                return None
        return [pair for rule in asking for pair in rule.burn]

    def spares(self) -> Sequence[Spare]:
        """As long as these spare something no reading is unusual; none while one is, or where none can be."""
        return [] if self._learner is None else [Usually(self._learner)]

    def _sort(self) -> None:
        """Finds out which have to be moved on at each look."""
        status_of = self.alerts.get
        self._moving = [rule for rule in self.rules if not self._is_calm(rule, status_of(rule.name, _INACTIVE))]
        self.waits = any(status_of(rule.name, _INACTIVE).state is not _IDLE for rule in self._moving)
        """Whether one of these is not idle."""

    def _is_calm(self, rule: AlertRule, status: AlertStatus) -> bool:
        """Whether nothing at all happens to it before a moment of its own comes, while its instance stands so."""
        return self._rests(rule, status) and (rule.flapping is None or not _notes(status))

    def _rests(self, rule: AlertRule, status: AlertStatus) -> bool:
        """The same, but for that it is noted of each reading that the alert is as it was; as long as none is unusual.

        Of one that asks how often it breaches none of the last judgements did, for else it would be pending.
        """
        if rule.when is Sign.UNUSUAL:
            return status.state is _IDLE and not status.checks
        if rule.when is Sign.BURNING or status.flapping_since is not None:
            return False
        if rule.when is not self._previous.standing:
            return status.state is _IDLE or (status.state is _RECOVERING and rule.often is None)
        return status.state is not _IDLE and rule.often is None and not rule.worse


def _remembers(rule: AlertRule) -> bool:
    """Whether an alert remembers more than its state."""
    return bool(rule.often or rule.flapping or rule.worse)


def _notes(status: AlertStatus) -> bool:
    """Whether an alert for which flaps are looked for notes at each reading how it is."""
    return bool(status.checks) or status.state is not _IDLE
