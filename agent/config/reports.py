"""The `reports` section: how targets stand and what happened, on a schedule, to receivers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from agent.config.configuration import NotifierEntry, ReportEntry
from agent.config.document import Document
from agent.config.errors import Path
from agent.config.kinds import receiver_names, reference, section_names
from agent.config.language import Defaults
from agent.config.validate import section, validated
from agent.config.values import Names, Text
from connectors import registry
from connectors.fields import Config, Cron, Zone
from rules.model import ReportFormat


class ReportSection(Config):
    """One report. Without `targets` it is of all of them."""

    title: Text | None = None
    cron: Cron
    timezone: Zone | None = None
    targets: Annotated[Names, Field(min_length=1)] | None = None
    to: Annotated[Names, Field(min_length=1)]
    format: ReportFormat = ReportFormat.CHART


def build_reports(
    document: Document, defaults: Defaults, receivers: Mapping[str, Sequence[NotifierEntry]]
) -> dict[str, ReportEntry]:
    """The reports by name; mistakes are reported."""
    found: dict[str, ReportEntry] = {}
    every = section_names(document, "targets")
    for name, data in section(document, "reports").items():
        path = ("reports", name)
        _check_names(_written(data, "targets"), every, (*path, "targets"), "target", document)
        _check_names(_written(data, "to"), receiver_names(document), (*path, "to"), "receiver", document)
        _check_receivers(_written(data, "to"), receivers, (*path, "to"), document)
        model = validated(ReportSection, data, path, document)
        if model is None:
            continue
        found[name] = ReportEntry(
            name=name,
            title=model.title or name.replace("-", " ").replace("_", " ").capitalize(),
            cron=model.cron,
            zone=model.timezone or defaults.timezone,
            targets=tuple(model.targets or every),
            to=tuple(model.to),
            format=model.format,
        )
    return found


def _written(data: Any, key: str) -> list[str]:
    """The names under a key, if they are names: looked at in the data, so that no other mistake hides theirs."""
    found = data.get(key) if isinstance(data, dict) else None
    names = [found] if isinstance(found, str) else found
    return names if isinstance(names, list) and all(isinstance(name, str) and name for name in names) else []


def _place(path: Path, index: int, document: Document) -> Path:
    """Where one of several names is written; a single one may stand without a list."""
    return (*path, index) if document.node((*path, index)) is not None else path


def _check_names(names: Sequence[str], known: Collection[str], path: Path, what: str, document: Document) -> None:
    for index, name in enumerate(names):
        at = _place(path, index, document)
        if name in names[:index]:
            document.report(at, f"{name} is there twice")
        else:
            reference(at, name, known, what, document)


def _check_receivers(
    names: Sequence[str], receivers: Mapping[str, Sequence[NotifierEntry]], path: Path, document: Document
) -> None:
    """A notifier of every receiver can say a report."""
    for index, name in enumerate(names):
        for notifier in receivers.get(name, ()):
            if not getattr(registry.load("notifiers", notifier.kind), "takes_reports", True):
                message = f"{notifier.kind} of receiver {name} takes alerts only, no reports"
                document.report(_place(path, index, document), message)
