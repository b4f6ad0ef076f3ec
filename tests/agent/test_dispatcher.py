"""The dispatcher against a real store, in virtual time: nothing here waits for a clock on the wall."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs

from agent.clock import Clock
from agent.corrections.called import Withheld
from agent.dispatcher import Dispatcher, Edges, Limits, Settle
from agent.sending.retry import LONGEST, retry_at
from agent.store.records import Commit, Delivery, DeliveryKind, DeliveryState
from agent.store.store import Store, StoreUnavailable
from connectors.base import LONGEST_CALL, ConnectorError, Refused, TimedOut, Unreachable
from rules.model import DAY, HOUR, MINUTE, SECOND, Correction, InstanceKey, Reason, RunState

START = 1_700_000_000_000_000


class VirtualClock(Clock):
    """Stands still until it is told to go on. `time` never goes back; the clock on the wall is `behind` it."""

    def __init__(self) -> None:
        self.time = START
        self.behind = 0
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    def now(self) -> int:
        return self.time - self.behind

    def monotonic(self) -> float:
        return self.time / SECOND

    async def wait_until(self, time: int) -> None:
        time += self.behind
        if time > self.time:
            future = asyncio.get_running_loop().create_future()
            self._waiting.append((time, future))
            await future

    def next(self) -> int | None:
        self._waiting = [(time, future) for time, future in self._waiting if not future.done()]
        return min((time for time, _ in self._waiting), default=None)

    def go_to(self, time: int) -> None:
        self.time = max(time, self.time)
        for due, future in self._waiting:
            if due <= self.time and not future.done():
                future.set_result(None)


Outcome = ConnectorError | Exception | dict[str, Any] | str | None


@dataclass
class World:
    """A store, a dispatcher, and receivers that do what they are told."""

    store: Store
    clock: VirtualClock
    sent: list[tuple[str, int]] = field(default_factory=list)  # key, microseconds since START
    given: list[Delivery] = field(default_factory=list)
    settled: list[tuple[str, str]] = field(default_factory=list)
    outcomes: dict[str, list[Outcome]] = field(default_factory=dict)
    hanging: set[str] = field(default_factory=set)  # receivers that never answer
    fallback: Callable[[Delivery, ConnectorError, int], Commit | None] = lambda _delivery, _error, _now: None
    waiting: Callable[[Delivery, ConnectorError, int], Commit | None] = lambda _delivery, _error, _now: None
    reached: Callable[[Delivery, int], Commit | None] = lambda _delivery, _now: None
    called: list[tuple[str | None, str | None]] = field(default_factory=list)
    on_called: Callable[[Settle], Awaitable[None]] | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, delivery: Delivery) -> Any:
        self.given.append(delivery)
        self.sent.append((delivery.key, self.clock.now() - START))
        self.changed.set()
        if delivery.receiver in self.hanging:
            await asyncio.get_running_loop().create_future()
        outcome = (self.outcomes.get(delivery.key) or [None]).pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def answered(
        self, _delivery: Delivery, answer: str | None, error: ConnectorError | None, settle: Settle
    ) -> None:
        self.called.append((answer, None if error is None else str(error)))
        if self.on_called is not None:
            await self.on_called(settle)
        else:
            assert await settle(None)

    def note(self, delivery: Delivery, outcome: str, _error: ConnectorError | None) -> None:
        self.settled.append((delivery.key, outcome))
        self.changed.set()

    def dispatcher(self, limits: Limits | None = None, seed: int = 1) -> Dispatcher:
        edges = Edges(self.send, self.send, self.answered, self.fallback, self.waiting, self.reached, self.note)
        return Dispatcher(self.store, self.clock, edges, limits, random.Random(seed), self.clock.wait_until)

    @asynccontextmanager
    async def running(self, limits: Limits | None = None) -> AsyncIterator[Dispatcher]:
        dispatcher = self.dispatcher(limits)
        task = asyncio.create_task(dispatcher.run())
        yield dispatcher
        await asyncio.gather(dispatcher.stop(0), task)

    async def queue(self, *deliveries: Delivery) -> None:
        await self.store.commit(Commit(self.clock.now(), deliveries=deliveries))

    async def until(self, holds: Callable[[], bool]) -> None:
        """Waits for real work (the store's threads), never for the clock."""
        async with asyncio.timeout(20):
            while not holds():
                self.changed.clear()
                await self.changed.wait()

    async def run_until(self, holds: Callable[[], bool]) -> None:
        """Lets virtual time pass: whenever everything waits for the clock, it jumps to what is waited for first."""
        async with asyncio.timeout(30):
            while not holds():
                await idle(self.store)
                soonest = self.clock.next()
                if not holds() and soonest is not None:
                    self.clock.go_to(soonest)


async def idle(store: Store) -> None:
    """Until the loop and the store's threads have nothing to do any more: their queues are first in, first out."""
    for _ in range(10):
        await store.commit(Commit(0))
        await store.outbox()
        await asyncio.sleep(0)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    store = await Store.open(f"sqlite:///{tmp_path / 'setpoint.db'}", 0)
    yield World(store, VirtualClock())
    await store.close()


def notice(key: str, receiver: str = "growth", lane: str | None = None, **fields: Any) -> Delivery:
    payload = orjson.dumps({"fingerprint": "f", "starts_at": 1, "reason": fields.pop("reason", "firing")})
    return replace(
        Delivery(
            key,
            DeliveryKind.NOTICE,
            receiver,
            0,
            lane or key,
            payload,
            START,
            START,
            fields.pop("expires", START + 3 * DAY),
        ),
        **fields,
    )


def call(key: str, **fields: Any) -> Delivery:
    return replace(notice(key, receiver="heat"), kind=DeliveryKind.CALL, **fields)


async def states(store: Store) -> dict[str, DeliveryState]:
    return {delivery.key: delivery.state for delivery in await store.deliveries(1000)}


async def test_what_is_queued_is_sent_and_marked(world: World) -> None:
    world.outcomes["a"] = [{"ts": "1"}]
    with capture_logs() as logs:
        async with world.running() as dispatcher:
            await world.queue(notice("a", lane="l"), notice("b", lane="l"))
            dispatcher.wake()
            await world.until(lambda: len(world.settled) == 2)
    assert world.settled == [("a", "sent"), ("b", "sent")]
    assert [delivery.thread for delivery in world.given] == [None, {"ts": "1"}]
    assert await states(world.store) == {"a": DeliveryState.SENT, "b": DeliveryState.SENT}
    assert [entry["event"] for entry in logs] == ["delivery.sent", "delivery.sent"]


async def test_the_resolve_waits_for_its_firing_through_every_retry(world: World) -> None:
    world.outcomes["fire"] = [Unreachable("down"), Unreachable("down"), None]
    await world.queue(notice("fire", lane="l"), notice("resolve", lane="l"), notice("other"))
    async with world.running():
        await world.run_until(lambda: len(world.settled) == 5)
    assert [key for key, _ in world.sent if key != "other"] == ["fire", "fire", "fire", "resolve"]
    assert world.sent[1] == ("other", 0)
    attempts = await world.store.attempts(1)
    assert [(one.number, one.error) for one in attempts] == [(1, "down"), (2, "down"), (3, None)]
    assert [one.at - START for one in attempts] == [at for key, at in world.sent if key == "fire"]


async def test_the_resolve_is_sent_although_its_firing_failed_for_good(world: World) -> None:
    world.outcomes["fire"] = [Refused("gone", permanent=True)]
    await world.queue(notice("fire", lane="l"), notice("resolve", lane="l"))
    async with world.running():
        await world.until(lambda: len(world.settled) == 2)
    assert world.settled == [("fire", "failed"), ("resolve", "sent")]
    assert (await world.store.attempts(1))[0].permanent


async def test_a_receiver_that_stays_down_is_given_up_after_three_days(world: World) -> None:
    world.outcomes["a"] = [Unreachable("no connection")] * 2000
    await world.queue(notice("a"))
    async with world.running():
        await world.run_until(lambda: world.settled[-1:] == [("a", "failed")])
    times = [at for _, at in world.sent]
    waits = [later - earlier for earlier, later in pairwise(times)]
    assert all(SECOND <= wait <= LONGEST for wait in waits)
    assert max(waits) > LONGEST * 0.8
    assert 3 * DAY - LONGEST <= times[-1] <= 3 * DAY
    assert len(await world.store.attempts(1)) == len(times) > 72
    assert (await world.store.deliveries(1))[0].error == "no connection"


async def test_what_is_too_old_when_the_daemon_comes_back_is_tried_once_more(world: World) -> None:
    world.outcomes["dead"] = [Unreachable("down")]
    await world.queue(notice("dead", expires=START - 1), notice("alive", expires=START - 1))
    async with world.running():
        await world.until(lambda: len(world.settled) == 2)
    assert sorted(world.settled) == [("alive", "sent"), ("dead", "failed")]


async def test_retry_after_is_honoured(world: World) -> None:
    world.outcomes["a"] = [Refused("slow down", retry_after=7_200), None]
    await world.queue(notice("a"))
    async with world.running():
        await world.run_until(lambda: len(world.settled) == 2)
    assert world.settled == [("a", "retry"), ("a", "sent")]
    assert world.sent == [("a", 0), ("a", 2 * HOUR)]


def test_back_off_has_full_jitter_and_bounds() -> None:
    rng = random.Random(3)
    for attempt, ceiling in ((1, 5 * SECOND), (4, 40 * SECOND), (11, LONGEST), (5_000, LONGEST)):
        waits = [retry_at(START, attempt, None, rng) - START for _ in range(500)]
        assert SECOND <= min(waits) <= max(SECOND, ceiling // 20)
        assert ceiling * 0.95 <= max(waits) <= ceiling
    assert retry_at(0, 1, 90, rng) == 90 * SECOND
    assert retry_at(0, 1, float("inf"), rng) == DAY
    assert retry_at(0, 1, -5, rng) <= 5 * SECOND


async def test_a_receiver_that_hangs_delays_nobody_and_times_out(world: World) -> None:
    world.hanging.add("slow")
    slow = [notice(f"s{n}", receiver="slow") for n in range(20)]
    await world.queue(*slow, *(notice(f"q{n}", receiver="quick") for n in range(20)))
    async with world.running():
        await world.until(lambda: len(world.settled) == 20)
        assert {key for key, _ in world.settled} == {f"q{n}" for n in range(20)}
        assert sorted(key for key, _ in world.sent if key.startswith("s")) == ["s0", "s1", "s2", "s3"]
        await world.run_until(lambda: ("s0", "retry") in world.settled)
    assert (await world.store.attempts(1))[0].error == "no answer within 120 s"
    assert (await world.store.attempts(1))[0].took == 120 * SECOND


async def test_a_call_has_as_long_as_an_action_may_take(world: World) -> None:
    world.hanging.add("heat")
    await world.queue(call("c"))
    async with world.running():
        await world.run_until(lambda: bool(world.settled))
    assert len(world.sent) == 1
    assert (await world.store.attempts(1))[0].took > LONGEST_CALL


async def test_corrections_never_use_up_the_places_of_notices(world: World) -> None:
    world.hanging.add("heat")
    await world.queue(*(call(f"c{n}") for n in range(5)), notice("n"))
    async with world.running(Limits(notices=1, calls=2)):
        await world.until(lambda: world.settled == [("n", "sent")])
        await idle(world.store)
        assert len(world.sent) == 3


async def test_a_permanent_failure_tells_the_fallback_in_the_same_transaction(world: World) -> None:
    def fallback(delivery: Delivery, error: ConnectorError, now: int) -> Commit:
        assert str(error) == "410 Gone"
        told = notice(f"about-{delivery.key}", receiver="fallback", reason=Reason.UNDELIVERABLE)
        return Commit(now, deliveries=[told])

    world.fallback = fallback
    world.outcomes = {"a": [Refused("410 Gone", permanent=True)], "about-a": [Refused("410 Gone", permanent=True)]}
    await world.queue(notice("a"))
    async with world.running():
        await world.until(lambda: len(world.settled) == 2)
    assert world.settled == [("a", "failed"), ("about-a", "failed")]
    assert set(await states(world.store)) == {"a", "about-a"}


async def test_that_a_receiver_is_reached_again_is_told_in_the_same_transaction(world: World) -> None:
    def reached(delivery: Delivery, now: int) -> Commit | None:
        over = notice(f"over-{delivery.key}", receiver="fallback", reason=Reason.RESOLVED)
        return Commit(now, deliveries=[over]) if delivery.key == "a" else None

    world.reached = reached
    world.outcomes = {"a": [Unreachable("down"), None]}
    await world.queue(notice("a"))
    async with world.running():
        await world.run_until(lambda: len(world.settled) == 3)
    assert world.settled == [("a", "retry"), ("a", "sent"), ("over-a", "sent")]


@pytest.mark.parametrize(
    ("late", "before", "outcome"), [(False, 0, "withheld"), (False, 1, "failed"), (True, 0, "withheld")]
)
async def test_a_call_that_is_not_made_is_withheld_unless_it_may_have_been(
    world: World, late: bool, before: int, outcome: str
) -> None:
    world.outcomes["c"] = [Withheld("corrections are off")]
    call = replace(notice("c"), kind=DeliveryKind.CALL, expires_at=START - 1 if late else START + HOUR)
    await world.queue(call)
    for _ in range(before):
        await world.store.claim(START, 0, 1, DeliveryKind.CALL)
    async with world.running():
        await world.until(lambda: bool(world.settled))
    assert world.settled == [("c", outcome)]
    assert (await world.store.deliveries(1))[0].state == outcome
    assert len(await world.store.calls(0)) == (outcome == "failed")


async def test_what_waits_until_something_is_mended_is_said_and_sent_then(world: World) -> None:
    def waiting(delivery: Delivery, error: ConnectorError, now: int) -> Commit:
        asked.append(str(error))
        told = notice(f"about-{delivery.key}", receiver="fallback", reason=Reason.UNDELIVERABLE)
        return Commit(now, deliveries=[told])

    asked: list[str] = []
    revoked = Refused("token_revoked", permanent=False)
    revoked.until_mended = True
    world.waiting = waiting
    world.outcomes = {"a": [Unreachable("down"), revoked, None], "about-a": [revoked, None]}
    await world.queue(notice("a"))
    async with world.running():
        await world.run_until(lambda: len(world.settled) == 5)
    assert asked == ["token_revoked"]  # an outage is not said, nor is one about the notice about it
    assert [key for key, outcome in world.settled if outcome == "sent"].count("a") == 1
    assert {(await world.store.deliveries(9))[0].state} == {DeliveryState.SENT}


async def test_what_a_receiver_is_told_of_is_stored_in_the_order_in_which_it_was_decided(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That one can be told again comes after that it could not, also if the database was away for the first of them."""

    def told(word: str, now: int) -> Commit:
        return Commit(now, deliveries=[notice(word, receiver="fallback", lane="one", reason=Reason.UNDELIVERABLE)])

    async def sometimes(delivery: Delivery, *args: Any, **fields: Any) -> bool:
        if delivery.key == "a" and failures:
            raise failures.pop()
        return await settle(delivery, *args, **fields)

    settle, failures = world.store.settle, [StoreUnavailable("the disk is full")] * 3
    monkeypatch.setattr(world.store, "settle", sometimes)
    world.fallback = lambda _delivery, _error, now: told("begun", now)
    world.reached = lambda delivery, now: told("over", now) if delivery.key == "b" else None
    world.outcomes = {"a": [Refused("410 Gone", permanent=True)]}
    await world.queue(notice("a"), notice("b"))
    async with world.running():
        await world.run_until(lambda: len(world.settled) == 4)
    assert [one.key for one in reversed(await world.store.deliveries(9))][2:] == ["begun", "over"]


async def test_an_unexpected_error_is_retried_and_its_words_stay_out_of_log_and_store(world: World) -> None:
    world.outcomes["a"] = [KeyError("token=geheim"), None]
    await world.queue(notice("a"))
    with capture_logs() as logs:
        async with world.running():
            await world.run_until(lambda: len(world.settled) == 2)
    assert world.settled == [("a", "retry"), ("a", "sent")]
    assert (await world.store.attempts(1))[0].error == "unexpected error in the connector (KeyError)"
    unexpected = next(entry for entry in logs if entry["event"] == "delivery.unexpected")
    assert "in send" in unexpected["traceback"]
    assert "geheim" not in str(logs)


async def test_what_some_got_of_a_message_that_others_refused_is_gone_on_from(world: World) -> None:
    partly = Refused("not for all", permanent=True)
    partly.thread = {"ts": "1"}
    world.outcomes["a"] = [partly]
    async with world.running():
        await world.queue(notice("a", lane="l"), notice("b", lane="l"))
        await world.until(lambda: len(world.settled) == 2)
    assert world.settled == [("a", "failed"), ("b", "sent")]
    assert [delivery.thread for delivery in world.given] == [None, {"ts": "1"}]


async def test_a_thread_that_is_no_json_does_not_send_the_message_again(world: World) -> None:
    world.outcomes["a"] = [{"file": object()}]
    await world.queue(notice("a"))
    async with world.running():
        await world.until(lambda: world.settled == [("a", "sent")])
    assert len(world.sent) == 1


async def test_a_call_is_made_once_and_its_outcome_committed_with_the_correction(world: World) -> None:
    run = Correction("c", InstanceKey("t"), "x", "f", 1, "heat", RunState.VERIFYING, 1, START, START)

    async def verify(settle: Settle) -> None:
        assert await settle(Commit(START, corrections=[run]))

    world.on_called = verify
    world.outcomes = {"good": ["202 Accepted"], "bad": [TimedOut("no answer")]}
    await world.queue(call("good", lane="l"), call("bad", lane="l"))
    async with world.running():
        await world.until(lambda: len(world.settled) == 2)
        await idle(world.store)
        assert world.clock.next() is None
    assert world.called == [("202 Accepted", None), (None, "no answer")]
    assert world.settled == [("good", "sent"), ("bad", "failed")]
    assert await world.store.corrections(9) == [run]
    assert len(world.sent) == 2


async def test_a_call_whose_time_is_over_is_not_made(world: World) -> None:
    await world.queue(call("late", expires_at=START - 1))
    async with world.running():
        await world.until(lambda: world.settled == [("late", "withheld")])
    assert world.sent == []
    assert world.called == [(None, "too late to make this call")]


async def test_a_call_is_not_repeated_because_its_answer_could_not_be_taken_in(world: World) -> None:
    async def broken(_settle: Settle) -> None:
        raise ValueError("a mistake")

    world.on_called = broken
    await world.queue(call("a"))
    async with world.running():
        await world.until(lambda: world.settled == [("a", "sent")])
    assert await states(world.store) == {"a": DeliveryState.SENT}


async def test_a_lost_lease_is_said_and_changes_nothing(world: World) -> None:
    await world.queue(notice("a"))

    async def somebody_else(delivery: Delivery) -> None:
        await world.store.take_shards("other", START)  # drops our lease
        (theirs,) = await world.store.claim(START, HOUR, 1)
        assert theirs.fence > delivery.fence

    edges = Edges(somebody_else, world.send, world.answered, on_settled=world.note)
    dispatcher = Dispatcher(world.store, world.clock, edges, wait_until=world.clock.wait_until)
    task = asyncio.create_task(dispatcher.run())
    await world.until(lambda: world.settled == [("a", "lost")])
    await asyncio.gather(dispatcher.stop(0), task)
    assert await states(world.store) == {"a": DeliveryState.QUEUED}
    assert await world.store.attempts(1) == []


@pytest.mark.parametrize("seconds", [5, 200])  # shorter and longer than a lease
async def test_what_was_sent_is_marked_once_the_database_works_again(
    world: World, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    settle, failures = world.store.settle, [StoreUnavailable("the disk is full")] * seconds

    async def sometimes(*args: Any, **fields: Any) -> bool:
        if failures:
            raise failures.pop()
        return await settle(*args, **fields)

    monkeypatch.setattr(world.store, "settle", sometimes)
    await world.queue(notice("a"))
    async with world.running():
        await world.run_until(lambda: world.settled == [("a", "sent")])
    assert len(world.sent) == 1
    assert world.clock.now() == START + seconds * SECOND


async def test_a_database_that_does_not_work_stops_no_dispatcher(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    claim, failures = world.store.claim, [StoreUnavailable("locked")] * 6  # notices and calls are claimed together

    async def sometimes(*args: Any) -> list[Delivery]:
        if failures:
            raise failures.pop()
        return await claim(*args)

    monkeypatch.setattr(world.store, "claim", sometimes)
    await world.queue(notice("a"))
    async with world.running():
        await world.run_until(lambda: world.settled == [("a", "sent")])
    assert world.sent == [("a", 3 * SECOND)]


async def test_what_was_claimed_is_sent_though_the_other_claim_failed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, failures = world.store.claim, [StoreUnavailable("locked")]

    async def no_calls(*args: Any) -> list[Delivery]:
        if DeliveryKind.CALL in args and failures:
            raise failures.pop()
        return await claim(*args)

    monkeypatch.setattr(world.store, "claim", no_calls)
    await world.queue(notice("a"))
    async with world.running():
        await world.run_until(lambda: world.settled == [("a", "sent")])
    assert world.sent == [("a", 0)]


async def test_stop_waits_for_what_is_being_sent_and_claims_nothing_more(world: World) -> None:
    answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def slow(delivery: Delivery) -> None:
        world.sent.append((delivery.key, 0))
        world.changed.set()
        await answer

    edges = Edges(slow, world.send, world.answered, on_settled=world.note)
    dispatcher = Dispatcher(world.store, world.clock, edges, wait_until=world.clock.wait_until)
    task = asyncio.create_task(dispatcher.run())
    await world.queue(notice("a", lane="l"), notice("b", lane="l"))
    dispatcher.wake()
    await world.until(lambda: bool(world.sent))
    stopping = asyncio.create_task(dispatcher.stop(10 * SECOND))
    await idle(world.store)
    assert not stopping.done()
    answer.set_result(None)
    await asyncio.gather(stopping, task)
    assert world.settled == [("a", "sent")]
    assert await states(world.store) == {"a": DeliveryState.SENT, "b": DeliveryState.QUEUED}


async def test_what_was_given_up_at_the_stop_is_sent_again_with_the_same_key(world: World) -> None:
    world.hanging.add("growth")
    await world.queue(notice("a"))
    dispatcher = world.dispatcher()
    task = asyncio.create_task(dispatcher.run())
    await world.until(lambda: bool(world.sent))
    stopping = asyncio.create_task(dispatcher.stop(10 * SECOND))
    await idle(world.store)
    world.clock.go_to(START + 10 * SECOND)
    await asyncio.gather(stopping, task)
    assert world.settled == []
    world.hanging.clear()
    await world.store.take_shards("next", world.clock.now())
    async with world.running():
        await world.until(lambda: world.settled == [("a", "sent")])
    assert [key for key, _ in world.sent] == ["a", "a"]


async def test_a_crashed_claim_is_sent_after_its_lease(world: World) -> None:
    await world.queue(notice("a"))
    await world.store.claim(START, MINUTE, 1)  # and never heard of again
    async with world.running():
        await world.run_until(lambda: world.settled == [("a", "sent")])
    assert world.sent == [("a", MINUTE)]


async def test_what_becomes_due_while_others_are_claimed_is_sent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    claim = world.store.claim

    async def slow(*args: Any) -> list[Delivery]:
        found = await claim(*args)
        world.clock.go_to(START + SECOND)
        return found

    monkeypatch.setattr(world.store, "claim", slow)
    await world.queue(replace(notice("a"), next_at=START + 1))
    async with world.running():
        await world.until(lambda: world.settled == [("a", "sent")])


async def test_many_lanes_to_a_flaky_receiver_keep_their_order(world: World) -> None:
    rng = random.Random(5)
    lanes = [f"l{n}" for n in range(60)]
    deliveries = [notice(f"{lane}/{n}", receiver=f"r{n % 3}", lane=lane) for lane in lanes for n in range(4)]
    for delivery in deliveries:
        world.outcomes[delivery.key] = [Unreachable("flaky")] * rng.choice([0, 0, 1, 3]) + [None]
    await world.queue(*deliveries)
    async with world.running():
        await world.run_until(lambda: sum(outcome == "sent" for _, outcome in world.settled) == len(deliveries))
    for lane in lanes:
        assert _in_order(key for key, outcome in world.settled if outcome == "sent" and key.startswith(f"{lane}/"))


def _in_order(keys: Iterable[str]) -> bool:
    numbers = [int(key.split("/")[1]) for key in keys]
    return numbers == sorted(numbers) and len(numbers) == 4


async def test_a_clock_that_is_set_back_keeps_nothing_waiting(world: World) -> None:
    world.outcomes["a"] = [Unreachable("down"), Unreachable("down"), None]
    await world.queue(notice("a"))
    async with world.running():
        await world.run_until(lambda: len(world.sent) == 1)
        await idle(world.store)  # the next try is stored
        world.clock.behind = HOUR
        await world.run_until(lambda: ("a", "sent") in world.settled)
    assert world.clock.time - START < MINUTE


async def test_a_clock_that_is_set_back_during_a_send_moves_the_next_try(world: World) -> None:
    async def send(_delivery: Delivery) -> None:
        world.sent.append(("a", world.clock.time))
        if len(world.sent) == 1:
            world.clock.behind = HOUR
            raise Unreachable("down")

    edges = Edges(send, world.send, world.answered, on_settled=world.note)
    dispatcher = Dispatcher(world.store, world.clock, edges, wait_until=world.clock.wait_until)
    await world.queue(notice("a"))
    task = asyncio.create_task(dispatcher.run())
    await world.until(lambda: ("a", "retry") in world.settled)  # however long that takes, no time passes
    world.clock.go_to(START + 10 * SECOND)  # the first wait is five seconds at most
    await world.until(lambda: ("a", "sent") in world.settled)
    assert world.clock.time - START < MINUTE
    await asyncio.gather(dispatcher.stop(0), task)


async def test_leases_move_with_the_clock(world: World) -> None:
    await world.queue(notice("a"), notice("b", next_at=START + MINUTE))
    assert len(await world.store.claim(START, 2 * MINUTE, 9)) == 1
    await world.store.move_queued(-HOUR)
    assert await world.store.next_delivery_at() == START - HOUR + MINUTE
    assert [one.key for one in await world.store.claim(START - HOUR + MINUTE, MINUTE, 9)] == ["b"]
    assert [one.key for one in await world.store.claim(START - HOUR + 2 * MINUTE, MINUTE, 9)] == ["a", "b"]


@pytest.mark.parametrize(("behind", "slept"), [(0, 150.0), (HOUR, 150.0), (-HOUR, 60.0)], ids=["kept", "back", "on"])
async def test_a_wait_is_as_long_as_it_was_to_be_or_ends_when_the_clock_is_there(
    world: World, monkeypatch: pytest.MonkeyPatch, behind: int, slept: float
) -> None:
    async def sleep(seconds: float) -> None:
        world.clock.time += int(seconds * SECOND)
        world.clock.behind = behind

    monkeypatch.setattr("agent.dispatcher.asyncio.sleep", sleep)
    edges = Edges(world.send, world.send, world.answered)
    await Dispatcher(world.store, world.clock, edges)._sleep_until(START + 150 * SECOND)
    assert (world.clock.time - START) / SECOND == pytest.approx(slept)
