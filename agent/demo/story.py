"""The demo: a website's traffic falls behind, a room goes out of its band and is brought back.

The daemon is the real one, run as a process against three local servers. Every line printed tells what was seen at one
of these servers, or what the daemon or one of its commands said.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

from agent.clock import Clock
from agent.demo.daemon import Daemon, DaemonEnded, free_port
from agent.demo.keepsakes import clear, keep_all
from agent.demo.room import RoomServer
from agent.demo.setup import configuration, environment
from agent.demo.slack import SlackServer
from agent.demo.slack_parts import Message
from agent.demo.slack_view import in_terminal
from agent.demo.traffic import TrafficServer, today

_LOOK_EVERY = 0.1  # seconds
_PATIENCE = 25.0  # seconds for each thing that has to happen; each usually takes one to ten


class NotSeen(Exception):
    """Something that the story needs did not happen in time."""


class Story:
    """One telling. `say` prints a line; `output` is the folder for what was posted and drawn."""

    def __init__(self, output: Path, clock: Clock, say: Callable[[str], None]) -> None:
        self.output = output
        self.clock = clock
        self.print = say
        self.daemon: Daemon
        self.slack: SlackServer
        self.traffic: TrafficServer
        self.room: RoomServer
        self.last_message: Message

    def say(self, words: str) -> None:
        """A line with the time before it."""
        moment = datetime.fromtimestamp(self.clock.now() / 1_000_000).astimezone()
        self.print(f"{moment:%H:%M:%S}  {words}")

    async def until(self, what: str, seen: Callable[[], Any]) -> Any:
        """Looks until `seen()` gives something and returns that. Raises NotSeen, or DaemonEnded."""
        end = self.clock.monotonic() + _PATIENCE
        while True:
            found = seen()
            if isinstance(found, Awaitable):
                found = await found
            if found:
                return found
            self.daemon.check()
            if self.clock.monotonic() > end:
                raise NotSeen(f"{what}: not seen within {_PATIENCE:g} seconds")
            await asyncio.sleep(_LOOK_EVERY)

    def message(self, channel: str, *signs: str) -> Message | None:
        """The newest message of a channel whose text holds all the signs."""
        known = self.slack.channels[channel].id
        found = [m for m in self.slack.messages if m.channel == known and all(sign in m.text for sign in signs)]
        return found[-1] if found else None

    async def begin(self, stack: AsyncExitStack) -> None:
        """The servers, the configuration and the daemon."""
        now = self.clock.now
        self.traffic = await stack.enter_async_context(TrafficServer(now))
        self.room = await stack.enter_async_context(RoomServer(now))
        self.slack = await stack.enter_async_context(SlackServer(("growth", "facilities"), now))
        text = configuration(self.traffic.url, self.room.url, today(now()))
        (self.output / "setpoint.yaml").write_text(text, encoding="utf-8")
        listen = f"127.0.0.1:{free_port()}"
        self.daemon = Daemon(self.output, listen, environment(self.output, listen, self.slack.api_url))
        await self.daemon.start()
        stack.push_async_callback(self.daemon.stop)
        await self.until("the daemon's answer that it is ready", self.daemon.ready)
        self.say(f"`setpoint run` is ready at {self.daemon.url} (process {self.daemon.pid})")

    async def traffic_falls_behind(self) -> None:
        """The period goal: read, found behind, told with its chart."""
        await self.until("a poll of the traffic API", lambda: self.traffic.told)
        self.say(f"It read the traffic API: {self.traffic.told} days of a real site's visitors, up to yesterday")
        message = await self.until("a message in #growth", lambda: self.message("growth", "behind"))
        self.say(f"It posted to #growth: {message.text}")
        await self.until("the chart in the message", lambda: has_chart(message))
        self.say("It put the chart into the message, which now reads:")
        self.print(in_terminal("growth", self.posted(message), message.blocks))

    async def room_is_brought_back(self) -> None:
        """The level goal: out of band, told, corrected, verified, resolved."""
        self.room.open_window()
        self.say(f"Someone opens the window in the den: {self.room.celsius():g} °C, wanted are 20 to 23")
        await self.until("the room below 20 °C", lambda: self.room.celsius() < 20)
        self.say(f"The den is out of its band: {self.room.celsius():g} °C")
        message = await self.until("a message in #facilities", lambda: self.message("facilities", "out of band"))
        self.say(f"It posted to #facilities: {message.text}")
        call = (await self.until("the corrective call", lambda: self.room.calls))[0]
        self.say(f"It called POST /rooms/den, well signed: setpoint {call.setpoint:g} °C; warming up")
        await self.until("the message's resolve", lambda: "✅" in message.text)
        self.say(f"It measured the den again and edited its message: {message.text}")
        await self.until("the word that the correction was verified", lambda: "verified" in str(message.blocks))
        self.print(in_terminal("facilities", self.posted(message), message.blocks))
        self.last_message = message

    def posted(self, message: Message) -> str:
        """When a message was posted, local time."""
        return f"{datetime.fromtimestamp(float(message.ts)).astimezone():%H:%M}"

    async def say_status(self) -> None:
        """What the daemon's own command says of it."""
        self.say("`setpoint status` says:")
        self.print(await self.daemon.ask("status"))

    async def stop(self) -> None:
        """Asks the daemon to stop. Raises DaemonEnded if it does not stop well."""
        status = await self.daemon.stop()
        if status != 0:
            raise DaemonEnded(f"the daemon was asked to stop and ended with exit status {status}")
        self.say("The daemon was asked to stop and did, with exit status 0")
        if "✅" not in self.last_message.text:
            raise NotSeen(f"the message in #facilities did not stay resolved: {self.last_message.text}")

    def keep(self) -> None:
        """Writes what was posted and drawn."""
        for path in keep_all(self.output, self.slack, self.posted):
            self.say(f"Kept {path}")


def has_chart(message: Message) -> bool:
    """Whether the message shows a picture."""
    return any(block["type"] == "image" for block in message.blocks)


async def tell(story: Story, *, keep: bool) -> None:
    """The whole story. Raises NotSeen or DaemonEnded where it did not go as it should."""
    async with AsyncExitStack() as stack:
        await story.begin(stack)
        await story.traffic_falls_behind()
        await story.room_is_brought_back()
        await story.say_status()
        if keep:
            story.keep()
            await _stay(story)
        await story.stop()
        story.keep()


async def _stay(story: Story) -> None:
    addresses = {
        "page": f"{story.daemon.url}/",
        "metrics": f"{story.daemon.url}/metrics",
        "traffic": story.traffic.url,
        "room": story.room.url,
        "slack": story.slack.api_url,
        "files": str(story.output),
    }
    lines = [f"  {name:<9}{address}" for name, address in addresses.items()]
    story.print("\n".join(["\nStill running, until Ctrl-C:", *lines]))
    stopped = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    waiting = asyncio.ensure_future(stopped.wait())
    while not waiting.done():
        await asyncio.wait({waiting}, timeout=1.0)
        story.daemon.check()


def main(keep: bool, output: Path) -> int:
    """Tells the story and returns the exit status; what was posted and drawn is left in `output`."""

    def say(words: str) -> None:
        print(words, flush=True)  # noqa: T201 - the demo speaks to people

    output = output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    clear(output)
    story = Story(output, Clock(), say)
    try:
        asyncio.run(tell(story, keep=keep))
    except (NotSeen, DaemonEnded) as error:
        print(f"\nThe demo failed: {error}", file=sys.stderr)  # noqa: T201
        print(f"The end of {story.daemon.log}:\n{story.daemon.tail()}", file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        return 130
    return 0
