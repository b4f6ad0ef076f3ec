"""The same commits, given at the same time, leave the same in both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.store.keeping import Retention
from agent.store.records import Attempt, Commit, Delivery, DeliveryKind, Manner, Ping, Receipt
from agent.store.store import Fenced, Store
from rules.model import Assessment, InstanceKey, InstanceState, Reading, Series, SourceState, Standing
from tests.databases import Databases

SERIES = [Series(name, (("n", str(n)),)) for name in ("a", "b") for n in range(2)]
KEYS = [InstanceKey("t", (("n", str(n)),)) for n in range(3)]

readings = st.builds(Reading, st.sampled_from(SERIES), st.integers(0, 5), st.none() | st.floats())
instances = st.builds(
    lambda key, value: InstanceState(key, Assessment(Standing.MET, value=value), 0, 0),
    st.sampled_from(KEYS),
    st.integers(0, 9).map(float),
)
notice = {"fingerprint": "f", "status": "firing", "reason": "firing", "severity": "", "starts_at": 1}
payloads = st.sampled_from([orjson.dumps({**notice, "headline": "h", "values": {}}), b"not json"])
deliveries = st.builds(
    lambda n, payload, manner: Delivery(
        f"k{n}", DeliveryKind.NOTICE, "r", 0, f"l{n % 2}", payload, n, n, 99, manner=manner
    ),
    st.integers(0, 6),
    payloads,
    st.sampled_from([Manner.EVERY, Manner.NEWEST]),
)
commits = st.builds(
    Commit,
    now=st.just(9),
    shards=st.sampled_from([{}, {1: 1}, {2: 1}, {1: 7}]),
    readings=st.lists(readings, max_size=4),
    instances=st.lists(instances, max_size=2),
    forget=st.lists(st.sampled_from(KEYS), max_size=1),
    sources=st.lists(st.builds(SourceState, st.sampled_from("st"), failures=st.integers(0, 3)), max_size=1),
    deliveries=st.lists(deliveries, max_size=2),
    receipts=st.lists(st.builds(Receipt, st.just("s"), st.sampled_from("mn"), st.just(9)), max_size=1),
)
groups = st.lists(st.lists(commits, min_size=1, max_size=4), min_size=1, max_size=3)


async def outcome(url: str, given: Sequence[Sequence[Commit]]) -> list[object]:
    """What callers were told, and what is remembered."""
    store = await Store.open(url, 0)
    said: list[object] = [await store.take_shards("one", 0)]
    for group in given:
        answers = await asyncio.gather(*(store.commit(one) for one in group), return_exceptions=True)
        said.append([answer.shard if isinstance(answer, Fenced) else type(answer) for answer in answers])
    claimed = await store.claim(9, 9, 99)
    said.append(sorted((one.key, one.fence) for one in claimed))
    said += [await store.take_receipt(Receipt("s", name, 9)) for name in "mmo"]
    failed = [(one, Attempt(one.id, 1, 8, 1, "no")) for one in claimed[1::2]]
    said += [await store.settle(*one, now=8, sent=False, retry_at=9) for one in failed]
    said.append(await store.failing())
    tries = [(one, Attempt(one.id, 1, 9, 1)) for one in claimed[::2]]
    said += [await store.settle(*one, now=9, sent=True, thread={"ts": one[0].key}) for one in tries]
    remembered = await store.load()
    said += [sorted(remembered.instances.values(), key=repr), sorted(remembered.sources.values(), key=repr)]
    said.append([replace(one, id=0) for one in await store.deliveries(99)])
    said += [await store.window(["a", "b"], 0, 9), await store.latest(["a"]), await store.points(SERIES[0], 0, 9, 2)]
    said += [await store.received([("s", "m"), ("s", "n")]), await store.outbox(), await store.next_delivery_at(9)]
    said += [await store.prune(4), await store.roll_up(4, lambda _: Retention(1, 1, 1), {})]
    said += [await store.window(["a", "b"], 0, 9), len(await store.deliveries(99))]
    await store.close()
    return said


@given(groups)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_both_databases_remember_the_same(tmp_path_factory, databases: Databases, given) -> None:
    url = databases.create()
    file = tmp_path_factory.mktemp("both") / "setpoint.db"
    assert asyncio.run(outcome(f"sqlite:///{file}", given)) == asyncio.run(outcome(url, given))
    databases.drop(url)


async def test_a_group_writes_in_the_order_it_was_asked(store: Store) -> None:
    def state(value: float) -> InstanceState:
        return InstanceState(KEYS[0], Assessment(Standing.MET, value=value), 0, 0)

    await asyncio.gather(
        store.commit(Commit(1, instances=[state(1.0)], readings=[Reading(SERIES[0], 1, 1.0)])),
        store.commit(Commit(1, forget=[KEYS[0], KEYS[1]])),
        store.commit(Commit(1, instances=[state(2.0)], readings=[Reading(SERIES[0], 1, 2.0)])),
    )
    assert (await store.load()).instances[KEYS[0]].assessment.value == 2.0
    assert await store.window(["a"], 0, 9) == [Reading(SERIES[0], 1, 2.0)]


async def test_shards_taken_in_a_group_fence_what_comes_after_it(store: Store) -> None:
    old = await store.take_shards("one", 0)
    first, _, late = await asyncio.gather(
        store.commit(Commit(1, old, [Reading(SERIES[0], 1, 1.0)])),
        store.take_shards("two", 1),
        store.commit(Commit(1, old, [Reading(SERIES[0], 2, 2.0)])),
        return_exceptions=True,
    )
    assert first is None
    assert isinstance(late, Fenced)
    assert await store.window(["a"], 0, 9) == [Reading(SERIES[0], 1, 1.0)]


async def test_what_fails_in_a_group_leaves_nothing_and_the_rest_is_written_once(store: Store) -> None:
    await store.commit(Commit(1, readings=[Reading(one, 0, 0.0) for one in SERIES]))
    broken = Delivery("k", DeliveryKind.NOTICE, "r", 0, "l", b"not json", 0, 0, 9)
    outcomes = await asyncio.gather(
        store.commit(Commit(1, pings=[Ping("b", 1, "log", None, "")])),
        store.commit(Commit(1, readings=[Reading(SERIES[0], 1, 1.0)], deliveries=[broken])),
        store.commit(Commit(1, pings=[Ping("b", 2, "log", None, "")])),
        store.commit(Commit(1, readings=[Reading(SERIES[1], 1, 1.0)], deliveries=[broken])),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [
        type(None),
        orjson.JSONDecodeError,
        type(None),
        orjson.JSONDecodeError,
    ]
    assert [ping.at for ping in await store.pings("b", 9)] == [2, 1]
    assert await store.window(["a"], 1, 9) == []
