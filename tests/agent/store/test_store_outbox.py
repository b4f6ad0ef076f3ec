"""Claiming and settling: order, leases, fences, threads, budgets."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import orjson
import pytest

from agent.store.records import Attempt, Commit, Delivery, DeliveryKind, DeliveryState, Manner, OutboxStats
from agent.store.store import Fenced, Store
from rules.model import DAY, MINUTE, Reading, Series
from tests.connectors.notifiers import kit

LEASE = 100


def notice(key: str, lane: str = "l", receiver: str = "r", **fields: Any) -> Delivery:
    about = {name: fields.pop(name) for name in ("fingerprint", "starts_at") if name in fields}
    payload = orjson.dumps({"fingerprint": "f", "starts_at": 1, **about})
    made = Delivery(key, DeliveryKind.NOTICE, receiver, 0, lane, payload, created=0, next_at=0, expires_at=10_000)
    return replace(made, **fields)


def tried(delivery: Delivery, error: str | None = None, at: int = 5) -> Attempt:
    return Attempt(delivery.id, delivery.attempts + 1, at, 3, error)


async def queue(store: Store, *deliveries: Delivery) -> None:
    await store.commit(Commit(0, deliveries=deliveries))


async def keys(store: Store, now: int, **limits: Any) -> list[str]:
    return [one.key for one in await store.claim(now, LEASE, limits.pop("limit", 100), **limits)]


async def test_only_the_first_of_a_lane_is_claimed_even_when_it_waits(store: Store) -> None:
    await queue(store, notice("fire"), notice("resolve"), notice("else", lane="m"))
    (fire, other) = await store.claim(1, LEASE, 100)
    assert (fire.key, fire.fence, other.key) == ("fire", 1, "else")
    assert await keys(store, 1) == []
    assert await store.settle(fire, tried(fire, "down"), now=5, sent=False, retry_at=500)
    assert await keys(store, 6) == []
    assert await keys(store, 499) == ["else"]  # its lease ran out
    (again,) = [one for one in await store.claim(500, LEASE, 100) if one.lane == "l"]
    assert (again.key, again.attempts) == ("fire", 1)
    assert await store.settle(again, tried(again), now=501, sent=True)
    assert await keys(store, 502) == ["resolve"]


async def test_after_a_failure_for_good_the_next_of_the_lane_goes(store: Store) -> None:
    await queue(store, notice("fire"), notice("resolve"))
    (fire,) = await store.claim(1, LEASE, 100)
    assert await store.settle(fire, replace(tried(fire, "gone"), permanent=True), now=5, sent=False)
    assert await keys(store, 6) == ["resolve"]
    failed = (await store.deliveries(10))[-1]
    assert (failed.state, failed.error, failed.attempts) == (DeliveryState.FAILED, "gone", 1)
    assert await store.attempts(fire.id) == [Attempt(fire.id, 1, 5, 3, "gone", permanent=True)]


async def test_concurrent_claims_never_share(store: Store) -> None:
    await queue(store, *(notice(str(n), lane=str(n)) for n in range(60)))
    claims = await asyncio.gather(*(store.claim(1, LEASE, 7) for _ in range(12)))
    got = [one.key for claim in claims for one in claim]
    assert sorted(got, key=int) == [str(n) for n in range(60)]


async def test_what_is_remembered_of_messages_is_found_by_what_they_are_about(store: Store) -> None:
    await queue(store, *(notice(name, lane=name, receiver=name, fingerprint=name[0]) for name in ("a1", "a2", "b1")))
    for one in await store.claim(1, LEASE, 10):
        await store.settle(one, tried(one), now=5, sent=True, thread={"ts": one.key})
    assert sorted(found["ts"] for found in await store.references(["a", "c"])) == ["a1", "a2"]
    assert await store.references([]) == []


async def test_what_is_known_of_a_message_is_kept_before_its_sending_ended(store: Store) -> None:
    await queue(store, notice("fire"))
    (fire,) = await store.claim(1, LEASE, 100)
    await store.remember(fire, {"ts": "1"})
    (again,) = await store.claim(1 + LEASE, LEASE, 100)  # the process that sent it is gone
    assert (again.key, again.thread, again.attempts) == ("fire", {"ts": "1"}, 0)
    await store.remember(fire, {"ts": "of the lost lease"})
    assert await store.settle(again, tried(again), now=5, sent=True, thread={"ts": "1", "file": "F1"})
    await store.remember(again, {"ts": "late"})
    await queue(store, notice("more"))
    (more,) = await store.claim(2 * LEASE, LEASE, 100)
    assert more.thread == {"ts": "1", "file": "F1"}


async def test_a_lost_lease_settles_nothing(store: Store) -> None:
    await queue(store, notice("a"))
    (first,) = await store.claim(1, LEASE, 1)
    (second,) = await store.claim(1 + LEASE, LEASE, 1)
    extra = Commit(2, readings=[Reading(Series("s"), 1, 1.0)])
    assert not await store.settle(first, tried(first), now=5, sent=True, commit=extra, thread={"ts": "1"})
    assert await store.attempts(first.id) == []
    assert await store.latest(["s"]) == []
    assert await store.settle(second, tried(second), now=5, sent=True, commit=extra)
    assert await store.latest(["s"]) == [Reading(Series("s"), 1, 1.0)]
    assert not await store.settle(second, tried(second), now=5, sent=True)


async def test_a_fenced_commit_takes_the_outcome_back(store: Store) -> None:
    old = await store.take_shards("a", 0)
    await queue(store, notice("a"))
    await store.take_shards("b", 0)
    (claimed,) = await store.claim(1, LEASE, 1)
    with pytest.raises(Fenced):
        await store.settle(claimed, tried(claimed), now=5, sent=True, commit=Commit(5, {0: old[0]}))
    assert (await store.deliveries(1))[0].state is DeliveryState.QUEUED
    assert await store.attempts(claimed.id) == []


async def test_taking_the_shards_drops_the_leases_of_the_dead(store: Store) -> None:
    await queue(store, notice("a"))
    (dead,) = await store.claim(1, LEASE, 1)
    await store.take_shards("b", 2)
    (ours,) = await store.claim(2, LEASE, 1)
    assert ours.key == "a"
    assert not await store.settle(dead, tried(dead), now=3, sent=True)


async def test_limits_for_each_receiver_count_what_is_leased(store: Store) -> None:
    slow = [notice(f"s{n}", lane=f"s{n}", receiver="slow") for n in range(5)]
    await queue(store, *slow, notice("q", lane="q", receiver="quick"))
    assert await keys(store, 1, per_receiver=2) == ["s0", "s1", "q"]
    assert await keys(store, 1, per_receiver=2) == []
    assert await keys(store, 1, per_receiver=3, limit=9) == ["s2"]
    assert await keys(store, 1 + LEASE, per_receiver=1, limit=9) == ["s0", "q"]


async def test_kinds_are_claimed_apart(store: Store) -> None:
    await queue(store, notice("n"), notice("c", lane="c", kind=DeliveryKind.CALL))
    assert await keys(store, 1, kind=DeliveryKind.CALL) == ["c"]
    assert await keys(store, 1, kind=DeliveryKind.NOTICE) == ["n"]


async def test_a_thread_comes_back_for_the_same_firing_and_as_an_earlier_one_for_the_next(store: Store) -> None:
    await queue(
        store, notice("fire"), notice("resolve"), notice("refire", starts_at=2), notice("other", fingerprint="g")
    )
    threads = []
    for reference in ({"ts": "1.5", "channel": "C"}, None, {"ts": "9"}, None):
        (claimed,) = await store.claim(1, LEASE, 1)
        threads.append((claimed.key, claimed.thread, claimed.earlier))
        await store.settle(claimed, tried(claimed), now=1, sent=True, thread=reference)
    expected = {"ts": "1.5", "channel": "C"}
    assert threads == [
        ("fire", None, None), ("resolve", expected, None), ("refire", None, expected), ("other", None, None),
    ]  # fmt: skip


async def test_when_the_next_is_due(store: Store) -> None:
    assert await store.next_delivery_at() is None
    await queue(store, notice("a", next_at=40), notice("hidden", next_at=1), notice("b", lane="m", next_at=70))
    assert await store.next_delivery_at() == 40
    assert await store.next_delivery_at(40) == 70
    await store.claim(50, LEASE, 1)
    assert await store.next_delivery_at(70) == 50 + LEASE


async def test_the_outbox_and_the_calls_that_fill_budgets(store: Store) -> None:
    assert await store.outbox() == OutboxStats(0, None)
    call = {"kind": DeliveryKind.CALL, "receiver": "heat"}
    await queue(store, notice("n", created=3), notice("a", lane="a", created=4, **call), notice("b", lane="b", **call))
    await queue(store, notice("c", lane="c", kind=DeliveryKind.CALL, receiver="cool"))
    assert await store.outbox() == OutboxStats(4, 0)
    assert await store.calls(0) == [("heat", 4), ("heat", 0), ("cool", 0)]
    assert await store.calls(1) == [("heat", 4)]
    for call_delivery in await store.claim(1, LEASE, 9, DeliveryKind.CALL):
        await store.settle(call_delivery, tried(call_delivery), now=50, sent=True)
    assert len(await store.calls(0)) == 3
    assert await store.outbox() == OutboxStats(1, 3)


async def test_a_report_is_claimed_with_the_notices_and_a_call_by_itself(store: Store) -> None:
    kinds = {kind: notice(kind.value, lane=kind.value, kind=kind) for kind in DeliveryKind}
    await queue(store, *kinds.values())
    assert await keys(store, 1, kind=DeliveryKind.CALL) == ["call"]
    assert sorted(await keys(store, 1, kind=DeliveryKind.NOTICE)) == ["notice", "report"]


def change(key: str, reason: str, starts_at: int = 1, **fields: Any) -> Delivery:
    about: dict[str, Any] = {"fingerprint": "f", "starts_at": starts_at, "reason": reason, "severity": "warning"}
    about |= {"status": "resolved" if reason == "resolved" else "firing", "headline": "hot", "values": {}}
    made = notice(key, expires_at=DAY, manner=fields.pop("manner", Manner.NEWEST), **fields)
    return replace(made, payload=orjson.dumps(about))


async def send(store: Store, now: int) -> list[str]:
    found = await store.claim(now, LEASE, 100)
    for one in found:
        assert await store.settle(one, tried(one, at=now), now=now, sent=True)
    return [one.key for one in found]


async def test_what_waits_is_superseded_by_what_is_newer_and_stays_visible(store: Store) -> None:
    await queue(store, change("fire", "firing"), change("ack", "updated"), change("end", "resolved"))
    assert await send(store, 1) == ["fire"]  # nothing was told of it yet
    superseded: list[tuple[str, int]] = []
    (end,) = await store.claim(2, LEASE, 100, on_superseded=lambda *said: superseded.append(said))
    assert (end.key, superseded) == ("end", [("r", 1)])
    assert await store.settle(end, tried(end, at=2), now=2, sent=True)
    await queue(store, change("again", "firing", 2), change("end2", "resolved", 2), change("third", "firing", 3))
    (third,) = await store.claim(3, LEASE, 100)
    assert (third.key, orjson.loads(third.payload)["unsaid"]) == ("third", 1)
    states = {one.key: one.state for one in await store.deliveries(10)}
    assert {key for key, state in states.items() if state is DeliveryState.SUPERSEDED} == {"ack", "again", "end2"}
    assert (await store.outbox()).depth == 1


async def test_what_waits_of_a_group_goes_out_as_one_that_mentions_each_alert(store: Store) -> None:
    def waits(key: str, status: str, name: str) -> Delivery:
        about = kit.several(group="g", alerts=(kit.alert(0, status, fingerprint=name),), firing=1, resolved=0)
        return replace(notice(key, manner=Manner.NEWEST), payload=orjson.dumps(about))

    await queue(store, waits("began", "firing", "a"), waits("ended", "resolved", "a"), waits("joined", "firing", "b"))
    assert await send(store, 1) == ["joined"]
    found = {one.key: one.state for one in await store.deliveries(10, fingerprint="a")}
    sent, superseded = DeliveryState.SENT, DeliveryState.SUPERSEDED
    assert found == {"began": superseded, "ended": superseded, "joined": sent}


async def test_what_was_claimed_is_not_superseded_until_it_is_known_how_that_ended(store: Store) -> None:
    await queue(store, change("fire", "firing"))
    assert await send(store, 1) == ["fire"]
    await queue(store, change("ack", "updated"))
    (ack,) = await store.claim(2, LEASE, 100)
    await queue(store, change("end", "resolved"))
    (again,) = await store.claim(2 + LEASE, LEASE, 100)  # the first lease ran out
    assert again.key == "ack"
    assert await store.settle(again, tried(again, "down"), now=200, sent=False, retry_at=300)
    assert await keys(store, 300) == ["end"]
    assert not await store.settle(ack, tried(ack), now=301, sent=True)


async def test_who_reads_is_told_in_pauses_and_at_once_what_must_not_wait(store: Store) -> None:
    def calm(key: str, reason: str, episode: int, at: int) -> Delivery:
        return change(key, reason, episode, manner=Manner.CALM, created=at, next_at=at)

    for at, (key, reason) in enumerate((("f0", "firing"), ("r0", "resolved"), ("f1", "firing"), ("r1", "resolved"))):
        await queue(store, calm(key, reason, at // 2, at))
        assert await send(store, at) == [key]
    await queue(store, calm("f2", "firing", 2, 3))
    assert await send(store, 3) == []
    assert await store.next_delivery_at(3) == 5 * MINUTE + 3
    await queue(store, calm("e2", "escalated", 2, 4))
    assert await send(store, 4) == ["e2"]
    await queue(store, calm("r2", "resolved", 2, 5), calm("f3", "firing", 3, 5), calm("r3", "resolved", 3, 5))
    assert await send(store, 5) == []
    assert await send(store, 5 * MINUTE + 4) == ["r3"]


async def test_a_program_is_told_of_each_change(store: Store) -> None:
    wanted = [change(f"{n}", "firing" if n % 2 else "resolved", n, manner=Manner.EVERY) for n in range(6)]
    await queue(store, *wanted)
    assert [await send(store, n) for n in range(6)] == [[one.key] for one in wanted]


async def test_the_notifiers_that_fail_since_when_and_why(store: Store) -> None:
    await queue(
        store, notice("a", lane="a"), notice("b", lane="b", receiver="oncall"), notice("c", lane="c", position=1)
    )
    for at, sent in ((1, True), (500, False), (900, False)):
        for one in await store.claim(at, 10, 100):
            error = None if sent and one.receiver == "r" else f"down at {at}"
            await store.settle(one, tried(one, error, at=at), now=at, sent=False, retry_at=at + 20)
    found = {(one.receiver, one.position): (one.since, one.error) for one in await store.failing()}
    assert found == {
        ("r", 0): (500, "down at 900"),
        ("r", 1): (500, "down at 900"),
        ("oncall", 0): (1, "down at 900"),
    }
    for one in await store.claim(2_000, 10, 100):
        await store.settle(one, tried(one, at=2_000), now=2_000, sent=True)
    assert await store.failing() == []
