"""Inhibition: alerts that are not told because another one fires.

Source: https://prometheus.io/docs/alerting/latest/configuration/#inhibit_rule
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rules.model import Labels, Matcher
from rules.selectors import matches


@dataclass(frozen=True, slots=True)
class InhibitRule:
    """An alert that `source` matches mutes those that `target` matches and whose `equal` labels are the same.

    A label that is missing is the same as an empty one. An alert that both sides match is not muted by another such.
    """

    source: tuple[Matcher, ...] = ()
    target: tuple[Matcher, ...] = ()
    equal: tuple[str, ...] = ()


@dataclass(slots=True)
class _Sources:
    """The firing sources of a rule with the same `equal` labels: those its other side matches too, and the others."""

    plain: dict[str, None]
    both: dict[str, None]


class Inhibition:
    """The firing alerts as the rules see them: asking about one alert costs the same however many fire."""

    def __init__(self, rules: Iterable[InhibitRule]) -> None:
        self.rules = tuple(rules)
        self._sources: list[dict[tuple[str, ...], _Sources]] = [{} for _ in self.rules]
        self._labels: dict[str, Labels] = {}

    def fires(self, fingerprint: str, labels: Labels) -> bool:
        """Takes in a firing alert; whether it has other labels than before and so may mute others no more."""
        if not self.rules or self._labels.get(fingerprint) == labels:
            return False
        moved = self.over(fingerprint)
        self._labels[fingerprint] = labels
        self._place(fingerprint, labels, there=True)
        return moved

    def over(self, fingerprint: str) -> bool:
        """An alert is resolved; whether it could mute others."""
        labels = self._labels.pop(fingerprint, None)
        return labels is not None and self._place(fingerprint, labels, there=False)

    def _place(self, fingerprint: str, labels: Labels, *, there: bool) -> bool:
        placed = False
        for rule, sources in zip(self.rules, self._sources, strict=True):
            if not matches(rule.source, labels):
                continue
            placed = True
            key = _equal(rule, labels)
            found = sources.setdefault(key, _Sources({}, {}))
            which = found.both if matches(rule.target, labels) else found.plain
            if there:
                which[fingerprint] = None
            else:
                which.pop(fingerprint, None)
                if not found.plain and not found.both:
                    del sources[key]
        return placed

    def by(self, labels: Labels) -> str | None:
        """The fingerprint of a firing alert that mutes one with these labels."""
        for rule, sources in zip(self.rules, self._sources, strict=True):
            if not sources or not matches(rule.target, labels):
                continue
            found = sources.get(_equal(rule, labels))
            if found is None:
                continue
            if found.plain:
                return next(iter(found.plain))
            if found.both and not matches(rule.source, labels):
                return next(iter(found.both))
        return None

    def labels_of(self, fingerprint: str) -> Labels:
        """The labels of a firing alert."""
        return self._labels.get(fingerprint, ())


def _equal(rule: InhibitRule, labels: Labels) -> tuple[str, ...]:
    values = dict(labels)
    return tuple(values.get(name, "") for name in rule.equal)
