"""A Slack workspace in a thread of its own, for commands and daemons that are processes."""

import asyncio
import threading
from contextlib import contextmanager

from agent.clock import Clock
from tests.agent.cli.kit import DEADLINE
from tests.slack_workspace.workspace import SlackWorkspace


@contextmanager
def workspace(*channels):
    """The server, and what runs a coroutine in its loop. It is changed between calls only."""
    server, started, loops = SlackWorkspace(channels, Clock().now), threading.Event(), []

    async def serve():
        stop = asyncio.Event()
        async with server:
            loops.extend((asyncio.get_running_loop(), stop))
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert started.wait(DEADLINE)
    loop, stop = loops
    try:
        yield server, lambda work: asyncio.run_coroutine_threadsafe(work, loop).result(DEADLINE)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
