"""What every handler may use, and the table of routes it is listed in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

from agent.acts import COMMAND_LINE, Person
from agent.metrics import Metrics
from agent.runtime import Runtime
from agent.slack.desk import Desk


@dataclass(frozen=True, slots=True)
class Face:
    """The daemon behind the handlers; `started` is monotonic, in seconds. `slack` takes what Slack sends."""

    runtime: Runtime
    metrics: Metrics
    started: float
    slack: Desk | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """One address. `answers` is status -> (words, name of a schema or a media type); `query` is name -> words.

    `open` needs no key, `quiet` is logged at debug level. `body` names the schema of what is sent. `link` is an address
    that lets in whoever has it: no page of another origin can have it, and the log does not.
    """

    method: str
    path: str
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    summary: str
    answers: Mapping[int, tuple[str, str]]
    query: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    open: bool = False
    quiet: bool = False
    link: bool = False


FACE = web.AppKey("face", Face)
ROUTES = web.AppKey("routes", tuple[Route, ...])
BY_PATH = web.AppKey("by_path", dict[tuple[str, str], Route])


def runtime(request: web.Request) -> Runtime:
    """The daemon that a request is put to."""
    return request.app[FACE].runtime


def person(request: web.Request, name: str) -> Person:
    """Who acts by this request, as they call themselves: over the API, or through it with the command line."""
    program = request.headers.get("User-Agent", "").partition("/")[0]
    return Person(name.strip() or "unknown", "cli" if program == COMMAND_LINE else "api")


def route_of(request: web.Request) -> Route | None:
    """The route a request was resolved to."""
    resource = request.match_info.route.resource
    return None if resource is None else request.app[BY_PATH].get((request.method, resource.canonical))
