"""Silences over the API."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from agent.acts import Person
from agent.web import body, views
from agent.web.errors import Failure, answer
from agent.web.face import person, runtime
from connectors.fields import LONGEST
from rules.model import parse_duration

_EXAMPLE = '{"matchers": ["room"], "for": "2h", "by": "ann", "reason": "windows are open"}'
_KEYS = ("matchers", "by", "reason", "for", "starts", "ends")
_LONGEST = 200
_LONGEST_REASON = 2_000
_MOST_MATCHERS = 50


async def silences(request: web.Request) -> web.Response:
    """All that are remembered."""
    body.query(request)
    daemon = runtime(request)
    now = daemon.clock.now()
    return answer({"silences": [views.silence_of(silence, now) for silence in daemon.silences()]})


async def silence(request: web.Request) -> web.Response:
    """Mutes what the matchers match for a while."""
    daemon = runtime(request)
    given = await body.read_json(request)
    now = daemon.clock.now()
    try:
        found = await daemon.silence(_matchers(given), *_said(request, given), _span(given, now))
    except ValueError as error:
        raise Failure(422, str(error)) from None
    return answer({"silence": views.silence_of(found, daemon.clock.now())})


async def expire(request: web.Request) -> web.Response:
    """Ends a silence now."""
    daemon = runtime(request)
    found = await daemon.expire(request.match_info["id"], person(request, body.query(request).get("by", "")))
    return answer({"silence": views.silence_of(found, daemon.clock.now())})


def _matchers(given: Any) -> list[str]:
    if not isinstance(given, dict):
        raise Failure(422, f"a silence is an object such as {_EXAMPLE}")
    body.check_keys(given, _KEYS, "key")
    found = given.get("matchers")
    found = [found] if isinstance(found, str) else found
    texts = isinstance(found, list) and all(isinstance(text, str) and len(text) <= _LONGEST_REASON for text in found)
    if not found or not texts or len(found) > _MOST_MATCHERS:
        raise ValueError('matchers has to be a list such as ["room", "severity=~\\"warn.*\\""]')
    return list(found)


def _said(request: web.Request, given: dict[str, Any]) -> tuple[Person, str]:
    said = {}
    for key, name, most in (("by", "author", _LONGEST), ("reason", "reason", _LONGEST_REASON)):
        text = given.get(key)
        if not isinstance(text, str) or not text.strip() or len(text) > most:
            raise ValueError(f"{key} has to be a text of at most {most:,} characters")
        said[name] = text.strip()
    return person(request, said["author"]), said["reason"]


def _span(given: dict[str, Any], now: int) -> tuple[int, int]:
    """Start and end: `ends`, or `for` so long from the start."""
    starts = now if given.get("starts") is None else body.time_of(given["starts"])
    if (given.get("ends") is None) == (given.get("for") is None):
        raise ValueError('give either ends, a time, or for, a duration such as "2h"')
    if given.get("for") is not None:
        if not isinstance(given["for"], str):
            raise ValueError('for has to be a duration such as "2h"')
        ends = max(starts, now) + parse_duration(given["for"])
    else:
        ends = body.time_of(given["ends"])
    if ends <= max(starts, now):
        raise ValueError("it would be over before it begins")
    if ends > now + LONGEST:
        raise ValueError("it has to end within 100 years")
    return starts, ends
