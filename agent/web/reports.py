"""The API's side of reports."""

from __future__ import annotations

import base64
from typing import Any

from aiohttp import web

from agent.reports.reporter import ReportStatus
from agent.web import body
from agent.web.errors import Failure, answer
from agent.web.face import person, runtime
from agent.web.views import iso
from connectors.report_message import file_name, html_of, markdown_of, text_of
from connectors.report_payload import report_payload
from rules.model import Report

FORMATS = ("json", "pdf", "html", "md", "text")
_LONGEST = 200  # characters of a name
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'none'"


async def reports(request: web.Request) -> web.Response:
    """Every configured report."""
    body.query(request)
    return answer({"reports": [_status(one) for one in runtime(request).reporter.reports()]})


def _status(one: ReportStatus) -> dict[str, Any]:
    entry = one.entry
    last = None if one.made is None else {"scheduled": iso(one.scheduled), "made": iso(one.made)}
    return {
        "name": entry.name,
        "title": entry.title,
        "cron": entry.cron,
        "timezone": entry.zone,
        "targets": list(entry.targets),
        "to": list(entry.to),
        "format": str(entry.format),
        "next": iso(one.next_at),
        "last": last,
    }


async def report(request: web.Request) -> web.Response:
    """A report as it would be now."""
    form = body.query(request).get("format", "json")
    if form not in FORMATS:
        raise Failure(422, f"format has to be one of {', '.join(FORMATS)}")
    made = await runtime(request).report(request.match_info["name"])
    if form == "json":
        return answer(report_payload(made))
    if form == "pdf":
        return await _pdf(request, made)
    if form == "html":
        return await _html(request, made)
    text, kind = (markdown_of(made), "text/markdown") if form == "md" else (text_of(made), "text/plain")
    return web.Response(text=text, content_type=kind)


async def _pdf(request: web.Request, made: Report) -> web.Response:
    found = await runtime(request).reporter.rendering.rendered(made, pdf=True)
    if not found.pdf:
        raise Failure(500, "the PDF can't be made; the log says why")
    named = {"Content-Disposition": f'inline; filename="{file_name(made)}"'}
    return web.Response(body=found.pdf, content_type="application/pdf", headers=named)


async def _html(request: web.Request, made: Report) -> web.Response:
    found = await runtime(request).reporter.rendering.rendered(made, pdf=False)
    inside = {place: f"data:image/png;base64,{base64.b64encode(png).decode()}" for place, png in found.pictures.items()}
    response = web.Response(text=html_of(made, inside), content_type="text/html")
    response.headers["Content-Security-Policy"] = _POLICY
    return response


async def send(request: web.Request) -> web.Response:
    """Sends a report as it is now to its receivers."""
    given = await body.read_json(request) if request.can_read_body else {}
    by = given.get("by", "") if isinstance(given, dict) else None
    if not isinstance(by, str) or len(by) > _LONGEST:
        raise Failure(422, f'give {{"by": "ann"}}: who sends it, in at most {_LONGEST} characters')
    try:
        body.check_keys(given, ("by",), "key")
    except ValueError as error:
        raise Failure(422, str(error)) from None
    daemon, name = runtime(request), request.match_info["name"]
    made = await daemon.send_report(name, person(request, by))
    return answer({"report": name, "title": made.title, "to": list(daemon.config.reports[name].to)}, 202)
