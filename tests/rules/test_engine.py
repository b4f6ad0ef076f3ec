"""The engine as a whole: standings, alerts, silence of sources, and the order readings come in."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from rules.engine import Instance
from rules.model import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    AlertRule,
    CalendarPeriod,
    Checkin,
    Combine,
    FixedPeriod,
    Goal,
    InstanceKey,
    Measure,
    NoData,
    NoDataThen,
    Polled,
    Reading,
    Recover,
    RollingPeriod,
    Series,
    SourceRule,
    Standing,
    Target,
    labels_of,
)
from rules.words import describe
from tests.rules.world import NOON, TEMPERATURE, VISITORS, World, at, daily, month, of, room, series

# goals without a period


@pytest.mark.parametrize(
    ("value", "standing"),
    [
        (20.0, Standing.IN_BAND),
        (23.0, Standing.IN_BAND),
        (math.nextafter(20, 0), Standing.OUT_OF_BAND),
        (math.nextafter(23, 99), Standing.OUT_OF_BAND),
        (-5.0, Standing.OUT_OF_BAND),
        (None, Standing.NO_DATA),
        (math.nan, Standing.NO_DATA),
    ],
)
def test_both_edges_of_a_band_belong_to_it(value: float | None, standing: Standing) -> None:
    world = World(room())
    world.step(NOON, Reading(TEMPERATURE, NOON, value))
    assert world.look(NOON).assessment.standing is standing


def test_a_missing_value_neither_breaches_nor_recovers() -> None:
    world = World(room())
    assert world.step(NOON, Reading(TEMPERATURE, NOON, None)) == []
    assert world.step(NOON + 1, Reading(TEMPERATURE, NOON + 1, 25)) == ["out firing"]
    assert world.step(NOON + 2, Reading(TEMPERATURE, NOON + 2, None)) == []
    assert world.step(NOON + 3, Reading(TEMPERATURE, NOON + 3, math.nan)) == []
    assert world.step(NOON + 4, Reading(TEMPERATURE, NOON + 4, 21)) == ["out resolved"]


def test_recover_asks_for_more_than_the_goal() -> None:
    world = World(room(recover=Recover(20.5, 22.5)))
    told = [
        world.step(NOON + i, Reading(TEMPERATURE, NOON + i, value))
        for i, value in enumerate([23.1, 22.9, 22.51, 22.5, 22.9])
    ]
    assert told == [["out firing"], [], [], ["out resolved"], []]


def test_for_is_over_without_a_further_reading() -> None:
    world = World(room(alerts=(AlertRule("out", Standing.OUT_OF_BAND, for_=2 * MINUTE),)))
    assert world.step(NOON, Reading(TEMPERATURE, NOON, 25)) == ["out pending"]
    assert world.states.instances[InstanceKey("t")].wake == NOON + 2 * MINUTE
    assert world.step(NOON + 2 * MINUTE - 1) == []
    assert world.step(NOON + 2 * MINUTE) == ["out firing"]


def test_every_reading_of_a_batch_counts_but_not_the_past_of_a_new_instance() -> None:
    past = [Reading(TEMPERATURE, NOON - i * HOUR, 30) for i in (3, 2, 1)]
    world = World(room())
    assert world.step(NOON, *past, Reading(TEMPERATURE, NOON, 21)) == []
    later = [Reading(TEMPERATURE, NOON + 1, 25), Reading(TEMPERATURE, NOON + 2, 21)]
    assert world.step(NOON + 2, *later) == ["out firing", "out resolved"]
    assert world.step(NOON + 3, Reading(TEMPERATURE, NOON + 1, 26), Reading(TEMPERATURE, NOON - 5, 40)) == []


def test_each_label_set_is_an_instance() -> None:
    world = World(room(by=("room",)))
    den, hall = series("temperature", room="den"), series("temperature", room="hall")
    world.step(NOON, Reading(den, NOON, 25), Reading(hall, NOON, 21))
    assert [t.key.labels for t in world.transitions] == [(("room", "den"),)]
    assert world.look(NOON, room="hall").assessment.standing is Standing.IN_BAND


def test_two_series_in_one_instance_need_by_or_combine() -> None:
    den, hall = series("temperature", room="den"), series("temperature", room="hall")
    readings = [Reading(den, NOON, 19), Reading(hall, NOON + 1, 23)]
    world = World(room())
    world.step(NOON, *readings)
    reason = world.look(NOON).assessment.reason
    assert 'room="den"' in reason
    assert "`by`" in reason
    assert "`combine`" in reason
    for combine, value in [
        (Combine.MEAN, 21),
        (Combine.MIN, 19),
        (Combine.MAX, 23),
        (Combine.SUM, 42),
        (Combine.LAST, 23),
    ]:
        world = World(room(combine=combine))
        world.step(NOON, *readings)
        assert world.look(NOON).assessment.value == value


# goals with a period


def test_behind_says_rate_and_projection() -> None:
    world = World(month())
    now = at("2026-11-16 00:00")
    assert world.step(now, *daily("2026-11-01", *[300] * 15)) == ["behind firing"]
    found = world.look(now).assessment
    assert found.value == 4500
    assert found.projection.value == pytest.approx(9000)
    assert found.required_rate == pytest.approx(5500 / 15)
    assert found.pace == pytest.approx(0.9)
    assert found.progress == pytest.approx(0.45)
    assert (found.start, found.end) == (at("2026-11-01"), at("2026-12-01"))


def test_on_track_then_met_as_soon_as_it_is_reached() -> None:
    world = World(month())
    world.step(at("2026-11-16"), *daily("2026-11-01", *[500] * 15))
    assert world.look(at("2026-11-16")).assessment.standing is Standing.ON_TRACK
    world.step(at("2026-11-21"), *daily("2026-11-16", *[500] * 5))
    assert world.look(at("2026-11-21")).assessment.standing is Standing.MET


def test_too_early_until_a_tenth_of_the_period_is_covered() -> None:
    world = World(month())
    world.step(at("2026-11-03 12:00"), *daily("2026-11-01", 1, 1))
    assert world.look(at("2026-11-03 12:00")).assessment.standing is Standing.TOO_EARLY
    assert world.step(at("2026-11-04 00:00"), *daily("2026-11-03", 1)) == ["behind firing"]


def test_missed_when_the_period_ends_short_until_the_next_one_can_be_judged() -> None:
    world = World(month())
    world.step(at("2026-11-29 00:00"), *daily("2026-11-01", *[200] * 28))
    # The last days are not in yet: nothing is said at midnight.
    assert world.step(at("2026-12-01 00:00")) == []
    assert world.step(at("2026-12-01 06:00"), *daily("2026-11-29", 200, 200)) == ["behind resolved", "missed firing"]
    assert world.step(at("2026-12-02 06:00"), *daily("2026-12-01", 700)) == []
    assert world.step(at("2026-12-09 06:00"), *daily("2026-12-02", *[700] * 7)) == ["missed resolved"]


def test_a_late_reading_turns_missed_into_met() -> None:
    world = World(month())
    world.step(at("2026-11-29 00:00"), *daily("2026-11-01", *[340] * 28))
    assert "missed firing" in world.step(at("2026-12-01 06:00"), *daily("2026-11-29", 0, 0))
    assert world.step(at("2026-12-02 06:00"), *daily("2026-11-29", 340, 340)) == ["missed resolved"]


def test_an_instance_that_is_new_this_period_did_not_miss_the_one_before() -> None:
    world = World(month())
    assert world.step(at("2026-12-02 00:00"), *daily("2026-11-01", *[10] * 31)) == ["behind firing"]


def test_a_number_that_stops_falls_behind() -> None:
    world = World(month())
    world.step(at("2026-11-16"), *daily("2026-11-01", *[350] * 15))
    assert world.look(at("2026-11-16")).assessment.standing is Standing.ON_TRACK
    assert world.step(at("2026-11-20"), due=[InstanceKey("t")]) == ["behind firing"]


def test_a_budget_is_behind_when_the_projection_exceeds_it_and_missed_when_it_is_spent() -> None:
    budget = month(goal=Goal(Measure.SUM, at_most=5000, per=CalendarPeriod("month")))
    world = World(budget)
    assert world.step(at("2026-11-11"), *daily("2026-11-01", *[200] * 10)) == ["behind firing"]
    assert world.step(at("2026-11-12"), *daily("2026-11-11", 3001)) == ["behind resolved", "missed firing"]


def test_of_two_bounds_the_one_that_will_be_exceeded_is_spoken_of() -> None:
    both = month(goal=Goal(Measure.SUM, at_least=5000, at_most=8000, per=CalendarPeriod("month")))
    world = World(both)
    world.step(at("2026-11-24"), *daily("2026-11-01", *[300] * 23))
    found = world.look(at("2026-11-24")).assessment
    assert (found.standing, found.required_rate) == (Standing.BEHIND, pytest.approx(1100 / 7))
    said = describe(both, found, NOON)
    assert said == "behind: 6,900 of at most 8,000, may add 157 a day, projected 9,000"


@pytest.mark.parametrize(
    ("measure", "values", "value"),
    [
        (Measure.SUM, [1, 2, 3], 6),
        (Measure.LAST, [1, 2, 3], 3),
        (Measure.COUNT, [1, None, 3], 2),
        (Measure.MIN, [2, 1, 3], 1),
        (Measure.MAX, [2, 3, 1], 3),
        (Measure.MEAN, [1, math.nan, 3], 2),
        (Measure.INCREASE, [5, 8, 2, 4], 3 + 2 + 2),
        (Measure.SHARE, [1, math.nan, 0, 1, None, 1], 0.75),
        (Measure.QUANTILE, [9, None, 1, 5], 5),
    ],
)
def test_measures_of_a_fixed_period(measure: Measure, values: list[float], value: float) -> None:
    period = FixedPeriod(at("2026-01-01"), at("2026-02-01"))
    world = World(month(goal=of(measure, at_least=1e6, per=period)))
    world.step(NOON, *daily("2026-01-05", *values))
    found = world.look(NOON).assessment
    assert (found.value, found.standing) == (value, Standing.MISSED)


def test_increase_counts_from_the_last_reading_before_the_period() -> None:
    period = FixedPeriod(at("2026-01-05"), at("2026-02-01"))
    world = World(month(goal=Goal(Measure.INCREASE, at_least=1e6, per=period)))
    world.step(NOON, *daily("2026-01-04", 100, 130))
    assert world.look(NOON).assessment.value == 30


def test_a_rolling_period_is_met_or_missed() -> None:
    world = World(month(goal=Goal(Measure.MEAN, at_least=10, per=RollingPeriod(2 * DAY))))
    world.step(at("2026-11-03"), *daily("2026-11-01", 0, 12, 12))
    assert world.look(at("2026-11-03")).assessment.standing is Standing.MET
    assert world.look(at("2026-11-03") - 1).assessment.standing is Standing.MISSED


def test_the_period_follows_the_targets_zone() -> None:
    target = month(goal=Goal(Measure.SUM, at_least=10, per=CalendarPeriod("day")), zone="Europe/Amsterdam")
    world = World(target)
    local = [at("2026-10-25 00:00", "Europe/Amsterdam"), at("2026-10-25 23:59", "Europe/Amsterdam")]
    world.step(local[1], *[Reading(VISITORS, time, 4) for time in local])
    found = world.look(local[1]).assessment
    assert (found.value, (found.end - found.start) // HOUR) == (8, 25)


# silence


def test_a_failing_source_is_said_once_and_holds_the_verdicts_of_its_targets() -> None:
    rule = SourceRule("a", ("temperature",), MINUTE)
    world = World(room(by=("room",), no_data=NoData(5 * MINUTE)), sources=[rule])
    rooms = [series("temperature", room=name) for name in ("den", "hall")]
    now = NOON
    told = world.step(now, *[Reading(one, now, 25) for one in rooms], polls=[Polled("a", now)])
    assert told == ["out firing", "out firing"]
    told = []
    for i in range(1, 11):
        now = NOON + i * MINUTE
        told += world.step(now, polls=[Polled("a", now, "status 500")])
    assert told == ["source-down firing"]
    assert world.states.instances[InstanceKey("t", (("room", "den"),))].assessment.standing is Standing.NO_DATA
    now += MINUTE
    told = world.step(now, *[Reading(one, now, 25) for one in rooms], polls=[Polled("a", now)])
    assert told == ["source-down resolved"]
    assert dict(world.transitions[-1].labels)["source"] == "a"


def test_one_failed_poll_is_a_blip() -> None:
    world = World(room())
    world.step(NOON, polls=[Polled("a", NOON)])
    assert world.step(NOON + 1, polls=[Polled("a", NOON + 1, "timed out")]) == []
    assert world.step(NOON + 2, polls=[Polled("a", NOON + 2)]) == []


@pytest.mark.parametrize(
    ("then", "told"),
    [
        (NoDataThen.ALERT, ["no-data firing"]),
        (NoDataThen.KEEP, []),
        (NoDataThen.OK, ["out resolved"]),
    ],
)
def test_readings_that_stop(then: NoDataThen, told: list[str]) -> None:
    world = World(room(no_data=NoData(10 * MINUTE, then)))
    world.step(NOON, Reading(TEMPERATURE, NOON, 25))
    assert world.step(NOON + 10 * MINUTE - 1) == []
    assert world.step(NOON + 10 * MINUTE) == told
    assert world.look(NOON + 11 * MINUTE).assessment.standing is Standing.NO_DATA
    back = world.step(NOON + HOUR, Reading(TEMPERATURE, NOON + HOUR, 25))
    assert back == {"alert": ["no-data resolved"], "keep": [], "ok": ["out firing"]}[then]


@pytest.mark.parametrize(("every", "cron"), [(10 * SECOND, None), (None, "*/5 * * * *")])
def test_after_a_pause_a_pending_alert_waits_for_a_poll(every: int | None, cron: str | None) -> None:
    target = room(alerts=(AlertRule("out", Standing.OUT_OF_BAND, for_=11 * MINUTE),))
    world = World(target, sources=[SourceRule("a", ("temperature",), every, cron)])
    world.step(NOON, Reading(TEMPERATURE, NOON, 25), polls=[Polled("a", NOON)])
    later = NOON + HOUR
    assert world.step(later) == []
    assert world.step(later + 1, Reading(TEMPERATURE, later, 21), polls=[Polled("a", later)]) == ["out inactive"]


@pytest.mark.parametrize(
    ("goal", "rule"),
    [
        (Goal(Measure.SUM, at_most=10, per=RollingPeriod(MINUTE)), AlertRule("out", Standing.MISSED)),
        (Goal(condition="sum(temperature, '1m') <= 10"), AlertRule("out", Standing.OUT_OF_BAND)),
    ],
)
def test_a_window_that_emptied_while_nobody_read_ends_nothing_before_a_poll(goal: Goal, rule: AlertRule) -> None:
    target = room(goal=goal, alerts=(rule,), **({"selector": None} if goal.condition else {}))
    world = World(target, sources=[SourceRule("a", ("temperature",), 5 * SECOND)])
    readings = [Reading(TEMPERATURE, NOON + 5 * n * SECOND, 2) for n in range(24)]
    began, later = NOON + MINUTE, NOON + MINUTE + 50 * SECOND
    assert world.step(began, *readings[:13], polls=[Polled("a", began)]) == ["out firing"]
    assert world.step(later, due=world.states.instances) == []
    assert world.step(later + SECOND, *readings[13:23], polls=[Polled("a", later)]) == []
    gone = later + 2 * MINUTE
    assert world.step(gone, Reading(TEMPERATURE, gone, 2), polls=[Polled("a", gone)]) == ["out resolved"]


def test_a_reading_that_aged_while_nobody_read_makes_nothing_fire_on() -> None:
    rule = AlertRule("out", Standing.OUT_OF_BAND, keep_firing_for=MINUTE)
    target = room(goal=Goal(condition="age(temperature) < 30"), selector=None, alerts=(rule,))
    world = World(target, sources=[SourceRule("a", ("temperature",), 5 * SECOND)])
    old, back, later = NOON - MINUTE, NOON + 5 * SECOND, NOON + 10 * MINUTE
    assert world.step(NOON, Reading(TEMPERATURE, old, 21), polls=[Polled("a", NOON)]) == ["out firing"]
    assert world.step(back, Reading(TEMPERATURE, back, 21), polls=[Polled("a", back)]) == ["out recovering"]
    assert world.step(later, due=world.states.instances) == []
    assert world.step(later + 1, Reading(TEMPERATURE, later, 21), polls=[Polled("a", later)]) == ["out resolved"]


@pytest.mark.parametrize("every", [10 * SECOND, None])
def test_after_a_pause_nothing_begins_before_a_poll_and_that_brings_it_whatever_it_gives(every: int | None) -> None:
    rule = AlertRule("behind", Standing.BEHIND)
    target = room(goal=Goal(Measure.SUM, at_least=100, per=CalendarPeriod("hour")), alerts=(rule,))
    world = World(target, sources=[SourceRule("a", ("temperature",), every)])
    for minute in range(15):
        now = NOON + minute * MINUTE
        assert world.step(now, Reading(TEMPERATURE, now, 2), polls=[Polled("a", now)]) == []
    late = NOON + 50 * MINUTE
    assert world.step(late, due=world.states.instances) == ([] if every else ["behind firing"])
    assert world.step(late, polls=[Polled("a", late, "timed out")], due=()) == []
    assert world.step(late, polls=[Polled("a", late)], due=()) == (["behind firing"] if every else [])


@pytest.mark.parametrize("error", [None, "timed out"])
def test_a_source_that_is_back_or_down_has_only_its_own_looked_at(error: str | None, monkeypatch) -> None:
    names = [f"s{n}" for n in range(5)]
    world = World(room(by=("source",)), sources=[SourceRule(name, ("temperature",), 10 * SECOND) for name in names])
    read = [Reading(series("temperature", source=name), NOON, 21) for name in names]
    world.step(NOON, *read, polls=[Polled(name, NOON) for name in names])
    looked, look = [], Instance.evaluate
    monkeypatch.setattr(Instance, "evaluate", lambda self, *came: looked.append(self.before.key) or look(self, *came))
    for name in names:
        world.step(NOON + HOUR, polls=[Polled(name, NOON + HOUR, error)] * 2, due=())
    assert [dict(key.labels)["source"] for key in looked] == names


def test_a_window_that_emptied_while_nobody_read_takes_no_time_from_a_pending_alert() -> None:
    rule = AlertRule("out", Standing.MISSED, for_=90 * SECOND)
    target = room(goal=Goal(Measure.SUM, at_most=10, per=RollingPeriod(MINUTE)), alerts=(rule,))
    world = World(target, sources=[SourceRule("a", ("temperature",), 5 * SECOND)])
    readings = [Reading(TEMPERATURE, NOON + 5 * n * SECOND, 2) for n in range(31)]
    began, later, due = NOON + MINUTE, NOON + 2 * MINUTE - 5 * SECOND, NOON + 150 * SECOND
    assert world.step(began, *readings[:13], polls=[Polled("a", began)]) == ["out pending"]
    assert world.step(later, due=world.states.instances) == []
    assert world.step(due, *readings[13:], polls=[Polled("a", due)]) == ["out firing"]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (AlertRule("out", Standing.OUT_OF_BAND, for_=HOUR), ["pending", "inactive", "pending", "inactive", "pending"]),
        (
            AlertRule("out", Standing.OUT_OF_BAND, keep_firing_for=HOUR),
            ["firing", "recovering", "firing", "recovering", "firing"],
        ),
    ],
)
def test_what_readings_that_come_at_once_make_twice_has_two_names(rule: AlertRule, said: list[str]) -> None:
    world = World(room(alerts=(rule,)))
    world.step(NOON, Reading(TEMPERATURE, NOON, 21))
    late = [Reading(TEMPERATURE, NOON + n * MINUTE, 30 if n % 2 else 21) for n in range(1, 6)]
    assert world.step(NOON + 10 * MINUTE, *late) == [f"out {one}" for one in said]
    assert len({one.id for one in world.transitions}) == len(said)


def test_a_failing_source_is_not_silence() -> None:
    world = World(room(no_data=NoData(7 * SECOND)), sources=[SourceRule("a", ("temperature",), 5 * SECOND)])
    world.step(NOON, Reading(TEMPERATURE, NOON, 21), polls=[Polled("a", NOON)])
    told = []
    for second in range(5, 60, 5):
        now = NOON + second * SECOND
        told += world.step(now, polls=[Polled("a", now, "status 500")])
        told += world.step(now + 2 * SECOND)
    assert told == ["source-down firing"]


def test_nor_is_a_failing_source_that_is_read_by_the_calendar_or_the_time_between_two_reads() -> None:
    world = World(room(no_data=NoData(90 * MINUTE)), sources=[SourceRule("a", ("temperature",), None, "0 8-12 * * *")])
    world.step(NOON - 4 * HOUR, Reading(TEMPERATURE, NOON - 4 * HOUR, 21), polls=[Polled("a", NOON - 4 * HOUR)])
    told = []
    for hour in (-3, -2):
        told += world.step(NOON + hour * HOUR, polls=[Polled("a", NOON + hour * HOUR, "status 500")])
        told += world.step(NOON + hour * HOUR + 59 * MINUTE)
    assert told == ["source-down firing"]
    world.step(NOON, Reading(TEMPERATURE, NOON, 21), polls=[Polled("a", NOON)])
    night, morning = NOON + 8 * HOUR, NOON + 20 * HOUR
    assert world.step(night, due=world.states.instances) == []
    assert world.step(morning, polls=[Polled("a", morning)], due=world.states.instances) == ["no-data firing"]


def test_a_number_that_is_read_goes_on_as_it_did() -> None:
    flat = month(goal=Goal(Measure.LAST, at_least=1000, per=CalendarPeriod("month")))
    world = World(flat)
    world.step(at("2026-11-24"), *daily("2026-11-01", *[950] * 23))
    assert world.look(at("2026-11-24")).assessment.projection.value == 950
    total = World(flat)
    total.step(at("2026-11-24"), *daily("2026-11-01", *[40.0 * day for day in range(1, 24)]))
    assert total.look(at("2026-11-24")).assessment.projection.value == pytest.approx(40 * 30, rel=0.02)
    single = World(flat)
    single.step(at("2026-11-16"), Reading(VISITORS, at("2026-11-16"), 450))
    assert single.look(at("2026-11-16")).assessment.projection.value == 900


def test_thirty_days_of_daily_readings_are_thirty_readings() -> None:
    world = World(month(goal=Goal(Measure.COUNT, at_least=1, per=RollingPeriod(30 * DAY))))
    now = at("2026-11-24 04:00")
    world.step(now, *daily("2026-09-01", *[1] * 84))
    assert world.look(now).assessment.value == 30


def test_an_open_alert_keeps_the_labels_it_fired_with() -> None:
    rule = AlertRule("out", Standing.OUT_OF_BAND, labels=(("team", "a"),))
    world = World(room(alerts=(rule,)))
    world.step(NOON, Reading(TEMPERATURE, NOON, 25))
    other = World(room(alerts=(replace(rule, severity="critical", labels=()),)))
    other.history, other.states = world.history, world.states
    other.step(NOON + 1, Reading(TEMPERATURE, NOON + 1, 21))
    fired, resolved = world.transitions[0], other.transitions[0]
    assert (resolved.fingerprint, resolved.labels) == (fired.fingerprint, fired.labels)


# conditions


def test_a_condition_over_several_series() -> None:
    text = "last(dau) > 1000 and avg(session_seconds, '1d') > 300 and last(bounce) < 0.30"
    rule = AlertRule("low", Standing.OUT_OF_BAND)
    world = World(Target("t", "Engagement", Goal(condition=text), alerts=(rule,)))
    world.step(NOON, Reading(series("dau"), NOON, 1200), Reading(series("bounce"), NOON, 0.2))
    assert world.look(NOON).assessment.standing is Standing.NO_DATA
    for i, seconds in enumerate((200, 420)):
        world.step(NOON, Reading(series("session_seconds"), NOON - i * HOUR, seconds))
    found = world.look(NOON).assessment
    assert found.standing is Standing.IN_BAND
    assert ("avg(session_seconds, '1d')", "310") in found.inputs
    assert world.step(NOON + 1, Reading(series("dau"), NOON + 1, 900)) == ["low firing"]
    # The window slides: a day later there is no session length to speak of, and the verdict is kept.
    assert world.step(NOON + 2 * DAY, Reading(series("dau"), NOON + 2 * DAY, 1500)) == []


def test_a_condition_joins_series_by_label() -> None:
    rule = AlertRule("full", Standing.OUT_OF_BAND)
    goal = Goal(condition="last(used) / last(size) < 0.9")
    world = World(Target("t", "Disk", goal, by=("disk",), alerts=(rule,)))
    rows = [("sda", 95, 100), ("sdb", 50, 100)]
    for disk, used, size in rows:
        world.step(NOON, Reading(series("used", disk=disk), NOON, used), Reading(series("size", disk=disk), NOON, size))
    assert [dict(t.labels)["disk"] for t in world.transitions] == ["sda"]


# check-ins


def backup(**more: object) -> World:
    checkin = Checkin("0 3 * * *", None, "Europe/Amsterdam", 30 * MINUTE)
    target = Target("t", "Backup", None, source="backup", checkin=replace(checkin, **more), zone="Europe/Amsterdam",
                    alerts=(AlertRule("late", Standing.MISSED),))  # fmt: skip
    return World(target, sources=[SourceRule("backup", ("checkin",), None)])


def ping(now: int, value: float = 1.0, name: str = "checkin") -> Reading:
    return Reading(series(name, source="backup"), now, value)


def local(text: str) -> int:
    return at(text, "Europe/Amsterdam")


def test_a_checkin_that_does_not_come_is_missed_after_its_grace() -> None:
    world = backup()
    world.step(local("2026-11-23 12:00"), due=[InstanceKey("t")])
    assert world.look(local("2026-11-23 12:00")).assessment.standing is Standing.NO_DATA
    assert world.step(local("2026-11-24 03:30"), due=[InstanceKey("t")]) == []
    assert world.step(local("2026-11-24 03:30") + SECOND) == ["late firing"]
    assert world.step(local("2026-11-24 04:00"), ping(local("2026-11-24 04:00"))) == ["late resolved"]
    assert world.look(local("2026-11-24 04:00")).assessment.due == local("2026-11-25 03:00")


def test_a_checkin_that_fails_or_does_not_finish() -> None:
    world = backup()
    now = local("2026-11-24 03:01")
    assert world.step(now, ping(now, 0.0), ping(now, 3.0, "checkin_exit_status")) == ["late firing"]
    assert world.look(now).assessment.reason == "failed with exit status 3"
    assert world.step(now + 1, ping(now + 1)) == ["late resolved"]
    world.step(now + 2, ping(now + 2, 1.0, "checkin_start"))
    assert world.step(now + 2 + 30 * MINUTE) == []
    assert world.step(now + 2 + 31 * MINUTE) == ["late firing"]


def test_a_checkin_on_the_nights_the_clocks_change() -> None:
    for day, due in (("2026-03-28", "2026-03-29 03:00"), ("2026-10-24", "2026-10-25 03:00")):
        world = backup()
        now = local(f"{day} 03:05")
        world.step(now, ping(now))
        assert world.look(now).assessment.due == local(due)


def test_a_checkin_with_a_period() -> None:
    world = backup(schedule=None, every=HOUR, grace=MINUTE)
    world.step(NOON, ping(NOON))
    assert world.step(NOON + HOUR + MINUTE) == []
    assert world.step(NOON + HOUR + MINUTE + SECOND) == ["late firing"]


def test_a_band_to_recover_into_counts_for_every_reading_of_a_batch() -> None:
    target = room(recover=Recover(at_most=22.5), alerts=())
    together, apart = World(target), World(target)
    hot, still_warm = Reading(TEMPERATURE, NOON + 1, 25.0), Reading(TEMPERATURE, NOON + 2, 22.8)
    for world in (together, apart):
        world.step(NOON, Reading(TEMPERATURE, NOON, 21.0))
    together.step(NOON + 2, hot, still_warm)
    apart.step(NOON + 2, hot)
    apart.step(NOON + 2, still_warm)
    for world in (together, apart):
        assert world.states.instances[InstanceKey("t")].assessment.standing is Standing.OUT_OF_BAND


@pytest.mark.parametrize("combine", list(Combine))
@pytest.mark.parametrize("values", [(21.0, None), (None, 21.0), (None, None)])
def test_series_without_a_value_at_the_same_time_are_held(combine: Combine, values: tuple[float | None, ...]) -> None:
    world = World(room(combine=combine))
    world.step(NOON, *(Reading(series("temperature", wall=str(i)), NOON, value) for i, value in enumerate(values)))
    found = world.states.instances[InstanceKey("t")].assessment
    assert found.hold is (combine is not Combine.LAST or values == (None, None))


def test_of_several_series_the_one_read_last_can_count_for_a_period() -> None:
    world = World(month(Measure.LAST, combine=Combine.LAST))
    old, new = (series("visitors", site=site) for site in ("old", "new"))
    world.step(NOON, Reading(old, NOON - DAY, 11_000.0), Reading(new, NOON, 9_000.0))
    assert world.look(NOON).assessment.value == 9_000


def test_what_a_source_gave_under_another_name_counts_no_more() -> None:
    world = World(month())
    old = [
        Reading(Series("visitors", labels_of({"source": "before"})), r.time, r.value) for r in daily("2026-11-01", 5, 5)
    ]
    pushed = Reading(Series("visitors", labels_of({"source": "push"})), at("2026-11-02"), 7.0)
    world.step(NOON, *old, *daily("2026-11-01", 5, 5), pushed)
    assert world.look(NOON).assessment.value == 17


def test_a_bad_row_does_not_take_a_source_down() -> None:
    world = World(room())
    for i in range(4):
        assert world.step(NOON + i, polls=[Polled("a", NOON + i, partly="row 2: no number")]) == []
    assert world.states.sources["a"].last_error == "row 2: no number"
