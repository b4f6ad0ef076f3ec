from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import Refused
from connectors.http import HttpClient
from connectors.pace import PATIENCE, Pace


class Clock:
    """Seconds that pass when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        until = self.now + seconds
        await asyncio.sleep(0)
        self.now = max(self.now, until)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pace(clock) -> Pace:
    return Pace(clock.monotonic, clock.sleep)


async def test_one_after_another_each_in_its_own_place(pace, clock):
    begun = []
    for place in ("a", "a", "b", "a", "b"):
        await pace.turn("post", (1, 1), place)
        begun.append(clock.now)
    assert begun == [0, 1, 1, 2, 2]
    await pace.turn("update", (1, 1))
    assert clock.now == 2


async def test_who_would_wait_long_is_told_when_to_come_again(pace, clock):
    turns = await asyncio.gather(*(pace.turn("post", (1, 1)) for _ in range(9)), return_exceptions=True)
    refused = [turn for turn in turns if turn is not None]
    assert len(turns) - len(refused) == PATIENCE + 1
    assert all(isinstance(error, Refused) and not error.permanent and error.unsent for error in refused)
    assert {error.retry_after for error in refused} == {PATIENCE + 1}
    clock.now += 1
    await pace.turn("post", (1, 1))  # who was refused holds no place in the queue


async def test_what_one_is_told_holds_for_all_also_for_those_that_wait_already(pace, clock):
    await pace.turn("post", (1, 1), "a")
    waiting = asyncio.create_task(pace.turn("post", (1, 1), "a"))
    await asyncio.sleep(0)
    pace.hold("post", 30)
    pace.hold("post", 10)  # never shorter than was said before
    with pytest.raises(Refused) as caught:
        await waiting
    assert caught.value.retry_after == 29
    with pytest.raises(Refused):
        await pace.turn("post", (1, 1), "b")
    await pace.turn("update", (50, 60))
    clock.now = 30
    await pace.turn("post", (1, 1), "b")


async def test_a_place_has_two_names(pace, clock):
    await pace.turn("post", (1, 1), "growth")
    pace.also("growth", "C1")
    await pace.turn("post", (1, 1), "C1")
    assert clock.now == 1
    clock.now = 2
    await pace.turn("post", (1, 1), "growth")
    await pace.turn("post", (1, 1), "C1")
    assert clock.now == 3


@given(
    st.lists(st.floats(0, 3), min_size=1, max_size=60),
    st.tuples(st.integers(1, 5), st.integers(1, 10)),
)
def test_never_more_than_the_rate_within_any_such_span(pauses, rate):
    async def begun() -> list[float]:
        clock = Clock()
        pace, found = Pace(clock.monotonic, clock.sleep), []
        for pause in pauses:
            clock.now += pause
            with suppress(Refused):
                await pace.turn("m", rate)
                found.append(clock.now)
        return found

    count, seconds = rate
    times = asyncio.run(begun())
    for first, beyond in zip(times, times[count:], strict=False):
        assert beyond - first >= seconds - 1e-9


async def test_all_users_of_an_account_share_it():
    http = HttpClient(now=lambda: 0)
    assert http.pace("token") is http.pace("token")
    assert http.pace("token") is not http.pace("other")
    await http.close()
