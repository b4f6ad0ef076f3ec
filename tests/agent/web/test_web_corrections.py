"""Corrections over the API: what is said of them, who may say what, and the switch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.runtime import ActionState, Word
from agent.store.records import Commit
from rules.model import (
    HOUR,
    MINUTE,
    SECOND,
    Approval,
    Correction,
    InstanceKey,
    RunState,
    Snapshot,
    Standing,
    Switch,
)
from tests.agent.web.kit import NOW, Daemon, error_of
from tests.agent.web.test_web_api import check, get

RUN = Correction(
    "r1", InstanceKey("room", (("room", "den"),)), "cold", "f", 1, "heat", RunState.PROPOSED, 0, NOW, NOW, deadline=NOW + HOUR, detail="would make the call POST http://h/",
)  # fmt: skip
DONE = replace(
    RUN,
    state=RunState.VERIFIED,
    attempt=1,
    called_at=NOW,
    approval=Approval("ann", NOW, "go"),
    output="21.5",
    before=Snapshot(NOW, Standing.OUT_OF_BAND, 18.0, NOW, (("a", "1"),)),
    after=Snapshot(NOW + MINUTE, Standing.IN_BAND, 21.0, NOW),
)


async def post(client, path: str, schema: str, body: Any) -> Any:
    response = await client.post(f"/api/v1/{path}", json=body)
    assert response.status == 200, await response.text()
    return check(schema, await response.json())


async def test_a_run_says_what_people_and_programs_need(client, store):
    await store.commit(Commit(NOW, corrections=[RUN, replace(DONE, id="r0", created=NOW - 1), replace(DONE, id="d", created=NOW - 2, state=RunState.SKIPPED, dry_run=True)]))  # fmt: skip
    asked, done, dry = (await get(client, "corrections", "Corrections"))["corrections"]
    assert (asked["short"], asked["expires"], asked["deadline"], asked["outcome"]) == (RUN.short, "2026-01-01T01:00:00Z", None, None)  # fmt: skip
    assert asked["words"] == "Correction heat proposed: would make the call POST http://h/"
    assert (done["outcome"], done["output"], done["before"]["value"], done["after"]["value"]) == ("verified", 21.5, 18, 21)  # fmt: skip
    assert done["approval"] == {"by": "ann", "at": "2026-01-01T00:00:00Z", "note": "go", "given": True}
    assert dry["outcome"] == "dry run"


@pytest.mark.parametrize("act", ["approve", "reject"])
async def test_a_word_that_counts_and_one_that_was_said(client, daemon: Daemon, act):
    daemon.words = [Word(DONE, "it is called", counted=True), Word(DONE, "already so", counted=False, agrees=True)]
    said = await post(client, f"corrections/{RUN.short}/{act}", "Answered", {"by": "ann", "note": "go"})
    assert (said["changed"], said["words"]) == (True, "it is called")
    said = await post(client, f"corrections/{RUN.short}/{act}", "Answered", {"by": "bob"})
    assert (said["changed"], said["words"]) == (False, "already so")
    assert daemon.taken == [(act, RUN.short, "ann"), (act, RUN.short, "bob")]


@pytest.mark.parametrize("sent", ["2026-01-01T00:00:01Z", NOW // SECOND + 1])
async def test_who_approves_may_say_when_what_they_read_was_said(client, daemon: Daemon, sent):
    daemon.words = [Word(DONE, "it is called", counted=True)]
    await post(client, "corrections/r1/approve", "Answered", {"by": "ann", "seen": sent})
    assert daemon.seen == NOW + SECOND


async def test_a_word_too_late_is_a_conflict_and_one_about_nothing_is_not_found(client, daemon: Daemon):
    daemon.words = [Word(DONE, "already approved by ann at 14:02", counted=False)]
    found = await error_of(await client.post("/api/v1/corrections/r1/reject", json={"by": "bob"}))
    assert found == (409, "conflict", "already approved by ann at 14:02")
    found = await error_of(await client.post("/api/v1/corrections/nix/reject", json={"by": "bob"}))
    assert found == (404, "not_found", "no correction 'nix'")


async def test_an_action_is_called_for_an_alert(client, daemon: Daemon):
    daemon.words = [Word(DONE, "it is called", counted=True)]
    await post(client, "actions/heat/run", "Answered", {"by": "ann", "alert": "cold"})
    assert daemon.taken == [("run heat", "cold", "ann")]


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("corrections/r1/approve", {}, "by has to say who does it, in at most 200 characters"),
        ("corrections/r1/approve", [], 'send an object such as {"by": "ann", "note": "go on"}'),
        ("corrections/r1/approve", {"by": "ann", "nte": ""}, "unknown key 'nte'; did you mean note?"),
        ("corrections/r1/approve", {"by": "ann", "seen": "x"}, "seen: 'x' is not a time: ISO 8601 or Unix time"),
        ("corrections/r1/reject", {"by": "ann", "seen": 1}, "unknown key 'seen'; known are by, note"),
        ("corrections/r1/reject", {"by": "ann", "note": 1}, "note has to be a text of at most 2,000 characters"),
        ("corrections/switch", {"by": "ann"}, "on has to be true or false"),
        ("corrections/switch", {"by": "ann", "on": "off"}, "on has to be true or false"),
        (
            "actions/heat/run",
            {"by": "ann"},
            "alert has to name an open alert: its fingerprint, its name, or its target",
        ),
    ],
)
async def test_what_is_not_said_right(client, daemon: Daemon, path, body, words):
    assert await error_of(await client.post(f"/api/v1/{path}", json=body)) == (422, "invalid", words)
    assert daemon.taken == []
    assert daemon.switched.on


async def test_the_switch(client, daemon: Daemon):
    assert (await get(client, "corrections/switch", "SwitchNow"))["switch"] == {
        "on": True,
        "by": "",
        "at": None,
        "note": "",
    }
    said = await post(client, "corrections/switch", "Switched", {"on": False, "by": "ann", "note": "painters"})
    assert (said["changed"], said["switch"]["by"]) == (True, "ann")
    assert not (await post(client, "corrections/switch", "Switched", {"on": False, "by": "bob"}))["changed"]
    assert (await get(client, "corrections/switch", "SwitchNow"))["switch"]["note"] == "painters"


async def test_the_actions_with_their_breakers(client, daemon: Daemon):
    states = [("a", None), ("b", NOW + HOUR), ("c", NOW)]
    daemon.acting = [ActionState(name, "webhook", (10, 3600), 2, 5 if until else 0, until) for name, until in states]
    found = (await get(client, "actions", "Actions"))["actions"]
    assert [one["breaker"]["state"] for one in found] == ["closed", "open", "trying"]
    assert found[0]["budget"] == {"calls": 10, "seconds": 3600}


async def test_the_page_says_what_is_off_what_tripped_and_what_asks(client, daemon: Daemon):
    page = await (await client.get("/")).text()
    assert "Corrections" not in page
    daemon.switched = Switch(False, "<ann>", NOW - HOUR, "painters")
    daemon.acting = [ActionState("heat", "webhook", None, 0, 5, NOW + HOUR)]
    daemon.runs = [RUN]
    page = await (await client.get("/")).text()
    assert "Corrections are off since 2025-12-31 23:00 UTC, by &lt;ann&gt;: painters" in page
    assert "The breaker of heat is open until 01:00 UTC: 5 in a row did not help" in page
    assert "Correction heat proposed: would make the call POST http://h/" in page
    assert RUN.short in page
