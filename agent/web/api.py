"""The API, version 1: what stands where, what happened, and the few things that can be done from outside."""

from __future__ import annotations

import asyncio

from aiohttp import web

from agent.config.configuration import Configuration
from agent.runtime import Unknown
from agent.web import body, overview, views
from agent.web.doors import commit
from agent.web.errors import Failure, answer
from agent.web.explained import explanation_of
from agent.web.face import FACE, person, runtime
from agent.web.push import SOURCE, Push
from connectors.base import ConnectorError
from rules.model import DAY

_SAMPLE = 10  # readings shown of a poll
_LONGEST = 200  # characters of a name
_LONGEST_NOTE = 2_000


async def status(request: web.Request) -> web.Response:
    """The daemon in figures."""
    body.query(request)
    return answer(await overview.status(request.app[FACE]))


async def targets(request: web.Request) -> web.Response:
    """All targets."""
    body.query(request)
    return answer({"targets": await overview.targets(runtime(request))})


async def target(request: web.Request) -> web.Response:
    """One target."""
    return answer((await overview.targets(runtime(request), _target(request)))[0])


def _target(request: web.Request) -> str:
    """The name of a target that there is."""
    known, name = runtime(request).config.targets, request.match_info["name"]
    if name not in known:
        raise Unknown.among("target", name, known)
    return name


async def explain(request: web.Request) -> web.Response:
    """Why a target stands where it stands."""
    daemon, name = runtime(request), _target(request)
    at = body.time(request, "at")
    now = daemon.clock.now()
    if at is not None and at > now:
        raise Failure(422, "at lies in the future")
    found = await daemon.explain(name, at)
    return answer(explanation_of(daemon.config.targets[name], found, now if at is None else at))


async def sources(request: web.Request) -> web.Response:
    """All sources."""
    body.query(request)
    return answer({"sources": overview.sources(runtime(request))})


async def poll(request: web.Request) -> web.Response:
    """Reads a source now."""
    name = request.match_info["name"]
    try:
        readings = await runtime(request).poll(name)
    except ConnectorError as error:
        raise Failure(502, str(error)) from None
    sample = [views.reading_of(reading) for reading in readings[:_SAMPLE]]
    return answer({"source": name, "readings": len(readings), "sample": sample})


async def alerts(request: web.Request) -> web.Response:
    """Alerts that are not inactive, worst first."""
    body.query(request)
    return answer({"alerts": [views.alert_of(alert) for alert in runtime(request).alerts()]})


async def acknowledge(request: web.Request) -> web.Response:
    """Takes open alerts for a person."""
    given = await body.read_json(request)
    if not isinstance(given, dict):
        raise Failure(422, 'an acknowledgement is an object such as {"by": "ann", "note": "on it"}')
    try:
        body.check_keys(given, ("by", "note"), "key")
    except ValueError as error:
        raise Failure(422, str(error)) from None
    by, note = given.get("by"), given.get("note", "")
    if not isinstance(by, str) or not by.strip() or len(by) > _LONGEST:
        raise Failure(422, f"by has to say who takes it, in at most {_LONGEST} characters")
    if not isinstance(note, str) or len(note) > _LONGEST_NOTE:
        raise Failure(422, f"note has to be a text of at most {_LONGEST_NOTE:,} characters")
    taken = await runtime(request).acknowledge(request.match_info["id"], person(request, by.strip()), note.strip())
    return answer({"alerts": [views.alert_of(alert) for alert in taken]})


def _ahead_by_series(config: Configuration) -> dict[str, int]:
    """The series that sources give, with how far ahead of now their readings may lie."""
    found = {name: DAY for source in config.sources.values() for name in source.rule.series}
    for source in config.sources.values():
        for reading in getattr(source.config, "readings", ()):
            found[reading.series] = max(found[reading.series], reading.ahead)
    return found


async def push(request: web.Request) -> web.Response:
    """Takes readings, all or none. Answered once they are committed."""
    daemon = runtime(request)
    given = await body.read_json(request)
    readings = Push(_ahead_by_series(daemon.config), daemon.clock.now()).readings(given)
    return answer(await commit(daemon, SOURCE, readings, message=request.headers.get("Idempotency-Key")))


async def deliveries(request: web.Request) -> web.Response:
    """Messages and calls, newest first, each with its attempts."""
    store = runtime(request).store
    found = await store.deliveries(body.limit(request), body.query(request).get("fingerprint"))
    attempts = await asyncio.gather(*(store.attempts(delivery.id) for delivery in found))
    return answer({"deliveries": [views.delivery_of(one, tries) for one, tries in zip(found, attempts, strict=True)]})


async def transitions(request: web.Request) -> web.Response:
    """Changes of alerts, newest first."""
    wanted = body.query(request)
    found = await runtime(request).store.transitions(
        body.limit(request), wanted.get("target"), body.time(request, "since"), wanted.get("fingerprint")
    )
    return answer({"transitions": [views.transition_of(change) for change in found]})


async def acts(request: web.Request) -> web.Response:
    """What people did, newest first."""
    found = await runtime(request).store.acts(body.limit(request), body.time(request, "since"))
    return answer({"acts": [views.act_of(act) for act in found]})
