"""A test file, checked like a configuration: every mistake with its file, line, column and the nearest name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agent.config.configuration import Configuration
from agent.config.convert import read
from agent.config.document import Document
from agent.config.errors import ConfigErrors
from agent.config.errors import Path as KeyPath
from agent.config.load import SECTIONS, configuration_of, load
from agent.config.validate import validated
from agent.testing.language import FileSection, TestSection
from agent.testing.names import Names
from rules.model import Series

_ELSEWHERE = {
    "rule_files": "is Prometheus' key; name your configuration: config: setpoint.yaml",
    "group_eval_order": "has no meaning here: targets don't read one another's results in an order; remove it",
    "fuzzy_compare": "has no meaning here: numbers are compared as exactly as they are written; remove it",
    "promql_expr_test": "has no meaning here, there is no PromQL; say what a target's numbers should be: target_test",
    "external_labels": "has no meaning here; remove it",
    "external_url": "has no meaning here; remove it",
}
"""promtool's keys that this form has not, and what to do instead."""


@dataclass(frozen=True, slots=True)
class TestFile:
    """A test file; `series` are those of each test's input, with the label of their source."""

    __test__ = False

    path: str
    document: Document
    config: Configuration
    tests: tuple[TestSection, ...]
    interval: int
    series: tuple[tuple[Series, ...], ...]

    def place(self, path: KeyPath) -> str:
        """Where a key of the file stands."""
        return str(self.document.place(path))


def read_tests(path: Path, environ: Mapping[str, str]) -> TestFile:
    """The file at a path. Raises ConfigErrors with every mistake, of the configuration it names too."""
    document = read(path, environ)
    sections = [name for name in document.data if name in SECTIONS]
    own = {name: value for name, value in document.data.items() if name not in SECTIONS}
    own = _without_foreign(own, document)
    found = validated(FileSection, own, (), document)
    if found is None:
        raise ConfigErrors(document.errors)
    if found.config is not None and sections:
        document.report(("config",), f"means nothing beside the file's own {', '.join(sections)}; remove one of them")
    config = _configuration(found, document, {**environ, **found.environment})
    names = Names(config, document)
    series = tuple(tuple(names.check(test, ("tests", index))) for index, test in enumerate(found.tests))
    if document.errors:
        raise ConfigErrors(document.errors)
    return TestFile(str(path), document, config, tuple(found.tests), found.evaluation_interval, series)


def _without_foreign(data: dict[str, Any], document: Document) -> dict[str, Any]:
    """The data without keys of promtool's form that ours has not; each is reported."""
    for path in _foreign(data):
        document.report(path, _ELSEWHERE[str(path[-1])], at_key=True)
    tests = data.get("tests")
    if isinstance(tests, list):
        data = {**data, "tests": [_ours(test) if isinstance(test, dict) else test for test in tests]}
    return _ours(data)


def _ours(data: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name not in _ELSEWHERE}


def _foreign(data: dict[str, Any]) -> Iterator[KeyPath]:
    yield from ((name,) for name in data if name in _ELSEWHERE)
    tests = data.get("tests")
    for index, test in enumerate(tests if isinstance(tests, list) else ()):
        yield from (("tests", index, name) for name in test if isinstance(test, dict) and name in _ELSEWHERE)


def _configuration(found: FileSection, document: Document, environ: Mapping[str, str]) -> Configuration:
    if found.config is None:
        if not any(name in SECTIONS for name in document.data):
            document.report(
                (), "has nothing to test: name a configuration (config: setpoint.yaml), or write targets here"
            )
            raise ConfigErrors(document.errors)
        inside = {name: value for name, value in document.data.items() if name in SECTIONS}
        return configuration_of(replace(document, data=inside))
    path = document.folder / found.config
    if not path.exists():
        document.report(("config",), f"there is no such file or directory: {path}")
        raise ConfigErrors(document.errors)
    try:
        return load(path, environ)
    except ConfigErrors as refused:
        raise ConfigErrors([*document.errors, *refused.errors]) from None
