"""The JSON Schema of the configuration language, for editors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from agent.config.calendar import IntervalSection, NamedIntervals
from agent.config.language import Defaults, Heartbeat, InhibitSection, RouteSection, TargetSection, Watch
from agent.config.operators import FORM
from agent.config.remedies import CorrectionsSection
from agent.config.reports import ReportSection
from connectors import registry
from connectors.gateway import GatewayConfig

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_VARIABLE = {"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}"}
SECTIONS: tuple[type[BaseModel], ...] = (
    Defaults, GatewayConfig, TargetSection, RouteSection, InhibitSection, IntervalSection, Heartbeat, NamedIntervals,
    CorrectionsSection, ReportSection, Watch,
)  # fmt: skip
_REF = "#/$defs/{model}"


def json_schema() -> dict[str, Any]:
    """The schema of a whole configuration, draft 2020-12. Kinds are told apart by `type`."""
    kinds = {role: _models(role) for role in ("sources", "notifiers", "actions")}
    models: list[type[BaseModel]] = [*SECTIONS, *(model for members in kinds.values() for model in members.values())]
    refs, shared = models_json_schema([(model, "validation") for model in models], ref_template=_REF)

    def ref(model: type[BaseModel]) -> dict[str, Any]:
        return refs[model, "validation"]

    def names(schema: dict[str, Any]) -> dict[str, Any]:
        return {"type": ["object", "null"], "additionalProperties": schema}

    def one_of(role: str) -> dict[str, Any]:
        return _by_type({kind: ref(model) for kind, model in kinds[role].items()})

    definitions = {name: _open_to_variables(schema) for name, schema in shared.get("$defs", {}).items()}
    return {
        "$schema": DIALECT,
        "title": "Setpoint configuration",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "defaults": ref(Defaults),
            "gateways": names(ref(GatewayConfig)),
            "sources": names(one_of("sources")),
            "targets": names(ref(TargetSection)),
            "actions": names(one_of("actions")),
            "receivers": names({"type": "array", "minItems": 1, "items": one_of("notifiers")}),
            "route": ref(RouteSection),
            "inhibit_rules": {"type": "array", "items": ref(InhibitSection)},
            "time_intervals": _by_name_or_in_a_list(names, ref),
            "corrections": ref(CorrectionsSection),
            "heartbeat": ref(Heartbeat),
            "watch": ref(Watch),
            "operators": {"type": "array", "minItems": 1, "items": _text_of(FORM)},
            "reports": names(ref(ReportSection)),
        },
        "$defs": {**definitions, "variable": _VARIABLE},
    }


def _text_of(form: str) -> dict[str, Any]:
    """A text of a form, or one that comes from a variable."""
    return {"anyOf": [{"type": "string", "pattern": f"^{form}$"}, {"$ref": _REF.format(model="variable")}]}


def _by_name_or_in_a_list(names: Callable[[Any], Any], ref: Callable[[type[BaseModel]], Any]) -> dict[str, Any]:
    parts = {"type": "array", "items": ref(IntervalSection)}
    return {"anyOf": [names(parts), {"type": "array", "items": ref(NamedIntervals)}]}


def _models(role: str) -> dict[str, type[BaseModel]]:
    return {kind: registry.load(role, kind).Config for kind in sorted(registry.kinds(role))}


def _by_type(members: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """One of several kinds, chosen by `type`, so that an editor complains about the kind that was meant."""
    return {
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"enum": list(members)}},
        "allOf": [
            {"if": {"properties": {"type": {"const": kind}}, "required": ["type"]}, "then": schema}
            for kind, schema in members.items()
        ],
    }


def _open_to_variables(schema: Any) -> Any:
    """The schema with every number, truth value and choice also allowed to come from a variable."""
    if isinstance(schema, list):
        return [_open_to_variables(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    choice = isinstance(schema.get("enum"), list)
    if choice or schema.get("type") in ("integer", "number", "boolean"):
        return {"anyOf": [schema, {"$ref": _REF.format(model="variable")}]}
    return {
        key: value if key in {"default", "examples"} else _open_to_variables(value) for key, value in schema.items()
    }
