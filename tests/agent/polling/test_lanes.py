from __future__ import annotations

import asyncio

import pytest

from agent.polling.lanes import OPENS_AT, Lane
from connectors.base import BadAnswer, Refused, TimedOut, Unreachable

GONE = Unreachable("http://h/a: connection refused")
NO_CONNECTION = TimedOut("http://h/a: no connection in time", unanswered=False)


def given_up(now: float = 0.0) -> Lane:
    lane = Lane("http://h")
    for number in range(OPENS_AT):
        lane.enter(f"s{number}", now)
        lane.leave(f"s{number}", GONE if number % 2 else NO_CONNECTION, now)
    return lane


def test_it_opens_when_several_sources_got_no_connection():
    lane = given_up()
    assert lane.is_open
    with pytest.raises(
        Unreachable, match=r"^http://h is not answering; next try in 3 s \(http://h/a: no connection in"
    ):
        lane.enter("s9", 2.0)


@pytest.mark.parametrize(
    "error",
    [
        None,
        TimedOut("no answer within 10 s"),  # a slow path says nothing of the others
        Unreachable("broke off", unanswered=True),
        Refused("500", status=500),
        BadAnswer("no JSON"),
    ],
)
def test_whoever_gets_a_connection_keeps_it_closed(error):
    lane = Lane("http://h")
    for number in range(OPENS_AT - 1):
        lane.leave(f"s{number}", GONE, 0.0)
    lane.leave("other", error, 0.0)
    for number in range(OPENS_AT - 1):
        lane.leave(f"t{number}", GONE, 0.0)
    assert not lane.is_open


def test_one_source_alone_never_opens_it():
    lane = Lane("http://h")
    for _ in range(100):
        lane.leave("a", GONE, 0.0)
    lane.enter("a", 0.0)


def test_one_at_a_time_tries_in_pauses_that_grow():
    lane, now = given_up(), 0.0
    for pause in (5.0, 10.0, 20.0, 30.0, 30.0):
        with pytest.raises(Unreachable):
            lane.enter("a", now + pause - 0.1)
        now += pause
        lane.enter("a", now)
        with pytest.raises(Unreachable, match="being tried"):
            lane.enter("b", now)
        assert not lane.leave("late", GONE, now)  # one that was under way says nothing new
        assert not lane.leave("a", GONE, now)


def test_who_tried_last_tries_again_whatever_others_wait_for():
    lane = given_up()
    assert (lane.turn("s4"), lane.turn("s0")) == (5.0, None)
    lane.enter("s0", 6.0)
    lane.leave("s0", GONE, 6.0)
    assert (lane.turn("s4"), lane.turn("s0")) == (None, 16.0)
    lane.enter("s0", 16.0)
    lane.leave("s0", None, 16.0)
    assert lane.turn("s0") is None


def test_a_try_that_was_cancelled_leaves_room_for_the_next():
    lane = given_up()
    lane.enter("a", 5.0)
    lane.leave("a", asyncio.CancelledError(), 5.0)
    lane.enter("b", 5.0)
    assert lane.leave("b", None, 5.0)
    lane.enter("c", 5.0)
    assert not lane.leave("c", None, 5.0)
