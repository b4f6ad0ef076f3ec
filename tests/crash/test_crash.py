"""A few kills of the real daemon, always the same; `make crash` makes as many as you like."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from tests.crash.compare import differences
from tests.crash.plan import planned, read, shown
from tests.crash.play import Played, Player
from tests.crash.scenario import scenario
from tests.databases import Databases

SEED, KILLS, ON_POSTGRESQL = 2, 6, 4  # one in which the clock is set, and targets are taken out


async def play(folder: Path, at: str = "", database: str = "") -> Played:
    folder.mkdir()
    return await Player(scenario(SEED), folder, database or f"sqlite:///{folder}/setpoint.db", read(at)).play()


@pytest.mark.timeout(400)
async def test_kills_change_nothing(tmp_path: Path, databases: Databases):
    """Nor does it matter on which database."""
    whole = await play(tmp_path / "whole")
    assert len(whole.transitions) > 500
    assert len(whole.corrections) > 10
    assert {"run", "expire", "acknowledge", "approve", "reject"} <= {act.act for act in whole.acts}
    assert any(run.undoes and run.key.target.startswith("vent") for run in whole.corrections)
    said = [text for shown in whole.shown.values() for text in shown.values()]
    for wanted in ('"state":"open"', "waits for the budget of all corrections"):  # a breaker
        assert any(wanted in text for text in said)
    assert len(whole.posts) > 10
    strikes = planned(scenario(SEED), whole, 3 * KILLS, random.Random(SEED))
    strikes = [one for one in strikes if one.point != "time" or one.when == "down"]
    for name, kills in ("sqlite", strikes[1::2][:KILLS]), ("postgresql", strikes[::2][:ON_POSTGRESQL]):
        database = databases.create() if name == "postgresql" else ""
        killed = await play(tmp_path / name, at := shown(kills), database)
        assert len(killed.queued) > len(kills)  # that many lives, and the last one
        found = differences(whole, killed)
        assert not found, "\n".join([*found, f'again: make crash SEED={SEED} DATABASE={name} AT="{at}"'])
    lost = replace(killed, transitions=killed.transitions[:-1])
    twice = replace(killed, arrived=[*killed.arrived, killed.arrived[0]])
    unsent = replace(killed, arrived=killed.arrived[:-1])
    again = replace(killed, acts=[*killed.acts, killed.acts[-1]])
    other = replace(killed, shown={**killed.shown, max(killed.shown): {}})
    dead = replace(killed, beats=killed.beats[:-4])
    posted = replace(killed, posts=[*killed.posts, killed.posts[-1]])
    unread = replace(killed, in_slack=dict(list(killed.in_slack.items())[1:]))
    wrongs = (lost, twice, unsent, again, other, dead, posted, unread)
    assert all(differences(whole, wrong) for wrong in wrongs)  # who compares would see it
