"""A correction that waits for a person: told with the alert, decided once, lapsed, overtaken."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.config.configuration import NotifierEntry
from agent.runtime import Unknown
from connectors.base import Refused
from connectors.notifiers.slack import SlackNotifier
from rules.model import HOUR, MINUTE, SECOND, Pid, RunState
from tests.agent.corrections.correcting_kit import ANN, ASK, AUTO, BOB, House, action

CHANNEL = SlackNotifier.Config.model_validate({"type": "slack", "channel": "#ops"})


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    world = House(tmp_path)
    yield world
    await world.stop()


async def test_the_firing_tells_what_is_proposed_and_how_to_approve_it(house: House) -> None:
    await house.begin(ASK, actions={"cool": action("cool", json={"setpoint": "{{ at_most }}", "token": "s3cret-77"})})
    await house.read(25)
    run = house.run()
    assert (run.state, run.deadline) == (RunState.PROPOSED, run.created + HOUR)
    (notice,) = await house.notices()
    words = 'would make the call POST http://hvac.local/cool?*** {"setpoint":23,"token":"***"}'
    assert notice["proposals"] == [{"id": run.id, "action": "cool", "words": words, "expires": run.deadline, "of": ""}]
    assert notice["details"][0] == f"Correction cool proposed: {words}"
    assert f"setpoint approve {run.short}" in notice["details"][1]
    assert await house.send() == 0


async def test_an_approval_makes_the_call_and_readings_verify_it(house: House) -> None:
    await house.begin(ASK)
    await house.read(25)
    word = await house.approve(house.run().id, ANN, "go")
    assert (word.counted, word.words) == (True, "Correction cool is being called, approved by ann")
    assert await house.send() == 1
    await house.read(22)
    assert house.state is RunState.VERIFIED
    assert house.run().detail == "back on target: 25 before, 22 10s after the call"
    (act,) = await house.store.acts(10)
    assert (act.act, act.person, act.note) == ("approve", ANN, "go")
    assert act.subject == f"cool for hot of room ({house.run().short})"


async def test_the_message_says_only_what_came_of_the_approval(house: House) -> None:
    await house.begin(ASK, receivers={"team": (NotifierEntry("slack", CHANNEL),)})
    await house.read(25)
    await house.approve(house.run().id, ANN)
    told = (await house.notices())[1:]
    assert [notice["details"][0] for notice in told] == ["Correction cool is being called, approved by ann"]
    assert "waits for its time" not in str(told)
    detail = [one.detail for one in await house.store.transitions(10)]
    assert [one for one in detail if "cool" in one] == ["Correction cool is being called, approved by ann"]


@pytest.mark.parametrize("given", ["id", "short", "begin", "upper"])
async def test_it_is_named_by_its_id_or_what_people_read(house: House, given: str) -> None:
    await house.begin(ASK)
    await house.read(25)
    run = house.run()
    names = {"id": run.id, "short": run.short, "begin": run.short[:4], "upper": f" {run.short.upper()} "}
    assert (await house.approve(names[given], ANN)).counted


async def test_an_unknown_id_offers_a_near_one(house: House) -> None:
    await house.begin(ASK)
    await house.read(25)
    short = house.run().short
    with pytest.raises(Unknown, match=f"did you mean {short}"):
        await house.approve(short[:-1] + ("0" if short[-1] != "0" else "1"), ANN)
    with pytest.raises(Unknown, match="no correction 'a'"):
        await house.approve("a", ANN)
    assert await house.store.acts(10) == []


async def test_digits_that_mean_several_say_how_many_tell_them_apart(house: House) -> None:
    await house.begin(ASK)
    await house.read(25)
    run = house.run()
    others = [replace(run, id=str(number)) for number in range(70_000)]
    twin = next(one for one in others if one.short[:4] == run.short[:4] and one.short != run.short)
    house.pipeline.memory.runs[twin.id] = twin
    digits = next(n for n in range(4, 9) if run.short[:n] != twin.short[:n])
    both = ", ".join(sorted((run.short, twin.short)))
    said = f"2 corrections begin with '{run.short[:4]}': {both}; give {digits} digits"
    with pytest.raises(Unknown, match=re.escape(said)):
        await house.approve(run.short[:4], ANN)
    with pytest.raises(Unknown, match=f"'{run.short[:3]}' is too short for a correction; give 4 digits"):
        await house.approve(run.short[:3], ANN)


async def test_of_any_number_of_clicks_one_counts(house: House) -> None:
    await house.begin(ASK)
    await house.read(25)
    name = house.run().id
    people = [ANN, BOB] * 10
    words = await asyncio.gather(*(house.approve(name, person) for person in people))
    assert [word.counted for word in words].count(True) == 1
    assert {word.words for word in words if not word.counted} == {f"already approved by ann at {clock(house)}"}
    assert all(word.agrees for word in words)
    assert await house.send() == 1
    late = await house.reject(name, BOB)
    assert (late.counted, late.agrees, late.words) == (False, False, f"already approved by ann at {clock(house)}")
    assert len(await house.store.acts(100)) == 1


def clock(house: House) -> str:
    from rules.words import clock_time

    return clock_time(house.clock.time, "UTC", house.clock.time)


async def test_approving_and_rejecting_at_once_is_decided_by_the_first(house: House) -> None:
    await house.begin(ASK)
    await house.read(25)
    name = house.run().id
    first, second = await asyncio.gather(house.reject(name, ANN, "no"), house.approve(name, BOB))
    assert (first.counted, second.counted, second.agrees) == (True, False, False)
    assert (house.state, house.run().detail) == (RunState.SKIPPED, "rejected by ann: no")
    assert await house.send() == 0


async def test_nobody_approves_in_time(house: House) -> None:
    await house.begin(replace(ASK, approve_within=10 * MINUTE))
    await house.read(25)
    await house.restart(after=9 * MINUTE)
    assert house.state is RunState.PROPOSED
    await house.passes(MINUTE)
    assert (house.state, house.run().detail) == (RunState.SKIPPED, "nobody approved within 10m")
    late = await house.approve(house.run().id, ANN)
    assert (late.counted, late.words) == (False, "Correction cool was skipped: nobody approved within 10m")
    told = [(n["reason"], n["receiver"], n["status"]) for n in await house.notices()]
    assert told == [("firing", "team", "firing"), ("uncorrected", "team", "firing"), ("escalated", "oncall", "firing")]
    news = [n["news"] for n in await house.notices()]
    assert news[1] == [{"words": "Correction cool was skipped: nobody approved within 10m", "failed": True}]
    await house.read(22)
    ends = [n["receiver"] for n in await house.notices() if n["status"] == "resolved"]
    assert sorted(ends) == ["oncall", "team"]


async def test_an_approval_a_moment_too_late_is_none(house: House) -> None:
    await house.begin(replace(ASK, approve_within=10 * MINUTE))
    await house.read(25)
    house.clock.time += 10 * MINUTE  # and nobody has looked yet
    late = await house.approve(house.run().id, ANN)
    assert (late.counted, late.run.state) == (False, RunState.SKIPPED)
    assert await house.send() == 0
    assert await house.store.acts(10) == []


async def test_a_number_that_comes_back_meanwhile_needs_no_answer(house: House) -> None:
    await house.begin(ASK)
    await house.read(25)
    await house.read(22)
    assert (house.state, house.run().detail) == (RunState.SKIPPED, "came back before the call")
    assert not (await house.approve(house.run().id, ANN)).counted


async def test_a_proposal_stands_while_the_alert_only_recovers(house: House) -> None:
    alert = replace(house.config.targets["room"].alerts[0], keep_firing_for=10 * MINUTE)
    await house.begin(ASK, target=replace(house.config.targets["room"], alerts=(alert,)))
    await house.read(25)
    await house.read(22)
    assert house.state is RunState.PROPOSED
    await house.read(25)
    assert (await house.approve(house.run().id, ANN)).counted
    assert await house.send() == 1


async def test_approved_it_still_waits_for_the_cool_down(house: House) -> None:
    await house.begin(ASK)
    await house.read(25)
    await house.approve(house.run().id, ANN)
    await house.send()
    await house.read(22)
    await house.read(25)
    second = house.runs()[-1]
    word = await house.approve(second.id, BOB)
    assert (
        word.words
        == "Correction cool waits for its time, approved by bob: waits for the cool-down of cool, until 12:05"
    )
    assert await house.send() == 0
    await house.restart(after=5 * MINUTE)
    await house.passes(MINUTE)
    assert await house.send() == 1


async def test_one_approval_is_for_all_attempts(house: House) -> None:
    await house.begin(ASK)
    await house.read(25)
    await house.approve(house.run().id, ANN)
    await house.send()
    await house.passes(MINUTE)
    await house.passes(5 * MINUTE)
    assert await house.send() == 1
    assert (house.run().attempt, house.state) == (2, RunState.VERIFYING)


async def test_one_that_needs_no_approval_says_so(house: House) -> None:
    await house.begin(AUTO)
    await house.read(25)
    word = await house.approve(house.run().id, ANN)
    assert word.words == "it needs no approval: Correction cool is being called"
    assert not word.agrees


class TestAnotherCall:
    """What is approved is what was shown."""

    async def changed(self, house: House) -> None:
        await house.begin(ASK)
        await house.read(25)
        await house.configure(actions={"cool": action("cool", url="http://hvac.local/other")})

    async def test_after_a_reload_the_person_is_asked_again(self, house: House) -> None:
        await self.changed(house)
        word = await house.approve(house.run().id, ANN)
        said = "the call is another by now: POST http://hvac.local/other; approve again if that is right"
        assert (word.counted, word.agrees, word.words) == (False, False, said)
        assert (house.state, await house.send(), await house.store.acts(10)) == (RunState.PROPOSED, 0, [])
        assert house.run().detail == "would make the call POST http://hvac.local/other"
        assert (await house.approve(house.run().id, ANN)).counted
        assert await house.send() == 1

    async def test_of_two_who_saw_the_old_one_both_are_asked_again(self, house: House) -> None:
        await self.changed(house)
        seen = house.run().updated
        house.clock.time += SECOND
        words = await asyncio.gather(*(house.approve(house.run().id, one, seen=seen) for one in (ANN, BOB)))
        said = "the call is another by now: POST http://hvac.local/other; approve again if that is right"
        assert [(word.counted, word.words) for word in words] == [(False, said)] * 2
        assert (house.state, await house.send()) == (RunState.PROPOSED, 0)
        again = house.run().updated
        words = await asyncio.gather(*(house.approve(house.run().id, one, seen=again) for one in (ANN, BOB)))
        assert [word.counted for word in words] == [True, False]
        assert await house.send() == 1

    async def test_one_that_reads_the_same_can_be_approved_where_it_is_shown(self, house: House) -> None:
        await house.begin(ASK)
        await house.read(25)
        seen = house.run().updated
        await house.configure(actions={"cool": action("cool", timeout="3s")})
        house.clock.time += SECOND
        assert not (await house.approve(house.run().id, ANN, seen=seen)).counted
        assert (await house.approve(house.run().id, ANN, seen=seen)).counted

    async def test_who_saw_the_old_one_may_reject_it(self, house: House) -> None:
        await self.changed(house)
        await house.approve(house.run().id, ANN, seen=house.run().updated)
        assert (await house.reject(house.run().id, BOB)).counted

    async def test_the_living_message_shows_it(self, house: House) -> None:
        await house.begin(ASK, receivers={"team": (NotifierEntry("slack", CHANNEL),)})
        await house.read(25)
        deadline = house.run().deadline
        await house.configure(actions={"cool": action("cool", url="http://hvac.local/other")})
        await house.approve(house.run().id, ANN)
        (shown,) = (await house.notices())[-1]["proposals"]
        assert (shown["words"], shown["expires"]) == ("would make the call POST http://hvac.local/other", deadline)

    async def test_a_value_of_the_call_may_move_on(self, house: House) -> None:
        await house.begin(ASK, actions={"cool": action("cool", json={"now": "{{ value }}"})})
        await house.read(25)
        await house.read(27)
        assert (await house.approve(house.run().id, ANN)).counted
        assert await house.send() == 1

    async def test_an_output_may_move_on(self, house: House) -> None:
        rule = replace(ASK, output=Pid(-8.0, 0.0, 0.0, 0.0, 100.0, 20.0))
        await house.begin(rule, actions={"cool": action("cool", json={"power": "{{ output }}"})})
        await house.read(25)
        assert '{"power":40}' in house.run().detail
        await house.read(26)
        assert (await house.approve(house.run().id, ANN)).counted
        assert await house.send() == 1
        assert house.called[-1][1]["output"] == 48.0

    async def test_it_may_be_rejected_at_once(self, house: House) -> None:
        await self.changed(house)
        assert (await house.reject(house.run().id, ANN)).counted


class TestAskedFromNowOn:
    """A reload asks a person for what nobody had to approve before."""

    async def test_the_next_attempt_asks_first(self, house: House) -> None:
        await self.ask(house)
        run = house.run()
        assert (run.state, run.attempt, run.deadline) == (RunState.PROPOSED, 1, house.clock.time + HOUR)
        assert run.detail == "would make the call POST http://hvac.local/cool?***"
        assert await house.send() == 0
        await house.restart()
        assert (await house.approve(run.id, ANN)).counted
        assert await house.send() == 1
        assert (house.run().attempt, house.state) == (2, RunState.VERIFYING)

    async def test_a_number_that_is_back_meanwhile_was_helped_by_the_first_call(self, house: House) -> None:
        await self.ask(house)
        await house.read(22)
        assert house.run().state is RunState.VERIFIED

    async def ask(self, house: House) -> None:
        await house.begin(AUTO)
        await house.read(25)
        await house.send()
        house.target = replace(house.target, correct=(ASK,))
        await house.configure()
        await house.passes(MINUTE)
        await house.passes(AUTO.cooldown)
        assert house.state is RunState.PROPOSED

    async def test_one_that_waits_for_its_first_call_too(self, house: House) -> None:
        await house.begin(AUTO)
        await house.switch_corrections(False, ANN)
        await house.read(25)
        assert house.state is RunState.APPROVED
        house.target = replace(house.target, correct=(ASK,))
        await house.configure()
        await house.switch_corrections(True, ANN)
        assert (house.state, await house.send()) == (RunState.PROPOSED, 0)

    async def test_who_approved_or_asked_is_not_asked_again(self, house: House) -> None:
        await house.begin()
        await house.read(25)
        await house.run_action("cool", "hot", ANN)
        await house.send(Refused("busy", status=503))
        house.target = replace(house.target, correct=(ASK,))
        await house.configure()
        await house.passes(MINUTE)
        assert house.state is not RunState.PROPOSED


async def test_a_reload_that_takes_the_rule_away_ends_the_question(house: House) -> None:
    await house.begin(ASK)
    await house.read(25)
    house.target = replace(house.target, correct=())
    await house.configure()
    assert (house.state, house.run().detail) == (RunState.SKIPPED, "no longer configured")
    word = await house.approve(house.run().id, ANN)
    assert (word.counted, word.words) == (False, "Correction cool was skipped: no longer configured")


class TestByHand:
    async def test_it_is_called_within_the_bounds_and_verified(self, house: House) -> None:
        await house.begin()
        await house.read(25)
        word = await house.run_action("cool", "hot", ANN, "try")
        assert (word.counted, word.words) == (True, "Correction cool is being called, asked for by ann")
        assert await house.send() == 1
        await house.restart()
        await house.read(22)
        assert house.state is RunState.VERIFIED
        (act,) = await house.store.acts(10)
        assert (act.act, act.note) == ("run", "try")
        assert "Correction cool verified, asked for by ann" in str((await house.notices())[-1]["details"])

    async def test_an_action_that_needs_an_output_is_refused_where_nothing_gives_one(self, house: House) -> None:
        await house.begin(actions={"cool": action("cool", json={"power": "{{ output }}"})})
        await house.read(25)
        with pytest.raises(Unknown, match=r"cool takes \{\{ output \}\}, and no correction of hot gives it one"):
            await house.run_action("cool", "hot", ANN)
        assert (house.runs(), await house.send()) == ([], 0)

    async def test_two_clicks_make_one_run(self, house: House) -> None:
        await house.begin()
        await house.read(25)
        words = await asyncio.gather(*(house.run_action("cool", "hot", person) for person in (ANN, BOB, ANN)))
        assert [word.counted for word in words] == [True, False, False]
        assert words[1].agrees
        assert await house.send() == 1

    async def test_it_fails_after_one_attempt(self, house: House) -> None:
        await house.begin()
        await house.read(25)
        await house.run_action("cool", "room", ANN)
        await house.send()
        await house.passes(10 * MINUTE)
        assert house.state is RunState.FAILED

    async def test_a_correction_under_way_is_not_doubled(self, house: House) -> None:
        await house.begin(ASK)
        await house.read(25)
        word = await house.run_action("cool", "hot", ANN)
        assert (word.counted, word.agrees) == (False, False)
        assert f"correction {house.run().short} does that already" in word.words

    @pytest.mark.parametrize(("act", "alert", "words"), [("col", "hot", "did you mean cool"), ("cool", "hott", "hot")])
    async def test_what_there_is_not_is_said(self, house: House, act: str, alert: str, words: str) -> None:
        await house.begin()
        await house.read(25)
        with pytest.raises(Unknown, match=words):
            await house.run_action(act, alert, ANN)

    async def test_it_ends_when_the_action_is_gone(self, house: House) -> None:
        await house.begin()
        await house.read(25)
        await house.run_action("cool", "hot", ANN)
        await house.configure(actions={})
        await house.read(25)
        assert (house.state, house.run().detail) == (RunState.SKIPPED, "no longer configured")
        assert await house.send() == 0
