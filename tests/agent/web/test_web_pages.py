"""The pages: what they say, that nothing in them runs, and that nothing comes from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from agent.acts import Person
from rules.model import DAY, HOUR, Assessment, Health, Muted, MutedBy, Projection, SourceState, Standing
from tests.agent.web.kit import NOW, Daemon, configuration, served

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=y>"


class Page(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


async def page(client, path="/"):
    response = await client.get(path)
    assert response.status == 200
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    return Page(await response.text()), response


def fill(daemon: Daemon) -> None:
    daemon.stands(
        "monthly",
        Assessment(
            Standing.BEHIND,
            value=6214,
            at_least=10_000,
            start=NOW - 15 * DAY,
            end=NOW + 16 * DAY,
            expected=7000,
            progress=0.6214,
            required_rate=412,
            projection=Projection(8950),
        ),
        since=NOW - 2 * HOUR,
        site="www",
    )
    daemon.stands("room", Assessment(Standing.IN_BAND, value=21, at_least=20, at_most=23), room="lab")
    daemon.stands("room", Assessment(Standing.OUT_OF_BAND, value=25.5, at_least=20, at_most=23), room="attic")
    daemon.stands("nightly", Assessment(Standing.MET, value=1, time=NOW, due=NOW + DAY))
    daemon.alert("behind", severity="warning")
    daemon.health["csv"] = SourceState("csv", Health.DOWN, last_success=NOW - HOUR, last_error="v.csv: no such file")


async def test_what_matters_is_said_the_worst_first(client, daemon):
    fill(daemon)
    found, _ = await page(client)
    text = found.text
    assert text.index("attic") < text.index("www") < text.index("lab")
    for words in (
        "(1) Setpoint",
        "behind is on",
        "Unique visitors",
        "6,214 visits",
        "at least 10,000 visits",
        "62 %",
        "needs 412 a day, projected 8,950",
        "25.5",
        "20 to 23",
        "on time, last call 00:00",
        "v.csv: no such file",
        "1h ago",
        "2h ago",
        "1 out of band",
    ):
        assert words in text, words
    bars = [given for tag, given in found.tags if tag == "rect"]
    assert [(bar["class"], bar.get("width"), bar.get("x")) for bar in bars] == [
        ("track", "100%", None),
        ("fill-warn", "62.14%", None),
        ("pace", "2", "70.0%"),
    ]


async def test_what_nobody_is_told_of_comes_last_and_says_why_in_short(client, daemon):
    later = await daemon.silence(["severity=x"], Person("bob"), "the move", (NOW + DAY, NOW + 2 * DAY))
    silence = await daemon.silence(["severity=y"], Person("ann"), "a long story", (NOW, NOW + 3 * HOUR))
    words = f"silence {silence.id} by ann until 15:00 UTC: a long story"
    for number in range(3):
        one = daemon.alert(f"silent{number}", severity="critical")
        daemon.open[-1] = replace(one, muted=Muted(MutedBy.SILENCE, silence.id, silence.ends), muted_words=words)
    daemon.open.append(replace(one, name="held", muted=Muted(MutedBy.DEPENDENCY, "db"), muted_words="db is off"))
    daemon.alert("soon", state="pending")
    daemon.alert("loud", severity="warning")
    text = (await page(client))[0].text
    assert text.index("loud is on") < text.index("silent0 is on") < text.index("silent2 is on")
    assert "(1) Setpoint" in text
    assert "Open alerts 1 firing 1 pending 4 muted" in text
    assert text.count("a long story") == 1
    assert text.count(f"muted: silence {silence.id} until ") == 3
    assert "muted: db is off" in text
    assert text.index("a long story") < text.index("the move") < text.index(later.id)


async def test_many_alerts_are_cut_and_that_is_said(client, daemon):
    for number in range(510):
        daemon.alert(f"a{number}")
    assert "and 10 more: all of them" in (await page(client))[0].text


async def test_a_value_is_not_rounded_onto_a_bound_it_does_not_touch(client, daemon):
    daemon.stands("room", Assessment(Standing.OUT_OF_BAND, value=19.999, at_least=20, at_most=23), room="den")
    assert "19.999" in re.findall(r"<td[^>]*>(.*?)</td>", await (await client.get("/")).text())


async def test_an_empty_daemon_has_a_page_too(client):
    found, _ = await page(client)
    assert "None." in found.text
    assert "No target has an instance yet." in found.text


async def test_what_is_wrong_with_the_daemon_is_on_top(client, daemon):
    daemon.sick = "the database can't be written"
    found, _ = await page(client)
    assert found.text.index("the database can't be written") < found.text.index("Open alerts")


async def test_whatever_comes_from_outside_is_only_text(tmp_path):
    config = f"""
