"""Pages for people: plain HTML made here, nothing from elsewhere, everything escaped, one script in one of them."""

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
    return page("status.html.j2", refresh=REFRESH, **await page_facts(runtime(request)))


async def documentation(request: web.Request) -> web.Response:
    """What the API can do, from the table of routes."""
    routes = [{"route": route, "path": shown_path(route)} for route in request.app[ROUTES]]
    return page("documentation.html.j2", routes=routes, shapes=shapes())


async def description(request: web.Request) -> web.Response:
    """The same for programs."""
    routes = request.app[ROUTES]
    return answer(document(routes, runtime(request).settings.external_url))


@cache
def _own(name: str) -> tuple[str, str]:
    """A file of ours that stands in pages, and the source by which a policy allows exactly it."""
    text = (_FOLDER / name).read_text(encoding="utf-8")
    return text, f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _policy(script: str) -> str:
    """Under which a browser shows a page of ours: its style, its script and its own form if it has them."""
    allowed = f"style-src {_own('style.css')[1]}; img-src data:"
    if script:
        allowed += f"; script-src {_own(script)[1]}"
    form = "'self'" if script else "'none'"
    return f"default-src 'none'; {allowed}; base-uri 'none'; form-action {form}; frame-ancestors 'none'"


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


def page(name: str, *, status: int = 200, **values: Any) -> web.Response:
    """The page of a template; one that has a script of its own has it beside it, under the same name."""
    script = name.replace(".html.j2", ".js")
    script = script if (_FOLDER / script).exists() else ""
    own = {"style": _own("style.css")[0], "script": _own(script)[0] if script else "", "version": __version__}
    text = _templates().get_template(name).render(**own, **values)
    headers = {"Content-Security-Policy": _policy(script)}
    response = web.Response(text=text, status=status, content_type="text/html", headers=headers)
    response.enable_compression()
    return response
