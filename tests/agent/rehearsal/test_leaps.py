"""From change to change a rehearsal tells, calls and finds what one of every look does."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.config.configuration import Configuration
from agent.config.load import load
from agent.rehearsal.driver import Rehearsal
from agent.rehearsal.leaps import Leaps
from agent.rehearsal.moments import Answer, Moment
from agent.rehearsal.polls import Failing, Polls
from agent.testing.courses import Judged
from agent.testing.language import AnswerSection
from agent.testing.playing import failures_of
from agent.testing.reading import read_tests
from agent.testing.told import Told
from rules.engine import Instance
from rules.model import MINUTE, SECOND, Reading
from tests.agent.rehearsal.scenes import START, series

CONFIG = """
sources:
  rooms:
    type: http
    url: http://rooms.local/
    every: 1m
    readings: [{series: t, value: t, labels: {room: name}}, {series: outside, value: o}]
  shop:
    type: http
    url: http://shop.local/
    every: 5m
    readings: [{series: orders, value: n}, {series: plan, time: day, value: n, ahead: 1d}]
  pushed: {type: webhook, secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw, readings: [{series: p, value: p}]}
targets:
  room:
    series: t
    by: [room]
    goal: {at_least: 20, at_most: 23}
    recover: {at_least: 20.5, at_most: 22.5}
    no_data: {after: 40m}
    alerts:
      - {name: hot, when: out_of_band, for: 2m, keep_firing_for: 5m, escalate: [{after: 9m, to: boss}]}
      - {name: flaps, when: out_of_band, flapping: true, notify: [boss]}
      - {name: often, when: out_of_band, for: {breaches: 2, of: 4}, severity: info}
    correct: [{on: hot, action: cool, cooldown: 8m, max_attempts: 2, verify: {within: 6m}, escalate: {to: boss}}]
  calm:
    by: [room]
    goal: {condition: "avg(t, '10m') < 23 and last(outside) > 3"}
    alerts: [{name: loud, when: out_of_band, for: 5m, severity: critical}]
    correct:
      - on: loud
        action: ask
        approval: {within: 30m}
        precondition: last(outside) > 5
        verify: {within: 10m}
        undo: {action: cool, on: resolved}
  sales:
    series: orders
    goal: {measure: sum, at_least: 400, per: hour}
    depends_on: [calm]
    alerts: [{name: behind, when: behind, for: 5m}, {name: missed, when: missed, notify: [shop]}]
  recent:
    series: p
    goal: {measure: mean, at_most: 23, per: 2h}
    no_data: {after: 20m}
    alerts: [{name: high, when: missed, worse: [{severity: critical, at_most: 100}]}]
    correct: [{on: high, action: cool, cooldown: 5m, verify: {within: 20m}}]
PLANNED
actions:
  cool: {type: webhook, url: "http://hvac.local/{{ labels.room | default('all') }}", budget: 5/h}
  ask: {type: webhook, url: "http://hvac.local/ask"}
receivers: {boss: [{type: console}, {type: console}], shop: [{type: console}]}
route:
  receiver: shop
  group_by: [target]
  group_interval: 10m
  repeat_interval: 1h
  routes: [{matchers: ['severity="critical"'], receiver: boss, active_time_intervals: [day], continue: true}]
inhibit_rules: [{source_matchers: [alertname="loud"], target_matchers: [severity="info"]}]
time_intervals: {day: [{times: [{start: "00:30", end: "02:00"}]}]}
"""
PLANNED = """
  planned:
    series: orders
    goal: {measure: sum, at_least: {series: plan}, per: hour}
    alerts: [{name: late, when: behind}]
