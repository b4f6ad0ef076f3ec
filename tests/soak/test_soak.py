"""A run of seconds, and what a run is judged by; `make soak` runs as long as you like."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.acceptance.waiting import Happenings
from tests.databases import Databases
from tests.soak import world
from tests.soak.faults import Course, course, faults
from tests.soak.fleet import Fleet
from tests.soak.page import page, sparkline
from tests.soak.play import Soak
from tests.soak.verdict import Sample, Told, failures, lost, slope, trends
from tests.soak.watched import Watched, quantile, read

SEED = 57
FLAT = Sample(0.0, 1, True, 150_000_000, 30, 90, 9, 40, 50_000_000, 0, 0, 0.001, 0.005, 0.005, 10, 10, 1)


async def test_a_run_of_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(world, "OFF", 0.6)
    soak = Soak(Fleet(18, 1), Course(3.0, 3.0), SEED, tmp_path)
    played = await soak.play()
    assert played.findings == []
    assert {"process kill", "process reload"} <= played.happened.keys()
    assert soak.daemon.life == 2
    assert played.wanted
    told = {**soak.tell.told, **soak.flaky.told}
    assert lost([*played.wanted, played.wanted[0]], told)  # one more than there were
    assert sum(sample.polls_made for sample in played.samples) > 0
    text = page(soak, trends(played.samples, 3.0), ["nothing"])
    assert "| starts of the process | 2 |" in text
    assert "- **nothing**" in text


def test_a_database_on_a_server_has_a_size_too(tmp_path: Path, databases: Databases):
    url = databases.create()
    database, wal = Watched(tmp_path, Happenings(), None, (databases, url)).sizes()
    assert (database > 10**6, wal > 10**6) == (True, True)
    databases.drop(url)


def test_a_database_on_a_server_is_whole_or_not(tmp_path: Path, databases: Databases):
    url = databases.create()
    daemon = Watched(tmp_path, Happenings(), None, (databases, url))
    daemon.check_database()
    order = "CREATE OR REPLACE FUNCTION place(number int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT {}number'"
    for sql in (
        order.format(""),
        "CREATE TABLE places AS SELECT generate_series(1, 9) AS number",
        "CREATE INDEX by_place ON places (place(number))",
        order.format("-"),
    ):
        databases.run(url, sql)
    with pytest.raises(AssertionError, match="by_place"):
        daemon.check_database()
    databases.drop(url)


def run(lines: dict[int, float], **more: float) -> list[Sample]:
    """Samples each ten seconds of lives that begin at `lines` and gain so many bytes a second."""
    found: list[Sample] = []
    for at in range(0, 1000, 10):
        life = max(start for start in lines if start <= at)
        rss = FLAT.rss + int(lines[life] * (at - life))
        found.append(replace(FLAT, at=float(at), life=life, rss=rss, **more))
    return found


@pytest.mark.parametrize(
    ("lines", "grows"),
    [({0: 0.0}, False), ({0: 10_000.0}, False), ({0: 40_000.0}, True), ({0: 0.0, 700: 40_000.0}, True)],
)
def test_what_grows_is_found_in_each_life(lines: dict[int, float], grows: bool):
    found = trends(run(lines), 1000.0)
    assert [trend.name for trend in found if trend.grows] == (["rss"] if grows else [])
    assert bool(failures(found, [], 1000.0)) == grows


def test_storms_starts_and_single_peaks_are_no_growth():
    storms = [replace(one, calm=False, rss=one.rss + int(one.at) * 10**6) for one in run({0: 0.0})]
    peaks = [replace(one, rss=one.rss * 2) if one.at in {600.0, 950.0} else one for one in run({0: 0.0, 700: 0.0})]
    higher = [replace(one, rss=one.rss + 10**8) if one.life == 700 else one for one in peaks]
    assert not [trend for trend in trends([*storms, *higher], 1000.0) if trend.grows]


@pytest.mark.parametrize(("steps", "grows"), [((3,), False), ((5,), False), ((2, 3, 4, 5), True)])
def test_memory_that_a_storm_took_for_good_is_no_growth_but_what_each_takes_is(steps: tuple[int, ...], grows: bool):
    plan = course(1080.0)
    samples = [
        replace(
            one, calm=plan.is_calm(one.at), rss=one.rss + sum(one.at >= step * plan.cycle for step in steps) * 10**7
        )
        for one in (replace(FLAT, at=3.0 * number) for number in range(360))
    ]
    assert [trend.name for trend in trends(samples, plan.seconds) if trend.grows] == (["rss"] if grows else [])


def test_of_too_little_nothing_is_said():
    assert failures(trends([FLAT] * 3, 1000.0), ["finding"], 1000.0) == [
        "there are too few samples to say whether anything grows", "finding"
    ]  # fmt: skip


def test_the_slope_is_the_median_of_all_pairs_of_a_line():
    assert slope([[(0, 0), (1, 1), (2, 2), (3, 30)]]) == pytest.approx(1.0, abs=10)
    assert slope([[(0, 5), (1, 5)], [(0, 100), (1, 100)]]) == 0


def test_who_was_told_less_often_than_it_happened():
    one, other = Told("all", "f1", "firing"), Told("all", "f1", "resolved")
    told = {("all", "f1", "firing"): {"a", "b"}, ("all", "f1", "resolved"): {"c"}}
    assert lost([one, one, other], told) == []
    assert lost([one, other, other], told) == ["all was told 1 of 2 times that f1 is resolved"]


@pytest.mark.parametrize("seconds", [360.0, 1080.0, 8 * 3600.0])
def test_a_seed_draws_a_course_with_calm(seconds: float):
    plan = course(seconds)
    drawn = faults(5, plan)
    assert drawn == faults(5, plan) != faults(6, plan)
    assert not any(plan.is_calm(fault.begin) or plan.is_calm(fault.end) for fault in drawn)
    assert drawn[-1].end < seconds
    killed = [fault.begin for fault in drawn if fault.how == "kill"]
    assert len(killed) == max(1, seconds // 3600)
    assert killed[0] < seconds / 2


def test_figures_are_read_as_they_are_exposed():
    text = 'setpoint_tasks 7.0\nsetpoint_x_bucket{le="1.0"} 1.0\n' + "".join(
        f'setpoint_event_loop_lag_seconds_bucket{{le="{le}"}} {count}\n'
        for le, count in (("0.1", 90.0), ("0.5", 99.0), ("+Inf", 100.0))
    )
    counts = read(text)
    assert counts["setpoint_tasks"] == {"": 7.0}
    lag = counts["setpoint_event_loop_lag_seconds_bucket"]
    assert (quantile(lag, {}, 0.9), quantile(lag, {}, 0.99), quantile(lag, {}, 1.0)) == (0.1, 0.5, float("inf"))
    assert quantile(lag, lag, 0.99) == 0.0


def test_a_sparkline_shows_peaks():
    assert sparkline([0, 0, 7, 0]) == "▁▁█▁"
    assert sparkline([3] * 500) == "▁" * 60
    assert sparkline([]) == ""
