from __future__ import annotations

import hashlib
import hmac
import json
import re
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


@pytest.mark.parametrize(
    ("body", "values"),
    [
        (b'{"amount": null}', [None]),
        (b'[{"amount": 1}, {"amount": null}]', [1.0, None]),
        (b'{"amnt": 5}', "sales, row 1: there is no key 'amount'; it has amnt"),
        (b'[{"amount": 1}, {"Amount": 2, "shop": "a"}]', "sales, row 2: there is no key 'amount'; it has Amount, shop"),
        (b"{}", "there is no key 'amount'; it has no keys"),
        (b"5", "there is no key 'amount'; it has no keys"),
    ],
)
def test_a_value_that_is_missing_is_a_mistake_and_null_is_none(body, values):
    if isinstance(values, list):
        assert [reading.value for reading in source().accept(call(body), NOW)] == values
    else:
        with pytest.raises(BadAnswer, match=re.escape(values)):
            source().accept(call(body), NOW)


@pytest.mark.parametrize(
    ("path", "body", "right"),
    [
        ("a.b", b'{"a": {"b": null}}', True),
        ("a.b", b'{"a": null}', True),
        ("a.b", b'{"a.b": 1}', True),
        ("a.b", b'{"a": {"c": 1}}', False),
        ("a.b", b'{"a": 1}', False),
        ("@", b"null", True),
        ("Unique Visits", b'{"Unique Visits": null}', True),
        ("Unique Visits", b'{"Unique": 1}', False),
        ("max(a) || b", b'{"a": [], "c": 1}', True),
    ],
)
def test_which_keys_are_missing(path, body, right):
    made = source(readings=[{"series": "s", "value": path}])
    if right:
        assert len(made.accept(call(body), NOW)) == 1
    else:
        with pytest.raises(BadAnswer, match="there is no key"):
            made.accept(call(body), NOW)


def test_of_several_entries_those_that_a_row_knows_are_read():
    made = source(readings=[{"series": "t", "value": "temperature"}, {"series": "h", "value": "humidity"}])
    found = made.accept(call(b'[{"temperature": 20}, {"humidity": 40}, {"temperature": null, "humidity": 41}]'), NOW)
    assert [(reading.series.name, reading.value) for reading in found] == [("t", 20), ("t", None), ("h", 40), ("h", 41)]
    with pytest.raises(BadAnswer, match="t, row 2: there is no key 'temperature'; it has humid"):
        made.accept(call(b'[{"temperature": 20}, {"humid": 40}]'), NOW)


@pytest.mark.parametrize(
    ("keys", "headers", "expected"),
    [
        ({"secret": SECRET}, {"webhook_id": "a", "idempotency_key": "b", "x_github_delivery": "c"}, "a"),
        ({"secret": SECRET}, {"authorization": f"Bearer {SECRET}", "idempotency_key": "b", "webhook_id": "a"}, "b"),
        ({"secret": SECRET, "scheme": "bearer"}, {"webhook_id": "a"}, "a"),
        ({"secret": SECRET, "scheme": "github"}, {"x_github_delivery": "c", "webhook_id": "a"}, "c"),
        ({"secret": SECRET, "scheme": "github"}, {"webhook_id": "a"}, None),
        ({}, {"idempotency_key": "b"}, "b"),
        ({}, {"idempotency_key": ""}, None),
        ({}, {}, None),
    ],
)
def test_the_id_that_a_scheme_has(keys, headers, expected):
    assert source(**keys).message_id(call(**headers)) == expected


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


def test_a_secret_that_is_no_base64_could_prove_nothing() -> None:
    readings = [{"series": "s", "value": "v"}]
    with pytest.raises(ValidationError, match="begins with whsec_, and no base64 follows"):
        WebhookSource.Config.model_validate({"type": "webhook", "secret": "whsec_!!!", "readings": readings})


def test_a_call_is_small_enough_for_one_transaction():
    made = source(max_bytes=10_000_000)
    body = b"[" + b",".join([b'{"amount": 1}'] * 10_001) + b"]"
    assert refused(made, call(body)) == 413
    assert refused(made, call(b"[" + b"{}," * 200_000 + b"{}]")) == 400
    assert len(made.accept(call(body.replace(b'{"amount": 1},', b"", 1)), NOW)) == 10_000
