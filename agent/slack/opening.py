"""The Slack face as a step of the daemon's start, with its undo."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from importlib import import_module

from agent.metrics import Metrics
from agent.runtime import Runtime
from agent.slack.desk import Desk
from connectors.http import HttpClient


async def open_slack(runtime: Runtime, http: HttpClient, metrics: Metrics, stack: AsyncExitStack) -> Desk:
    """The desk, which takes what Slack sends; with an app token Socket Mode begins to connect.

    Whether that works is logged and measured, and stops nothing.
    """
    desk = Desk(runtime, http)
    stack.push_async_callback(desk.close)
    settings = runtime.settings
    if settings.slack_clicks:  # what it needs is heavy, and the first click is to be answered in time
        await asyncio.to_thread(import_module, "agent.slack.socket")
    if settings.slack_app_token:
        from agent.slack.socket import Socket

        socket = Socket(desk, metrics.slack)
        socket.start()
        stack.push_async_callback(socket.stop)
    return desk
