"""A clock that was set, and a daemon that was away: no span stalls, and nothing fires for the jump alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.engine import States
from rules.model import (
    HOUR,
    MINUTE,
    SECOND,
    AlertRule,
    Goal,
    InstanceKey,
    NoData,
    Polled,
    Reading,
    Selector,
    SourceRule,
    Standing,
    Target,
)
from rules.present import EARLY
from rules.scene import not_later
from rules.specs import PUSHED
from tests.rules.world import World, at, series

NOON = at("2026-11-24 12:00")
TEMPERATURE = series("temperature")
OUT = AlertRule("out", Standing.OUT_OF_BAND)
ROOM = Target("t", "Room", Goal(at_least=20, at_most=23), Selector("temperature"), alerts=(OUT,))
QUIET = replace(ROOM, no_data=NoData(10 * MINUTE))
POLLED = [SourceRule("a", ("temperature",), 10 * SECOND)]


def restarted(world: World, now: int) -> list[str]:
    """The world after a start of the daemon at `now`: it listens from then on, and looks at everything once."""
    world.states = States(world.states.instances, world.states.sources, now)
    return world.step(now, due=[InstanceKey("t")])


class TestAwayFromCallers:
    """Silence of a source that is called counts from when it could be called."""

    @pytest.mark.parametrize("source", ["a", PUSHED])
    def test_an_outage_is_no_silence_of_the_callers(self, source: str) -> None:
        world = World(QUIET, sources=[SourceRule("a", ("temperature",), None)] if source == "a" else [])
        world.step(NOON, Reading(TEMPERATURE._replace(labels=(("source", source),)), NOON, 21))
        back = NOON + HOUR
        assert restarted(world, back) == []
        assert world.states.instances[InstanceKey("t")].wake == back + 10 * MINUTE
        assert world.step(back + 10 * MINUTE - 1) == []
        assert world.step(back + 10 * MINUTE) == ["no-data firing"]

    def test_a_target_that_never_had_a_reading_waits_too(self) -> None:
        world = World(QUIET, sources=[])
        assert restarted(world, NOON) == []
        assert restarted(world, NOON + HOUR) == []
        assert world.look(NOON + HOUR + 9 * MINUTE).wake == NOON + HOUR + 10 * MINUTE
        assert world.step(NOON + HOUR + 10 * MINUTE) == ["no-data firing"]

    def test_who_was_silent_before_the_outage_still_is(self) -> None:
        world = World(QUIET)
        world.step(NOON, Reading(TEMPERATURE, NOON, 21))
        assert world.step(NOON + 10 * MINUTE) == ["no-data firing"]
        assert restarted(world, NOON + HOUR) == []
        assert world.look(NOON + HOUR).assessment.silent
        assert world.step(NOON + HOUR + 1, Reading(TEMPERATURE, NOON + HOUR, 21)) == ["no-data resolved"]

    def test_a_late_reading_does_not_shorten_the_wait(self) -> None:
        world = World(QUIET)
        world.step(NOON, Reading(TEMPERATURE, NOON, 21))
        restarted(world, NOON + HOUR)
        world.step(NOON + HOUR + MINUTE, Reading(TEMPERATURE, NOON + HOUR + MINUTE, 21))
        assert world.step(NOON + HOUR + 11 * MINUTE - 1) == []
        assert world.step(NOON + HOUR + 11 * MINUTE) == ["no-data firing"]

    def test_each_start_counts_anew(self) -> None:
        world = World(QUIET)
        world.step(NOON, Reading(TEMPERATURE, NOON, 21))
        assert [restarted(world, NOON + i * 9 * MINUTE) for i in range(1, 6)] == [[]] * 5
        assert world.step(NOON + 55 * MINUTE) == ["no-data firing"]

    def test_a_polled_source_is_asked_and_its_silence_is_its_own(self) -> None:
        world = World(QUIET, sources=POLLED)
        world.step(NOON, Reading(TEMPERATURE, NOON, 21), polls=[Polled("a", NOON)])
        assert restarted(world, NOON + HOUR) == []
        told = world.step(NOON + HOUR + 1, polls=[Polled("a", NOON + HOUR + 1)], due=[InstanceKey("t")])
        assert told == ["no-data firing"]


class TestSetBack:
    """The clock is an hour behind what is remembered; spans go on from now."""

    def test_for_is_over_at_most_so_long_after_the_step(self) -> None:
        world = World(replace(ROOM, alerts=(replace(OUT, for_=2 * MINUTE),)))
        assert world.step(NOON, Reading(TEMPERATURE, NOON, 25)) == ["out pending"]
        back = NOON - HOUR
        state = world.look(back)
        assert (state.wake, state.since, state.alerts["out"].since) == (back + 2 * MINUTE, back, back)
        assert world.step(back + 2 * MINUTE - 1) == []
        assert world.step(back + 2 * MINUTE) == ["out firing"]
        assert world.transitions[-1].fired_at == back + 2 * MINUTE

    def test_keep_firing_for(self) -> None:
        world = World(replace(ROOM, alerts=(replace(OUT, keep_firing_for=5 * MINUTE),)))
        world.step(NOON, Reading(TEMPERATURE, NOON, 25))
        assert world.step(NOON + 1, Reading(TEMPERATURE, NOON + 1, 21)) == ["out recovering"]
        back = NOON - HOUR
        assert world.look(back).alerts["out"].fired_at == NOON  # names the episode, so it stays
        assert world.step(back + 5 * MINUTE) == ["out resolved"]

    @pytest.mark.parametrize("sources", [POLLED, None])
    def test_no_data(self, sources: list[SourceRule] | None) -> None:
        world = World(QUIET, sources=sources)
        world.step(NOON, Reading(TEMPERATURE, NOON, 21), polls=[Polled("a", NOON)])
        back = NOON - HOUR
        assert world.look(back).wake == back + 10 * MINUTE
        end = back + 10 * MINUTE
        assert world.step(end, polls=[Polled("a", end)]) == ["no-data firing"]

    def test_readings_that_are_old_to_a_newest_from_the_future_are_signs_of_life(self) -> None:
        world = World(QUIET, sources=POLLED)
        world.step(NOON, Reading(TEMPERATURE, NOON, 21), polls=[Polled("a", NOON)])
        told = []
        for i in range(30):
            now = NOON - HOUR + i * MINUTE
            told += world.step(now, Reading(TEMPERATURE, now - SECOND, 21), polls=[Polled("a", now)])
        assert told == []

    @given(st.integers(0, 2 * HOUR), st.integers(0, 3 * HOUR), st.integers(1, HOUR))
    def test_wherever_the_clock_goes_it_fires_within_its_span(self, before: int, back: int, span: int) -> None:
        world = World(replace(ROOM, alerts=(replace(OUT, for_=span),)))
        world.step(NOON, Reading(TEMPERATURE, NOON, 25))
        world.look(NOON + before)
        now = NOON + before - back
        world.look(now)
        world.look(now + span)
        assert [moved.event for moved in world.transitions if moved.event == "firing"] == ["firing"]

    def test_what_is_past_stays_as_it_is(self) -> None:
        world = World(ROOM)
        world.step(NOON, Reading(TEMPERATURE, NOON, 25))
        state = world.states.instances[InstanceKey("t")]
        assert not_later(state, NOON) is state


class TestAhead:
    """Readings are stamped later than now: by a source whose clock leaps, or by this one before it was set back."""

    @pytest.mark.parametrize("goal", [ROOM.goal, Goal(condition="20 <= last(temperature) <= 23")])
    def test_the_newest_of_now_decides_until_the_time_of_the_other_has_come(self, goal: Goal) -> None:
        world = World(replace(ROOM, goal=goal, recover=None))
        world.step(NOON, Reading(TEMPERATURE, NOON, 21))
        assert world.step(NOON + SECOND, Reading(TEMPERATURE, NOON + HOUR, 22)) == []
        assert world.step(NOON + MINUTE, Reading(TEMPERATURE, NOON + MINUTE, 25)) == ["out firing"]
        comes = world.states.instances[InstanceKey("t")].wake
        assert comes == NOON + HOUR - EARLY
        assert world.step(comes - 1) == []
        assert world.step(comes) == ["out resolved"]

    def test_a_little_ahead_counts_at_once(self) -> None:
        world = World(ROOM)
        assert world.step(NOON, Reading(TEMPERATURE, NOON + EARLY, 25)) == ["out firing"]

    def test_a_clock_set_back_changes_nothing_by_itself_and_the_first_reading_of_now_counts(self) -> None:
        world = World(ROOM)
        world.step(NOON - 2 * HOUR, Reading(TEMPERATURE, NOON - 2 * HOUR, 25))
        assert world.step(NOON, Reading(TEMPERATURE, NOON, 21)) == ["out resolved"]
        back = NOON - HOUR
        world.look(back)
        assert world.step(back, Reading(TEMPERATURE, back, 21)) == []
        assert world.step(back + MINUTE, Reading(TEMPERATURE, back + MINUTE, 25)) == ["out firing"]

    def test_very_many_ahead_take_no_place_of_those_of_now(self) -> None:
        world = World(ROOM)
        for ahead in range(100):
            world.step(NOON + ahead * SECOND, Reading(TEMPERATURE, NOON + ahead * SECOND, 21))
        back = NOON - HOUR
        assert world.step(back, Reading(TEMPERATURE, back, 25)) == ["out firing"]
        for later in range(1, 100):
            assert world.step(back + later * SECOND, Reading(TEMPERATURE, back + later * SECOND, 25)) == []
        assert world.step(back + MINUTE + 40 * SECOND, Reading(TEMPERATURE, back + 99 * SECOND, 21)) == ["out resolved"]

    @given(
        st.lists(st.tuples(st.integers(0, 20), st.sampled_from([0, 0, 0, -5, 30, 61, 100]), st.sampled_from([21, 25])))
    )
    def test_it_stands_by_the_newest_reading_not_ahead(self, comes: list[tuple[int, int, int]]) -> None:
        world, now, known = World(ROOM), NOON, {}
        for gap, ahead, value in comes:
            now += gap * SECOND
            known[now + ahead * SECOND] = value
            world.step(now, Reading(TEMPERATURE, now + ahead * SECOND, value))
            counts = [time for time in known if time <= now + EARLY]
            found = world.states.instances[InstanceKey("t")].assessment
            assert (found.time, found.value) == ((max(counts), known[max(counts)]) if counts else (None, None))


def test_a_jump_forward_fires_nothing_before_a_poll() -> None:
    target = replace(QUIET, alerts=(replace(OUT, for_=2 * MINUTE),))
    world = World(target, sources=POLLED)
    world.step(NOON, Reading(TEMPERATURE, NOON, 25), polls=[Polled("a", NOON)])
    later = NOON + HOUR
    assert world.step(later) == []
    assert world.step(later + 1, due=[InstanceKey("t")]) == []
    assert world.step(later + 2, Reading(TEMPERATURE, later, 21), polls=[Polled("a", later)]) == ["out inactive"]
