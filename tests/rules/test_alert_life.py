from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.store.codec import decode, encode
from rules.alerts import alert_labels, fingerprint, step, worst_severity
from rules.model import (
    MINUTE,
    AlertRule,
    AlertState,
    AlertStatus,
    Event,
    Goal,
    InstanceKey,
    InstanceState,
    Polled,
    Reading,
    Selector,
    SeverityStep,
    SourceRule,
    Standing,
    Target,
)
from tests.rules.world import World, at, series

FOR, KEEP = 100, 50


def life(script: str, for_: int = FOR, keep: int = KEEP) -> list[str]:
    """`10+ 20-`: at 10 active, at 20 not. Answers `time event` for each event."""
    status, told = AlertStatus(), []
    for word in script.split():
        now = int(word[:-1])
        status, event = step(status, active=word[-1] == "+", for_=for_, keep_firing_for=keep, now=now)
        if event:
            told.append(f"{now} {event}")
    return told


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("0+ 99+", ["0 pending"]),
        ("0+ 100+", ["0 pending", "100 firing"]),
        ("0+ 99+ 100- 101+ 200+", ["0 pending", "100 inactive", "101 pending"]),
        ("0+ 100+ 110- 159-", ["0 pending", "100 firing", "110 recovering"]),
        ("0+ 100+ 110- 160-", ["0 pending", "100 firing", "110 recovering", "160 resolved"]),
        ("0+ 100+ 110- 150+ 151- 200-", ["0 pending", "100 firing", "110 recovering", "150 firing", "151 recovering"]),
        ("0- 10-", []),
    ],
)
def test_life_of_an_alert(script: str, told: list[str]) -> None:
    assert life(script) == told


def test_without_for_and_keep_it_fires_and_resolves_at_once() -> None:
    assert life("0+ 1-", 0, 0) == ["0 firing", "1 resolved"]


def test_each_firing_is_another_episode_and_a_relapse_is_not() -> None:
    status = AlertStatus()
    episodes = []
    for now, active in ((0, True), (1, False), (2, True), (60, False), (200, False), (300, True)):
        status, _ = step(status, active=active, for_=0, keep_firing_for=50, now=now)
        episodes.append(status.episode)
    assert episodes == [1, 1, 1, 1, 1, 2]


def test_old_readings_keep_an_alert_pending() -> None:
    pending, _ = step(AlertStatus(), active=True, for_=FOR, keep_firing_for=0, now=0)
    held, event = step(pending, active=True, for_=FOR, keep_firing_for=0, now=500, may_fire=False)
    assert (held, event) == (pending, None)
    assert step(held, active=True, for_=FOR, keep_firing_for=0, now=501)[1] is Event.FIRING