"""
ROOMS = [series("t", "rooms", room=room) for room in ("north", "south")]
SERIES = [*ROOMS, *ROOMS, series("outside", "rooms"), series("orders", "shop"), series("p", "pushed")]
VALUES = st.sampled_from([None, 2.0, 19.0, 20.2, 21.0, 21.0, 21.1, 22.8, 25.0, 25.1, 300.0])
ANSWERS = [AnswerSection(at="1h", action="ask", by="ann"), AnswerSection(at="1h", action="ask", by="ann", reject=True)]


def configured(folder: Path, more: str = "") -> Configuration:
    (folder / "setpoint.yaml").write_text(CONFIG.replace("PLANNED", more))
    return load(folder / "setpoint.yaml", {})


@pytest.fixture(scope="module")
def configs(tmp_path_factory: pytest.TempPathFactory) -> list[Configuration]:
    return [configured(tmp_path_factory.mktemp("config"), more) for more in ("", PLANNED)]


Stretch = tuple[int, dict, int, int]
STRETCHES = st.lists(
    st.tuples(
        st.sampled_from([MINUTE, MINUTE, 5 * MINUTE, 11 * MINUTE + SECOND]),
        st.dictionaries(st.sampled_from(SERIES), VALUES, min_size=1, max_size=5),
        st.sampled_from([0, 0, 0, MINUTE, 20 * MINUTE]),
        st.integers(1, 12),
    ),
    min_size=2,
    max_size=8,
)


def course_of(stretches: list[Stretch], after: int = 0, polls: Polls | None = None) -> tuple[list[Moment], int]:
    """Readings that stay as they are for a while, some late and some without a value, and the end after them.

    What a source says while it fails is lost.
    """
    came, now = {START: [Reading(series("plan", "shop"), START, 900.0)]}, START
    for every, values, late, times in stretches:
        for _ in range(times):
            now += every
            came[now] = [Reading(one, now - late, value) for one, value in values.items()]
    end = now + after * MINUTE
    if polls is None:
        return [Moment(at, readings) for at, readings in came.items()], end
    failures = list(polls.of_failures(START, end))
    times = sorted({*came, *(one.at for one in failures)})
    known = [
        [one for one in came.get(at, ()) if not polls.fails(dict(one.series.labels)["source"], at)] for at in times
    ]
    polled = [[one for one in failures if one.at == at] for at in times]
    return [Moment(*one) for one in zip(times, known, polled, strict=True) if one[1] or one[2]], end


def answer(_action: str, at: int) -> Answer:
    return Answer("answered 500", error=True) if at // (7 * MINUTE) % 3 == 0 else Answer()


# What is beside a room comes first, with a value; the room, without one, makes it an instance.
COLD = [(MINUTE, {SERIES[4]: 2.0, ROOMS[0]: None}, 0, 1), (MINUTE, {ROOMS[0]: None}, 0, 1)]

# A look at what rolls finds the same for a while, in which something else comes.
SLEPT = [
    (5 * MINUTE, {ROOMS[0]: None, ROOMS[1]: None, SERIES[-1]: 2.0}, 0, 2),
    (MINUTE, {ROOMS[0]: 2.0}, 20 * MINUTE, 5),
    (MINUTE, {ROOMS[0]: None}, 0, 15),
]

# No reading comes any more, and just before that is said the source fails for the first time: it can't be said then.
SILENT = [(11 * MINUTE + SECOND, {ROOMS[0]: 21.0}, 0, 1)]

# A look by time alone finds the source read, between its last poll before a failure and the failure.
SEEN = [(11 * MINUTE + SECOND, {SERIES[5]: 2.0}, 0, 4), (MINUTE, {ROOMS[0]: None}, 0, 1)]

# A look shortly before the window is empty, at which the source was read as ever, is no other grid of looks.
READ = [(11 * MINUTE + SECOND, {ROOMS[0]: 25.0, ROOMS[1]: 22.8, SERIES[4]: 25.0}, 0, 2)]

# A source, the minute from which it can't be read, and for how long; maybe between two polls.
FAILURES = st.lists(
    st.tuples(
        st.sampled_from(["rooms", "shop"]),
        st.integers(0, 360).map(lambda at: at / 4),
        st.sampled_from([0.5, 1, 2, 7, 30]),
    ),
    max_size=2,
)


@settings(max_examples=20, deadline=None)
@example(stretches=COLD, planned=False, between=[], after=0, failing=[])
@example(stretches=SLEPT, planned=False, between=[], after=0, failing=[])
@example(stretches=SILENT, planned=False, between=[], after=100, failing=[("rooms", 51, 7)])
@example(stretches=SEEN, planned=False, between=[], after=0, failing=[("shop", 35, 6)])
@example(stretches=READ, planned=False, between=[46], after=100, failing=[])
@example(stretches=SILENT, planned=False, between=[], after=100, failing=[("rooms", 51.01, 0.5)])
@given(STRETCHES, st.booleans(), st.lists(st.integers(0, 200), max_size=2), st.sampled_from([0, 30, 100]), FAILURES)
def test_it_tells_calls_and_finds_what_every_look_does(
    configs: list[Configuration],
    stretches: list[Stretch],
    planned: bool,
    between: list[int],
    after: int,
    failing: list[tuple[str, float, float]],
) -> None:
    spans = [Failing(name, START + int(at * MINUTE), START + int((at + for_) * MINUTE)) for name, at, for_ in failing]
    polls = Polls(configs[planned].sources.values(), spans)
    moments, end = course_of(stretches, after, polls)
    looks = [*sorted(at for one in between if (at := START + one * MINUTE) < end), end]
    whole, leaping = (Told(kind(configs[planned], START, polls, answer), iter(moments)) for kind in (Rehearsal, Leaps))
    for number, at in enumerate(looks):
        for one in (whole, leaping):
            one.until(at)
        assert leaping.states(at).instances == whole.states(at).instances
        assert list(leaping.of_sources(at)) == list(whole.of_sources(at))
        assert leaping.notices == whole.notices
        assert leaping.runs == whole.runs
        for one in (whole, leaping):
            one.say(ANSWERS[number % 2], at)
    assert leaping.runs == whole.runs


WEEK = """
sources: {a: {type: file, path: rooms.csv, every: 1m, readings: [{series: t, value: v}]}}
targets: {room: {series: t, goal: {at_most: 23}, alerts: [{name: hot, when: out_of_band, notify: [team]}]}}
receivers: {team: [{type: console}, {type: console}]}
tests:
  - input_series: [{series: t, values: "21x5000 25x60 21x5019"}]
    delivery_test:
      - eval_time: 7d
        receiver: team
        exp_deliveries: [{at: 3d11h21m, reason: firing}, {at: 3d12h22m, reason: resolved}]
