"""A daemon's decisions on a real store, with an outbox that is sent as the daemon sends it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from agent.acts import Person
from agent.alerts.open_alerts import open_alerts
from agent.config.configuration import ActionEntry, Configuration, Restraint
from agent.corrections.approving import Approving
from agent.corrections.called import Withheld
from agent.dispatcher import is_withheld
from agent.runtime import OpenAlert
from agent.store.records import Attempt, Commit, Delivery, DeliveryKind
from connectors.actions.webhook import WebhookActionConfig
from connectors.base import ConnectorError
from rules.breaker import Breaker
from rules.model import HOUR, MINUTE, SECOND, Correction, CorrectRule, Polled, Reading, RunState, SourceRule, Target
from tests.agent.test_pipeline import RULE, TARGET, World
from tests.rules.world import series

ANN, BOB = Person("ann", "slack", "U1"), Person("bob", "api")
AUTO = CorrectRule("hot", "cool", 5 * MINUTE, 2, MINUTE, ("oncall",))
ASK = replace(AUTO, approve_within=HOUR)
OUTSIDE = SourceRule("b", ("outside",), 10 * SECOND)


def action(
    name: str, *, budget: tuple[int, int] | None = None, breaker: Breaker | None = None, **keys: Any
) -> ActionEntry:
    given: Mapping[str, Any] = {"type": "webhook", "url": f"http://hvac.local/{name}?key=7153", **keys}
    config = WebhookActionConfig.model_validate(given)
    return ActionEntry(name, "webhook", config, budget, breaker or Breaker(5, HOUR))


class House(World, Approving):
    """One room; `rule` corrects its alert `hot`. `answers` are what calls end with, an answer unless said."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.called: list[tuple[str, Any]] = []
        self.restarts = False

    async def begin(self, *rules: CorrectRule, target: Target = TARGET, **more: Any) -> House:
        self.target = replace(target, correct=rules)
        self.more = {"actions": {name: action(name) for name in ("cool", "undo")}, **more}
        await self.start()
        await self.configure()
        return self

    async def configure(self, **more: Any) -> None:
        """Takes another configuration in force, as a reload does."""
        self.more |= more
        sources = {**self.config.sources, "b": replace(self.config.sources["a"], name="b", rule=OUTSIDE)}
        found: Configuration = replace(self.config, sources=sources, targets={self.target.name: self.target})
        self.config = replace(found, **self.more)
        await self.pipeline.use(*self.compiled())

    def alerts(self) -> list[OpenAlert]:
        return open_alerts(
            self.pipeline.decider.specs, self.pipeline.instances(), self.pipeline.sources(), self.mutes()
        )

    def mutes(self) -> Any:
        from agent.alerts.muted import Mutes

        return Mutes(self.pipeline.decider.situation, self.pipeline.memory.groups, self.clock.now())

    async def outside(self, value: float | None) -> None:
        self.clock.time += SECOND
        await self.pipeline.handle([Reading(series("outside"), self.clock.time, value)], Polled("b", self.clock.time))

    async def claim(self) -> list[Delivery]:
        return await self.store.claim(self.clock.time, MINUTE, 50, DeliveryKind.CALL)

    async def send(self, error: ConnectorError | None = None) -> int:
        """Sends the calls that the outbox holds, as the daemon does; returns how many were made."""
        made = 0
        for delivery in await self.claim():
            ended: ConnectorError | None = error
            if why := self.pipeline.stopped(delivery):
                ended = Withheld(why)
            else:
                self.called.append((delivery.receiver, orjson.loads(delivery.payload)["context"]))
                made += 1
            await self.settle(delivery, ended)
        return made

    async def settle(self, delivery: Delivery, error: ConnectorError | None = None) -> None:
        withheld = is_withheld(delivery, error)
        attempt = Attempt(delivery.id, 1, self.clock.time, 1000, str(error) if error else None, withheld=withheld)

        async def settled(commit: Commit | None) -> bool:
            return await self.store.settle(delivery, attempt, now=self.clock.time, sent=error is None, commit=commit)

        await self.pipeline.called(delivery, None if error else "answered 200", error, settled)

    async def passes(self, span: int) -> None:
        """Time goes by, and what falls due is looked at."""
        await self.wait(span)

    async def reads_on(self, span: int) -> None:
        """Time goes by, and the source, which is still read, has nothing new."""
        self.clock.time += span
        await self.pipeline.handle([], Polled("a", self.clock.time))
        await self.wait(0)

    def runs(self) -> list[Correction]:
        found = self.pipeline.memory.runs.values()
        return sorted(found, key=lambda run: (run.created, run.id))

    def run(self) -> Correction:
        return self.runs()[0]

    @property
    def state(self) -> RunState:
        return self.run().state

    async def notices(self) -> list[dict[str, Any]]:
        return [orjson.loads(d.payload) for d in await self.outbox()]


__all__ = ["ANN", "ASK", "AUTO", "BOB", "OUTSIDE", "RULE", "House", "Restraint", "action"]
