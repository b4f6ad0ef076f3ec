"""The poller with a clock that only the test moves; sources are real objects of the protocol."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from structlog.testing import capture_logs

from agent.config.configuration import SourceEntry
from agent.poller import Poller
from agent.polling.lanes import ABREAST
from agent.runtime import Unknown
from agent.store.errors import Fenced
from connectors.base import BadAnswer, ConnectorError, PartialAnswer, Refused, Unreachable
from rules.model import DAY, HOUR, MINUTE, SECOND, Polled, Reading, Series, SourceRule
from tests.rules.world import at

T0 = at("2026-11-24 12:00")
READING = Reading(Series("x"), T0, 1.0)


class TestClock:
    __test__ = False

    def __init__(self) -> None:
        self.time = T0

    def now(self) -> int:
        return self.time

    def monotonic(self) -> float:
        return self.time / SECOND


class Source:
    """Answers, fails or waits as it is told."""

    def __init__(self) -> None:
        self.reads = 0
        self.raises: BaseException | None = None
        self.gate: asyncio.Event | None = None
        self.origin = ""
        self.answer: Sequence[Reading] = [READING]
        self.remembered: Sequence[Reading] | None = None

    async def read(self, now: int) -> Sequence[Reading]:
        self.reads += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.raises is not None:
            raise self.raises
        return self.answer

    async def close(self) -> None:
        pass


class World:
    def __init__(self, **sources: SourceEntry) -> None:
        self.clock = TestClock()
        self.handled: list[tuple[Sequence[Reading], Polled]] = []
        self.outcomes: list[tuple[str, str]] = []
        self.poller = Poller(self.clock, self.handle, lambda name, outcome, _: self.outcomes.append((name, outcome)))
        self.sources = {name: Source() for name in sources}
        self.entries = sources
        self.use()

    def fail(self, error: BaseException | None) -> None:
        for source in self.sources.values():
            source.raises = error

    def use(self, last: dict[str, int | None] | None = None) -> None:
        pairs = {name: (entry, self.sources[name]) for name, entry in self.entries.items()}
        self.poller.replace(pairs, dict.fromkeys(pairs, 0), last or {})

    async def handle(self, readings: Sequence[Reading], polled: Polled) -> None:
        self.handled.append((readings, polled))

    async def tick(self, after: int = 0) -> None:
        self.clock.time += after
        self.poller.tick(0, self.clock.time)
        for _ in range(10):
            await asyncio.sleep(0)


def entry(name: str, every: int | None = 10 * SECOND, cron: str | None = None, zone: str = "UTC") -> SourceEntry:
    return SourceEntry(name, "test", None, every, cron, zone, 5 * SECOND, SourceRule(name, ("x",), every))


async def test_polls_at_once_and_then_on_its_grid() -> None:
    world = World(a=entry("a"))
    await world.tick()
    await world.tick(9 * SECOND)
    assert world.sources["a"].reads == 1
    await world.tick(1 * SECOND)
    await world.tick(25 * SECOND)  # late: what was missed is not made up for, the grid stays
    assert world.sources["a"].reads == 3
    await world.tick(5 * SECOND)
    assert world.sources["a"].reads == 4
    assert world.handled[0] == ([READING], Polled("a", T0))


async def test_the_very_same_readings_are_handed_on_once_while_a_source_remembers_them() -> None:
    world = World(a=entry("a"))
    source = world.sources["a"]
    await world.tick()
    source.remembered = source.answer
    for _ in range(2):
        await world.tick(10 * SECOND)
    source.remembered = None
    for _ in range(2):
        await world.tick(10 * SECOND)
    assert [len(readings) for readings, _ in world.handled] == [1, 1, 0, 0, 1]


async def test_what_is_due_several_times_in_a_second_is_read_as_often(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(a=entry("a", every=SECOND // 4))
    delays: list[float] = []
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "call_later", lambda wait, begin, due: [delays.append(wait), begin(due)])
    for _ in range(3):
        await world.tick(SECOND + 1)
    assert len(delays) == 12
    assert all(0 <= wait < 1 for wait in delays)
    assert world.sources["a"].reads == 3  # the test's loop does not wait, so the poll before still runs
    assert world.outcomes.count(("a", "skipped")) == 9


async def test_no_poll_begins_after_the_source_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(a=entry("a", every=SECOND // 4))
    later: list[tuple[object, ...]] = []
    monkeypatch.setattr(asyncio.get_running_loop(), "call_later", lambda *given: later.append(given))
    await world.tick()
    world.poller.replace({}, {}, {})
    for _, begin, due in later:
        begin(due)  # type: ignore[operator]
    assert len(later) == 4
    assert world.poller._due == {}
    assert world.sources["a"].reads == 0


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Unreachable("can't connect to x"), "can't connect to x"),
        (BadAnswer("not JSON"), "not JSON"),
        (ZeroDivisionError("oops"), "unexpected ZeroDivisionError"),
        (TimeoutError(), "no answer within"),
    ],
)
async def test_a_failure_is_handed_on_and_stops_nothing(error: BaseException, words: str) -> None:
    world = World(a=entry("a"), b=entry("b"))
    world.sources["a"].raises = error
    await world.tick()
    found = {polled.source: polled.error for _, polled in world.handled}
    assert words in (found["a"] or "")
    assert found["b"] is None
    world.sources["a"].raises = None
    await world.tick(10 * SECOND)
    assert world.handled[-2][1].error is None or world.handled[-1][1].error is None
    assert ("a", "failed") in world.outcomes
    assert world.outcomes.count(("a", "ok")) == 1


async def test_the_good_rows_of_a_partly_bad_answer_count() -> None:
    world = World(a=entry("a"))
    world.sources["a"].raises = PartialAnswer("row 2: 'x' is not a number", [READING])
    await world.tick()
    readings, polled = world.handled[0]
    assert (list(readings), polled.error, polled.partly) == ([READING], None, "row 2: 'x' is not a number")


async def test_a_source_that_still_runs_is_skipped() -> None:
    world = World(a=entry("a"))
    world.sources["a"].gate = asyncio.Event()
    await world.tick()
    await world.tick(10 * SECOND)
    assert (world.sources["a"].reads, world.outcomes) == (1, [("a", "skipped")])
    world.sources["a"].gate.set()
    await world.tick()
    await world.tick(10 * SECOND)
    assert world.sources["a"].reads == 2
    await world.poller.close()


async def test_many_sources_do_not_start_in_one_instant() -> None:
    world = World(**{f"s{i}": entry(f"s{i}", MINUTE) for i in range(200)})
    await world.tick()
    first = len(world.handled)
    assert 0 < first < 60
    await world.tick(9 * SECOND)
    assert len(world.handled) == 200
    assert first < len(world.handled)


async def test_many_that_a_reload_adds_do_not_start_in_one_instant_either() -> None:
    world = World(a=entry("a", MINUTE))
    await world.tick()
    world.entries |= {f"s{i}": entry(f"s{i}", MINUTE) for i in range(200)}
    world.sources |= {f"s{i}": Source() for i in range(200)}
    world.use()
    await world.tick()
    assert 0 < len(world.handled) < 60
    await world.tick(9 * SECOND)
    assert len(world.handled) == 201


async def test_cron_follows_its_zone_and_a_missed_run_runs_once() -> None:
    nightly = entry("a", None, "30 2 * * *", "Europe/Amsterdam")
    world = World(a=nightly)
    await world.tick()
    assert world.sources["a"].reads == 0
    world.use({"a": T0 - 3 * DAY})
    world = World(a=nightly)
    world.poller.replace({}, {}, {})
    world.use({"a": T0 - 3 * DAY})
    await world.tick()
    assert world.sources["a"].reads == 1
    await world.tick(HOUR)
    assert world.sources["a"].reads == 1
    world.clock.time = at("2026-11-25 02:30", "Europe/Amsterdam")
    await world.tick()
    assert world.sources["a"].reads == 2


async def test_cron_on_the_night_the_clocks_go_back() -> None:
    world = World(a=entry("a", None, "30 2 * * *", "Europe/Amsterdam"))
    world.clock.time = at("2026-10-25 00:00", "UTC") - HOUR
    world.poller.replace({}, {}, {})
    world.use()
    reads = []
    for _ in range(16):
        await world.tick(15 * MINUTE)
        reads.append(world.sources["a"].reads)
    assert reads[-1] == 1


async def test_a_start_within_the_repeated_hour_neither_polls_nor_hangs() -> None:
    world = World(a=entry("a", None, "30 2 * * *", "Europe/Amsterdam"))
    world.poller.replace({}, {}, {})
    world.clock.time = at("2026-10-25 01:05")  # UTC: 02:05 for the second time
    world.use({"a": at("2026-10-25 00:30")})
    await world.tick()
    assert world.sources["a"].reads == 0
    world.clock.time = at("2026-10-26 01:30")
    await world.tick()
    assert world.sources["a"].reads == 1


async def test_cron_on_the_night_the_clocks_go_forward() -> None:
    world = World(a=entry("a", None, "30 2 * * *", "Europe/Amsterdam"))
    world.poller.replace({}, {}, {})
    world.clock.time = at("2026-03-28 23:00")
    world.use()
    read_at = []
    for _ in range(16):
        await world.tick(15 * MINUTE)
        if len(world.handled) > len(read_at):
            read_at.append(world.clock.time)
    assert read_at == [at("2026-03-29 01:00")]  # 02:30 is not there; 03:00 summer time is the first that is


async def test_a_reload_keeps_the_times_of_what_stays() -> None:
    world = World(a=entry("a", HOUR), b=entry("b", HOUR))
    await world.tick()
    del world.entries["b"]
    world.entries["c"] = entry("c", HOUR)
    world.sources["c"] = Source()
    world.use()
    await world.tick(MINUTE)
    assert {name: source.reads for name, source in world.sources.items()} == {"a": 1, "b": 1, "c": 1}


async def test_a_clock_set_back_does_not_stop_the_polls() -> None:
    world = World(a=entry("a"))
    await world.tick()
    await world.tick(-HOUR)
    for _ in range(4):
        await world.tick(5 * SECOND)
    assert world.sources["a"].reads >= 2


async def test_a_clock_set_back_from_the_far_future_does_not_stop_a_schedule() -> None:
    world = World(a=entry("a", None, "*/10 * * * *"), b=entry("b", DAY))
    world.clock.time += 4_000 * DAY
    await world.tick()
    await world.tick(10 * MINUTE)
    assert (world.sources["a"].reads, world.sources["b"].reads) == (2, 1)
    await world.tick(-4_000 * DAY)
    await world.tick(10 * MINUTE)
    assert (world.sources["a"].reads, world.sources["b"].reads) == (3, 1)
    await world.tick(DAY)
    assert world.sources["b"].reads == 2


async def test_one_source_hanging_crashing_or_failing_is_no_trouble_of_another() -> None:
    world = World(**{name: entry(name) for name in ("hangs", "crashes", "fails", "works")})
    world.sources["hangs"].gate = asyncio.Event()
    world.sources["crashes"].raises = RecursionError("deep")
    world.sources["fails"].raises = Unreachable("gone")
    for _ in range(5):
        await world.tick(10 * SECOND)
    assert {name: source.reads for name, source in world.sources.items()} == {
        "hangs": 1,
        "crashes": 3,  # twice at their interval, then less often
        "fails": 3,
        "works": 5,
    }
    assert [outcome for name, outcome in world.outcomes if name == "hangs"] == ["skipped"] * 4
    errors = [(polled.source, polled.error) for _, polled in world.handled]
    assert errors.count(("works", None)) == 5
    assert errors.count(("fails", "gone")) == errors.count(("crashes", "unexpected RecursionError; see the log")) == 3
    await world.poller.close()


async def test_a_source_that_hangs_is_given_up_at_its_timeout() -> None:
    world = World(a=dataclasses.replace(entry("a"), timeout=-900_000))  # with the grace of a second: after 0.1 s
    world.sources["a"].gate = asyncio.Event()
    await world.tick()
    async with asyncio.timeout(5):
        while not world.handled:
            await asyncio.sleep(0)
    ((readings, polled),) = world.handled
    assert (list(readings), polled.error) == ([], "no answer within 0.1 s")


async def test_polls_under_way_when_the_database_is_lost_leave_no_error_that_nobody_hears_of() -> None:
    unheard: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unheard.append(context))
    world = World(a=entry("a"), b=entry("b"))
    ended = asyncio.get_running_loop().create_future()
    ended.set_exception(Fenced(0))

    async def lost(*_: Any) -> None:
        await ended

    world.poller = Poller(world.clock, lost, lambda *_: None)
    world.use()
    await world.tick()
    await world.tick(10 * SECOND)
    gc.collect()
    assert world.sources["a"].reads == 2
    assert not unheard


async def test_it_says_once_that_a_source_fails_and_once_that_it_is_back() -> None:
    world = World(a=entry("a"))
    with capture_logs() as logs:
        for error in (None, Unreachable("gone"), Unreachable("still gone"), None, None):
            world.sources["a"].raises = error
            await world.tick(MINUTE)
    said = [(line["event"], line.get("error")) for line in logs if line["log_level"] != "debug"]
    assert said == [("source.failing", "gone"), ("source.back", None)]
    polls = [(line["source"], line["readings"], line["error"]) for line in logs if line["log_level"] == "debug"]
    assert polls == [("a", 1, None), ("a", 0, "gone"), ("a", 0, "still gone"), ("a", 1, None), ("a", 1, None)]


async def test_poll_now_keeps_what_can_be_read_and_says_what_can_not() -> None:
    world = World(a=entry("a", HOUR))
    world.sources["a"].raises = PartialAnswer("row 2: 'x' is not a number", [READING])
    with pytest.raises(PartialAnswer):
        await world.poller.poll_now("a")
    assert world.handled == [([READING], Polled("a", T0, partly="row 2: 'x' is not a number"))]
    world.sources["a"].raises = ZeroDivisionError("oops")
    with capture_logs() as logs, pytest.raises(ConnectorError, match="unexpected ZeroDivisionError"):
        await world.poller.poll_now("a")
    assert [line["event"] for line in logs] == ["poll.crashed"]


async def test_poll_now() -> None:
    world = World(a=entry("a", HOUR))
    assert await world.poller.poll_now("a") == [READING]
    assert len(world.handled) == 1
    world.sources["a"].raises = BadAnswer("no")
    with pytest.raises(ConnectorError):
        await world.poller.poll_now("a")
    with pytest.raises(Unknown):
        await world.poller.poll_now("b")


async def test_a_source_that_keeps_failing_is_read_less_often_and_then_as_before() -> None:
    world = World(a=entry("a"))
    world.fail(Unreachable("gone"))
    at = []
    for _ in range(200):
        before = world.sources["a"].reads
        await world.tick(10 * SECOND)
        if world.sources["a"].reads > before:
            at.append((world.clock.time - T0) // SECOND)
        assert world.poller.next_polls()["a"] > world.clock.time
    gaps = [after - before for before, after in itertools.pairwise(at)]
    assert gaps[:2] == [10, 20]  # down after two failures, as soon as ever
    assert all(gap % 10 == 0 and gap <= 300 for gap in gaps)  # on its grid
    assert max(gaps) >= 220
    world.fail(None)
    await world.tick(300 * SECOND)
    reads = world.sources["a"].reads
    await world.tick(10 * SECOND)
    await world.tick(10 * SECOND)
    assert world.sources["a"].reads == reads + 2


async def test_when_the_next_poll_is_is_known() -> None:
    world = World(a=entry("a"))
    world.fail(Refused("429", retry_after=47))
    await world.tick()
    assert world.poller.next_polls() == {"a": T0 + 50 * SECOND}
    await world.tick(40 * SECOND)
    assert world.poller.next_polls() == {"a": T0 + 50 * SECOND}
    assert world.sources["a"].reads == 1
    await world.tick(10 * SECOND)
    assert world.sources["a"].reads == 2


async def test_a_poll_by_hand_that_works_ends_the_pause() -> None:
    world = World(a=entry("a"))
    world.fail(Unreachable("gone"))
    for _ in range(40):
        await world.tick(10 * SECOND)
    assert world.poller.next_polls()["a"] > world.clock.time + MINUTE
    world.fail(None)
    await world.poller.poll_now("a")
    assert world.poller.next_polls()["a"] <= world.clock.time + 10 * SECOND


async def test_a_clock_set_back_ends_the_pauses() -> None:
    world = World(a=entry("a"))
    world.fail(Unreachable("gone"))
    for _ in range(40):
        await world.tick(10 * SECOND)
    await world.tick(-HOUR)
    assert world.poller.next_polls()["a"] <= world.clock.time + 10 * SECOND


async def test_a_host_that_is_gone_is_asked_by_one_source_and_all_come_back_with_it() -> None:
    world = World(**{f"s{number}": entry(f"s{number}") for number in range(12)})
    for source in world.sources.values():
        source.origin = "http://h"
    world.poller.replace({}, {}, {})
    world.use()
    world.fail(Unreachable("connection refused"))
    for _ in range(60):
        await world.tick(10 * SECOND)
    errors = [polled.error or "" for _, polled in world.handled]
    assert sum("not answering" in error for error in errors) > 20
    assert world.poller.given_up() == ["http://h"]
    tried = sum(source.reads for source in world.sources.values())
    assert tried < 12 + 600 // 30 + 8
    assert all(name in {polled.source for _, polled in world.handled[:24]} for name in world.sources)
    world.fail(None)
    for _ in range(40):
        await world.tick(10 * SECOND)
        if not world.poller.given_up():
            break
    assert max(world.poller.next_polls().values()) <= world.clock.time + 10 * SECOND


async def test_a_host_that_is_back_after_long_is_known_within_half_a_minute() -> None:
    world = World(**{f"s{number}": entry(f"s{number}") for number in range(5)})
    for source in world.sources.values():
        source.origin = "http://h"
    world.poller.replace({}, {}, {})
    world.use()
    world.fail(Unreachable("connection refused"))
    for _ in range(200):
        await world.tick(10 * SECOND)
    world.fail(None)
    for _ in range(4):
        await world.tick(10 * SECOND)
    assert world.poller.given_up() == []


async def test_slow_sources_of_one_host_take_no_room_from_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.poller.AT_ONCE", 300)
    world = World(**{f"s{number}": entry(f"s{number}", SECOND) for number in range(400)}, other=entry("other", SECOND))
    for name, source in world.sources.items():
        if name != "other":
            source.origin, source.gate = "http://slow", asyncio.Event()
    world.poller.replace({}, {}, {})
    world.use()
    for _ in range(20):
        await world.tick(SECOND)
    assert sum(source.reads for name, source in world.sources.items() if name != "other") == ABREAST
    assert world.sources["other"].reads > 10
    await world.poller.close()
