"""What a command needs to touch the outside itself, without a daemon."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agent.cli.options import environment
from agent.clock import Clock
from agent.config.configuration import Configuration
from agent.polling.connections import services_of
from agent.settings import Settings
from connectors.base import Services
from connectors.http import HttpClient
from connectors.proxies import Proxies


@asynccontextmanager
async def services(settings: Settings, config: Configuration) -> AsyncIterator[Services]:
    """The services of a daemon with these settings, for as long as the block lasts."""
    clock = Clock()
    http = HttpClient(clock.now, clock.monotonic, proxies=Proxies(environment()))
    try:
        yield services_of(settings, config, http, clock.now)
    finally:
        await http.close()
