"""What a report says, by table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.acts import Act, Person
from agent.config.configuration import ReportEntry
from agent.reports.content import MOST_LINES, MOST_OF_TARGET, Known, report_of, standings_of, summary
from agent.reports.happened import Titles, alerts_in, corrections_in
from rules.model import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Acknowledgement,
    AlertState,
    AlertStatus,
    Assessment,
    Checkin,
    Correction,
    Event,
    Goal,
    Health,
    InstanceKey,
    InstanceState,
    Measure,
    Projection,
    ReportAlert,
    ReportCorrections,
    ReportMore,
    ReportRow,
    RunState,
    Selector,
    SourceState,
    Standing,
    Target,
    Transition,
    labels_of,
)
from rules.model.wants import CalendarPeriod

NOW = 1_778_457_600 * SECOND
START = NOW - 7 * DAY
SPAN = (START, NOW)
ROOM = Target("room", "Room", Goal(at_least=20, at_most=23), Selector("temperature"), by=("room",), unit="°C")
VISITORS = Target("visitors", "Visitors", Goal(Measure.SUM, 10_000, per=CalendarPeriod("month")), Selector("visitors"))
BACKUP = Target("backup", "Backup", None, source="job", checkin=Checkin("0 3 * * *", None, "UTC", HOUR))
TARGETS = {target.name: target for target in (ROOM, VISITORS, BACKUP)}
ENTRY = ReportEntry("weekly", "Weekly", "0 9 * * mon", "UTC", tuple(TARGETS), ("growth",))
KITCHEN = InstanceKey("room", labels_of({"room": "kitchen"}))


def state(key: InstanceKey, standing: Standing, alerts: dict[str, AlertStatus] | None = None, **found: object):
    return InstanceState(key, Assessment(standing, **found), since=START, created=0, alerts=alerts or {})


def room(name: str, standing: Standing = Standing.IN_BAND, value: float = 21.0, **more: object):
    key = InstanceKey("room", labels_of({"room": name}))
    return state(key, standing, value=value, at_least=20.0, at_most=23.0, **more)


BEHIND = state(
    InstanceKey("visitors"), Standing.BEHIND, value=6_214.0, at_least=10_000.0, start=START, end=NOW + 10 * DAY,
    progress=0.6214, required_rate=411.98, projection=Projection(8_950.4, 8_101.5, 9_801.2, 0.1),
)  # fmt: skip


def known(*states: InstanceState, targets: dict[str, Target] = TARGETS, **more: object) -> Known:
    return Known(targets, {one.key: one for one in states}, **more)


def test_rows_are_the_worst_first_and_every_target_has_one() -> None:
    report = report_of(ENTRY, known(room("a"), room("b", Standing.OUT_OF_BAND, 30.0), BEHIND), SPAN, None)
    assert [(row.title, row.standing) for row in report.rows] == [
        ("Room (b)", "out_of_band"),
        ("Visitors", "behind"),
        ("Backup", "no_data"),
        ("Room (a)", "in_band"),
    ]
    assert report.counts == {"out_of_band": 1, "behind": 1, "no_data": 1, "in_band": 1}
    assert (report.name, report.title, report.start, report.end, report.first) == ("weekly", "Weekly", *SPAN, True)


def test_the_numbers_of_a_row() -> None:
    row = next(row for row in report_of(ENTRY, known(BEHIND), SPAN, None).rows if row.target == "visitors")
    assert (row.value, row.goal, row.progress) == ("6,214", "at least 10,000", "62.1 %")
    assert (row.required, row.projection) == ("412 a day", "8,950 (8,102 to 9,801)")
    assert row.words == "behind: 6,214 of 10,000, needs 412 a day, projected 8,950"
    assert row.values["projection_low"] == 8_101.5
    assert (row.period_start, row.since) == (START, START)


def test_what_is_met_needs_nothing_more() -> None:
    met = replace(BEHIND, assessment=replace(BEHIND.assessment, standing=Standing.MET, required_rate=0.0))
    assert next(r for r in report_of(ENTRY, known(met), SPAN, None).rows if r.target == "visitors").required == ""


def test_shares_are_said_in_percent() -> None:
    goal = Goal(Measure.SHARE, 0.999, per=CalendarPeriod("month"), where="value == 1")
    target = Target("up", "Uptime", goal, Selector("probe"))
    up = state(InstanceKey("up"), Standing.MISSED, value=0.9985, at_least=0.999, start=START, end=NOW)
    (row,) = report_of(ENTRY, known(up, targets={"up": target}), SPAN, None).rows
    assert (row.value, row.goal, row.percent) == ("99.85 %", "at least 99.9 %", True)


def test_what_changed() -> None:
    before = standings_of(known(room("a"), room("b"), room("c", Standing.OUT_OF_BAND)))
    now = known(room("a"), room("b", Standing.OUT_OF_BAND, 30.0), room("c"), room("d"), BEHIND)
    report = report_of(ENTRY, now, SPAN, before)
    assert [(row.title, row.before, row.standing) for row in report.changes] == [
        ("Room (b)", "in_band", "out_of_band"),
        ("Visitors", "", "behind"),
        ("Room (c)", "out_of_band", "in_band"),
        ("Room (d)", "", "in_band"),
    ]
    assert report_of(ENTRY, now, SPAN, standings_of(now)).changes == ()
    assert report_of(ENTRY, now, SPAN, None).changes == ()


def test_very_many_instances_are_counted() -> None:
    rooms = [room(f"{n:04}", Standing.OUT_OF_BAND if n == 999 else Standing.IN_BAND) for n in range(1_000)]
    report = report_of(ENTRY, known(*rooms, BEHIND), SPAN, {})
    assert report.rows[0].title == "Room (0999)"
    assert sum(row.target == "room" for row in report.rows) == MOST_OF_TARGET
    assert ReportMore("room", 1_000 - MOST_OF_TARGET) in report.more
    assert report.counts["in_band"] == 999
    assert len(report.changes) == MOST_LINES
    assert ReportMore("changes", 1_001 - MOST_LINES) in report.more
    assert report.summary.startswith("999 of 1,002 are on target. 2 need attention: Room (0999) ")


def rows(*standings: str, held: str = "") -> list[ReportRow]:
    return [ReportRow("t", {}, f"T{n}", one, f"{one}!", 0, held=held) for n, one in enumerate(standings)]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "There is nothing to report on yet."),
        (rows("met"), "It is on target."),
        (rows("met", "on_track", "in_band"), "All 3 are on target."),
        (rows("behind"), "1 needs attention: T0 behind!."),
        (rows("missed", "behind"), "None of 2 is on target. 2 need attention: T0 missed!; T1 behind!."),
        (rows("no_data", "met"), "1 of 2 is on target. 1 needs attention: T0 no_data!."),
        (rows("too_early", "met", "met"), "2 of 3 are on target. For 1 it is too early to say."),
        (rows("behind", held="db"), "1 waits for what it depends on."),
        (
            rows(*["missed"] * 7),
            "None of 7 is on target. 7 need attention: T0 missed!; T1 missed!; T2 missed!; T3 missed!; T4 missed!; and 2 more.",
        ),
    ],
)
def test_the_summary(given: list[ReportRow], said: str) -> None:
    assert summary(given) == said


def test_a_call_that_is_not_due_yet_needs_no_attention() -> None:
    assert summary(rows("no_data", "met"), {"t"}) == "1 of 2 is on target. For 1 it is too early to say."


def test_what_is_held_says_by_what() -> None:
    report = report_of(ENTRY, known(room("a", Standing.OUT_OF_BAND), held={room("a").key: "power"}), SPAN, None)
    row = next(row for row in report.rows if row.target == "room")
    assert (row.held, row.words) == ("power", "held by power, which is off; out of band: 21 °C, wanted 20 to 23 °C")


# what happened

TITLES = Titles(TARGETS)


def change(event: Event, at: int, episode: int = 1, key: InstanceKey = KITCHEN, **more: object) -> Transition:
    after = AlertState.FIRING if event is Event.FIRING else AlertState.INACTIVE
    made = {"before": AlertState.PENDING, "after": after, "labels": labels_of({"severity": "critical"}), **more}
    return Transition(key, "hot", "f", episode, event, at, **made)


def firing(since: int, episode: int = 1, by: str = "") -> dict[str, AlertStatus]:
    taken = Acknowledgement(by, since) if by else None
    return {
        "hot": AlertStatus(AlertState.FIRING, since, since, episode, taken, labels=labels_of({"severity": "critical"}))
    }


def of_alerts(*changes: Transition, states=None, sources=None, acts=()) -> list[ReportAlert]:
    return alerts_in(changes, states or {}, sources or {}, SPAN, acts, TITLES)


def test_an_alert_that_came_and_went() -> None:
    fired, resolved = change(Event.FIRING, NOW - DAY), change(Event.RESOLVED, NOW - DAY + HOUR, fired_at=NOW - DAY)
    twice = (change(Event.FIRING, NOW - HOUR, 2), change(Event.RESOLVED, NOW - 50 * MINUTE, 2))
    assert of_alerts(resolved, fired) == [ReportAlert("Room (kitchen)", "hot", "critical", 1, HOUR, open=False)]
    assert of_alerts(*twice, fired, resolved) == [
        ReportAlert("Room (kitchen)", "hot", "critical", 2, HOUR + 10 * MINUTE, open=False)
    ]


def test_one_that_was_open_before_the_period() -> None:
    ended = change(Event.RESOLVED, START + HOUR, fired_at=START - DAY)
    assert of_alerts(ended) == [ReportAlert("Room (kitchen)", "hot", "critical", 0, HOUR, open=False)]
    open_ = room("kitchen", alerts=firing(START - DAY))
    assert of_alerts(states={open_.key: open_}) == [
        ReportAlert("Room (kitchen)", "hot", "critical", 0, 7 * DAY, open=True)
    ]


def test_what_recovers_and_fires_again_fired_once() -> None:
    again = change(Event.FIRING, NOW - HOUR, before=AlertState.RECOVERING, fired_at=NOW - DAY)
    open_ = room("kitchen", alerts=firing(NOW - DAY))
    assert of_alerts(change(Event.FIRING, NOW - DAY), again, states={open_.key: open_}) == [
        ReportAlert("Room (kitchen)", "hot", "critical", 1, DAY, open=True)
    ]


def test_what_lies_outside_the_period_or_the_targets_is_not_told() -> None:
    other = InstanceKey("other")
    before = (change(Event.FIRING, START - DAY), change(Event.RESOLVED, START, fired_at=START - DAY))
    assert of_alerts(*before, change(Event.FIRING, NOW - 1, key=other), change(Event.FIRING, NOW + 1)) == []


def test_who_took_it_is_known_while_it_is_open_and_by_the_audit_log_after() -> None:
    open_ = room("kitchen", alerts=firing(NOW - HOUR, by="ann"))
    assert of_alerts(states={open_.key: open_})[0].taken_by == ("ann",)
    act = Act(NOW - 90 * MINUTE, Person("bob"), "acknowledge", 'hot of room{room="kitchen"}')
    other = replace(act, subject='hot of room{room="office"}')
    fired, resolved = change(Event.FIRING, NOW - 2 * HOUR), change(Event.RESOLVED, NOW - HOUR)
    assert of_alerts(fired, resolved, acts=[act, other, replace(act, at=START)])[0].taken_by == ("bob",)


def test_the_alert_of_a_source() -> None:
    labels = labels_of({"severity": "warning", "source": "shop"})
    gone = [
        replace(change(event, at, key=InstanceKey("")), alert="source-down", labels=labels)
        for event, at in ((Event.FIRING, NOW - HOUR), (Event.RESOLVED, NOW - MINUTE))
    ]
    shop = {"shop": SourceState("shop", Health.UP)}
    assert of_alerts(*gone, sources=shop) == [
        ReportAlert("Source shop", "source-down", "warning", 1, 59 * MINUTE, open=False)
    ]
    assert of_alerts(*gone) == []


def test_open_alerts_come_first_then_the_gravest() -> None:
    a, b = room("a", alerts=firing(NOW - MINUTE)), room("b")
    mild = replace(change(Event.FIRING, NOW - DAY, key=b.key), labels=labels_of({"severity": "info"}))
    over = change(Event.RESOLVED, NOW - HOUR, key=KITCHEN, fired_at=NOW - 2 * HOUR)
    found = of_alerts(mild, over, states={a.key: a})
    assert [(one.title, one.severity) for one in found] == [
        ("Room (a)", "critical"),
        ("Room (b)", "info"),
        ("Room (kitchen)", "critical"),
    ]


def test_corrections_by_how_they_ended() -> None:
    def run(number: int, state_: RunState, at: int = NOW, action: str = "cool", key: InstanceKey = KITCHEN):
        return Correction(str(number), key, "hot", "f", 1, action, state_, 1, START, at)

    runs = [
        run(1, RunState.VERIFIED), run(2, RunState.FAILED), run(3, RunState.VERIFIED), run(4, RunState.CALLED, START),
        run(5, RunState.VERIFIED, action="vent"), run(6, RunState.VERIFIED, key=InstanceKey("other")),
    ]  # fmt: skip
    assert corrections_in(runs, SPAN, TITLES) == [
        ReportCorrections("Room (kitchen)", "cool", {"failed": 1, "verified": 2}),
        ReportCorrections("Room (kitchen)", "vent", {"verified": 1}),
    ]


def test_a_dry_run_helped_nothing() -> None:
    run = Correction("1", KITCHEN, "hot", "f", 1, "cool", RunState.SKIPPED, 0, START, NOW, dry_run=True)
    assert corrections_in([run], SPAN, TITLES) == [ReportCorrections("Room (kitchen)", "cool", {"dry run": 1})]
