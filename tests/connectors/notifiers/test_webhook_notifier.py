from __future__ import annotations

import base64
import dataclasses
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from pydantic import ValidationError
from standardwebhooks import Webhook, WebhookVerificationError

from connectors.base import Refused, Sending, TimedOut, Unreachable
from connectors.gateway import GatewayConfig
from connectors.notifiers.webhook import WebhookNotifier
from connectors.payload import TEMPLATE_NAMES
from rules.model import Reason
from tests.connectors.notifiers import kit

SECRET = "whsec_" + base64.b64encode(b"a-secret-of-at-least-24-bytes!").decode()
TOKEN = "Tok3n-Very-Secret"
PATH = "/hooks/PathSecret123456/in?key=QuerySecret99"
SECRETS = (SECRET, TOKEN, "PathSecret123456", "QuerySecret99")


def notifier(services, port, **keys):
    config = {
        "type": "webhook",
        "url": f"http://127.0.0.1:{port}{PATH}",
        "secret": SECRET,
        "headers": {"Authorization": f"Bearer {TOKEN}"},
        **keys,
    }
    return WebhookNotifier(WebhookNotifier.Config.model_validate(config), services)


async def test_body_is_alertmanagers_version_4_with_values(services):
    async with kit.sink() as sink:
        assert await notifier(services, sink.port).send(kit.sending()) is None
    request, body = sink.requests[0]
    said = json.loads(body)
    assert request.method == "POST"
    assert request.path_qs == PATH
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert request.headers["User-Agent"] == "Setpoint"
    assert "Content-Encoding" not in request.headers
    assert {k: said[k] for k in ("version", "status", "receiver", "truncatedAlerts", "reason")} == {
        "version": "4",
        "status": "firing",
        "receiver": "growth",
        "truncatedAlerts": 0,
        "reason": "firing",
    }
    assert said["groupLabels"] == {"alertname": "behind", "target": "monthly-visitors"}
    assert said["commonLabels"]["site"] == "www"
    assert said["commonAnnotations"]["summary"] == "Ask growth"
    assert said["headline"].startswith("Unique visitors behind")
    (alert,) = said["alerts"]
    assert alert["startsAt"] == "2026-05-05T16:53:20Z"
    assert alert["endsAt"] == "0001-01-01T00:00:00Z"
    assert alert["fingerprint"] == "0123456789abcdef"
    assert alert["values"]["value"] == 6214.0
    assert isinstance(said["groupKey"], str)


async def test_resolve_has_its_end_and_the_group_of_its_firing(services):
    async with kit.sink() as sink:
        await notifier(services, sink.port).send(kit.sending())
        await notifier(services, sink.port).send(kit.sending(kit.resolved()))
    first, second = (json.loads(body) for _, body in sink.requests)
    assert second["status"] == second["alerts"][0]["status"] == "resolved"
    assert second["alerts"][0]["endsAt"] == "2026-05-05T18:58:20Z"
    assert first["groupKey"] == second["groupKey"]


async def test_signature_is_accepted_by_the_reference_library_and_a_changed_body_is_not(services):
    real_now = int(datetime.now(UTC).timestamp() * 1_000_000)  # the library compares with the real clock
    services = dataclasses.replace(services, now=lambda: real_now)
    async with kit.sink() as sink:
        await notifier(services, sink.port).send(kit.sending())
    request, body = sink.requests[0]
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert Webhook(SECRET).verify(body, headers)["status"] == "firing"
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body.replace(b"6214", b"9999"), headers)


async def test_identity_stays_over_tries_and_is_there_without_a_secret(services):
    async with kit.sink() as sink:
        await notifier(services, sink.port).send(kit.sending())
        await notifier(services, sink.port, secret=None).send(kit.sending(attempt=2))
    keys = [(r.headers["webhook-id"], r.headers["Idempotency-Key"]) for r, _ in sink.requests]
    assert keys == [(kit.sending().key,) * 2] * 2
    assert "webhook-signature" not in sink.requests[1][0].headers


@pytest.mark.parametrize(("status", "permanent"), kit.HTTP_STATUSES)
async def test_status_says_whether_to_try_again(services, status, permanent):
    async with kit.sink(status=status, echo=True, headers={"Location": "http://127.0.0.1:9/else"}) as sink:
        error = await kit.refusal(notifier(services, sink.port), kit.sending(), SECRETS)
    assert isinstance(error, Refused)
    assert error.permanent is permanent
    assert error.status == status
    assert str(status) in str(error)
    assert len(sink.requests) == 1
    assert ("redirect" in str(error)) == (status < 400)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_any_2xx_is_success(services, status):
    async with kit.sink(status=status) as sink:
        await notifier(services, sink.port).send(kit.sending())
    assert len(sink.requests) == 1


