"""`setpoint slack`: the manifest it prints, and what it finds at Slack."""

from __future__ import annotations

import pytest
import yaml

from agent.demo.slack import TOKEN
from agent.demo.slack_parts import Channel, Failure
from agent.slack.manifest import manifest
from tests.agent.cli.workspace import workspace
from tests.slack_workspace.people import Group, User
from tests.slack_workspace.workspace import APP_TOKEN, SIGNING_SECRET

CONFIG = """\
receivers:
  growth: [{type: slack, channel: "#growth"}]
  oncall: [{type: slack, channel: C0DEMO0002}, {type: slack, url: "https://hooks.slack.com/services/T0/B0/hook-secret-77"}]
  own: [{type: slack, channel: "#growth", token: xoxb-of-its-own-99}]
actions:
  post: {type: slack, channel: ops, text: "Somebody has to look at {{ title }}"}
operators: [U0ANN0001, "@oncall", S0LEADS001]
"""


@pytest.fixture
def slack():
    with workspace("growth", "ops") as (server, _):
        server.tokens["xoxb-of-its-own-99"] = ""
        server.groups = {
            "S0ONCALL01": Group("S0ONCALL01", "oncall", ["U0ANN0001"]),
            "S0LEADS001": Group("S0LEADS001", "leads", ["U0ANN0001", "U0BOB0001"]),
        }
        yield server


@pytest.fixture
def check(setpoint, project, slack):
    (project / "setpoint.yaml").write_text(CONFIG)
    settings = {
        "SETPOINT_SLACK_API_URL": slack.api_url,
        "SETPOINT_SLACK_BOT_TOKEN": TOKEN,
        "SETPOINT_SLACK_APP_TOKEN": APP_TOKEN,
        "SETPOINT_SLACK_SIGNING_SECRET": SIGNING_SECRET,
    }

    def run(*arguments, **changed):
        known = {name: value for name, value in {**settings, **changed}.items() if value}
        said = setpoint("slack", "check", *arguments, **known)
        for secret in (TOKEN, APP_TOKEN, SIGNING_SECRET, "of-its-own-99", "hook-secret-77"):
            assert secret not in said.out + said.err
        return said

    return run


def the(said, state, *words):
    """The only check of that state that says the words."""
    (one,) = [
        one for one in said.json["checks"] if one["state"] == state and all(w in str(one.values()) for w in words)
    ]
    return one


def test_one_call_too_many_only_delays_it(check, slack):
    class Once(dict):
        def get(self, method, _=None):
            return self.pop(method, None)

    methods = ("conversations.list", "usergroups.list", "apps.connections.open")
    slack.failures = Once({method: Failure(status=429, retry_after=0) for method in methods})
    said = check()
    assert (said.status, slack.failures) == (0, {})


def test_a_longer_wait_is_said(check, slack):
    slack.failures["conversations.list"] = Failure(status=429, retry_after=300)
    assert the(check("--json"), "fix", "growth[0]", "can't be looked for")["fix"] == "try again in 300 s"


def test_what_works(check):
    said = check()
    assert (said.status, said.err) == (0, "")
    lines = [" ".join(line.split()) for line in said.out.splitlines()]
    assert "ok token SETPOINT_SLACK_BOT_TOKEN is @setpoint in Demo" in lines
    assert "ok receivers.growth[0] #growth: the app can post there" in lines
    assert "ok receivers.oncall[0] C0DEMO0002: the app can post there" in lines
    assert "ok actions.post ops: the app can post there" in lines
    assert "ok token receivers.own[0].token is @setpoint in Demo" in lines
    assert "ok operators U0ANN0001 is ann" in lines
    assert "ok operators @oncall: 1 person" in lines
    assert "ok operators S0LEADS001: 2 people" in lines
    assert "ok Socket Mode SETPOINT_SLACK_APP_TOKEN opens connections" in lines
    assert any(line.startswith("note signed calls SETPOINT_SLACK_SIGNING_SECRET is set; whether") for line in lines)
    assert any(line.startswith("note receivers.oncall[1] an incoming webhook can't be looked at") for line in lines)


def test_nothing_is_posted(check, slack):
    check()
    assert {method for method, _ in slack.calls} <= {
        "auth.test", "conversations.list", "conversations.info", "users.info", "usergroups.list",
        "usergroups.users.list", "apps.connections.open",
    }  # fmt: skip


