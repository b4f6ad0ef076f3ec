"""When reports are made, on a real store: once for each time, over kills, downtime, reloads and changed clocks."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agent.acts import Person
from agent.reports.schedule import Remembered
from agent.runtime import Unknown
from agent.store import commits
from agent.store.records import ReportRun
from agent.store.store import Store, StoreUnavailable
from rules.model import DAY, HOUR, MINUTE, SECOND, InstanceKey
from tests.agent.reports.kit import MONDAY, WEEKLY, World, headline
from tests.rules.world import at

WEEK = 7 * DAY
WEDNESDAY = MONDAY + 2 * DAY
KITCHEN = InstanceKey("room", (("room", "kitchen"),))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Configured on a Monday, a minute after the time of the report."""
    made = await World(tmp_path, MONDAY + MINUTE).start()
    yield made
    await made.stop()


async def test_each_time_once_for_every_notifier(world: World) -> None:
    await world.to(MONDAY + WEEK - SECOND)
    assert await world.deliveries() == []
    await world.to(MONDAY + WEEK)
    for seconds in range(1, 90):
        await world.to(MONDAY + WEEK + seconds * SECOND)
    found = await world.deliveries()
    assert [(one.receiver, one.position) for one in found] == [("growth", 0), ("growth", 1), ("boss", 0)]
    assert len({one.key for one in found}) == len({one.lane for one in found}) == 3
    assert {headline(one) for one in found} == {"Weekly"}
    assert world.woken == 1
    await world.to(MONDAY + 2 * WEEK + SECOND)
    assert await world.scheduled() == [MONDAY + WEEK, MONDAY + 2 * WEEK]


async def test_the_first_tells_of_one_interval_and_the_next_of_the_time_since(world: World) -> None:
    await world.to(MONDAY + WEEK + 3 * SECOND)
    await world.to(MONDAY + 2 * WEEK + 5 * SECOND)
    first, second = await world.sent()
    assert (first.start, first.end, first.first) == (MONDAY, MONDAY + WEEK + 3 * SECOND, True)
    assert (second.start, second.end, second.first) == (first.end, MONDAY + 2 * WEEK + 5 * SECOND, False)


async def test_what_changed_is_known_after_a_restart(world: World) -> None:
    await world.read(kitchen=21, office=22)
    await world.to(MONDAY + WEEK)
    await world.restart(MONDAY + WEEK + HOUR)
    await world.read(kitchen=25, office=22)
    await world.to(MONDAY + 2 * WEEK)
    first, second = await world.sent()
    assert first.changes == ()
    assert [(row.title, row.before, row.standing) for row in second.changes] == [
        ("Room (kitchen)", "in_band", "out_of_band")
    ]
    assert [(one.title, one.fired, one.open, one.lasted) for one in second.alerts] == [
        ("Room (kitchen)", 1, True, WEEK - HOUR)
    ]


async def test_a_missed_run_is_made_once_when_sources_were_read(world: World) -> None:
    await world.restart(MONDAY + 3 * WEEK + DAY)
    assert await world.deliveries() == []
    await world.to(MONDAY + 3 * WEEK + DAY + 5 * SECOND)
    await world.to(MONDAY + 3 * WEEK + DAY + HOUR)
    assert await world.scheduled() == [MONDAY + 3 * WEEK]
    await world.restart(MONDAY + 3 * WEEK + 2 * DAY)
    await world.to(MONDAY + 3 * WEEK + 2 * DAY + MINUTE)
    assert await world.scheduled() == [MONDAY + 3 * WEEK]


async def test_a_restart_across_the_time_itself_makes_it_once(world: World) -> None:
    await world.to(MONDAY + WEEK - SECOND)
    await world.restart(MONDAY + WEEK + 2 * SECOND)
    assert await world.scheduled() == []  # sources are read first
    await world.to(MONDAY + WEEK + 7 * SECOND)
    assert await world.scheduled() == [MONDAY + WEEK]
    await world.restart(MONDAY + WEEK + 8 * SECOND)
    await world.to(MONDAY + WEEK + MINUTE)
    assert await world.scheduled() == [MONDAY + WEEK]


