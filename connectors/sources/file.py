"""Source `file`: a csv, json or ndjson file."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from connectors.base import BadAnswer, Misconfigured, Services, TimedOut, Unreachable
from connectors.extract import Extractor, Table
from connectors.formats import parse_csv, parse_json, parse_ndjson
from connectors.rows import PolledConfig
from rules.model import SECOND, Reading

ENDINGS = (".csv", ".json", ".ndjson")
_LATER = (".xlsx", ".parquet")


def _check_ending(path: str) -> str:
    ending = PurePath(path).suffix.lower()
    if ending in _LATER:
        raise ValueError(f"{ending[1:]} is not built yet; the kinds of file are csv, json and ndjson")
    if ending not in ENDINGS:
        raise ValueError("has to end in .csv, .json or .ndjson, which says how it is read")
    return path


class FileSourceConfig(PolledConfig):
    """Keys of a source of type `file`. A relative `path` starts at the working directory."""

    type: Literal["file"]
    path: Annotated[str, AfterValidator(_check_ending)]
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    max_bytes: Annotated[int, Field(ge=1)] = 100_000_000


class FileSource:
    """Reads a file, off the event loop."""

    Config = FileSourceConfig

    def __init__(self, name: str, config: FileSourceConfig, services: Services) -> None:
        self._config = config
        self._extractor = Extractor(name, config.readings, config.timezone or services.timezone)
        self._timed = all(reading.time is not None for reading in config.readings)
        self._last: tuple[tuple[int, int, int], list[Reading]] | None = None

    async def read(self, now: int) -> Sequence[Reading]:
        """The readings of all rows."""
        import asyncio  # late: a test and a check of the configuration need no loop

        try:
            async with asyncio.timeout(self._config.timeout / SECOND):
                return await asyncio.to_thread(self._read, now)
        except TimeoutError:
            raise TimedOut(f"{self._config.path}: not read within {self._config.timeout / SECOND:g} s") from None

    @property
    def remembered(self) -> Sequence[Reading] | None:
        """The readings of the file, if they are still right while it stays as it is."""
        return None if self._last is None else self._last[1]

    async def close(self) -> None:
        """Nothing stays open."""

    def _read(self, now: int) -> list[Reading]:
        path = self._config.path
        try:
            with open(path, "rb", opener=_open_now) as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise Misconfigured(f"{path}: is not a file")
                version = (status.st_ino, status.st_size, status.st_mtime_ns)
                if self._last is not None and self._last[0] == version:
                    return self._last[1]
                body = file.read(self._config.max_bytes + 1)
        except OSError as error:
            raise Unreachable(f"{path}: {(error.strerror or 'can not be read').lower()}") from None
        if len(body) > self._config.max_bytes:
            raise BadAnswer(f"{path}: is larger than max_bytes ({self._config.max_bytes})")
        try:
            table = self._table(body)
        except ValueError as error:
            raise BadAnswer(f"{path}: {error}") from None
        readings = self._extractor.readings(table, now)
        # A file that stayed as it is need not be read again, unless its readings take the time of the poll.
        self._last = (version, readings) if self._timed else None
        return readings

    def _table(self, body: bytes) -> Table:
        ending = Path(self._config.path).suffix.lower()
        if ending == ".csv":
            return parse_csv(body, delimiter=self._config.delimiter)
        return parse_json(body) if ending == ".json" else parse_ndjson(body)


def _open_now(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a named pipe nobody writes to would be waited for
