"""The `sources` section: what is read, when, and which series it gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from agent.config.configuration import SourceEntry
from agent.config.document import Document
from agent.config.errors import Path, meant
from agent.config.kinds import Kind, check_way, configured
from agent.config.language import Defaults
from agent.config.validate import section
from agent.config.values import LABEL_NAME
from connectors import registry
from connectors.rows import PolledConfig
from rules.model import SECOND, SourceRule
from rules.selectors import NAME
from rules.specs import CHECKIN_SERIES

CHECKIN = "checkin"
_NOT_IN_NAMES = frozenset("/?#%\\ \t\r\n")


SHORTEST = SECOND // 10
"""Between two polls of a source, in microseconds."""


class Given(NamedTuple):
    """What the sources give as written: label names by series (None: not known), and whether that is all of it."""

    labels: Mapping[str, frozenset[str] | None]
    complete: bool


def build_sources(document: Document, defaults: Defaults, gateways: Mapping[str, Any]) -> dict[str, SourceEntry]:
    """The sources by name; mistakes are reported to the document."""
    found: dict[str, SourceEntry] = {}
    for name, data in section(document, "sources").items():
        path = ("sources", name)
        if _NOT_IN_NAMES.intersection(name):
            document.report(
                path, "a source's name is part of its address; it can't hold spaces or / ? # %", at_key=True
            )
        _check_readings(data, path, document)
        check_way(data, path, gateways, document)
        kind = configured("sources", data, path, document)
        if kind is not None:
            found[name] = entry = _entry(name, kind, defaults)
            if isinstance(kind.config, PolledConfig) and (entry.every or SECOND) < SHORTEST:
                where = (*path, "every") if kind.config.every else ("defaults", "every")
                document.report(where, "a source is read every 100ms at most")
    return found


def _entry(name: str, kind: Kind, defaults: Defaults) -> SourceEntry:
    config = kind.config
    polled = isinstance(config, PolledConfig)
    cron = config.cron if polled else None
    every = (config.every or defaults.every) if polled and cron is None else None
    zone = getattr(config, "timezone", None) or defaults.timezone
    return SourceEntry(
        name=name,
        kind=kind.name,
        config=config,
        every=every,
        cron=cron,
        zone=zone,
        timeout=getattr(config, "timeout", 10 * SECOND),
        rule=SourceRule(name, _series(kind), every, cron, zone),
    )


def _series(kind: Kind) -> tuple[str, ...]:
    if kind.name == CHECKIN:
        return CHECKIN_SERIES
    return tuple(dict.fromkeys(reading.series for reading in getattr(kind.config, "readings", ())))


def _check_readings(data: Any, path: Path, document: Document) -> None:
    """The names a source gives. Looks at the data, so that no other mistake hides a wrong one."""
    readings = data.get("readings") if isinstance(data, dict) else None
    for index, reading in enumerate(readings if isinstance(readings, list) else ()):
        series, labels = (reading.get("series"), reading.get("labels")) if isinstance(reading, dict) else (None, None)
        at = (*path, "readings", index)
        if isinstance(series, str) and not NAME.fullmatch(series):
            message = "can't be the name of a series; use letters, digits, _ . : and -, and begin with a letter"
            document.report((*at, "series"), message)
        for label in labels if isinstance(labels, dict) else ():
            if not LABEL_NAME.fullmatch(label):
                message = "can't be the name of a label; use letters, digits and _"
                document.report((*at, "labels", label), message, at_key=True)
            elif label == "source":
                message = "every reading already has the label source: the name of its source"
                document.report((*at, "labels", label), message, at_key=True)


def given(document: Document) -> Given:
    """What the sources give, read from the data itself, so that a mistake in one is not said of its targets too.

    Of a source that names no series in any readable way any series may be, so it is not complete; a name that is
    written in the wrong place counts as given, with labels that are not known.
    """
    labels: dict[str, frozenset[str] | None] = {}
    data = document.data.get("sources")
    if data is None:
        return Given({}, complete=document.complete)
    if not isinstance(data, dict):
        return Given({}, complete=False)
    complete = document.complete
    for reading in (reading for entry in data.values() for reading in _readings(entry)):
        complete = _note(reading, labels) and complete
    return Given(labels, complete)


def _readings(entry: Any) -> list[Any]:
    """The readings of a source as written; a list of None where there are none to be read."""
    if not isinstance(entry, dict):
        return [None]
    readings, _ = _written(entry, "readings")
    kind = entry.get("type")
    if readings is None and isinstance(kind, str) and meant(kind, registry.kinds("sources")) == CHECKIN:
        return [{"series": series} for series in CHECKIN_SERIES]
    return readings if isinstance(readings, list) and readings else [readings]


def _note(reading: Any, labels: dict[str, frozenset[str] | None]) -> bool:
    """Adds one reading's series; False if it does not say which."""
    series, right = _written(reading, "series") if isinstance(reading, dict) else (reading, False)
    if not isinstance(series, str):
        return False
    own = reading.get("labels") or {} if right else None
    before = labels.get(series, frozenset())
    labels[series] = frozenset((*before, *own, "source")) if isinstance(own, dict) and before is not None else None
    return True


def _written(data: dict[Any, Any], key: str) -> tuple[Any, bool]:
    """The value of a key, also where it is mistyped, and whether it is written right."""
    if key in data:
        return data[key], True
    return next((value for name, value in data.items() if meant(str(name), [key])), None), False
