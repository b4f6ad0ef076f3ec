from __future__ import annotations

import dataclasses
import gzip
import tracemalloc

import pytest
from aiohttp import web
from pydantic import ValidationError

from connectors.base import BadAnswer, ConnectorError, PartialAnswer, Refused, TimedOut, Unreachable
from connectors.gateway import GatewayConfig
from connectors.sources.http import HttpSource, HttpSourceConfig
from tests.connectors.conformance import (
    CASES,
    LIMIT,
    NOW,
    SECRETS,
    Case,
    assert_is,
    assert_no_secret,
    body,
    endless,
    serving,
)

ROWS = [{"series": "v", "select": "data", "value": "v"}]


def source(services, url, **keys) -> HttpSource:
    config = HttpSourceConfig.model_validate({"type": "http", "url": url, "readings": ROWS, **keys})
    return HttpSource("api", config, services)


def secretive(services, base, **keys) -> HttpSource:
    url = f"{base.replace('://', f'://me:{SECRETS[2]}@')}/data?token={SECRETS[0]}#part"
    auth = {"api_key": {"query": "key", "value": SECRETS[1]}}
    keys = {"timeout": "250ms", "max_bytes": LIMIT, "auth": auth, "headers": {"X-Token": SECRETS[0]}, **keys}
    return source(services, url, **keys)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_every_bad_answer_is_its_error(services, case: Case):
    patience = "250ms" if case.expected is TimedOut else "30s"
    async with serving(case.answer) as base:
        with pytest.raises(ConnectorError) as caught:
            await secretive(services, base, timeout=patience).read(NOW)
    assert_is(caught.value, case)


async def test_refused_connection(services, unused_tcp_port):
    with pytest.raises(Unreachable, match="connection refused") as caught:
        await secretive(services, f"http://127.0.0.1:{unused_tcp_port}").read(NOW)
    assert_no_secret(caught.value)


async def test_name_not_found(services):
    with pytest.raises(Unreachable, match="name not found") as caught:
        await secretive(services, "http://nothing.invalid", timeout="30s").read(NOW)
    assert_no_secret(caught.value)


async def test_self_signed_certificate_is_refused(services):
    async with serving(body(b'{"data": {"v": 1}}'), tls=True) as base:
        with pytest.raises(Unreachable, match="TLS refused: self-signed certificate") as caught:
            await secretive(services, base).read(NOW)
    assert_no_secret(caught.value)


async def test_no_tls_on_the_other_side(services):
    async with serving(body(b"{}")) as base:
        with pytest.raises(Unreachable, match="TLS refused") as caught:
            await secretive(services, base.replace("http:", "https:")).read(NOW)
    assert_no_secret(caught.value)


@pytest.mark.parametrize("answer", [endless, body(gzip.compress(bytes(60_000_000), 1), Content_Encoding="gzip")])
async def test_a_huge_answer_costs_little_memory(services, answer):
    async with serving(answer) as base:
        reader = source(services, base, max_bytes=LIMIT)
        tracemalloc.start()
        try:
            with pytest.raises(BadAnswer, match="larger than max_bytes"):
                await reader.read(NOW)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 6 * LIMIT


async def test_a_part_that_was_asked_for_is_taken(services):
    async with serving(body(b"day,v\n1767139200,9\n", "text/csv", status=206)) as base:
        reading = {"series": "v", "time": "day", "value": "v"}
        [found] = await source(services, base, readings=[reading], headers={"Range": "bytes=0-99"}).read(NOW)
    assert found.value == 9.0


async def test_reads_rows_values_times_and_labels(services):
    rows = b'{"data": [{"day": "2025-12-30", "v": "1,582", "s": 7}, {"day": 1767139200, "v": null, "s": "eu"}]}'
    reading = {"series": "v", "select": "data", "time": "day", "value": "v", "labels": {"site": "s"}}
    async with serving(body(rows)) as base:
        first, second = await source(services, base, readings=[reading]).read(NOW)
    assert str(first.series) == 'v{site="7",source="api"}'
    assert (first.time, first.value) == (1_767_052_800_000_000, 1582.0)
    assert (second.time, second.value) == (1_767_139_200_000_000, None)


