"""Configurations and readings for rehearsals, and what a store would give back after a restart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from agent.config.configuration import ActionEntry, Configuration, NotifierEntry, SourceEntry
from agent.deciding.decision import Decision
from agent.deciding.memory import Memory
from agent.rehearsal.driver import Rehearsal
from agent.rehearsal.moments import Answer, Moment
from agent.store.codec import decode, encode
from agent.store.records import Remembered
from rules import corrections
from rules.history import History
from rules.model import (
    HOUR,
    MINUTE,
    SECOND,
    AlertRule,
    CalendarPeriod,
    Checkin,
    Correction,
    CorrectRule,
    Goal,
    Group,
    InstanceState,
    Measure,
    Member,
    NoData,
    Reading,
    Recover,
    Selector,
    Series,
    SourceRule,
    SourceState,
    Standing,
    Target,
    Transition,
)
from tests.rules.world import at

START = at("2026-03-01T00:00:00")
LEVEL = Target(
    "room",
    "Room",
    Goal(at_least=20, at_most=23),
    Selector("temperature"),
    by=("room",),
    recover=Recover(20.5, 22.5),
    no_data=NoData(40 * MINUTE),
    alerts=(
        AlertRule("hot", Standing.OUT_OF_BAND, for_=12 * MINUTE, keep_firing_for=15 * MINUTE, notify=("team",)),
        AlertRule("at-once", Standing.OUT_OF_BAND),
    ),
    correct=(CorrectRule("hot", "cool", 20 * MINUTE, 2, 10 * MINUTE, ("oncall",)),),
)
DAILY = Target(
    "daily",
    "Sales",
    Goal(Measure.SUM, at_least=2_000, per=CalendarPeriod("day")),
    Selector("sales"),
    alerts=(AlertRule("behind", Standing.BEHIND, for_=5 * MINUTE), AlertRule("missed", Standing.MISSED)),
)
CONDITION = Target(
    "quiet",
    "Quiet",
    Goal(condition="avg(temperature, '30m') < 22 or last(sales) > 150"),
    alerts=(AlertRule("loud", Standing.OUT_OF_BAND, for_=10 * MINUTE),),
)
CHECKIN = Target(
    "nightly",
    "Nightly",
    None,
    source="backup",
    checkin=Checkin(None, HOUR, "UTC", 10 * MINUTE),
    alerts=(AlertRule("late", Standing.MISSED, severity="critical"),),
)
RULES = (
    SourceRule("a", ("temperature",), 5 * MINUTE),
    SourceRule("b", ("sales",), 10 * MINUTE),
    SourceRule("backup", ("checkin", "checkin_start", "checkin_exit_status"), None),
)


def configuration(*targets: Target) -> Configuration:
    webhook = (NotifierEntry("webhook", None),)
    return Configuration(
        sources={
            rule.name: SourceEntry(rule.name, "http", None, rule.every, None, "UTC", SECOND, rule) for rule in RULES
        },
        targets={target.name: target for target in targets},
        actions={"cool": ActionEntry("cool", "webhook", None, (3, 3600))},
        receivers={"team": webhook, "oncall": webhook},
    )


def series(name: str, source: str, **labels: str) -> Series:
    return Series(name, tuple(sorted({**labels, "source": source}.items())))


class Stored:
    """The readings a store would hold, each as it was revised last."""

    def __init__(self) -> None:
        self.values: dict[tuple[Series, int], float | None] = {}

    def keep(self, readings: Iterable[Reading]) -> None:
        for reading in readings:
            self.values[reading.series, reading.time] = reading.value

    def history(self, rehearsal: Rehearsal) -> History:
        history = History(rehearsal.specs)
        for (one, time), value in sorted(self.values.items()):
            history.add(Reading(one, time, value))
        return history


def restarted(rehearsal: Rehearsal, config: Configuration, stored: Stored, ended: dict[str, Correction]) -> Rehearsal:
    """Another process with what was committed: every state encoded and decoded, the history read anew."""
    memory = rehearsal.memory
    instances = [decode(InstanceState, encode(state)) for state in memory.instances.values()]
    sources = [decode(SourceState, encode(state)) for state in memory.sources.values()]
    runs = [decode(Correction, encode(run)) for run in ended.values()]
    calls = [(action, time) for action in config.actions for time in memory.calls_of(action)]
    groups = memory.groups
    members = [member for inside in groups.members.values() for member in inside.values()]
    remembered = Remembered(
        {state.key: state for state in instances},
        {state.name: state for state in sources},
        tuple(run for run in runs if run.state in corrections.OPEN),
        [decode(Group, encode(group)) for group in groups.groups.values()],
        [decode(Member, encode(member)) for member in members],
    )
    again = Memory(remembered, [run for run in runs if run.state not in corrections.OPEN], calls, rehearsal.now)
    history = stored.history(rehearsal)
    return Rehearsal(config, rehearsal.now, rehearsal.polls, rehearsal.answers, again, history)


def transitions(decisions: Iterable[Decision]) -> list[Transition]:
    return [transition for decision in decisions for transition in decision.transitions]


def played(
    config: Configuration,
    moments: Sequence[Moment],
    restarts: frozenset[int] = frozenset(),
    answer: Answer | None = None,
    *,
    only_look: bool = False,
) -> Iterator[Decision]:
    """Plays moments, restarting after those at the given positions; or only looking at everything there."""
    given = answer or Answer()
    rehearsal = Rehearsal(config, START, None, lambda _action, _at: given)
    stored, runs = Stored(), dict[str, Correction]()

    def noted(decisions: Iterable[Decision]) -> Iterator[Decision]:
        for decision in decisions:
            runs.update(decision.runs)
            yield decision

    yield from noted(rehearsal.begin())
    for position, moment in enumerate(moments):
        stored.keep(moment.readings)
        yield from noted(rehearsal.play([moment]))
        if position in restarts:
            if not only_look:
                rehearsal = restarted(rehearsal, config, stored, runs)
            yield from noted(rehearsal.begin())
