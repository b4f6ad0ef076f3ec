"""Types for configuration models, shared by all kinds. Durations become microseconds."""

from __future__ import annotations

import difflib
import re
from functools import cache, lru_cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    SecretStr,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from rules.model import parse_duration

_RATE = re.compile(r"(\d+)/(s|m|h|d)")
LONGEST = parse_duration("100y")  # sums of times and spans have to fit into 64 bits
_JMESPATH_SAYS = re.compile(r"^(?:Invalid|Bad) jmespath expression: ", re.IGNORECASE)
_COLUMN = re.compile(r"[^\W\d]\w*(?:[ -]\w+)*")
_RATE_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class KeyProblem(ValueError):
    """What a model's validator raises to say at which of its keys the mistake is."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


def not_both(one: str, other: str) -> str:
    """What is said where both of two keys are given."""
    return f"give {one} or {other}, not both"


def _duration(value: object) -> object:
    if isinstance(value, str):
        length = parse_duration(value)
        if length > LONGEST:
            raise ValueError("a duration has at most 100y")
        return length
    raise ValueError("a duration is written like 500ms, 30s, 1h30m or 7d")


def _rate(value: object) -> object:
    match = _RATE.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match[1]) == 0:
        raise ValueError("a rate is written like 20/s, 100/m or 10/h")
    return int(match[1]), _RATE_SECONDS[match[2]]


def _span(value: int) -> int:
    if value <= 0:
        raise ValueError("has to be longer than nothing")
    return value


@lru_cache(maxsize=4096)
def check_cron(text: str) -> str:
    """The cron expression itself, if it is one of five fields. Raises ValueError."""
    from datetime import UTC, datetime

    from cronsim import CronSim, CronSimError

    if len(text.split()) != 5:
        raise ValueError("a cron expression has five fields: minute hour day month weekday, for example 0 3 * * *")
    try:
        CronSim(text, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise ValueError(f"is not a cron expression: {str(error).lower()}") from None
    return text


@lru_cache(maxsize=4096)
def check_zone(text: str) -> str:
    """The name of the time zone itself, if there is one. Raises ValueError, with a near name if there is one."""
    from zoneinfo import ZoneInfo, available_timezones

    try:
        ZoneInfo(text)
    except (KeyError, OSError, ValueError):  # unknown, a folder of the zone database, a path outside it
        near = difflib.get_close_matches(text, available_timezones(), 1)
        hint = f" (did you mean {near[0]}?)" if near else "; write an IANA name such as Europe/Amsterdam"
        raise ValueError("is not a time zone" + hint) from None
    return text


@lru_cache(maxsize=4096)
def check_jmespath(text: str) -> str:
    """The JMESPath expression itself, if it can be read. Raises ValueError.

    A name as it stands in the header of a table may be written without the quotes JMESPath wants: `Unique Visits`.
    """
    import jmespath
    from jmespath.exceptions import JMESPathError

    if _COLUMN.fullmatch(text):
        return text
    try:
        jmespath.compile(text)
    except JMESPathError as error:
        said = str(error).splitlines()[0].partition(": Parse error")[0]
        reason = _JMESPATH_SAYS.sub("", said).rstrip(":. ").lower()
        raise ValueError(f"is not a JMESPath expression: {reason}") from None
    return text


Duration = Annotated[
    int, BeforeValidator(_duration), WithJsonSchema({"type": "string", "examples": ["30s", "1h30m", "7d"]})
]
"""Microseconds, written as a Prometheus duration."""

Span = Annotated[Duration, AfterValidator(_span)]
"""A duration longer than nothing."""

Rate = Annotated[tuple[int, int], BeforeValidator(_rate), WithJsonSchema({"type": "string", "pattern": _RATE.pattern})]
"""(count, seconds), written `20/s`."""

Cron = Annotated[str, AfterValidator(check_cron)]
"""A cron expression of five fields."""

Zone = Annotated[str, AfterValidator(check_zone)]
"""An IANA time zone."""

JmesPath = Annotated[str, AfterValidator(check_jmespath)]
"""A JMESPath expression."""

Secret = SecretStr
"""A value never printed. Every key of this type has a `<key>_file` twin that names a file holding it."""


@cache
def secret_keys(model: type[BaseModel]) -> tuple[str, ...]:
    """The keys of a model that hold secrets and so have a `<key>_file` twin."""
    keys = [(info.alias or name, str(info.annotation)) for name, info in model.model_fields.items()]
    names = {key for key, _ in keys}
    return tuple(
        key for key, kind in keys if SecretStr.__name__ in kind and "dict[" not in kind and f"{key}_file" not in names
    )


def _read_secret(twin: str, path: object, folder: Path) -> str:
    if not isinstance(path, str):
        raise KeyProblem(twin, "has to be the path of a file")
    try:
        text = (folder / path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise KeyProblem(twin, f"can't read {path!r}: {getattr(error, 'strerror', None) or 'not a text'}") from None
    if not text:
        raise KeyProblem(twin, f"{path!r} is empty")
    return text


class Config(BaseModel):
    """Base of every configuration model: unknown keys are errors, secrets may come from files.

    Of each two keys in `NOT_BOTH` one may be given. A relative path of a `_file` twin starts at the folder given as
    `folder` in the validation context (default: the working folder).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
    NOT_BOTH: ClassVar[tuple[tuple[str, str], ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def _read_secret_files(cls, data: Any, info: ValidationInfo) -> Any:
        keys = secret_keys(cls)
        if not keys or not isinstance(data, dict):
            return data
        read = dict(data)
        folder = Path((info.context or {}).get("folder", ""))
        for key in keys:
            twin = f"{key}_file"
            if twin not in read:
                continue
            if key in read:
                raise KeyProblem(twin, not_both(key, twin))
            read[key] = _read_secret(twin, read.pop(twin), folder)
        return read

    @model_validator(mode="after")
    def _not_both(self) -> Self:
        if self.NOT_BOTH:
            given = {
                info.alias or name for name, info in type(self).model_fields.items() if name in self.model_fields_set
            }
            for one, other in self.NOT_BOTH:
                if one in given and other in given:
                    raise KeyProblem(other, not_both(one, other))
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The schema with the `_file` twins, of which either may be given."""
        schema = handler(core)
        inside = handler.resolve_ref_schema(schema)
        required: list[str] = list(inside.get("required", []))
        for key in secret_keys(cls):
            twin = f"{key}_file"
            inside["properties"][twin] = {"type": "string", "description": f"Path of a file that holds `{key}`."}
            if key in required:
                required.remove(key)
                inside.setdefault("allOf", []).append({"oneOf": [{"required": [key]}, {"required": [twin]}]})
        if "required" in inside:
            inside["required"] = required
        return schema


class ReadingConfig(Config):
    """How rows of an answer become readings. Paths are JMESPath: `select` in the answer, the others in the row.

    `time_format` reads times that are not ISO 8601 or Unix time, as `strptime` writes them: `%m/%d/%Y`.
    """

    series: str
    select: JmesPath | None = None
    time: JmesPath | None = None
    time_format: str | None = None
    value: JmesPath
    labels: dict[str, JmesPath] = {}


class PolledConfig(Config):
    """Keys every polled source has. Without `every` and `cron` it is read as often as the configured default says."""

    NOT_BOTH: ClassVar[tuple[tuple[str, str], ...]] = (("every", "cron"),)
    type: str
    every: Span | None = None
    cron: Cron | None = None
    timezone: Zone | None = None
    timeout: Span = 10_000_000
    readings: Annotated[list[ReadingConfig], Field(min_length=1)]
