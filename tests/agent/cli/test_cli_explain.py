"""`setpoint explain`: from the daemon, from the database, and of the past."""

import signal
import time
from datetime import UTC, datetime, timedelta

import pytest

CONFIG = """\
sources:
  a: {type: file, path: t.csv, every: 1s, readings: [{series: temperature, time: time, value: value, labels: {room: room}}]}
targets:
  room:
    title: Room
    unit: °C
    series: temperature
    by: [room]
    goal: {at_most: 23}
    alerts: [{name: hot, when: out_of_band, for: 1h, severity: critical}, {name: cold, when: in_band, notify: [team]}]
receivers: {team: [{type: console}], oncall: [{type: console}]}
route: {receiver: team, routes: [{matchers: ['severity="critical"'], receiver: oncall}]}
"""


@pytest.fixture
def daemon(project, daemons):
    now = datetime.now(UTC).replace(microsecond=0)
    rows = [(now - timedelta(hours=3), 22), (now - timedelta(hours=2), 25), (now - timedelta(minutes=1), 25.5)]
    (project / "setpoint.yaml").write_text(CONFIG)
    (project / "t.csv").write_text("time,value,room\n" + "".join(f"{t.isoformat()},{v},lab\n" for t, v in rows))
    started = daemons(project).ready()
    started.until("alert", change="pending")
    return started


def test_says_why_and_what_comes_next(daemon, here):
    said = here("explain", "room", "--url", daemon.url)
    assert said.status == 0, said.err
    for words in (
        "room (Room) at ",
        "  room=lab",
        "in words    out of band: 25.5 °C, wanted at most 23 °C",
        'read        temperature{room="lab",source="a"} = 25.5 °C, 1m',
        "source      a up, read ",
        "compared    value 25.5 <= 23: false",
        "alert       hot pending for ",
        " if it stays so",
        'would tell oncall (the route > severity="critical": oncall)',
        "cold inactive; fires while the standing is in band",
        "would tell team (the alert's own notify)",
        "hot fires, if nothing else comes in",
    ):
        assert words in said.out
    as_json = here("explain", "room", "--url", daemon.url, "--json").json
    assert as_json["from"] == "daemon"
    (lab,) = as_json["instances"]
    assert lab["steps"] == [{"text": "value 25.5 <= 23", "value": False}]
    assert [coming["what"] for coming in lab["next"]] == ["hot fires"]


def test_of_the_past_and_without_a_daemon(daemon, here):
    at = (datetime.now(UTC) - timedelta(minutes=90)).isoformat()
    of_daemon = here("explain", "room", "--at", at, "--url", daemon.url, "--json").json
    (lab,) = of_daemon["instances"]
    assert [(one["value"], one["readings"]) for one in lab["inputs"]] == [(25.0, 2)]
    assert {alert["name"]: alert["state"] for alert in lab["alerts"]} == {"hot": "pending", "cold": "inactive"}
    assert [change["alert"] for change in lab["changes"]][-1] == "cold"
    daemon.end(signal.SIGTERM)
    without = here("explain", "room", "--at", at, "--listen", "127.0.0.1:1", "--json").json
    assert {**without, "from": "daemon"} == of_daemon
    now = here("explain", "room", "--listen", "127.0.0.1:1")
    assert now.status == 0, now.err
    assert now.out.startswith("No daemon answers; from the database as it was left\n")
    assert "hot pending for " in now.out


def test_what_can_not_be_asked(daemon, here):
    assert "did you mean room?" in here("explain", "rom", "--url", daemon.url).err
    assert here("explain", "rom", "--url", daemon.url).status == 2
    soon = f"{time.time() + 3600:.0f}"
    assert "lies in the future" in here("explain", "room", "--at", soon, "--url", daemon.url).err
    assert here("explain", "room", "--at", "noon", "--url", daemon.url).status == 2
    assert here("explain", "rom", "--listen", "127.0.0.1:1").status == 2
    without = here("explain", "room", "--at", soon, "--listen", "127.0.0.1:1")
    assert (without.status, without.out) == (2, "")
    assert "lies in the future" in without.err
    assert here("explain", "room", "--at", soon, "--url", daemon.url).status == 2
    assert "'noon' is not a time" in here("explain", "room", "--at", "noon", "--listen", "127.0.0.1:1").err
