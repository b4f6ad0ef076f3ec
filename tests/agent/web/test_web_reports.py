"""Reports over the API."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path

import jsonschema
import pytest
from aiohttp import ClientSession
from pypdf import PdfReader

from agent.web.schemas import SCHEMAS
from rules.model import DAY, MINUTE
from tests.agent.reports.kit import MONDAY, World
from tests.agent.web.kit import Daemon, error_of


@pytest.fixture
async def world(tmp_path: Path, daemon: Daemon) -> AsyncIterator[World]:
    """A reporter on a real store behind the daemon's face."""
    made = await World(tmp_path, MONDAY + MINUTE).start()
    await made.read(kitchen=25, dau=1_200)
    daemon.config, daemon.clock, daemon.store, daemon.reporter = made.config, made.clock, made.store, made.reporter
    yield made
    await made.stop()


def fits(said: object, name: str) -> None:
    whole = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": SCHEMAS}}
    jsonschema.validate(said, whole, format_checker=jsonschema.FormatChecker())


async def test_the_configured_reports(client: ClientSession, world: World) -> None:
    said = await (await client.get("/api/v1/reports")).json()
    fits(said, "Reports")
    assert said["reports"] == [
        {
            "name": "weekly",
            "title": "Weekly",
            "cron": "0 9 * * mon",
            "timezone": "Europe/Amsterdam",
            "targets": ["room", "users"],
            "to": ["growth", "boss"],
            "format": "chart",
            "next": "2026-05-11T07:00:00Z",
            "last": None,
        }
    ]
    await world.to(MONDAY + 7 * DAY + MINUTE)
    said = await (await client.get("/api/v1/reports")).json()
    fits(said, "Reports")
    assert said["reports"][0]["last"] == {"scheduled": "2026-05-11T07:00:00Z", "made": "2026-05-11T07:01:00Z"}
    assert said["reports"][0]["next"] == "2026-05-18T07:00:00Z"


async def test_a_report_as_json(client: ClientSession, world: World) -> None:
    await world.to(MONDAY + 7 * DAY)
    await world.read(kitchen=21)
    for form in ("", "?format=json"):
        said = await (await client.get(f"/api/v1/reports/weekly{form}")).json()
        fits(said, "Report")
        assert said["standings"] == {"in_band": 2}
        assert said["changes"][0]["before"] == "out_of_band"


@pytest.mark.parametrize(
    ("form", "kind", "begins"),
    [
        ("html", "text/html", "<!doctype html>"),
        ("md", "text/markdown", "# Weekly"),
        ("text", "text/plain", "Weekly"),
    ],
)
async def test_a_report_as_text(client: ClientSession, world: World, form: str, kind: str, begins: str) -> None:
    answer = await client.get(f"/api/v1/reports/weekly?format={form}")
    text = await answer.text()
    assert (answer.status, answer.content_type) == (200, kind)
    assert text.startswith(begins)
    assert "Room (kitchen)" in text.replace("\\", "")
    if form == "html":
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


async def test_a_report_as_pdf(client: ClientSession, world: World) -> None:
    answer = await client.get("/api/v1/reports/weekly?format=pdf")
    assert (answer.status, answer.content_type) == (200, "application/pdf")
    assert answer.headers["Content-Disposition"] == 'inline; filename="weekly-2026-05-04.pdf"'
    assert "Room (kitchen)" in PdfReader(io.BytesIO(await answer.read())).pages[0].extract_text()


async def test_sending_queues_it_and_is_written_down(client: ClientSession, world: World) -> None:
    answer = await client.post("/api/v1/reports/weekly/send", json={"by": "ann"})
    said = await answer.json()
    fits(said, "ReportSent")
    assert (answer.status, said) == (202, {"report": "weekly", "title": "Weekly", "to": ["growth", "boss"]})
    assert len(await world.deliveries()) == 3
    assert [act.person.name for act in await world.store.acts(5)] == ["ann"]
    assert (await client.post("/api/v1/reports/weekly/send")).status == 202
    listed = (await (await client.get("/api/v1/deliveries")).json())["deliveries"]
    assert listed[0]["kind"] == "report"
    assert listed[0]["about"] == {"report": "weekly", "headline": "Weekly"}
    fits({"deliveries": listed}, "Deliveries")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    [
        ("GET", "weekli", None, 404, "no report 'weekli'; did you mean weekly?"),
        ("POST", "weekli/send", {}, 404, "no report 'weekli'"),
        ("GET", "weekly?format=fax", None, 422, "format has to be one of json, pdf, html, md, text"),
        ("GET", "weekly?form=pdf", None, 422, "unknown parameter 'form'"),
        ("POST", "weekly/send", {"by": 3}, 422, "who sends it"),
        ("POST", "weekly/send", [], 422, "who sends it"),
        ("POST", "weekly/send", {"bye": "ann"}, 422, "unknown key 'bye'"),
    ],
)
async def test_mistakes(
    client: ClientSession, world: World, method: str, path: str, body: object, status: int, says: str
) -> None:
    answer = await client.request(method, f"/api/v1/reports/{path}", json=body)
    assert (await error_of(answer))[0] == status
    assert says in (await error_of(answer))[2]
    assert await world.deliveries() == []
