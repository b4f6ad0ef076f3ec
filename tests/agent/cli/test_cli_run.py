import signal
import socket
import subprocess
import sys

import pytest

from tests.agent.cli.kit import clean_environment

CONFIG = "sources: {push: {type: webhook, readings: [{series: s, value: v}]}}\n"


@pytest.fixture(autouse=True)
def config(project):
    (project / "setpoint.yaml").write_text(CONFIG)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_well(daemons, project, how):
    assert daemons(project).ready().end(how) == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_it_starts_ends_it_well(daemons, project, how):
    daemon = daemons(project)
    daemon.until("http.listening")  # signals are the command's own until everything has started
    assert daemon.end(how) == 0


def test_a_reload_that_is_asked_for_at_once_does_not_end_it():
    script = """
import os, signal
from agent.cli import run
run._configure_logs = run._run = lambda settings: os.kill(os.getpid(), signal.SIGHUP)
run.command([], standalone_mode=False)
"""
    assert subprocess.run([sys.executable, "-c", script], env=clean_environment(), check=False).returncode == 0


def test_a_receiver_without_its_setting_is_warned_of(daemons, project):
    (project / "setpoint.yaml").write_text(CONFIG + 'receivers: {team: [{type: slack, channel: "#growth"}]}\n')
    daemon = daemons(project)
    said = daemon.until("setting.missing", receiver="receivers.team[0]", setting="SETPOINT_SLACK_BOT_TOKEN")
    assert said["level"] == "warning"
    assert daemon.ready().end(signal.SIGTERM) == 0


def test_configuration_with_mistakes(setpoint, project):
    (project / "setpoint.yaml").write_text(CONFIG + "targets: {t: {series: s, goal: {at_most: x}}}\nnonsense: 1\n")
    said = setpoint("run")
    assert (said.status, said.out) == (2, "")
    first, second = said.err.splitlines()
    assert first.startswith("setpoint.yaml:2:")
    assert second.startswith("setpoint.yaml:3:1: nonsense: unknown key")
    assert not (project / "setpoint.db").exists()


def test_no_configuration(setpoint):
    said = setpoint("run", "--config", "nowhere.yaml")
    assert said.status == 2
    assert said.err.startswith("nowhere.yaml: ")
    assert len(said.err.splitlines()) == 1


def last(said):
    """The line after the log."""
    return [line for line in said.err.splitlines() if not line.startswith("{")]


def test_another_daemon_on_the_database(setpoint, daemons, project):
    daemon = daemons(project).ready()
    said = setpoint("run", "--listen", "127.0.0.1:0")
    assert said.status == 2
    (line,) = last(said)
    assert line.startswith("Error: the database ")
    assert f"in use by another daemon (process {daemon.process.pid}" in line


def test_an_address_that_is_taken(setpoint):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        said = setpoint("run", "--listen", address)
    assert said.status == 2
    (line,) = last(said)
    assert line.startswith(f"Error: can't listen on {address}: another program listens there")


def test_reachable_from_outside_without_a_key(setpoint, project):
    said = setpoint("run", SETPOINT_LISTEN="0.0.0.0:0")
    assert said.status == 2
    (line,) = last(said)
    assert "SETPOINT_API_KEY is not set" in line
    assert not (project / "setpoint.db").exists()


def test_a_database_that_is_none(setpoint, project):
    (project / "notes.txt").write_text("These are my notes, and no database at all.\n" * 50)
    said = setpoint("run", "--database-url", "sqlite:///notes.txt", "--listen", "127.0.0.1:0")
    assert said.status == 2
    (line,) = last(said)
    assert "notes.txt" in line
