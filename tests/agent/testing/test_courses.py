"""A test that looks only at how things stand finds the same by the verdicts alone as by all that a daemon decides."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.alerts.notices import Notices
from agent.rehearsal.driver import Rehearsal
from agent.rehearsal.moments import Moment
from agent.testing.courses import Judged
from agent.testing.playing import failures_of
from agent.testing.reading import read_tests
from agent.testing.told import Told
from rules.engine import Instance
from rules.model import (
    MINUTE,
    SECOND,
    AlertRule,
    EscalationStep,
    Flapping,
    NoData,
    Often,
    Reading,
    Standing,
)
from tests.agent.rehearsal.scenes import CHECKIN, CONDITION, DAILY, LEVEL, START, configuration, series

ROOMS = [series("temperature", "a", room=room) for room in ("north", "south")]
SERIES = [*ROOMS, series("sales", "b"), series("checkin", "backup")]
OUT = Standing.OUT_OF_BAND
SILENT = replace(LEVEL, name="silent", no_data=NoData(10 * MINUTE), correct=())
ASKING = replace(
    CONDITION,
    name="asking",
    alerts=(
        AlertRule("often", OUT, often=Often(2, 4)),
        AlertRule("flaps", OUT, flapping=Flapping(of=6), keep_firing_for=7 * MINUTE),
        AlertRule("escalates", OUT, escalate=(EscalationStep(9 * MINUTE, ("oncall",)),)),
    ),
    no_data=NoData(12 * MINUTE),
)
CONFIG = configuration(LEVEL, DAILY, replace(CONDITION, depends_on=("room",)), CHECKIN, SILENT, ASKING)


@st.composite
def courses(draw: st.DrawFn) -> tuple[list[Moment], list[int]]:
    """Some hours of readings on a grid and beside it, late and missing ones, and when it is looked."""
    moments, now = [], START
    for _ in range(draw(st.integers(5, 15))):
        now += draw(st.sampled_from([MINUTE, MINUTE, 5 * MINUTE, 11 * MINUTE + SECOND]))
        readings = {}
        for one in draw(st.lists(st.sampled_from(SERIES), min_size=1, max_size=4)):
            late = draw(st.sampled_from([0, 0, 0, MINUTE, 20 * MINUTE]))
            value = draw(st.sampled_from([None, 0.0, 1.0, 19.0, 20.2, 21.0, 21.0, 22.8, 25.0, 300.0]))
            readings[one, now - late] = Reading(one, now - late, value)
        moments.append(Moment(now, list(readings.values())))
    end = (now - START) // MINUTE + 30
    looks = draw(st.lists(st.integers(0, end), max_size=2).map(sorted))
    return moments, [START + at * MINUTE for at in [*looks, end]]


@settings(max_examples=15, deadline=None)
@given(courses())
def test_verdicts_alone_find_what_a_daemon_finds(course: tuple[list[Moment], list[int]]) -> None:
    moments, looks = course
    alone, whole = Judged(CONFIG, START, iter(moments)), Told(Rehearsal(CONFIG, START), iter(moments))
    for at in looks:
        alone.until(at)
        whole.until(at)
        found, wanted = (
            {key: (one.assessment, one.alerts) for key, one in course.states(at).instances.items()}
            for course in (alone, whole)
        )
        assert found == wanted


WEEK = """
sources: {a: {type: file, path: rooms.csv, every: 1m, readings: [{series: t, value: v}]}}
targets: {room: {series: t, goal: {at_most: 23}, alerts: [{name: hot, when: out_of_band}]}}
receivers: {team: [{type: console}]}
tests:
  - input_series: [{series: t, values: "21x10080 25"}]
    alert_rule_test: [{eval_time: 7d, alertname: hot}]
    target_test: [{eval_time: 7d, target: room, exp_values: {value: 21}}]
"""


def test_a_test_that_asks_for_verdicts_alone_makes_no_looks_that_find_the_same(tmp_path, monkeypatch):
    looks, evaluate = [], Instance.evaluate
    monkeypatch.setattr(Instance, "evaluate", lambda self, *came: looks.append(self.now) or evaluate(self, *came))
    (tmp_path / "week.yaml").write_text(WEEK)
    assert not failures_of(read_tests(tmp_path / "week.yaml", {}), 0)
    assert len(looks) < 10


@settings(max_examples=15, deadline=None)
@given(courses(), st.sampled_from(["oncall", "team"]), st.integers(0, 300), st.integers(1, 300))
def test_what_nobody_asks_for_changes_nothing_of_what_is_told_and_called(
    course: tuple[list[Moment], list[int]], receiver: str, first: int, for_: int
) -> None:
    moments, looks = course
    span = range(START + first * MINUTE, START + (first + for_) * MINUTE)
    whole = Told(Rehearsal(CONFIG, START), iter(moments))
    asked = Told(Rehearsal(CONFIG, START), iter(moments), lambda name, at: name == receiver and at in span)
    for one in (whole, asked):
        one.until(looks[-1])
    wanted = [notice for notice in whole.notices.get(receiver, ()) if notice["at"] in span]
    assert asked.notices == ({receiver: wanted} if wanted else {})
    assert asked.runs == whole.runs
    assert asked.states(looks[-1]) == whole.states(looks[-1])


TOLD = """
sources: {a: {type: file, path: rooms.csv, every: 1m, readings: [{series: t, value: v}]}}
targets: {room: {series: t, goal: {at_most: 23}, alerts: [{name: hot, when: out_of_band, notify: [team, boss]}]}}
receivers: {team: [{type: console}], boss: [{type: console}]}
tests:
  - input_series: [{series: t, values: "25 21 25 21 25 21 25 21 25 21 25 21 25 21 25 21 25 21 25 21"}]
    delivery_test:
      - {between: {from: 9m, to: 10m}, receiver: team, exp_deliveries: [{reason: resolved}, {at: 10m, reason: firing}]}
"""


def test_only_what_is_expected_is_put_in_words(tmp_path, monkeypatch):
    worded, notice = [], Notices.notice
    monkeypatch.setattr(Notices, "notice", lambda self, *of: worded.append(of[2:]) or notice(self, *of))
    (tmp_path / "test.yaml").write_text(TOLD)
    assert not failures_of(read_tests(tmp_path / "test.yaml", {}), 0)
    assert worded == [("team", 9 * MINUTE), ("team", 10 * MINUTE)]
