"""What alerts and corrections did in the period of a report. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from agent.acts import Act
from rules.alerts import SOURCE_ALERT, is_open
from rules.corrections import OPEN
from rules.model import (
    AlertStatus,
    Correction,
    Event,
    InstanceKey,
    InstanceState,
    ReportAlert,
    ReportCorrections,
    Series,
    SourceState,
    Target,
    Transition,
)

_GRAVITY = {"critical": 0, "error": 1, "warning": 2, "info": 3}
Named = tuple[InstanceKey, str]
"""An instance and the name of its alert; for a source's alert the key has the source as its only label."""


@dataclass(frozen=True, slots=True)
class Titles:
    """What instances and sources are called."""

    targets: Mapping[str, Target]

    def of(self, key: InstanceKey) -> str:
        """The title of an instance, or of a source."""
        if not key.target:
            return f"Source {dict(key.labels).get('source', '')}"
        target = self.targets.get(key.target)
        return self.of_instance(target, key) if target else str(Series(*key))

    @staticmethod
    def of_instance(target: Target, key: InstanceKey) -> str:
        """The title of the target, with what tells the instance from its others in brackets."""
        of = ", ".join(value for _, value in key.labels if value)
        return f"{target.title} ({of})" if of else target.title


@dataclass(slots=True)
class _Episode:
    """One firing: from when, until when (None: still), how grave."""

    start: int
    end: int | None = None
    severity: str = "warning"


@dataclass(slots=True)
class _Life:
    """The firings of one alert by episode, and who took it."""

    episodes: dict[int, _Episode] = field(default_factory=dict)
    taken: list[str] = field(default_factory=list)


def alerts_in(
    transitions: Iterable[Transition],
    states: Mapping[InstanceKey, InstanceState],
    sources: Mapping[str, SourceState],
    span: tuple[int, int],
    acts: Iterable[Act],
    titles: Titles,
) -> list[ReportAlert]:
    """What each alert did that was open at some time in the span: those still open first, then the gravest.

    `transitions` are at least those in the span, in any order.
    """
    lives: dict[Named, _Life] = {}
    for change in sorted(transitions, key=lambda one: one.at):
        about = _named(change)[0]
        known = about.target in titles.targets if about.target else dict(about.labels)["source"] in sources
        if known and span[0] < change.at <= span[1]:
            _take(lives, change)
    for key, name, status in _open(states, sources):
        began = status.open_since or status.fired_at or span[1]
        episode = _life(lives, (key, name)).episodes.setdefault(status.episode, _Episode(began))
        episode.severity = status.severity or dict(status.labels).get("severity", episode.severity)
        if status.acknowledged and status.acknowledged.by not in lives[key, name].taken:
            lives[key, name].taken.append(status.acknowledged.by)
    _take_acts(lives, acts, span)
    found = [_said(named, life, span, titles) for named, life in lives.items() if life.episodes]
    return sorted(found, key=lambda one: (not one.open, _GRAVITY.get(one.severity, len(_GRAVITY)), -one.lasted))


def _take(lives: dict[Named, _Life], change: Transition) -> None:
    named = _named(change)
    if change.event is Event.FIRING:
        life = _life(lives, named)
        life.episodes[change.episode] = _Episode(change.fired_at or change.at, severity=_severity(change))
    elif change.event is Event.RESOLVED:
        life = _life(lives, named)
        episode = life.episodes.setdefault(change.episode, _Episode(change.fired_at or change.at))
        episode.end, episode.severity = change.at, _severity(change)


def _take_acts(lives: Mapping[Named, _Life], acts: Iterable[Act], span: tuple[int, int]) -> None:
    """Who took alerts that are over by now: the audit log knows them by name and subject."""
    by_subject = {_subject(named): life for named, life in lives.items()}
    for act in sorted(acts, key=lambda one: one.at):
        life = by_subject.get(act.subject) if act.act == "acknowledge" and span[0] < act.at <= span[1] else None
        if life is not None and act.person.name not in life.taken:
            life.taken.append(act.person.name)


def _subject(named: Named) -> str:
    key, name = named
    return f"{name} of {Series(*key) if key.target else dict(key.labels).get('source', '')}"


def _said(named: Named, life: _Life, span: tuple[int, int], titles: Titles) -> ReportAlert:
    key, name = named
    newest = life.episodes[max(life.episodes)]
    return ReportAlert(
        title=titles.of(key),
        alert=name,
        severity=newest.severity,
        fired=sum(span[0] < episode.start <= span[1] for episode in life.episodes.values()),
        lasted=sum(_within(episode, span) for episode in life.episodes.values()),
        open=newest.end is None,
        taken_by=tuple(life.taken),
    )


def _within(episode: _Episode, span: tuple[int, int]) -> int:
    end = span[1] if episode.end is None else min(episode.end, span[1])
    return max(end - max(episode.start, span[0]), 0)


def _open(
    states: Mapping[InstanceKey, InstanceState], sources: Mapping[str, SourceState]
) -> Iterator[tuple[InstanceKey, str, AlertStatus]]:
    for state in states.values():
        for name, status in state.alerts.items():
            if is_open(status):
                yield state.key, name, status
    for source in sources.values():
        if is_open(source.alert):
            yield _of_source(source.name), SOURCE_ALERT, source.alert


def _life(lives: dict[Named, _Life], named: Named) -> _Life:
    return lives.setdefault(named, _Life())


def _named(change: Transition) -> Named:
    return (change.key if change.key.target else _of_source(dict(change.labels).get("source", ""))), change.alert


def _of_source(name: str) -> InstanceKey:
    return InstanceKey("", (("source", name),))


def _severity(change: Transition) -> str:
    return dict(change.labels).get("severity", "warning")


def _ended(run: Correction) -> str:
    """How a run stands, or ended; what only said what it would have done counts as that."""
    return "dry run" if run.dry_run and run.state not in OPEN else str(run.state)


def corrections_in(runs: Iterable[Correction], span: tuple[int, int], titles: Titles) -> list[ReportCorrections]:
    """How the runs ended that moved in the span, by instance and action."""
    found: dict[tuple[InstanceKey, str], Counter[str]] = {}
    for run in runs:
        if span[0] < run.updated <= span[1] and run.key.target in titles.targets:
            found.setdefault((run.key, run.action), Counter())[_ended(run)] += 1
    return [
        ReportCorrections(titles.of(key), action, dict(sorted(states.items())))
        for (key, action), states in sorted(found.items())
    ]
