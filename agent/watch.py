"""Notices when the configuration changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

import structlog

log = structlog.get_logger()

_YAML = (".yaml", ".yml")
_MOUNTED = "..data"  # the link that Kubernetes turns to a new folder when a mounted ConfigMap changes
_GATHER_MS = 400  # what happens within this time is told once


async def watch_files(config: Path, changed: Callable[[], None], stop: asyncio.Event) -> None:
    """Calls `changed` when the file `config` is written, replaced or removed, or a YAML file in the folder `config` is.

    Until `stop`. Folders are watched, not files: editors and mounted configuration replace a file by another of the
    same name. Where the system can't watch, it is looked at again and again; if that fails too, it is logged.
    """
    path = config.absolute()  # noqa: ASYNC240 - asks no disk
    for polling in (None, True):
        try:
            while not stop.is_set():
                await _watch(path, changed, stop, polling)
        except (OSError, RuntimeError) as error:
            log.warning("config.not_watched", error=str(error), instead="polling" if polling is None else None)
        else:
            return


async def _watch(path: Path, changed: Callable[[], None], stop: asyncio.Event, polling: bool | None) -> None:
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
        changed()
        if await asyncio.to_thread(_folders, path) != folders:
            return


def _folders(path: Path) -> set[Path]:
    """The folders in which something may change: of the configuration as it is named, and of what links lead to."""
    whole = path.is_dir()
    folder = path if whole else path.parent
    files: Iterable[Path] = path.iterdir() if whole else (path,)
    return {folder, folder.resolve(), *(file.resolve().parent for file in files if file.is_symlink())}
