"""What is committed is there whole, in one transaction with what came at the same time."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace

import pytest

from agent.store.records import Commit, Delivery, DeliveryKind, Ping, Receipt
from agent.store.store import SHARDS, Fenced, Store
from rules.model import (
    DAY,
    AlertState,
    Assessment,
    Correction,
    Event,
    InstanceKey,
    InstanceState,
    Reading,
    RunState,
    Series,
    Silence,
    SourceState,
    Standing,
    Transition,
)

WWW = Series("visitors", (("site", "www"),))
SHOP = Series("visitors", (("site", "shop"),))
KEY = InstanceKey("monthly", (("site", "www"),))
STATE = InstanceState(KEY, Assessment(Standing.BEHIND, value=6214.0, reason="too few"), since=5, created=1)
CHANGE = Transition(KEY, "behind", "f1", 1, Event.FIRING, 7, AlertState.PENDING, AlertState.FIRING, (("a", "b"),))
RUN = Correction("c1", KEY, "behind", "f1", 1, "fix", RunState.PROPOSED, 0, 7, 7)
NOTICE = Delivery("k1", DeliveryKind.NOTICE, "growth", 0, "growth/0/f1", b'{"fingerprint":"f1"}', 7, 7, 1000)


async def test_a_commit_is_found_again_after_reopening(url: str) -> None:
    store = await Store.open(url, 0)
    shards = await store.take_shards("a", 1)
    source = SourceState("web", failures=2, last_error="no")
    ping = Ping("backup", 3, "exit", 1, "out of space")
    await store.commit(
        Commit(9, {4: shards[4]}, [Reading(WWW, 1, 2.5)], [ping], [STATE], [source], [CHANGE], [NOTICE], [RUN])
    )
    await store.close()
    store = await Store.open(url, 0)
    remembered = await store.load()
    assert remembered.instances == {KEY: STATE}
    assert remembered.sources == {"web": source}
    assert remembered.corrections == (RUN,)
    assert await store.latest(["visitors"]) == [Reading(WWW, 1, 2.5)]
    assert await store.transitions(10) == [CHANGE]
    assert await store.corrections(10) == [RUN]
    assert await store.deliveries(10) == [replace(NOTICE, id=1)]
    assert await store.pings("backup", 10) == [ping]
    await store.close()


async def test_a_forgotten_instance_and_an_ended_correction_are_not_loaded(store: Store) -> None:
    other = replace(STATE, key=InstanceKey("other"))
    await store.commit(Commit(1, instances=[STATE, other], corrections=[RUN]))
    ended = replace(RUN, state=RunState.VERIFIED, updated=9)
    await store.commit(Commit(2, forget=[KEY], corrections=[ended]))
    remembered = await store.load()
    assert set(remembered.instances) == {InstanceKey("other")}
    assert remembered.corrections == ()
    assert await store.corrections(10) == [ended]


async def test_commits_made_at_the_same_time_share_a_transaction(store: Store) -> None:
    before = store.transactions
    await asyncio.gather(*(store.commit(Commit(1, readings=[Reading(WWW, time, 1.0)])) for time in range(200)))
    assert store.transactions == before + 1
    assert len(await store.window(["visitors"], 0, 1000)) == 200


async def test_a_fenced_commit_of_a_group_fails_alone(store: Store) -> None:
    old = await store.take_shards("a", 1)
    new = await store.take_shards("b", 2)
    assert sorted(new) == list(range(SHARDS))
    assert all(new[shard] == old[shard] + 1 for shard in new)
    outcomes = await asyncio.gather(
        store.commit(Commit(1, {1: new[1]}, [Reading(WWW, 1, 1.0)])),
        store.commit(Commit(1, {2: old[2], 3: new[3]}, [Reading(SHOP, 2, 2.0)], deliveries=[NOTICE])),
        store.commit(Commit(1, {3: new[3]}, [Reading(SHOP, 3, 3.0)])),
        return_exceptions=True,
    )
    assert outcomes[0] is None
    assert isinstance(outcomes[1], Fenced)
    assert outcomes[1].shard == 2
    assert outcomes[2] is None
    assert await store.window(["visitors"], 0, 10) == [Reading(SHOP, 3, 3.0), Reading(WWW, 1, 1.0)]
    assert await store.deliveries(10) == []


async def test_a_commit_that_fails_half_way_leaves_nothing_and_its_series_are_numbered_anew(store: Store) -> None:
    broken = replace(NOTICE, payload=b"not json")
    with pytest.raises(ValueError, match="invalid literal"):
        await store.commit(Commit(1, readings=[Reading(WWW, 1, 1.0)], deliveries=[broken]))
    await store.commit(Commit(1, readings=[Reading(SHOP, 1, 4.0)]))
    await store.commit(Commit(1, readings=[Reading(WWW, 2, 5.0)]))
    assert await store.window(["visitors"], 0, 10) == [Reading(SHOP, 1, 4.0), Reading(WWW, 2, 5.0)]


async def test_the_same_transition_and_delivery_are_kept_once(store: Store) -> None:
    await store.commit(Commit(1, transitions=[CHANGE, CHANGE], deliveries=[NOTICE, replace(NOTICE, payload=b"{}")]))
    await store.commit(Commit(2, transitions=[CHANGE], deliveries=[NOTICE]))
    assert await store.transitions(10) == [CHANGE]
    assert [delivery.payload for delivery in await store.deliveries(10)] == [NOTICE.payload]


async def test_a_later_reading_of_the_same_time_revises_and_nan_is_no_value(store: Store) -> None:
    await store.commit(Commit(1, readings=[Reading(WWW, 1, 1.0), Reading(WWW, 2, 2.0), Reading(WWW, 3, None)]))
    await store.commit(Commit(2, readings=[Reading(WWW, 1, 1.5), Reading(WWW, 2, math.nan), Reading(WWW, 3, 3.0)]))
    assert await store.window(["visitors"], 0, 9) == [Reading(WWW, 1, 1.5), Reading(WWW, 2, None), Reading(WWW, 3, 3.0)]


async def test_history_is_newest_first_and_filtered(store: Store) -> None:
    changes = [replace(CHANGE, at=at, key=InstanceKey(f"t{at % 2}"), fingerprint=f"f{at % 2}") for at in range(6)]
    await store.commit(Commit(1, transitions=changes))
    assert [change.at for change in await store.transitions(2)] == [5, 4]
    assert [change.at for change in await store.transitions(9, target="t1")] == [5, 3, 1]
    assert [change.at for change in await store.transitions(9, since=4)] == [5, 4]
    assert [change.at for change in await store.transitions(9, fingerprint="f0")] == [4, 2, 0]
    runs = [replace(RUN, id=str(at), created=at, updated=at + 10, key=InstanceKey(f"t{at % 2}")) for at in range(4)]
    await store.commit(Commit(1, corrections=runs))
    assert [run.id for run in await store.corrections(9, target="t0")] == ["2", "0"]
    assert [run.id for run in await store.corrections(9, since=12)] == ["3", "2"]


async def test_what_was_noted_of_alerts_is_read_with_the_last_move_before(store: Store) -> None:
    said = [Event.PENDING, Event.FIRING, Event.RAISED, Event.ACKNOWLEDGED, Event.RESOLVED, Event.PENDING]
    changes = [replace(CHANGE, event=event, at=at, nth=at) for at, event in enumerate(said)]
    await store.commit(Commit(1, transitions=[*changes, replace(CHANGE, key=InstanceKey("other"), at=3)]))
    for start, end, found in ((0, 9, [0, 1, 2, 3, 4, 5]), (3, 5, [1, 3, 4]), (5, 6, [4, 5]), (9, 9, [5])):
        assert [change.at for change in await store.noted(CHANGE.key.target, start, end)] == found


async def test_a_receipt_is_taken_once_and_forgotten_after_a_week(store: Store) -> None:
    assert [await store.take_receipt(Receipt("/", name, 10)) for name in ("a", "b", "a")] == [True, True, False]
    await store.commit(Commit(11, receipts=[Receipt("/", "c", 11)]))
    assert not await store.take_receipt(Receipt("/", "c", 12))
    assert await store.take_receipt(Receipt("/", "a", 10 + 8 * DAY))


async def test_silences_are_loaded_in_the_order_in_which_they_were_made(store: Store) -> None:
    made = [Silence(name, (), "ann", "", 5, 9, at, at) for at, name in enumerate("ca")]
    await store.commit(Commit(1, silences=made))
    assert list((await store.load()).silences) == await store.silences() == made
