"""Types for configuration models, shared by all kinds. Durations become microseconds."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetJsonSchemaHandler,
    SecretStr,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from connectors.secret_files import read_small
from rules.model import parse_duration

_RATE = re.compile(r"(\d+)/(s|m|h|d)")
LONGEST = parse_duration("100y")  # sums of times and spans have to fit into 64 bits
_JMESPATH_SAYS = re.compile(r"^(?:Invalid|Bad) jmespath expression: ", re.IGNORECASE)
_MOST_PATH = 1_000
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_DIRECTIVE = re.compile(r"'.+' is a bad directive|stray %")
_COLUMN = re.compile(r"[^\W\d]\w*(?:[ -]\w+)*")
_OF_THE_CALL = frozenset({"connection", "content-length", "host", "transfer-encoding"})
_RATE_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class KeyProblem(ValueError):
    """What a model's validator raises to say at which of its keys the mistake is."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


class TwinProblem(KeyProblem):
    """A mistake in the `_file` twin of a secret; raised where the secret itself is validated."""


def not_both(one: str, other: str) -> str:
    """What is said where both of two keys are given."""
    return f"give {one} or {other}, not both"


def one_of(keys: Sequence[str]) -> str:
    """What is said where none of several keys is given."""
    return f"give {', '.join(keys[:-1])} or {keys[-1]}"


def given_as(data: Mapping[str, Any], key: str) -> str | None:
    """The key as data have it, itself or its `_file` twin; None if they have neither."""
    return next((name for name in (key, f"{key}_file") if name in data), None)


def _duration(value: object) -> int:
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
        near = _near_zone(text, available_timezones())
        hint = f" (did you mean {near}?)" if near else "; write an IANA name such as Europe/Amsterdam"
        raise ValueError("is not a time zone" + hint) from None
    return text


def _near_zone(text: str, known: Iterable[str]) -> str | None:
    """The zone that is meant: the same but for capitals, or a place's name that is nearly the same.

    Abbreviations look alike and mean other times: CEST is not EST.
    """
    folded = {name.casefold(): name for name in known}
    wanted = text.casefold().replace(" ", "_")
    if wanted in folded:
        return folded[wanted]
    places = {name for name in folded if "/" in name and not name.startswith("etc/")}
    by_place = {name.rpartition("/")[2]: name for name in sorted(places)}
    found = difflib.get_close_matches(wanted, places if "/" in wanted else by_place, 1, cutoff=0.8)
    return folded[found[0] if "/" in wanted else by_place[found[0]]] if found else None


@lru_cache(maxsize=4096)
def check_jmespath(text: str) -> str:
    """The JMESPath expression itself, if it can be read. Raises ValueError.

    A name as it stands in the header of a table may be written without the quotes JMESPath wants: `Unique Visits`.
    """
    import jmespath
    from jmespath.exceptions import JMESPathError

    if len(text) > _MOST_PATH:
        raise ValueError(f"is longer than {_MOST_PATH:,} characters")
    if _COLUMN.fullmatch(text):
        return text
    try:
        jmespath.compile(text)
    except RecursionError:
        raise ValueError("is not a JMESPath expression: nested too deeply") from None
    except JMESPathError as error:
        said = str(error).splitlines()[0].partition(": Parse error")[0]
        reason = _JMESPATH_SAYS.sub("", said).rstrip(":. ").lower()
        raise ValueError(f"is not a JMESPath expression: {reason}") from None
    return text


def check_time_format(text: str) -> str:
    """The form of a time itself, if `strptime` can read by it and it says which year. Raises ValueError."""
    from datetime import datetime

    try:
        datetime.strptime("", text)  # noqa: DTZ007 - no time is read
    except re.error:
        raise ValueError("names the same part of a time twice") from None
    except ValueError as error:
        wrong = _DIRECTIVE.search(str(error))
        if wrong is not None:
            raise ValueError(f"has no meaning for strptime: {wrong[0]}") from None
    if not any(f"%{directive}" in text.replace("%%", "") for directive in "YyGcx"):
        raise ValueError("does not say which year; a time is read by strptime, for example %d.%m.%Y %H:%M")
    return text


Duration = Annotated[
    int, BeforeValidator(_duration), WithJsonSchema({"type": "string", "examples": ["30s", "1h30m", "7d"]})
]
"""Microseconds, written as a Prometheus duration."""

Span = Annotated[Duration, AfterValidator(_span)]
"""A duration longer than nothing."""

FOREVER = 2**62
Kept = Annotated[
    int,
    BeforeValidator(lambda value: FOREVER if value == "forever" else _span(_duration(value))),
    WithJsonSchema({"type": "string", "examples": ["14d", "forever"]}),
]
"""A duration longer than nothing, or FOREVER."""

