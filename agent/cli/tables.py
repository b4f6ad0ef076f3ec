"""Tables and the words in them: numbers, ages, colours."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import click

_COLOURS = {
    **dict.fromkeys(("behind", "missed", "out_of_band", "down", "firing"), "red"),
    **dict.fromkeys(("no_data", "pending", "recovering", "held"), "yellow"),
    **dict.fromkeys(("met", "on_track", "in_band", "up", "active"), "green"),
}


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The rows under their heads, columns that are empty throughout left out."""
    from tabulate import tabulate

    kept = [place for place, _ in enumerate(head) if any(row[place] for row in rows)]
    cells = [[row[place] for place in kept] for row in rows]
    yield from tabulate(cells, [head[place] for place in kept], "plain", disable_numparse=True).splitlines()


def coloured(word: str) -> str:
    """A standing, health or state in its colour; without colours where they are not wanted."""
    shown = word.replace("_", " ")
    return shown if os.environ.get("NO_COLOR") else click.style(shown, fg=_COLOURS.get(word))


def line(text: str | None, limit: int = 100) -> str:
    """One line of what came from outside: no control characters, not too long."""
    from connectors.facts import plain, shortened

    return shortened(plain(text), limit) if text else ""


def figure(value: float | None, unit: str = "", bounds: Iterable[float | None] = (), *, percent: bool = False) -> str:
    """A number as people write it, empty where there is none; not rounded onto a bound that it does not touch."""
    from rules.words import beside

    return "" if value is None else beside(value, bounds, unit, percent=percent)


def amount(
    value: float | None,
    target: Mapping[str, Any],
    bounds: Iterable[float | None] = (),
    *,
    unit: bool = True,
    computed: bool = False,
) -> str:
    """A number of a target, as the API says it, as people write it: a share in percent, what is computed rounded."""
    from rules.model import rounded

    share = target.get("measure") == "share"
    shown = rounded(value) if computed and not share and value is not None else value
    return line(figure(shown, target["unit"] if unit else "", bounds, percent=share))


def percent(share: float | None) -> str:
    """A share as a percentage."""
    return "" if share is None else f"{share:.1%}" if abs(share) < 10 else f"{share:.0%}"


def labels(pairs: Mapping[str, str]) -> str:
    """Labels as they are written in a series."""
    return ", ".join(f"{line(name)}={line(value, 40)}" for name, value in pairs.items())


def span_between(start: str | None, end: str) -> str:
    """How long from one time to another, both ISO 8601; empty without a start."""
    from connectors.values import moment
    from rules.words import span

    return "" if start is None else span(moment(end, "UTC") - moment(start, "UTC"))


def local_time(text: str | None, zone: str = "") -> str:
    """A time of the API to the second in a zone, by default this machine's, with the zone's short name."""
    from datetime import datetime
    from zoneinfo import ZoneInfo

    if text is None:
        return ""
    return f"{datetime.fromisoformat(text).astimezone(ZoneInfo(zone) if zone else None):%Y-%m-%d %H:%M:%S %Z}"


def readings(rows: Sequence[Mapping[str, Any]], total: int) -> Iterator[str]:
    """Readings as the API says them, how many there are beyond those shown, and whether some count for nothing."""
    cells = [
        (line(row["series"]), labels(row["labels"]), local_time(row["time"]), _value(row["value"])) for row in rows
    ]
    yield from table(("SERIES", "LABELS", "TIME", "VALUE"), cells)
    if total > len(rows):
        yield f"and {total - len(rows):,} more"
    if _has_revised(rows):
        yield "Of readings with the same series, labels and time only the last counts: is a label or a time missing?"


def _has_revised(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a row takes the place of another."""
    identities = [(row["series"], tuple(sorted(row["labels"].items())), row["time"]) for row in rows]
    last = dict(zip(identities, (row["value"] for row in rows), strict=True))
    return any(last[identity] != row["value"] for identity, row in zip(identities, rows, strict=True))


def _value(value: float | None) -> str:
    return "none" if value is None else f"{value:.15g}"
