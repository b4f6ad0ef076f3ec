"""The connectors of one configuration: sources, notifiers and actions, made when needed and closed together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import structlog

from agent.config.configuration import Configuration, SourceEntry
from agent.settings import Settings
from connectors import registry
from connectors.base import Action, InboundSource, Notifier, Services, Source
from connectors.http import HttpClient
from rules.routing import CONSOLE

log = structlog.get_logger()


def services_of(settings: Settings, config: Configuration, http: HttpClient, now: Callable[[], int]) -> Services:
    """What the connectors of a configuration may use; `now` gives UTC microseconds."""
    return Services(
        http=http,
        now=now,
        gateways=config.gateways,
        timezone=config.timezone,
        external_url=settings.external_url,
        slack_bot_token=settings.slack_bot_token,
        slack_api_url=settings.slack_api_url,
        slack_clicks=settings.slack_clicks,
        smtp_url=settings.smtp_url,
        allowed_commands=settings.allowed_commands,
    )


class Connections:
    """Connectors by name. At a reload, those whose configuration is unchanged are taken over."""

    def __init__(self, config: Configuration, services: Services, previous: Connections | None = None) -> None:
        self.config = config
        self.services = services
        self.sources: dict[str, Any] = {}
        self._notifiers: dict[tuple[str, int], Notifier] = {}
        self._actions: dict[str, Action] = {}
        kept = previous.sources if previous and _same_ways(previous.config, config) else {}
        for name, entry in config.sources.items():
            if name in kept and previous and previous.config.sources[name] == entry:
                self.sources[name] = kept[name]
            else:
                self.sources[name] = self._source(entry)

    def _source(self, entry: SourceEntry) -> Any:
        return registry.load("sources", entry.kind)(entry.name, entry.config, self.services)

    def polled(self) -> Mapping[str, Source]:
        """The sources that are read on a schedule."""
        return {name: source for name, source in self.sources.items() if self.config.sources[name].polled}

    def inbound(self, door: str, name: str) -> InboundSource | None:
        """The source that waits behind a door (`in`, `ping`)."""
        source = self.sources.get(name)
        return cast("InboundSource", source) if getattr(source, "door", None) == door else None

    def notifier(self, receiver: str, position: int) -> Notifier | None:
        """One notifier of a receiver; None if it is no longer configured."""
        found = self._notifiers.get((receiver, position))
        if found is None:
            entries = self.config.receivers.get(receiver, ())
            if position < len(entries):
                entry = entries[position]
                found = registry.load("notifiers", entry.kind)(entry.config, self.services)
            elif receiver == CONSOLE and not entries:
                kind = registry.load("notifiers", CONSOLE)
                found = kind(kind.Config(type=CONSOLE), self.services)
            else:
                return None
            self._notifiers[receiver, position] = found
        return found

    def action(self, name: str) -> Action | None:
        """An action; None if it is no longer configured."""
        if name not in self._actions and name in self.config.actions:
            entry = self.config.actions[name]
            self._actions[name] = registry.load("actions", entry.kind)(name, entry.config, self.services)
        return self._actions.get(name)

    async def close(self, taken_over: Connections | None = None) -> None:
        """Closes all of them, but for the sources that `taken_over` uses on."""
        kept = {id(source) for source in taken_over.sources.values()} if taken_over else set()
        polled = [s for n, s in self.sources.items() if self.config.sources[n].polled and id(s) not in kept]
        for connector in (*polled, *self._notifiers.values(), *self._actions.values()):
            try:
                await connector.close()
            except Exception:
                log.exception("connector.close_failed", connector=type(connector).__name__)


def _same_ways(one: Configuration, other: Configuration) -> bool:
    return (one.gateways, one.timezone) == (other.gateways, other.timezone)
