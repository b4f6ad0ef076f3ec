"""Notices when the configuration changes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

import structlog

from agent.clock import Clock
from rules.model import SECOND

log = structlog.get_logger()

_CLOCK = Clock()
_YAML = (".yaml", ".yml")
_MOUNTED = "..data"  # the link that Kubernetes turns to a new folder when a mounted ConfigMap changes
_GATHER_MS = 400  # what happens within this time is told once
QUIET_SECONDS = 2.0
"""How long a file that is being written has to stay as it is: half of it may be a configuration too."""
_MOST_SECONDS = 30.0  # a file that something touches for ever is told as it is
_LOOK_SECONDS = 0.2

Stamps = tuple[tuple[str, int, int, int], ...]
"""Name, number, size and time (UTC microseconds) of each file."""


async def watch_files(
    config: Path, changed: Callable[[], None], stop: asyncio.Event, quiet: float = QUIET_SECONDS
) -> None:
    """Calls `changed` when the file `config` is written, replaced or removed, or a YAML file in the folder `config` is.

    Until `stop`. What is being written is told once it has been quiet for so many seconds. Folders are watched, not
    files: editors and mounted configuration replace a file by another of the same name. Where the system can't watch,
    it is looked at again and again; if that fails too, it is logged.
    """
    path = config.absolute()  # noqa: ASYNC240 - asks no disk
    for polling in (None, True):
        try:
            while not stop.is_set():
                await _watch(path, lambda: settled(lambda: _stamps(path), quiet), changed, stop, polling)
        except (OSError, RuntimeError) as error:
            log.warning("config.not_watched", error=str(error), instead="polling" if polling is None else None)
        else:
            return


async def _watch(
    path: Path,
    wait: Callable[[], Awaitable[None]],
    changed: Callable[[], None],
    stop: asyncio.Event,
    polling: bool | None,
) -> None:
    """Until `stop`, or until links lead to other folders than before."""
    from watchfiles import Change, awatch

    folders = await asyncio.to_thread(_folders, path)

    def concerns(_change: Change, found: str) -> bool:
        at = Path(found)
        if path.is_dir():
            ours = at.suffix in _YAML and not at.name.startswith(".")
        else:
            ours = at in {path, path.parent.resolve() / path.name, path.resolve()}
        return ours or at.name == _MOUNTED

    async for _changes in awatch(
        *folders,
        watch_filter=concerns,
        stop_event=stop,
        recursive=False,
        debounce=_GATHER_MS,
        step=_GATHER_MS // 2,  # each is a wake-up, and most days nothing changes
        force_polling=polling,
    ):
        await wait()
        changed()
        if await asyncio.to_thread(_folders, path) != folders:
            return


def _folders(path: Path) -> set[Path]:
    """The folders in which something may change: of the configuration as it is named, and of what links lead to."""
    whole = path.is_dir()
    folder = path if whole else path.parent
    files: Iterable[Path] = path.iterdir() if whole else (path,)
    return {folder, folder.resolve(), *(file.resolve().parent for file in files if file.is_symlink())}


async def settled(
    look: Callable[[], Stamps],
    quiet: float,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    now: Callable[[], int] = _CLOCK.now,
) -> None:
    """Returns when nothing has changed for `quiet` seconds: at once where what took its place was written before."""
    stamps = await asyncio.to_thread(look)
    begun = now()
    since = min(begun, max((written for *_, written in stamps), default=0))  # another machine's may be ahead
    while 0 <= now() - since < quiet * SECOND and 0 <= now() - begun < _MOST_SECONDS * SECOND:
        await sleep(_LOOK_SECONDS)
        if (seen := await asyncio.to_thread(look)) != stamps:
            stamps, since = seen, now()


def _stamps(path: Path) -> Stamps:
    """Of the files of the configuration that are there."""
    try:
        files = sorted(one for one in path.iterdir() if one.suffix in _YAML) if path.is_dir() else [path]
    except OSError:
        files = []
    return tuple(stamp for one in files if (stamp := _stamp(one)) is not None)


def _stamp(file: Path) -> tuple[str, int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return file.name, found.st_ino, found.st_size, found.st_mtime_ns // 1_000
