"""Ten thousand readings that come a day late to a daemon that runs."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from rules.model import HOUR, MINUTE, SECOND
from tests.crash.driver import Driven
from tests.rules.world import at

NOON = at("2026-06-10 12:00", "Europe/Amsterdam")
SITES = [f"site{n:02}" for n in range(20)]
Row = dict[str, Any]


def goal(title: str, **goal: Any) -> dict[str, Any]:
    return {"series": "visits", "by": ["site"], "goal": goal, "alerts": [{"name": title, "when": title}]}


CONFIG = {
    "defaults": {"timezone": "Europe/Amsterdam"},
    "sources": {
        "push": {
            "type": "webhook",
            "readings": [{"series": "visits", "time": "at", "value": "value", "labels": {"site": "site"}}],
        }
    },
    "targets": {
        "today": goal("behind", measure="sum", at_least=100_000, per="day"),
        "month": goal("behind", measure="sum", at_least=900_000, per="month"),
        "mean": goal("missed", measure="mean", at_most=50, per="2d"),
        "p95": goal("missed", measure="p95", at_most=90, per="36h"),
        "most": goal("missed", measure="max", at_most=98, per="week"),
        "band": goal("out_of_band", at_least=20, at_most=80),
        "trend": {
            "goal": {"condition": 'avg(visits{site="site00"}, "30h") > avg(visits{site="site01"}, "26h")'},
            "alerts": [{"name": "off", "when": "out_of_band", "for": {"breaches": 3, "of": 5}}],
        },
    },
    "receivers": {"all": [{"type": "webhook", "url": "http://127.0.0.1:9/"}]},
    "route": {"receiver": "all", "group_wait": "1h"},
}


def rows(begin: int, each: int, step: int) -> list[Row]:
    rng = random.Random(begin)
    return [
        {"site": site, "at": (begin + n * step) // SECOND, "value": rng.randrange(100)}
        for n in range(each)
        for site in SITES
    ]


async def push(daemon: Driven, rows: Iterable[Row]) -> None:
    status, said = await daemon.call("POST", "/in/push", json=list(rows))
    assert status in {200, 202}, said


async def results(daemon: Driven) -> dict[str, Any]:
    """How each instance stands, with all its numbers, and its open alerts."""
    status, said = await daemon.call("GET", "/api/v1/targets")
    assert status == 200
    found = {f"{one['name']} {each['labels']}": each for one in said["targets"] for each in one["instances"]}
    for one in found.values():  # that an alert was open for no time is no difference
        one["alerts"] = [alert for alert in one["alerts"] if alert["state"] != "inactive"]
    return found


async def slowest(daemon: Driven) -> float:
    """The bound of the metric's bucket that the longest turn of the loop is in."""
    text = (await daemon.text("/metrics")).splitlines()
    counts = [line.split() for line in text if line.startswith("setpoint_event_loop_lag_seconds_bucket")]
    most = max(float(count) for _, count in counts)
    return min(float(name.partition('le="')[2].partition('"')[0]) for name, count in counts if float(count) == most)


async def a_run(folder: Path, batches: Iterable[Iterable[Row]]) -> tuple[dict[str, Any], float]:
    """What a new daemon makes of it, and the longest turn of its loop in seconds."""
    folder.mkdir()
    daemon = Driven(folder, f"sqlite:///{folder}/setpoint.db")
    daemon.configure(CONFIG)
    try:
        await daemon.start(NOON)
        for batch in batches:
            await push(daemon, batch)
            await daemon.tick()
        return await results(daemon), await slowest(daemon)
    finally:
        await daemon.kill()


def batches(rows: list[Row]) -> list[list[Row]]:
    return [rows[begin : begin + 1_000] for begin in range(0, len(rows), 1_000)]


@pytest.mark.timeout(120)
async def test_readings_late_by_a_day_give_what_they_give_in_order(tmp_path: Path):
    late, today = rows(NOON - 26 * HOUR, 500, 172 * SECOND), rows(NOON - HOUR, 20, 3 * MINUTE)
    assert len(late) == 10_000
    mixed = random.Random(7).sample(late, len(late))
    running, lag = await a_run(tmp_path / "running", [today[:-20], *batches(mixed), [*mixed[:500], *today[-20:]]])
    fresh, _ = await a_run(tmp_path / "fresh", batches(late + today))
    assert running == fresh
    assert len(running) == 6 * len(SITES) + 1
    assert sum(len(one["alerts"]) for one in running.values()) > 20
    assert lag <= 0.25
