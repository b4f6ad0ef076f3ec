"""Sends what the outbox holds, in order within a lane, each receiver at its own pace.

A delivery is claimed with a lease, sent, and marked after the send, never before: whatever happens in between, it is
sent again with the same key. A corrective call that is given up at the stop is recorded as one without an answer, and
not made again. What to send with, and what an outcome means, is handed in as `Edges`.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import traceback
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
import structlog

from agent.clock import Clock
from agent.corrections.called import Interrupted, Withheld
from agent.sending.retry import retry_at
from agent.store.records import Attempt, Commit, Delivery, DeliveryKind
from agent.store.store import Store, StoreError, StoreUnavailable
from connectors.base import LONGEST_CALL, LONGEST_SENDING, ConnectorError, TimedOut
from rules.model import MINUTE, RECEIVER_DOWN, SECOND, Reason

log = structlog.get_logger()
T = TypeVar("T")
_ENDING = 2_500_000  # of the grace, for calls that are given up: a program has two seconds to end
_SET = 2 * SECOND  # how much the wall clock has to be back before it counts as set


Settle = Callable[[Commit | None], Awaitable[bool]]
"""Records the outcome together with a commit; False if the lease was lost. Raises what `Store.settle` raises."""


@dataclass(frozen=True, slots=True)
class Edges:
    """What the dispatcher is connected to.

    `notify` sends a notice or report and returns its thread reference (JSON) or None; `call` makes a corrective call
    and returns its answer. Both raise ConnectorError. `on_called(delivery, answer, error, settle)` has to await
    `settle(commit)` (a correction moves on in the same transaction); it is asked again when that raised
    StoreUnavailable.
    `on_failed(delivery, error, now)` returns what is to be stored because a notice failed for good, `on_waiting`
    because one waits until something is mended; neither is asked about the notices it asked for. `on_reached(delivery,
    now)` returns what is to be stored because one was sent, if anything. `on_settled(delivery, outcome,
    error)` is told `sent`, `retry`, `failed`, `withheld` or `lost`, `on_superseded(receiver, count)` that newer notices
    took the place of so many.
    """

    notify: Callable[[Delivery], Awaitable[Mapping[str, Any] | None]]
    call: Callable[[Delivery], Awaitable[str]]
    on_called: Callable[[Delivery, str | None, ConnectorError | None, Settle], Awaitable[None]]
    on_failed: Callable[[Delivery, ConnectorError, int], Commit | None] = lambda _delivery, _error, _now: None
    on_waiting: Callable[[Delivery, ConnectorError, int], Commit | None] = lambda _delivery, _error, _now: None
    on_reached: Callable[[Delivery, int], Commit | None] = lambda _delivery, _now: None
    on_settled: Callable[[Delivery, str, ConnectorError | None], None] = lambda _delivery, _outcome, _error: None
    on_superseded: Callable[[str, int], None] = lambda _receiver, _count: None


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds; times in microseconds. A lease has to be longer than its timeout.

    A configuration can't ask for more time than `LONGEST_SENDING` and `LONGEST_CALL`.
    """

    notices: int = 200  # at once, reports among them
    calls: int = 50
    per_receiver: int = 4
    timeout: int = LONGEST_SENDING
    lease: int = LONGEST_SENDING + 2 * MINUTE
    call_timeout: int = LONGEST_CALL + MINUTE  # an action ends by itself, and says how
    call_lease: int = LONGEST_CALL + 2 * MINUTE


