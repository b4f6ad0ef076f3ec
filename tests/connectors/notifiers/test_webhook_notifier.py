from __future__ import annotations

import base64
import dataclasses
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from pydantic import ValidationError
from standardwebhooks import Webhook, WebhookVerificationError

from connectors.base import Refused, TimedOut, Unreachable
from connectors.notifiers.webhook import WebhookNotifier
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
