"""Where Slack calls over HTTP, signed: `/slack/commands`, `/slack/interactive`, `/slack/events`.

A signed call counts once: whoever sends the very same again within the five minutes in which its signature is good is
answered as if all were well, and nothing is done.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import orjson
from aiohttp import web

from agent.slack.desk import COMMAND, EVENT, INTERACTION, Desk
from agent.web import body
from agent.web.errors import Failure
from agent.web.face import FACE, runtime

_SSL_CHECK = re.compile(rb"(?:^|&)ssl_check=[^&]")
_MOST = 1_000_000  # bytes; an interaction carries the whole message or view


async def commands(request: web.Request) -> web.Response:
    """A slash command, answered with what only the one who asked sees unless it is to be shared."""
    desk, sent = await _read(request)
    if _SSL_CHECK.search(sent):  # Slack looks whether the certificate is good; that need not be signed
        return web.Response()
    _verify(request, sent)
    form = _fields(sent)
    return _answer(await desk.take(COMMAND, form, _signature(request)))


async def interactive(request: web.Request) -> web.Response:
    """A click. The acknowledgement is empty; what is to be said goes to the payload's response URL."""
    desk, form = await _form(request)
    return _answer(await desk.take(INTERACTION, _json(form.get("payload", "")), _signature(request)))


async def events(request: web.Request) -> web.Response:
    """An event, or the question whether this address is ours. One that Slack sends again is done once."""
    desk, sent = await _signed(request)
    payload = _json(sent)
    if payload.get("type") == "url_verification":
        return _answer({"challenge": str(payload.get("challenge") or "")})
    return _answer(await desk.take(EVENT, payload, str(payload.get("event_id") or _signature(request))))


def _signature(request: web.Request) -> str:
    """What no two calls have in common: it covers the time and the body, which has an id of Slack's."""
    return request.headers.get("X-Slack-Signature", "")


async def _signed(request: web.Request) -> tuple[Desk, bytes]:
    """The body as it came, once its signature is found good. Raises Failure 401, 404, 413."""
    desk, sent = await _read(request)
    _verify(request, sent)
    return desk, sent


async def _read(request: web.Request) -> tuple[Desk, bytes]:
    """The body as it came, from whomever. Raises Failure 404, 413."""
    desk = request.app[FACE].slack
    if desk is None or not runtime(request).settings.slack_signing_secret:
        raise Failure(404, "Slack does not call here: set SETPOINT_SLACK_SIGNING_SECRET to your app's signing secret")
    if (request.content_length or 0) > _MOST:
        raise Failure(413, f"the body is larger than {_MOST:,} bytes")
    sent = await body.read_start(request, _MOST + 1)
    if len(sent) > _MOST:
        raise Failure(413, f"the body is larger than {_MOST:,} bytes")
    return desk, sent


def _verify(request: web.Request, sent: bytes) -> None:
    """Raises Failure 401 where the body is not signed."""
    from agent.slack.signature import verify

    daemon = runtime(request)
    secret = daemon.settings.slack_signing_secret
    headers = {name.lower(): value for name, value in request.headers.items()}
    if not verify(secret, headers, sent, daemon.clock.now()):
        raise Failure(401, "this is not signed by Slack with this app's signing secret, or older than five minutes")


async def _form(request: web.Request) -> tuple[Desk, Mapping[str, str]]:
    desk, sent = await _signed(request)
    return desk, _fields(sent)


def _fields(sent: bytes) -> Mapping[str, str]:
    """The fields of a form. Raises Failure 400."""
    try:
        return dict(parse_qsl(sent.decode(), keep_blank_values=True, max_num_fields=200))
    except ValueError:
        raise Failure(400, "the body is not a form in UTF-8") from None


def _json(text: str | bytes) -> dict[str, Any]:
    try:
        said = orjson.loads(text)
    except orjson.JSONDecodeError:
        said = None
    if not isinstance(said, dict):
        raise Failure(400, "the payload is not a JSON object")
    return said


def _answer(said: Mapping[str, Any] | None) -> web.Response:
    if said is None:
        return web.Response()
    return web.Response(body=orjson.dumps(said), content_type="application/json", charset="utf-8")