async def test_good_rows_are_kept_beside_bad_ones(services):
    rows = b'{"data": [{"v": 1}, {"v": "n/a"}, {"v": 3}, {"v": [1]}]}'
    async with serving(body(rows)) as base:
        with pytest.raises(PartialAnswer, match=r"source api: v, row 2: 'n/a' is not a number \(2 of 4") as caught:
            await source(services, base).read(NOW)
    assert [reading.value for reading in caught.value.readings] == [1.0, 3.0]


async def test_the_request_is_as_configured(services):
    seen = []

    async def echo(request: web.Request) -> web.Response:
        seen.append((request.method, request.path_qs, request.headers, await request.read()))
        return web.json_response({"data": {"v": 1}})

    async with serving(echo) as base:
        await source(
            services,
            f"{base}/q?a=1",
            method="POST",
            params={"b": [1, 2], "c": True},
            json={"n": None},
            headers={"X-One": "1"},
            auth={"basic": {"username": "me", "password": "pw"}},
        ).read(NOW)
        await source(
            services, base, auth={"api_key": {"header": "X-Key", "value": "k"}}, method="QUERY", body="text"
        ).read(NOW)
        await source(services, base, auth={"api_key": {"query": "key", "value": "a b"}}).read(NOW)
        await source(services, base, auth={"bearer": "tok"}, json=None, method="POST").read(NOW)
    method, path, headers, sent = seen[0]
    assert (method, path, sent) == ("POST", "/q?a=1&b=1&b=2&c=true", b'{"n":null}')
    assert headers["Authorization"] == "Basic bWU6cHc="
    assert headers["Content-Type"] == "application/json"
    assert headers["X-One"] == "1"
    assert headers["User-Agent"] == "Setpoint"
    assert seen[1][0] == "QUERY"
    assert seen[1][2]["X-Key"] == "k"
    assert seen[1][3] == b"text"
    assert seen[2][1] == "/?key=a+b"
    assert seen[3][2]["Authorization"] == "Bearer tok"
    assert seen[3][3] == b"null"


@pytest.mark.parametrize(
    ("content", "content_type", "readings", "keys"),
    [
        (b'Day,Page Views\n2025-12-30,"1,582"\n', "text/csv", {"value": "Page Views", "time": "Day"}, {}),
        (b"\xef\xbb\xbfDay;v\r\n2025-12-30;1582\r\n\r\n", "text/plain", {"value": "v", "time": "Day"}, {}),
        (b"Day~v\n2025-12-30~1582\n", "text/plain", {"value": "v"}, {"format": "csv", "delimiter": "~"}),
        (b" 1,582 \n", "text/plain; charset=utf-8", {"value": "@"}, {}),
        (b"1582", "application/octet-stream", {"value": "@"}, {"format": "text"}),
        (b'{"v": 1582}', "text/plain", {"value": "v"}, {}),
        (b'{"v": 1582, "x": NaN}', "application/vnd.api+json", {"value": "v"}, {}),
        ('{"v": 1582, "é": 1}'.encode("latin-1"), "application/json; charset=ISO-8859-1", {"value": "v"}, {}),
        ('{"v": 1582}'.encode("utf-16"), "application/json", {"value": "v"}, {}),
        (b"\xef\xbb\xbf[1582]", "application/json", {"value": "@"}, {}),
        (b"1582", "application/json", {"value": "@"}, {}),
        (b'{"a": {"b": [{"v": 1582}]}}', "application/json", {"value": "a.b[0].v"}, {}),
        (b'[["x", 1582]]', "application/json", {"value": "[1]"}, {}),
    ],
)
async def test_formats(services, content, content_type, readings, keys):
    async with serving(body(content, content_type)) as base:
        (reading,) = await source(services, base, readings=[{"series": "v", **readings}], **keys).read(NOW)
    assert reading.value == 1582.0


async def test_gzip_and_large_answers(services):
    rows = b'{"data": [' + b",".join(b'{"v": %d}' % n for n in range(40_000)) + b"]}"
    async with serving(body(gzip.compress(rows), Content_Encoding="gzip")) as base:
        readings = await source(services, base).read(NOW)
    assert [reading.value for reading in readings] == [float(n) for n in range(40_000)]


