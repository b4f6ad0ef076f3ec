"""The page of configuration keys, made from the JSON Schema and words.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agent.config.schema import json_schema
from connectors import registry
from rules.words import span

ROOT = Path(__file__).parent.parent
NOTE = "<!-- Written by `make docs` from the code; changes made here are lost. -->\n"

ROLES = {"Sources": "sources", "Actions": "actions", "Receivers": "notifiers"}
ABOUT = {
    "Sources": "Under `sources`, by name. The kind is chosen by `type`.",
    "Actions": "Under `actions`, by name.",
    "Receivers": "Under `receivers`, by name: each a list of one or more notifiers. `console` always exists.",
}
PARTS = (
    ("`readings[]` of a source", "ReadingConfig"),
    ("`retention` of a source, a reading or the defaults", "RetentionSection"),
    ("Targets", "TargetSection"),
    ("`goal` of a target", "GoalSection"),
    ("`at_least`, `at_most` or `plan` of a goal, as a series", "SeriesValue"),
    ("`per` of a goal, as a span", "FixedSpan"),
    ("`recover` of a target", "RecoverSection"),
    ("`no_data` of a target", "NoDataSection"),
    ("`alerts[]` of a target", "AlertSection"),
    ("`for` of an alert, as a count", "OftenSection"),
    ("`burn[]` of an alert", "BurnSection"),
    ("`flapping` of an alert", "FlappingSection"),
    ("`worse[]` of an alert", "WorseSection"),
    ("`escalate[]` of an alert", "EscalationSection"),
    ("`correct[]` of a target", "CorrectSection"),
    ("`verify` of a correction", "VerifySection"),
    ("`escalate` of a correction", "EscalateSection"),
    ("`approval` of a correction", "ApprovalSection"),
    ("`undo` of a correction", "UndoSection"),
    ("`output` of a correction", "OutputSection"),
    ("`pid` of an output", "PidSection"),
)
REST = (
    ("`breaker` of an action", "BreakerConfig"),
    ("Corrections", "CorrectionsSection"),
    ("Route", "RouteSection"),
    ("`inhibit_rules[]`", "InhibitSection"),
    ("`time_intervals`: each name a list of these", "IntervalSection"),
    ("`times[]` of a time interval", "TimesSection"),
    ("`time_intervals[]`, written as a list", "NamedIntervals"),
    ("Gateways", "GatewayConfig"),
    ("`auth` of a source, action or gateway", "Auth"),
    ("`basic` of auth", "Basic"),
    ("`api_key` of auth", "ApiKey"),
    ("Defaults", "Defaults"),
    ("Heartbeat", "Heartbeat"),
    ("Reports", "ReportSection"),
    ("Watch", "Watch"),
)


class Words:
    """The meaning of keys; what was asked for is remembered, to find words without a key and models without words."""

    def __init__(self) -> None:
        self.by_model: dict[str, dict[str, str]] = tomllib.loads((ROOT / "tools/words.toml").read_text())
        self.used: set[tuple[str, str]] = set()
        self.models: set[str] = set()

    def of(self, model: str, key: str) -> str:
        """The words. Raises SystemExit if there are none."""
        for place in (model, "any"):
            if key in self.by_model.get(place, {}):
                self.used.add((place, key))
                return self.by_model[place][key]
        raise SystemExit(f"tools/words.toml says nothing about {key} of {model}")

    def check(self, defs: dict[str, Any]) -> None:
        """Raises SystemExit if words belong to no key, or a section of the language is in no table."""
        if left_out := {name for name in defs if "properties" in defs[name]} - self.models:
            raise SystemExit(f"tools/reference_keys.py has no heading for {sorted(left_out)}")
        said = {(model, key) for model, keys in self.by_model.items() for key in keys if model != "Settings"}
        if said - self.used:
            raise SystemExit(f"tools/words.toml has words for keys that don't exist: {sorted(said - self.used)}")


def configuration() -> str:
    """Every key of every section, from the JSON Schema."""
    schema, words = json_schema(), Words()
    defs = schema["$defs"]
    lines = [
        "# Configuration keys\n",
        NOTE,
        "The language itself (variables, secrets in files, durations, percentages) is described in the",
        "[how-to guide](../how-to/configuration.md). `setpoint schema` prints the JSON Schema of it all.\n",
        "A key marked *secret* has a twin that ends in `_file` and names a file which holds the value.\n",
    ]
    for title, role in ROLES.items():
        lines += [f"## {title}\n", f"{ABOUT[title]}\n"]
        for kind in registry.BUILT_IN[role]:
            model = registry.load(role, kind).Config.__name__
            lines += [f"### `{title.lower()}: type: {kind}`\n", *table(model, defs, words)]
        if title == "Sources":
            for heading, model in PARTS:
                lines += [f"{'##' if heading == 'Targets' else '###'} {heading}\n", *table(model, defs, words)]
    for heading, model in REST:
        lines += [f"{'##' if heading[0] != '`' else '###'} {heading}\n", *table(model, defs, words)]
    lines += ["## Operators\n", f"`operators`: {words.of('Operators', 'operators')}\n"]
    words.check(defs)
    return "\n".join(lines)


def table(model: str, defs: dict[str, Any], words: Words) -> Iterator[str]:
    """The keys of one model."""
    words.models.add(model)
    schema = defs[model]
    needed = set(schema.get("required", ()))
    needed |= {rule["oneOf"][0]["required"][0] for rule in schema.get("allOf", ()) if "oneOf" in rule}
    keys = schema.get("properties", {})
    rows = [key for key in keys if not (key.endswith("_file") and key.removesuffix("_file") in keys)]
    yield "| key | value | default | meaning |"
    yield "|---|---|---|---|"
    for key in rows:
        given = keys[key]
        default = "**required**" if key in needed else shown_default(given)
        yield f"| `{key}` | {kind_of(given, defs)} | {default} | {words.of(model, key)} |"
    yield ""


def kind_of(given: dict[str, Any], defs: dict[str, Any]) -> str:
    """The type of a value, in words."""
    if "$ref" in given:
        name = given["$ref"].rpartition("/")[2]
        found = defs[name]
        if name == "variable":
            return ""
        return kind_of(found, defs) if "properties" not in found else "mapping"
    if "enum" in given:
        return " ".join(f"`{value}`" for value in given["enum"])
    if "const" in given:
        return f"`{given['const']}`"
    for joint in ("anyOf", "oneOf"):
        if joint in given:
            parts = [kind_of(one, defs) for one in given[joint] if one.get("type") != "null"]
            return " or ".join(dict.fromkeys(part for part in parts if part))
    return plain_kind(given, defs)


def plain_kind(given: dict[str, Any], defs: dict[str, Any]) -> str:
    """The type of a value that is no choice."""
    if given.get("format") == "password":
        return "text, *secret*"
    if is_duration(given):
        return "duration"
    if given.get("pattern", "").endswith("(s|m|h|d)"):
        return "rate"
    kind = given.get("type")
    if kind == "array":
        return f"list of {kind_of(given['items'], defs) or 'values'}"
    if kind == "object":
        return "mapping"
    words = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
    return " or ".join(words.get(one, one) for one in (kind if isinstance(kind, list) else [kind])) if kind else "any"


def is_duration(given: dict[str, Any]) -> bool:
    """Whether the value is written like 30s."""
    return "30s" in given.get("examples", ())


def shown_default(given: dict[str, Any]) -> str:
    """What counts when the key is left out."""
    for one in (given, *given.get("anyOf", ())):
        if one.get("default") not in (None, "", {}, []):
            value = one["default"]
            if isinstance(value, dict):
                return ""
            if is_duration(one):
                return f"`{span(value).replace(' ', '')}`"
            return f"`{str(value).lower() if isinstance(value, bool) else value}`"
        if one.get("default") == 0 and is_duration(one):
            return "`0s`"
    return ""
