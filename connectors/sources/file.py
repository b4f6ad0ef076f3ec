"""Source `file`: a csv, json or ndjson file."""

from __future__ import annotations

from pathlib import PurePath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from connectors.fields import PolledConfig

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
    """Reads a file."""

    Config = FileSourceConfig
