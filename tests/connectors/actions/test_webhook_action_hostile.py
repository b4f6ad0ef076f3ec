"""Values a corrective call is not made for: hosts in labels, numbers as keys, letters beyond ASCII."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from yarl import URL

from connectors.actions.webhook import WebhookAction
from connectors.base import Misconfigured, Services, Unreachable
from connectors.template import TemplateError, render_url
from tests.connectors.actions.conftest import through
from tests.connectors.actions.test_webhook_action import action, call, failed
from tests.connectors.notifiers import kit

EVIL = [
    "{here}/",
    "{here}#",
    "{here}?",
    "{here}\\",
    "x@{here}",
    "{here}/@",
    "//{here}",
    "http://{here}/",
    "{here}%2f",
    "a b",
    "é",
    "[::1]",
]


@pytest.mark.parametrize("evil", EVIL)
async def test_a_label_in_the_host_leads_to_no_other_host(services: Services, evil: str) -> None:
    """Behind the label stands `.invalid`, which no name server knows: whatever is reached instead was led astray."""
    async with kit.sink() as sink:
        room = evil.replace("{here}", f"127.0.0.1:{sink.port}")
        error = await failed(action(services, f"http://{{{{ labels.room }}}}.invalid:{sink.port}/x"), call(room=room))
        assert isinstance(error, Unreachable | Misconfigured)
        assert sink.requests == []


@pytest.mark.parametrize("evil", EVIL)
async def test_a_gateway_s_credentials_stay_with_the_gateway(services: Services, evil: str) -> None:
    async with kit.sink() as gateway, kit.sink() as other:
        services = through(services, f"http://127.0.0.1:{gateway.port}", auth={"bearer": "Tok3n-Very-Secret"})
        room = evil.replace("{here}", f"127.0.0.1:{other.port}")
        for url in ("{{ labels.room }}", "/{{ labels.room }}", "//{{ labels.room }}/x", "x?to={{ labels.room }}"):
            await action(services, url, gateway="corp").call(call(room=room))
        assert len(gateway.requests) == 4
        assert other.requests == []
        error = await failed(action(services, f"http://127.0.0.1:{other.port}/x", gateway="corp"))
        assert isinstance(error, Misconfigured)
        assert other.requests == []


@given(st.text(max_size=20), st.text(max_size=20))
def test_no_text_changes_host_port_or_the_number_of_segments(one: str, two: str) -> None:
    template = "https://hvac.local:8443/rooms/{{ a }}/set?by={{ b }}"
    try:
        url = URL(render_url(template, {"a": one, "b": two}))
    except (TemplateError, UnicodeEncodeError):
        return
    assert (url.scheme, url.host, url.port, url.user, url.fragment) == ("https", "hvac.local", 8443, None, "")
    assert len(url.raw_parts) == 4
    assert list(url.query) == ["by"]


@pytest.mark.parametrize("room", ["Büro", "会議室", "Ω"])
async def test_letters_beyond_ascii_reach_every_part(services: Services, room: str) -> None:
    made = {"headers": {"X-Room": "{{ labels.room }}"}, "json": {"{{ labels.room }}": "{{ labels.room }}"}}
    async with kit.sink() as sink:
        await action(services, f"{sink.url}/{{{{ labels.room }}}}?r={{{{ labels.room }}}}", **made).call(
            call(room=room)
        )
    ((request, body),) = sink.requests
    assert (request.path, request.query["r"]) == (f"/{room}", room)
    assert request.headers["X-Room"] == room
    assert json.loads(body) == {room: room}


@pytest.mark.parametrize(
    ("given_", "sent"),
    [
        ({2: 2, True: "x", None: None, 1.5: []}, {"2": 2, "true": "x", "null": None, "1.5": []}),
        ({"day": date(2026, 1, 31)}, {"day": "2026-01-31"}),
        ({"a": None, "b": "{{ at_most }}", "c": "{{ value }}"}, {"a": None, "b": None, "c": 18.4}),
        ([], []), ({}, {}), (False, False), (0, 0), ("", ""), ("{{ labels }}", {"room": "den", "floor": "ground floor"}),
    ],
)  # fmt: skip
async def test_any_json_is_sent_as_it_is_meant(services: Services, given_: Any, sent: Any) -> None:
    async with kit.sink() as sink:
        await action(services, sink.url, json=given_).call(call())
    ((request, body),) = sink.requests
    assert json.loads(body) == sent
    assert request.headers["content-type"] == "application/json"


@pytest.mark.parametrize("given_", [{"a": 2**70}, {"a": {1, 2}}, {"a": "\ud800"}, {"a": object()}])
def test_what_json_can_not_hold_is_found_when_it_is_loaded(given_: Any) -> None:
    with pytest.raises(ValidationError, match="can't be sent as JSON"):
        WebhookAction.Config.model_validate({"type": "webhook", "url": "http://h/", "json": given_})


async def test_an_unknown_label_in_a_list_makes_no_call(services: Services) -> None:
    async with kit.sink() as sink:
        error = await failed(action(services, sink.url, json={"a": "{{ [labels.nowhere] }}"}))
        assert isinstance(error, Misconfigured)
        assert sink.requests == []
