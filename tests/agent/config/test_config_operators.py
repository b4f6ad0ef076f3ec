"""Who may act from Slack, as it is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from agent.config.describe import describe
from agent.config.errors import ConfigErrors
from agent.config.load import load
from agent.config.needs import missing_settings
from agent.config.schema import json_schema
from agent.settings import read_settings

REST = """
sources: {csv: {type: file, path: v.csv, readings: [{series: x, value: n}]}}
targets: {x: {series: x, goal: {at_least: 1}}}
"""
HELP = 'write the id of a user (U…), of a user group (S…), or a user group\'s handle in quotes ("@oncall")'


def read(folder: Path, text: str):
    path = folder / "setpoint.yaml"
    path.write_text(text + REST, encoding="utf-8")
    return load(path, {"WHO": "U024BE7LH"})


def test_ids_and_handles(tmp_path):
    config = read(tmp_path, 'operators: [U024BE7LH, W012A3CDE, S0614TZR7, "@on-call", "${WHO}"]\n')
    assert config.operators == ("U024BE7LH", "W012A3CDE", "S0614TZR7", "@on-call")
    assert describe(config)["operators"] == list(config.operators)


def test_without_it_nobody_is_named(tmp_path):
    assert read(tmp_path, "").operators == ()


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("[]", "1:12: operators: is empty (name somebody, or leave it out: then everybody may act)"),
        ("", "1:11: operators: is empty (name somebody, or leave it out: then everybody may act)"),
        ("U024BE7LH", '1:12: operators: has to be a list (for example [U024BE7LH, "@oncall"])'),
        ("[u024be7lh]", "1:13: operators[0]: is no operator (did you mean U024BE7LH?)"),
        ("[oncall]", '1:13: operators[0]: is no operator (did you mean "@oncall", the handle of a user group?)'),
        ("[5]", f"1:13: operators[0]: is no operator ({HELP})"),
        ("[{a: b}]", f"1:13: operators[0]: is no operator ({HELP})"),
        ("[ann@example.com]", f"1:13: operators[0]: is no operator ({HELP})"),
        ('[U1X, "@On Call"]', f"1:18: operators[1]: is the handle of nobody: it is written in small letters ({HELP})"),
    ],
)
def test_mistakes_are_said_at_their_place(tmp_path, written, said):
    with pytest.raises(ConfigErrors) as caught:
        read(tmp_path, f"operators: {written}\n")
    assert [str(error).removeprefix(f"{tmp_path}/setpoint.yaml:") for error in caught.value.errors] == [said]


def test_a_mistyped_section_is_offered(tmp_path):
    with pytest.raises(ConfigErrors, match=r"did you mean operators\?"):
        read(tmp_path, "operator: [U024BE7LH]\n")


@pytest.mark.parametrize(
    ("value", "valid"),
    [(["U024BE7LH", "S0614TZR7", "@oncall", "${WHO}"], True), ([], False), ("U024BE7LH", False), (["ann"], False)],
)
def test_the_schema_accepts_what_loading_accepts(value, valid):
    assert Draft202012Validator(json_schema()).is_valid({"operators": value}) is valid


@pytest.mark.parametrize(
    ("operators", "token", "missing"),
    [
        ("[U024BE7LH, S0614TZR7]", "", ["operators: can't look into user groups: set SETPOINT_SLACK_BOT_TOKEN"]),
        ('["@oncall"]', "", ["operators: can't look into user groups: set SETPOINT_SLACK_BOT_TOKEN"]),
        ("[S0614TZR7]", "xoxb-token", []),
        ("[U024BE7LH]", "", []),
    ],
)
def test_groups_need_a_token(tmp_path, operators, token, missing):
    config = read(tmp_path, f"operators: {operators}\n")
    assert list(map(str, missing_settings(config, read_settings(slack_bot_token=token)))) == missing
