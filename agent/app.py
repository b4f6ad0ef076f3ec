"""The composition root: one straight line that builds the daemon; each step registers its undo."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack

import structlog

from agent import log as logging
from agent.acts import Act, Person
from agent.alerts.muted import Mutes
from agent.alerts.notices import Notices
from agent.alerts.open_alerts import find_alerts, open_alerts
from agent.alerts.silencing import Silencing
from agent.charts import Charts
from agent.clock import Clock
from agent.config.configuration import Configuration
from agent.config.errors import ConfigErrors
from agent.config.load import load
from agent.config.needs import missing_settings
from agent.corrections import called
from agent.corrections.approving import Approving
from agent.deciding.past import kept_reaches
from agent.dispatcher import Dispatcher, Edges, Settle
from agent.explaining.past import explained_at, explained_now
from agent.explaining.present import Explained, Known
from agent.health import collector
from agent.health.heartbeat import Heartbeat, LoopLag
from agent.health.watcher import Watcher
from agent.metrics import Metrics
from agent.pipeline import Pipeline
from agent.poller import Poller
from agent.polling.cardinality import Cardinality
from agent.polling.connections import Connections, services_of
from agent.polling.shards import assign
from agent.reports.reporter import Reporter
from agent.runtime import OpenAlert, Reloaded, Unknown
from agent.scheduler import Scheduler
from agent.sending.ack_links import AckLinks
from agent.sending.outgoing import Outgoing
from agent.sending.receivers import Receivers
from agent.sending.trials import Trials
from agent.settings import Settings
from agent.slack.opening import open_slack
from agent.store.records import Delivery, Ping, Receipt, ReceiverState
from agent.store.store import Store
from agent.web.exposure import Exposed, check_exposure
from connectors.base import ConnectorError, InboundSource, Services
from connectors.http import HttpClient
from connectors.proxies import Proxies
from rules.model import (
    SECOND,
    Correction,
    InstanceKey,
    InstanceState,
    Notice,
    Reading,
    Report,
    SourceState,
    Trouble,
)
from rules.specs import Specs

log = structlog.get_logger()

_FACES = "/"  # whose messages these are; no source is called so
DRAIN = 6 * SECOND  # of the ten seconds a stop may take; requests being answered have had two


def prune_seconds(retention: int) -> int:
    """How often what is old is removed: six hours, more often where so little is kept that this would be much more."""
    return max(60, min(6 * 3600, retention // (4 * SECOND)))


class Setpoint(Approving, Silencing):
    """The daemon. `start` builds it, `stop` takes it down again, also after a failed start."""

    def __init__(self, settings: Settings, environ: Mapping[str, str], clock: Clock | None = None) -> None:
        self.settings = settings
        self.environ = environ
        self.proxies = Proxies(environ)
        self.clock = clock or Clock()
        self.config: Configuration
        self.store: Store
        self.metrics = Metrics(self)
        self.pipeline: Pipeline
        self.poller: Poller
        self.scheduler: Scheduler
        self.dispatcher: Dispatcher
        self.sending: asyncio.Task[None]
        self.connections: Connections
        self.outgoing: Outgoing
        self.reached: Receivers
        self.reporter: Reporter
        self.ack_links: AckLinks
        self.trials: Trials
        self.watcher: Watcher
        self.services: Services
        self._cardinality = Cardinality()
        self._stack = AsyncExitStack()
        self._reloading = asyncio.Lock()
        self._started = 0

    async def start(self, before_listening: Callable[[], Awaitable[None]] | None = None) -> None:
        """Raises ConfigErrors or StoreError; what was started by then is stopped."""
        async with AsyncExitStack() as stack:
            await self._build(stack, before_listening)
            self._stack = stack.pop_all()

    async def stop(self) -> None:
        """Takes in nothing more, commits what came in, sends what is being sent, and lets go of everything."""
        log.info("setpoint.stopping")
        await self._stack.aclose()
        log.info("setpoint.stopped")

    async def _build(self, stack: AsyncExitStack, before_listening: Callable[[], Awaitable[None]] | None) -> None:
        self.config = await asyncio.to_thread(self._load)
        if problem := check_exposure(self.settings):
            raise Exposed(problem)
        self._mask(self.config)
        self._warn(self.config)
        self.store = await Store.open(self.settings.database_url, self.clock.now())
        stack.push_async_callback(self.store.close)
        shards = await self.store.take_shards(f"pid-{os.getpid()}", self.clock.now())
        http = HttpClient(self.clock.now, self.clock.monotonic, proxies=self.proxies)
        stack.push_async_callback(http.close)
        charts = Charts()
        stack.push_async_callback(charts.close)
        self.services = services_of(self.settings, self.config, http, self.clock.now)
        self.connections = Connections(self.config, self.services)
        stack.push_async_callback(self._close_connections)
        key = await self.store.key(AckLinks.NAME, self.clock.now())
        self.ack_links = AckLinks(key, self.settings.external_url)
        self.outgoing = Outgoing(self.store.points, charts, self.ack_links.of, self.store.remember)
        stack.push_async_callback(self.outgoing.rendering.close)
        self.reached = Receivers(await self.store.failing())
        told = self.reached.undeliverable, self.reached.waiting, self.reached.reached
        edges = Edges(self.outgoing.notify, self._call, self._called, *told, self._settled, self.metrics.superseded)
        self.dispatcher = Dispatcher(self.store, self.clock, edges)
        self.pipeline = Pipeline(self.clock, self.store, self.metrics, self.dispatcher.wake, shards)
        self.trials = Trials(self.clock, self.store, self.settings, lambda: self.config, self.pipeline.act)
        await self._start_deciding(stack)
        if before_listening is not None:
            await before_listening()
        await self._start_faces(stack)
        self._start_polling(stack)

    async def _start_deciding(self, stack: AsyncExitStack) -> None:
        specs, notices = self._compile(self.config)
        await self.pipeline.start(specs, notices)
        stack.push_async_callback(self.pipeline.stop)
        self.outgoing.use(self.connections, notices, self.pipeline.decider.history)
        self.reached.use(self.config, self.pipeline.memory.troubles.values())
        await self.pipeline.act(self.reached.let_go)
        self.reporter = Reporter(self.clock, self.store, self.pipeline, self.outgoing.rendering, self.dispatcher.wake)
        self.reporter.use(self.config, self.settings.external_url)
        self.watcher = Watcher(self.clock, self.pipeline, self.outgoing, self.store.folder)
        self.sending = asyncio.create_task(self.dispatcher.run(), name="dispatcher")
        stack.push_async_callback(self._stop_dispatcher)
        stack.push_async_callback(self.reporter.stop)

    async def _start_faces(self, stack: AsyncExitStack) -> None:
        from agent.web.server import serve

        handle = self._cardinality.before(self.pipeline.handle, lambda: self.config.sources)
        self.poller = Poller(self.clock, handle, on_poll=self.metrics.polled)
        stack.push_async_callback(self.poller.close)
        slack = await open_slack(self, self.services.http, self.metrics, stack)
        await serve(self, self.metrics, stack, slack)
        lag = LoopLag(self.metrics.loop_lag)
        lag.start()
        stack.callback(lag.stop)
        self.heartbeat = Heartbeat(self.services.http, self.alive)
        self.heartbeat.use(self.config.heartbeat_url, self.config.heartbeat_every)
        stack.push_async_callback(self.heartbeat.stop)
        self.watcher.start()
        stack.push_async_callback(self.watcher.stop)

    def _start_polling(self, stack: AsyncExitStack) -> None:
        self._replace_sources(self.config)
        self.scheduler = Scheduler(self.clock, self._tick, on_lag=self.metrics.scheduler_lag)
        self.scheduler.start()
        stack.callback(self.scheduler.stop)
        self.scheduler.every("retention", prune_seconds(self.settings.retention), self._prune)
        self._started = self.clock.now()

    # parts

    def _load(self) -> Configuration:
        return load(self.settings.config, self.environ, self.settings.allowed_commands)

    def _compile(self, config: Configuration) -> tuple[Specs, Notices]:
        specs = Specs(config.targets.values(), (entry.rule for entry in config.sources.values()))
        return specs, Notices(config, specs, self.settings.external_url)

    def _replace_sources(self, config: Configuration) -> None:
        shards = assign(self.pipeline.decider.specs)
        last = {n: state.last_success or state.since or None for n, state in self.pipeline.sources().items()}
        polled = self.connections.polled()
        self.poller.replace({name: (config.sources[name], source) for name, source in polled.items()}, shards, last)

    async def _stop_dispatcher(self) -> None:
        await self.dispatcher.stop(DRAIN)
        await self.sending  # raises what it ended with

    async def _close_connections(self) -> None:
        await self.connections.close()

    # what happens

    def _tick(self, shard: int, time: int) -> None:
        self.poller.tick(shard, time)
        if shard == 0:
            self.pipeline.tick(self.clock.now())
            self.reporter.tick(self.clock.now())

    async def _prune(self) -> None:
        now, config = self.clock.now(), self.config
        # Without the readings that its targets reach back to, a restart would see a period short of them.
        needed = kept_reaches(self.pipeline.decider.specs)
        rolled_up = await self.store.roll_up(now, lambda one: config.keeping.of(one, self.settings.kept), needed)
        self.pipeline.memory.forget_silences(now - self.settings.retention)
        log.info("store.pruned", rows=await self.store.prune(now - self.settings.retention), readings=rolled_up)

    async def _call(self, delivery: Delivery) -> str:
        if why := self.pipeline.stopped(delivery):
            raise called.Withheld(why)
        return await self.outgoing.call(delivery)

    async def _called(
        self, delivery: Delivery, answer: str | None, error: ConnectorError | None, settle: Settle
    ) -> None:
        await self.pipeline.called(delivery, answer, error, settle)

    def _settled(self, delivery: Delivery, outcome: str, error: ConnectorError | None) -> None:
        self.metrics.delivery(delivery.receiver, outcome)
        self.reached.settled(delivery, error, self.clock.now())

    # the faces' side (agent.runtime.Runtime)

    def instances(self) -> Mapping[InstanceKey, InstanceState]:
        """Every instance by key."""
        return self.pipeline.instances()

    def sources(self) -> Mapping[str, SourceState]:
        """Every source by name; those not polled yet are unknown."""
        known = self.pipeline.sources()
        return {name: known.get(name) or SourceState(name) for name in self.config.sources}

    def next_polls(self) -> Mapping[str, int]:
        """When each polled source is read next."""
        return self.poller.next_polls()

    def given_up(self) -> Sequence[str]:
        """The hosts that no source got a connection to."""
        return self.poller.given_up()

    def unstored(self) -> int:
        """How many readings and polls wait to be stored."""
        return self.pipeline.spool.held

    def receivers(self) -> Sequence[ReceiverState]:
        """How the notifiers of receivers were reached last; those never tried are absent."""
        return self.reached.states()

    def corrections(self) -> Sequence[Correction]:
        """The corrections not ended."""
        return self.pipeline.open_corrections()

    def alerts(self) -> Sequence[OpenAlert]:
        """Alerts that are not inactive, worst first."""
        decider, memory = self.pipeline.decider, self.pipeline.memory
        mutes = Mutes(decider.situation, memory.groups, self.clock.now())
        return open_alerts(decider.specs, self.instances(), self.pipeline.sources(), mutes)

    def about(self, subject: str) -> Sequence[OpenAlert]:
        """The open alerts that a message is about: the one of this fingerprint, or those of this group."""
        known = {subject, *self.pipeline.memory.groups.members.get(subject, ())}
        return [one for one in self.alerts() if one.fingerprint in known]

    async def messages_about(self, subject: str) -> Sequence[Mapping[str, object]]:
        """What receivers remember of their messages about an alert or a group. Raises StoreError."""
        return await self.store.references([subject, *self.pipeline.memory.groups.of_alert(subject)])

    async def chart(self, notice: Notice) -> bytes | None:
        """The chart of a notice's number, a PNG; None if there is nothing to draw or it could not be drawn."""
        return await self.outgoing.chart(notice)

    def held(self, key: InstanceKey) -> str | None:
        """The target or source that an instance depends on and that is off."""
        return self.pipeline.decider.situation.held(key)

    def inbound(self, door: str, name: str) -> InboundSource | None:
        """The waiting source behind a door."""
        return self.connections.inbound(door, name)

    async def receive(
        self, source: str, readings: Sequence[Reading], pings: Sequence[Ping] = (), message: str | None = None
    ) -> bool:
        """Decides on readings from outside; False if the `message` was taken before. Raises TooManySeries."""
        self._cardinality.check(self.config.sources, source, readings, self.clock.now())
        return await self.pipeline.receive(source, readings, pings, message)

    async def is_first(self, message: str) -> bool:
        """Whether a message of a face comes for the first time; then it is remembered. Raises StoreError."""
        return await self.store.take_receipt(Receipt(_FACES, message, self.clock.now()))

    async def poll(self, source: str) -> Sequence[Reading]:
        """Polls a source now. Raises Unknown or ConnectorError."""
        if source not in (polled := self.connections.polled()):
            raise Unknown.among("polled source", source, polled)
        return await self.poller.poll_now(source)

    async def acknowledge(self, alert: str, person: Person, note: str) -> Sequence[OpenAlert]:
        """Acknowledges by fingerprint, alert name or target. Raises Unknown."""
        found = find_alerts(alert, self.alerts(), self.pipeline.decider.specs)
        now = self.clock.now()
        acts = [Act(now, person, "acknowledge", f"{one.name} of {one.subject}", note) for one in found]
        instances = [(one.key, one.name) for one in found if one.key.target]
        sources = [one.labels["source"] for one in found if not one.key.target]
        await self.pipeline.acknowledge(instances, sources, acts)
        return find_alerts(alert, self.alerts())

    async def explain(self, target: str, at: int | None) -> Sequence[Explained]:
        """Why a target stands so now, or stood so at a time in the past."""
        if at is not None:
            return await explained_at(self.store, self.config, target, at)
        changes = await self.store.transitions(100, target)
        known = Known(self.pipeline.decider, changes)
        return await explained_now(self.store, known, self.config.targets[target], self.clock.now())

    async def report(self, name: str) -> Report:
        """A report as it would be now; no schedule is disturbed. Raises Unknown."""
        return await self.reporter.report(name)

    async def send_report(self, name: str, person: Person) -> Report:
        """Queues a report as it is now for its receivers; no schedule is disturbed. Raises Unknown."""
        return await self.reporter.send(name, person)

    async def reload(self) -> Reloaded:
        """Reads the configuration again; a bad one changes nothing."""
        async with self._reloading:
            try:
                config = await asyncio.to_thread(self._load)
                await self._use(config)
            except (ConfigErrors, ConnectorError, OSError) as refused:
                errors = [str(error) for error in getattr(refused, "errors", [refused])]
                log.error("config.refused", errors=errors)  # noqa: TRY400
                self.metrics.reloaded(successful=False)
                return Reloaded(errors)
            collector.renew()
            self.metrics.reloaded(successful=True)
            log.info("config.reloaded", sources=len(config.sources), targets=len(config.targets))
            return Reloaded(())

    def _warn(self, config: Configuration) -> None:
        for variable in self.proxies.ignored:
            log.warning("proxy.ignored", variable=variable, detail="has to be the address of an HTTP proxy")
        for missing in missing_settings(config, self.settings):
            log.warning("setting.missing", receiver=missing.path, setting=missing.setting, detail=missing.message)

    def _mask(self, config: Configuration) -> None:
        """No line of the log holds a secret, neither of the configuration nor of the settings."""
        database = self.settings.database_url if "@" in self.settings.database_url else ""
        logging.mask((*self.settings.secrets, database, *config.secrets, *self.proxies.secrets))

    async def _use(self, config: Configuration) -> None:
        self._mask(config)
        self._warn(config)
        old = self.connections
        self.services = services_of(self.settings, config, self.services.http, self.clock.now)
        connections = Connections(config, self.services, old)
        specs, notices = self._compile(config)

        def in_force() -> None:  # who is new in it can be told at once
            self.config, self.connections = config, connections
            self.outgoing.use(connections, notices, self.pipeline.decider.history)
            self.reached.use(config)

        await self.pipeline.use(specs, notices, in_force)
        await self.pipeline.act(self.reached.let_go)
        self.reporter.use(config, self.settings.external_url)
        self._replace_sources(config)
        self.heartbeat.use(config.heartbeat_url, config.heartbeat_every)
        await old.close(connections)

    def ready(self) -> str | None:
        """None when ready, else why not."""
        return None if self._started else "starting"

    def alive(self) -> str | None:
        """None while the loop turns and the store takes commits, else what is wrong."""
        return None if self.pipeline.healthy else "the database can't be written"

    def troubles(self) -> Sequence[Trouble]:
        """What keeps it from seeing or remembering now."""
        return self.watcher.troubles()
