"""Mistakes in receivers: each is said at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config.errors import ConfigErrors
from agent.config.load import load

GATEWAY = 'gateways: {corp: {base_url: "https://corp.example.com/api"}}\n'


def said(folder: Path, notifier: str) -> list[str]:
    path = folder / "setpoint.yaml"
    path.write_text(f"{GATEWAY}receivers: {{a: [{notifier}]}}\n", encoding="utf-8")
    try:
        load(path, {})
    except ConfigErrors as errors:
        return [str(error).partition(": ")[2] for error in errors.errors]
    return []


@pytest.mark.parametrize(
    ("notifier", "mistake"),
    [
        ("{type: webhook, gateway: corpp, url: /x}", "a[0].gateway: there is no gateway corpp (did you mean corp?)"),
        ("{type: webhook, gateway: corp, url: 'https://x.example.com/'}", "a[0].url: is not an address of the gateway"),
        ("{type: webhook, url: /x}", "a[0].url: has to be an address such as https://api.example.com/v1"),
        (
            "{type: webhook, url: 'https://x', json: {k: [1, '{{ titel }}']}}",
            "a[0].json.k[1]: the template uses the name",
        ),
        ("{type: webhook, url: 'https://x', json: {'{{ titel }}': 1}}", "did you mean title?"),
        ("{type: webhook, url: 'https://x', headers: {X: '{{ severty }}'}}", "a[0].headers.X: the template uses"),
        ("{type: webhook, url: 'https://x', body: '{% for a in alerts %}'}", "a[0].body: the template can't be read"),
        ("{type: webhook, url: 'https://x', json: {}, body: x}", "a[0].body: give json or body, not both"),
        ("{type: apprise, urls: ['json://localhost', 'tgrm://x/1']}", "a[0].urls[1]: Apprise knows no service tgrm://"),
        ("{type: apprise, urls: ['tgram://x']}", "a[0].urls[0]: is not an address as Apprise has it for tgram://"),
        ("{type: webhook, gateway: corp, url: ''}", "a[0].url: is empty"),
        (
            "{type: webhook, url: 'https://x', secret: whsec_é}",
            "a[0].secret: begins with whsec_, and no base64 follows",
        ),
        ("{type: webhook, url: 'https://x', headers: {Host: evil}}", "a[0].headers.Host: is set for each call"),
        ("{type: webhook, url: 'https://x', method: GET, json: {a: 1}}", "a[0].json: method GET has no body"),
        ("{type: webhook, url: 'https://x', method: get, body: x}", "a[0].body: method GET has no body"),
        ("{type: apprise, urls: []}", "a[0].urls: needs at least 1"),
        ("{type: apprise, urls_file: nofile}", "a[0].urls_file: can't read 'nofile'"),
        ("{type: pagerduty}", "a[0].routing_key: is missing"),
        ("{type: pagerduty, routing_key: ''}", "a[0].routing_key: is empty"),
        ("{type: teamss, url: 'https://x'}", "a[0].type: unknown kind (did you mean teams?)"),
        ("{type: teams, url: x}", "a[0].url: has to be an address"),
        ("{type: teams, url: 'https://x', timeout: 3m}", "a[0].timeout: can be at most 2m"),
    ],
)
def test_a_mistake_is_said_at_its_place(tmp_path: Path, notifier: str, mistake: str):
    (found,) = said(tmp_path, notifier)
    assert mistake in found
    assert found.startswith("receivers.a[0].")


@pytest.mark.parametrize(
    "notifier",
    [
        "{type: webhook, gateway: corp, url: /x, method: put, body: '{{ heading }}', headers: {X: '{{ status }}'}}",
        "{type: webhook, url: 'https://x', auth: {bearer: t}, json: ['{{ labels.any }}', 1, null, true]}",
        "{type: teams, url: 'https://x'}",
        "{type: pagerduty, routing_key: k, url: 'https://events.eu.pagerduty.com/v2/enqueue'}",
        "{type: apprise, urls: ['json://localhost']}",
    ],
)
def test_what_is_right_is_taken(tmp_path: Path, notifier: str):
    assert said(tmp_path, notifier) == []


def test_what_is_secret_is_known_to_be(tmp_path: Path):
    path = tmp_path / "setpoint.yaml"
    path.write_text(
        "receivers: {a: [{type: apprise, urls: ['json://S3cretHost']}, {type: pagerduty, routing_key: R0uting},"
        " {type: teams, url: 'https://x/S3cretHook'}, {type: webhook, url: 'https://x', headers: {X: S3cretHeader}}]}",
        encoding="utf-8",
    )
    assert {"json://S3cretHost", "R0uting", "https://x/S3cretHook", "S3cretHeader"} <= set(load(path, {}).secrets)
