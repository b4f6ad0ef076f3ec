"""Test notices over the API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aiohttp import web

from agent.acts import Act
from agent.sending.trials import Sent, Trial
from agent.settings import Settings
from agent.slack.desk import SIGNED, SOCKET
from agent.store.records import DeliveryState
from agent.web import body
from agent.web.errors import Failure, answer
from agent.web.face import FACE, person, runtime
from agent.web.views import iso

_LONGEST = 200


async def begin(request: web.Request) -> web.Response:
    """Sends a test that waits for a click."""
    given = await body.read_json(request) if request.can_read_body else {}
    if not isinstance(given, dict):
        raise Failure(422, 'a test takes an object such as {"by": "ann"}')
    body.check_keys(given, ("by",), "key")
    by = given.get("by", "")
    if not isinstance(by, str) or len(by) > _LONGEST:
        raise Failure(422, f"by has to be a text of at most {_LONGEST} characters")
    try:
        made = await runtime(request).trials.begin(request.match_info["name"], person(request, by.strip()))
    except ValueError as error:
        raise Failure(422, str(error)) from None
    return _answer(request, made)


async def look(request: web.Request) -> web.Response:
    """How far it got."""
    body.query(request)
    return _answer(request, await runtime(request).trials.look(request.match_info["name"], request.match_info["id"]))


def _answer(request: web.Request, trial: Trial) -> web.Response:
    settings, desk = runtime(request).settings, request.app[FACE].slack
    said = {
        "id": trial.id,
        "receiver": trial.receiver,
        "begun": iso(trial.begun),
        "messages": [_message(one) for one in trial.sent],
        "click": _click(trial, click) if (click := trial.click) else None,
        "ways_in": list(_ways_in(settings)),
        "problem": desk.socket_problem if desk is not None else None,
    }
    return answer({"test": said})


def _click(trial: Trial, click: Act) -> dict[str, Any]:
    return {"at": iso(click.at), "by": click.person.name, "id": click.person.id, "way": trial.way}


def _ways_in(settings: Settings) -> Iterator[str]:
    if settings.slack_app_token:
        yield SOCKET
    if settings.slack_signing_secret:
        yield SIGNED


def _message(sent: Sent) -> dict[str, Any]:
    delivery, last = sent.delivery, sent.attempts[-1] if sent.attempts else None
    arrived = last is not None and delivery.state is DeliveryState.SENT
    return {
        "channel": sent.channel,
        "state": delivery.state,
        "attempts": len(sent.attempts),
        "sent": iso(last.at + last.took) if last is not None and arrived else None,
        "error": None if arrived else delivery.error,
    }
