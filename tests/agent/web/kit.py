"""A small daemon to put the HTTP face before: it holds what it is given and remembers what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog
from aiohttp import ClientSession

from agent.acts import Person
from agent.alerts.silencing import new_silence, silence_matchers
from agent.config.configuration import Configuration
from agent.config.load import load
from agent.explaining.present import Explained
from agent.metrics import Metrics
from agent.polling.connections import Connections
from agent.runtime import ActionState, OpenAlert, Reloaded, Switched, Unknown, Word
from agent.settings import read_settings
from agent.slack.desk import Desk
from agent.store.errors import StoreError
from agent.store.records import Ping, ReceiverState
from agent.store.store import Store
from agent.web.server import serve
from connectors.base import ConnectorError, Inbound, InboundSource, Services
from rules.model import (
    SECOND,
    Assessment,
    Correction,
    InstanceKey,
    InstanceState,
    Notice,
    Reading,
    Report,
    Silence,
    SourceState,
    Switch,
    Trouble,
    labels_of,
)

NOW = 1_767_225_600 * SECOND  # 2026-01-01T00:00:00Z
SECRET = "push-secret-7153"
KEY = "an-api-key-of-some-length"

CONFIG = """
sources:
  csv: {type: file, path: v.csv, every: 5m, readings: [{series: visitors, value: n, labels: {site: site}}]}
  free: {type: webhook, readings: [{series: sales, value: amount, time: at, labels: {shop: shop}}]}
  signed: {type: webhook, secret: "push-secret-7153", readings: [{series: sales, value: amount}]}
  small: {type: webhook, max_bytes: 20, readings: [{series: sales, value: amount}]}
  rooms: {type: webhook, readings: [{series: temperature, value: v, labels: {room: room}}, {series: dau, value: d}]}
  backup: {type: checkin, schedule: "0 3 * * *", grace: 30m}
targets:
  monthly:
    title: Unique visitors
    series: visitors
    by: [site]
    unit: visits
    goal: {measure: sum, at_least: 10000, per: month}
    alerts: [{name: behind, when: behind}]
  room: {series: temperature, by: [room], goal: {at_least: 20, at_most: 23}}
  engagement: {goal: {condition: "last(dau) > 1000"}}
  nightly: {source: backup, alerts: [{name: late, when: missed, severity: critical}]}
