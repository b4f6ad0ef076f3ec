"""Whatever happens in whatever order: bounds hold, nothing is called twice without reason, memory is what is stored."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.corrections.called import Withheld
from agent.runtime import Unknown
from agent.store.records import DeliveryKind
from connectors.base import ConnectorError, Refused, TimedOut, Unreachable
from rules.breaker import Breaker
from rules.corrections import ACTING, OPEN
from rules.model import HOUR, MINUTE, SECOND, AlertRule, Correction, RunState, Standing, Undo
from tests.agent.corrections.correcting_kit import ANN, ASK, AUTO, BOB, House, action
from tests.agent.test_pipeline import TARGET

TWO = replace(TARGET, alerts=(*TARGET.alerts, AlertRule("warm", Standing.OUT_OF_BAND, for_=20 * SECOND)))
RULES = (
    replace(ASK, approve_within=10 * MINUTE, precondition="last(outside) < 30"),
    replace(AUTO, on="warm", cooldown=MINUTE, max_attempts=3, undo=Undo("undo")),
)
MOST = 3
OPERATIONS = st.one_of(
    st.tuples(st.just("read"), st.sampled_from([25.0, 25.0, 26.0, 22.0])),
    st.tuples(st.just("outside"), st.sampled_from([10.0, 31.0])),
    st.tuples(st.just("passes"), st.sampled_from([10 * SECOND, MINUTE, 5 * MINUTE, HOUR])),
    st.tuples(st.just("send"), st.sampled_from(["answered", "answered", "unreachable", "unanswered", "refused"])),
    st.tuples(st.just("killed"), st.sampled_from(["idle", "sending"])),
    st.tuples(st.just("says"), st.sampled_from(["approve", "approve", "reject", "both"])),
    st.tuples(st.just("by hand"), st.sampled_from(["hot", "warm"])),
    st.tuples(st.just("switch"), st.booleans()),
    st.tuples(st.just("back"), st.just(HOUR)),
)
ERRORS: dict[str, ConnectorError | None] = {
    "answered": None,
    "unreachable": Unreachable("refused"),
    "unanswered": TimedOut("no answer"),
    "refused": Refused("answered 404", status=404, permanent=True),
}


class Watched(House):
    """Looks after each step whether all is as it has to be."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.ended: dict[str, Correction] = {}
        self.made: Counter[tuple[str, str]] = Counter()

    async def do(self, what: str, how: object) -> None:
        simple: dict[str, Any] = {"read": self.read, "outside": self.outside, "passes": self.passes}
        if what in simple:
            await simple[what](how)
        elif what == "send":
            await self.send_watched(ERRORS[str(how)])
        elif what == "killed":
            if how == "sending":
                await self.claim()
            await self.restart(after=2 * MINUTE)
            self.started = self.clock.time
        elif what == "back":
            self.clock.time -= HOUR
            await self.passes(0)
        elif what == "switch":
            await self.switch_corrections(bool(how), ANN)
        elif what == "by hand":
            try:
                await self.run_action("cool", str(how), BOB)
            except Unknown:
                assert str(how) not in {alert.name for alert in self.alerts() if alert.state == "firing"}
        else:
            await self.say(str(how))

    async def say(self, how: str) -> None:
        for run in [run for run in self.runs() if run.state is RunState.PROPOSED]:
            words = await asyncio.gather(
                *(self.approve(run.id, one) for one in (ANN, BOB) if how in {"approve", "both"}),
                *(self.reject(run.short, one) for one in (ANN, BOB) if how in {"reject", "both"}),
            )
            assert sum(word.counted for word in words) <= 1

    async def send_watched(self, error: ConnectorError | None) -> None:
        off = not self.switch().on
        for delivery in await self.claim():
            why = self.pipeline.stopped(delivery)
            if why is None:
                assert not off
                self.made[delivery.receiver, delivery.key] += 1
            await self.settle(delivery, Withheld(why) if why else error)

    async def look(self) -> None:
        runs = self.pipeline.memory.runs
        acting = Counter((run.action, run.thing) for run in runs.values() if run.state in ACTING)
        assert max(acting.values(), default=0) <= 1
        for run in runs.values():
            assert run.attempt <= MOST
            before = self.ended.get(run.id)
            if before is not None:
                assert replace(run, undone_by=before.undone_by) == before  # an end is an end
                assert run.undone_by == before.undone_by or not before.undone_by
            if run.state not in OPEN:
                self.ended[run.id] = run
        stored = {run.id: run for run in (await self.store.load()).corrections}
        assert {run.id: self.as_remembered(run) for run in stored.values()} == self.pipeline.memory.open_runs

    def as_remembered(self, run: Correction) -> Correction:
        """What was due at a start waits in memory alone until what it rests on is read again."""
        held = self.pipeline.memory.runs[run.id]
        for name in ("not_before", "deadline"):
            due, by_now = getattr(run, name), getattr(held, name)
            if due is not None and due < self.started and by_now == self.started + 10 * SECOND:
                return replace(run, **{name: by_now})
        return run

    async def at_the_end(self) -> None:
        """No call was made more often than once, but for those that a kill left open; each run has its own."""
        assert all(count <= 1 + self.kills for count in self.made.values())
        calls = await self.outbox(DeliveryKind.CALL)
        assert len({call.key for call in calls}) == len(calls)
        acts = Counter(act.subject for act in await self.store.acts(1_000) if act.act in {"approve", "reject"})
        assert max(acts.values(), default=0) <= 1

    kills = 0
    started = 0


async def _play(operations: Sequence[tuple[str, object]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        house = Watched(Path(folder))
        actions = {"cool": action("cool", budget=(6, 600), breaker=Breaker(2, 10 * MINUTE)), "undo": action("undo")}
        await house.begin(*RULES, target=TWO, actions=actions)
        try:
            await house.outside(10)
            for what, how in operations:
                house.kills += what == "killed"
                await house.do(what, how)
                await house.look()
            await house.at_the_end()
        finally:
            await house.stop()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(OPERATIONS, min_size=5, max_size=30))
def test_bounds_hold_in_any_order(operations: Sequence[tuple[str, object]]) -> None:
    asyncio.run(_play([("read", 25.0), *operations]))
