"""Conditional requests of the http source, against a server that has an answer, validators, and counts."""

from __future__ import annotations

import pytest
from aiohttp import web

from connectors.base import BadAnswer, ConnectorError, PartialAnswer, Refused, Services
from connectors.http import HttpClient
from connectors.sources.http import HttpSource, HttpSourceConfig
from tests.connectors.conformance import NOW, serving

TIMED = {"series": "t", "select": "rows", "time": "at", "value": "v"}
UNTIMED = {"series": "u", "select": "rows", "value": "v"}
MODIFIED = "Wed, 31 Dec 2025 23:00:00 GMT"


class Site:
    """Says 304 as long as what it was asked for is what it has."""

    def __init__(self, **headers: str) -> None:
        self.headers = {name.replace("_", "-"): text for name, text in headers.items()}
        self.rows: list[dict[str, object]] = [{"at": "2025-12-31", "v": 1}]
        self.status = 200
        self.sent: list[int] = []
        self.asked: list[tuple[str | None, str | None]] = []

    async def answer(self, request: web.Request) -> web.Response:
        tag, since = request.headers.get("If-None-Match"), request.headers.get("If-Modified-Since")
        self.asked.append((tag, since))
        same = tag == self.headers.get("ETag") if tag else since is not None and since == self.headers["Last-Modified"]
        self.sent.append(304 if same and self.status == 200 else self.status)
        if self.sent[-1] == 304:
            return web.Response(status=304)
        return web.json_response({"rows": self.rows}, headers=self.headers, status=self.status)


@pytest.fixture
async def services():
    http = HttpClient(now=lambda: NOW)
    yield Services(http=http, now=lambda: NOW)
    await http.close()


def source(services: Services, url: str, *readings: dict[str, str], **keys: object) -> HttpSource:
    data = {"type": "http", "url": url, "readings": readings or (TIMED,), **keys}
    return HttpSource("api", HttpSourceConfig.model_validate(data), services)


@pytest.mark.parametrize(
    ("headers", "sent"),
    [
        ({"ETag": '"a"'}, [200, 304, 304]),
        ({"ETag": 'W/"a"'}, [200, 304, 304]),
        ({"ETag": '"a"', "Last_Modified": MODIFIED}, [200, 304, 304]),
        ({"Last_Modified": MODIFIED}, [200, 304, 304]),
        ({"Last_Modified": MODIFIED, "Date": MODIFIED}, [200, 200, 200]),  # may change again within that second
        ({"Last_Modified": "yesterday"}, [200, 200, 200]),
        ({"ETag": '"' + "a" * 2_000 + '"'}, [200, 200, 200]),
        ({}, [200, 200, 200]),
    ],
)
async def test_an_answer_that_did_not_change_is_not_sent_again(services, headers, sent):
    site = Site(**headers)
    async with serving(site.answer) as base:
        reader = source(services, base)
        found = [await reader.read(NOW + number) for number in range(3)]
    assert site.sent == sent
    assert found[0] == found[1] == found[2]
    assert (found[1] is found[0]) is (sent[1] == 304)  # the very same: nothing new for the poller either
    assert reader.remembered is (found[2] if sent[1] == 304 else None)


async def test_a_reading_without_a_time_of_its_own_is_of_now(services):
    site = Site(ETag='"a"')
    async with serving(site.answer) as base:
        reader = source(services, base, TIMED, UNTIMED)
        before = await reader.read(NOW)
        for later in (NOW + 5, NOW + 9):
            timed, untimed = await reader.read(later)
            assert (timed, untimed) == (before[0], before[1]._replace(time=later))
    assert site.sent == [200, 304, 304]


async def test_a_change_is_read(services):
    site = Site(ETag='"a"')
    async with serving(site.answer) as base:
        reader = source(services, base)
        await reader.read(NOW)
        site.headers["ETag"], site.rows = '"b"', [{"at": "2025-12-31", "v": 2}]
        assert [(await reader.read(NOW))[0].value for _ in range(2)] == [2.0, 2.0]
    assert (site.sent, site.asked[2][0]) == ([200, 200, 304], '"b"')


@pytest.mark.parametrize(
    ("rows", "error"), [([{"at": "x", "v": 1}], BadAnswer), ([{"v": 1}, {"at": "2025-12-31", "v": 1}], PartialAnswer)]
)
async def test_an_answer_that_can_not_be_read_is_asked_for_again(services, rows, error):
    site = Site(ETag='"a"')
    site.rows = rows
    async with serving(site.answer) as base:
        reader = source(services, base)
        for _ in range(2):
            with pytest.raises(error):
                await reader.read(NOW)
    assert site.sent == [200, 200]


@pytest.mark.parametrize("status", [203, 500])
async def test_only_a_plain_success_is_remembered(services, status):
    site = Site(ETag='"a"')
    async with serving(site.answer) as base:
        reader = source(services, base)
        await reader.read(NOW)
        site.status = status
        for _ in range(2):
            try:
                await reader.read(NOW)
            except ConnectorError:
                assert status == 500
        site.status = 200
        await reader.read(NOW)
        await reader.read(NOW)
    assert site.sent == [200, status, status, 200, 304]
    assert [tag for tag, _ in site.asked] == [None, '"a"', None, None, '"a"']


async def test_not_modified_that_nobody_asked_for_is_an_error(services):
    site = Site()
    site.status = 304
    async with serving(site.answer) as base:
        with pytest.raises(Refused, match="answered 304 Not Modified"):
            await source(services, base).read(NOW)


@pytest.mark.parametrize("keys", [{"conditional": False}, {"method": "POST"}, {"headers": {"If-None-Match": '"mine"'}}])
async def test_where_no_condition_is_made(services, keys):
    site = Site(ETag='"a"')
    async with serving(site.answer) as base:
        reader = source(services, base, **keys)
        await reader.read(NOW)
        await reader.read(NOW)
    assert site.sent == [200, 200]


async def test_a_condition_does_not_follow_a_redirect(services):
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append((request.path, request.headers.get("If-None-Match")))
        if request.path == "/" and len(asked) > 1:
            return web.Response(status=302, headers={"Location": "/other", "ETag": '"a"'})
        return web.json_response({"rows": []}, headers={"ETag": '"a"'})

    async with serving(answer) as base:
        reader = source(services, base)
        for _ in range(3):
            await reader.read(NOW)
    assert asked == [("/", None), ("/", '"a"'), ("/other", None), ("/", None), ("/other", None)]
