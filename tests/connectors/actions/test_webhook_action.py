"""The corrective call against real servers on loopback, and the reference library on the receiving side."""

from __future__ import annotations

import base64
import dataclasses
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError
from standardwebhooks import Webhook, WebhookVerificationError

from connectors.actions.webhook import WebhookAction
from connectors.base import Call, ConnectorError, Misconfigured, Refused, Services, TimedOut, Unreachable
from tests.connectors.actions.conftest import through
from tests.connectors.notifiers import kit

SECRET = "whsec_" + base64.b64encode(b"a-secret-of-at-least-24-bytes!").decode()
TOKEN = "Tok3n-Very-Secret"
SECRETS = (SECRET, TOKEN, "QuerySecret99", "PassSecret77")
KEY = "5d41402abc4b2a76b9719d911017c592"
CONTEXT: dict[str, Any] = {
    "labels": {"room": "den", "floor": "ground floor"},
    "value": 18.4,
    "target": "room",
    "title": "Room",
    "alert": "out-of-band",
    "severity": "critical",
    "standing": "out_of_band",
    "headline": "Room out of band: 18.4 of 20",
    "unit": "°C",
    "at_least": 20,
    "at_most": None,
    "expected": None,
    "progress": None,
    "pace": None,
    "required_rate": None,
    "projection": None,
    "attempt": 2,
    "correction": "c-1",
}


def action(services: Services, url: str, **keys: Any) -> WebhookAction:
    return WebhookAction("heat", WebhookAction.Config.model_validate({"type": "webhook", "url": url, **keys}), services)


def call(**labels: Any) -> Call:
    return Call(KEY, {**CONTEXT, "labels": {**CONTEXT["labels"], **labels}})


async def failed(made: WebhookAction, what: Call | None = None) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        await made.call(what or call())
    kit.leaks_nothing(caught.value, SECRETS)
    return caught.value


async def test_address_headers_and_body_are_rendered(services: Services) -> None:
    async with kit.sink() as sink:
        made = action(
            services,
            f"{sink.url}/rooms/{{{{ labels.room }}}}?on={{{{ labels.floor }}}}&max={{{{ at_most }}}}",
            headers={"X-Alert": "{{ alert }}/{{ severity }}", "X-Token": TOKEN},
            json={
                "setpoint": "{{ at_least + 1 }}",
                "why": "{{ headline }}",
                "try": "{{ attempt }}",
                "most": "{{ at_most }}",
            },
        )
        assert await made.call(call()) == "answered 200 OK in 0 ms: said"
    request, body = sink.requests[0]
    assert (request.method, request.raw_path) == ("POST", "/rooms/den?on=ground%20floor&max=")
    assert request.headers["X-Alert"] == "out-of-band/critical"
    assert request.headers["X-Token"] == TOKEN
    assert request.headers["Content-Type"] == "application/json"
    assert json.loads(body) == {"setpoint": 21, "why": CONTEXT["headline"], "try": 2, "most": None}


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_methods(services: Services, method: str) -> None:
    async with kit.sink() as sink:
        await action(services, f"{sink.url}/x", method=method).call(call())
    ((request, body),) = sink.requests
    assert (request.method, body) == (method, b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_body_of_text(services: Services, method: str) -> None:
    async with kit.sink() as sink:
        await action(services, f"{sink.url}/x", method=method, body="set {{ labels.room }} {{ value }} °C").call(call())
    ((request, body),) = sink.requests
    assert (request.method, body.decode()) == (method, "set den 18.4 °C")
    assert request.headers["Content-Type"] == "text/plain; charset=utf-8"


async def test_own_content_type_goes_first(services: Services) -> None:
    async with kit.sink() as sink:
        made = action(services, f"{sink.url}/x", headers={"Content-Type": "application/xml"}, body="<a/>")
        await made.call(call())
    assert sink.requests[0][0].headers.getall("Content-Type") == ["application/xml"]


async def test_the_reference_library_accepts_the_signature(services: Services) -> None:
    real_now = int(datetime.now(UTC).timestamp() * 1_000_000)  # the library compares with the real clock
    services = dataclasses.replace(services, now=lambda: real_now)
    async with kit.sink() as sink:
        await action(services, f"{sink.url}/x", json={"setpoint": 22}, secret=SECRET).call(call())
    request, body = sink.requests[0]
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert Webhook(SECRET).verify(body, headers) == {"setpoint": 22}
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body.replace(b"22", b"99"), headers)


