"""`setpoint corrections`, `approve`, `reject` and `run-action`, beside a running daemon."""

import time

import pytest

from tests.agent.cli.kit import DEADLINE

CONFIG = """\
sources:
  sheet: {type: file, path: rooms.csv, every: 1h, readings: [{series: temperature, value: celsius, labels: {room: room}}]}
targets:
  rooms:
    series: temperature
    by: [room]
    goal: {at_least: 20, at_most: 23}
    alerts: [{name: out-of-band, when: out_of_band}]
    correct: [{on: out-of-band, action: heat, approval: required, dry_run: true}]
actions:
  heat: {type: webhook, url: "http://127.0.0.1:1/{{ labels.room }}", budget: 10/h}
"""


@pytest.fixture
def asking(here, project, daemons):
    (project / "setpoint.yaml").write_text(CONFIG, encoding="utf-8")
    (project / "rooms.csv").write_text("room,celsius\nden,18.5\nhall,19\n")
    daemon = daemons(project).ready()

    def ask(*arguments):
        return here(*arguments, SETPOINT_LISTEN=daemon.address)

    return ask


def proposals(asking):
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        found = [run for run in asking("corrections", "--json").json["corrections"] if run["state"] == "proposed"]
        if len(found) == 2:
            return sorted(found, key=lambda run: run["instance"]["room"])
    raise AssertionError(found)


def test_what_is_proposed_is_approved_and_rejected(asking):
    den, hall = proposals(asking)
    said = asking("corrections")
    assert said.status == 0
    lines = [" ".join(line.split()) for line in said.out.splitlines()]
    assert lines[0] == "Corrections are on"
    assert any(line.startswith(f"{den['short']} proposed heat out-of-band rooms room=den 0 ") for line in lines)
    assert any(line.startswith("heat webhook 0 10/h closed") for line in lines)

    early = asking("approve", den["short"], "--seen", "2020-01-01T00:00:00Z")
    assert (early.status, "the call is another by now: POST http://127.0.0.1:1/den" in early.err) == (1, True)
    said = asking("approve", den["short"][:5], "--note", "go", "--by", "ann", "--seen", den["updated"])
    assert (said.status, said.err) == (0, "")
    call = "dry run, the call would be POST http://127.0.0.1:1/den"
    assert " ".join(said.out.split()) == f"{den['short']} Correction heat was skipped, approved by ann: {call}"
    again = asking("approve", den["id"])
    assert (again.status, "already approved by ann at " in again.out) == (0, True)
    late = asking("reject", den["short"])
    assert (late.status, late.out) == (1, "")
    assert late.err.startswith("Error: already approved by ann at ")
    said = asking("reject", hall["short"], "--by", "ann", "--note", "window", "--json").json
    assert (said["changed"], said["correction"]["detail"]) == (True, "rejected by ann: window")
    missing = asking("approve", "zzzz")
    assert (missing.status, missing.err) == (2, "Error: no correction 'zzzz'\n")
    for act in ("approve", "reject"):
        nothing = asking(act, "")
        assert (nothing.status, nothing.out) == (2, "")
        assert nothing.err.startswith(f"Error: {act} needs a correction: its id, or the first digits of it")
    listed = asking("corrections", "list")
    assert "dry run" in listed.out
    assert "rejected by ann: window" in listed.out
    assert "No corrections" in asking("corrections", "list", "--open").out


def test_all_of_them_are_switched_off_and_on(asking):
    said = asking("corrections", "off", "--note", "painters", "--by", "ann")
    assert said.status == 0
    assert said.out.startswith("Corrections are off since ")
    assert said.out.rstrip().endswith(", by ann: painters")
    assert asking("corrections").out.startswith("Corrections are off since ")
    assert "Corrections are off: setpoint corrections says since when" in asking("status").out
    assert asking("corrections", "on", "--json").json["switch"]["on"] is True


def test_an_action_is_run_by_hand(asking):
    proposals(asking)
    several = asking("run-action", "heat", "out-of-band")
    assert several.status == 2
    assert "'out-of-band' means 2 alerts; say which: " in several.err
    wrong = asking("run-action", "het", "out-of-band")
    assert (wrong.status, wrong.err) == (2, "Error: no action 'het'; did you mean heat?\n")
    fingerprint = asking("status", "--json").json["alerts"][0]["fingerprint"]
    taken = asking("run-action", "heat", fingerprint)
    assert taken.status == 1
    assert "does that already" in taken.err
