"""`/ack/<token>`: the page behind the link of a message. Looking at it changes nothing: mail scanners look at links."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from agent.runtime import Unknown
from agent.sending.ack_links import Asked, Expired, Forged, asked, person
from agent.store.records import Delivery
from agent.web.face import runtime
from agent.web.pages import page

_SHOWN = 50


async def look(request: web.Request) -> web.Response:
    """Says what would be acknowledged. The page sends its form by itself once somebody sees it."""
    found = await _found(request)
    return found if isinstance(found, web.Response) else _said(found[1], done=False)


async def take(request: web.Request) -> web.Response:
    """Acknowledges what still fires of what the message said, and nothing else."""
    found = await _found(request)
    if isinstance(found, web.Response):
        return found
    delivery, about = found
    daemon = runtime(request)
    for alert in about.open:
        try:
            await daemon.acknowledge(alert.fingerprint, person(delivery, daemon.config), "")
        except Unknown:  # it ended between the look and now
            continue
    return _said(about, done=True)


async def _found(request: web.Request) -> web.Response | tuple[Delivery, Asked]:
    daemon = runtime(request)
    try:
        key = daemon.ack_links.read(request.match_info["token"], daemon.clock.now())
    except Forged:
        why = "It is not one of Setpoint's, or it did not arrive whole. Copy it from the message in one piece."
        return page("ack.html.j2", status=404, title="This link leads nowhere", lines=[why])
    except Expired:
        return _expired()
    delivery = await daemon.store.delivery(key)
    return _expired() if delivery is None else (delivery, asked(delivery, daemon.alerts()))


def _expired() -> web.Response:
    lines = ["It was good for seven days. A newer message, or Setpoint's own page, has what still fires."]
    return page("ack.html.j2", status=410, title="This link has expired", lines=lines)


def _said(about: Asked, *, done: bool) -> web.Response:
    told: dict[str, Any] = {"lines": [], "asks": bool(about.open) and not done, "alerts": about.open[:_SHOWN]}
    if about.open:
        told["title"] = "Acknowledged" if done else "Acknowledge"
        if done:
            told["lines"] = ["It is yours until it ends: no more reminders, and nobody else is called."]
    elif about.taken:
        told["title"] = "Already acknowledged"
        told["lines"] = [f"{alert.headline}: taken by {alert.acknowledged_by}" for alert in about.taken[:_SHOWN]]
    else:
        told["title"] = "This is over"
        told["lines"] = [alert.headline for alert in about.over[:_SHOWN]]
        if about.again:
            told["lines"] += ["It fired again since. The newer message has a link for that."]
    return page("ack.html.j2", **told)
