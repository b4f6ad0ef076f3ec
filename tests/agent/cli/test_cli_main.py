import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent import __version__
from agent.cli.main import COMMANDS, cli
from tests.agent.cli.kit import COMMAND, clean_environment


def invoke(*arguments):
    return CliRunner().invoke(cli, arguments, prog_name="setpoint")


def test_help_names_every_command_with_its_own_words():
    shown = invoke("--help").output
    for name, words in COMMANDS.items():
        command = cli.get_command(None, name)
        assert command.name == name
        assert command.short_help == words
        assert words in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name):
    result = invoke(name, "--help")
    assert result.exit_code == 0
    assert result.output.startswith(f"Usage: setpoint {name}")
    assert len(result.output.splitlines()) > 5


@pytest.mark.parametrize(("typed", "meant"), [("chekc", "check"), ("statsu", "status"), ("send_test", "send-test")])
def test_a_mistyped_command_is_recognized(typed, meant):
    result = invoke(typed)
    assert result.exit_code == 2
    assert f"there is no command {typed!r}; did you mean {meant}?" in result.output


def test_nothing_like_it():
    result = invoke("xyzzy")
    assert result.exit_code == 2
    assert result.output.splitlines()[-1] == "Error: there is no command 'xyzzy'"


def test_options_may_stand_before_the_command(project):
    (project / "other.yaml").write_text("sources: {}\nnonsense: 1\n")
    before, after = invoke("--config", "other.yaml", "check"), invoke("check", "--config", "other.yaml")
    assert before.exit_code == after.exit_code == 1
    assert before.output == after.output
    assert "other.yaml:2:1: nonsense: unknown key" in before.output


def test_the_option_after_the_command_wins(project):
    (project / "other.yaml").write_text("sources: {}\nnonsense: 1\n")
    assert "other.yaml" in invoke("--config", "first.yaml", "check", "--config", "other.yaml").output


def test_an_option_without_a_meaning_is_refused():
    result = invoke("--database-url", "sqlite:///x.db", "schema")
    assert result.exit_code == 2
    assert "--database-url means nothing to schema" in result.output


def test_version():
    assert invoke("--version").output == f"setpoint {__version__}\n"
    assert invoke("version").output.startswith(f"setpoint {__version__} (Python 3.")
    assert f'"version": "{__version__}"' in invoke("version", "--json").output


def test_schema_is_one():
    import json

    from jsonschema import Draft202012Validator

    schema = json.loads(invoke("schema").output)
    Draft202012Validator.check_schema(schema)
    assert {"sources", "targets", "receivers"} <= schema["properties"].keys()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell):
    result = invoke("completion", shell)
    assert result.exit_code == 0
    assert "_SETPOINT_COMPLETE" in result.output


def completions(setpoint, words):
    said = setpoint(_SETPOINT_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(words.count(" ")))
    assert said.status == 0
    return {line.partition(",")[2] for line in said.out.splitlines() if line}


def test_completes_commands_and_names_of_the_configuration(setpoint):
    setpoint("init")
    assert completions(setpoint, "setpoint s") == {"schema", "status", "send-test", "silence", "slack"}
    assert completions(setpoint, "setpoint poll w") == {"website"}
    assert completions(setpoint, "setpoint status ") == {"monthly-visitors", "daily-visitors", "nightly-backup"}
    assert completions(setpoint, "setpoint send-test ") == {"console"}


def test_completion_is_quiet_about_a_broken_configuration(setpoint, project):
    (project / "setpoint.yaml").write_text("nonsense: [")
    assert completions(setpoint, "setpoint poll ") == set()


def test_demo_ends_with_the_story_s_status(monkeypatch, tmp_path):
    told = []
    monkeypatch.setattr("agent.demo.story.main", lambda keep, output: told.append((keep, output)) or 1)
    assert invoke("demo", "--keep", "--output", str(tmp_path)).exit_code == 1
    assert told == [(True, tmp_path)]


# Standard output as it may be


def test_a_terminal_without_unicode(setpoint, project):
    (project / "setpoint.yaml").write_text(
        "sources: {push: {type: webhook, readings: [{series: t, value: v}]}}\n"
        "targets: {room: {title: Büro 室, series: t, goal: {at_least: 20}}}\n",
        encoding="utf-8",
    )
    said = setpoint("check", encoding="latin-1", PYTHONIOENCODING="latin-1")
    assert said.status == 0
    assert "room  Büro ?" in said.out
    as_json = setpoint("check", "--json", encoding="latin-1", PYTHONIOENCODING="latin-1")
    assert as_json.json["targets"][0]["title"] == "Büro 室"


def test_a_reader_that_went_away_causes_no_traceback():
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as gone:
        done = subprocess.run(
            [*COMMAND, "schema"], stdout=gone, stderr=subprocess.PIPE, env=clean_environment(), check=False
        )
    assert done.stderr == b""
    assert done.returncode == 1


def test_a_closed_standard_output():
    program = f"exec {sys.executable} -P -c 'from agent.cli.main import main; main()' version >&-"
    done = subprocess.run(["/bin/sh", "-c", program], stderr=subprocess.PIPE, env=clean_environment(), check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_full_disk_is_said_plainly():
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*COMMAND, "schema"], stdout=full, stderr=subprocess.PIPE, env=clean_environment(), check=False
        )
    assert done.returncode == 1
    assert done.stderr == b"Error: No space left on device\n"
