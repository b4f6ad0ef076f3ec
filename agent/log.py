"""Logs: structlog, one line for each unit of work, as text for a terminal or as JSON; configured secrets are masked.

Whatever is bound by `structlog.contextvars` (a request's id) is on every line of that task.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any, TextIO
from urllib.parse import quote, unquote, urlsplit

import orjson
import structlog

MASK = "***"
_SHORTEST = 4  # shorter secrets would mask parts of ordinary words
_SHORTEST_PATH = 10  # of an address; a shorter one is hardly a secret, and stands in other addresses too
_DEEPEST = 12
_FIRST = ("timestamp", "level", "event")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LINES = ("exception", "stack")  # the values that have several lines
_LEVELS = (logging.CRITICAL, logging.ERROR, logging.WARNING, logging.INFO)  # those structlog has a name for
_secrets: re.Pattern[str] | None = None


def configure(format_: str | None, level: str, secrets: Iterable[str] = ()) -> None:
    """Sets logging up: `console` or `json` (None: console on a terminal), from `level` on, masking `secrets`.

    May be called again; loggers made before follow. A standard error that is closed or broken only loses lines. Raises
    KeyError for a level there is not.
    """
    mask(secrets)
    number = logging.getLevelNamesMapping()[level.upper()]
    terminal = _is_terminal(sys.stderr)
    console = format_ == "console" or (format_ is None and terminal)
    last: list[Any] = [_json]
    if console:
        # Its own way with exceptions would print the values of variables.
        plain = structlog.dev.plain_traceback
        renderer = structlog.dev.ConsoleRenderer(colors=terminal, exception_formatter=plain, sort_keys=False)
        last = [_printable, renderer]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _masked,
            *last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=_Lines,
        cache_logger_on_first_use=False,  # a cached one would keep the format and the stream it began with
    )
    _bridge(number)


def mask(secrets: Iterable[str]) -> None:
    """Masks these values in every line from now on, for a reload too; also percent-encoded or quoted by Python.

    Of an address also its password, its path and its query are masked.
    """
    global _secrets  # noqa: PLW0603 - logging is the process's own
    parts = {part for secret in secrets for part in (secret, *_parts(secret)) if len(part) >= _SHORTEST}
    found = {form for part in parts for form in (part, quote(part, safe=""), repr(part)[1:-1])}
    longest_first = sorted(found, key=len, reverse=True)
    _secrets = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None


def _parts(secret: str) -> Iterator[str]:
    try:
        address = urlsplit(secret)
    except ValueError:
        return
    if not address.netloc:
        return
    if address.password:
        yield from (address.password, unquote(address.password))
    if address.scheme in {"http", "https"} and len(address.path) >= _SHORTEST_PATH:
        yield address.path
    if address.query:
        yield address.query


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


class _Lines:
    """Writes each line at once to what is standard error then."""

    def __init__(self, *_: Any) -> None:
        pass

    def msg(self, line: str) -> None:
        try:
            sys.stderr.write(line + "\n")
            sys.stderr.flush()
        except (AttributeError, OSError, ValueError):
            pass  # none, nobody reads it, or closed: there is no other place to say so

    log = debug = info = warn = warning = error = critical = exception = fatal = msg


# values


def _json(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> str:
    line = {key: event[key] for key in _FIRST if key in event} | dict(event)
    try:
        return orjson.dumps(line).decode()
    except TypeError:  # a number of more than 64 bits: the line matters more than its speed
        return json.dumps(line)


def _printable(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """On a terminal a value can neither begin a line of its own nor move the cursor."""
    return {key: value if key in _LINES else _visible(value) for key, value in event.items()}


def _visible(value: Any) -> Any:
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], value) if isinstance(value, str) else value


def _masked(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The line in nothing but what JSON knows, so that every text in it has been looked at."""
    return {_clean_text(key): _clean(value) for key, value in event.items()}


def _clean(value: Any, depth: int = 0) -> Any:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return int(value)
    if depth < _DEEPEST:
        if isinstance(value, Mapping):
            return {_clean_text(_text(key)): _clean(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [_clean(item, depth + 1) for item in value]
    return _clean_text(_text(value))


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    try:
        return str(value)
    except Exception as error:
        return f"<{type(value).__name__} that can't be shown: {type(error).__name__}>"


def _clean_text(text: str) -> str:
    text = _secrets.sub(MASK, text) if _secrets is not None else text
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()  # file names may be no Unicode


# what libraries log


class _ToStructlog(logging.Handler):
    """What libraries log goes the same way as our own lines."""

    def emit(self, record: logging.LogRecord) -> None:
        level = next((one for one in _LEVELS if record.levelno >= one), logging.DEBUG)
        told = {"exc_info": record.exc_info} if record.exc_info else {}
        structlog.get_logger().log(level, _said(record), logger=record.name, **told)


def _said(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # the library's arguments don't fit its text, or can't be shown
        return f"{record.msg} {_text(record.args)}"


def _bridge(level: int) -> None:
    """Libraries are heard from warnings on, none of them ever at debug."""
    root = logging.getLogger()
    root.handlers = [_ToStructlog()]
    root.setLevel(max(level, logging.WARNING))
    logging.captureWarnings(capture=True)
    logging.getLogger("slack_sdk").setLevel(max(level, logging.INFO))  # at debug it writes webhooks' addresses
    for name in ("aiohttp.access", "httpcore", "httpx"):  # at info they write whole addresses
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
