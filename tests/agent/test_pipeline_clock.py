"""Wherever the clock is set: a pipeline that restarted and one that did not decide by the same readings."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import agent.deciding.memory
import agent.pipeline
from agent.deciding.recall import recall
from rules.model import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    AlertRule,
    Goal,
    Measure,
    Often,
    Polled,
    Reading,
    Recover,
    RollingPeriod,
    Standing,
    Target,
)
from tests.agent.test_pipeline import KEY, TARGET, World
from tests.rules.world import series

OUT = Standing.OUT_OF_BAND
ALERTS = (AlertRule("hot", OUT), AlertRule("often", OUT, often=Often(2, 4)), AlertRule("long", OUT, for_=30 * SECOND))
BAND = replace(TARGET, recover=Recover(at_most=22), alerts=ALERTS)
TARGETS = {  # looked at each ten seconds for what leaves a window: all happens on that beat
    "band": BAND,
    "condition": replace(TARGET, goal=Goal(condition="avg(temperature, '200s') < 23"), alerts=ALERTS),
    "rolling": replace(
        TARGET,
        goal=Goal(Measure.MAX, at_most=23, per=RollingPeriod(2 * MINUTE)),
        alerts=(AlertRule("missed", Standing.MISSED),),
    ),
}
VALUES = st.sampled_from([21.0, 21.0, 22.5, 25.0, 25.0, None])
STEPS = st.one_of(
    st.tuples(st.just("read"), st.lists(VALUES, min_size=1, max_size=25)),
    st.tuples(st.just("set"), st.sampled_from([HOUR, HOUR, -HOUR, -HOUR, -MINUTE, 5 * MINUTE, -40 * SECOND])),
    st.tuples(st.just("late"), st.tuples(st.integers(1, 40), VALUES)),
    st.tuples(st.just("pass"), st.integers(1, 10)),
)
Step = tuple[str, Any]


async def do(world: World, what: str, how: Any) -> None:
    """One step: so many readings ten seconds apart that come at once, one that is late, or time that goes on or is set."""
    clock, readings = world.clock, list[Reading]()
    if what == "read":
        readings = [
            Reading(series("temperature"), clock.time + at * 10 * SECOND, value) for at, value in enumerate(how, 1)
        ]
        clock.time = readings[-1].time
    elif what == "late":
        readings = [Reading(series("temperature"), clock.time - how[0] * 10 * SECOND, how[1])]
    if what in {"read", "late"}:
        await world.wait(0)
        await world.pipeline.handle(readings, Polled("a", clock.time))
    else:
        await world.wait(how * 10 * SECOND if what == "pass" else how)


async def played(path: Path, target: Target, steps: Sequence[Step], restarts: Sequence[int]) -> tuple[Any, ...]:
    """What came of the steps, with restarts after some."""
    path.mkdir()
    world = await World(path).start()
    await world.use(target)
    for number, (what, how) in enumerate(steps):
        await do(world, what, how)
        if number in restarts:
            await world.restart()
    state = world.pipeline.instances()[KEY]
    moved = [(one.at, one.alert, str(one.event)) for one in await world.store.transitions(1_000)]
    found = state.assessment
    await world.stop()
    return (
        moved,
        {name: str(status.state) for name, status in state.alerts.items()},
        (found.standing, found.value, found.time),
    )


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
@settings(max_examples=8)
@example([("read", [25.0] * 3), ("set", HOUR), ("read", [21.0] * 20), ("set", -HOUR), ("read", [22.5])], {2})
@example([("read", [25.0] * 17), ("pass", 8), ("read", [21.0, 21.0, 25.0, *[21.0] * 7, 25.0, 25.0, *[21.0] * 4])], {1})
@given(st.lists(STEPS, min_size=2, max_size=8), st.sets(st.integers(0, 7), min_size=1, max_size=3))
def test_a_restart_changes_nothing(target: Target, steps: list[Step], restarts: set[int]) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        # Else what waits may wait for one more poll after a restart.
        patch.setattr(agent.deciding.memory, "_SOURCE_EVERY", 0)
        patch.setattr(agent.deciding.memory, "_VALUE_EVERY", 1_000 * DAY)  # none is stored because it is old
        whole = asyncio.run(played(Path(folder, "whole"), target, steps, ()))
        assert asyncio.run(played(Path(folder, "restarted"), target, steps, sorted(restarts))) == whole


@pytest.mark.parametrize(
    ("steps", "reads"),
    [([SECOND // 2], 0), ([SECOND], 0), ([SECOND + 1], 1), ([HOUR], 1), ([SECOND // 2] * 2, 0), ([SECOND // 2] * 3, 1)],
)
async def test_a_clock_that_is_corrected_by_little_has_nothing_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: list[int], reads: int
) -> None:
    world = await World(tmp_path).start()
    await world.use(TARGET)
    await world.read(21)
    found = list[int]()

    async def counted(*given: Any) -> Any:
        found.append(given[-1])
        return await recall(*given)

    monkeypatch.setattr(agent.pipeline, "recall", counted)
    for back in steps:
        await world.read(21, after=-back)
    assert len(found) == reads
    await world.stop()
