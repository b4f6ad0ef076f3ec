"""What is due and when, against a plain list of states; and which corrections are kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.deciding.decided import Decision
from agent.deciding.memory import Memory
from agent.store.records import Remembered
from rules import corrections
from rules.model import (
    HOUR,
    MINUTE,
    SECOND,
    AlertState,
    AlertStatus,
    Assessment,
    Correction,
    Health,
    InstanceKey,
    InstanceState,
    RunState,
    Silence,
    SourceState,
    Standing,
)

KEYS = [InstanceKey("t", (("room", room),)) for room in "abcd"]
EMPTY = Remembered({}, {}, [])


def state(key: InstanceKey, wake: int | None) -> InstanceState:
    return InstanceState(key, Assessment(Standing.MET), since=0, created=0, wake=wake)


def remember(memory: Memory, *states: InstanceState) -> None:
    memory.remember(states, (), (), ())


wakes = st.none() | st.integers(0, 100)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("remember"), st.sampled_from(KEYS), wakes),
        st.tuples(st.just("forget"), st.sampled_from(KEYS), st.none()),
        st.tuples(st.just("tick"), st.none(), st.integers(0, 30)),
    ),
    max_size=60,
)


@given(st.dictionaries(st.sampled_from(KEYS), wakes), steps)
def test_every_time_comes_once_and_none_is_lost(first, moves):
    """The plain model: what is due is every known instance whose time is over and was not given out since it was set."""
    memory = Memory(Remembered({key: state(key, wake) for key, wake in first.items()}, {}, []))
    waiting: dict[InstanceKey, int] = {key: wake for key, wake in first.items() if wake is not None}
    now = 0
    for what, key, number in moves:
        if what == "remember":
            remember(memory, state(key, number))
            waiting.pop(key, None)
            if number is not None:
                waiting[key] = number
        elif what == "forget":
            memory.forget([key])
            waiting.pop(key, None)
        else:
            now += number
            assert memory.next_due() == min(waiting.values(), default=None)
            due = memory.take_due(now)
            assert sorted(due) == sorted(key for key, wake in waiting.items() if wake <= now)
            for one in due:
                del waiting[one]
    assert sorted(memory.take_due(10**9)) == sorted(waiting)
    assert memory.take_due(10**9) == []


def test_an_instance_that_was_looked_at_and_stayed_is_due_again():
    """Given out, then looked at by a clock that was set back meanwhile: nothing changed, but its time still comes."""
    memory = Memory(EMPTY)
    remember(memory, state(KEYS[0], 10))
    assert memory.take_due(10) == [KEYS[0]]
    memory.looked_at([KEYS[0], KEYS[1]])
    assert memory.take_due(10) == [KEYS[0]]
    remember(memory, state(KEYS[0], 30))
    memory.looked_at([KEYS[0]])
    assert memory.take_due(29) == []
    assert memory.take_due(30) == [KEYS[0]]


def test_a_clock_set_back_makes_all_due():
    """Those that wait for a time, and those that were late by the time that it showed before, as after a restart."""
    memory = Memory(EMPTY, now=100)
    remember(memory, state(KEYS[0], 3_000), state(KEYS[1], None))
    assert memory.take_due(101) == []
    assert memory.take_due(10) == KEYS[:2]
    assert memory.states.listening == 10
    remember(memory, state(KEYS[0], 20))
    assert memory.take_due(19) == []
    assert memory.take_due(20) == [KEYS[0]]


def test_after_a_pause_readings_can_be_sent_from_then_on():
    memory = Memory(EMPTY, now=SECOND)
    memory.take_due(2 * SECOND)
    assert memory.states.listening == SECOND
    memory.take_due(HOUR)
    assert memory.states.listening == HOUR
    memory.resume(HOUR + SECOND)  # no pause
    assert memory.states.listening == HOUR
    memory.resume(2 * HOUR)  # a reload comes before the first tick
    assert memory.states.listening == 2 * HOUR


def test_times_that_move_later_with_each_reading_gather_nothing():
    memory = Memory(EMPTY)
    for time in range(10_000):
        remember(memory, state(KEYS[0], time + 60))
    assert len(memory._timers._heap) == 1


class TestSources:
    UP = SourceState("a", Health.UP, last_success=0)

    def stored(self, after: SourceState) -> bool:
        return Memory(Remembered({}, {"a": self.UP}, [])).sources_to_store([after]) == [after]

    def test_a_mere_success_is_stored_once_a_minute(self):
        assert not self.stored(replace(self.UP, last_success=MINUTE - 1))
        assert self.stored(replace(self.UP, last_success=MINUTE))

    def test_so_is_one_by_a_clock_that_was_set_back(self):
        assert self.stored(replace(self.UP, last_success=-MINUTE))

    def test_what_else_changes_is_stored_at_once(self):
        for change in ({"health": Health.DOWN}, {"failures": 1}, {"last_error": "x"}, {"alert": AlertStatus(since=1)}):
            assert self.stored(replace(self.UP, **change))
        assert Memory(EMPTY).sources_to_store([self.UP]) == [self.UP]

    def test_it_is_measured_from_what_was_stored(self):
        memory = Memory(EMPTY)
        memory.remember((), [self.UP], [self.UP], ())
        for second in range(1, 60):
            later = replace(self.UP, last_success=second * SECOND)
            assert memory.sources_to_store([later]) == []
            memory.remember((), [later], [], ())
        assert memory.sources["a"].last_success == 59 * SECOND
        assert memory.sources_to_store([replace(self.UP, last_success=MINUTE)])

    def test_of_one_read_by_the_calendar_each_success_is_stored(self):
        memory = Memory(Remembered({}, {"a": self.UP}, []))
        assert memory.schedule(["a"], MINUTE) == []
        assert memory.sources_to_store([replace(self.UP, last_success=SECOND)])
        assert memory.sources_to_store([self.UP]) == []

    def test_one_read_by_the_calendar_is_known_from_when_it_is_configured(self):
        memory = Memory(Remembered({}, {"a": self.UP}, []))
        assert memory.schedule(["a", "b"], MINUTE) == [SourceState("b", since=MINUTE)]

    def test_one_read_by_the_calendar_misses_runs_from_when_the_clock_was_set_back(self):
        ahead, new = replace(self.UP, last_success=HOUR), SourceState("b", since=HOUR)
        memory = Memory(Remembered({}, {"a": ahead, "b": new, "c": ahead}, []), now=HOUR)
        memory.schedule(["a", "b"], HOUR)
        memory.take_due(MINUTE)
        moved = memory.scheduled_anew(MINUTE)
        assert moved == [replace(ahead, last_success=MINUTE), replace(new, since=MINUTE)]
        assert memory.sources_to_store(moved) == moved
        assert memory.scheduled_anew(MINUTE) == []
        assert Memory(Remembered({}, {"a": ahead}, [])).schedule(["a"], MINUTE) == moved[:1]  # over a restart


class TestInstances:
    IN = InstanceState(
        KEYS[0], Assessment(Standing.IN_BAND, 1.0, 0, breaching=False), 0, 0, seen=0, alerts={"hot": AlertStatus()}
    )

    def later(self, seconds: int, **other: Any) -> InstanceState:
        at = seconds * SECOND
        return replace(self.IN, assessment=replace(self.IN.assessment, value=2.0, time=at), seen=at, **other)

    def memory(self, before: InstanceState) -> Memory:
        memory = Memory(EMPTY)
        assert memory.instances_to_store([before]) == [before]
        remember(memory, before)
        return memory

    def test_a_mere_value_is_stored_once_a_minute(self):
        memory = self.memory(self.IN)
        assert memory.instances_to_store([self.IN]) == [self.IN]  # the first since the start
        for second in range(1, 60):
            assert memory.instances_to_store([self.later(second)]) == []
            remember(memory, self.later(second))
        assert memory.instances[KEYS[0]] == self.later(59)
        assert memory.instances_to_store([self.later(60)])
        assert memory.instances_to_store([self.later(61)]) == []
        assert memory.instances_to_store([self.later(0)])  # by a clock that was set back

    def test_after_a_start_the_first_is_stored(self):
        assert Memory(Remembered({KEYS[0]: self.IN}, {}, [])).instances_to_store([self.later(1)])

    def test_what_else_changes_is_stored_at_once(self):
        memory = self.memory(self.IN)
        memory.instances_to_store([self.IN])
        changed = replace(self.IN.assessment, value=2.0, time=SECOND, breaching=None)
        others: list[dict[str, Any]] = [
            {"since": 1},
            {"verdict": Standing.IN_BAND},
            {"alerts": {"hot": AlertStatus(judged_at=1)}},
            {"created": 1},
        ]
        assert memory.instances_to_store([replace(self.later(1), assessment=changed)])
        for other in others:
            assert memory.instances_to_store([self.later(1, **other)])
        assert memory.instances_to_store([self.later(1)]) == []

    def test_each_is_stored_where_it_matters_when_it_came_in(self):
        held = replace(self.IN.assessment, hold=True)
        firing = {"hot": AlertStatus(AlertState.FIRING)}
        for other in ({"wake": 10}, {"assessment": held}, {"alerts": firing}):
            before = replace(self.IN, **other)
            memory = self.memory(before)
            memory.instances_to_store([before])
            after = replace(before, assessment=replace(before.assessment, value=2.0, time=1), seen=1)
            assert memory.instances_to_store([after]) == [after]


def run(
    name: str, key: InstanceKey = KEYS[0], of: RunState = RunState.VERIFIED, action: str = "cool", **more
) -> Correction:
    return Correction(name, key, "hot", "f", 1, action, of, 1, 0, more.pop("updated", 0), **more)


class TestRuns:
    @pytest.mark.parametrize("episode", [1, 2])
    def test_the_last_is_the_last_that_ended_wherever_the_clock_was_set(self, episode):
        before, after = (
            run("ahead", place=1),
            replace(run("later", place=3), episode=episode),
        )  # an hour back by the clock
        memory = Memory(EMPTY, ended=[after, run("warm", action="warm", place=2), before])
        assert {one.id for one in memory.runs_of(KEYS[0])} == {"later", "warm"}

    def test_each_that_ends_gets_the_next_place(self):
        memory = Memory(EMPTY, ended=[run("1", place=7)])
        for name, key, of in (("2", KEYS[0], RunState.SKIPPED), ("3", KEYS[1], RunState.VERIFIED)):
            decision = Decision(0, memory)
            decision.put_run(run(name, key, of=RunState.CALLED))
            decision.put_run(run(name, key, of=of))
            decision.put_run(replace(decision.run(name), detail="later"))
            memory.remember((), (), (), decision.runs.values())
        assert [memory.runs[name].place for name in ("2", "3")] == [8, 9]

    def test_open_ones_and_the_last_ended_of_an_action_are_kept(self):
        memory = Memory(EMPTY, ended=[run("1"), run("2"), run("3", action="warm"), run("4", KEYS[1])])
        assert {one.id for one in memory.runs_of(KEYS[0])} == {"2", "3"}
        for i in range(5, 50):
            memory.remember((), (), (), [run(str(i), of=RunState.CALLED)])
            memory.remember((), (), (), [run(str(i))])
        assert {one.id for one in memory.runs_of(KEYS[0])} == {"3", "49"}
        assert [one.id for one in memory.runs_of(KEYS[1])] == ["4"]
        assert set(memory.runs) == {"3", "4", "49"}
        assert memory.runs_of(KEYS[2]) == []

    def test_what_helped_before_another_failed_is_kept(self):
        helped, of_before = run("1", fired_at=5, called_at=5), run("0", fired_at=1, called_at=1)
        memory = Memory(EMPTY, ended=[of_before, helped, run("2", of=RunState.FAILED, fired_at=5, called_at=9)])
        assert {one.id for one in memory.runs_of(KEYS[0])} == {"1", "2"}
        memory.remember((), (), (), [run("3", fired_at=20, called_at=20)])
        assert {one.id for one in memory.runs_of(KEYS[0])} == {"3"}

    def test_due_are_those_whose_time_has_come(self):
        waits = run("1", of=RunState.APPROVED, not_before=10)
        verifies = run("2", KEYS[1], of=RunState.VERIFYING, deadline=20)
        memory = Memory(Remembered({}, {}, [waits, verifies, run("3", KEYS[2], of=RunState.CALLED)]))
        assert memory.due_runs(9) == []
        assert memory.due_runs(10) == [waits]
        assert memory.due_runs(20) == [waits, verifies]
        assert memory.next_due() == 10
        remember(memory, state(KEYS[0], 5))
        assert memory.next_due() == 5

    def test_every_call_counts_for_its_action_as_long_as_a_budget_reaches(self):
        memory = Memory(EMPTY, calls=[("cool", 0), ("cool", 5)], now=6)
        memory.remember(
            (), (), (), [run("1", of=RunState.CALLED, updated=7), run("2", action="warm", of=RunState.CALLED)]
        )
        assert memory.calls_of("cool") == [0, 5, 7]
        memory.remember((), (), (), [run("3", of=RunState.CALLED, updated=corrections.LONGEST_BUDGET + 5)])
        assert memory.calls_of("cool") == [7, corrections.LONGEST_BUDGET + 5]
        assert memory.calls_of("none") == []

    def test_a_call_that_was_not_made_counts_no_more_whatever_the_clock_was_set_to(self):
        memory = Memory(EMPTY, calls=[("cool", 50), ("cool", 50), ("cool", 60), ("warm", 50)], now=100)
        memory.take_due(10)
        assert memory.calls_of("cool", [("cool", 50), ("cool", 60)]) == [50]
        memory.forget_call("cool", 50)
        memory.forget_call("none", 50)
        assert memory.all_calls() == [50, 60, 50]

    def test_silences_that_ended_long_ago_are_let_go(self):
        silences = [Silence(str(end), (), "ann", "work", 0, end, 0, 0) for end in (5, 10, 20)]
        memory = Memory(replace(EMPTY, silences=silences))
        memory.forget_silences(10)
        assert list(memory.silences) == ["10", "20"]
