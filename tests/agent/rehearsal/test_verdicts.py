"""The engine alone: its verdicts are those of a whole rehearsal, in which people are told and calls are made."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.config.configuration import Configuration
from agent.rehearsal.driver import Rehearsal
from agent.rehearsal.moments import Moment
from agent.rehearsal.verdicts import Verdicts
from rules.model import HOUR, MINUTE, SECOND, AlertRule, Event, InstanceKey, Reading, Standing, Target
from rules.specs import Specs
from tests.agent.rehearsal.scenes import CONDITION, DAILY, LEVEL, START, configuration, series

LAB, HALL = (series("temperature", "a", room=room) for room in ("lab", "hall"))
SALES = series("sales", "b")
HELD = replace(LEVEL, depends_on=("daily",))
_said = {Event.CORRECTION, Event.ESCALATED}  # of corrections, which the engine does not know


def called(*targets: Target) -> Configuration:
    """Sources that are called: a backtest knows of the past that nothing more came."""
    config = configuration(*targets)
    sources = {
        name: replace(entry, every=None, rule=replace(entry.rule, every=None)) for name, entry in config.sources.items()
    }
    return replace(config, sources=sources)


Found = dict[InstanceKey, list[tuple]]


def rehearsed(config: Configuration, arrivals: list, end: int) -> Found:
    found: Found = {}
    rehearsal = Rehearsal(config, START)
    moments = [Moment(at, readings) for at, readings in arrivals]
    for decisions in (rehearsal.begin(), rehearsal.play(moments), rehearsal.wait(end)):
        for decision in decisions:
            moved = [one for one in decision.transitions if one.event not in _said]
            for key, state in decision.instances.items():
                found.setdefault(key, []).append((decision.now, state, [one for one in moved if one.key == key]))
    return found


def alone(config: Configuration, arrivals: list, end: int) -> Found:
    found: Found = {}
    verdicts = Verdicts(Specs(config.targets.values(), [entry.rule for entry in config.sources.values()]), START)
    for said in (verdicts.begin(), verdicts.play(arrivals), verdicts.wait(end)):
        for now, state, moved in said:
            found.setdefault(state.key, []).append((now, state, list(moved)))
    return found


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 45),
            st.sampled_from([LAB, LAB, LAB, HALL, SALES]),
            st.sampled_from([None, 19.0, 20.2, 21.0, 21.0, 22.8, 25.0, 900.0]),
        ),
        min_size=1,
        max_size=25,
    ),
    st.sampled_from([(LEVEL,), (DAILY,), (CONDITION,), (HELD, DAILY), (LEVEL, DAILY, CONDITION)]),
)
def test_what_is_told_and_called_changes_no_verdict(rows: list, targets: tuple[Target, ...]) -> None:
    readings, now = [], START
    for minutes, one, value in rows:
        now += minutes * MINUTE
        readings.append(Reading(one, now, value))
    arrivals = [(at, tuple(together)) for at, together in groupby(readings, key=lambda reading: reading.time)]
    config, end = called(*targets), now + 30 * HOUR
    assert alone(config, arrivals, end) == rehearsed(config, arrivals, end)


@pytest.mark.parametrize(("late", "resolved"), [(0, False), (SECOND // 2, False), (SECOND, True), (90 * SECOND, True)])
@pytest.mark.parametrize("go", [alone, rehearsed])
def test_a_breach_within_a_tick_of_the_end_of_recovering_goes_on_firing_as_in_the_daemon(go, late, resolved) -> None:
    """A daemon looks once a second, so the reading is there before it finds that the time is over."""
    back = START + HOUR
    sticky = replace(LEVEL, alerts=(AlertRule("sticky", Standing.OUT_OF_BAND, keep_firing_for=5 * MINUTE),), correct=())
    times = [START, back, back + 5 * MINUTE + late]
    arrivals = [(at, (Reading(LAB, at, value),)) for at, value in zip(times, (25.0, 21.0, 25.0), strict=True)]
    (found,) = go(called(sticky), arrivals, times[-1] + SECOND).values()
    events = [one.event for _, _, moved in found for one in moved if one.alert == "sticky"]
    ends = [Event.RESOLVED] if resolved else []
    assert events == [Event.FIRING, Event.RECOVERING, *ends, Event.FIRING]
