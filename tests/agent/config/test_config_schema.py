"""The JSON Schema accepts what loading accepts."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from agent.config.convert import read
from agent.config.schema import json_schema

EXAMPLE = Path(__file__).parent / "example.yaml"
NAMES = ("GATEWAY_TOKEN", "SHOP_DB", "PUSH_SECRET", "HVAC_SECRET", "HOOK_SECRET")


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = json.loads(json.dumps(json_schema()))
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    return Draft202012Validator(schema)


@pytest.fixture
def data() -> dict[str, Any]:
    """The example as an editor sees it, with the variables as they are written."""
    return deepcopy(read(EXAMPLE, {name: f"${{{name}}}" for name in NAMES}).data)


def test_the_example_is_valid(validator: Draft202012Validator, data: dict[str, Any]) -> None:
    assert [error.message for error in validator.iter_errors(data)] == []


def test_secrets_may_come_from_files(validator: Draft202012Validator, data: dict[str, Any]) -> None:
    shop = data["sources"]["shop"]
    del shop["url"]
    assert not validator.is_valid(data)
    shop["url_file"] = "/run/secrets/shop"
    assert validator.is_valid(data)


def test_numbers_may_come_from_variables(validator: Draft202012Validator, data: dict[str, Any]) -> None:
    data["gateways"]["corp"]["max_concurrency"] = "${LIMIT:-10}"
    assert validator.is_valid(data)
    data["gateways"]["corp"]["max_concurrency"] = "ten"
    assert not validator.is_valid(data)


@pytest.mark.parametrize(
    "goal",
    [
        {"measure": "p99.9", "at_most": 300, "per": "day"},
        {"measure": "share", "where": "value == 1", "at_least": "99.9%", "per": "30d"},
        {"at_least": {"series": 'plan{kind="visitors"}'}},
        {"at_least": {"2026-01": 9000, "2026-02": "${FEBRUARY}", "default": 5}, "per": "month"},
        {"at_most": {"2026": 9000}, "per": "year", "plan": "weekdays"},
        {"at_most": 5, "per": "month", "plan": "visitors"},
        {"at_most": 5, "per": "month", "plan": {"series": 'plan{kind="visitors"}'}},
        {"at_most": {"2026-Q1": 9000}, "per": "quarter"},
        {"at_most": {"2026-W05": 9000, "2026-W53": "5%"}, "per": "week"},
        {"at_most": {"2026-01-31": 9000}, "per": "day"},
    ],
)
def test_goals_of_every_form(validator: Draft202012Validator, data: dict[str, Any], goal: dict[str, Any]) -> None:
    data["targets"]["room"]["goal"] = goal
    assert [error.message for error in validator.iter_errors(data)] == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("sourcess", {}),
        ("sources.analytics.urll", "x"),
        ("sources.analytics.type", "htpp"),
        ("sources.analytics.every", 5),
        ("targets.room.goal.at_leest", 3),
        ("targets.room.goal.measure", "summ"),
        ("targets.room.goal.at_least", [3]),
        ("targets.room.goal.at_least", {}),
        ("targets.room.goal.at_least", {"serie": "plan"}),
        ("targets.room.goal.at_least", {"2026": 5, "series": "plan"}),
        ("targets.room.goal.per", {"from": "2026-01-01"}),
        ("targets.room.alerts", [{"when": "missed"}]),
        ("targets.room.alerts", [{"name": "a", "when": "tired"}]),
        ("receivers.growth", [{"type": "slack", "chanel": "#x"}]),
        ("route.group_wait", 30),
        ("time_intervals.night", [{"times": [{"start": "22:00"}]}]),
        ("inhibit_rules", [{"equals": ["site"]}]),
    ],
)
def test_mistakes_are_seen(validator: Draft202012Validator, data: dict[str, Any], path: str, value: object) -> None:
    *parents, key = path.split(".")
    inside = data
    for parent in parents:
        inside = inside[parent]
    inside[key] = value
    assert not validator.is_valid(data)