"""


# One poll fails, which is no news yet: every look is made from the one before it to the one after it.
FAILS = "    failing: [{source: a, from: 2d, to: 2d1m}]\n"
# Nothing else is told by a plan, of which each day's part comes when the day begins.
AS_PLANNED = (
    WEEK.replace("series: t, value: v}]", "series: t, value: v}, {series: plan, value: p}]")
    .replace("targets: {", "targets: {sum: {series: t, goal: {at_least: 1, per: week, plan: {series: plan}}}, ")
    .replace("input_series: [", "input_series: [{series: plan, values: '9 _x1439 9 _x1439 9 _x1439 9 _x7000'}, ")
)


@pytest.mark.parametrize(("test", "most"), [(WEEK, 20), (WEEK + FAILS, 25), (AS_PLANNED, 50)])
def test_a_week_of_which_deliveries_are_expected_takes_a_few_looks(test: str, most: int, tmp_path, monkeypatch):
    looks, evaluate = [], Instance.evaluate
    monkeypatch.setattr(Instance, "evaluate", lambda self, *came: looks.append(self.now) or evaluate(self, *came))
    (tmp_path / "week.yaml").write_text(test)
    assert not failures_of(read_tests(tmp_path / "week.yaml", {}), 0)
    assert len(looks) < most


def test_readings_of_one_series_are_gone_through_at_once(tmp_path, monkeypatch):
    leaps, leap = [], Leaps._leap
    monkeypatch.setattr(Leaps, "_leap", lambda self, moment: leaps.append(moment) or leap(self, moment))
    (tmp_path / "week.yaml").write_text(WEEK)
    assert not failures_of(read_tests(tmp_path / "week.yaml", {}), 0)
    assert len(leaps) < 10


# When the first reading leaves the window another target's comes; the next look at the window is three seconds later.
LEAVES = """
sources: {a: {type: file, path: a.csv, every: 1m, readings: [{series: t, value: v}, {series: p, value: v}]}}
targets:
  room: {series: t, goal: {at_most: 23}}
  calm: {goal: {condition: "avg(p, '3m') < 21.78"}, alerts: [{name: high, when: out_of_band, notify: [team]}]}
receivers: {team: [{type: console}]}
tests:
  - input_series: [{series: p, values: "21 21.7 21.5 22.1"}, {series: t, values: "20 21 22 20 21 20"}]
    delivery_test: [{eval_time: 5m, receiver: team, exp_deliveries: [{at: 4m3s, reason: firing}]}]
