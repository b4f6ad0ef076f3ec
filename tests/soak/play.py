"""One run: the daemon in its world, with faults by the course, looked at every few seconds."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from agent.demo.slack import TOKEN, SlackServer
from agent.demo.slack_parts import Failure
from tests.acceptance.servers import SECRET, Server
from tests.acceptance.waiting import Happenings, passed
from tests.databases import Databases
from tests.soak.faults import SLICE, Course, Fault, faults
from tests.soak.feed import Feed
from tests.soak.fleet import Fleet, Places
from tests.soak.verdict import Sample, Told, lost
from tests.soak.watched import Watched
from tests.soak.world import Healer, Sink, Sources, Values

HOSTS = 8
PATHS = {"all": "all", "flaky": "flaky"}  # receivers that are told of each change by itself, and where
PATIENCE = 300.0  # seconds until what failed has to be back, once all faults are off


@dataclass
class Played:
    """What a run showed. `findings` are what was wrong while it ran, each in words."""

    samples: list[Sample] = field(default_factory=list)
    wanted: list[Told] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    happened: dict[str, int] = field(default_factory=dict)
    settled_after: float = 0.0
    kept: int = 0  # readings in the database at the end


class Soak:
    """A run of a course, drawn from a seed, in a folder.

    `postgres` is a database that sources read, if any; `server` has the daemon's own if that is no file.
    """

    def __init__(
        self,
        fleet: Fleet,
        plan: Course,
        seed: int,
        folder: Path,
        postgres: str = "",
        server: tuple[Databases, str] | None = None,
    ) -> None:
        self.fleet, self.plan, self.seed, self.folder = fleet, plan, seed, folder
        self.played = Played()
        self.retention = max(int(plan.seconds / 8), 60)
        happenings = Happenings()
        self.values = Values(seed)
        self.hosts = [Sources(happenings, self.values) for _ in range(HOSTS)]
        self.tell, self.flaky, self.act = Sink(happenings), Sink(happenings), Healer(happenings, self.values)
        self.slack = SlackServer(now=lambda: time.time_ns() // 1_000)
        self.daemon = Watched(folder, happenings, None, server)
        self.feed = Feed(fleet, self.values, folder, self.retention)
        self._postgres = postgres
        self._version = 0
        self._seen = 0  # transitions
        self._failed: dict[int, str] = {}  # deliveries to receivers
        self._disturbed = False
        self._began = 0.0
        self._session: aiohttp.ClientSession

    @property
    def now(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._began

    async def play(self) -> Played:
        """The whole run."""
        try:
            await self._play()
        except BaseException:
            print(self.daemon.tail())
            raise
        return self.played

    async def _play(self) -> None:
        async with self._world():
            self._began = time.monotonic()
            await asyncio.gather(self._feeding(), self._looking(), self._failing(faults(self.seed, self.plan)))
            await self._settle()
            await self._look()
            self._conclude()
            await self._end()

    @asynccontextmanager
    async def _world(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            servers: list[Server] = [*self.hosts, self.tell, self.flaky, self.act]
            for server in servers:
                await server.start()
                stack.push_async_callback(server.stop)
            await stack.enter_async_context(self.slack)
            await self.feed.prepare(self._postgres)
            stack.push_async_callback(self.feed.close)
            timeout = aiohttp.ClientTimeout(total=20)
            self._session = await stack.enter_async_context(aiohttp.ClientSession(self.daemon.url, timeout=timeout))
            self.daemon.environ |= {
                "HOOK_SECRET": SECRET,
                "SETPOINT_SLACK_BOT_TOKEN": TOKEN,
                "SETPOINT_SLACK_API_URL": self.slack.api_url,
                "SETPOINT_RETENTION": f"{self.retention}s",
            }
            self.daemon.configure(self._config())
            stack.push_async_callback(self.daemon.end)
            await self.daemon.start()
            yield

    def _config(self) -> dict[str, Any]:
        hosts = [host.url for host in self.hosts]
        places = Places(hosts, self.tell.url, self.flaky.url, self.act.url, self.folder, self._postgres)
        return self.fleet.config(places, self._version)

    # what goes on all the time

    async def _each(self, seconds: float, what: Callable[[], Awaitable[None]]) -> None:
        """Does it every so often until the run is over; what was missed is left out."""
        while self.now < self.plan.seconds:
            due = (self.now // seconds + 1) * seconds
            await what()
            await passed(max(due - self.now, 0.0))

    async def _feeding(self) -> None:
        await self._each(1.0, lambda: self.feed.tick(self._session))

    async def _looking(self) -> None:
        await self._each(min(3.0, self.plan.cycle / 8), self._look)

    async def _look(self) -> None:
        """One sample; none while the process is stopped, or away, or was so meanwhile."""
        self._digest()
        life, at = self.daemon.life, self.now
        if self._disturbed:
            return
        try:
            healthy, said, _ = await self.daemon.request("GET", "/-/healthy")
            if healthy != 200:
                self.played.findings.append(f"at {at:.0f} s /-/healthy answered {healthy}: {said[:200]}")
            self.played.samples.append(await self.daemon.sample(at, calm=self.plan.is_calm(at)))
        except (aiohttp.ClientError, TimeoutError, OSError, AssertionError) as error:
            if not self._disturbed and life == self.daemon.life:
                self.played.findings.append(f"at {at:.0f} s no answer: {type(error).__name__} {error}")

    def _digest(self) -> None:
        """Takes down which changes have to be told, before they are old enough to be forgotten."""
        sql = (
            "SELECT id, target, fingerprint, event FROM transitions WHERE id > ? AND (event = 'resolved' "
            "OR (event = 'firing' AND before <> 'recovering')) ORDER BY id"
        )
        targets = self._config()["targets"]
        for row in self.daemon.rows(sql, self._seen):
            self._seen = row["id"]
            alerts = targets.get(row["target"], {}).get("alerts", [{}])
            for receiver in alerts[0].get("notify", ()):
                if receiver in PATHS:
                    self.played.wanted.append(Told(PATHS[receiver], row["fingerprint"], row["event"]))
        failed = "SELECT id, receiver, error FROM deliveries WHERE state = 'failed' AND kind <> 'call'"
        self._failed |= {row["id"]: f"{row['receiver']}: {row['error']}" for row in self.daemon.rows(failed)}
        for sink in (self.tell, self.flaky, self.act):
            sink.digest()

    # what goes wrong

    async def _failing(self, plan: list[Fault]) -> None:
        """The faults of the process one after another, all others side by side."""
        others = [self._fail(fault) for fault in plan if fault.what != "process"]
        await asyncio.gather(self._disturbing([fault for fault in plan if fault.what == "process"]), *others)

    async def _disturbing(self, plan: list[Fault]) -> None:
        for fault in plan:
            await passed(max(fault.begin - self.now, 0.0))
            self._note(fault)
            await self._disturb(fault)

    def _note(self, fault: Fault) -> None:
        name = f"{fault.what.split()[0]} {fault.how}"
        self.played.happened[name] = self.played.happened.get(name, 0) + 1

    async def _fail(self, fault: Fault) -> None:
        await passed(max(fault.begin - self.now, 0.0))
        self._note(fault)
        await self._set(fault, on=True)
        await passed(max(fault.end - self.now, 0.0))
        await self._set(fault, on=False)

    async def _set(self, fault: Fault, *, on: bool) -> None:
        what, _, number = fault.what.partition(" ")
        if what == "sources":
            self._set_sources(int(number), fault.how if on else None)
        elif what == "host":
            host = self.hosts[self.seed % HOSTS]
            await (host.stop() if on else host.start())
        elif what in {"tell", "flaky", "act"}:
            sink: Sink = getattr(self, what)
            if fault.how == "dead":
                await (sink.stop() if on else sink.start())
            sink.fault = fault.how if on and fault.how != "dead" else ""
        elif what == "slack":
            self.slack.failures = {"*": Failure(int(fault.how), retry_after=2)} if on else {}
        elif what == "feeds":
            self.feed.garbage = on
        elif what == "pings":
            self.feed.silent = on
        elif what == "burst" and on:
            await self.feed.burst(self._session)

    def _set_sources(self, start: int, how: str | None) -> None:
        names = self.fleet.names["http"]
        for place in range(max(int(len(names) * SLICE), 1)):
            name = names[(start + place) % len(names)]
            known = self.hosts[self.fleet.host(name, HOSTS)].faults
            known.pop(name, None) if how is None else known.update({name: how})

    async def _disturb(self, fault: Fault) -> None:
        daemon = self.daemon
        if fault.how == "reload":
            self._version = 1 - self._version
            daemon.configure(self._config())
            daemon.signal(signal.SIGHUP)
            return
        if fault.how == "bad reload":
            daemon.configure("sources: [nothing")
            daemon.signal(signal.SIGHUP)
            await passed(fault.end - fault.begin)
            daemon.configure(self._config())
            daemon.signal(signal.SIGHUP)
            return
        self._disturbed = True
        try:
            if fault.how == "kill":
                await daemon.kill()
                await passed(max(fault.end - self.now, 0.0))
                await daemon.start()
            else:
                daemon.signal(signal.SIGSTOP)
                await passed(fault.end - fault.begin)
                daemon.signal(signal.SIGCONT)
        finally:
            self._disturbed = False

    # the end

    async def _settle(self) -> None:
        """Returns when everybody knows how things are, or after all patience."""
        self.values.quiet = True
        began = time.monotonic()
        while (open_ends := await self._open_ends()) and not self._failed and time.monotonic() - began < PATIENCE:
            await self.feed.tick(self._session)
            await passed(1.0)
        self.played.settled_after = time.monotonic() - began
        self.played.findings += open_ends

    async def _open_ends(self) -> list[str]:
        """What is not yet as it has to be in the end, in words."""
        with suppress(aiohttp.ClientError, TimeoutError, OSError):
            self._digest()
            sources = (await self.daemon.get("sources"))["sources"]
            waiting = {*self.fleet.names["pushed"], *self.fleet.names["checkin"], "burst"}
            down = [one["name"] for one in sources if one["health"] != "up" and one["name"] not in waiting]
            queued = self.daemon.rows("SELECT receiver, error FROM deliveries WHERE state = 'queued'")
            alerts = {one["fingerprint"] for one in (await self.daemon.get("alerts"))["alerts"]}
            words = {**self.tell.last, **self.flaky.last}
            false = [f"{path} still believes that {print_} fires" for (path, print_), said in words.items()
                     if said == "firing" and print_ not in alerts]  # fmt: skip
            return [
                *(f"source {name} is not up" for name in down),
                *(f"still to be sent to {row['receiver']}: {row['error']}" for row in queued),
                *(f"given up, to {said}" for said in self._failed.values()),
                *lost(self.played.wanted, {**self.tell.told, **self.flaky.told}),
                *false,
            ]
        return ["the daemon does not answer"]

    def _conclude(self) -> None:
        played, daemon = self.played, self.daemon
        played.kept = daemon.rows("SELECT count(*) AS count FROM readings")[0]["count"]
        played.findings += [f"refused: {one}" for one in self.feed.refused[:5]]
        played.findings += [f"forged: {one}" for one in (*self.tell.arrived.forged, *self.flaky.arrived.forged)]

    async def _end(self) -> None:
        """It has to end by itself, with a whole database and nothing on its conscience."""
        try:
            await self.daemon.stop()
            self.daemon.check_database()
        except AssertionError as error:
            self.played.findings.append(str(error))
        self.played.findings += [f"in the log: {one[:2000]}" for one in self.daemon.tracebacks[:5]]
