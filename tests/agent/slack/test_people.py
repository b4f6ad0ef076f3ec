"""Who may act, and what people are called."""

from __future__ import annotations

import asyncio

import pytest

from agent.demo.slack_parts import Failure
from rules.model import HOUR, MINUTE
from tests.agent.slack.test_buttons import ANN, BOB, clicked
from tests.agent.web.kit import configuration
from tests.slack_workspace.people import Group, User


def operated(daemon, folder, operators):
    text = (folder / "setpoint.yaml").read_text(encoding="utf-8")
    daemon.use(configuration(folder, f"{text}operators: {operators}\n"))
    daemon.alert("behind")


async def ask(slack, text, user=ANN):
    return (await slack.command(text, user))["text"]


@pytest.mark.parametrize("operators", [f"[{ANN}]", "[S0ONCALL]", '["@oncall"]', f"[{BOB[:-1]}9, S0OTHER, S0ONCALL]"])
async def test_operators_act_and_others_look(door, daemon, tmp_path, operators):
    operated(daemon, tmp_path, operators)
    door.groups = {"S0ONCALL": Group("S0ONCALL", "oncall", [ANN]), "S0OTHER": Group("S0OTHER", "other")}
    for text in ("ack behind", "silence room 1h x", "unsilence", "mute csv 1h"):
        assert "You may look, not act" in await ask(door, text, BOB)
    assert "You may look, not act" in await clicked(door, "acknowledge", BOB)
    assert (daemon.taken, daemon.silenced) == ([], {})
    assert "Status" in await ask(door, "status", BOB)
    assert "Taken by you" in await ask(door, "ack behind", ANN)


async def test_without_operators_everybody_of_the_workspace_acts(door, daemon):
    daemon.alert("behind")
    assert "Taken by you" in await ask(door, "ack behind", BOB)


async def test_guests_and_other_organisations_look_only(door, daemon):
    daemon.alert("behind")
    door.users["U0GUEST01"] = User("U0GUEST01", "guest", "Guest", restricted=True)
    door.users["U0OTHER01"] = User("U0OTHER01", "other", "Other", team="T0OTHER001")
    assert "Guests and people of other organisations" in await ask(door, "ack behind", "U0GUEST01")
    assert "Guests and people of other organisations" in await clicked(door, "acknowledge", "U0OTHER01")
    assert daemon.taken == []


OUTSIDERS = {
    "U0STRANGE": User("U0STRANGE", "x", "Of another organisation", team="T0OTHER001"),
    "U0GUEST01": User("U0GUEST01", "x", "Guest", restricted=True),
    "U0GONE001": User("U0GONE001", "x", "Gone", deleted=True),
    "U0BOT0001": User("U0BOT0001", "x", "Bot", bot=True),
    "USLACKBOT": User("USLACKBOT", "slackbot", "Slackbot"),
    "U0NOTEAM1": User("U0NOTEAM1", "x", "Of nowhere", team=""),
    "U0GRID001": User("U0GRID001", "x", "Of another", team="T0OTHER001", enterprise="E0OTHER", teams=["T0OTHER001"]),
}


@pytest.mark.parametrize("user", [*OUTSIDERS, "U0UNKNOWN"])
@pytest.mark.parametrize("org_wide", [False, True])
async def test_who_does_not_belong_to_the_workspace_looks_only(door, daemon, user, org_wide):
    daemon.alert("behind")
    if org_wide:
        door.installed = {"enterprise_id": "E0OWN", "is_enterprise_install": True}
    door.users |= {user: OUTSIDERS[user]} if user in OUTSIDERS else {}
    assert "may look, not act" in await ask(door, "silence room 1h x", user)
    assert "Status" in await ask(door, "status", user)
    assert daemon.silenced == {}


@pytest.mark.parametrize(
    ("user", "installed"),
    [
        (User("U0IN00001", "x", "X", team="E0OWN", enterprise="E0OWN", teams=["T0DEMO0001"]), {}),
        (
            User("U0IN00001", "x", "X", team="T0OTHER001", enterprise="E0OWN", teams=["T0OTHER001"]),
            {"enterprise_id": "E0OWN", "is_enterprise_install": True},
        ),
    ],
)
async def test_in_an_enterprise_organisation_who_belongs_to_it_acts(door, daemon, user, installed):
    daemon.alert("behind")
    door.installed = installed
    door.users[user.id] = user
    assert "Taken by you" in await ask(door, "ack behind", user.id)


FAILING = [
    (Failure(error="missing_scope"), "missing_scope: add users:read to the app and install it again"),
    (Failure(status=500), "HTTP 500"),
    (Failure(error="token_revoked"), "token_revoked"),
]


