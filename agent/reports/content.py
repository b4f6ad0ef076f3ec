"""What a report says, from what is known when it is made. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from agent.acts import Act
from agent.alerts.notices import values_of
from agent.config import words
from agent.config.configuration import ReportEntry
from agent.reports.happened import Titles, alerts_in, corrections_in
from rules.model import (
    Correction,
    InstanceKey,
    InstanceState,
    Report,
    ReportMore,
    ReportRow,
    SourceState,
    Standing,
    Target,
    Transition,
    rounded,
)
from rules.words import amount, beside, describe, number, wanted

MOST_ROWS = 200
MOST_OF_TARGET = 20
MOST_LINES = 50  # of changes, alerts and corrections, each
_MOST_NAMED = 5  # in the summary
_GRAVITY = (
    Standing.MISSED,
    Standing.OUT_OF_BAND,
    Standing.BEHIND,
    Standing.NO_DATA,
    Standing.TOO_EARLY,
    Standing.ON_TRACK,
    Standing.IN_BAND,
    Standing.MET,
)
_ORDER = {str(standing): place for place, standing in enumerate(_GRAVITY)}
_ATTENTION = frozenset(map(str, _GRAVITY[:4]))
_WAITING = str(Standing.TOO_EARLY)

Standings = Mapping[InstanceKey, str]
"""The standing of each instance by key, as a report found them."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known when a report is made.

    `states` are the instances of the report's targets and `held` those of them that wait for what they depend on;
    `transitions`, `runs` and `acts` are at least those since the report's start.
    """

    targets: Mapping[str, Target]
    states: Mapping[InstanceKey, InstanceState]
    sources: Mapping[str, SourceState] = field(default_factory=dict)
    held: Mapping[InstanceKey, str] = field(default_factory=dict)
    transitions: Sequence[Transition] = ()
    runs: Sequence[Correction] = ()
    acts: Sequence[Act] = ()


def standings_of(known: Known) -> dict[InstanceKey, str]:
    """What the next report compares with."""
    return {key: str(state.assessment.standing) for key, state in known.states.items()}


def report_of(
    entry: ReportEntry,
    known: Known,
    span: tuple[int, int],
    before: Standings | None,
    scheduled: int | None = None,
    external_url: str = "",
) -> Report:
    """The report of the time from `span[0]` (not included) to `span[1]`. `before` is None if it is the first."""
    start, now = span
    rows = sorted(_rows(known, now, before or {}), key=lambda row: (_ORDER[row.standing], bool(row.held)))
    changed = [row for row in rows if before is not None and row.before != row.standing]
    titles = Titles(known.targets)
    fired = alerts_in(known.transitions, known.states, known.sources, span, known.acts, titles)
    runs = corrections_in(known.runs, span, titles)
    shown, more = _cut(rows)
    lists = (("changes", changed), ("alerts", fired), ("corrections", runs))
    more += [ReportMore(name, len(found) - MOST_LINES) for name, found in lists if len(found) > MOST_LINES]
    return Report(
        name=entry.name,
        title=entry.title,
        format=entry.format,
        zone=entry.zone,
        start=start,
        end=now,
        scheduled=scheduled,
        first=before is None,
        summary=summary(rows, {name for name, target in known.targets.items() if target.checkin}),
        counts=dict(Counter(row.standing for row in rows)),
        rows=tuple(shown),
        changes=tuple(changed[:MOST_LINES]),
        alerts=tuple(fired[:MOST_LINES]),
        corrections=tuple(runs[:MOST_LINES]),
        more=tuple(more),
        external_url=external_url,
    )


def _rows(known: Known, now: int, before: Standings) -> Iterable[ReportRow]:
    """One row for each instance; a target that has none yet has one all the same."""
    by_target: dict[str, list[InstanceState]] = {name: [] for name in known.targets}
    for state in known.states.values():
        by_target[state.key.target].append(state)
    for name, states in by_target.items():
        target = known.targets[name]
        if not states:
            yield _row_of_none(target)
        for state in sorted(states, key=lambda one: one.key):
            yield _row(target, state, now, before.get(state.key, ""), known.held.get(state.key, ""))


def _row_of_none(target: Target) -> ReportRow:
    none = str(Standing.NO_DATA)
    words_ = "no data: nothing was read yet"
    return ReportRow(
        target.name, {}, target.title, none, words_, None, goal=words.wanted_of(target), before=none, zone=target.zone
    )


def _row(target: Target, state: InstanceState, now: int, before: str, held: str) -> ReportRow:
    found = state.assessment
    bounds = (found.at_least, found.at_most)
    said = describe(target, found, now)
    return ReportRow(
        target=target.name,
        labels=dict(state.key.labels),
        title=Titles.of_instance(target, state.key),
        standing=str(found.standing),
        words=f"held by {held}, which is off; {said}" if held else said,
        since=state.since,
        value=_value(target, found.value, bounds),
        goal=wanted(found, target) or words.wanted_of(target),
        progress="" if found.progress is None or found.start is None else number(rounded(found.progress * 100), "%"),
        required=_required(target, state),
        projection=_projection(target, state),
        before=before,
        held=held,
        values=values_of(found),
        period_start=found.start,
        period_end=found.end,
        zone=target.zone,
        unit=target.unit,
        percent=target.percent,
    )


def _value(target: Target, value: float | None, bounds: tuple[float | None, ...]) -> str:
    if target.checkin or value is None:
        return ""
    return beside(value, bounds, target.unit, percent=target.percent)


def _required(target: Target, state: InstanceState) -> str:
    rate = state.assessment.required_rate
    open_ = state.assessment.standing in {Standing.BEHIND, Standing.ON_TRACK, Standing.TOO_EARLY}
    return f"{_computed(target, rate)} a day" if rate is not None and open_ else ""


def _projection(target: Target, state: InstanceState) -> str:
    projection = state.assessment.projection
    if projection is None:
        return ""
    text = _computed(target, projection.value)
    if projection.low is None or projection.high is None:
        return text
    return f"{text} ({_computed(target, projection.low)} to {_computed(target, projection.high)})"


def _computed(target: Target, value: float) -> str:
    return amount(value if target.percent else rounded(value), target, unit=False)


def _cut(rows: Sequence[ReportRow]) -> tuple[list[ReportRow], list[ReportMore]]:
    """The rows that are shown, and how many of which target are not."""
    taken: Counter[str] = Counter()
    left: Counter[str] = Counter()
    shown: list[ReportRow] = []
    for row in rows:
        if taken[row.target] < MOST_OF_TARGET and len(shown) < MOST_ROWS:
            taken[row.target] += 1
            shown.append(row)
        else:
            left[row.target] += 1
    return shown, [ReportMore(name, count) for name, count in left.items()]


def summary(rows: Sequence[ReportRow], checkins: Collection[str] = ()) -> str:
    """How many are on target and which are not, the worst first; `rows` are in that order.

    A target of `checkins` without data was not called yet, and did not have to be.
    """

    def waits(row: ReportRow) -> bool:
        return row.standing == _WAITING or (row.standing == Standing.NO_DATA and row.target in checkins)

    wrong = [row for row in rows if row.standing in _ATTENTION and not row.held and not waits(row)]
    waiting = sum(waits(row) and not row.held for row in rows)
    held = sum(bool(row.held) for row in rows)
    if not rows:
        return "There is nothing to report on yet."
    good = len(rows) - len(wrong) - waiting - held
    parts = (_on_target(good, len(rows)), _attention(wrong), _others(waiting, held))
    return " ".join(part for part in parts if part)


def _on_target(good: int, of: int) -> str:
    if good == of:
        return "It is on target." if good == 1 else f"All {good:,} are on target."
    if good == 0:
        return "" if of == 1 else f"None of {of:,} is on target."
    return f"{good:,} of {of:,} {'is' if good == 1 else 'are'} on target."


def _attention(wrong: Sequence[ReportRow]) -> str:
    if not wrong:
        return ""
    named = "; ".join(f"{row.title} {row.words}" for row in wrong[:_MOST_NAMED])
    more = f"; and {len(wrong) - _MOST_NAMED:,} more" if len(wrong) > _MOST_NAMED else ""
    return f"{len(wrong):,} {'needs' if len(wrong) == 1 else 'need'} attention: {named}{more}."


def _others(waiting: int, held: int) -> str:
    parts = [f"For {waiting:,} it is too early to say."] if waiting else []
    if held:
        parts.append(f"{held:,} {'waits for what it depends' if held == 1 else 'wait for what they depend'} on.")
    return " ".join(parts)