sources:
  free: {{type: webhook, readings: [{{series: sales, value: amount, labels: {{shop: shop}}}}]}}
targets:
  sales: {{title: {json.dumps(EVIL)}, unit: "<b>", series: sales, by: [shop], goal: {{at_least: 3}}}}
"""
    daemon = Daemon(configuration(tmp_path, config))
    daemon.stands("sales", Assessment(Standing.OUT_OF_BAND, value=1, at_least=3, reason=EVIL), shop=EVIL)
    alert = daemon.alert(EVIL, severity=EVIL)
    daemon.open[:] = [type(alert)(alert.key, EVIL, "f", {"severity": EVIL}, EVIL, "firing", NOW, NOW, EVIL)]
    daemon.health["free"] = SourceState("free", Health.DOWN, last_error=EVIL)
    async with served(daemon) as client:
        found, _ = await page(client)
    assert {tag for tag, _ in found.tags} & {"script", "img", "b", "iframe", "object"} == set()
    assert not [name for _, given in found.tags for name in given if name.startswith("on")]
    assert EVIL in "".join(found.words)


@pytest.mark.parametrize("path", ["/", "/api/v1/"])
async def test_pages_are_shut_off(client, daemon, path):
    fill(daemon)
    found, response = await page(client, path)
    policy = dict(part.strip().partition(" ")[::2] for part in response.headers["Content-Security-Policy"].split(";"))
    text = await response.text()
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == {
        "default-src": "'none'",
        "style-src": f"'sha256-{digest}'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    for tag, given in found.tags:
        assert tag not in {"script", "img", "iframe", "form", "base"}
        assert "style" not in given, f"{tag} has a style of its own, which the policy forbids"
        for name in ("src", "href"):
            assert (given.get(name) or "/").startswith(("/", "#", "data:,")), given


async def test_it_refreshes_itself_without_a_script(client):
    found, _ = await page(client)
    assert ("meta", {"http-equiv": "refresh", "content": "30"}) in found.tags


async def test_a_very_long_page_is_cut_and_says_so(client, daemon):
    for number in range(620):
        daemon.stands("room", Assessment(Standing.IN_BAND, value=21, at_least=20, at_most=23), room=f"r{number}")
    daemon.stands("room", Assessment(Standing.OUT_OF_BAND, value=25, at_least=20, at_most=23), room="worst")
    found, _ = await page(client)
    assert "and 121 more that stand no worse" in found.text
    assert "worst" in found.text


async def test_the_documentation_names_every_address(client):
    found, _ = await page(client, "/api/v1/")
    for path in (
        "/api/v1/readings",
        "/in/{source}",
        "/ping/{source}",
        "/metrics",
        "/-/reload",
        "/api/v1/alerts/{id}/ack",
    ):
        assert path in found.text
    targets = {given.get("id") for _, given in found.tags}
    links = [given["href"] for tag, given in found.tags if tag == "a" and (given["href"] or "").startswith("#")]
    assert links
    assert all(link.removeprefix("#") in targets for link in links)
