"""Check-ins: late, failed, begun and not finished; and cron on the days the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.checkins import assess_checkin, checkin_wake, next_due
from rules.model import DAY, HOUR, MINUTE, SECOND, AlertRule, Checkin, Reading, SourceRule, Standing, Target
from rules.tracks import Track
from tests.rules.world import World, at, series

NIGHTLY = Checkin("0 3 * * *", None, "UTC", 30 * MINUTE)
HOURLY = Checkin(None, HOUR, "UTC", 5 * MINUTE)
T0 = at("2026-11-24 03:00")


def tracks(**readings: tuple[int, float]) -> dict[str, Track]:
    made = {}
    for name, (time, value) in readings.items():
        made[name] = Track(0)
        made[name].add(time, value)
    return made


def standing(of: Checkin, now: int, created: int = T0 - DAY, **readings: tuple[int, float]) -> Standing:
    return assess_checkin(of, tracks(**readings), now, created).standing


@pytest.mark.parametrize(("after", "due"), [(T0 - 1, T0), (T0, T0 + DAY), (T0 + 1, T0 + DAY)])
def test_cron_is_due_after_never_at(after, due):
    assert next_due(NIGHTLY, after) == due
    assert next_due(HOURLY, after) == after + HOUR


class TestStanding:
    def test_before_the_first_call_is_due_nothing_is_said(self):
        found = assess_checkin(NIGHTLY, {}, T0 - HOUR, T0 - 2 * HOUR)
        assert (found.standing, found.hold, found.due) == (Standing.NO_DATA, True, T0)

    def test_a_call_that_never_came(self):
        assert standing(NIGHTLY, T0 + 30 * MINUTE, T0 - HOUR) is Standing.NO_DATA
        assert standing(NIGHTLY, T0 + 30 * MINUTE + 1, T0 - HOUR) is Standing.MISSED

    def test_both_edges_of_the_grace(self):
        last = T0 - DAY + MINUTE
        assert standing(NIGHTLY, T0 + 30 * MINUTE, checkin=(last, 1.0)) is Standing.MET
        late = assess_checkin(NIGHTLY, tracks(checkin=(last, 1.0)), T0 + 30 * MINUTE + 1, 0)
        assert (late.standing, late.reason, late.due) == (Standing.MISSED, "late", T0)
        assert standing(NIGHTLY, T0 + 40 * MINUTE, checkin=(T0 + 35 * MINUTE, 1.0)) is Standing.MET

    @pytest.mark.parametrize(
        ("schedule", "grace", "early", "counts"),
        [
            ("0 3 * * *", 30 * MINUTE, 3 * SECOND, True),
            ("0 3 * * *", 30 * MINUTE, MINUTE, True),
            ("0 3 * * *", 30 * MINUTE, MINUTE + 1, False),
            ("0 3 * * *", 10 * SECOND, 10 * SECOND, True),
            ("0 3 * * *", 10 * SECOND, 10 * SECOND + 1, False),
            ("0 3 * * *", 0, 1, False),
            ("*/5 * * * *", 30 * MINUTE, 15 * SECOND, True),
            ("*/5 * * * *", 30 * MINUTE, 15 * SECOND + 1, False),
        ],
    )
    def test_a_call_that_comes_a_little_early_counts_for_its_run(self, schedule, grace, early, counts):
        checkin = Checkin(schedule, None, "UTC", grace)
        called = tracks(checkin=(T0 - early, 1.0))
        due = next_due(checkin, T0) if counts else T0
        assert assess_checkin(checkin, called, T0, 0).due == due
        late = assess_checkin(checkin, called, T0 + grace + 1, 0)
        assert late.standing is (Standing.MET if counts else Standing.MISSED)

    def test_a_target_that_begins_shortly_before_a_run_waits_for_it(self):
        assert assess_checkin(NIGHTLY, {}, T0 - SECOND, T0 - 3 * SECOND).due == T0

    def test_a_failure_stays_until_it_is_made_good(self):
        failed = tracks(checkin=(T0, 0.0), checkin_exit_status=(T0, 137.0))
        found = assess_checkin(NIGHTLY, failed, T0 + SECOND, 0)
        assert (found.standing, found.reason) == (Standing.MISSED, "failed with exit status 137")
        assert checkin_wake(NIGHTLY, found, failed) is None
        older = tracks(checkin=(T0, 0.0), checkin_exit_status=(T0 - DAY, 137.0))
        assert assess_checkin(NIGHTLY, older, T0 + 1, 0).reason == "failed"
        assert standing(NIGHTLY, T0 + MINUTE, checkin=(T0 + 1, 1.0)) is Standing.MET

    def test_begun_and_not_finished(self):
        begun = {"checkin": (T0 - DAY, 1.0), "checkin_start": (T0, 1.0)}
        assert standing(NIGHTLY, T0 + 30 * MINUTE, **begun) is Standing.MET
        assert standing(NIGHTLY, T0 + 30 * MINUTE + 1, **begun) is Standing.MISSED
        assert standing(NIGHTLY, T0 + HOUR, checkin=(T0 + 1, 1.0), checkin_start=(T0, 1.0)) is Standing.MET
        assert standing(NIGHTLY, T0 + 31 * MINUTE, T0 - 1, checkin_start=(T0, 1.0)) is Standing.MISSED

    def test_one_that_is_late_and_begins_is_looked_at_once_more(self):
        """Else a restart would say that it did not finish, and a daemon that runs that it is late."""
        begun = tracks(checkin=(T0 - DAY, 1.0), checkin_start=(T0 + HOUR, 1.0))
        late = assess_checkin(NIGHTLY, begun, T0 + HOUR, 0)
        wake = checkin_wake(NIGHTLY, late, begun)
        assert (late.reason, wake) == ("late", T0 + HOUR + 30 * MINUTE + 1)
        found = assess_checkin(NIGHTLY, begun, wake, 0)
        assert (found.reason, checkin_wake(NIGHTLY, found, begun)) == ("started but did not finish", None)

    @given(
        st.integers(0, 100_000).map(lambda n: n * SECOND),
        st.none() | st.integers(0, 100_000).map(lambda n: n * SECOND),
        st.none() | st.integers(0, 100_000).map(lambda n: n * SECOND),
        st.integers(0, 10_000).map(lambda n: n * SECOND),
        st.sampled_from([NIGHTLY, HOURLY]),
    )
    def test_it_is_looked_at_again_when_it_changes(self, created, last, begun, later, checkin):
        """Between now and its time to be looked at again it stands as it does; at that time it is missed, or for more."""
        given_ = tracks(
            **({"checkin": (last, 1.0)} if last is not None else {}),
            **({"checkin_start": (begun, 1.0)} if begun is not None else {}),
        )
        now = max(created, last or 0, begun or 0) + later
        found = assess_checkin(checkin, given_, now, created)
        wake = checkin_wake(checkin, found, given_)
        for moment in (now, now + HOUR) if wake is None else (now, (now + wake) // 2, wake - 1):
            assert assess_checkin(checkin, given_, moment, created) == found
        if wake is None:
            assert found.standing is Standing.MISSED
        else:
            assert wake > now
            after = assess_checkin(checkin, given_, wake, created)
            assert (after.standing, after == found) == (Standing.MISSED, False)


ZONES = ["Europe/Amsterdam", "America/New_York", "Australia/Lord_Howe"]
# zone, the day the clocks go forward, and back, and a local time of a job inside the hour that is skipped or repeated
CHANGES = [
    ("Europe/Amsterdam", "2026-03-29", "2026-10-25", "02:30"),
    ("America/New_York", "2026-03-08", "2026-11-01", "01:30"),
    ("America/New_York", "2026-03-08", "2026-11-01", "02:30"),
    ("Australia/Lord_Howe", "2026-10-04", "2026-04-05", "01:45"),
    ("Australia/Lord_Howe", "2026-10-04", "2026-04-05", "02:15"),
]


def cron_of(clock: str, zone: str) -> Checkin:
    hour, minute = clock.split(":")
    return Checkin(f"{int(minute)} {int(hour)} * * *", None, zone, 10 * MINUTE)


def micros(moment: datetime) -> int:
    return int(moment.timestamp()) * SECOND


@pytest.mark.parametrize(("zone", "forward", "back", "clock"), CHANGES)
def test_a_daily_job_is_due_once_on_each_day_the_clocks_change_too(zone, forward, back, clock):
    checkin = cron_of(clock, zone)
    for day in (forward, back):
        start = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)) - timedelta(days=2)
        dues, time = [], micros(start) - 1
        for _ in range(5):
            time = next_due(checkin, time)
            dues.append(datetime.fromtimestamp(time / SECOND, UTC).astimezone(ZoneInfo(zone)))
        assert [due.date() for due in dues] == [(start + timedelta(days=n)).date() for n in range(5)]
        plain = [due for due in dues if due.date() != datetime.fromisoformat(day).date()]
        assert {due.strftime("%H:%M") for due in plain} == {clock}


@pytest.mark.parametrize(("zone", "forward", "back", "clock"), CHANGES)
def test_whenever_a_call_comes_the_next_is_due_after_it_and_within_a_day(zone, forward, back, clock):
    """Also a call within the hour that comes twice: the next is due the day after, not in the past."""
    checkin = cron_of(clock, zone)
    for day in (forward, back):
        start = micros(datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)))
        for minutes in range(0, 6 * 60, 5):
            after = start + minutes * MINUTE
            due = next_due(checkin, after)
            assert after < due <= after + 25 * HOUR
            assert assess_checkin(checkin, tracks(checkin=(after, 1.0)), after + 1, 0).standing is Standing.MET


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("schedule", ["*/15 * * * *", "0 * * * *", "*/20 */2 * * *", "30 1-3 * * *", "0 0 1 * *"])
@given(st.integers(0, 2 * 365 * 24 * 12), st.integers(0, 299))
def test_the_next_call_is_always_due_later(zone, schedule, five_minutes, seconds):
    after = at("2026-01-01") + five_minutes * 5 * MINUTE + seconds * SECOND
    due = next_due(Checkin(schedule, None, zone, MINUTE), after)
    assert due > after
    if schedule.startswith(("*/15", "0 * ")):
        # What runs every hour runs on through both changes; where clocks go back by half an hour it runs that much later.
        assert due - after <= (HOUR if zone != "Australia/Lord_Howe" else HOUR + HOUR // 2)


@pytest.mark.parametrize("back", [("Europe/Amsterdam", "2026-10-25"), ("Australia/Lord_Howe", "2026-04-05")])
def test_a_night_with_a_change_raises_no_alert(back):
    """A job at 02:10 that takes 50 minutes is called in within the repeated hour; the engine stays quiet."""
    zone, day = back
    checkin = cron_of("01:55", zone)
    target = Target(
        "backup", "Backup", None, source="b", checkin=checkin, alerts=(AlertRule("late", Standing.MISSED),), zone=zone
    )
    world = World(target, sources=[SourceRule("b", ("checkin", "checkin_start", "checkin_exit_status"), None)])
    now = at(f"{day} 01:55", zone) - DAY
    end = now + 3 * DAY
    due = next_due(checkin, now - 1)
    while now < end:
        calls = []
        if now >= due:
            calls = [Reading(series("checkin", source="b"), now, 1.0)]
            due = next_due(checkin, now)
        world.step(now, *calls)
        now += 5 * MINUTE
    assert world.transitions == []
