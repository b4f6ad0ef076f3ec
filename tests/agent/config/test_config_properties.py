"""Whatever stands in a file, loading it ends in a configuration or in errors that say where."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.config.errors import ConfigError, ConfigErrors
from agent.config.load import load
from agent.config.scalars import resolve

TEXT = (Path(__file__).parent / "example.yaml").read_text(encoding="utf-8")
ENVIRON = {"SHOP_DB": "sqlite:///shop.db", "PUSH_SECRET": "hunter2-secret"}
PIECES = st.sampled_from(
    ["{", "}", "[", "]", ": ", ",", "\n", "\n  ", "- ", '"', "'", "&a ", "*a", "!x ", "|\n", "${", "}", "$${", "null",
     "~", "0", "-1", "1e999", "99999999999999999999", ".nan", "true", "2026-01-01", "30d", "month", "# ", "\t", "é", "%"]
)  # fmt: skip
EDITS = st.lists(
    st.tuples(st.integers(0, len(TEXT)), st.integers(0, 30), st.one_of(PIECES, st.text(max_size=5))),
    min_size=1,
    max_size=4,
)


def load_text(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "setpoint.yaml"
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
        errors: tuple[ConfigError, ...] | None = None
        try:
            load(file, ENVIRON)
        except ConfigErrors as problem:
            errors = problem.errors
        assert errors is None or errors
        for error in errors or ():
            assert error.file == str(file)
            assert error.message
            assert "hunter2" not in str(error)


@given(EDITS)
@settings(max_examples=150, deadline=None)
def test_a_mangled_configuration_gives_errors_only(edits: list[tuple[int, int, str]]) -> None:
    text = TEXT
    for at, length, piece in edits:
        text = text[:at] + piece + text[at + length :]
    load_text(text)


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=6,
)
PATHS = st.sampled_from(
    ["defaults", "defaults.every", "gateways", "gateways.g", "gateways.g.auth", "sources", "sources.s", "sources.s.type",
     "sources.s.readings", "sources.s.readings.0.labels", "targets", "targets.t", "targets.t.goal", "targets.t.goal.per",
     "targets.t.goal.condition", "targets.t.goal.at_least", "targets.t.series", "targets.t.by", "targets.t.alerts",
     "targets.t.alerts.0", "targets.t.alerts.0.when", "targets.t.correct", "targets.t.no_data", "actions", "receivers",
     "receivers.r", "receivers.r.0", "route", "route.matchers", "route.routes", "heartbeat", "heartbeat.url"]
)  # fmt: skip


def written(path: str, value: object) -> str:
    import json

    for part in reversed(path.split(".")):
        value = [value] if part == "0" else {part: value}
    return json.dumps(value)


@given(PATHS, VALUES)
@settings(max_examples=200, deadline=None)
def test_any_value_anywhere_gives_errors_only(path: str, value: object) -> None:
    load_text(written(path, value))


@given(st.text(max_size=20))
def test_a_scalar_is_its_text_or_what_the_core_schema_says(text: str) -> None:
    value = resolve(text)
    assert isinstance(value, str | int | float | bool | None)
    if isinstance(value, str):
        assert value == text