async def test_retry_after_in_seconds_and_as_a_date(services):
    later = format_datetime(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=kit.NOW, seconds=90), usegmt=True)
    async with kit.sink(status=503, headers={"Retry-After": "17"}) as sink:
        assert (await kit.refusal(notifier(services, sink.port), kit.sending())).retry_after == 17
        sink.headers = {"Retry-After": later}
        assert (await kit.refusal(notifier(services, sink.port), kit.sending())).retry_after == 90
        sink.headers = {"Retry-After": "soon"}
        assert (await kit.refusal(notifier(services, sink.port), kit.sending())).retry_after is None


async def test_timeout_and_refused_connection_are_transient(services):
    async with kit.silent() as port:
        error = await kit.refusal(notifier(services, port, timeout="50ms"), kit.sending(), SECRETS)
    assert type(error) is TimedOut
    assert not error.permanent
    error = await kit.refusal(notifier(services, kit.closed_port()), kit.sending(), SECRETS)
    assert isinstance(error, Unreachable)
    assert not error.permanent


@pytest.mark.parametrize(
    "keys",
    [
        {"url": "http://[half/PathSecret123456"},
        {"url": "http://127.0.0.1:99999/PathSecret123456"},
        {"url": "http:///PathSecret123456"},
        {"secret": ""},
        {"headers": {"A B": "x"}},
        {"headers": {"A": "x\ny"}},
    ],
    ids=str,
)
def test_what_could_never_be_sent_is_refused_when_it_is_loaded(keys):
    with pytest.raises(ValidationError) as caught:
        WebhookNotifier.Config.model_validate({"type": "webhook", "url": "https://x/", **keys})
    assert "PathSecret" not in str(caught.value)


@pytest.mark.parametrize("of", kit.ALL_REASONS, ids=lambda n: n.reason)
async def test_every_reason_is_said(services, of):
    async with kit.sink() as sink:
        await notifier(services, sink.port).send(kit.sending(of))
    assert json.loads(sink.requests[0][1])["reason"] == of.reason
    assert of.reason in set(Reason)


def test_configuration_is_checked_and_never_printed():
    model = WebhookNotifier.Config
    with pytest.raises(ValidationError, match="http"):
        model.model_validate({"type": "webhook", "url": "ftp://x"})
    with pytest.raises(ValidationError):
        model.model_validate({"type": "webhook", "url": "https://x", "retries": 3})
    made = model.model_validate({"type": "webhook", "url": f"https://x{PATH}", "headers": {"A": TOKEN}})
    for secret in SECRETS:
        assert secret not in repr(made)