"""


def test_what_comes_to_others_brings_no_look_that_is_not_due(tmp_path):
    (tmp_path / "leaves.yaml").write_text(LEAVES)
    assert not failures_of(read_tests(tmp_path / "leaves.yaml", {}), 0)


ENDS = """
sources: {a: {type: webhook, secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw, readings: [{series: t, value: v}]}}
targets:
  room:
    series: t
    goal: {at_most: 23}
    no_data: {after: 2m, then: ok}
    alerts: [{name: hot, when: out_of_band, notify: [team]}]
receivers: {team: [{type: console}]}
"""


def test_a_reading_that_is_known_already_puts_off_nothing_that_is_due_with_it(tmp_path):
    (tmp_path / "setpoint.yaml").write_text(ENDS)
    config = load(tmp_path / "setpoint.yaml", {})
    read = [Reading(series("t", "a"), START + minute * MINUTE, 25.0) for minute in (1, 2)]
    moments = [Moment(one.time, [one]) for one in read] + [Moment(START + 4 * MINUTE, read[1:])]
    whole, leaping = (Told(kind(config, START), iter(moments)) for kind in (Rehearsal, Leaps))
    for one in (whole, leaping):
        one.until(START + 9 * MINUTE)
    assert [notice["at"] - START for notice in whole.notices["team"]] == [MINUTE, 4 * MINUTE]
    assert leaping.notices == whole.notices


# Many alerts are open, of which each is told by itself.
MANY = """
sources: {a: {type: file, path: rooms.csv, every: 1m, readings: [{series: t, value: v, labels: {room: room}}]}}
targets: {room: {series: t, by: [room], goal: {at_most: 23}, alerts: [{name: hot, when: out_of_band, notify: [team]}]}}
receivers: {team: [{type: console}]}
tests:
  - input_series:
SERIES
      - {series: 't{room="r9"}', values: "25 21 25 21 25 21 25 21 25 21 25 21 25 21 25 21 25 21 25 21"}
    delivery_test:
      - {between: {from: 18m, to: 20m}, receiver: team, exp_deliveries: [{reason: firing}, {reason: resolved}]}
"""


def test_only_those_are_brought_up_to_date_of_which_somebody_is_told(tmp_path, monkeypatch):
    looks, evaluate = [], Instance.evaluate
    monkeypatch.setattr(Instance, "evaluate", lambda self, *came: looks.append(self.now) or evaluate(self, *came))
    others = [f'      - {{series: \'t{{room="r{n}"}}\', values: "25+0.1x19"}}' for n in range(9)]
    (tmp_path / "many.yaml").write_text(MANY.replace("SERIES", "\n".join(others)))
    assert not failures_of(read_tests(tmp_path / "many.yaml", {}), 0)
    assert len(looks) < 80  # nine of them 20 times would be 180


GROUPED = """
sources: {a: {type: file, path: rooms.csv, every: 1m, readings: [{series: t, value: v, labels: {room: room}}]}}
targets:
  room:
    series: t
    by: [room]
    goal: {at_most: 23}
    alerts: [{name: hot, when: out_of_band}]
    correct: [{on: hot, action: cool, cooldown: 15m, max_attempts: 2, verify: {within: 5m}}]
actions: {cool: {type: webhook, url: "http://hvac.local/"}}
receivers: {team: [{type: console}]}
route: {receiver: team, group_by: [target], group_wait: 0s, group_interval: 7m}
"""


def test_a_call_is_told_with_how_the_others_of_its_group_stand_by_then(tmp_path):
    (tmp_path / "setpoint.yaml").write_text(GROUPED)
    config = load(tmp_path / "setpoint.yaml", {})
    old, new = (series("t", "a", room=room) for room in ("old", "new"))
    readings = [
        [Reading(old, at, 25 + minute / 10), Reading(new, at, 21.0 if minute < 40 else 25.0)]
        for minute in range(90)
        for at in [START + minute * MINUTE]
    ]
    moments = [Moment(some[0].time, some) for some in readings]
    whole, leaping = (Told(kind(config, START), iter(moments)) for kind in (Rehearsal, Leaps))
    for one in (whole, leaping):
        one.until(moments[-1].at)
    assert {notice["reason"] for notice in whole.notices["team"]} >= {"firing", "updated"}
    assert leaping.notices == whole.notices


def test_what_makes_an_instance_of_readings_comes_with_them_for_the_engine_alone_too(configs):
    moments, _ = course_of(COLD)
    whole, judged = Told(Rehearsal(configs[0], START), iter(moments)), Judged(configs[0], START, iter(moments))
    for one in (whole, judged):
        one.until(moments[-1].at)
    key = next(key for key in whole.states(moments[-1].at).instances if key.target == "calm")
    seen = [one.states(moments[-1].at).instances[key].seen for one in (whole, judged)]
    assert seen == [START + MINUTE] * 2


# A reading that changes a number alone lets what was held be told.
HELD = """
sources: {a: {type: file, path: a.csv, every: 1m, readings: [{series: t, value: v}, {series: gate, value: v}]}}
targets:
  gate: {series: gate, goal: {at_least: 1}}
  room: {series: t, goal: {at_most: 23}, depends_on: [gate], alerts: [{name: hot, when: out_of_band, notify: [team]}]}
