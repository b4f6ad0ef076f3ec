"""What keeps an alert from being told, against plain readings of the same rules."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.dependencies import Dependencies
from rules.inhibition import Inhibition, InhibitRule
from rules.intervals import TimeInterval
from rules.model import (
    HOUR,
    MINUTE,
    SECOND,
    AlertState,
    AlertStatus,
    Assessment,
    Goal,
    Health,
    InstanceKey,
    InstanceState,
    Labels,
    Matcher,
    Muted,
    MutedBy,
    Selector,
    Silence,
    SourceRule,
    SourceState,
    Standing,
    Target,
    labels_of,
)
from rules.muting import Asked, Mutings, Situation
from rules.selectors import matches
from rules.specs import Specs

VALUES = st.sampled_from(["", "a", "b"])
matchers = st.lists(st.builds(Matcher, st.sampled_from("xyz"), st.sampled_from(["=", "!="]), VALUES), max_size=2).map(
    tuple
)
rules = st.lists(
    st.builds(InhibitRule, matchers, matchers, st.lists(st.sampled_from("xyz"), max_size=2, unique=True).map(tuple)),
    max_size=3,
)
label_sets = st.dictionaries(st.sampled_from("xyz"), VALUES, max_size=3).map(labels_of)


def plainly(found: list[InhibitRule], firing: dict[str, Labels], name: str) -> bool:
    """As the documentation says it."""
    target, values = firing[name], dict(firing[name])
    for rule in found:
        if not matches(rule.target, target):
            continue
        for source in firing.values():
            same = all(dict(source).get(label, "") == values.get(label, "") for label in rule.equal)
            both = matches(rule.source, target) and matches(rule.target, source)
            if matches(rule.source, source) and same and not both:
                return True
    return False


@given(rules, st.lists(st.tuples(st.sampled_from("abcdef"), label_sets | st.none()), max_size=20))
def test_inhibition_is_what_the_rules_say_whatever_came_and_went(found, moves):
    inhibition, firing = Inhibition(found), {}
    for name, labels in moves:
        if labels is None or name in firing:
            firing.pop(name, None)
            inhibition.over(name)
        else:
            firing[name] = labels
            inhibition.fires(name, labels)
    for name, labels in firing.items():
        assert (inhibition.by(labels) is not None) == plainly(found, firing, name)


DB = Target("db", "DB", Goal(at_least=1), Selector("db"), by=("site",))
API = Target("api", "API", Goal(at_least=1), Selector("api"), by=("site",), depends_on=("db",))
SHOP = Target("shop", "Shop", Goal(at_least=1), Selector("shop"), depends_on=("api", "probe"))
SPECS = Specs(
    [DB, API, SHOP],
    [
        SourceRule("probe", ("api",), 10 * SECOND),
        SourceRule("sql", ("db",), None),
        SourceRule("s", ("shop",), 20 * SECOND),
    ],
)


def state(target: str, standing: Standing = Standing.IN_BAND, seen: int | None = None, **labels: str) -> InstanceState:
    key = InstanceKey(target, labels_of(labels))
    return InstanceState(key, Assessment(standing), since=0, created=0, seen=seen)


def firing(of: InstanceState, name: str, **labels: str) -> InstanceState:
    status = AlertStatus(AlertState.FIRING, 0, 0, 1, fingerprint=name, labels=labels_of(labels))
    return replace(of, alerts={"x": status})


class TestDependencies:
    def held(self, *states: InstanceState, down: tuple[str, ...] = ()) -> list[str | None]:
        found = Dependencies(SPECS)
        found.note(states, [SourceState(name, Health.DOWN) for name in down])
        keys = [InstanceKey("api", (("site", "a"),)), InstanceKey("api", (("site", "b"),)), InstanceKey("shop")]
        return [found.off(key) for key in keys]

    @pytest.mark.parametrize("standing", [Standing.OUT_OF_BAND, Standing.MISSED, Standing.BEHIND])
    def test_what_is_off_holds_the_same_labels_and_what_depends_on_it_in_turn(self, standing):
        assert self.held(state("db", standing, site="a")) == ["db", None, "db"]

    @pytest.mark.parametrize("standing", [Standing.NO_DATA, Standing.TOO_EARLY, Standing.MET, Standing.ON_TRACK])
    def test_what_is_not_off_holds_nothing(self, standing):
        assert self.held(state("db", standing, site="a")) == [None, None, None]

    def test_an_open_alert_is_off_too(self):
        assert self.held(firing(state("db", Standing.NO_DATA, site="b"), "f")) == [None, "db", "db"]

    def test_a_source_that_is_down_holds_all(self):
        assert self.held(down=("sql",)) == ["db", "db", "db"]
        assert self.held(down=("probe",)) == [None, None, "api"]

    def test_what_comes_back_is_said(self):
        found = Dependencies(SPECS)
        found.note([state("db", Standing.MISSED, site="a"), state("db", Standing.MISSED, site="b")], [])
        assert found.note([state("db", site="a")], []) == ["db"]
        assert found.note([state("db", site="a")], []) == []
        assert found.off(InstanceKey("shop")) == "db"
        assert found.note([state("db", site="b")], []) == ["db"]
        assert found.off(InstanceKey("shop")) is None
        found.note([], [SourceState("sql", Health.DOWN)])
        assert found.note([], [SourceState("sql", Health.UP)]) == ["sql", "db"]


class TestSituation:
    LABELS = labels_of({"alertname": "x", "target": "shop", "severity": "warning"})
    NIGHT = TimeInterval(times=((0, 60),))

    def asked(self, **changes) -> Asked:
        return replace(Asked(InstanceKey("shop"), self.LABELS, state("shop", seen=0)), **changes)

    def situation(self, *silences: Silence, inhibit: tuple[InhibitRule, ...] = (), specs: Specs = SPECS) -> Situation:
        return Situation(specs, Mutings(inhibit, {"night": (self.NIGHT,)}), {one.id: one for one in silences})

    def silence(self, starts: int, ends: int, name: str = "s", value: str = "shop") -> Silence:
        return Silence(name, (Matcher("target", "=", value),), "ann", "", starts, ends, 0, 0)

    def test_a_silence_holds_from_its_start_until_its_end(self):
        found = self.situation(self.silence(10, 20), self.silence(0, 99, "other", "else"))
        held = [found.muted(self.asked(), now) for now in (9, 10, 19, 20)]
        assert held == [None, Muted(MutedBy.SILENCE, "s", 20), Muted(MutedBy.SILENCE, "s", 20), None]

    def test_of_several_the_one_that_lasts_counts(self):
        found = self.situation(self.silence(0, 20), self.silence(0, 30, "long"))
        assert found.muted(self.asked(), 5) == Muted(MutedBy.SILENCE, "long", 30)

    def test_a_silence_that_is_ended_holds_no_more(self):
        found = self.situation(self.silence(0, 20))
        found.silences.put(self.silence(0, 5), 5)
        assert found.muted(self.asked(), 5) is None

    @pytest.mark.parametrize("old", [True, False])
    def test_the_alert_of_a_source_mutes_others_also_one_from_an_earlier_version(self, old):
        rule = InhibitRule((Matcher("source", "=", "s"),), (Matcher("target", "=", "shop"),))
        found = self.situation(inhibit=(rule,))
        labels = () if old else labels_of({"alertname": "source-down", "source": "s"})
        status = AlertStatus(AlertState.FIRING, 0, 0, 1, fingerprint="f", labels=labels)
        found.note([], [SourceState("s", Health.DOWN, alert=status)])
        assert found.muted(self.asked(), 0) == Muted(MutedBy.INHIBITION, "f")
        ended = found.note([], [SourceState("s", Health.UP, alert=replace(status, state=AlertState.INACTIVE))])
        assert (MutedBy.INHIBITION, "f") in ended
        assert found.muted(self.asked(), 0) is None

    def test_the_calendar_of_a_route_and_of_a_target(self):
        quiet = replace(SHOP, mute=("night",), depends_on=())
        of_target = self.situation(specs=Specs([quiet], []))
        by_night = Muted(MutedBy.INTERVAL, "night", HOUR)
        assert [of_target.muted(self.asked(), now) for now in (0, HOUR)] == [by_night, None]
        of_route = self.situation()
        assert [of_route.muted(self.asked(mute=("night",)), now) for now in (0, HOUR)] == [by_night, None]
        outside = of_route.muted(self.asked(active=("night",)), HOUR)
        assert outside == Muted(MutedBy.INTERVAL, "night", 24 * HOUR)
        assert of_route.muted(self.asked(active=("night",)), 0) is None
        assert of_route.muted(self.asked(active=("gone",), mute=("gone",)), 0) is None

    def test_after_a_dependency_came_back_a_fresh_reading_decides_or_the_time_for_one(self):
        found = self.situation()
        found.note([state("db", Standing.MISSED, site="a")], [])
        held = found.muted(self.asked(), 0)
        assert held == Muted(MutedBy.DEPENDENCY, "db")
        found.note([state("db", site="a")], [])
        waiting = found.muted(self.asked(before=held), MINUTE)
        assert waiting == Muted(MutedBy.DEPENDENCY, "db", MINUTE + 50 * SECOND)
        again = self.asked(before=waiting)
        assert found.muted(again, MINUTE + 10 * SECOND) == waiting
        assert found.muted(replace(again, state=state("shop", seen=MINUTE)), MINUTE + 10 * SECOND) == waiting
        assert found.muted(replace(again, state=state("shop", seen=MINUTE + 1)), MINUTE + 10 * SECOND) is None
        assert found.muted(again, MINUTE + 50 * SECOND) is None
        assert found.muted(self.asked(), MINUTE) is None  # an alert that was not held waits for nothing
