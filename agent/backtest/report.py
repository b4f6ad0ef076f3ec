"""Backtests as tables and as JSON, one configuration or two side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.backtest.figures import Figures, Name, figures
from agent.backtest.replay import Firing, Replayed
from rules.model import InstanceKey, Series
from rules.periods import to_local
from rules.words import clock_time, describe, span

HEAD = ("", "TARGET", "INSTANCE", "ALERT", "FIRED", "IN ALL", "LONGEST", "FLAPS", "MISSES", "LEAD", "NOW")


@dataclass(frozen=True, slots=True)
class Report:
    """A backtest: the configuration's outcome, another's beside it if there is one, and what both were given."""

    old: Replayed
    new: Replayed | None
    readings: int
    delays: Mapping[Series, int]
    seconds: float
    zone: str
    missing: Sequence[str] = ()

    @property
    def differs(self) -> bool:
        """Whether the two configurations would have done different things."""
        return self.new is not None and any(self.differing(name) for name in names(self))

    def differing(self, name: Name) -> bool:
        """Whether an alert would have done something else."""
        return self.new is not None and figures(self.old).get(name) != figures(self.new).get(name)


def names(report: Report) -> list[Name]:
    """Every alert of either configuration."""
    return list(dict.fromkeys([*figures(report.old), *(figures(report.new) if report.new else ())]))


def rows(report: Report) -> Iterator[tuple[str, ...]]:
    """The rows below HEAD; where two configurations differ, `old → new`, and ≠ in front."""
    old, new = figures(report.old), figures(report.new) if report.new else None
    for name in names(report):
        before, after = old.get(name), new.get(name) if new is not None else old.get(name)
        shown = (*map(_cell(before, after), _COLUMNS),)
        (key, alert), mark = name, "≠" if before != after else ""
        yield (mark, key.target, ", ".join(f"{n}={v}" for n, v in key.labels), alert, *shown)


def _cell(before: Figures | None, after: Figures | None) -> Callable[[Callable[[Figures], str]], str]:
    def cell(column: Callable[[Figures], str]) -> str:
        first = "–" if before is None else column(before)
        second = "–" if after is None else column(after)
        return first if first == second else f"{first or '–'} → {second or '–'}"

    return cell


def _often(one: Figures) -> str:
    return f"{one.firings:,}"


def _lead(one: Figures) -> str:
    leads = sorted(lead for lead in one.leads if lead is not None)
    if not leads:
        return ""
    shortest, longest = span(leads[0]), span(leads[-1])
    return shortest if shortest == longest else f"{shortest} to {longest}"


def _misses(one: Figures) -> str:
    if not one.leads:
        return ""
    return f"{len(one.leads)}, {one.unwarned or 'none'} unwarned"


_COLUMNS: tuple[Callable[[Figures], str], ...] = (
    _often,
    lambda one: span(one.total) if one.firings else "",
    lambda one: span(one.longest) if one.firings else "",
    lambda one: f"{one.flaps:,}" if one.flaps else "",
    _misses,
    _lead,
    lambda one: "firing" if one.firing else "",
)


def lines(report: Report) -> Iterator[str]:
    """What was replayed, and what that supposes."""
    first, last = (clock_time(time, report.zone) for time in (report.old.start, report.old.end))
    yield f"{report.readings:,} readings from {first} to {last} ({report.zone}), replayed in {report.seconds:.1f} s"
    for series, late in sorted(report.delays.items()):
        yield f"{series} is taken to arrive {span(late)} after its time, when what it counts is complete (--delay)"
    yield from report.missing


def standings(report: Report) -> Iterator[str]:
    """How each instance stands at the end."""
    for key in dict.fromkeys([*report.old.instances, *(report.new.instances if report.new else ())]):
        said = [_standing(replayed, key) for replayed in (report.old, report.new) if replayed]
        labels = f" ({', '.join(value for _, value in key.labels if value)})" if key.labels else ""
        yield f"{key.target}{labels}: {' → '.join(dict.fromkeys(said))}"


def _standing(replayed: Replayed, key: InstanceKey) -> str:
    watched = replayed.instances.get(key)
    if watched is None or watched.state is None:
        return "not there"
    return describe(replayed.target(key), watched.state.assessment, replayed.end)


def plain(report: Report, files: Sequence[str]) -> dict[str, Any]:
    """The same as JSON values; spans are seconds. `files` are those of the configurations, old first."""
    both = [replayed for replayed in (report.old, report.new) if replayed]
    return {
        "from": _iso(report.old.start),
        "to": _iso(report.old.end),
        "readings": report.readings,
        "delays": {str(series): late / 1e6 for series, late in report.delays.items()},
        "missing": list(report.missing),
        "seconds": round(report.seconds, 3),
        "differs": report.differs,
        "configurations": [
            {"file": file, "alerts": [_figures(one) for one in figures(replayed).values()], **_instances(replayed)}
            for file, replayed in zip(files, both, strict=True)
        ],
    }


def _figures(one: Figures) -> dict[str, Any]:
    return {
        "target": one.key.target,
        "labels": dict(one.key.labels),
        "alert": one.alert,
        "severity": one.severity,
        "firings": one.firings,
        "firing_seconds": one.total / 1e6,
        "longest_seconds": one.longest / 1e6,
        "flaps": one.flaps,
        "lead_seconds": [None if lead is None else lead / 1e6 for lead in one.leads],
        "firing": one.firing,
    }


def _instances(replayed: Replayed) -> dict[str, Any]:
    return {
        "instances": [
            {
                "target": key.target,
                "labels": dict(key.labels),
                "standing": watched.state.assessment.standing.value if watched.state else "no_data",
                "description": _standing(replayed, key),
                "misses": [_iso(miss.at) for miss in watched.misses],
                "firings": {
                    alert: [
                        {"from": _iso(one.start), "to": None if one.end is None else _iso(one.end)} for one in found
                    ]
                    for alert, found in watched.firings.items()
                },
            }
            for key, watched in replayed.instances.items()
        ]
    }


def _firing(one: Firing) -> dict[str, Any]:
    return {"from": _iso(one.start), "to": None if one.end is None else _iso(one.end)}


def _iso(micros: int) -> str:
    return to_local(micros, "UTC").isoformat().replace("+00:00", "Z")
