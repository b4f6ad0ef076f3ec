"""The manifest asks for what the code uses, and has what Slack wants of it."""

from __future__ import annotations

import re

import pytest

from agent.slack import handling
from agent.slack.manifest import DOORS, EVENTS, METHODS, SCOPES, manifest
from agent.web.routes import TABLE
from tests.slack_workspace.workspace import SlackWorkspace
from tests.test_layout import ROOT, SHIPPED, place

FAMILIES = "apps|auth|bookmarks|chat|conversations|files|pins|reactions|team|usergroups|users|views"
CALLED = re.compile(rf"""(?:call|ask|in_time|anew)\(\s*"({FAMILIES})_(\w+)"|\.({FAMILIES})_(\w+)\(""")
WITH_AN_APP_TOKEN = {"apps_connections_open"}
AT_SLACK = {"files_upload_v2": ("files.getUploadURLExternal", "files.completeUploadExternal")}


def called():
    """Every method of Slack's that the code calls, by slack-sdk's name."""
    found = set()
    for path in SHIPPED:
        if "slack" in place(path) and not place(path).startswith("agent/demo/"):
            for match in CALLED.finditer(path.read_text(encoding="utf-8")):
                found.add("_".join(part for part in match.groups() if part))
    return found


def test_every_method_that_is_called_is_in_the_table():
    assert called() - WITH_AN_APP_TOKEN == set(METHODS)


def test_the_scopes_are_those_the_test_server_wants():
    server = SlackWorkspace()
    for method, scopes in METHODS.items():
        for name in AT_SLACK.get(method, (at_slack(method),)):
            if not name.startswith("conversations."):  # these want one by the kind of channel
                assert server.needs.get(name, "") == "".join(scopes), name
    assert set(SCOPES) == server.scopes


def test_the_how_to_says_what_each_scope_is_for():
    said = (ROOT / "docs/how-to/slack.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`([a-z]+:[a-z]+|commands)`", said.partition("| scope |")[2].partition("\n\n")[0])) == set(
        SCOPES
    )


def at_slack(method):
    family, _, rest = method.partition("_")
    return f"{family}.{rest}".replace("usergroups.users_list", "usergroups.users.list")


def test_events_are_those_that_something_is_done_about():
    assert set(EVENTS) == set(handling.EVENTS)


def test_the_doors_are_there():
    assert set(DOORS.values()) <= {route.path for route in TABLE}


@pytest.mark.parametrize("url", ["", "https://setpoint.example.com"])
def test_slack_takes_it(url):
    """The limits of https://docs.slack.dev/reference/app-manifest."""
    made = manifest("Setpoint", url)
    shown = made["display_information"]
    assert 175 <= len(shown["long_description"]) <= 4_000
    assert len(shown["description"]) <= 140
    assert re.fullmatch("#[0-9a-f]{6}", shown["background_color"])
    (command,) = made["features"]["slash_commands"]
    assert command["command"] == "/setpoint"
    assert len(command["usage_hint"]) <= 1_000
    assert made["features"]["app_home"]["home_tab_enabled"] is True
    assert made["settings"]["event_subscriptions"]["bot_events"] == ["app_home_opened"]
    assert made["settings"]["interactivity"]["is_enabled"] is True
    assert set(made) == {"_metadata", "display_information", "features", "oauth_config", "settings"}


def test_socket_mode_has_no_address_and_signed_calls_have_three():
    made = manifest("Setpoint")
    assert made["settings"]["socket_mode_enabled"] is True
    assert "http" not in str({**made, "display_information": ""})
    made = manifest("Setpoint", "https://s.example.com")
    assert made["settings"]["socket_mode_enabled"] is False
    assert made["features"]["slash_commands"][0]["url"] == "https://s.example.com/slack/commands"
    assert made["settings"]["interactivity"]["request_url"] == "https://s.example.com/slack/interactive"
    assert made["settings"]["event_subscriptions"]["request_url"] == "https://s.example.com/slack/events"


def test_there_is_something_to_look_at():
    assert {"users_info", "chat_update", "views_open"} <= called()
