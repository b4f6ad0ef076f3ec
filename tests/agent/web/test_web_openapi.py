"""The description of the API: well-formed, complete, and made of the table that is served."""

from __future__ import annotations

import re

import jsonschema

from agent.web.openapi import document, shapes
from agent.web.routes import TABLE
from agent.web.schemas import SCHEMAS


def refs(node):
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for value in node.values():
            yield from refs(value)
    elif isinstance(node, list):
        for value in node:
            yield from refs(value)


async def test_it_is_served_with_the_address_outside(client, daemon):
    said = await (await client.get("/api/v1/openapi.json")).json()
    assert said == document(TABLE, "")
    assert (said["openapi"], said["servers"]) == ("3.1.0", [{"url": "/"}])
    assert document(TABLE, "https://x")["servers"] == [{"url": "https://x"}]


def test_every_route_is_in_it_under_a_name_of_its_own():
    paths = document(TABLE, "")["paths"]
    for route in TABLE:
        assert route.method.lower() in paths[re.sub(r"\{rest.*", "", route.path)]
    operations = [operation for path in paths.values() for operation in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    assert "/ping/{source}/{said}" in paths


def test_every_parameter_of_a_path_is_described():
    for path, operations in document(TABLE, "")["paths"].items():
        for operation in operations.values():
            said = [one["name"] for one in operation.get("parameters", []) if one["in"] == "path"]
            assert sorted(said) == sorted(re.findall(r"\{(\w+)\}", path))
            assert all(one["required"] for one in operation.get("parameters", []) if one["in"] == "path")
            assert operation["responses"]


def test_every_shape_is_a_schema_and_every_reference_leads_somewhere():
    said = document(TABLE, "")
    for name, schema in SCHEMAS.items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert shapes()[name]
    used = set(refs(said))
    assert used == {f"#/components/schemas/{name}" for name in SCHEMAS}


def test_what_needs_a_key_says_so():
    paths = document(TABLE, "")["paths"]
    for route in TABLE:
        operation = paths[re.sub(r"\{rest.*", "", route.path)][route.method.lower()]
        assert (operation.get("security") == []) == route.open
        if not route.open:
            assert "401" in operation["responses"]