async def test_the_same_call_has_the_same_identity(services: Services) -> None:
    async with kit.sink() as sink:
        await action(services, f"{sink.url}/x", secret=SECRET).call(call())
        await action(services, f"{sink.url}/x").call(call())
    for request, _ in sink.requests:
        assert (request.headers["Idempotency-Key"], request.headers["webhook-id"]) == (KEY, KEY)
    assert "webhook-signature" not in sink.requests[1][0].headers


@pytest.mark.parametrize(
    "room", ["../admin?x=", "a/b", "x#y", "%2e%2e", "a b", "ü", "@evil.example", "http://evil.example"]
)
async def test_a_label_stays_one_segment_of_the_path(services: Services, room: str) -> None:
    async with kit.sink() as sink:
        await action(services, f"{sink.url}/rooms/{{{{ labels.room }}}}/heat").call(call(room=room))
    request, _ = sink.requests[0]
    assert request.raw_path.count("/") == 3
    assert request.query_string == ""
    assert request.path.startswith("/rooms/")
    assert request.path.endswith("/heat")
    assert request.host == f"127.0.0.1:{sink.port}"


@pytest.mark.parametrize("room", ["..", ".", "", None])
async def test_a_label_that_leads_elsewhere_makes_no_call(services: Services, room: str | None) -> None:
    async with kit.sink() as sink:
        error = await failed(
            action(services, f"{sink.url}/rooms/{{{{ labels.room }}}}", method="DELETE"), call(room=room)
        )
        assert (type(error), error.permanent, sink.requests) == (Misconfigured, True, [])
    assert str(error).startswith("action heat: a value in the address")


@pytest.mark.parametrize("room", ["den\r\nX-Admin: 1", "den\nX-Admin: 1", "den\0"])
async def test_a_label_adds_no_header(services: Services, room: str) -> None:
    async with kit.sink() as sink:
        error = await failed(
            action(services, f"{sink.url}/x", headers={"X-Room": "{{ labels.room }}"}), call(room=room)
        )
        assert (type(error), sink.requests) == (Misconfigured, [])


@pytest.mark.parametrize(
    "keys",
    [
        {"json": {"a": "{{ labels.nowhere }}"}},
        {"json": {"a": "{{ 99999999999999999999 }}"}},
        {"json": {"a": "{{ labels.half }}"}},
        {"body": "{{ labels.half }}"},
        {"body": "{{ value / 0 }}"},
        {"headers": {"X": "{{ labels.nowhere }}"}},
    ],
)
async def test_what_can_not_be_rendered_is_permanent_and_makes_no_call(
    services: Services, keys: dict[str, Any]
) -> None:
    async with kit.sink() as sink:
        error = await failed(action(services, f"{sink.url}/x", **keys), call(half="\ud800"))
        assert (type(error), error.permanent, sink.requests) == (Misconfigured, True, [])
    assert str(error).startswith("action heat: ")


@pytest.mark.parametrize(("status", "permanent"), kit.HTTP_STATUSES)
async def test_status_says_whether_to_try_again(services: Services, status: int, permanent: bool) -> None:
    async with kit.sink(status=status, echo=True, headers={"Location": "http://127.0.0.1:9/else"}) as sink:
        url = f"http://user:PassSecret77@127.0.0.1:{sink.port}/x?key=QuerySecret99"
        error = await failed(action(services, url, headers={"X-Token": TOKEN}, secret=SECRET, body="x"))
        assert len(sink.requests) == 1  # no redirect is followed
    assert isinstance(error, Refused)
    assert (error.status, error.permanent) == (status, permanent)
    assert f"answered {status}" in str(error)


@pytest.mark.parametrize(
    ("status", "said"), [(200, "200 OK"), (201, "201 Created"), (204, "204 No Content"), (299, "299")]
)
async def test_any_2xx_is_an_answer(services: Services, status: int, said: str) -> None:
    async with kit.sink(status=status) as sink:
        answered = await action(services, f"{sink.url}/x").call(call())
    assert answered.startswith(f"answered {said} in 0 ms")