"""


class FixedClock:
    """Shows the time it is set to."""

    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> int:
        return self.time

    def monotonic(self) -> float:
        return self.time / SECOND


class Daemon:
    """The Runtime protocol, in memory; `store` is set where a test needs one."""

    store: Store
    reporter: Any

    def __init__(self, config: Configuration, **settings: Any) -> None:
        self.clock: Any = FixedClock()
        self.settings = read_settings(**{"listen": "127.0.0.1:0", **settings})
        self.use(config)
        self.received: list[tuple[str, Sequence[Reading], Sequence[Ping]]] = []
        self.messages: set[str] = set()
        self.references: dict[str, list[Mapping[str, object]]] = {}
        self.seen: int | None = None
        self.forgets: StoreError | None = None
        self.reached: Sequence[ReceiverState] = ()
        self.states: dict[InstanceKey, InstanceState] = {}
        self.health: dict[str, SourceState] = {}
        self.open: list[OpenAlert] = []
        self.runs: list[Correction] = []
        self.switched = Switch(True, "", 0)
        self.acting: list[ActionState] = []
        self.words: list[Word] = []
        self.polls: dict[str, Sequence[Reading] | ConnectorError] = {}
        self.taken: list[tuple[str, str, str]] = []
        self.holding: dict[InstanceKey, str] = {}
        self.silenced: dict[str, Silence] = {}
        self.groups: dict[str, Sequence[str]] = {}
        self.drawn: list[Notice] = []
        self.picture: bytes | None = None
        self.explained: Sequence[Explained] = ()
        self.reload_errors: Sequence[str] = ()
        self.not_ready: str | None = None
        self.sick: str | None = None
        self.in_trouble: Sequence[Trouble] = ()
        self.arrived = asyncio.Event()
        self.may_commit = asyncio.Event()
        self.may_commit.set()

    def use(self, config: Configuration) -> None:
        self.config = config
        self.connections = Connections(config, Services(http=None, now=self.clock.now))  # type: ignore[arg-type]

    def stands(self, target: str, assessment: Assessment, /, since: int = NOW, **labels: str) -> InstanceKey:
        key = InstanceKey(target, labels_of(labels))
        self.states[key] = InstanceState(key, assessment, since=since, created=since)
        return key

    def alert(self, name: str, state: str = "firing", by: str | None = None, **labels: str) -> OpenAlert:
        one = OpenAlert(InstanceKey("monthly"), name, f"f-{name}", labels, f"{name} is on", state, NOW, NOW, by)
        self.open.append(one)
        return one

    def instances(self) -> Mapping[InstanceKey, InstanceState]:
        return self.states

    def sources(self) -> Mapping[str, SourceState]:
        return {name: self.health.get(name) or SourceState(name) for name in self.config.sources}

    def receivers(self) -> Sequence[ReceiverState]:
        return self.reached

    def corrections(self) -> Sequence[Correction]:
        return self.runs

    def switch(self) -> Switch:
        return self.switched

    def actions(self) -> Sequence[ActionState]:
        return self.acting

    async def approve(self, correction: str, person: Person, note: str = "", seen: int | None = None) -> Word:
        self.seen = seen
        return self._word("approve", correction, person)

    async def reject(self, correction: str, person: Person, note: str = "") -> Word:
        return self._word("reject", correction, person)

    async def run_action(self, action: str, alert: str, person: Person, note: str = "") -> Word:
        return self._word(f"run {action}", alert, person)

    def _word(self, act: str, name: str, person: Person) -> Word:
        self.taken.append((act, name, person.name))
        if not self.words:
            raise Unknown(f"no correction {name!r}")
        return self.words.pop(0)

    async def switch_corrections(self, on: bool, person: Person, note: str = "") -> Switched:
        counted = on is not self.switched.on
        self.switched = Switch(on, person.name, self.clock.now(), note) if counted else self.switched
        return Switched(self.switched, counted)

    def alerts(self) -> Sequence[OpenAlert]:
        return self.open

    def about(self, subject: str) -> Sequence[OpenAlert]:
        members = self.groups.get(subject, ())
        return [one for one in self.open if one.fingerprint == subject or one.fingerprint in members]

    async def messages_about(self, subject: str) -> Sequence[Mapping[str, object]]:
        return self.references.get(subject, [])

    async def chart(self, notice: Notice) -> bytes | None:
        self.drawn.append(notice)
        return self.picture

    async def explain(self, target: str, at: int | None) -> Sequence[Explained]:
        return self.explained

    def inbound(self, door: str, name: str) -> InboundSource | None:
        return self.connections.inbound(door, name)

    async def receive(
        self, source: str, readings: Sequence[Reading], pings: Sequence[Ping] = (), message: str | None = None
    ) -> bool:
        self.arrived.set()
        await self.may_commit.wait()
        if message is not None and message in self.messages:
            return False
        self.messages.add(message or "")
        self.received.append((source, readings, pings))
        return True

    async def is_first(self, message: str) -> bool:
        if self.forgets:
            raise self.forgets
        first = message not in self.messages
        self.messages.add(message)
        return first

    async def poll(self, source: str) -> Sequence[Reading]:
        if source not in self.polls:
            raise Unknown(f"no polled source {source!r}")
        found = self.polls[source]
        if isinstance(found, ConnectorError):
            raise found
        return found

    async def acknowledge(self, alert: str, person: Person, note: str) -> Sequence[OpenAlert]:
        self.taken.append((alert, person.name, note))
        found = [one for one in self.open if alert in {one.name, one.fingerprint, one.key.target}]
        if not found:
            raise Unknown(f"no open alert {alert!r}")
        taken = [replace(one, acknowledged_by=person.name, acknowledged_id=person.id) for one in found]
        self.open = [taken[found.index(one)] if one in found else one for one in self.open]
        return taken

    def held(self, key: InstanceKey) -> str | None:
        return self.holding.get(key)

    def silences(self) -> Sequence[Silence]:
        return list(self.silenced.values())

    async def silence(self, matchers: Sequence[str], person: Person, reason: str, span: tuple[int, int]) -> Silence:
        made = new_silence(
            silence_matchers(matchers, self.config.targets), (person.name, reason), span, self.clock.now()
        )
        self.silenced[made.id] = made
        return made

    async def expire(self, silence: str, person: Person) -> Silence:
        if silence not in self.silenced:
            raise Unknown(f"no silence {silence!r}")
        self.silenced[silence] = replace(self.silenced[silence], ends=self.clock.now())
        return self.silenced[silence]

    async def report(self, name: str) -> Report:
        return await self.reporter.report(name)

    async def send_report(self, name: str, person: Person) -> Report:
        return await self.reporter.send(name, person)

    async def reload(self) -> Reloaded:
        return Reloaded(self.reload_errors)

    def ready(self) -> str | None:
        return self.not_ready

    def next_polls(self) -> Mapping[str, int]:
        return {name: NOW + 60 * SECOND for name, entry in self.config.sources.items() if entry.polled}

    def given_up(self) -> Sequence[str]:
        return ()

    def unstored(self) -> int:
        return 0

    def troubles(self) -> Sequence[Trouble]:
        return self.in_trouble

    def alive(self) -> str | None:
        return self.sick


class Broken(InboundSource):
    """A source with a mistake in it."""

    door = "in"

    def accept(self, call: Inbound, now: int) -> Sequence[Reading]:
        raise RuntimeError("a mistake")


def configuration(folder: Path, text: str = CONFIG) -> Configuration:
    """A checked configuration of a text."""
    path = folder / "setpoint.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path, {})


@asynccontextmanager
async def served(daemon: Daemon, slack: Desk | None = None) -> AsyncIterator[ClientSession]:
    """A client of the face before a daemon, on a real socket."""
    async with AsyncExitStack() as stack:
        address = await serve(daemon, Metrics(daemon), stack, slack)
        client = ClientSession(f"http://127.0.0.1:{address.port}")
        yield await stack.enter_async_context(client)


@contextmanager
def logged() -> Iterator[list[dict[str, Any]]]:
    """The log's lines as dictionaries, with what is bound to the context."""
    lines: list[dict[str, Any]] = []

    def keep(_logger: Any, method: str, event: Any) -> Any:
        lines.append({**event, "log_level": method})
        raise structlog.DropEvent

    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, keep],
        wrapper_class=structlog.make_filtering_bound_logger(0),
        cache_logger_on_first_use=False,
    )
    try:
        yield lines
    finally:
        structlog.reset_defaults()


async def error_of(response: Any) -> tuple[int, str, str]:
    """Status, code and message of an error answer, which has the one form errors have."""
    said = await response.json()
    assert set(said) == {"error"}
    assert {"code", "message"} <= set(said["error"]) <= {"code", "message", "details"}
    return response.status, said["error"]["code"], said["error"]["message"]
