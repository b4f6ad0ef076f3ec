"""docs/reliability.md, written by a run."""

from __future__ import annotations

import os
import platform
import sqlite3
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

from agent import __version__
from tests.soak.play import PATIENCE, Soak
from tests.soak.verdict import Sample, Trend

PAGE = Path(__file__).parents[2] / "docs/reliability.md"
WIDTH = 60
_BARS = "▁▂▃▄▅▆▇█"
_UNITS = {
    "rss": (1e6, " MB"),
    "database": (1e6, " MB"),
    "handles": (1, ""),
    "connections": (1, ""),
    "threads": (1, ""),
    "tasks": (1, ""),
}
_NAMES = {"rss": "memory (RSS)", "handles": "open files"}

_TEXT = """\
# How it stands up

<!-- Written by `make soak` from its last run of a quarter of an hour or more; changes made here are lost. -->

`make soak HOURS=0.3` starts the daemon as users do, lets it read {size} sources (HTTP, files, SQL, check-ins, pushed readings) with a target
on each and receivers, corrective calls and Slack on this machine, and breaks what it is connected to, by a schedule drawn from a seed. Each cycle of
{cycle:.0f} s begins with a storm, then what failed comes back, and the last quarter is calm. `SEED=` repeats a schedule; any length will do, and
longer runs see smaller leaks. It ends with an error if

- **memory, open files, connections, threads, tasks or the database grow**: the median slope of all pairs of samples (Theil–Sen) in the calm of the second half, each
  life of the process by itself, may not amount to more than what is allowed below over that half. Readings are kept {retention} s
  (`SETPOINT_RETENTION`), and some of the pushed ones are older than that when they come;
- **a message was lost**: each change of an alert that a receiver hears of by itself has to have arrived there as a message of its own, every delivery has to be
  sent, and no receiver may believe in an alert that is over, at the latest {patience:.0f} s after the last fault;
- **a source is not read again**, `/-/healthy` answers anything but 200 while the process runs, the log has a traceback, a push is refused, the daemon does not
  end by itself, or its database is not whole.

## The last run

{verdict}

| | |
|---|---|
{facts}

| calm of the second half | median | rise over it | allowed |
|---|---|---|---|
{trends}

Over the whole run, storms included, {width} pieces of it side by side; the lowest and highest value at the right:

```text
{lines}
```

What went wrong: {happened}.

What the log had of it: {log}.
"""


def page(soak: Soak, found: Sequence[Trend], failures: Sequence[str]) -> str:
    """The page of a run that is over."""
    played = soak.played
    verdict = "Nothing of that happened." if not failures else "\n".join(f"- **{one}**" for one in failures[:20])
    return _TEXT.format(
        size=f"{soak.fleet.size:,}",
        cycle=soak.plan.cycle,
        retention=soak.retention,
        patience=PATIENCE,
        verdict=verdict,
        facts="\n".join(f"| {name} | {value} |" for name, value in facts(soak)),
        trends="\n".join(_row(trend) for trend in found),
        width=WIDTH,
        lines="\n".join(_lines(played.samples)),
        happened=", ".join(f"{count} × {name}" for name, count in sorted(played.happened.items())),
        log=_log(soak),
    )


