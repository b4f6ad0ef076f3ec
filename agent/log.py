"""Logs: structlog, one line for each unit of work, as text for a terminal or as JSON; configured secrets are masked.

Whatever is bound by `structlog.contextvars` (a request's id) is on every line of that task.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterable, MutableMapping
from typing import Any, cast
from urllib.parse import quote

import orjson
import structlog

MASK = "***"
_SHORTEST = 4  # shorter secrets would mask parts of ordinary words
_FIRST = ("timestamp", "level", "event")
_LEVELS = (logging.CRITICAL, logging.ERROR, logging.WARNING, logging.INFO)  # those structlog has a name for
_secrets: re.Pattern[str] | None = None


def configure(format_: str | None, level: str, secrets: Iterable[str] = ()) -> None:
    """Sets logging up: `console` or `json` (None: console on a terminal), from `level` on, masking `secrets`.

    Raises KeyError for a level there is not.
    """
    mask(secrets)
    number = logging.getLevelNamesMapping()[level.upper()]
    console = format_ == "console" or (format_ is None and sys.stderr.isatty())
    factory: Any = (
        structlog.PrintLoggerFactory(sys.stderr) if console else structlog.BytesLoggerFactory(sys.stderr.buffer)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _masked,
            _console() if console else _json,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )
    _bridge(number)


def mask(secrets: Iterable[str]) -> None:
    """Masks these values in every line from now on, also percent-encoded; for a reload."""
    global _secrets  # noqa: PLW0603 - logging is the process's own
    found = {form for secret in secrets for form in (secret, quote(secret, safe="")) if len(secret) >= _SHORTEST}
    longest_first = sorted(found, key=len, reverse=True)
    _secrets = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None


def _console() -> structlog.dev.ConsoleRenderer:
    # A plain traceback: the pretty one prints the values of variables, secrets among them.
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback, sort_keys=False
    )


def _json(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> bytes:
    line = {key: event.pop(key) for key in _FIRST if key in event} | dict(event)
    try:
        return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:  # a number of more than 64 bits, half a character: the line matters more than its speed
        return json.dumps(line, default=str).encode()


def _masked(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return cast("MutableMapping[str, Any]", _clean(event, _secrets)) if _secrets is not None else event


def _clean(value: Any, secrets: re.Pattern[str]) -> Any:
    if isinstance(value, str):
        return secrets.sub(MASK, value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict):
        return {_clean(key, secrets): _clean(item, secrets) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(item, secrets) for item in value]
    return secrets.sub(MASK, str(value))  # an error, an address: as the line would show it


class _ToStructlog(logging.Handler):
    """What libraries log goes the same way as our own lines."""

    def emit(self, record: logging.LogRecord) -> None:
        level = next((one for one in _LEVELS if record.levelno >= one), logging.DEBUG)
        told = {"exc_info": record.exc_info} if record.exc_info else {}
        structlog.get_logger().log(level, _said(record), logger=record.name, **told)


def _said(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):  # the library's arguments don't fit its text
        return f"{record.msg} {record.args}"


def _bridge(level: int) -> None:
    """Libraries are heard from warnings on, none of them ever at debug."""
    root = logging.getLogger()
    root.handlers = [_ToStructlog()]
    root.setLevel(max(level, logging.WARNING))
    logging.captureWarnings(capture=True)
    logging.getLogger("slack_sdk").setLevel(max(level, logging.INFO))  # at debug it writes webhooks' addresses
