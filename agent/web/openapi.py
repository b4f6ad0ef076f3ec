"""The API's description, made of the table of routes. Format: https://spec.openapis.org/oas/v3.1.0"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from agent import __version__
from agent.web.face import Route
from agent.web.schemas import SCHEMAS, ref

_REST = re.compile(r"\{rest:.*")
_PARAMETER = re.compile(r"\{(\w+)\}")
_INTEGERS = frozenset({"limit"})


def shown_path(route: Route) -> str:
    """The path as the description writes it: without what the router alone needs."""
    return _REST.sub("", route.path)


def document(routes: Iterable[Route], server: str) -> dict[str, Any]:
    """The whole description; `server` is where the daemon is reached, empty for wherever this was read."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(shown_path(route), {})[route.method.lower()] = _operation(route)
        if "{rest" in route.path and route.path.startswith("/ping/"):
            paths.setdefault(f"{shown_path(route)}/{{said}}", {})[route.method.lower()] = _operation(route, "said")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Setpoint",
            "version": __version__,
            "description": "What stands where, what happened, and the few things that can be done from outside.",
        },
        "servers": [{"url": server or "/"}],
        "security": [{"bearer": []}, {"basic": []}],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "SETPOINT_API_KEY"},
                "basic": {"type": "http", "scheme": "basic", "description": "Any user, SETPOINT_API_KEY as password"},
            },
        },
    }


def _operation(route: Route, *more: str) -> dict[str, Any]:
    names = (*_PARAMETER.findall(shown_path(route)), *more)
    words = re.sub(r"[^a-z0-9]+", "_", f"{route.method} {shown_path(route)} {' '.join(more)}".lower()).strip("_")
    operation: dict[str, Any] = {
        "operationId": words,
        "summary": route.summary,
        "responses": {str(status): _answer(*said) for status, said in _answers(route).items()},
    }
    parameters = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]
    parameters += [
        {"name": name, "in": "query", "description": said, "schema": _kind(name)} for name, said in route.query.items()
    ]
    if parameters:
        operation["parameters"] = parameters
    if route.body:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": ref(route.body)}}}
    if route.open:
        operation["security"] = []
    return operation


def _answers(route: Route) -> dict[int, tuple[str, str]]:
    refused = {} if route.open else {401: ("The API key is missing or wrong.", "Error")}
    return dict(sorted({**route.answers, **refused}.items()))


def _kind(name: str) -> dict[str, Any]:
    return {"type": "integer" if name in _INTEGERS else "string"}


def _answer(words: str, what: str) -> dict[str, Any]:
    content = {what: {}} if "/" in what else {"application/json": {"schema": ref(what)}}
    return {"description": words, "content": content}


def shapes() -> dict[str, dict[str, str]]:
    """Each named shape as its keys in words; under the empty key, what a shape without keys is."""
    found = {}
    for name, schema in SCHEMAS.items():
        required = schema.get("required", ())
        fields = {
            key: _words(of) + ("" if key in required else ", may be left out")
            for key, of in schema.get("properties", {}).items()
        }
        found[name] = fields or {"": _words(schema)}
    return found


def _words(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "enum" in schema:
        return "one of " + ", ".join(schema["enum"])
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(_words(one) for one in schema[several])
    kind = schema["type"]
    if kind == "array":
        return f"list of {_words(schema['items'])}"
    if kind == "object":
        keys = ", ".join(schema.get("properties", ()))
        return f"object with {keys}" if keys else "object of " + _words(schema["additionalProperties"])
    return " or ".join(kind) if isinstance(kind, list) else "time" if "format" in schema else str(kind)
