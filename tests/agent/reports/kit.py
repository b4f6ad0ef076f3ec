"""A daemon's store, pipeline and reporter on a real database, by a clock that only the test moves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from agent.alerts.notices import Notices
from agent.charts import Charts
from agent.config.configuration import Configuration
from agent.config.load import load
from agent.pipeline import Pipeline
from agent.reports.rendering import Rendering, read_report
from agent.reports.reporter import Reporter
from agent.store.records import Delivery, DeliveryKind
from agent.store.store import Store
from rules.model import SECOND, Notice, Polled, Reading, Report
from rules.specs import Specs
from tests.agent.test_pipeline import Silent
from tests.rules.world import at, series

MONDAY = at("2026-05-04 07:00")  # 09:00 in Amsterdam

CONFIG = """\
defaults: {timezone: Europe/Amsterdam}
sources: {a: {type: webhook, readings: [{series: temperature, value: v, labels: {room: room}}, {series: dau, value: d}]}}
targets:
  room:
    title: Room
    series: temperature
    by: [room]
    unit: °C
    goal: {at_least: 20, at_most: 23}
    alerts: [{name: out-of-band, when: out_of_band, severity: critical, notify: [console]}]
  users: {title: Users, series: dau, goal: {at_least: 1000}}
receivers:
  growth: [{type: console}, {type: console}]
  boss: [{type: console}]
"""
WEEKLY = '{weekly: {cron: "0 9 * * mon", to: [growth, boss]}}'


class TestClock:
    """Shows the time it is set to."""

    __test__ = False

    def __init__(self, time: int) -> None:
        self.time = time

    def now(self) -> int:
        return self.time

    def monotonic(self) -> float:
        return self.time / SECOND


async def no_chart(_notice: Notice, _span: int) -> bytes | None:
    return None


class World:
    """`restart` lets go of everything as a killed process would; `to` moves the clock and ticks."""

    def __init__(self, folder: Path, now: int = MONDAY) -> None:
        self.folder = folder
        self.clock = TestClock(now)
        self.woken = 0

    def configure(self, reports: str = WEEKLY, config: str = CONFIG) -> Configuration:
        path = self.folder / "setpoint.yaml"
        path.write_text(f"{config}reports: {reports}\n", encoding="utf-8")
        return load(path, {})

    async def start(self, reports: str = WEEKLY) -> World:
        self.config = self.configure(reports)
        self.store = await Store.open(f"sqlite:///{self.folder / 'test.db'}", self.clock.now())
        shards = await self.store.take_shards("test", self.clock.now())
        metrics: Any = Silent()
        clock: Any = self.clock
        self.pipeline = Pipeline(clock, self.store, metrics, lambda: None, shards)
        await self.pipeline.start(*self.compiled())
        rendering = Rendering(no_chart, Charts(program="agent.reports.pdf"))
        self.reporter = Reporter(clock, self.store, self.pipeline, rendering, self.wake)
        self.reporter.use(self.config, "https://setpoint.example.com")
        await self.tick()
        return self

    def wake(self) -> None:
        self.woken += 1

    def compiled(self) -> tuple[Specs, Notices]:
        specs = Specs(self.config.targets.values(), [entry.rule for entry in self.config.sources.values()])
        return specs, Notices(self.config, specs)

    async def reload(self, reports: str, config: str = CONFIG) -> None:
        self.config = self.configure(reports, config)
        await self.pipeline.use(*self.compiled())
        self.reporter.use(self.config, "")
        await self.tick()

    async def stop(self) -> None:
        await self.reporter.stop()
        await self.reporter.rendering.close()
        await self.pipeline.stop()
        await self.store.close()

    async def restart(self, now: int | None = None, reports: str = WEEKLY) -> None:
        await self.stop()
        self.clock.time = self.clock.time if now is None else now
        await self.start(reports)

    async def tick(self) -> None:
        """One tick, and everything that it begins."""
        self.reporter.tick(self.clock.now())
        if self.reporter._task is not None:
            await self.reporter._task

    async def to(self, now: int) -> None:
        self.clock.time = now
        await self.tick()

    async def read(self, **values: float) -> None:
        """Temperatures of rooms now, or `dau`."""
        now = self.clock.now()
        readings = [
            Reading(series("dau") if name == "dau" else series("temperature", room=name), now, value)
            for name, value in values.items()
        ]
        await self.pipeline.handle(readings, Polled("a", now))

    async def deliveries(self) -> list[Delivery]:
        """Those of reports, oldest first."""
        found = await self.store.deliveries(1_000)
        return [one for one in reversed(found) if one.kind is DeliveryKind.REPORT]

    async def sent(self) -> list[Report]:
        """What the boss gets, oldest first."""
        return [read_report(one.payload) for one in await self.deliveries() if one.receiver == "boss"]

    async def scheduled(self) -> list[int | None]:
        """For which times, oldest first."""
        return [report.scheduled for report in await self.sent()]


def headline(delivery: Delivery) -> Any:
    return orjson.loads(delivery.payload)["headline"]