def test_a_token_that_is_not_good(check, slack):
    slack.tokens[TOKEN] = "token_revoked"
    said = check("--json")
    assert said.status == 1
    one = the(said, "fix", "SETPOINT_SLACK_BOT_TOKEN", "token_revoked")
    assert (one["said"].count("token"), one["fix"].count("bot token")) == (1, 1)  # said once
    assert the(said, "ok", "receivers.own[0].token")  # the other one is looked at all the same


def test_scopes_that_are_missing(check, slack):
    slack.scopes -= {"files:write", "groups:read"}
    said = check("--json")
    assert said.status == 1
    one = the(said, "fix", "SETPOINT_SLACK_BOT_TOKEN lacks")
    assert one["said"].endswith("lacks files:write, groups:read")
    assert "reinstall" in one["fix"]
    assert the(said, "ok", "receivers.growth[0]")  # a public channel is found without groups:read


def test_without_scopes_to_look_for_channels(check, slack):
    slack.scopes -= {"channels:read", "groups:read", "usergroups:read"}
    said = check("--json")
    assert the(said, "note", "receivers.growth[0]", "can't be looked for")
    assert len([one for one in said.json["checks"] if one["about"] == "operators" and one["state"] == "fix"]) == 2


@pytest.mark.parametrize(
    ("change", "words", "fix"),
    [
        ({"member": False}, "the app is not in #growth", "/invite @setpoint"),
        ({"archived": True}, "#growth is archived", "unarchive"),
        ({"name": "other"}, "#growth: there is no such channel", "/invite @setpoint"),
        ({"private": True, "member": False}, "#growth: there is no such channel, or it is private", "/invite"),
    ],
)
def test_a_channel_where_it_can_not_post(check, slack, change, words, fix):
    for name, value in change.items():
        setattr(slack.channels["growth"], name, value)
    said = check("--json")
    assert said.status == 1
    one = the(said, "fix", "receivers.growth[0]")
    assert words in one["said"]
    assert fix in one["fix"]


def test_a_private_channel_with_the_app_in_it(check, slack):
    slack.channels["growth"].private = True
    assert check().status == 0


def test_with_chat_write_public_no_invitation_is_needed(check, slack):
    slack.channels["growth"].member = False
    slack.scopes.add("chat:write.public")
    assert check().status == 0


def test_a_channel_behind_many_others(check, slack):
    for number in range(2_100):
        slack.channels[f"c{number}"] = Channel(f"C0MANY{number:04d}", f"c{number}")
    slack.channels["growth"] = slack.channels.pop("growth")
    assert check().status == 0
    assert [arguments["limit"] for method, arguments in slack.calls if method == "conversations.list"] == ["1000"] * 6


def test_operators_that_are_not_there(check, slack, project):
    slack.users["U0GONE0001"] = User("U0GONE0001", "eve", "Eve", deleted=True)
    slack.groups["S0ONCALL01"].users.clear()
    del slack.groups["S0LEADS001"]
    (project / "setpoint.yaml").write_text(CONFIG.replace("[U0ANN0001,", "[U0NOBODY01, U0GONE0001,"))
    said = check("--json")
    assert said.status == 1
    assert the(said, "fix", "U0NOBODY01", "user_not_found")
    assert the(said, "fix", "U0GONE0001 (eve) no longer has an account")
    assert the(said, "fix", "nobody is in the user group @oncall")
    assert the(said, "fix", "there is no user group S0LEADS001")


def test_an_app_token_that_opens_nothing(check):
    said = check("--json", SETPOINT_SLACK_APP_TOKEN="xapp-wrong")
    assert said.status == 1
    assert "invalid_auth" in the(said, "fix", "Socket Mode")["said"]
    assert "connections:write" in the(said, "fix", "Socket Mode")["fix"]


def test_an_address_that_slack_does_not_call_is_no_address_for_it(here):
    said = here("slack", "manifest", SETPOINT_EXTERNAL_URL="http://localhost:8080")
    assert said.status == 2
    assert "SETPOINT_EXTERNAL_URL has to be the public address" in said.err
    assert "--socket" in said.err
    assert here("slack", "manifest", "--socket", SETPOINT_EXTERNAL_URL="http://localhost:8080").status == 0
    for url in ("https://s.example.com:8443/setpoint", "https://[2606:4700::1111]", "https://bücher.example"):
        assert here("slack", "manifest", "--url", url).status == 0


