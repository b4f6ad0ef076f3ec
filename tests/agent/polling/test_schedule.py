from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.polling.schedule import LONGEST_PAUSE, SPREAD, Schedule
from rules.model import DAY, HOUR, MINUTE, SECOND
from tests.agent.test_poller import T0, entry


def schedule(
    every: int | None = 10 * SECOND, cron: str | None = None, *, name: str = "a", crowd: bool = False
) -> Schedule:
    return Schedule(entry(name, every, cron), T0, None, crowd=crowd)


@pytest.mark.parametrize(
    ("every", "failures", "least", "most"),
    [
        (10 * SECOND, 1, 0, 0),  # a source is down after two failures: the second try comes at its interval
        (10 * SECOND, 2, 15 * SECOND, 20 * SECOND),
        (10 * SECOND, 3, 30 * SECOND, 40 * SECOND),
        (10 * SECOND, 50, 225 * SECOND, 300 * SECOND),
        (HOUR, 1, 0, 0),
        (HOUR, 9, 45 * MINUTE, HOUR),
    ],
)
def test_pauses_double_up_to_five_minutes_or_the_interval(every, failures, least, most):
    pauses = {schedule(every, name=f"s{number}").pause(failures, None) for number in range(50)}
    assert least <= min(pauses) <= max(pauses) <= most
    assert len(pauses) > 3 or most == 0  # not all together


@pytest.mark.parametrize(
    ("failures", "asked", "pause"),
    [
        (1, 60, MINUTE),
        (1, 3_000, LONGEST_PAUSE),  # what is down is known in five minutes
        (2, 3_000, 50 * MINUTE),
        (2, 90_000, HOUR),
        (1, 0, 0),
    ],
)
def test_what_the_other_side_asks_for_is_kept(failures, asked, pause):
    assert schedule().pause(failures, asked) == pause


def test_a_cron_source_keeps_its_schedule():
    assert schedule(None, "*/5 * * * *").pause(9, 3_000) == 0


def test_a_schedule_goes_on_after_a_restart_by_a_clock_that_was_set_back():
    """The last run, by the clock as it was, is of a time that is still to come."""
    assert (
        Schedule(entry("a", None, "*/5 * * * *"), T0, T0 + HOUR, crowd=False).first
        == schedule(None, "*/5 * * * *").first
    )


@given(st.text(min_size=1, max_size=9), st.integers(1, 2 * DAY // SECOND), st.integers(0, 400 * DAY))
def test_a_grid_is_the_same_after_each_restart(name, seconds, later):
    every = seconds * SECOND
    one, other = (Schedule(entry(name, every), now, None, crowd=True).after(T0 + 500 * DAY) for now in (T0, T0 + later))
    assert one == other
    assert 0 < one - (T0 + 500 * DAY) <= every


def test_a_crowd_is_spread_over_its_interval():
    for every in (MINUTE, HOUR):
        quarters = [0] * 4
        for number in range(400):
            quarters[schedule(every, name=f"s{number}", crowd=True).after(T0) % every * 4 // every] += 1
        assert min(quarters) > 70
        assert len({schedule(every, name=f"s{number}", crowd=True).first for number in range(400)}) == 10


def test_a_crowd_of_one_cron_expression_is_spread_over_some_seconds():
    firsts = {schedule(None, "*/5 * * * *", name=f"s{number}", crowd=True).first for number in range(400)}
    assert (len(firsts), min(firsts), max(firsts) < T0 + 5 * MINUTE + SPREAD) == (10, T0 + 5 * MINUTE, True)
    one = schedule(None, "* * * * *", name="s3", crowd=True)
    times = [one.first]
    while len(times) < 5:
        times.append(one.after(times[-1]))
    assert [after - before for before, after in itertools.pairwise(times)] == [MINUTE] * 4
    assert one.after(times[0] + 59 * SECOND) == times[1]  # a late tick loses no run


def test_a_missed_run_is_made_up_for_in_a_crowd_too():
    late = Schedule(entry("a", None, "0 * * * *"), T0 + 2 * MINUTE, T0 - HOUR, crowd=True)
    assert T0 + 2 * MINUTE <= late.first < T0 + 2 * MINUTE + SPREAD
    assert late.after(late.first) - (T0 + HOUR) < SPREAD