Rate = Annotated[tuple[int, int], BeforeValidator(_rate), WithJsonSchema({"type": "string", "pattern": _RATE.pattern})]
"""(count, seconds), written `20/s`."""

Cron = Annotated[str, AfterValidator(check_cron)]
"""A cron expression of five fields."""

Zone = Annotated[str, AfterValidator(check_zone)]
"""An IANA time zone."""

TimeFormat = Annotated[str, AfterValidator(check_time_format)]
"""How a time is written, as `strptime` reads it."""

JmesPath = Annotated[str, AfterValidator(check_jmespath)]
"""A JMESPath expression."""


def _readable(value: object) -> object:
    if isinstance(value, TwinProblem):
        raise value
    return value


def _one_line(value: Secret) -> Secret:
    if any(
        (ord(character) < 32 and character != "\t") or ord(character) == 127 for character in value.get_secret_value()
    ):
        raise ValueError("holds a line break or another control character")
    return value


def _said(value: Secret) -> Secret:
    if not value.get_secret_value().strip():
        raise ValueError("is empty")
    return _one_line(value)


def _header_name(text: str) -> str:
    if not _TOKEN.fullmatch(text):
        raise ValueError("can't be the name of a header; use letters, digits and -")
    return text


def _is_ours(name: str) -> str:
    if name.lower() in _OF_THE_CALL:
        raise ValueError("is set for each call, by its address and its body; remove it")
    return name


Secret = Annotated[SecretStr, BeforeValidator(_readable)]
"""A value never printed. Every key of this type has a `<key>_file` twin that names a file holding it."""

Token = Annotated[Secret, AfterValidator(_said)]
"""A secret that proves something, so it can't be empty: with an empty one anybody could."""

HeaderName = Annotated[str, AfterValidator(_header_name)]
"""The name of an HTTP header (RFC 9110, 5.6.2)."""

CallHeaderName = Annotated[HeaderName, AfterValidator(_is_ours)]
"""The name of a header of a call, which decides neither where the call goes nor where its body ends."""

HeaderValue = Annotated[Secret, AfterValidator(_one_line)]
"""The value of an HTTP header, which may be a secret."""

Headers = dict[HeaderName, HeaderValue]
"""HTTP headers by name."""


@cache
def secret_keys(model: type[BaseModel]) -> tuple[str, ...]:
    """The keys of a model that hold secrets and so have a `<key>_file` twin."""
    keys = [(info.alias or name, str(info.annotation)) for name, info in model.model_fields.items()]
    names = {key for key, _ in keys}
    return tuple(
        key for key, kind in keys if SecretStr.__name__ in kind and "dict[" not in kind and f"{key}_file" not in names
    )


def _read_secret(twin: str, path: object, folder: Path) -> str | TwinProblem:
    """The text of the file; what is wrong takes its place, so that it hides no other mistake."""
    if not isinstance(path, str):
        return TwinProblem(twin, "has to be the path of a file")
    try:
        text = read_small(folder / path)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        return TwinProblem(twin, f"can't read {path!r}: {getattr(error, 'strerror', None) or 'not a text'}")
    return text or TwinProblem(twin, f"{path!r} is empty")


class Config(BaseModel):
    """Base of every configuration model: unknown keys are errors, secrets may come from files.

    Of each two keys in `NOT_BOTH` one may be given, of the keys in `ONE_OF` at least one has to be. A relative path of
    a `_file` twin starts at the folder given as `folder` in the validation context (default: the working folder).

    A check of one key is a validator of that field, and so is one that needs keys before it (`info.data` has those that
    are right): a validator of the whole model runs only when nothing else is wrong.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
    NOT_BOTH: ClassVar[tuple[tuple[str, str], ...]] = ()
    ONE_OF: ClassVar[tuple[str, ...]] = ()

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
            path = read.pop(twin)
            both = TwinProblem(twin, not_both(key, twin))
            read[key] = both if key in read else _read_secret(twin, path, folder)
        return read

    @model_validator(mode="after")
    def _right_keys(self) -> Self:
        if self.NOT_BOTH or self.ONE_OF:
            fields = type(self).model_fields
            given = {
                info.alias or name: getattr(self, name)
                for name, info in fields.items()
                if name in self.model_fields_set
            }
            for one, other in self.NOT_BOTH:
                if one in given and other in given:
                    raise KeyProblem(other, not_both(one, other))
            if self.ONE_OF and all(given.get(key) is None for key in self.ONE_OF):
                raise ValueError(one_of(self.ONE_OF))
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


class RetentionSection(Config):
    """How long readings are kept: as they came, rolled up by the hour, by the day. Without a key, as said above it."""

    raw: Kept | None = None
    hourly: Kept | None = None
    daily: Kept | None = None