def test_what_is_said_of_a_wrong_app_token_is_about_an_app_token(check):
    said = the(check("--json", SETPOINT_SLACK_APP_TOKEN="xapp-wrong"), "fix", "Socket Mode")
    assert said["said"] == "SETPOINT_SLACK_APP_TOKEN opens no connection: Slack refused: invalid_auth"
    assert "xapp-" in said["fix"]
    assert "bot token" not in str(said)


def test_tokens_that_are_swapped_are_seen(check, slack):
    said = check("--json", SETPOINT_SLACK_APP_TOKEN=TOKEN, SETPOINT_SLACK_BOT_TOKEN=APP_TOKEN)
    assert said.status == 1
    one = the(said, "fix", "SETPOINT_SLACK_BOT_TOKEN and SETPOINT_SLACK_APP_TOKEN are swapped")
    assert one["fix"] == "SETPOINT_SLACK_BOT_TOKEN is the one with xoxb-, SETPOINT_SLACK_APP_TOKEN that with xapp-"
    assert [one["about"] for one in said.json["checks"] if one["state"] == "fix"] == ["token"]
    assert not [method for method, _ in slack.calls if method == "apps.connections.open"]


def test_one_token_in_the_place_of_another_is_seen(check, project):
    said = check("--json", SETPOINT_SLACK_BOT_TOKEN=APP_TOKEN)
    assert "xoxb-" in the(said, "fix", "SETPOINT_SLACK_BOT_TOKEN is an app-level token")["fix"]
    said = check("--json", SETPOINT_SLACK_APP_TOKEN=TOKEN)
    assert "xapp-" in the(said, "fix", "SETPOINT_SLACK_APP_TOKEN is a bot token")["fix"]
    (project / "setpoint.yaml").write_text(CONFIG.replace("xoxb-of-its-own-99", APP_TOKEN))
    assert the(check("--json"), "fix", "receivers.own[0].token is an app-level token")


@pytest.mark.parametrize(
    ("user", "state", "words"),
    [
        (User("U0ANN0001", "gus", "Gus", restricted=True), "note", "is a guest"),
        (User("U0ANN0001", "eve", "Eve", team="T0OTHER001"), "note", "is of another organisation"),
        (User("U0ANN0001", "wf", "Workflow", bot=True), "fix", "is a bot"),
    ],
)
def test_operators_who_may_not_be_meant(check, slack, user, state, words):
    slack.users["U0ANN0001"] = user
    assert the(check("--json"), state, "operators", f"U0ANN0001 ({user.name}) {words}")["fix"]


def test_a_user_token(check, project):
    said = check("--json", SETPOINT_SLACK_BOT_TOKEN="xoxp-of-a-person")
    assert said.status == 1
    assert "xoxb-" in the(said, "fix", "SETPOINT_SLACK_BOT_TOKEN is a user token")["fix"]
    (project / "setpoint.yaml").write_text(CONFIG.replace("xoxb-of-its-own-99", "xoxp-of-a-person"))
    assert the(check("--json"), "fix", "receivers.own[0].token is a user token")


def test_a_signing_secret_that_is_none(check):
    said = check("--json", SETPOINT_SLACK_SIGNING_SECRET="xoxb-oops")
    assert said.status == 1
    assert "Basic Information" in the(said, "fix", "SETPOINT_SLACK_SIGNING_SECRET is a token")["fix"]
    said = check("--json", SETPOINT_SLACK_SIGNING_SECRET="abc")
    assert said.status == 0
    assert the(said, "note", "SETPOINT_SLACK_SIGNING_SECRET does not look like one")["fix"]


@pytest.mark.parametrize("url", ["http://localhost:8080", "https://127.0.0.1", "http://s.example.com"])
def test_an_address_that_slack_can_not_call(check, url):
    said = check("--json", SETPOINT_SLACK_APP_TOKEN="", SETPOINT_EXTERNAL_URL=url)
    assert said.status == 1
    assert "https" in the(said, "fix", "way in", f"can't call SETPOINT_EXTERNAL_URL {url}")["fix"]
    assert check("--json", SETPOINT_EXTERNAL_URL=url).status == 0  # by Socket Mode clicks arrive all the same


