"""What is old goes, what still matters stays."""

from __future__ import annotations

from dataclasses import replace

from agent.store.keeping import Retention
from agent.store.records import Attempt, Commit, Delivery, DeliveryKind, Ping
from agent.store.store import Store
from rules.model import (
    AlertState,
    Correction,
    Event,
    InstanceKey,
    Reading,
    RunState,
    Series,
    Transition,
)
from rules.specs import Reach

A, B, C = Series("s", (("n", "a"),)), Series("s", (("n", "b"),)), Series("s", (("n", "c"),))
KEY = InstanceKey("t")
GONE = lambda _: Retention(9, 9, 9)  # noqa: E731
OPEN = Transition(KEY, "x", "open", 1, Event.FIRING, 5, AlertState.PENDING, AlertState.FIRING, ())
OVER = replace(OPEN, fingerprint="over", event=Event.RESOLVED, before=AlertState.FIRING, after=AlertState.INACTIVE)


async def test_readings_go_but_the_newest_of_each_series(store: Store) -> None:
    many = [Reading(A, time, 1.0) for time in range(50)]
    silent = [Reading(B, 1, 1.0), Reading(B, 2, 2.0), Reading(B, 3, None), Reading(B, 4, None)]
    await store.commit(Commit(1, readings=[*many, *silent, Reading(C, 3, 3.0)]))
    assert await store.roll_up(49, GONE, {}) == 42
    left = [
        *(Reading(A, time, 1.0) for time in range(40, 50)),
        Reading(B, 2, 2.0),
        Reading(B, 4, None),
        Reading(C, 3, 3.0),
    ]
    assert await store.window(["s"], 0, 99) == left
    assert await store.roll_up(49, GONE, {}) == 0


async def test_readings_that_targets_reach_back_to_stay(store: Store) -> None:
    other = Series("other")
    await store.commit(Commit(1, readings=[Reading(one, time, 1.0) for one in (A, other) for time in range(50)]))
    kept = Retention(60, 60, 60)
    assert await store.roll_up(100, lambda _: kept, {"s": Reach(90), "other": Reach(70)}) == 38
    assert [reading.time for reading in await store.window(["s"], 0, 99)] == list(range(9, 50))
    assert [reading.time for reading in await store.window(["other"], 0, 99)] == list(range(29, 50))


async def test_what_is_queued_or_of_an_open_alert_stays(store: Store) -> None:
    def notice(key: str, fingerprint: str) -> Delivery:
        payload = f'{{"fingerprint":"{fingerprint}"}}'.encode()
        return Delivery(key, DeliveryKind.NOTICE, "r", 0, key, payload, 0, 0, 99)

    late = replace(notice("queued", "over"), next_at=1000)
    runs = [Correction(name, KEY, "x", name, 1, "a", RunState.VERIFIED, 1, 0, 5) for name in ("open", "over")]
    going = replace(runs[1], id="going", state=RunState.VERIFYING)
    await store.commit(
        Commit(
            1,
            pings=[Ping("b", 5, "success", None, ""), Ping("b", 50, "success", None, "")],
            transitions=[replace(OVER, at=3, after=AlertState.FIRING), OPEN, OVER],
            deliveries=[late, notice("of-open", "open"), notice("of-over", "over")],
            corrections=[*runs, going],
        )
    )
    for claimed in await store.claim(1, 10, 9):
        attempt = Attempt(claimed.id, 1, 1, 1)
        await store.settle(claimed, attempt, now=5, sent=True, thread={"ts": claimed.key})
    # the settled delivery with its thread, two transitions, a correction, a ping
    assert await store.prune(40) == 6
    assert {one.key for one in await store.deliveries(9)} == {"queued", "of-open"}
    assert [await store.attempts(number) != [] for number in (1, 2, 3)] == [False, True, False]
    assert await store.transitions(9) == [OPEN]
    assert {run.id for run in await store.corrections(9)} == {"open", "going"}
    assert await store.pings("b", 9) == [Ping("b", 50, "success", None, "")]
