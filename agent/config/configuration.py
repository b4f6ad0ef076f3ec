"""A checked configuration, as the rest of the daemon uses it. Built by `agent.config.load`, never changed later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.store.keeping import Keeping
from rules.breaker import BREAKER, Breaker
from rules.inhibition import InhibitRule
from rules.intervals import TimeInterval
from rules.model import ReportFormat, SourceRule, Target
from rules.routing import CONSOLE, Route


@dataclass(frozen=True, slots=True)
class SourceEntry:
    """A configured source. `config` is the kind's own model; polled ones have `every` (microseconds) or `cron`."""

    name: str
    kind: str
    config: Any
    every: int | None
    cron: str | None
    zone: str
    timeout: int
    rule: SourceRule

    @property
    def polled(self) -> bool:
        """Whether the daemon reads it on a schedule; the others wait to be called."""
        return self.every is not None or self.cron is not None


@dataclass(frozen=True, slots=True)
class NotifierEntry:
    """One member of a receiver's list."""

    kind: str
    config: Any


_CONSOLE_ONLY = (NotifierEntry(CONSOLE, None),)


@dataclass(frozen=True, slots=True)
class Restraint:
    """What bounds all corrections together; `budget` is (calls, seconds)."""

    budget: tuple[int, int] | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class ActionEntry:
    """A configured action; `budget` is (calls, seconds)."""

    name: str
    kind: str
    config: Any
    budget: tuple[int, int] | None
    breaker: Breaker = BREAKER


@dataclass(frozen=True, slots=True)
class ReportEntry:
    """A configured report: of these targets, at the times of `cron` in `zone`, to these receivers."""

    name: str
    title: str
    cron: str
    zone: str
    targets: tuple[str, ...]
    to: tuple[str, ...]
    format: ReportFormat = ReportFormat.CHART

    @property
    def schedule(self) -> str:
        """When it is made, as one text."""
        return f"{self.cron} {self.zone}"


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything `setpoint.yaml` says."""

    sources: Mapping[str, SourceEntry]
    targets: Mapping[str, Target]
    actions: Mapping[str, ActionEntry] = field(default_factory=dict)
    receivers: Mapping[str, tuple[NotifierEntry, ...]] = field(default_factory=dict)
    gateways: Mapping[str, Any] = field(default_factory=dict)
    corrections: Restraint = Restraint()
    route: Route | None = None
    inhibit: tuple[InhibitRule, ...] = ()
    intervals: Mapping[str, tuple[TimeInterval, ...]] = field(default_factory=dict)
    timezone: str = "UTC"
    keeping: Keeping = field(default_factory=Keeping)
    reports: Mapping[str, ReportEntry] = field(default_factory=dict)
    heartbeat_url: str | None = None
    heartbeat_every: int = 60_000_000
    blind: float = 0.5  # the share of polled sources that has to fail for the daemon to be blind
    operators: tuple[str, ...] = ()  # who may act from Slack: ids of users and user groups, handles; none: everybody
    files: tuple[str, ...] = ()  # what to watch: the configuration's own files
    secrets: tuple[str, ...] = ()  # every secret value in it, for tests that look for leaks

    def notifiers(self, receiver: str) -> tuple[NotifierEntry, ...]:
        """The notifiers behind a receiver's name; none if it is not configured."""
        return self.receivers.get(receiver, _CONSOLE_ONLY if receiver == CONSOLE else ())