def facts(soak: Soak) -> list[tuple[str, str]]:
    """What there is to say of a run, but for its trends."""
    played, samples = soak.played, soak.played.samples
    calm = [one for one in samples if one.calm]
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    made, due = sum(one.polls_made for one in calm), sum(one.polls_due for one in calm)
    all_made, all_due = sum(one.polls_made for one in samples), sum(one.polls_due for one in samples)
    told = sum(len(ids) for sink in (soak.tell, soak.flaky) for ids in sink.told.values())
    return [
        ("length", f"{soak.plan.seconds / 3600:g} hours, seed {soak.seed}"),
        ("versions", f"Setpoint {__version__}, Python {platform.python_version()}, {_database(soak)}"),
        ("machine", f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, load average {load}"),
        ("sources", ", ".join(f"{len(names)} {kind}" for kind, names in soak.fleet.names.items() if names)),
        ("polls made of polls due", f"{_share(made, due)} in calm, {_share(all_made, all_due)} in all of {all_due:,}"),
        ("readings", f"{soak.daemon.readings:,.0f} committed, {played.kept:,} kept at the end"),
        ("alerts' changes to be told one by one", f"{len(played.wanted):,}; {told:,} alerts told by webhooks in all"),
        ("Slack", f"{len(soak.slack.messages):,} messages, {sum(len(m.history) for m in soak.slack.messages):,} edits"),
        ("corrective calls taken", f"{soak.act.answered.get(200, 0):,}"),
        ("starts of the process", f"{soak.daemon.life}"),
        ("event loop lag in calm", f"p99 {_ms(calm, 'lag_p99')}, at most {_most(calm, 'lag_max')}"),
        ("lag of ticks in calm", f"p99 {_ms(calm, 'tick_lag_p99')}"),
        ("outbox", f"at most {max((one.outbox for one in samples), default=0):,}, {samples[-1].outbox if samples else 0} in the end"),
        ("write-ahead log", f"at most {max((one.wal for one in samples), default=0) / 1e6:.1f} MB"),
        ("waited for all to be well again", f"{played.settled_after:.0f} s"),
    ]  # fmt: skip


def _database(soak: Soak) -> str:
    if soak.daemon.server is None:
        return f"SQLite {sqlite3.sqlite_version}"
    return f"PostgreSQL {soak.daemon.rows('SHOW server_version')[0][0]}"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.2%}" if whole else "-"


def _ms(samples: Sequence[Sample], name: str) -> str:
    values = [getattr(one, name) for one in samples]
    return f"≤ {statistics.median(values) * 1000:g} ms (median of the samples)" if values else "-"


def _most(samples: Sequence[Sample], name: str) -> str:
    return f"≤ {max((getattr(one, name) for one in samples), default=0) * 1000:g} ms"


def _row(trend: Trend) -> str:
    unit, word = _UNITS[trend.name]
    numbers = " | ".join(f"{value / unit:,.1f}{word}" for value in (trend.median, trend.rise, trend.allowed))
    return f"| {_NAMES.get(trend.name, trend.name)} | {numbers} |"


def _lines(samples: Sequence[Sample]) -> list[str]:
    drawn: list[tuple[str, Callable[[Sample], float], str]] = [
        ("memory", lambda one: one.rss / 1e6, "MB"),
        ("database", lambda one: one.database / 1e6, "MB"),
        ("write-ahead log", lambda one: one.wal / 1e6, "MB"),
        ("open files", lambda one: one.handles, ""),
        ("connections", lambda one: one.connections, ""),
        ("tasks", lambda one: one.tasks, ""),
        ("loop lag p99", lambda one: one.lag_p99 * 1000, "ms"),
        ("outbox", lambda one: one.outbox, ""),
    ]
    return [
        f"{name:16}{sparkline([of(one) for one in samples])}" + _ends(samples, of, unit) for name, of, unit in drawn
    ]


def _ends(samples: Sequence[Sample], of: Callable[[Sample], float], unit: str) -> str:
    values = [of(one) for one in samples]
    return f"  {min(values):,.0f} to {max(values):,.0f} {unit}".rstrip() if values else ""


def sparkline(values: Sequence[float]) -> str:
    """At most so many bars, each the highest of its piece, from the lowest to the highest of all."""
    if not values:
        return ""
    pieces = min(WIDTH, len(values))
    tops = [max(values[len(values) * n // pieces : len(values) * (n + 1) // pieces]) for n in range(pieces)]
    low, high = min(values), max(values)
    return "".join(_BARS[round((top - low) / (high - low) * 7) if high > low else 0] for top in tops)


def _log(soak: Soak) -> str:
    counted = [*soak.daemon.errors.most_common(), *soak.daemon.warnings.most_common()]
    return ", ".join(f"{count:,} × `{event}`" for event, count in counted) or "nothing"
