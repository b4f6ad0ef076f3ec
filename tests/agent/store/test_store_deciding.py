"""What a restart decides on is the same with and without roll-ups, whenever they are made."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from agent.config.configuration import Configuration
from agent.config.load import load
from agent.deciding.past import kept_reaches
from agent.deciding.recall import read_history, say_missing
from agent.store.keeping import Retention
from agent.store.records import Commit
from agent.store.store import Store
from connectors.fields import FOREVER
from rules.engine import Batch, States, evaluate
from rules.model import DAY, HOUR, MINUTE, Reading, Series
from rules.specs import Specs

CONFIG = """
sources:
  s:
    type: webhook
    readings:
      - {series: a, value: v, labels: {n: n}}
      - {series: b, value: v}
      - {series: c, value: v}
      - {series: plan, value: v}
targets:
  level:
    series: c
    goal: {at_most: 5}
    alerts: [{name: often, when: out_of_band, for: {breaches: 3, of: 12}}]
  condition: {goal: {condition: "avg(b, '3h') > 1 and last(b) < 9"}}
  hour: {series: a, by: [n], goal: {measure: sum, at_least: 20, per: hour}}
  day: {series: a, by: [n], goal: {measure: last, at_least: {series: plan}, per: day}}
  rolling: {series: b, goal: {measure: share, where: "value > 2", at_least: 90%, per: 6h}}
  unusual: {series: b, alerts: [{name: odd, when: unusual}]}
"""
START = 20_000 * DAY
SERIES = [Series("a", (("n", n), ("source", "s"))) for n in "xy"] + [
    Series(name, (("source", "s"),)) for name in ("b", "c", "plan")
]
PLAIN = Series("unread", (("source", "s"),))
# A series, how long ago its readings begin, how far they are apart, and their values; and when it is rolled up.
bursts = st.tuples(
    st.sampled_from([*SERIES, PLAIN]),
    st.integers(0, 10 * 24 * 4).map(lambda n: n * HOUR // 4),
    st.sampled_from([MINUTE, 7 * MINUTE, HOUR, 9 * HOUR]),
    st.lists(st.integers(0, 10).map(float), min_size=1, max_size=40) | st.lists(st.none() | st.just(1.0), max_size=40),
)
turns = st.lists(
    st.tuples(st.lists(bursts, min_size=1, max_size=4), st.integers(0, 60).map(lambda n: n * HOUR // 2)), max_size=6
)
policies = st.sampled_from(
    [Retention(HOUR, 5 * HOUR, FOREVER), Retention(HOUR, HOUR, 2 * DAY), Retention(1, 1, 1), Retention(1, DAY, 2 * DAY)]
)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    path = Path(tmp_path_factory.mktemp("deciding")) / "setpoint.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    return load(path, {})


async def decided(store: Store, specs: Specs, now: int) -> object:
    history = await read_history(store, specs, now)
    keys = {key for name in specs.targets for key in history.instances_of_target(name)}
    states, moved = evaluate(specs, States(listening=0), Batch(due=sorted(keys)), now, history)
    read = repr([[(list(one.times), list(one.values)) for one in history.tracks(key)] for key in sorted(keys)])  # NaN
    learned = await store.sample(SERIES[2], now - 35 * DAY, 3_000)
    return sorted(states.instances.values(), key=lambda state: state.key), moved, read, learned


async def empty(store: Store) -> None:
    def job(connection) -> None:
        for table in ("series", "readings", "rollups"):
            connection.execute(f"DELETE FROM {table}")

    await store._write().run(job)
    store._committer.forget()


async def check(one: Store, other: Store, specs: Specs, given) -> None:
    steps, policy = given
    await empty(one)
    await empty(other)
    now = START
    for some, later in steps:
        now += later
        came = [
            Reading(series, now - ago + n * every, value)
            for series, ago, every, values in some
            for n, value in enumerate(values)
            if n * every <= ago
        ]
        for store in (one, other):
            await store.commit(Commit(now, readings=came))
        await one.roll_up(now, lambda _: policy, kept_reaches(specs))
        assert await one.roll_up(now, lambda _: policy, kept_reaches(specs)) == 0
        for at in (now, now + 2 * DAY):
            assert await decided(one, specs, at) == await decided(other, specs, at)


def test_decisions_do_not_depend_on_rollups(url: str, file_url: str, config: Configuration) -> None:
    specs = Specs(config.targets.values(), (entry.rule for entry in config.sources.values()))
    beside = f"{file_url}-2"
    with asyncio.Runner() as runner:
        one, other = runner.run(Store.open(url, 0)), runner.run(Store.open(beside, 0))

        @given(st.tuples(turns, policies))
        @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
        def property_(given) -> None:
            runner.run(check(one, other, specs, given))

        property_()
        runner.run(one.close())
        runner.run(other.close())


async def test_readings_that_are_no_more_but_would_count_are_said_at_a_start(tmp_path: Path) -> None:
    (tmp_path / "setpoint.yaml").write_text(CONFIG, encoding="utf-8")
    specs = Specs(load(tmp_path / "setpoint.yaml", {}).targets.values(), ())
    store = await Store.open(f"sqlite:///{tmp_path / 's.db'}", START)
    readings = [Reading(one, START + n * MINUTE, 1.0) for one in SERIES for n in range(600)]
    await store.commit(Commit(START, readings=readings))
    now = START + 2 * DAY
    for needed, said in ((kept_reaches(specs), []), ({}, ["readings.missing"])):
        await store.roll_up(now, lambda _: Retention(HOUR, 5 * HOUR, FOREVER), needed)
        with capture_logs() as logs:
            await say_missing(store, specs, now)
        assert [one["event"] for one in logs] == said
    assert (logs[0]["series"], logs[0]["other_series"]) == ('a{n="x",source="s"}', 2)
    await store.close()
