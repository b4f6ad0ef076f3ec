"""`setpoint send-test --through-slack`: a real daemon, a workspace, and a person who clicks or does not."""

from __future__ import annotations

import asyncio
import json
import subprocess

import pytest

from agent.cli import through_slack
from agent.cli.client import NoDaemon
from agent.demo.slack import TOKEN
from agent.demo.slack_parts import Failure
from connectors.slack_buttons import CONFIRM
from tests.agent.cli.kit import COMMAND, DEADLINE, clean_environment
from tests.agent.cli.workspace import workspace
from tests.slack_workspace.workspace import APP_TOKEN, SIGNING_SECRET

CONFIG = """\
receivers:
  growth: [{type: slack, channel: "#growth"}]
  mail: [{type: console}]
"""


@pytest.fixture
def slack():
    with workspace("growth") as found:
        yield found


@pytest.fixture
def world(project, slack, daemons):
    """Starts a daemon that Slack reaches by Socket Mode or by signed calls, and runs the command beside it."""
    server, _ = slack
    (project / "setpoint.yaml").write_text(CONFIG)
    given = {"SETPOINT_SLACK_API_URL": server.api_url, "SETPOINT_SLACK_BOT_TOKEN": TOKEN}

    def start(way):
        more = {
            "socket": {"SETPOINT_SLACK_APP_TOKEN": APP_TOKEN},
            "signed": {"SETPOINT_SLACK_SIGNING_SECRET": SIGNING_SECRET},
            "both": {"SETPOINT_SLACK_APP_TOKEN": APP_TOKEN, "SETPOINT_SLACK_SIGNING_SECRET": SIGNING_SECRET},
        }
        if way == "both":
            server.failures["apps.connections.open"] = Failure(error="internal_error")
        daemon = daemons(project, **given, **more.get(way, {}))
        daemon.address = daemon.until("http.listening")["address"]
        server.request_url = f"http://{daemon.address}"
        if way == "socket":
            daemon.until("slack.socket_connected")

        def begin(*arguments):
            return subprocess.Popen(
                [*COMMAND, "send-test", *arguments],
                cwd=project,
                env=clean_environment(SETPOINT_LISTEN=daemon.address),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
            )

        return begin

    return start


def ended(process):
    out, err = process.communicate(timeout=DEADLINE)
    return process.returncode, out, err


@pytest.mark.parametrize(
    ("way", "named"), [("socket", "Socket Mode"), ("signed", "signed calls"), ("both", "signed calls")]
)
def test_there_and_back(world, slack, here, way, named):
    server, run = slack
    process = world(way)("growth", "--through-slack", "--timeout", "20s")
    run(asyncio.wait_for(server.until(lambda: server.messages), DEADLINE))
    (message,) = server.messages
    assert message.text == "🧪 Test: This is a test of receiver growth; nothing is wrong"
    run(server.click(message, CONFIRM))
    status, out, err = ended(process)
    assert (status, err == "" or way == "both") == (0, True)
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0].startswith("0.000 s outbox the daemon at ")
    assert lines[1].endswith(" s slack the message is in #growth")
    assert lines[2] == "now click It arrived there"
    assert lines[3].endswith(f" s click Ann Lee clicked; it came by {named}")
    run(asyncio.wait_for(server.until(lambda: server.ephemerals), DEADLINE))
    assert "The test of receiver growth is done" in server.ephemerals[0].text
    acts = here("audit", "--json", SETPOINT_LISTEN=server.request_url.removeprefix("http://")).json["acts"]
    assert [(act["act"], act["subject"], act["via"]) for act in acts] == [
        ("confirm-test", "growth", "slack"),
        ("send-test", "growth", "cli"),
    ]
    assert acts[0]["note"] == f"{acts[1]['note']} by {named}"
    assert CONFIRM not in str(message.blocks)
    assert "Ann Lee clicked at " in str(message.blocks)


def test_nobody_clicks(world, slack):
    status, out, _ = ended(world("signed")("growth", "--through-slack", "--timeout", "2s", "--json"))
    said = json.loads(out)
    assert (status, said["failed"]) == (1, "click")
    assert [stage["stage"] for stage in said["stages"]] == ["outbox", "slack"]
    assert "none arrived within 2 s" in said["error"]
    assert "Request URL" in said["error"]


def test_slack_does_not_take_the_message(world, slack):
    slack[0].channels["growth"].archived = True
    status, out, err = ended(world("signed")("growth", "--through-slack", "--timeout", "20s"))
    assert status == 1
    assert err.startswith("slack failed: #growth: ")
    assert "archived" in err
    assert " click " not in out
    assert slack[0].messages == []  # and nobody is told that a test failed


def test_what_can_not_be_tested(world):
    begin = world("signed")
    for receiver, words in (("mail", "no Slack channel"), ("grwth", "did you mean growth?")):
        status, _, err = ended(begin(receiver, "--through-slack"))
        assert status == 2
        assert words in err
    assert ended(begin("growth", "--through-slack", "--timeout", "soon"))[0] == 2


def test_where_no_click_arrives(world):
    status, _, err = ended(world("neither")("growth", "--through-slack"))
    assert status == 2
    assert "SETPOINT_SLACK_APP_TOKEN" in err


def test_a_button_of_another_time_does_nothing(world, slack):
    server, run = slack
    world("signed")
    url = server.response_url("U0ANN0001", "C0DEMO0001")
    action = {"type": "button", "action_id": CONFIRM, "value": "0123456789abcdef", "block_id": "b"}
    user = {"id": "U0ANN0001", "username": "ann"}
    run(server.interact({"type": "block_actions", "user": user, "actions": [action], "response_url": url}))
    run(asyncio.wait_for(server.until(lambda: server.ephemerals), DEADLINE))
    assert server.ephemerals[0].text == "This test is over. Nothing was done."


class Away:
    """A daemon that answers a while, then is not there for so many seconds."""

    def __init__(self, seconds):
        self.now, self.back = 0.0, 1.0 + seconds

    def monotonic(self):
        return self.now

    def pass_(self, seconds):
        self.now += seconds

    def ask(self, *_):
        if 1.0 <= self.now < self.back:
            raise NoDaemon("no daemon answers")
        return {"test": {"at": self.now}}


@pytest.mark.parametrize("seconds", [20.0, 40.0])
def test_a_daemon_that_is_started_anew_is_waited_for(monkeypatch, seconds):
    away = Away(seconds)
    monkeypatch.setattr(through_slack, "sleep", away.pass_)
    looks = through_slack._looks(away, {"receiver": "growth", "id": "t"}, away, 100.0)
    if seconds > 30:
        with pytest.raises(NoDaemon):
            list(looks)
    else:
        assert [found["at"] for found in looks][-1] == 99.75