def test_a_channel_given_as_a_link(check, project):
    (project / "setpoint.yaml").write_text(CONFIG.replace("C0DEMO0002", "https://a.slack.com/archives/C0DEMO0002"))
    assert the(check("--json"), "fix", "receivers.oncall[0]", "is a link")["fix"] == "write the id in it: C0DEMO0002"


def test_no_way_in(check):
    said = check("--json", SETPOINT_SLACK_APP_TOKEN="", SETPOINT_SLACK_SIGNING_SECRET="")
    assert the(said, "fix", "way in", "nothing that people click or type arrives")
    said = check("--json", SETPOINT_SLACK_APP_TOKEN="")
    assert "SETPOINT_EXTERNAL_URL" in the(said, "fix", "way in", "public address")["fix"]
    said = check("--json", SETPOINT_SLACK_APP_TOKEN="", SETPOINT_EXTERNAL_URL="https://s.example.com")
    assert said.status == 0


def test_slack_that_is_not_there(check, slack):
    slack.failures["*"] = Failure(429, retry_after=30)
    said = check("--json")
    assert said.status == 1
    assert the(said, "fix", "SETPOINT_SLACK_BOT_TOKEN can't be used")["fix"] == "try again in 30 s"


def test_no_bot_token_and_no_usable_configuration(check, project):
    said = check("--json", SETPOINT_SLACK_BOT_TOKEN="")
    assert said.status == 1
    assert "SETPOINT_SLACK_BOT_TOKEN" in the(said, "fix", "there is no bot token")["fix"]
    (project / "setpoint.yaml").write_text("nonsense: 1\n")
    assert check().status == 2


@pytest.mark.parametrize(
    ("arguments", "environment", "address"),
    [
        ((), {}, ""),
        ((), {"SETPOINT_EXTERNAL_URL": "https://s.example.com/"}, "https://s.example.com"),
        ((), {"SETPOINT_EXTERNAL_URL": "https://s.example.com", "SETPOINT_SLACK_APP_TOKEN": "xapp-1"}, ""),
        (("--socket",), {"SETPOINT_EXTERNAL_URL": "https://s.example.com"}, ""),
        (("--url", "https://t.example.com/"), {"SETPOINT_SLACK_APP_TOKEN": "xapp-1"}, "https://t.example.com"),
    ],
)
def test_which_way_it_is_for(here, arguments, environment, address):
    said = here("slack", "manifest", *arguments, **environment)
    assert said.status == 0
    assert yaml.safe_load(said.out) == manifest("Setpoint", address)
    assert here("slack", "manifest", "--json", *arguments, **environment).json == manifest("Setpoint", address)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--socket", "--url", "https://s.example.com"), "not both"),
        (("--url", "http://s.example.com"), "https only"),
        (("--url", "https://a b"), "has to be the public address, such as https://setpoint.example.com"),
        (("--url", "https://"), "has to be the public address"),
        (("--url", ""), "has to be the public address"),
        (("--url", "s.example.com"), "has to be the public address"),
        (("--url", "https://s.example.com:99999"), "has to be the public address"),
        (("--url", "https://s.example.com/?a=1"), "has to be the public address"),
        (("--url", "https://s.example.com/#here"), "has to be the public address"),
        (("--url", "https://me:secret@s.example.com"), "has to be the public address"),
        (("--url", "https://s.example.com/a\nb"), "has to be the public address"),
        (("--url", "https://localhost:8080"), "no local name"),
        (("--url", "https://127.0.0.1"), "no local name"),
        (("--url", "https://[::1]:8080"), "no local name"),
        (("--url", "https://10.1.2.3"), "no local name"),
        (("--url", "https://setpoint"), "no local name"),
        (("--url", "https://setpoint.local"), "no local name"),
        (("--url", "https://s..example.com"), "has to be the public address"),
        (("--name", ""), "1 to 35"),
        (("--name", "x" * 36), "1 to 35"),
    ],
)
def test_what_can_not_be_asked_for(here, arguments, words):
    said = here("slack", "manifest", *arguments)
    assert said.status == 2
    assert words in said.err
