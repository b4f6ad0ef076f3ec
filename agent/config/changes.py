"""Notices when the configuration changes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from agent.clock import Clock
from rules.model import SECOND

EVERY = 0.5
"""Seconds between two looks. What the system tells of a folder would wake us with each write to a database in it."""
QUIET_SECONDS = 2.0
"""How long a file that is being written has to stay as it is: half of it may be a configuration too."""
_CLOCK = Clock()
_YAML = (".yaml", ".yml")
_MOST_SECONDS = 30.0  # a file that something touches for ever is told as it is
_LOOK_SECONDS = 0.2

Stamps = tuple[tuple[str, int, int, int], ...]
"""Name, number, size and time (UTC microseconds) of each file, of a link those of what it leads to."""


async def watch_files(
    config: Path, changed: Callable[[], None], stop: asyncio.Event, quiet: float = QUIET_SECONDS
) -> None:
    """Calls `changed` when the file `config` is written, replaced or removed, or a YAML file in the folder `config` is.

    Until `stop`. What is being written is told once it has been quiet for so many seconds.
    """
    path = config.absolute()  # noqa: ASYNC240 - asks no disk
    known = await asyncio.to_thread(_stamps, path)
    while not await _stopped(stop):
        if await asyncio.to_thread(_stamps, path) != known:
            known = await settled(lambda: _stamps(path), quiet)
            changed()


async def _stopped(stop: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout(EVERY):
            return await stop.wait()
    except TimeoutError:
        return False


async def settled(
    look: Callable[[], Stamps],
    quiet: float,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    now: Callable[[], int] = _CLOCK.now,
) -> Stamps:
    """What is there when nothing has changed for `quiet` seconds: at once where what took its place was written before.

    A file of another machine may be of a time ahead.
    """
    stamps = await asyncio.to_thread(look)
    begun = now()
    since = min(begun, max((written for *_, written in stamps), default=0))
    while 0 <= now() - since < quiet * SECOND and 0 <= now() - begun < _MOST_SECONDS * SECOND:
        await sleep(_LOOK_SECONDS)
        if (seen := await asyncio.to_thread(look)) != stamps:
            stamps, since = seen, now()
    return stamps


def _stamps(path: Path) -> Stamps:
    """Of the files of the configuration that are there."""
    try:
        files = sorted(filter(_is_ours, path.iterdir())) if path.is_dir() else [path]
    except OSError:  # it went away just now, or may not be read: who reads it then will say so
        files = []
    return tuple(stamp for one in files if (stamp := _stamp(one)) is not None)


def _is_ours(file: Path) -> bool:
    return file.suffix in _YAML and not file.name.startswith(".")


def _stamp(file: Path) -> tuple[str, int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return file.name, found.st_ino, found.st_size, found.st_mtime_ns // 1_000
