"""The driver of virtual time: the daemon's decisions, whatever is restarted in between."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.alerts.notices import Notices
from agent.deciding.decision import Decision
from agent.pipeline import Pipeline
from agent.rehearsal.driver import Rehearsal
from agent.rehearsal.moments import Answer, Moment
from agent.rehearsal.polls import Failing, Polls
from agent.store.records import Attempt, Commit, Delivery, DeliveryKind
from agent.store.store import Store
from rules.model import DAY, HOUR, MINUTE, SECOND, Event, Health, NoData, Polled, Reading, RunState, Selector, Standing
from rules.specs import Specs
from tests.agent.rehearsal.scenes import (
    CHECKIN,
    CONDITION,
    DAILY,
    LEVEL,
    START,
    configuration,
    played,
    series,
    transitions,
)
from tests.agent.test_pipeline import Silent
from tests.agent.test_poller import TestClock

EVERYTHING = configuration(LEVEL, DAILY, CONDITION, CHECKIN)
ROOMS = [series("temperature", "a", room=room) for room in ("north", "south")]
SALES = series("sales", "b")
CALL = series("checkin", "backup")


@st.composite
def scenarios(draw: st.DrawFn) -> list[Moment]:
    """A few hours of readings: late ones, revised ones, ones without a value, gaps."""
    moments, now = [], START
    for _ in range(draw(st.integers(5, 24))):
        now += draw(st.sampled_from([MINUTE, 5 * MINUTE, 11 * MINUTE, 50 * MINUTE]))
        readings = []
        for one in draw(st.lists(st.sampled_from([*ROOMS, SALES, CALL]), max_size=4)):
            value = draw(st.sampled_from([None, 0.0, 1.0, 19.0, 20.2, 21.0, 22.8, 25.0, 300.0]))
            late = draw(st.sampled_from([0, 0, 0, MINUTE, 20 * MINUTE]))
            readings.append(Reading(one, now - late, value))
        moments.append(Moment(now, readings))
    return moments


def failing(of: list[tuple[str, int, int]]) -> Polls:
    spans = [Failing(name, START + first * MINUTE, START + (first + for_) * MINUTE) for name, first, for_ in of]
    return Polls(EVERYTHING.sources.values(), spans)


def test_where_spans_of_failure_overlap_the_first_says_why_and_one_between_two_polls_counts():
    every = 5 * MINUTE
    spans = [("a", 6, 16, "first"), ("a", 9, 22, "second"), ("a", 31, 33, "short"), ("b", 0, 99, "another's")]
    of = [Failing(name, START + begin * MINUTE, START + end * MINUTE, error) for name, begin, end, error in spans]
    sources = [replace(one, every=every) for one in EVERYTHING.sources.values() if one.name == "a"]
    polls = Polls(sources, of)
    found = [((one.at - START) // MINUTE, one.error) for one in polls.of_failures(START, START + 50 * MINUTE)]
    assert found == [
        (5, None), (10, "first"), (15, "first"), (20, "second"), (25, None), (30, None), (35, None),
    ]  # fmt: skip
    assert [minute for minute in range(40) if polls.fails("a", START + minute * MINUTE)] == [*range(6, 22), 31, 32]
    soon = [minute for minute in range(40) if polls.fail_soon(START + minute * MINUTE)]
    assert soon == [*range(1, 22), *range(26, 33)]


RESTARTS = st.frozensets(st.integers(0, 40), min_size=1, max_size=6)
ANSWERS = st.sampled_from([Answer(), Answer("refused", error=True), Answer("no", error=True, permanent=True)])


def same(broken: list[Decision], whole: list[Decision]) -> None:
    assert transitions(broken) == transitions(whole)
    assert [d.key for one in broken for d in one.deliveries] == [d.key for one in whole for d in one.deliveries]


@settings(max_examples=20, deadline=None)
@given(scenarios(), RESTARTS, ANSWERS)
def test_a_restart_anywhere_changes_no_transition(moments, restarts, answer):
    """What hangs on readings and waits alone is seen at the same time to the microsecond."""
    config = configuration(LEVEL)
    same(list(played(config, moments, restarts, answer)), list(played(config, moments, answer=answer)))


@settings(max_examples=20, deadline=None)
@given(scenarios(), RESTARTS, ANSWERS)
def test_a_restart_is_nothing_but_a_look_at_everything(moments, restarts, answer):
    """What the time alone makes worse, a pace or a window, is seen by a start as early as by any look."""
    broken = list(played(EVERYTHING, moments, restarts, answer))
    same(broken, list(played(EVERYTHING, moments, restarts, answer, only_look=True)))


async def piped(moments: list[Moment], folder: Path) -> list[Any]:
    """The same through the real pipeline and a real store: polls and ticks come when the rehearsal has them."""
    clock, metrics = TestClock(), Silent()
    clock.time = START
    store = await Store.open(f"sqlite:///{folder / 'test.db'}", START)
    pipeline = Pipeline(clock, store, metrics, lambda: None, await store.take_shards("test", START))
    specs = Specs(EVERYTHING.targets.values(), [entry.rule for entry in EVERYTHING.sources.values()])
    await pipeline.start(specs, Notices(EVERYTHING, specs))
    polls = Polls(EVERYTHING.sources.values())

    async def handle(readings: list[Reading], polled: list[Polled], due: Any) -> None:
        works = [pipeline._enqueue(readings=readings, due=due), *(pipeline._enqueue(polled=one) for one in polled)]
        for work in works:
            await work.done
        while any(run.state is RunState.CALLED for run in pipeline.memory.runs.values()):
            await answered((await store.claim(clock.time, MINUTE, 1, DeliveryKind.CALL))[0])

    async def answered(call: Delivery) -> None:
        attempt = Attempt(call.id, 1, clock.time, 1000)

        async def settle(commit: Commit | None) -> bool:
            return await store.settle(call, attempt, now=clock.time, sent=True, commit=commit)

        await pipeline.called(call, "answered 200", None, settle)

    for moment in moments:
        while (due_at := pipeline.memory.next_due()) is not None and due_at < moment.at:
            clock.time = due_at if due_at > clock.time else clock.time + SECOND
            if clock.time >= moment.at:
                break
            await handle([], polls.before_a_look(clock.time), pipeline.memory.take_due(clock.time))
        clock.time = moment.at
        due = pipeline.memory.take_due(moment.at)
        await handle(list(moment.readings), polls.beside(moment.at, pipeline.memory.sources), due)
    found = await store.transitions(10_000)
    await pipeline.stop()
    await store.close()
    return list(reversed(found))


@pytest.mark.parametrize("seed", range(2))
async def test_the_daemon_decides_the_same(tmp_path, seed):
    import random

    luck = random.Random(seed)
    moments, now = [], START
    for _ in range(60):
        now += luck.choice([MINUTE, 5 * MINUTE, 11 * MINUTE])
        some = luck.sample([*ROOMS, SALES, CALL], 2)
        moments.append(Moment(now, [Reading(one, now, luck.choice([None, 0.0, 1.0, 21.0, 25.0])) for one in some]))
    rehearsed = {t.id: (t.before, t.after, t.labels) for t in transitions(played(EVERYTHING, moments))}
    assert {t.id: (t.before, t.after, t.labels) for t in await piped(moments, tmp_path)} == rehearsed
    assert len(rehearsed) > 10


def test_a_source_is_read_before_each_look_unless_it_fails():
    polls = failing([("a", 10, 20)])
    rehearsal = Rehearsal(configuration(LEVEL), START, polls)
    failures = [Moment(one.at, polls=[one]) for one in polls.of_failures(START, START + HOUR)]
    readings = [
        Moment(START + minute * MINUTE, [Reading(ROOMS[0], START + minute * MINUTE, 21.0)]) for minute in (0, 5, 35)
    ]
    moments = sorted([*failures, *readings], key=lambda moment: moment.at)
    decisions = [*rehearsal.begin(), *rehearsal.play(moments), *rehearsal.wait(START + HOUR)]
    moved = [((t.at - START) // MINUTE, t.alert, str(t.event)) for t in transitions(decisions)]
    assert moved == [(15, "source-down", "firing"), (30, "source-down", "resolved")]
    assert rehearsal.memory.sources["a"].health is Health.UP


def test_a_correction_is_called_answered_and_verified_in_virtual_time():
    values = [21, 25, 25, 25, 25, 22, 22]
    moments = [
        Moment(START + n * 5 * MINUTE, [Reading(ROOMS[0], START + n * 5 * MINUTE, float(value))])
        for n, value in enumerate(values)
    ]
    runs = [run for decision in played(configuration(LEVEL), moments) for run in decision.runs.values()]
    assert [run.state for run in runs] == [RunState.CALLED, RunState.VERIFYING, RunState.VERIFIED]


def test_what_is_sent_stops_after_its_time():
    """The virtual daemon runs all the time: that nobody looked meanwhile is no pause in which nothing could be sent."""
    pushed = replace(LEVEL, by=(), selector=Selector("pushed"), no_data=NoData(3 * HOUR))
    rehearsal = Rehearsal(configuration(pushed), START)
    reading = Reading(series("pushed", "push"), START + MINUTE, 21.0)
    moved = transitions(
        [*rehearsal.begin(), *rehearsal.play([Moment(START + MINUTE, [reading])]), *rehearsal.wait(START + DAY)]
    )
    assert [((t.at - START) // MINUTE, t.alert, str(t.event)) for t in moved] == [(181, "no-data", "firing")]


def test_time_alone_moves_what_waits():
    rehearsal = Rehearsal(configuration(CHECKIN), START)
    list(rehearsal.begin())
    list(rehearsal.play([Moment(START + MINUTE, [Reading(CALL, START + MINUTE, 1.0)])]))
    due = START + HOUR + 11 * MINUTE + 1
    assert transitions(rehearsal.wait(due)) == [], "the end is left out"
    moved = transitions(rehearsal.wait(START + 3 * HOUR))
    assert [(t.alert, t.event, t.assessment.standing) for t in moved] == [("late", Event.FIRING, Standing.MISSED)]
    assert moved[0].at == due
