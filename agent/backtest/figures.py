"""What an alert's firings amount to."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from agent.backtest.replay import FLAP, Firing, Miss, Replayed, Watched
from rules.model import AlertRule, InstanceKey, Standing

Name = tuple[InstanceKey, str]
"""An instance and one of its alerts."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One alert on one instance. Spans are microseconds.

    `leads` has for each miss how long before it the alert fired, None where it did not; it is empty for an alert that
    waits for the miss itself.
    """

    key: InstanceKey
    alert: str
    severity: str
    firings: int
    total: int
    longest: int
    flaps: int
    leads: tuple[int | None, ...]
    firing: bool

    @property
    def unwarned(self) -> int:
        """The misses before which it did not fire."""
        return sum(lead is None for lead in self.leads)


def figures(replayed: Replayed) -> Mapping[Name, Figures]:
    """The figures of every alert, by instance and alert, in the order of the configuration."""
    return {(one.key, one.alert): one for one in _all(replayed)}


def _all(replayed: Replayed) -> Iterator[Figures]:
    order = {name: place for place, name in enumerate(replayed.specs.targets)}
    for key in sorted(replayed.instances, key=lambda key: (order[key.target], key.labels)):
        for rule in replayed.specs.rules[key.target]:
            yield _of(replayed.instances[key], rule, replayed.end)


def _of(watched: Watched, rule: AlertRule, end: int) -> Figures:
    firings = watched.firings.get(rule.name, [])
    lengths = [(firing.end or end) - firing.start for firing in firings]
    flaps = sum(after.start - (before.end or end) < FLAP for before, after in pairwise(firings))
    warns = rule.when is not Standing.MISSED
    leads = tuple(_lead(miss, firings) for miss in watched.misses if miss.start is not None) if warns else ()
    return Figures(
        key=watched.key,
        alert=rule.name,
        severity=rule.severity,
        firings=len(firings),
        total=sum(lengths),
        longest=max(lengths, default=0),
        flaps=flaps,
        leads=leads,
        firing=bool(firings) and firings[-1].end is None,
    )


def _lead(miss: Miss, firings: Sequence[Firing]) -> int | None:
    """How long before a miss the alert first fired in its period."""
    start = miss.start or 0
    first = bisect_right(firings, start, key=lambda one: one.end or miss.at)  # they follow one another
    began = firings[first].start if first < len(firings) else miss.at
    return miss.at - max(began, start) if began < miss.at else None
