"""The page behind the link of a message."""

from __future__ import annotations

import base64
import hashlib
import re

import orjson
import pytest

from agent.config.load import load
from agent.runtime import OpenAlert
from agent.sending.ack_links import GOOD_FOR, AckLinks
from agent.store.records import Commit, Delivery, DeliveryKind
from rules.model import DAY, InstanceKey
from tests.agent.web.kit import KEY, NOW, Daemon, configuration, logged, served
from tests.connectors.notifiers import kit

LINKS = AckLinks(b"k" * 32, "https://setpoint.example.com")
DELIVERY = "5d41402abc4b2a76b9719d911017c592"
TOKEN = LINKS.token(DELIVERY, NOW + GOOD_FOR)
MAIL = "receivers: {growth: [{type: email, to: [ops@example.com]}]}"


@pytest.fixture
async def delivered(daemon, store, tmp_path):
    """A daemon that mailed a notice about the alert `one`."""
    daemon.ack_links = LINKS
    (tmp_path / "mail.yaml").write_text(MAIL, encoding="utf-8")
    daemon.config = load(tmp_path / "mail.yaml", {})
    await store.commit(Commit(NOW, deliveries=[_delivery(kit.notice(fingerprint="one", starts_at=NOW))]))
    return daemon


def _delivery(notice) -> Delivery:
    payload = orjson.dumps(notice, option=orjson.OPT_SERIALIZE_DATACLASS)
    return Delivery(DELIVERY, DeliveryKind.NOTICE, "growth", 0, "lane", payload, NOW, NOW, NOW + DAY)


def opened(daemon, fired_at=NOW, by=None, fingerprint="one"):
    alert = OpenAlert(
        InstanceKey("m"), "behind", fingerprint, {}, f"<{fingerprint}> is behind", "firing", NOW, fired_at, by
    )
    daemon.open.append(alert)
    return alert


async def test_looking_says_what_it_is_about_and_changes_nothing(delivered, client):
    opened(delivered)
    for method in ("GET", "HEAD"):
        response = await client.request(method, f"/ack/{TOKEN}")
        assert response.status == 200
    assert "&lt;one&gt; is behind" in await (await client.get(f"/ack/{TOKEN}")).text()
    assert delivered.taken == []


async def test_the_page_has_a_button_and_a_script_that_the_policy_allows(delivered, client):
    opened(delivered)
    response = await client.get(f"/ack/{TOKEN}")
    text, policy = await response.text(), response.headers["Content-Security-Policy"]
    assert '<form method="post"><button type="submit">Acknowledge</button></form>' in text
    script = re.search(r"<script>(.*?)</script>", text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "form-action 'self'" in policy
    assert "submit()" in script
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert TOKEN not in text


async def test_posting_acknowledges_for_the_address_that_was_written_to(delivered, client):
    opened(delivered)
    # as a browser sends it under our Referrer-Policy
    response = await client.post(f"/ack/{TOKEN}", headers={"Origin": "null"})
    assert response.status == 200
    assert "<h1>Acknowledged</h1>" in await response.text()
    assert [(alert, by, note) for alert, by, note in delivered.taken] == [("one", "ops@example.com", "")]


async def test_what_somebody_took_is_said_and_not_taken_again(delivered, client):
    opened(delivered, by="Ann")
    for method in ("GET", "POST"):
        response = await client.request(method, f"/ack/{TOKEN}")
        text = await response.text()
        assert response.status == 200
        assert "Already acknowledged" in text
        assert "taken by Ann" in text
        assert "<form" not in text
    assert delivered.taken == []


async def test_a_link_of_a_former_firing_takes_no_newer_one(delivered, client):
    opened(delivered, fired_at=NOW + 1)
    for method in ("GET", "POST"):
        response = await client.request(method, f"/ack/{TOKEN}")
        text = await response.text()
        assert (response.status, "This is over" in text, "fired again" in text) == (200, True, True)
    assert delivered.taken == []


async def test_what_is_over_is_said_to_be(delivered, client):
    text = await (await client.post(f"/ack/{TOKEN}")).text()
    assert "This is over" in text
    assert "fired again" not in text


async def test_of_a_group_all_that_still_fire_are_taken(delivered, store, client):
    token = LINKS.token("other", NOW + DAY)
    alerts = tuple(kit.alert(number, starts_at=NOW) for number in range(3))
    notice = kit.several(3, 0, alerts=alerts)
    await store.commit(Commit(NOW, deliveries=[_with_key(notice, "other")]))
    opened(delivered, fingerprint="f0")
    opened(delivered, fingerprint="f2")
    response = await client.post(f"/ack/{token}")
    assert response.status == 200
    assert [alert for alert, _, _ in delivered.taken] == ["f0", "f2"]


def _with_key(notice, key):
    made = _delivery(notice)
    return Delivery(
        key, *[getattr(made, name) for name in ("kind", "receiver", "position", "lane", "payload")], NOW, NOW, NOW
    )


@pytest.mark.parametrize(
    ("token", "status"),
    [
        (LINKS.token(DELIVERY, NOW), 410),
        (LINKS.token("nobody", NOW + DAY), 410),  # it was forgotten
        (AckLinks(b"x" * 32, "").token(DELIVERY, NOW + DAY), 404),
        (TOKEN[:-1], 404),
        (TOKEN + "A", 404),
        ("x", 404),
        ("é", 404),
        ("x" * 5_000, 404),
    ],
    ids=["expired", "forgotten", "forged", "cut", "longer", "short", "strange", "huge"],
)
async def test_links_that_are_good_for_nothing(delivered, client, token, status):
    opened(delivered)
    for method in ("GET", "POST"):
        response = await client.request(method, f"/ack/{token}")
        assert response.status == status
        assert response.content_type == "text/html"
        assert "<form" not in await response.text()
    assert delivered.taken == []


async def test_the_log_does_not_have_the_link(delivered, client):
    opened(delivered)
    with logged() as lines:
        await client.get(f"/ack/{TOKEN}")
        await client.post(f"/ack/{TOKEN}")
    assert [line["path"] for line in lines if line["event"] == "http.request"] == ["/ack/{token}"] * 2
    assert TOKEN not in str(lines)


async def test_no_key_is_asked_for(tmp_path, monkeypatch, store, daemon):
    monkeypatch.setenv("SETPOINT_API_KEY", KEY)
    locked = Daemon(configuration(tmp_path), listen="0.0.0.0:0", external_url="https://setpoint.example.com")
    locked.ack_links, locked.store = LINKS, store
    async with served(locked) as client:
        assert (await client.get(f"/ack/{TOKEN}")).status == 410
        assert (await client.put(f"/ack/{TOKEN}")).status == 401
