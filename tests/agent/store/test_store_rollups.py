"""Readings that are old become roll-ups, and nothing is lost or counted twice on the way."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.store import rolling
from agent.store.keeping import Retention
from agent.store.records import Commit
from agent.store.rollups import Rollup, folded, joined, summed, with_late
from agent.store.store import Store
from connectors.fields import FOREVER
from rules.model import DAY, HOUR, MINUTE, Reading, Series
from rules.specs import Reach

Elsewhere = Callable[..., list[tuple[object, ...]]]
A = Series("s", (("n", "a"),))
NOW = 20_000 * DAY + 5 * HOUR
values = st.lists(st.tuples(st.integers(0, 59), st.integers(-9, 9)), min_size=1, max_size=20, unique_by=lambda v: v[0])


def kept(raw: int, hourly: int = 0, daily: int = FOREVER) -> Callable[[Series], Retention]:
    return lambda _: Retention(raw, hourly or raw, max(daily, hourly))


def by_minute(start: int, minutes: int, series: Series = A) -> list[Reading]:
    return [Reading(series, start + n * MINUTE, float((n * 37) % 101)) for n in range(minutes)]


def rows(elsewhere: Elsewhere, url: str) -> list[tuple[int, Rollup]]:
    found = elsewhere(url, "SELECT * FROM rollups ORDER BY width, start")
    return [(row[1], Rollup(*row[2:])) for row in found]  # type: ignore[misc, arg-type]


class TestFolding:
    def test_what_a_rollup_tells(self) -> None:
        found = summed(0, [(1, 2.0), (2, 7.0), (3, -1.0), (4, -1.0), (5, 7.0), (6, 3.0)])
        assert found == Rollup(0, 6, 17.0, -1.0, 3, 7.0, 2, 2.0, 1, 3.0, 6)

    @given(values, st.lists(st.integers(0, 59)))
    def test_what_comes_late_is_counted_as_if_it_had_been_there(self, given, late) -> None:
        readings = [(time, float(value)) for time, value in given]
        first = [one for one in readings if one[0] not in late]
        known = folded(0, first, [], None)
        for one in sorted(set(readings) - set(first)):
            known = folded(0, [one], [], known)
        assert known == summed(0, readings)

    @given(values, values)
    def test_hours_make_a_day(self, one, other) -> None:
        first = [(time, float(value)) for time, value in one]
        second = [(HOUR + time, float(value)) for time, value in other]
        hours = [summed(0, first), summed(HOUR, second)]
        assert folded(0, [], hours, None) == summed(0, first + second) == joined(*hours)
        assert folded(0, second, hours[:1], None) == joined(*hours)

    def test_what_is_told_again_is_not_counted_twice(self) -> None:
        told = [(time, float(time)) for time in range(10)]
        known = summed(0, told)
        assert with_late(known, told) == known
        assert with_late(known, told[4:]) == known
        revised = [(time, 2.0 * value) for time, value in told]
        assert with_late(known, revised) == summed(0, revised)
        assert with_late(known, [(9, 99.0)]) == known._replace(high=99.0, last=99.0)
        assert folded(0, told, [known], None) == known

    def test_sums_that_are_no_number(self) -> None:
        infinite = summed(0, [(1, math.inf), (2, -math.inf)])
        assert (infinite.sum, infinite.low, infinite.high) == (None, -math.inf, math.inf)
        assert joined(infinite, summed(0, [(3, 1.0)])).sum is None
        assert summed(0, [(1, 1.7e308), (2, 1.7e308)]).sum is None


class TestRollingUp:
    async def test_hours_then_days(self, store: Store, url: str, elsewhere: Elsewhere) -> None:
        start = 20_000 * DAY - 3 * DAY
        await store.commit(Commit(1, readings=by_minute(start, (NOW - start) // MINUTE)))
        before = store.transactions
        policy = kept(2 * HOUR, 2 * DAY)
        removed = await store.roll_up(NOW, policy, {})
        assert store.transactions - before > removed // rolling.CHUNK
        found = rows(elsewhere, url)
        assert [(width, one.start) for width, one in found] == [
            *((HOUR, start + 2 * DAY - DAY + n * HOUR) for n in range(24 * 2 + 3)),
            (DAY, start),
        ]
        assert found[-1][1].readings == 24 * 60
        assert sum(one.readings for _, one in found) == 3 * 1440 + 3 * 60
        assert removed == 3 * 1440 + 3 * 60
        left = await store.window(["s"], 0, NOW)
        assert [left[0].time, len(left)] == [20_000 * DAY + 3 * HOUR, 120]
        assert await store.roll_up(NOW, policy, {}) == 0
        assert rows(elsewhere, url) == found
        assert await store.roll_up(NOW + DAY, policy, {}) > 0
        days = rows(elsewhere, url)
        assert [one.start for width, one in days if width == DAY] == [start, start + DAY]
        assert sum(one.readings for _, one in days) + len(await store.window(["s"], 0, NOW)) == 3 * 1440 + 5 * 60

    async def test_in_parts_of_a_chunk_as_in_one(
        self, store: Store, url: str, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(rolling, "CHUNK", 7)
        given = [one for one in by_minute(NOW - DAY, 600) if one.time // HOUR % 3]
        await store.commit(Commit(1, readings=[*given, Reading(A, NOW, 1.0)]))
        await store.roll_up(NOW, kept(HOUR, 2 * DAY), {})
        wanted = [
            summed(hour, [(one.time, one.value or 0.0) for one in some])
            for hour, some in groupby(given, lambda one: one.time // HOUR * HOUR)
        ]
        assert [one for _, one in rows(elsewhere, url)] == wanted

    async def test_few_readings_stay_as_they_are(self, store: Store, url: str, elsewhere: Elsewhere) -> None:
        daily = [Reading(A, NOW - day * DAY, 1.0) for day in range(900, 0, -1)]
        await store.commit(Commit(1, readings=daily))
        assert await store.roll_up(NOW, kept(DAY, 30 * DAY), {}) == 0
        assert await store.window(["s"], 0, NOW) == daily
        assert await store.roll_up(NOW, kept(DAY, 30 * DAY, 100 * DAY), {}) == 800

    async def test_the_ends_of_time(self, store: Store) -> None:
        old = [Reading(A, time, 1.0) for time in (-HOUR - 1, *range(-9, 9))]
        await store.commit(Commit(1, readings=old))
        await store.roll_up(NOW, kept(HOUR, DAY), {})
        assert [one.value for one in await store.points(A, -2 * DAY, DAY, 99)] == [1.0] * 3

    async def test_what_comes_late_is_added(self, store: Store, url: str, elsewhere: Elsewhere) -> None:
        policy = kept(HOUR, 9 * DAY)
        given = by_minute(NOW - DAY, 240)
        await store.commit(Commit(1, readings=[*given[::2], Reading(A, NOW, 1.0)]))
        await store.roll_up(NOW, policy, {})
        first = rows(elsewhere, url)
        assert {one.readings for _, one in first} == {30}
        await store.commit(Commit(2, readings=given[1::2]))
        await store.roll_up(NOW, policy, {})
        second = rows(elsewhere, url)
        assert {one.readings for _, one in second} == {60}
        # The file that all of it came from is read again.
        await store.commit(Commit(3, readings=given))
        await store.roll_up(NOW, policy, {})
        assert rows(elsewhere, url) == second

    async def test_what_fails_on_the_way_leaves_both_as_they_were(
        self, store: Store, url: str, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given = by_minute(NOW - DAY, 240)
        await store.commit(Commit(1, readings=[*given, Reading(A, NOW, 1.0)]))
        steps = rolling.steps

        def broken(*args: object) -> Sequence[rolling.Step]:
            def failing(connection, step):
                step(connection)
                raise RuntimeError("killed")

            return [lambda connection, step=step: failing(connection, step) for step in steps(*args)]  # type: ignore[arg-type]

        monkeypatch.setattr(rolling, "steps", broken)
        with pytest.raises(RuntimeError):
            await store.roll_up(NOW, kept(HOUR, 9 * DAY), {})
        assert rows(elsewhere, url) == []
        assert await store.window(["s"], 0, NOW) == given
        monkeypatch.undo()
        assert await store.roll_up(NOW, kept(HOUR, 9 * DAY), {}) == 240

    async def test_what_targets_look_back_to_stays(self, store: Store) -> None:
        given = by_minute(NOW - DAY, 1440)
        await store.commit(Commit(1, readings=given))
        await store.roll_up(NOW, kept(HOUR, 9 * DAY), {"s": Reach(3 * HOUR)})
        # One value more: what held when the span began.
        assert await store.window(["s"], 0, NOW) == given[-181:]

    async def test_the_value_known_last_stays_however_long_nothing_is_known(self, store: Store) -> None:
        unknown = [Reading(A, NOW - DAY + n * HOUR, None) for n in range(20)]
        await store.commit(Commit(1, readings=[*by_minute(NOW - 9 * DAY, 9), *unknown]))
        (known, _) = await store.latest(["s"])
        for reach in (Reach(), Reach(HOUR), Reach(2 * DAY)):
            await store.roll_up(NOW, kept(1, 1, 1), {"s": reach})
            assert await store.latest(["s"]) == [known, unknown[-1]]
            assert await store.newest_values_of(["s"], NOW - reach.horizon, 1) == [known]


class TestReading:
    async def test_charts_have_the_same_extremes(self, store: Store) -> None:
        start = 20_000 * DAY - 20 * DAY
        given = by_minute(start, 18 * 1440)
        await store.commit(Commit(1, readings=given))
        span = start, start + 20 * DAY
        before = {limit: await store.points(A, *span, limit) for limit in (10, 40, 9999)}
        await store.roll_up(NOW, kept(4 * DAY, 9 * DAY), {})
        for limit, points in before.items():
            after = await store.points(A, *span, limit)
            assert len(after) <= limit
            assert set(after) <= set(given)
            assert after == sorted(after, key=lambda one: one.time)
            for pick in (min, max):
                assert pick(one.value or 0 for one in after) == pick(one.value or 0 for one in points)
        # Two stretches a day at most, each of which begins with an hour or day.
        assert [one.value for one in await store.points(A, *span, 10)] == [one.value for one in before[10]]

    async def test_few_rollups_beside_few_readings(self, store: Store) -> None:
        given = by_minute(NOW - DAY, 120)
        await store.commit(Commit(1, readings=[*given, Reading(A, NOW, None)]))
        await store.roll_up(NOW, kept(HOUR, 9 * DAY), {})
        found = await store.points(A, NOW - DAY, NOW + 1, 50)
        assert len(found) == 6  # the lowest and highest of two hours, the newest value, and the gap
        assert found[-1].value is None
        assert await store.points(A, NOW - DAY, NOW - DAY + MINUTE, 50) == given[:1]

    async def test_a_sample_is_even(self, store: Store) -> None:
        given = by_minute(NOW // DAY * DAY - 4 * DAY, 4 * 1440)
        await store.commit(Commit(1, readings=given))
        assert len(await store.sample(A, 0, 9999)) == 4 * 1440
        await store.roll_up(NOW, kept(DAY, 9 * DAY), {})
        found = await store.sample(A, 0, 9999)
        assert found == given[::60]
        assert len(await store.sample(A, 0, 10)) == 10

    async def test_what_is_no_more_is_told(self, store: Store) -> None:
        given = by_minute(NOW // DAY * DAY - 4 * DAY, 4 * 1440)
        await store.commit(Commit(1, readings=given))
        assert await store.rolled_up(["s"], 0, NOW) == []
        await store.roll_up(NOW, kept(DAY, 9 * DAY), {})
        ((series, first, last),) = await store.rolled_up(["s", "other"], 0, NOW)
        assert (series, first) == (A, given[0].time)
        assert last == NOW // HOUR * HOUR - DAY - MINUTE
        assert await store.rolled_up(["s"], NOW - DAY, NOW) == []