class Dispatcher:
    """`run` until `stop`; `wake` after a commit that queued deliveries."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        edges: Edges,
        limits: Limits | None = None,
        rng: random.Random | None = None,
        wait_until: Callable[[int], Awaitable[None]] | None = None,
    ) -> None:
        """`wait_until` returns once the clock shows that time, or would show it had it not been set meanwhile."""
        self._store = store
        self._clock = clock
        self._edges = edges
        self._limits = limits or Limits()
        self._rng = rng or random.Random()  # noqa: S311 - spreads load, guards nothing
        self._wait_until = wait_until or self._sleep_until
        self._woken = asyncio.Event()
        self._stopping = False
        self._waiting = False  # for the database
        self._ahead = self._offset()
        self._in_flight: dict[int, Delivery] = {}  # with the newest lease
        self._saying = asyncio.Lock()  # what is told of receivers is stored as decided: that it began, then its end
        self._calling: set[asyncio.Future[Any]] = set()
        self._sends: dict[DeliveryKind, set[asyncio.Task[None]]] = {
            DeliveryKind.NOTICE: set(),
            DeliveryKind.CALL: set(),
        }

    def wake(self) -> None:
        """There may be something to send."""
        self._woken.set()

    async def run(self) -> None:
        """Sends until `stop`; waits out a database that does not work for the moment."""
        while not self._stopping:
            self._woken.clear()
            try:
                await self._mind_the_clock()
                until = await self._claim()
            except StoreUnavailable as error:
                self._say_waiting(error)
                until = self._clock.now() + SECOND
            else:
                self._waiting = False
            if not self._stopping:
                await self._wait(self._woken.wait(), until)

    async def stop(self, grace: int) -> None:
        """Claims nothing more, waits `grace` microseconds for what is being sent, then gives it up.

        A notice that was given up is sent again after a restart, with the same key. A call is given up a little
        earlier, so that it can be recorded as one without an answer.
        """
        self._stopping = True
        self._woken.set()
        sends = set().union(*self._sends.values())
        until = self._clock.now() + grace
        if self._sends[DeliveryKind.CALL]:
            await self._wait(asyncio.wait(sends), until - min(_ENDING, grace))
            for call in self._calling:
                call.cancel()
        if sends:
            await self._wait(asyncio.wait(sends), until)
        for task in sends:
            task.cancel()
        await asyncio.gather(*sends, return_exceptions=True)

    async def _mind_the_clock(self) -> None:
        """Moves what waits back with a clock that was set back: what was to be sent in a minute is sent in a minute."""
        offset = self._offset()
        if offset < self._ahead - _SET:
            await self._store.move_queued(offset - self._ahead)
            self._ahead = offset
        self._ahead = max(offset, self._ahead)

    def _offset(self) -> int:
        """Microseconds from the monotonic clock to the wall clock, which change only when the latter is set."""
        return self._clock.now() - int(self._clock.monotonic() * SECOND)

    async def _claim(self) -> int | None:
        """Starts all that may be sent now; returns when to look again, None if nothing is due later."""
        limits, now = self._limits, self._clock.now()
        bounds = {
            DeliveryKind.NOTICE: (limits.notices, limits.lease),
            DeliveryKind.CALL: (limits.calls, limits.call_lease),
        }
        claims = [
            self._store.claim(now, lease, room, kind, limits.per_receiver, self._edges.on_superseded)
            for kind, (most, lease) in bounds.items()
            if (room := most - len(self._sends[kind])) > 0
        ]
        claimed = await asyncio.gather(*claims, return_exceptions=True)  # together they share a transaction
        failed = [one for one in claimed if isinstance(one, BaseException)]
        for delivery in itertools.chain.from_iterable(one for one in claimed if not isinstance(one, BaseException)):
            self._start(delivery)
        if failed:
            raise failed[0]
        # What is due but found no room is claimed when a send ends; what became due since then was not looked at yet.
        return await self._store.next_delivery_at(now)

    def _start(self, delivery: Delivery) -> None:
        if self._stopping:
            return
        sent_already = delivery.id in self._in_flight
        self._in_flight[delivery.id] = delivery
        if sent_already:
            return  # its lease lapsed because its outcome could not be stored; now it can, under the new lease
        sends = self._sends[DeliveryKind.CALL if delivery.kind is DeliveryKind.CALL else DeliveryKind.NOTICE]
        task = asyncio.create_task(self._deliver(delivery))
        sends.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            sends.discard(task)
            del self._in_flight[delivery.id]
            self._woken.set()

        task.add_done_callback(ended)

    async def _deliver(self, delivery: Delivery) -> None:
        try:
            if delivery.kind is DeliveryKind.CALL:
                await self._call(delivery)
            else:
                await self._notify(delivery)
        except StoreError as error:  # the lease lapses, then it is sent again
            log.error("delivery.unsettled", **_names(delivery), error=str(error))  # noqa: TRY400
        except Exception as error:
            _log_unexpected("delivery.unsettled", delivery, error)

    async def _notify(self, delivery: Delivery) -> None:
        answer, attempt, error = await self._try(delivery, self._edges.notify)
        again: int | None = None
        if error is not None and not error.permanent:
            again = retry_at(self._clock.now(), attempt.number, error.retry_after, self._rng)
            again = None if again > delivery.expires_at else again
        commit = self._said_of(delivery, error, waits=again is not None)
        async with self._saying if commit is not None else nullcontext():
            kept = await self._insist(
                lambda: self._store.settle(
                    self._in_flight[delivery.id],
                    attempt,
                    now=self._clock.now(),
                    sent=error is None,
                    retry_at=again,
                    thread=_reference(delivery, answer if error is None else error.thread),
                    commit=commit,
                )
            )
        self._settled(delivery, attempt, error, kept=kept, again=again)

    def _said_of(self, delivery: Delivery, error: ConnectorError | None, *, waits: bool) -> Commit | None:
        """What others are told of a failure that a person has to hear of, and that it is over."""
        now = self._clock.now()
        if error is None:
            return self._edges.on_reached(delivery, now)
        if (waits and not error.until_mended) or _about_a_failure(delivery):
            return None
        return (self._edges.on_waiting if waits else self._edges.on_failed)(delivery, error, now)

    async def _call(self, delivery: Delivery) -> None:
        """A call is made once; whether another is made is the correction's decision."""
        answer: str | None = None
        error: ConnectorError | None = None
        if delivery.expires_at <= self._clock.now():
            error = Withheld("too late to make this call")
            attempt = _attempt(delivery, self._clock.now(), 0, error)
        else:
            answer, attempt, error = await self._try(delivery, self._edges.call)
        kept: list[bool] = []

        async def settle(commit: Commit | None) -> bool:
            now = self._clock.now()
            leased = self._in_flight[delivery.id]
            kept.append(await self._store.settle(leased, attempt, now=now, sent=error is None, commit=commit))
            return kept[-1]

        try:
            await self._insist(lambda: self._edges.on_called(delivery, answer, error, settle))
        except StoreError:
            raise
        except Exception as unexpected:
            _log_unexpected("delivery.unexpected", delivery, unexpected)
        if not kept:  # whatever went wrong, the call is not made again
            await self._insist(lambda: settle(None))
        self._settled(delivery, attempt, error, kept=kept[-1], again=None)

    async def _try(
        self, delivery: Delivery, send: Callable[[Delivery], Awaitable[Any]]
    ) -> tuple[Any, Attempt, ConnectorError | None]:
        at, started = self._clock.now(), self._clock.monotonic()
        result: Any = None
        error: ConnectorError | None = None
        try:
            is_call = delivery.kind is DeliveryKind.CALL
            within = self._limits.call_timeout if is_call else self._limits.timeout
            task = asyncio.ensure_future(send(delivery))
            if is_call:
                self._calling.add(task)
                task.add_done_callback(self._calling.discard)
            result = await self._in_time(task, at, within)
        except ConnectorError as known:
            error = known.with_traceback(None)  # else only a look for garbage frees what its frames hold
        except Exception as unexpected:  # a mistake in a connector must not lose a message
            _log_unexpected("delivery.unexpected", delivery, unexpected)
            error = ConnectorError(f"unexpected error in the connector ({type(unexpected).__name__})")
        took = int((self._clock.monotonic() - started) * SECOND)
        return result, _attempt(delivery, at, took, error), error

    async def _in_time(self, task: asyncio.Future[Any], at: int, within: int) -> Any:
        try:
            await self._wait(asyncio.wait({task}), at + within)
            if not task.done():
                raise TimedOut(f"no answer within {within // SECOND} s")
            if task.cancelled():
                raise Interrupted("Setpoint was stopped") if self._stopping else ConnectorError("the connector gave up")
            return task.result()
        finally:
            if not task.done():
                task.cancel()
                task.add_done_callback(lambda late: late.cancelled() or late.exception())  # heard, and of no interest
                await asyncio.wait({task}, timeout=1)  # one that does not listen is left behind

    async def _insist(self, record: Callable[[], Awaitable[T]]) -> T:
        """Tries again while the database does not work: what was sent has to be marked."""
        while True:
            try:
                return await record()
            except StoreUnavailable as error:
                self._say_waiting(error)
                await self._wait_until(self._clock.now() + SECOND)

    def _say_waiting(self, error: StoreUnavailable) -> None:
        if not self._waiting:  # once, not each second
            log.warning("dispatcher.waiting", error=str(error))
        self._waiting = True

    def _settled(
        self, delivery: Delivery, attempt: Attempt, error: ConnectorError | None, *, kept: bool, again: int | None
    ) -> None:
        facts = {**_names(delivery), "attempt": attempt.number, "took_ms": attempt.took // 1_000}
        if not kept:
            outcome = "lost"
            log.warning("delivery.lost", **facts)
        elif error is None:
            outcome = "sent"
            log.info("delivery.sent", **facts)
        elif again is not None:
            outcome = "retry"
            log.warning("delivery.retry", **facts, error=str(error), retry_in_s=(again - self._clock.now()) // SECOND)
        else:
            outcome = "withheld" if attempt.withheld else "failed"
            say = log.info if attempt.withheld else log.error
            say(f"delivery.{outcome}", **facts, error=str(error))
        self._edges.on_settled(delivery, outcome, error)

    async def _wait(self, happening: Awaitable[Any], until: int | None) -> None:
        """Until something happens or `wait_until` is over."""
        waiting = {asyncio.ensure_future(happening)}
        if until is not None:
            waiting.add(asyncio.ensure_future(self._wait_until(until)))
        try:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def _sleep_until(self, until: int) -> None:
        # In short stretches: the wall clock may be set forward meanwhile. When it is set back the monotonic one holds.
        end = self._clock.monotonic() + (until - self._clock.now()) / SECOND
        while (left := min((until - self._clock.now()) / SECOND, end - self._clock.monotonic())) > 0:  # noqa: ASYNC110
            await asyncio.sleep(min(left, 60.0))


def _attempt(delivery: Delivery, at: int, took: int, error: ConnectorError | None) -> Attempt:
    permanent = error is not None and error.permanent
    said = None if error is None else str(error)
    return Attempt(delivery.id, delivery.attempts + 1, at, took, said, permanent, is_withheld(delivery, error))


def is_withheld(delivery: Delivery, error: ConnectorError | None) -> bool:
    """Whether a call was surely not made: one that was given out before may have been, before the daemon went away."""
    return delivery.kind is DeliveryKind.CALL and error is not None and error.unsent and delivery.fence <= 1


def _reference(delivery: Delivery, answer: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The thread reference, if it can be stored: a sent message is not sent again because it can't."""
    try:
        orjson.dumps(answer)
    except TypeError as error:
        _log_unexpected("delivery.unexpected", delivery, error)
        return None
    return answer


def _about_a_failure(delivery: Delivery) -> bool:
    said = orjson.loads(delivery.payload)
    return bool(said.get("reason") == Reason.UNDELIVERABLE or said.get("alert") == RECEIVER_DOWN)


def _names(delivery: Delivery) -> dict[str, Any]:
    return {
        "delivery": delivery.id,
        "kind": delivery.kind.value,
        "receiver": delivery.receiver,
        "position": delivery.position,
    }


def _log_unexpected(event: str, delivery: Delivery, error: Exception) -> None:
    """With where it happened, without its message: that may hold a secret."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    log.error(event, **_names(delivery), error=type(error).__name__, traceback=frames)
