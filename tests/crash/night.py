"""A night in which the clocks change, lived through by the daemon itself under faketime, at many times the speed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.acceptance.daemon import Daemon
from tests.acceptance.waiting import Happenings
from tests.rules.world import at

LIBRARY = "/usr/$LIB/faketime/libfaketimeMT.so.1"  # the loader knows $LIB
PATIENCE = 120.0  # seconds, on a busy machine
CRONS = {"halves": "*/30 * * * *", "hourly": "7 * * * *", "nightly": "50 2 * * *"}


@dataclass(frozen=True)
class Night:
    """From `begin` to `end` in UTC, and what is right for Amsterdam: when each cron source is read, when the check-in is
    late, when hours end of the alert that each hour misses its goal, and the periods at the end."""

    begin: str
    end: str
    runs: Mapping[str, Sequence[str]]
    late: str
    hours: Sequence[str]
    hour: tuple[str, str]
    day: tuple[str, str]

    def utc(self, time: str) -> int:
        return at(f"{self.end[:10]} {time}")


AUTUMN = Night(
    "2026-10-24 23:50",
    "2026-10-25 01:55",
    {
        "halves": ["00:00", "00:30", "01:00", "01:30"],
        "hourly": ["00:07", "01:07"],  # 02:07, and 02:07 again
        "nightly": ["00:50"],  # the first 02:50 and no other
    },
    late="00:52",
    hours=["00:00", "01:00"],
    hour=("2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"),
    day=("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"),  # 25 hours
)
SPRING = Night(
    "2026-03-28 23:50",
    "2026-03-29 01:55",
    {
        "halves": ["00:00", "00:30", "01:00", "01:30"],
        "hourly": ["00:07", "01:07"],  # 01:07 and 03:07
        "nightly": ["01:00"],  # there is no 02:50: right after the hour that is left out
    },
    late="01:02",
    hours=["00:00", "01:00"],
    hour=("2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"),
    day=("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"),  # 23 hours
)


def _config(night: Night) -> dict[str, Any]:
    def source(name: str, **when: str) -> dict[str, Any]:
        reading = {"series": name, "value": "value"}
        return {"type": "file", "path": "number.csv", "timeout": "1h", "readings": [reading], **when}

    end = f"{int(night.end[14:])} {int(night.end[11:13])} * * *"
    late = {"name": "late", "when": "missed"}
    return {
        "defaults": {"timezone": "Europe/Amsterdam"},
        "sources": {name: source(name, cron=cron) for name, cron in CRONS.items()}
        | {"steady": source("steady", every="5m")}
        | {"backup": {"type": "checkin", "schedule": CRONS["nightly"], "grace": "2m"}}
        | {"end": {"type": "checkin", "schedule": end, "timezone": "UTC", "grace": "1s"}},
        "targets": {
            "hour": {
                "series": "steady",
                "goal": {"measure": "count", "at_least": 100, "per": "hour"},
                "alerts": [{"name": "missed", "when": "missed"}],
            },
            "day": {"series": "steady", "goal": {"measure": "count", "at_least": 1000, "per": "day"}},
            "backup": {"source": "backup", "alerts": [late]},
            "end": {"source": "end", "alerts": [late]},
        },
        "receivers": {"all": [{"type": "webhook", "url": "http://127.0.0.1:9/"}]},
        "route": {"receiver": "all", "group_wait": "1d"},
    }


async def wrongs(night: Night, folder: Path, speed: int) -> list[str]:
    """What was not right in the night, in words. What was due before the daemon was up may have come or not."""
    happenings = Happenings()
    fake = {"LD_PRELOAD": LIBRARY, "FAKETIME": f"@{night.begin}:00 x{speed}", "TZ": "UTC"}
    daemon = Daemon(folder, happenings, fake)
    (folder / "number.csv").write_text("value\n1\n", encoding="utf-8")
    daemon.configure(_config(night))
    try:
        await daemon.start()
        up = at(daemon.said("setpoint.started")[0]["timestamp"][:19])
        await happenings.until(lambda: daemon.said("alert", target="end"), "the night is over", PATIENCE)
        targets = {one["name"]: one["instances"][0] for one in (await daemon.get("targets"))["targets"]}
        await daemon.stop()
        daemon.check_database()
    finally:
        await daemon.end()
    return [*_wrong_runs(night, daemon, up), *_wrong_alerts(night, daemon, up), *_wrong_periods(night, targets)]


def _wrong_runs(night: Night, daemon: Daemon, up: int) -> Iterator[str]:
    sql = "SELECT time FROM readings JOIN series ON id = series_id WHERE name = ? ORDER BY time"
    for name, right in night.runs.items():
        due = [night.utc(time) for time in right]
        yield from _wrong_times(name, [row["time"] for row in daemon.rows(sql, name)], due, up)


def _wrong_alerts(night: Night, daemon: Daemon, up: int) -> Iterator[str]:
    fired = [row for row in daemon.changes() if row["event"] == "firing"]
    late = night.utc(night.late)
    known = late - 1 if up < night.utc(night.runs["nightly"][0]) else late  # a job's first run is after it is known
    yield from _wrong_times("late", [row["at"] for row in fired if row["target"] == "backup"], [late], known)
    ends = [night.utc(one) for one in night.hours]
    yield from _wrong_times("an hour missed", [row["at"] for row in fired if row["target"] == "hour"], ends, up)


def _wrong_times(what: str, times: Sequence[int], due: Sequence[int], up: int) -> Iterator[str]:
    """Each is that of the last time at which it was due, since at this speed a moment is minutes; and each comes once."""
    found = [max((one for one in due if one <= time), default=0) for time in times]
    if found != sorted(set(found)) or not {one for one in due if one > up} <= set(found) <= set(due):
        yield f"{what}: at {times}, due at {due}, up at {up}"


def _wrong_periods(night: Night, targets: Mapping[str, Any]) -> Iterator[str]:
    for name, right in (("hour", night.hour), ("day", night.day)):
        period = targets[name]["period"]
        if (period["start"], period["end"]) != right:
            yield f"the {name} is {period} instead of {right}"