async def test_the_answer_is_told_short_and_without_secrets(services: Services) -> None:
    async with kit.sink(echo=True) as sink:
        made = action(
            services, f"{sink.url}/x?key=QuerySecret99", headers={"X-Token": TOKEN}, secret=SECRET, body="y" * 3000
        )
        answered = await made.call(call())
    assert len(answered) < 200
    for secret in SECRETS:
        assert secret not in answered


async def test_how_long_it_took_is_told(services: Services) -> None:
    times = iter(range(0, 1_000_000, 12_345))
    services = dataclasses.replace(services, now=lambda: next(times))
    async with kit.sink() as sink:
        assert await action(services, f"{sink.url}/x").call(call()) == "answered 200 OK in 12 ms: said"


async def test_no_answer_and_no_server_are_transient(services: Services) -> None:
    async with kit.silent() as port:
        error = await failed(action(services, f"http://127.0.0.1:{port}/x", timeout="50ms"))
        assert (type(error), error.permanent) == (TimedOut, False)
    error = await failed(action(services, f"http://127.0.0.1:{kit.closed_port()}/x?key=QuerySecret99"))
    assert (type(error), error.permanent) == (Unreachable, False)


async def test_through_a_gateway(services: Services) -> None:
    async with kit.sink() as sink:
        corp = through(services, f"{sink.url}/v1", auth={"bearer": TOKEN}, headers={"X-From": "setpoint"})
        await action(corp, "/rooms/{{ labels.room }}", gateway="corp").call(call())
        error = await failed(action(corp, "http://127.0.0.1:9/rooms", gateway="corp"))
        assert isinstance(error, Misconfigured)
    ((request, _),) = sink.requests
    assert request.path == "/v1/rooms/den"
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert request.headers["X-From"] == "setpoint"


async def test_the_gateways_timeout_counts_unless_the_action_has_its_own(services: Services) -> None:
    async with kit.silent() as port:
        corp = through(services, f"http://127.0.0.1:{port}", timeout="30ms")
        assert "0.03 s" in str(await failed(action(corp, "/x", gateway="corp")))
        assert "0.04 s" in str(await failed(action(corp, "/x", gateway="corp", timeout="40ms")))


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"url": "hvac.local/x"}, "http:// or https://"),
        ({"url": "{{ labels.url }}"}, "http:// or https://"),
        ({"url": "ftp://hvac/x"}, "http:// or https://"),
        ({"url": "http://"}, "address"),
        ({"url": "http://h/{{ labls.room }}"}, "did you mean labels?"),
        ({"url": "http://h/{{ labels.room }"}, "can't be read"),
        ({"url": "http://h/x", "headers": {"X": "{{ vlaue }}"}}, "did you mean value?"),
        ({"url": "http://h/x", "json": {"a": [{"b": "{{ nothing_like_it }}"}]}}, "which there is not"),
        ({"url": "http://h/x", "json": {"{{ nothing_like_it }}": 1}}, "which there is not"),
        ({"url": "http://h/x", "body": "{{ value | rond }}"}, "did you mean round?"),
        ({"url": "http://h/x", "json": {}, "body": "x"}, "json or body, not both"),
        ({"url": "http://h/x", "secret": ""}, "is empty"),
        ({"url": "http://h/x", "budget": "many"}, "10/h"),
        ({"url": "http://h/x", "method": "FETCH"}, "GET"),
        ({"url": "http://h/x", "retries": 3}, "retries"),
    ],
)
def test_mistakes_are_found_when_it_is_loaded(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        WebhookAction.Config.model_validate({"type": "webhook", **keys})
    assert words in str(refused.value)


def test_every_name_that_templates_are_told_of_is_there() -> None:
    text = " ".join("{{ " + name + " }}" for name in CONTEXT)
    made = WebhookAction.Config.model_validate({"type": "webhook", "url": "http://h/x", "body": text, "budget": "10/h"})
    assert made.budget == (10, 3600)


def test_secrets_are_not_printed() -> None:
    made = WebhookAction.Config.model_validate(
        {"type": "webhook", "url": "http://h/x", "secret": SECRET, "headers": {"A": TOKEN}}
    )
    for secret in (SECRET, TOKEN):
        assert secret not in repr(made)
