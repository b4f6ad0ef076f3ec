"""What waits to be decided on: in order, in batches, kept while nothing can be stored."""

from __future__ import annotations

import asyncio
from itertools import count

import pytest

from agent.deciding.spool import JOIN_SECONDS, MAX_BATCH, MOST, Spool, batches
from agent.deciding.works import Work
from rules.model import HOUR, SECOND, Polled, Reading
from tests.agent.test_poller import TestClock
from tests.rules.world import series

NOW = 1_000 * SECOND


def works(*came: int, many: int = 1) -> list[Work]:
    loop = asyncio.new_event_loop()
    made = [Work(loop.create_future(), at, [Reading(series("a"), at, 1.0)] * many) for at in came]
    loop.close()
    return made


@pytest.mark.parametrize(
    ("came", "expected"),
    [
        ([NOW], [(1, NOW)]),
        ([NOW - 2 * SECOND, NOW - SECOND, NOW], [(3, NOW)]),
        ([NOW + SECOND], [(1, NOW)]),  # the clock was set back
        ([NOW - 9 * SECOND, NOW - 8 * SECOND, NOW], [(1, NOW - 9 * SECOND), (1, NOW - 8 * SECOND), (1, NOW)]),
        ([NOW - 9 * SECOND, NOW - 9 * SECOND + 1, NOW], [(2, NOW - 9 * SECOND + 1), (1, NOW)]),
        ([NOW - 2 * SECOND - 1, NOW - 2 * SECOND], [(2, NOW - 2 * SECOND)]),
    ],
)
def test_what_waited_long_is_decided_on_as_of_when_it_came(came, expected):
    assert [(len(batch), at) for batch, at in batches(works(*came), NOW)] == expected


@pytest.mark.parametrize("now", [NOW, NOW + HOUR])
def test_a_batch_is_bounded_and_no_two_are_of_one_time(now):
    found = list(batches(works(*[NOW] * 5, many=MAX_BATCH // 2), now))
    assert [(len(batch), at) for batch, at in found] == [(2, NOW), (2, NOW + 1), (1, NOW + 2)]


async def test_while_nothing_can_be_stored_only_who_sent_it_waits():
    spool = Spool(TestClock(), count().__next__)
    taken = spool.put(readings=[1], polled=Polled("a", 0), kept=True)
    assert await spool.take() == [taken]
    poll, sent = spool.put(readings=[2, 3], kept=True), spool.put(readings=[4])
    spool.let_go()
    assert (taken.done.done(), poll.done.done(), sent.done.done()) == (True, True, False)
    assert (spool.held, spool.full) == (7, False)
    spool.over()
    assert [work.readings for work in await spool.take()] == [[2, 3], [4]]
    spool.over()
    assert (spool.held, sent.done.done()) == (0, True)
    await asyncio.wait_for(spool.join(), 1)


async def test_what_comes_alone_is_taken_at_once_and_others_join_where_several_came(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("agent.deciding.spool.APART_SECONDS", 0.0)
    spool, waits = Spool(TestClock(), count().__next__), list[float]()

    async def wait(seconds: float) -> None:
        waits.append(seconds)
        spool.put()

    monkeypatch.setattr(asyncio, "sleep", wait)
    spool.put()
    assert len(await spool.take()) == 1
    spool.put()
    spool.put()
    spool.over()
    assert (len(await spool.take()), waits) == (2, [])
    spool.over()
    spool.put()
    assert (len(await spool.take()), waits) == (2, [JOIN_SECONDS])


async def test_what_is_taken_lies_apart(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("agent.deciding.spool.APART_SECONDS", 3600.0)
    spool, waits = Spool(TestClock(), count().__next__), list[float]()

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", wait)
    monkeypatch.setattr(spool, "_last", (-3600.0, -1))
    for _ in range(2):
        spool.put()
        await spool.take()
        spool.over()
    assert [round(one) for one in waits] == [3600]


async def test_what_changed_nothing_holds_nothing_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("agent.deciding.spool.APART_SECONDS", 3600.0)
    spool = Spool(TestClock(), lambda: 7)
    monkeypatch.setattr(spool, "_last", (0.0, 7))
    for _ in range(2):
        spool.put()
        spool.put()
        await asyncio.wait_for(spool.take(), 1)
        spool.over()


async def test_it_rests_once_nothing_waits_and_nothing_is_taken():
    spool = Spool(TestClock(), count().__next__)
    await asyncio.wait_for(spool.join(), 1)  # nothing ever came
    spool.put()
    await spool.take()
    spool.put()
    joining = asyncio.create_task(spool.join())
    for end in (spool.over, spool.take):
        found = end()
        if found is not None:
            await found
        await asyncio.sleep(0)
        assert not joining.done()
    spool.over()
    await asyncio.wait_for(joining, 1)


async def test_what_is_gathered_is_not_lost_when_that_ends():
    spool = Spool(TestClock(), count().__next__)
    spool.put()
    spool.put()
    await spool.take()
    spool.over()
    first = spool.put()
    taking = asyncio.create_task(spool.take())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    taking.cancel()
    await asyncio.gather(taking, return_exceptions=True)
    spool.give_up(RuntimeError("over"))
    assert str(first.done.exception()) == "over"


async def test_it_says_when_it_holds_as_much_as_it_may():
    spool = Spool(TestClock(), count().__next__)
    spool.put(readings=range(MOST - 2))
    assert not spool.full
    spool.put()
    assert spool.full


async def test_what_comes_to_nothing_says_why():
    spool = Spool(TestClock(), count().__next__)
    taken, waiting = spool.put(), None
    await spool.take()
    waiting = spool.put()
    spool.give_up(RuntimeError("no more"))
    for work in (taken, waiting):
        with pytest.raises(RuntimeError, match="no more"):
            await work.done
    await asyncio.wait_for(spool.join(), 1)
