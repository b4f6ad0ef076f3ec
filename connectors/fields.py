"""Types for configuration models, shared by all kinds. Durations become microseconds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, SecretStr, WithJsonSchema, model_validator

from rules.model import parse_duration

_RATE = re.compile(r"(\d+)/(s|m|h|d)")
_RATE_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _duration(value: object) -> object:
    if isinstance(value, str):
        return parse_duration(value)
    raise ValueError("a duration is written like 500ms, 30s, 1h30m or 7d")


def _rate(value: object) -> object:
    match = _RATE.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match[1]) == 0:
        raise ValueError("a rate is written like 20/s, 100/m or 10/h")
    return int(match[1]), _RATE_SECONDS[match[2]]


Duration = Annotated[
    int, BeforeValidator(_duration), WithJsonSchema({"type": "string", "examples": ["30s", "1h30m", "7d"]})
]
"""Microseconds, written as a Prometheus duration."""

Rate = Annotated[tuple[int, int], BeforeValidator(_rate), WithJsonSchema({"type": "string", "pattern": _RATE.pattern})]
"""(count, seconds), written `20/s`."""

Secret = SecretStr
"""A value never printed. Every key of this type has a `<key>_file` twin that names a file holding it."""


class Config(BaseModel):
    """Base of every configuration model: unknown keys are errors, secrets may come from files."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _read_secret_files(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        read = dict(data)
        for name, info in cls.model_fields.items():
            key = info.alias or name
            twin = f"{key}_file"
            if twin in cls.model_fields or twin not in read or SecretStr.__name__ not in str(info.annotation):
                continue
            if key in read:
                raise ValueError(f"give {key} or {twin}, not both")
            path = read.pop(twin)
            try:
                read[key] = Path(path).read_text(encoding="utf-8").strip()
            except (OSError, TypeError) as error:
                raise ValueError(f"{twin}: can't read {path!r}: {getattr(error, 'strerror', error)}") from None
        return read


class ReadingConfig(Config):
    """How rows of an answer become readings. Paths are JMESPath: `select` in the answer, the others in the row."""

    series: str
    select: str | None = None
    time: str | None = None
    value: str
    labels: dict[str, str] = {}


class PolledConfig(Config):
    """Keys every polled source has. Exactly one of `every` and `cron` counts; neither means the configured default."""

    type: str
    every: Duration | None = None
    cron: str | None = None
    timezone: str | None = None
    timeout: Duration = 10_000_000
    readings: list[ReadingConfig]