async def test_nothing_was_missed_before_it_was_configured(tmp_path: Path) -> None:
    world = await World(tmp_path, WEDNESDAY).start("{}")
    await world.reload(WEEKLY)
    await world.to(WEDNESDAY + DAY)
    assert await world.deliveries() == []
    await world.to(MONDAY + WEEK)
    assert await world.scheduled() == [MONDAY + WEEK]
    await world.stop()


async def test_what_was_not_configured_for_a_while_missed_nothing_in_it(world: World) -> None:
    await world.to(MONDAY + WEEK)
    await world.reload("{}")
    await world.to(MONDAY + 3 * WEEK + DAY)
    await world.reload(WEEKLY)
    await world.to(MONDAY + 4 * WEEK - SECOND)
    assert await world.scheduled() == [MONDAY + WEEK]
    await world.to(MONDAY + 4 * WEEK)
    assert await world.scheduled() == [MONDAY + WEEK, MONDAY + 4 * WEEK]
    assert (await world.sent())[-1].start == MONDAY + WEEK  # it tells of everything since the last one


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_changed_schedule_holds_from_then_on(world: World, restarted: bool) -> None:
    tuesdays = WEEKLY.replace("mon", "tue")
    await world.to(WEDNESDAY)
    await (world.restart(reports=tuesdays) if restarted else world.reload(tuesdays))
    await world.to(MONDAY + WEEK)
    assert await world.deliveries() == []
    await world.to(MONDAY + WEEK + DAY)
    assert await world.scheduled() == [MONDAY + WEEK + DAY]


async def test_after_a_changed_schedule_and_a_restart_it_tells_of_the_time_since_the_last_one(world: World) -> None:
    await world.read(kitchen=25)
    await world.to(MONDAY + WEEK)
    tuesdays = WEEKLY.replace("mon", "tue")
    await world.reload(tuesdays)
    await world.restart(MONDAY + WEEK + HOUR, tuesdays)
    await world.read(kitchen=21)
    await world.to(MONDAY + WEEK + DAY)
    _, second = await world.sent()
    assert (second.start, second.first) == (MONDAY + WEEK, False)
    assert [row.before for row in second.changes] == ["out_of_band"]


async def test_a_reload_alone_disturbs_nothing(world: World) -> None:
    await world.to(MONDAY + WEEK - SECOND)
    await world.reload(WEEKLY)
    await world.to(MONDAY + WEEK)
    await world.reload(WEEKLY)
    await world.to(MONDAY + WEEK + MINUTE)
    assert await world.scheduled() == [MONDAY + WEEK]


async def test_on_the_days_the_clocks_change_it_stays_at_nine(tmp_path: Path) -> None:
    world = await World(tmp_path, at("2026-03-27 12:00")).start('{daily: {cron: "0 9 * * *", to: boss}}')
    for hour in range(24 * 4):
        await world.to(at("2026-03-27 12:00") + hour * HOUR)
    assert await world.scheduled() == [at("2026-03-28 08:00"), at("2026-03-29 07:00"), at("2026-03-30 07:00"),
                                       at("2026-03-31 07:00")]  # fmt: skip
    await world.stop()


async def test_a_time_that_the_clocks_skip_or_repeat_comes_once(tmp_path: Path) -> None:
    world = await World(tmp_path, at("2026-10-24 12:00")).start('{night: {cron: "30 2 * * *", to: boss}}')
    for step in range(24 * 6):
        await world.to(at("2026-10-24 12:00") + step * 10 * MINUTE)
    assert await world.scheduled() == [at("2026-10-25 00:30")]
    await world.to(at("2027-03-28 01:00"))
    assert (await world.scheduled())[1:] == [at("2027-03-28 01:00")]
    await world.stop()


