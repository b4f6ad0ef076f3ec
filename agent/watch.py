"""Notices when a configuration file changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path


async def watch_files(files: Callable[[], Sequence[str]], changed: Callable[[], None], stop: asyncio.Event) -> None:
    """Calls `changed` when one of the files is written, replaced or removed, or one joins their folder; until `stop`.

    Folders are watched, not files: editors and mounted configuration replace a file by another of the same name.
    """
    from watchfiles import Change, awatch

    def concerns(_change: Change, path: str) -> bool:
        return path in {str(Path(file).resolve()) for file in files()} or path.endswith((".yaml", "..data"))

    folders = {Path(file).resolve().parent for file in files()}  # noqa: ASYNC240 - once, at the start
    async for _changes in awatch(*folders, watch_filter=concerns, stop_event=stop, recursive=False, debounce=400):
        changed()
