from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from standardwebhooks.webhooks import Webhook

from connectors.base import BadAnswer, ConnectorError, Inbound, PartialAnswer, Refused, Services
from connectors.http import HttpClient
from connectors.sources.webhook import WebhookSource, WebhookSourceConfig
from rules.model import MINUTE, SECOND
from tests.connectors.conformance import NOW

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
READING = {"series": "sales", "value": "amount", "labels": {"shop": "shop"}}
BODY = b'{"amount": "1,250", "shop": "north"}'


def source(**keys) -> WebhookSource:
    config = WebhookSourceConfig.model_validate({"type": "webhook", "readings": [READING], **keys})
    return WebhookSource("push", config, Services(http=HttpClient(lambda: NOW), now=lambda: NOW))


def call(body: bytes = BODY, method: str = "POST", path: str = "", **headers: str) -> Inbound:
    return Inbound(method, path, {name.replace("_", "-"): value for name, value in headers.items()}, {}, body)


def signed(body: bytes = BODY, secret: str = SECRET, at: int = NOW) -> Inbound:
    when = datetime.fromtimestamp(at / SECOND, UTC)
    signature = Webhook(secret).sign("msg_1", when, body.decode())
    return call(body, webhook_id="msg_1", webhook_timestamp=str(at // SECOND), webhook_signature=signature)


def refused(made: WebhookSource, inbound: Inbound) -> int | None:
    with pytest.raises(Refused) as caught:
        made.accept(inbound, NOW)
    assert SECRET not in str(caught.value)
    return caught.value.status


def test_signed_as_the_reference_library_signs():
    (reading,) = source(secret=SECRET).accept(signed(), NOW)
    assert str(reading.series) == 'sales{shop="north",source="push"}'
    assert (reading.time, reading.value) == (NOW, 1250.0)


@pytest.mark.parametrize("scheme", ["auto", "standard"])
def test_wrong_missing_and_old_signatures(scheme):
    made = source(secret=SECRET, scheme=scheme)
    good = signed()
    assert refused(made, call()) == 401
    assert refused(made, signed(secret="whsec_" + "A" * 32)) == 401
    assert refused(made, signed(at=NOW - 6 * MINUTE)) == 401
    assert refused(made, signed(at=NOW + 6 * MINUTE)) == 401
    assert refused(made, Inbound("POST", "", good.headers, {}, BODY + b" ")) == 401
    assert refused(made, call(**{**dict(good.headers), "webhook-signature": "v1,\udcff"})) == 401
    made.accept(signed(at=NOW - 4 * MINUTE), NOW)


def test_bearer():
    for scheme in ("auto", "bearer"):
        made = source(secret=SECRET, scheme=scheme)
        assert len(made.accept(call(authorization=f"Bearer {SECRET}"), NOW)) == 1
        assert len(made.accept(call(authorization=f"bearer {SECRET}"), NOW)) == 1
        for wrong in ("Bearer nope", "Bearer ", SECRET, f"Basic {SECRET}", "Bearer \udcff"):
            assert refused(made, call(authorization=wrong)) == 401
    assert refused(source(secret=SECRET, scheme="standard"), call(authorization=f"Bearer {SECRET}")) == 401


def test_github():
    made = source(secret=SECRET, scheme="github")
    digest = hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()
    assert len(made.accept(call(x_hub_signature_256=f"sha256={digest}"), NOW)) == 1
    assert refused(made, call(x_hub_signature_256=f"sha256={'0' * 64}")) == 401
    assert refused(made, call(authorization=f"Bearer {SECRET}")) == 401


def test_without_a_secret_everybody_is_believed():
    assert len(source().accept(call(), NOW)) == 1


def test_what_is_refused_and_how():
    made = source(max_bytes=100)
    assert refused(made, call(b"{")) == 400
    assert refused(made, call(b"")) == 400
    assert refused(made, call(b" " * 101)) == 413
    assert refused(made, call(method="GET")) == 405
    assert refused(made, call(path="more")) == 404
    with pytest.raises(BadAnswer, match="source push: sales, row 1: 'much' is not a number"):
        made.accept(call(b'{"amount": "much"}'), NOW)
    with pytest.raises(PartialAnswer) as caught:
        made.accept(call(b'[{"amount": 1}, {"amount": "x"}]'), NOW)
    assert [reading.value for reading in caught.value.readings] == [1.0]


def test_the_secret_is_asked_for_before_the_body_is_read():
    assert refused(source(secret=SECRET), call(b"{")) == 401


def test_a_scheme_needs_a_secret():
    with pytest.raises(ValidationError, match="github needs a secret"):
        source(scheme="github")


@given(st.binary(max_size=100) | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(
    lambda value: json.dumps(value).encode()))  # fmt: skip
def test_no_body_breaks_it(body):
    try:
        readings = source().accept(call(body), NOW)
    except ConnectorError:
        return
    assert all(reading.series.name == "sales" for reading in readings)
