"""Corrections over the API: what runs, what waits for a person, the switch of all of them, and the actions."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from agent.acts import Person
from agent.runtime import Switched, Word
from agent.web import body, views
from agent.web.errors import Failure, answer
from agent.web.face import person, runtime

_LONGEST = 200
_LONGEST_NOTE = 2_000


async def corrections(request: web.Request) -> web.Response:
    """Runs of actions, newest first."""
    wanted = body.query(request)
    found = await runtime(request).store.corrections(
        body.limit(request), wanted.get("target"), body.time(request, "since")
    )
    return answer({"corrections": [views.correction_of(run) for run in found]})


async def approve(request: web.Request) -> web.Response:
    """Approves a proposal, as it was `seen`; only the first word counts."""
    who, note, given = await _said(request, "seen")
    try:
        seen = None if given.get("seen") is None else body.time_of(given["seen"])
    except ValueError as error:
        raise Failure(422, f"seen: {error}") from None
    return _word(await runtime(request).approve(request.match_info["id"], who, note, seen))


async def reject(request: web.Request) -> web.Response:
    """Rejects a proposal; only the first word counts."""
    who, note, _ = await _said(request)
    return _word(await runtime(request).reject(request.match_info["id"], who, note))


async def run(request: web.Request) -> web.Response:
    """Has an action called for an open alert."""
    who, note, given = await _said(request, "alert")
    alert = given.get("alert")
    if not isinstance(alert, str) or not alert.strip() or len(alert) > _LONGEST:
        raise Failure(422, "alert has to name an open alert: its fingerprint, its name, or its target")
    return _word(await runtime(request).run_action(request.match_info["name"], alert.strip(), who, note))


async def switch(request: web.Request) -> web.Response:
    """Whether corrections are made at all."""
    body.query(request)
    return answer({"switch": views.switch_of(runtime(request).switch())})


async def switch_to(request: web.Request) -> web.Response:
    """Switches all corrections on or off."""
    who, note, given = await _said(request, "on")
    if not isinstance(given.get("on"), bool):
        raise Failure(422, "on has to be true or false")
    found: Switched = await runtime(request).switch_corrections(given["on"], who, note)
    return answer({"switch": views.switch_of(found.switch), "changed": found.counted})


async def actions(request: web.Request) -> web.Response:
    """The actions, with how their budgets and breakers stand."""
    body.query(request)
    daemon = runtime(request)
    now = daemon.clock.now()
    return answer({"actions": [views.action_of(action, now) for action in daemon.actions()]})


async def _said(request: web.Request, *more: str) -> tuple[Person, str, dict[str, Any]]:
    """Who acts, their note, and everything that was sent."""
    given = await body.read_json(request)
    if not isinstance(given, dict):
        raise Failure(422, 'send an object such as {"by": "ann", "note": "go on"}')
    try:
        body.check_keys(given, ("by", "note", *more), "key")
    except ValueError as error:
        raise Failure(422, str(error)) from None
    by, note = given.get("by"), given.get("note", "")
    if not isinstance(by, str) or not by.strip() or len(by) > _LONGEST:
        raise Failure(422, f"by has to say who does it, in at most {_LONGEST} characters")
    if not isinstance(note, str) or len(note) > _LONGEST_NOTE:
        raise Failure(422, f"note has to be a text of at most {_LONGEST_NOTE:,} characters")
    return person(request, by.strip()), note.strip(), given


def _word(word: Word) -> web.Response:
    """The correction as it is; a conflict where something else was done already."""
    if not word.counted and not word.agrees:
        raise Failure(409, word.words)
    return answer({"correction": views.correction_of(word.run), "changed": word.counted, "words": word.words})