@pytest.mark.parametrize("method", ["users.info", "auth.test"])
@pytest.mark.parametrize(("failing", "said"), FAILING)
async def test_nobody_acts_whom_slack_never_described(door, daemon, tmp_path, failing, said, method):
    daemon.alert("behind")
    door.failures[method] = failing
    text = await ask(door, "ack behind", ANN)
    assert text.startswith("Slack can't tell me who you are now (")
    assert said in text or method == "auth.test"
    assert "Nothing was done. People whose ids are listed under operators may act even so." in text
    assert "Slack can't tell me" in await clicked(door, "acknowledge", ANN)
    assert daemon.taken == []
    assert "Status" in await ask(door, "status", ANN)
    operated(daemon, tmp_path, f"[{ANN}]")
    assert "Taken by you" in await ask(door, "ack behind", ANN)


async def test_what_slack_said_counts_for_a_day_while_it_can_not_be_asked(door, daemon):
    daemon.alert("behind")
    door.users["U0GUEST01"] = OUTSIDERS["U0GUEST01"]
    await ask(door, "status", "U0GUEST01")
    assert "Taken by you" in await ask(door, "ack behind")
    door.failures["*"] = Failure(status=500)
    daemon.clock.time += 23 * HOUR
    assert "Taken by you" in await ask(door, "ack behind")
    assert "Guests" in await ask(door, "ack behind", "U0GUEST01")
    daemon.clock.time += 2 * HOUR
    assert "Slack can't tell me" in await ask(door, "ack behind")
    door.failures.clear()
    daemon.clock.time += MINUTE
    assert "Taken by you" in await ask(door, "ack behind")  # what went wrong is not remembered


async def test_a_guest_who_is_named_acts(door, daemon, tmp_path):
    operated(daemon, tmp_path, "[U0GUEST01]")
    door.users["U0GUEST01"] = User("U0GUEST01", "guest", "Guest", restricted=True)
    assert "Taken by you" in await ask(door, "ack behind", "U0GUEST01")


@pytest.mark.parametrize(
    ("failing", "said"),
    [
        (Failure(error="missing_scope"), "missing_scope: add usergroups:read to the app and install it again"),
        (Failure(status=500), "Slack refused: HTTP 500. Nothing"),
        (Failure(error="plan_upgrade_required"), "plan_upgrade_required"),
    ],
)
async def test_where_slack_can_not_say_nobody_acts(door, daemon, tmp_path, failing, said):
    operated(daemon, tmp_path, "[S0ONCALL]")
    door.failures["usergroups.users.list"] = failing
    text = await ask(door, "ack behind")
    assert "It can't be told whether you may act" in text
    assert said in text
    assert daemon.taken == []
    door.failures.clear()
    door.groups["S0ONCALL"] = Group("S0ONCALL", "oncall", [ANN])
    assert "Taken by you" in await ask(door, "ack behind")  # what went wrong is not remembered


async def test_a_handle_that_nobody_has(door, daemon, tmp_path):
    operated(daemon, tmp_path, '["@nobody"]')
    assert "Slack has no user group @nobody" in await ask(door, "ack behind")


async def test_groups_are_asked_for_again_after_some_minutes(door, daemon, tmp_path):
    operated(daemon, tmp_path, "[S0ONCALL]")
    door.groups["S0ONCALL"] = Group("S0ONCALL", "oncall", [ANN])

    def asked():
        return [method for method, _ in door.calls].count("usergroups.users.list")

    for _ in range(3):
        await ask(door, "ack behind")
    assert asked() == 1
    door.groups["S0ONCALL"].users = []
    daemon.clock.time += 6 * MINUTE
    assert "You may look, not act" in await ask(door, "ack behind")
    assert asked() == 2


async def test_names_are_those_that_slack_shows(door, daemon):
    daemon.alert("behind")
    await ask(door, "ack behind")
    door.users[BOB].display_name = "bobby"
    await ask(door, "ack behind", BOB)
    await ask(door, "ack behind", BOB)
    assert [name for _, name, _ in daemon.taken] == ["Ann Lee", "bobby", "bobby"]
    assert [method for method, _ in door.calls].count("users.info") == 2


async def test_without_the_scope_the_payload_says_the_name(door, daemon, tmp_path):
    operated(daemon, tmp_path, f"[{ANN}, {BOB}]")
    door.scopes.discard("users:read")
    await ask(door, "ack behind")
    await clicked(door, "acknowledge", BOB)
    assert daemon.taken[0][1] == "ann"
    assert "Already taken by ann" in door.ephemerals[-1].text


async def test_who_slack_does_not_name_does_nothing(door, daemon, desk):
    daemon.alert("behind")
    said = await desk.take("slash_commands", {"text": "ack behind"})
    assert "Slack does not say who you are" in said["text"]
    assert daemon.taken == []


async def test_many_ask_at_once(door, daemon, tmp_path):
    operated(daemon, tmp_path, "[S0ONCALL]")
    door.groups["S0ONCALL"] = Group("S0ONCALL", "oncall", [ANN])
    said = await asyncio.gather(*(ask(door, "ack behind", user) for user in [ANN, BOB] * 5))
    assert sum("Taken by you" in one for one in said) == 5