async def test_a_clock_that_was_a_year_ahead_loses_no_report_for_long(world: World) -> None:
    await world.to(MONDAY + 52 * WEEK)
    await world.to(WEDNESDAY)
    await world.reload(WEEKLY)
    await world.to(MONDAY + WEEK)
    assert await world.scheduled() == [MONDAY + 52 * WEEK, MONDAY + WEEK]


@pytest.mark.parametrize("restarted", ["never", "while it is back", "once it is right"])
async def test_what_a_clock_set_back_passes_by_is_made_whether_or_not_it_restarts(
    tmp_path: Path, restarted: str
) -> None:
    hourly = '{hourly: {cron: "2 * * * *", to: boss}}'
    world = await World(tmp_path, MONDAY - 4 * MINUTE).start(hourly)
    await world.to(MONDAY - HOUR - 4 * MINUTE)
    if restarted == "while it is back":
        await world.restart(MONDAY - HOUR - 3 * MINUTE, hourly)
    await world.to(MONDAY - HOUR - 2 * MINUTE)
    if restarted == "once it is right":
        await world.restart(MONDAY, hourly)
    await world.to(MONDAY + 5 * SECOND)
    await world.to(MONDAY + 2 * MINUTE)
    assert await world.scheduled() == [MONDAY - HOUR + 2 * MINUTE, MONDAY + 2 * MINUTE]
    await world.stop()


async def test_what_a_clock_that_was_ahead_has_sent_is_not_sent_again(world: World) -> None:
    await world.to(MONDAY + WEEK)
    await world.to(MONDAY + WEEK - HOUR)
    await world.to(MONDAY + WEEK)
    await world.restart(MONDAY + WEEK + HOUR)
    await world.to(MONDAY + WEEK + 2 * HOUR)
    assert await world.scheduled() == [MONDAY + WEEK]


async def test_a_reload_while_a_report_is_made_is_looked_at_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes, reached, go_on = Store.alert_changes, asyncio.Event(), asyncio.Event()

    async def slow(self: Store, *args: Any) -> Any:
        reached.set()
        await go_on.wait()
        return await changes(self, *args)

    monkeypatch.setattr(Store, "alert_changes", slow)
    world.clock.time = MONDAY + WEEK
    ticking = asyncio.create_task(world.tick())
    await reached.wait()
    world.reporter.use(world.configure('{hourly: {cron: "0 * * * *", to: boss}}'), "")
    go_on.set()
    await ticking
    await world.to(MONDAY + WEEK + SECOND)
    await world.to(MONDAY + WEEK + HOUR)
    assert await world.scheduled() == [MONDAY + WEEK, MONDAY + WEEK + HOUR]


# kills


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("where", ["_DELIVERY", "_REPORT"])
async def test_a_run_and_its_deliveries_are_there_together_or_not_at_all(
    world: World, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """The transaction breaks off at each of its tables; the run is then made again, with the same keys."""
    with monkeypatch.context() as patch:
        patch.setattr(commits, where, "INSERT INTO nowhere VALUES (?)")
        await world.to(MONDAY + WEEK)
    assert await world.deliveries() == []
    assert [run.made for run in await world.store.report_runs()] == [None]
    await world.restart(MONDAY + WEEK + 10 * SECOND)
    await world.to(MONDAY + WEEK + 15 * SECOND)
    keys = [one.key for one in await world.deliveries()]
    assert len(keys) == 3
    assert await world.scheduled() == [MONDAY + WEEK]


async def test_killed_before_the_commit_it_is_made_after_the_restart(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Store, "commit", _killed)
        with pytest.raises(Killed):
            await world.to(MONDAY + WEEK)
    await world.restart(MONDAY + WEEK + 10 * SECOND)
    await world.to(MONDAY + WEEK + 15 * SECOND)
    assert await world.scheduled() == [MONDAY + WEEK]


async def test_killed_after_the_commit_it_is_not_made_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = Store.commit

    async def and_killed(self: Store, what: Any) -> None:
        await commit(self, what)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Store, "commit", and_killed)
        with pytest.raises(Killed):
            await world.to(MONDAY + WEEK)
    await world.restart(MONDAY + WEEK + 10 * SECOND)
    await world.to(MONDAY + WEEK + HOUR)
    assert await world.scheduled() == [MONDAY + WEEK]