receivers: {team: [{type: console}]}
tests:
  - input_series:
      - {series: gate, values: "1 0 0 0 0 1 1 1 1 1 1 1"}
      - {series: t, values: "21 21 25 25.1 25 25.1 25 25.1 25 25.1 25 25.1"}
    delivery_test:
      - {eval_time: 11m, receiver: team, exp_deliveries: [{at: 6m, reason: firing}]}
"""
# What it depends on is off at a look that has nothing to tell, so that nobody is reminded before it is read again.
REMINDED = """
sources: {a: {type: file, path: a.csv, every: 1m, readings: [{series: t, value: v}, {series: gate, value: v}]}}
targets:
  gate: {series: gate, goal: {at_least: 1}}
  room: {series: t, goal: {at_most: 23}, depends_on: [gate], alerts: [{name: hot, when: out_of_band}]}
receivers: {team: [{type: console}]}
route: {receiver: team, group_by: [target], group_interval: 5m, repeat_interval: 10m}
tests:
  - input_series:
      - {series: gate, values: "1x3 0x5 1x9"}
      - {series: t, values: "21 25x8 _x4 25x6"}
    delivery_test:
      - {eval_time: 18m, receiver: team, exp_deliveries: [{at: 90s, reason: firing}, {at: 990s, reason: reminder}]}
"""
HOURLY = """
sources: {a: {type: file, path: a.csv, cron: "0 * * * *", readings: [{series: t, value: v}]}}
targets: {room: {series: t, goal: {at_most: 23}, no_data: {after: NO_DATA}, alerts: [ALERT]}}
receivers: {team: [{type: console}]}
evaluation_interval: 1h
tests:
"""
ALERT = "{name: hot, when: out_of_band, notify: [team], for: 150m}"
QUIET = HOURLY.replace("NO_DATA", "90m").replace("ALERT", ALERT)
# It fires while nothing comes of a source that is read each hour.
LONG = (
    HOURLY.replace("NO_DATA", "1d").replace("ALERT", ALERT)
    + """
  - input_series: [{series: t, values: "21 25"}]
    delivery_test: [{eval_time: 8h, receiver: team, exp_deliveries: [{at: 3h30m, reason: firing}]}]
"""
)
# Nothing comes of it.
SILENT_JUDGED = (
    QUIET
    + """
  - input_series: [{series: t, values: "21 21"}]
    alert_rule_test:
      - {eval_time: 149m, alertname: no-data}
      - {eval_time: 150m, alertname: no-data, exp_alerts: [{exp_labels: {severity: warning}}]}
"""
)
SILENT_TOLD = (
    QUIET
    + """
  - input_series: [{series: t, values: "21 21"}]
    delivery_test: [{eval_time: 3h, receiver: team, exp_deliveries: [{at: 150m, reason: firing, alertname: no-data}]}]
"""
)
# It fails before it is read for the first time, so that nothing is known of it until it can be read.
UNREAD = (
    HOURLY.replace("NO_DATA", "20m").replace("ALERT", ALERT)
    + """
  - input_series: []
    failing: [{source: a, from: 10m, to: 40m}]
    delivery_test: [{eval_time: 59m, receiver: team, exp_deliveries: [{at: 40m, reason: firing, alertname: no-data}]}]
"""
)


@pytest.mark.parametrize("test", [HELD, REMINDED, LONG, SILENT_JUDGED, SILENT_TOLD, UNREAD])
def test_it_says_when_what_every_look_says(test: str, tmp_path):
    (tmp_path / "test.yaml").write_text(test)
    assert not failures_of(read_tests(tmp_path / "test.yaml", {}), 0)