class TestOwnBodies:
    async def sent(self, services, of=None, gateway=None, **keys):
        async with kit.sink() as sink:
            if gateway is not None:
                corp = GatewayConfig.model_validate({"base_url": sink.url, **gateway})
                services = dataclasses.replace(services, gateways={"corp": corp})
                keys |= {"gateway": "corp"}
            given = of if isinstance(of, Sending) else kit.sending(of)
            await notifier(services, sink.port, **keys).send(given)
        ((request, body),) = sink.requests
        return request, body

    async def test_a_json_of_templates_keeps_the_kinds_of_values(self, services):
        wanted = {
            "text": "{{ heading }} ({{ severity }})",
            "value": "{{ value }}",
            "high": "{{ at_most }}",
            "site": "{{ labels.site }}",
            "none": "{{ labels.nobody_has_this }}",
            "state": "{{ 'ok' if status == 'resolved' else 'problem' }}",
            "list": ["{% for a in alerts %}{{ a.fingerprint }} {% endfor %}", "{{ firing }}"],
            "{{ alert }}": 1,
            "ack": "{{ ack_url }}",
        }
        request, body = await self.sent(services, kit.sending(ack_url="https://s/ack/x"), json=wanted)
        assert json.loads(body) == {
            "text": f"{kit.notice().headline} (warning)",
            "value": 6214,
            "high": None,
            "site": "www",
            "none": "",
            "state": "problem",
            "list": ["0123456789abcdef ", 1],
            "behind": 1,
            "ack": "https://s/ack/x",
        }
        assert request.headers["Content-Type"] == "application/json"

    async def test_a_text_method_and_headers_of_templates(self, services):
        headers = {"X-Severity": "{{ severity }}", "X-Note": "{{ annotations.summary }}", "Content-Type": "text/html"}
        hostile = kit.notice(annotations={"summary": "a\r\nBcc: x\x00é"})
        request, body = await self.sent(
            services, hostile, method="put", headers=headers, body="{{ alert }}: {{ value|number }}"
        )
        assert (request.method, body) == ("PUT", b"behind: 6,214")
        assert request.headers["X-Severity"] == "warning"
        assert request.headers["X-Note"].startswith("a Bcc: x")
        assert request.headers["Content-Type"] == "text/html"
        assert "Bcc" not in request.headers

    async def test_what_is_signed_is_what_is_sent(self, services):
        real_now = int(datetime.now(UTC).timestamp() * 1_000_000)
        services = dataclasses.replace(services, now=lambda: real_now)
        request, body = await self.sent(services, json={"text": "{{ headline }}"})
        headers = {name.lower(): value for name, value in request.headers.items()}
        assert Webhook(SECRET).verify(body, headers) == {"text": kit.notice().headline}

    async def test_a_get_has_no_body_unless_it_is_given_one(self, services):
        request, body = await self.sent(services, method="GET")
        assert (request.method, body) == ("GET", b"")

    async def test_through_a_gateway_with_its_credentials(self, services):
        gateway = {"auth": {"bearer": "GatewayToken123"}}
        request, _ = await self.sent(services, gateway=gateway, url="/hooks/7", headers={}, json={"a": 1})
        assert request.path == "/hooks/7"
        assert request.headers["Authorization"] == "Bearer GatewayToken123"
        request, _ = await self.sent(services, headers={}, auth={"api_key": {"header": "X-Key", "value": "k" * 9}})
        assert request.headers["X-Key"] == "k" * 9

    async def test_no_answer_gives_away_what_was_sent(self, services):
        gateway = GatewayConfig.model_validate({"base_url": "http://x", "auth": {"bearer": "GatewayToken123"}})
        async with kit.sink(status=500, echo=True) as sink:
            here = gateway.model_copy(update={"base_url": sink.url})
            services = dataclasses.replace(services, gateways={"corp": here})
            made = notifier(services, sink.port, gateway="corp", url=PATH, headers={"X-Own": TOKEN})
            await kit.refusal(made, kit.sending(), ("GatewayToken123", *SECRETS))

    @pytest.mark.parametrize(
        "of", [*kit.ALL_REASONS, kit.several(1_000, 1), kit.several(0, 2)], ids=lambda n: n.headline
    )
    async def test_every_name_has_a_value_that_can_be_sent(self, services, of):
        wanted = {name: "{{ " + name + " }}" for name in sorted(TEMPLATE_NAMES)}
        _, body = await self.sent(services, of, json=wanted)
        said = json.loads(body)
        assert said["status"] == of.status
        assert said["reason"] == of.reason
        assert said["alerts"][0]["headline"] == of.every[0].headline
        assert (said["firing"], said["resolved"]) == (
            (of.firing, of.resolved) if of.alerts else (int(of.status == "firing"), int(of.status == "resolved"))
        )

    async def test_texts_that_are_far_too_long_are_cut_not_lost(self, services):
        long = "x" * 50_000
        hostile = kit.notice(headline=long, annotations={"summary": long}, labels={"l": long}, details=(long,) * 100)
        wanted = {"a": "{{ headline }}", "b": "{{ annotations.summary }}", "c": "{{ labels.l }}"}
        _, body = await self.sent(services, hostile, json=wanted)
        assert all(len(text) == 1_000 for text in json.loads(body).values())

    async def test_a_template_that_makes_too_much_is_for_good(self, services):
        made = notifier(services, 9, body="{{ 'x' * 2000 }}")
        error = await kit.refusal(made, kit.sending(), SECRETS)
        assert error.permanent
        assert "template" in str(error)

    @pytest.mark.parametrize(
        ("keys", "says"),
        [
            ({"json": {"a": ["{{ headlin }}"]}}, "did you mean headline"),
            ({"body": "{{ headline"}, "can't be read"),
            ({"headers": {"A": "{{ nobody }}"}}, "the name 'nobody'"),
            ({"json": {}, "body": ""}, "not both"),
            ({"method": "SHOUT"}, "GET"),
            ({"url": "/hooks/7"}, "has to be an address"),
        ],
        ids=str,
    )
    def test_mistakes_are_found_when_it_is_loaded(self, keys, says):
        with pytest.raises(ValidationError, match=says):
            WebhookNotifier.Config.model_validate({"type": "webhook", "url": "https://x/", **keys})