async def test_two_that_make_the_same_run_queue_it_once(world: World) -> None:
    """What a daemon that lost its place still hands in has the same key."""
    await world.to(MONDAY + WEEK)
    entry = world.config.reports["weekly"]
    known = Remembered.of([ReportRun("weekly", MONDAY, entry.schedule)])
    world.clock.time += 7 * SECOND
    await world.reporter._make_one(entry, known, world.clock.now())
    assert await world.scheduled() == [MONDAY + WEEK]


async def test_a_database_that_does_not_work_is_waited_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Store, "commit", _unavailable)
        await world.to(MONDAY + WEEK)
    await world.to(MONDAY + WEEK + 5 * SECOND)
    assert await world.scheduled() == [MONDAY + WEEK]


async def _killed(_store: Store, _commit: Any) -> None:
    raise Killed


async def _unavailable(_store: Store, _commit: Any) -> None:
    raise StoreUnavailable("the disk is full")


# on demand


async def test_asking_disturbs_neither_the_schedule_nor_since_when(world: World) -> None:
    await world.read(kitchen=21)
    await world.to(MONDAY + WEEK)
    await world.to(MONDAY + WEEK + DAY)
    await world.read(kitchen=25)
    asked = await world.reporter.report("weekly")
    assert (asked.start, asked.end, asked.scheduled) == (MONDAY + WEEK, MONDAY + WEEK + DAY, None)
    assert [row.title for row in asked.changes] == ["Room (kitchen)"]
    sent = await world.reporter.send("weekly", Person("ann", "cli"))
    assert (sent.start, sent.end) == (asked.start, asked.end)
    await world.to(MONDAY + 2 * WEEK)
    assert await world.scheduled() == [MONDAY + WEEK, None, MONDAY + 2 * WEEK]
    assert (await world.sent())[-1].start == MONDAY + WEEK
    assert [(act.act, act.subject, act.person.name) for act in await world.store.acts(5)] == [
        ("report", "weekly", "ann")
    ]


async def test_before_the_first_it_tells_of_one_interval(world: World) -> None:
    world.clock.time = WEDNESDAY
    asked = await world.reporter.report("weekly")
    assert (asked.start, asked.end, asked.first) == (WEDNESDAY - WEEK, WEDNESDAY, True)


async def test_there_is_no_such_report(world: World) -> None:
    with pytest.raises(Unknown, match="no report 'weekli'; did you mean weekly"):
        await world.reporter.report("weekli")


async def test_what_comes_next_and_what_was_last(world: World) -> None:
    (before,) = world.reporter.reports()
    assert (before.next_at, before.scheduled, before.made) == (MONDAY + WEEK, None, None)
    await world.to(MONDAY + WEEK + SECOND)
    (after,) = world.reporter.reports()
    assert (after.next_at, after.scheduled) == (MONDAY + 2 * WEEK, MONDAY + WEEK)
    assert after.made == MONDAY + WEEK + SECOND


async def test_old_runs_are_forgotten_but_those_that_are_needed(world: World) -> None:
    for week in (1, 2, 3):
        await world.to(MONDAY + week * WEEK)
    await world.reload("{}")
    await world.store.prune(MONDAY + 10 * WEEK)
    with closing(sqlite3.connect(world.folder / "test.db")) as connection:
        left = connection.execute("SELECT scheduled, made FROM reports ORDER BY scheduled").fetchall()
    assert left[0] == (MONDAY + 3 * WEEK, MONDAY + 3 * WEEK)
    assert [made for _, made in left[1:]] == [None]
