"""Makes reports when they are due and when somebody asks, and queues them for their receivers.

A run and its deliveries are one transaction: killed before it, the run is made after the restart; killed after it, it
is not made again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import orjson
import structlog

from agent.acts import Act, Person
from agent.clock import Clock
from agent.config.configuration import Configuration, ReportEntry
from agent.pipeline import Pipeline
from agent.reports.content import Known, Standings, report_of, standings_of
from agent.reports.rendering import Rendering
from agent.reports.schedule import Remembered, begun, coming, due, start_of
from agent.runtime import Unknown
from agent.sending.envelopes import EXPIRES_AFTER, idempotency_key
from agent.store.codec import encode
from agent.store.records import Commit, Delivery, DeliveryKind, ReportRun
from agent.store.store import Store, StoreError
from rules.model import HOUR, MINUTE, SECOND, Report

log = structlog.get_logger()

_SETTLE = 5 * SECOND  # after a start: sources are read first
_AGAIN = 5 * SECOND  # after a database that did not work
_MOST = 20_000  # changes, runs and acts of one report


@dataclass(frozen=True, slots=True)
class ReportStatus:
    """A configured report: when it comes next, and when it was made last, for which time."""

    entry: ReportEntry
    next_at: int
    scheduled: int | None
    made: int | None


class Reporter:
    """`use` a configuration, then `tick`; what is due is made beside it, one report after another."""

    def __init__(
        self, clock: Clock, store: Store, pipeline: Pipeline, rendering: Rendering, wake: Callable[[], None]
    ) -> None:
        """`wake` is called after a commit that queued deliveries."""
        self.rendering = rendering
        self._clock = clock
        self._store = store
        self._pipeline = pipeline
        self._wake = wake
        self._external_url = ""
        self._config: Configuration
        self._known: Remembered | None = None
        self._since = self._settled = 0
        self._look_at = self._ticked = 0
        self._task: asyncio.Task[None] | None = None

    def use(self, config: Configuration, external_url: str) -> None:
        """Makes reports by another configuration from now on."""
        self._config, self._external_url = config, external_url
        self._since = self._look_at = self._clock.now()
        self._settled = self._settled or self._since + _SETTLE

    def tick(self, now: int) -> None:
        """Begins to make what is due."""
        if self._task is not None and not self._task.done():
            return
        if now < self._ticked:  # the clock was set back
            self._look_at = now
        self._ticked = now
        if now >= self._look_at:
            self._task = asyncio.create_task(self._make_due(now), name="reports")

    async def stop(self) -> None:
        """Gives up what is being made: it is made after the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # on a schedule

    async def _make_due(self, now: int) -> None:
        config = self._config
        try:
            known = await self._remember()
            waits = [await self._make_one(entry, known, now) for entry in config.reports.values()]
            again = min(waits, default=now + HOUR)
        except StoreError as error:
            log.warning("report.waiting", error=str(error))
            again = self._clock.now() + _AGAIN
        except Exception:
            log.exception("report.failed")
            again = self._clock.now() + MINUTE
        if self._config is config:  # else a reload asked for a look at once
            self._look_at = again

    async def _remember(self) -> Remembered:
        """What is stored of reports, read once; what the configuration has anew, or no more, is noted.

        What was noted before the clock was set back is forgotten: else a restart would take it for the last once its
        time has come again.
        """
        known, now = self._known, self._clock.now()
        if known is None:
            known = Remembered.of(await self._store.report_runs())
        if known.ahead_of(now):
            await self._store.forget_reports(now)
            known = Remembered.of(await self._store.report_runs())
        news = begun(self._config.reports, known.noted, min(self._since, now))
        if news:
            await self._store.commit(Commit(now, self._pipeline.shards, reports=news))
            known.take(news)
        self._known = known
        return known

    async def _make_one(self, entry: ReportEntry, known: Remembered, now: int) -> int:
        """Makes the report if it is due; returns when to look at it next."""
        noted = known.noted.get(entry.name)
        if noted is None or noted.schedule != entry.schedule:  # a reload has put another in its place
            return now
        time = due(entry, noted, now)
        if time is None:
            return coming(entry, noted)
        if now < self._settled <= now + _SETTLE:  # else the clock was set back
            return self._settled
        report, standings = await self._made(entry, time)
        run = ReportRun(entry.name, time, entry.schedule, report.end, tuple(sorted(standings.items())))
        deliveries = self._deliveries(entry, report, str(time))
        await self._store.commit(Commit(report.end, self._pipeline.shards, deliveries=deliveries, reports=[run]))
        known.take([run])
        self._wake()
        log.info("report.made", report=entry.name, receivers=list(entry.to), late_s=(report.end - time) // SECOND)
        return coming(entry, run)

    # when somebody asks

    def reports(self) -> list[ReportStatus]:
        """Every configured report."""
        found = []
        for entry in self._config.reports.values():
            noted = self._known.noted.get(entry.name) if self._known else None
            made = self._known.made.get(entry.name) if self._known else None
            begins = noted or ReportRun(entry.name, self._since, entry.schedule)
            found.append(
                ReportStatus(
                    entry, coming(entry, begins), made.scheduled if made else None, made.made if made else None
                )
            )
        return found

    async def report(self, name: str) -> Report:
        """The report as it would be now; no schedule is disturbed. Raises Unknown."""
        return (await self._made(self._entry(name), None))[0]

    async def send(self, name: str, person: Person) -> Report:
        """Queues the report as it is now for its receivers, and returns it. Raises Unknown."""
        entry = self._entry(name)
        report, _ = await self._made(entry, None)
        deliveries = self._deliveries(entry, report, f"asked {report.end}")
        act = Act(report.end, person, "report", name)
        await self._store.commit(Commit(report.end, self._pipeline.shards, deliveries=deliveries, acts=[act]))
        self._wake()
        return report

    def _entry(self, name: str) -> ReportEntry:
        known = self._config.reports
        if name not in known:
            raise Unknown.among("report", name, known)
        return known[name]

    # what both need

    async def _made(self, entry: ReportEntry, scheduled: int | None) -> tuple[Report, Standings]:
        """The report as of now, and the standings it says."""
        last = (await self._remember()).made.get(entry.name)
        now = self._clock.now()
        start = start_of(entry, last, now, scheduled)
        known = await self._known_of(entry, start, now)
        before = dict(last.standings) if last else None
        make = partial(report_of, scheduled=scheduled, external_url=self._external_url)
        report = await asyncio.to_thread(make, entry, known, (start, now), before)
        return report, standings_of(known)

    async def _known_of(self, entry: ReportEntry, start: int, now: int) -> Known:
        decider, pipeline = self._pipeline.decider, self._pipeline
        targets = {name: self._config.targets[name] for name in entry.targets if name in self._config.targets}
        states = {key: state for key, state in pipeline.instances().items() if key.target in targets}
        held = {key: name for key in states if (name := decider.situation.held(key)) is not None}
        decided = targets.keys() & decider.specs.targets  # a reload may be on its way
        names = {source for name in decided for source in decider.specs.sources_of(name)}
        sources = {name: state for name, state in pipeline.sources().items() if name in names}
        return Known(
            targets,
            states,
            sources,
            held,
            await self._store.alert_changes(start, now, _MOST),
            await self._store.corrections(_MOST, since=start),
            await self._store.acts(_MOST, start),
        )

    def _deliveries(self, entry: ReportEntry, report: Report, run: str) -> list[Delivery]:
        """One for each notifier of each receiver."""
        payload = orjson.dumps(
            {"report": entry.name, "headline": report.title, "content": orjson.loads(encode(report))}
        )
        return [
            Delivery(
                key=idempotency_key("report", entry.name, run, receiver, str(position)),
                kind=DeliveryKind.REPORT,
                receiver=receiver,
                position=position,
                lane=f"{receiver}/{position}/report/{entry.name}",
                payload=payload,
                created=report.end,
                next_at=report.end,
                expires_at=report.end + EXPIRES_AFTER,
            )
            for receiver in entry.to
            for position, _ in enumerate(self._config.receivers.get(receiver, ()))
        ]