@given(st.lists(st.tuples(st.integers(1, 80), st.booleans()), max_size=40), st.integers(0, 120), st.integers(0, 120))
def test_firing_and_resolved_always_take_turns(steps: list[tuple[int, bool]], for_: int, keep: int) -> None:
    status, now, told = AlertStatus(), 0, []
    for wait, active in steps:
        now += wait
        before = status
        status, event = step(status, active=active, for_=for_, keep_firing_for=keep, now=now)
        if event is Event.RESOLVED or (event is Event.FIRING and before.state is not AlertState.RECOVERING):
            told.append(event)
        assert (event is None) == (before.state is status.state)
    assert told == [Event.FIRING, Event.RESOLVED] * (len(told) // 2) + [Event.FIRING] * (len(told) % 2)


def test_labels_and_fingerprint() -> None:
    rule = AlertRule("hot", Standing.OUT_OF_BAND, severity="critical", labels=(("team", "facilities"),))
    labels = alert_labels(rule, InstanceKey("room", (("room", "den"),)))
    assert dict(labels) == {
        "alertname": "hot",
        "target": "room",
        "severity": "critical",
        "room": "den",
        "team": "facilities",
    }
    assert len(fingerprint(labels)) == 16
    assert fingerprint(labels) != fingerprint(labels[1:])


def test_worst_severity() -> None:
    rules = tuple(AlertRule(s, Standing.MISSED, severity=s) for s in ("info", "critical", "warning"))
    assert worst_severity(rules) == "critical"
    assert worst_severity(()) == "warning"


class TestAsPrometheusTestsIt:
    """The cases of Prometheus' rules/alerting_test.go and manager_test.go that our alerts share, in our own words."""

    start = at("2026-11-24 12:00")
    key = InstanceKey("t")

    def requests(self, **rule: Any) -> Target:
        made = replace(AlertRule("many", Standing.OUT_OF_BAND, for_=MINUTE), **rule)
        return Target("t", "Requests", Goal(at_most=50), Selector("http_requests"), alerts=(made,))

    def feed(self, world: World, values: list[float | None], minute: int = 0) -> list[str]:
        told = []
        for number, value in enumerate(values, minute):
            now = self.start + number * MINUTE
            readings = [] if value is None else [Reading(series("http_requests"), now, value)]
            told += [f"{number} {said}" for said in world.step(now, *readings)]
        return told

    def test_keep_firing_for(self) -> None:
        world = World(self.requests(keep_firing_for=MINUTE))
        told = self.feed(world, [75, 85, 70, 70, 10, 10, 10])
        assert told == ["0 many pending", "1 many firing", "4 many recovering", "5 many resolved"]

    def test_a_pending_alert_is_not_kept(self) -> None:
        world = World(self.requests(for_=2 * MINUTE, keep_firing_for=5 * MINUTE))
        assert self.feed(world, [75, 10]) == ["0 many pending", "1 many inactive"]

    def test_a_condition_that_returns_while_it_is_kept_stays_one_firing(self) -> None:
        world = World(self.requests(keep_firing_for=2 * MINUTE))
        told = self.feed(world, [75, 75, 10, 75, 10, 10, 10])
        assert told[2:] == ["2 many recovering", "3 many firing", "4 many recovering", "6 many resolved"]
        assert {one.episode for one in world.transitions[1:]} == {1}

    def test_a_severity_that_changes_does_not_begin_the_wait_anew(self) -> None:
        """In Prometheus a label made of the value makes another alert each time, which then never fires."""
        world = World(self.requests(for_=3 * MINUTE, worse=(SeverityStep("critical", None, 80),)))
        assert self.feed(world, [75, 85, 70, 85]) == ["0 many pending", "3 many firing"]
        assert dict(world.transitions[-1].labels)["severity"] == "critical"

    @pytest.mark.parametrize(
        ("away", "after", "told"),
        [
            (10, [75] * 12, ["25 many firing"]),  # away for less than it waits: it goes on waiting
            (20, [75, 75], ["25 many firing"]),
            (60, [75], ["64 many firing"]),  # away for longer: the first poll after it counts
            (60, [10, 75], ["64 many inactive", "65 many pending"]),  # over meanwhile: it waits anew
        ],
    )
    def test_what_waits_goes_on_waiting_over_an_outage(self, away: int, after: list[float], told: list[str]) -> None:
        polled = [SourceRule("a", ("http_requests",), MINUTE)]
        world = World(self.requests(for_=25 * MINUTE), sources=polled)
        said = []
        for minute, value in [*enumerate([75] * 5), *enumerate(after, 4 + away)]:
            now = self.start + minute * MINUTE
            if minute == 4 + away:
                kept = {key: decode(InstanceState, encode(state)) for key, state in world.states.instances.items()}
                world.states = replace(world.states, instances=kept)
                assert world.step(now - 1, due=[self.key]) == []
            reading = Reading(series("http_requests"), now, value)
            said += [f"{minute} {one}" for one in world.step(now, reading, polls=[Polled("a", now)])]
        assert said == ["0 many pending", *told]
