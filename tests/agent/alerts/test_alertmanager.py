"""Grouping, inhibition, silences and time intervals against a running Alertmanager: the same alerts, the same outcome."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import socket
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from agent.config.load import load
from rules.grouping import routed_group
from rules.inhibition import Inhibition
from rules.intervals import active
from rules.matchers import parse_alert_matchers
from rules.model import labels_of
from rules.routing import routes_for
from rules.selectors import matches

WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
ZONES = ("UTC", "Europe/Amsterdam", "America/New_York", "Asia/Kolkata", "Pacific/Auckland")
KEYS = {"group_wait": "1s", "group_interval": "1h", "repeat_interval": "24h"}


class Sink:
    """Takes what Alertmanager tells its webhooks."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.arrived = asyncio.Event()

    async def take(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.json())
        self.arrived.set()
        return web.Response()

    async def has(self, count: int, seconds: float) -> None:
        """Returns once as many came. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while len(self.bodies) < count:
                self.arrived.clear()
                await self.arrived.wait()


def free_port() -> int:
    with socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@asynccontextmanager
async def sink_at(port: int) -> AsyncIterator[Sink]:
    sink = Sink()
    app = web.Application()
    app.router.add_post("/{tail:.*}", sink.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield sink
    await runner.cleanup()


class Alertmanager:
    """A private one on a free port of the loopback."""

    def __init__(self, url: str, sink: Sink) -> None:
        self.url = url
        self.sink = sink

    async def post(self, path: str, body: Any) -> None:
        async with aiohttp.ClientSession() as session, session.post(f"{self.url}/api/v2/{path}", json=body) as answer:
            assert answer.status == 200, await answer.text()

    async def settled(self, path: str = "alerts") -> list[dict[str, Any]]:
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/api/v2/{path}") as answer:
            found: list[dict[str, Any]] = await answer.json()
            return found


@asynccontextmanager
async def alertmanager(folder: Path, config: dict[str, Any]) -> AsyncIterator[Alertmanager]:
    program = shutil.which("alertmanager")
    if program is None:
        pytest.skip("alertmanager is not installed")
    hooks, port = free_port(), free_port()
    names = sorted({"r", *(node["receiver"] for node in config["route"].get("routes", ()) if "receiver" in node)})
    url = f"http://127.0.0.1:{hooks}/"
    receivers = [{"name": name, "webhook_configs": [{"url": url + name, "send_resolved": True}]} for name in names]
    (folder / "alertmanager.yml").write_text(json.dumps({**config, "receivers": receivers}))
    async with sink_at(hooks) as sink:
        templates = Path(program).parent.parent / "share" / "alertmanager"
        process = await asyncio.create_subprocess_exec(
            program,
            f"--config.file={folder}/alertmanager.yml",
            f"--storage.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
            stderr=asyncio.subprocess.PIPE,
            cwd=templates if templates.exists() else None,
        )
        try:
            assert process.stderr is not None
            await listening(process.stderr)
            rest = asyncio.create_task(process.stderr.read())  # nobody reads it, and it must not fill up
            yield Alertmanager(f"http://127.0.0.1:{port}", sink)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
        await rest


async def listening(log: asyncio.StreamReader) -> None:
    """Returns once it says that it listens."""
    async with asyncio.timeout(20):
        while line := await log.readline():
            if b"Listening on" in line:
                return
    raise AssertionError("it ended before it listened")


def ours(folder: Path, config: dict[str, Any]) -> Any:
    names = {"r", *(node["receiver"] for node in config["route"].get("routes", ()) if "receiver" in node)}
    receivers = {name: [{"type": "console"}] for name in names}
    path = folder / "setpoint.yaml"
    path.write_text(json.dumps({**config, "receivers": receivers}))
    return load(path, {})


async def told(
    server: Alertmanager, alerts: list[dict[str, str]], expected: int, perhaps: int = 0
) -> list[tuple[str, frozenset[str]]]:
    """What it told of new alerts: (group key and receiver, names), once there is as much as expected, or too much.

    `perhaps` are those that may come as well.
    """
    await server.post("alerts", [{"labels": labels} for labels in alerts])

    await server.sink.has(expected, 20)
    with suppress(TimeoutError):  # what should not come gets its time too: groups wait a second
        await server.sink.has(expected + perhaps + 1, 1.5)
    return [
        (f"{body['receiver']} {body['groupKey']}", frozenset(alert["labels"]["n"] for alert in body["alerts"]))
        for body in server.sink.bodies
    ]


def random_interval(rng: random.Random, now: datetime) -> dict[str, Any]:
    """An interval whose edges are near now, so that it may well hold or not."""
    part: dict[str, Any] = {"location": rng.choice(ZONES)}
    if rng.random() < 0.7:
        hours = sorted(rng.sample(range(25), 2))
        part["times"] = [{"start_time": f"{hours[0]:02}:00", "end_time": f"{hours[1]:02}:00"}]
    if rng.random() < 0.4:
        first, last = sorted((rng.randrange(7), rng.randrange(7)))
        part["weekdays"] = [f"{WEEKDAYS[first]}:{WEEKDAYS[last]}"]
    if rng.random() < 0.4:
        day = now.day + rng.randint(-2, 2)
        end = min(31, max(1, day) + rng.randint(0, 2))
        part["days_of_month"] = [rng.choice([f"{min(max(1, day), end)}:{end}", f"{rng.randint(-31, -1)}:-1"])]
    if rng.random() < 0.3:
        part["months"] = [rng.choice([f"{now.month}", "january:june", "7:12"])]
    if rng.random() < 0.3:
        part["years"] = [f"{now.year}:{now.year + rng.randint(0, 1)}", f"{now.year - 5}"][: rng.randint(1, 2)]
    return part


async def test_time_intervals_hold_when_alertmanager_s_do(tmp_path: Path) -> None:
    now, rng = datetime.now(UTC), random.Random(7)
    count = 80
    names = [f"i{number}" for number in range(count)]
    intervals = [
        {"name": n, "time_intervals": [random_interval(rng, now) for _ in range(2)][: rng.randint(1, 2)]} for n in names
    ]
    key = ("mute_time_intervals", "active_time_intervals")
    routes = [{"matchers": [f"n={name}"], key[number % 2]: [name]} for number, name in enumerate(names)]
    config = {"route": {"receiver": "r", **KEYS, "routes": routes}, "time_intervals": intervals}
    found = ours(tmp_path, config)
    micros = int(now.timestamp() * 1_000_000)
    at_once, later = (
        {n for i, n in enumerate(names) if active(found.intervals[n], at) == bool(i % 2)}
        for at in (micros, micros + 60_000_000)
    )
    wanted, open_ = at_once & later, at_once ^ later  # those are open whose edge may pass before Alertmanager looks
    assert 0 < len(wanted) < count
    async with alertmanager(tmp_path, config) as server:
        heard = await told(server, [{"alertname": "x", "n": name} for name in names], len(wanted), len(open_))
    assert {name for _, inside in heard for name in inside} - open_ == wanted


ALERTS = [
    {"n": str(number), "alertname": f"a{number % 3}", "team": ("x", "y", "")[number % 3], "site": "abc"[number % 2]}
    for number in range(12)
]


@pytest.mark.parametrize(
    "route",
    [
        {},
        {"group_by": ["..."]},
        {"group_by": ["team", "missing"]},
        {
            "group_by": ["team"],
            "routes": [{"matchers": ["site=a"], "receiver": "s", "group_by": ["alertname", "site"]}],
        },
        {
            "group_by": ["site"],
            "routes": [
                {"matchers": ['team=~"x|y"'], "receiver": "s", "continue": True},
                {"matchers": ["alertname=a1", "site!=b"], "receiver": "t", "routes": [{"matchers": ["site=b"]}]},
            ],
        },
    ],
)
async def test_alerts_are_grouped_as_alertmanager_groups_them(tmp_path: Path, route: dict[str, Any]) -> None:
    config = {"route": {"receiver": "r", **KEYS, **route}}
    tree = ours(tmp_path, config).route
    wanted: dict[str, set[str]] = {}
    for alert in ALERTS:
        labels = labels_of({name: value for name, value in alert.items() if value})
        for node in routes_for(tree, labels):
            group = routed_group(node, labels, 0)
            wanted.setdefault(f"{group.receiver} {group.key}", set()).add(alert["n"])
    async with alertmanager(tmp_path, config) as server:
        heard = await told(server, ALERTS, len(wanted))
    assert {key: set(names) for key, names in heard} == wanted


def some_matchers(rng: random.Random, count: int) -> list[str]:
    names = rng.sample(("sev", "site", "team"), count)
    return [f'{name}{rng.choice(("=", "=", "!=", "=~"))}"{rng.choice(("a", "b", "a|"))}"' for name in names]


@pytest.mark.parametrize("seed", [0, 1, 4, 5])
async def test_inhibited_and_silenced_are_those_alertmanager_says(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    values = ("a", "b", "")
    alerts = [
        {"n": str(n), "alertname": "x", **{name: rng.choice(values) for name in ("sev", "site", "team")}}
        for n in range(60)
    ]
    rules = [
        {
            "source_matchers": some_matchers(rng, 2),
            "target_matchers": some_matchers(rng, 2),
            "equal": rng.choice((["team"], ["team", "site"], ["site", "missing"])),
        }
        for _ in range(8)
    ]
    silences = [some_matchers(rng, 3) for _ in range(2)]
    config = {"route": {"receiver": "r", **KEYS}, "inhibit_rules": rules}
    inhibition = Inhibition(ours(tmp_path, config).inhibit)
    known = {alert["n"]: labels_of({name: value for name, value in alert.items() if value}) for alert in alerts}
    for name, labels in known.items():
        inhibition.fires(name, labels)
    wanted = {name for name, labels in known.items() if inhibition.by(labels) is not None}
    quiet = [tuple(one for text in each for one in parse_alert_matchers(text)) for each in silences]
    silenced = {name for name, labels in known.items() if any(matches(each, labels) for each in quiet)}
    assert wanted
    assert len(wanted | silenced) < len(alerts)
    async with alertmanager(tmp_path, config) as server:
        now = datetime.now(UTC)
        for each in silences:
            parts = [one for text in each for one in parse_alert_matchers(text)]
            matchers = [
                {"name": one.name, "value": one.value, "isRegex": "~" in one.op, "isEqual": "!" not in one.op}
                for one in parts
            ]
            span = {"startsAt": now.isoformat(), "endsAt": (now + timedelta(hours=1)).isoformat()}
            await server.post("silences", {"matchers": matchers, **span, "createdBy": "ann", "comment": "test"})
        heard = await told(server, alerts, 1)
        states = {one["labels"]["n"]: one["status"] for one in await server.settled()}
    assert {name for name, state in states.items() if state["inhibitedBy"]} == wanted
    assert {name for name, state in states.items() if state["silencedBy"]} == silenced
    assert {name for _, inside in heard for name in inside} == known.keys() - wanted - silenced