async def test_a_redirect_to_another_host_gets_no_credentials(services):
    seen = []

    async def end(request: web.Request) -> web.Response:
        seen.append({name.lower() for name in request.headers})
        return web.json_response({"data": {"v": 1}})

    async with serving(end) as target:

        async def away(request: web.Request) -> web.Response:
            raise web.HTTPFound(target if request.path == "/away" else "/away")

        async with serving(away) as base:
            await source(services, base, auth={"bearer": "tok"}, headers={"X-Key": "k"}).read(NOW)
    assert not seen[0] & {"authorization", "x-key"}


async def test_a_redirected_post_is_not_sent_again(services):
    async def away(request: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect("/there")

    async with serving(away) as base:
        with pytest.raises(Refused, match="307"):
            await source(services, base, method="POST", json={}).read(NOW)


async def test_gateway_gives_address_credentials_and_patience(services):
    seen = []

    async def echo(request: web.Request) -> web.Response:
        seen.append((request.path_qs, request.headers["Authorization"], request.headers["X-Team"]))
        return web.json_response({"data": {"v": 1}})

    async with serving(echo) as base:
        gateway = GatewayConfig.model_validate(
            {"base_url": f"{base}/v1/", "auth": {"bearer": "gate"}, "headers": {"X-Team": "a"}, "rate_limit": "1000/s"}
        )
        through = dataclasses.replace(services, gateways={"corp": gateway})
        await source(through, "/daily?x=1", gateway="corp").read(NOW)
        await source(through, "daily", gateway="corp", auth={"bearer": "own"}, headers={"x-team": "b"}).read(NOW)
    assert seen == [("/v1/daily?x=1", "Bearer gate", "a"), ("/v1/daily", "Bearer own", "b")]


async def test_gateway_timeout_holds_where_the_source_has_none(services):
    from tests.connectors.conformance import hang

    async with serving(hang) as base:
        gateway = GatewayConfig.model_validate({"base_url": base, "timeout": "100ms", "max_concurrency": 1})
        through = dataclasses.replace(services, gateways={"corp": gateway})
        with pytest.raises(TimedOut, match=r"0\.1 s"):
            await source(through, "/", gateway="corp").read(NOW)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"url": "/path"}, "a path alone needs a gateway"),
        ({"url": "ftp://host/x"}, "has to be an address such as"),
        ({"url": "http://h", "json": {}, "body": "x"}, "give json or body, not both"),
        (
            {"url": "http://h", "auth": {"bearer": "x", "basic": {"username": "a", "password": "b"}}},
            "give bearer or basic, not both",
        ),
        ({"url": "http://h", "auth": {}}, "give bearer, basic or api_key"),
        ({"url": "http://h", "auth": {"oauth2": {}}}, "Extra inputs"),
        ({"url": "http://h", "auth": {"api_key": {"value": "x"}}}, "give header or query"),
        ({"url": "http://h:99999/"}, "is not a web address"),
        ({"url": "http://a b/"}, "has to be an address such as"),
        ({"url": "http://h", "method": "A B"}, "has to be a method of HTTP"),
        ({"url": "http://h", "auth": {"bearer": ""}}, "is empty"),
        ({"url": "http://h", "headers": {"A B": "x"}}, "can't be the name of a header"),
        ({"url": "http://h", "headers": {"A": "x\ny"}}, "line break"),
        ({"url": "http://h", "format": "xml"}, "Input should be"),
        ({"url": "http://h", "readings": []}, "at least 1 item"),
        ({"url": "http://h", "readings": [{"series": "v", "value": "a["}]}, "JMESPath"),
    ],
)
def test_what_can_not_work_is_refused_when_it_is_loaded(keys, message):
    with pytest.raises(ValidationError, match=message):
        HttpSourceConfig.model_validate({"type": "http", "readings": ROWS, **keys})


def test_a_configuration_does_not_print_its_secrets():
    config = HttpSourceConfig.model_validate(
        {
            "type": "http",
            "url": "http://h",
            "readings": ROWS,
            "headers": {"X": SECRETS[0]},
            "auth": {"bearer": SECRETS[1]},
        }
    )
    assert not any(secret in repr(config) + str(config) for secret in SECRETS)
