"""Pages for people: plain HTML made here, no scripts, nothing from elsewhere, everything escaped."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

from agent import __version__
from agent.web import body
from agent.web.errors import answer
from agent.web.face import ROUTES, runtime
from agent.web.openapi import document, shapes, shown_path
from agent.web.rows import page_facts

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDER = Path(__file__).parent / "templates"
REFRESH = 30  # seconds


async def overview_page(request: web.Request) -> web.Response:
    """Targets, alerts and sources as they are."""
    body.query(request)
    return _page("status.html.j2", refresh=REFRESH, **await page_facts(runtime(request)))


async def documentation(request: web.Request) -> web.Response:
    """What the API can do, from the table of routes."""
    routes = [{"route": route, "path": shown_path(route)} for route in request.app[ROUTES]]
    return _page("documentation.html.j2", routes=routes, shapes=shapes())


async def description(request: web.Request) -> web.Response:
    """The same for programs."""
    routes = request.app[ROUTES]
    return answer(document(routes, runtime(request).settings.external_url))


@cache
def _style() -> tuple[str, str]:
    """The style sheet, and the one policy under which a browser shows a page of ours."""
    style = (_FOLDER / "style.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:"
    return style, f"{policy}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


@cache
def _templates() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _page(name: str, **values: Any) -> web.Response:
    style, policy = _style()
    text = _templates().get_template(name).render(style=style, version=__version__, **values)
    response = web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": policy})
    response.enable_compression()
    return response
