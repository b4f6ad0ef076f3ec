"""Logs: structlog, one line for each unit of work, as text for a terminal or as JSON; configured secrets are masked."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, MutableMapping
from typing import Any, cast

import orjson
import structlog

MASK = "***"
_SHORTEST = 4  # shorter secrets would mask parts of ordinary words
_secrets: list[str] = []


def configure(format_: str | None, level: str, secrets: Iterable[str] = ()) -> None:
    """Sets logging up: `console` or `json` (None: console on a terminal), from `level` on, masking `secrets`."""
    mask(secrets)
    console = format_ == "console" or (format_ is None and sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _masked,
    ]
    last: Any = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if console else _json
    factory: Any = (
        structlog.PrintLoggerFactory(sys.stderr) if console else structlog.BytesLoggerFactory(sys.stderr.buffer)
    )
    number = logging.getLevelName(level.upper())
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )
    _bridge(max(number, logging.INFO))


def mask(secrets: Iterable[str]) -> None:
    """Masks these values in every line from now on."""
    _secrets[:] = sorted({secret for secret in secrets if len(secret) >= _SHORTEST}, key=len, reverse=True)


def _json(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> bytes:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS)


def _masked(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return cast("MutableMapping[str, Any]", _clean(event)) if _secrets else event


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        for secret in _secrets:
            if secret in value:
                value = value.replace(secret, MASK)
        return value
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, list | tuple) else value


class _ToStructlog(logging.Handler):
    """What libraries log goes the same way as our own lines."""

    def emit(self, record: logging.LogRecord) -> None:
        told = {"exc_info": record.exc_info} if record.exc_info else {}
        structlog.get_logger().log(record.levelno, record.getMessage(), logger=record.name, **told)


def _bridge(level: int) -> None:
    root = logging.getLogger()
    root.handlers = [_ToStructlog()]
    root.setLevel(max(level, logging.WARNING))
    logging.getLogger("slack_sdk").setLevel(logging.INFO)  # at debug it writes webhooks' addresses
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
