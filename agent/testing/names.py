"""Whether what a test names is there: series, sources, alerts, targets, receivers, actions, numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

from agent.alerts.notices import values_of
from agent.config.configuration import Configuration
from agent.config.document import Document
from agent.config.errors import Path, choices, near
from agent.config.kinds import reference
from agent.testing.language import SeriesSection, TestSection
from rules.alerts import SOURCE_ALERT
from rules.model import Assessment, Projection, Series, Standing, labels_of
from rules.selectors import parse_selector
from rules.specs import PUSHED, Specs

_EVERY_NUMBER: dict[str, Any] = {field.name: 1.0 for field in fields(Assessment) if "float" in str(field.type)}
NUMBERS = tuple(values_of(Assessment(Standing.MET, **_EVERY_NUMBER, projection=Projection(1.0, 1.0, 1.0))))
"""The names of an instance's numbers."""


class Names:
    """Everything a configuration has by name. Mistakes are reported to the document of the test file."""

    def __init__(self, config: Configuration, document: Document) -> None:
        self._config = config
        self._document = document
        self._specs = Specs(config.targets.values(), (entry.rule for entry in config.sources.values()))
        self._alerts = {rule.name for rules in self._specs.rules.values() for rule in rules} | {SOURCE_ALERT}

    def check(self, test: TestSection, path: Path) -> Iterator[Series]:
        """Checks what a test names; yields its input series, each with the label of its source."""
        first: dict[Series, Path] = {}
        for index, series in enumerate(test.input_series):
            at = (*path, "input_series", index, "series")
            found = self._series(series, at)
            if found is None:
                continue
            if found in first:
                self._document.report(at, f"is given twice; first at {self._document.place(first[found])}")
            first.setdefault(found, at)
            yield found
        for key, name, known, what in self._named(test):
            reference((*path, *key), name, known, what, self._document)
        for index, silence in enumerate(test.silences):
            self._check_matchers(silence.matchers, (*path, "silences", index, "matchers"))
        for index, case in enumerate(test.target_test):
            self._check_target(case, (*path, "target_test", index))

    def _named(self, test: TestSection) -> Iterator[tuple[Path, str, Iterable[str], str]]:
        config = self._config
        polled = [name for name, entry in config.sources.items() if entry.polled]
        for at, failing in enumerate(test.failing):
            yield ("failing", at, "source"), failing.source, polled, "source that is read"
        for at, call in enumerate(test.calls):
            yield ("calls", at, "action"), call.action, config.actions, "action"
        for at, alert in enumerate(test.alert_rule_test):
            yield ("alert_rule_test", at, "alertname"), alert.alertname, self._alerts, "alert"
        for at, target in enumerate(test.target_test):
            yield ("target_test", at, "target"), target.target, config.targets, "target"
        for at, delivery in enumerate(test.delivery_test):
            yield ("delivery_test", at, "receiver"), delivery.receiver, config.receivers, "receiver"
        beside = {"target": config.targets, "action": config.actions, "alertname": self._alerts}
        for key in ("answers", "acknowledgements", "correction_test"):
            for at, case in enumerate(getattr(test, key)):
                for what, known in beside.items():
                    if (name := getattr(case, what, None)) is not None:
                        yield (key, at, what), name, known, what.removesuffix("name")

    def _check_matchers(self, matchers: Sequence[str], path: Path) -> None:
        from agent.alerts.silencing import silence_matchers  # late: it brings in most of the daemon

        try:
            silence_matchers(matchers, self._config.targets)
        except ValueError as error:
            self._document.report(path, str(error))

    def _check_target(self, case: Any, path: Path) -> None:
        for name in case.exp_values:
            if name not in NUMBERS:
                hint = near(name, NUMBERS) or f"there are {', '.join(NUMBERS)}"
                self._document.report((*path, "exp_values", name), "is no number of a target", hint, at_key=True)
        target = self._config.targets.get(case.target)
        if target is not None and set(case.labels) != set(target.by):
            by = f"its instances have the labels {', '.join(target.by)}" if target.by else "its one instance has none"
            self._document.report((*path, "labels"), f"are not those of an instance of {target.name}", by)

    def _series(self, section: SeriesSection, path: Path) -> Series | None:
        """The series, as its source gives it."""
        try:
            selector = parse_selector(section.series)
        except ValueError as error:
            self._document.report(path, str(error))
            return None
        if any(matcher.op != "=" for matcher in selector.matchers):
            self._document.report(path, 'the labels of a series are written with =, as in visitors{site="www"}')
            return None
        labels = {matcher.name: matcher.value for matcher in selector.matchers}
        known = self._specs.series_names()
        if selector.name not in known:
            hint = near(selector.name, known) or f"there are {choices(known)}"
            self._document.report(path, f"no target reads the series {selector.name}", hint)
            return None
        source = labels.get("source") or self._source_of(selector.name, path)
        if source is None or not self._gives(source, selector.name, labels, path):
            return None
        series = Series(selector.name, labels_of({**labels, "source": source}))
        if not any(self._specs.places_of(series)):
            self._document.report(path, "falls into no target: their selectors leave these labels out")
        return series

    def _gives(self, source: str, name: str, labels: Mapping[str, str], path: Path) -> bool:
        """Whether there is such a source, which gives the series with these labels; what is pushed may have any."""
        if source == PUSHED:
            return True
        if not reference(path, source, self._config.sources, "source", self._document):
            return False
        entry = self._config.sources.get(source)
        readings = [one for one in getattr(entry and entry.config, "readings", ()) if one.series == name]
        if not readings:
            return True
        given = {"source", *(label for reading in readings for label in reading.labels)}
        wrong = [label for label in labels if label not in given]
        for label in wrong:
            hint = near(label, given) or f"there are {choices(given)}"
            self._document.report(path, f"no source gives {name} with a label {label}", hint)
        return not wrong

    def _source_of(self, name: str, path: Path) -> str | None:
        """The one source that gives a series; what none gives is pushed."""
        giving = [entry.name for entry in self._config.sources.values() if name in entry.rule.series]
        if len(giving) > 1:
            self._document.report(
                path, f'is given by {" and ".join(giving)}; say which: {name}{{source="{giving[0]}"}}'
            )
            return None
        return giving[0] if giving else PUSHED
