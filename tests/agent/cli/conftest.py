import os
import subprocess

import pytest
from click.testing import CliRunner

from agent.cli.main import cli
from tests.agent.cli.kit import COMMAND, DEADLINE, Daemon, Said, clean_environment


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An empty folder to work in, and an environment without settings."""
    for name in [name for name in os.environ if name.upper().startswith("SETPOINT_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def setpoint(project):
    """Runs `setpoint` as a process in the project's folder."""

    def run(*arguments, given="", encoding="utf-8", **environment):
        done = subprocess.run(
            [*COMMAND, *arguments],
            input=given,
            capture_output=True,
            text=True,
            encoding=encoding,
            cwd=project,
            env=clean_environment(**environment),
            timeout=DEADLINE,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Said(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def here(project):
    """Runs `setpoint` in this process: for commands that set up no logs. Much quicker."""

    def run(*arguments, given="", **environment):
        ended = CliRunner(env=environment).invoke(cli, arguments, input=given, prog_name="setpoint")
        if ended.exception is not None and not isinstance(ended.exception, SystemExit):
            raise ended.exception
        return Said(ended.exit_code, ended.stdout, ended.stderr)

    return run


@pytest.fixture
def daemons():
    """Starts daemons; those still there at the end are killed."""
    started = []

    def start(*arguments, **more):
        started.append(Daemon(*arguments, **more))
        return started[-1]

    yield start
    for daemon in started:
        if daemon.process.poll() is None:
            daemon.end(9)
        daemon._reader.join()
        daemon.process.stderr.close()
