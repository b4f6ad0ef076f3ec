"""Adaptive Cards for Microsoft Teams."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.base import Refused
from connectors.facts import facts
from connectors.notifiers.teams import TeamsNotifier
from connectors.teams_card import escape, message
from rules.model import Reason
from tests.connectors.notifiers import kit
from tests.connectors.notifiers.posting import Posts

PATH = "/workflows/PathSecret123456/triggers/manual/paths/invoke?sig=QuerySecret99"
PAGE = "https://setpoint.example.com"


class TestPosting(Posts):
    SECRETS = ("PathSecret123456", "QuerySecret99")

    def make(self, services, base, **keys):
        config = {"type": "teams", "url": f"{base}{PATH}", **keys}
        return TeamsNotifier(TeamsNotifier.Config.model_validate(config), services)

    async def test_a_firing_is_a_message_with_one_card(self, services):
        sent = await self.posted(services, kit.sending())
        assert sent["type"] == "message"
        (attachment,) = sent["attachments"]
        assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
        assert attachment["contentUrl"] is None
        made = attachment["content"]
        assert (made["type"], made["version"]) == ("AdaptiveCard", "1.4")
        assert kit.notice().headline in said(made)[1]
        assert [fact["title"] for fact in fact_set(made)] == [fact.label for fact in facts(kit.notice())]

    @pytest.mark.parametrize(("status", "permanent"), [(429, False), (503, False), (413, True), (400, True)])
    async def test_a_failure_that_is_answered_with_200_is_none_the_less_one(self, services, status, permanent):
        told = f"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error {status}"
        async with kit.sink(status=200, says=told) as sink:
            error = await kit.refusal(self.make(services, sink.url), kit.sending(), self.SECRETS)
        assert isinstance(error, Refused)
        assert (error.status, error.permanent) == (status, permanent)


def card(what: Any) -> dict[str, Any]:
    return message(what)["attachments"][0]["content"]


def texts(element: Any) -> Iterator[str]:
    if isinstance(element, dict):
        if element.get("type") == "TextBlock":
            yield element["text"]
        for value in element.values():
            yield from texts(value)
    elif isinstance(element, list):
        for value in element:
            yield from texts(value)


def said(made: Any) -> list[str]:
    return list(texts(made))


def fact_set(made: Any) -> list[dict[str, str]]:
    return next(one["facts"] for one in made["body"] if one["type"] == "FactSet")


@pytest.mark.parametrize(
    ("notice", "style", "word"),
    [
        (kit.notice(severity="critical"), "attention", "FIRING"),
        (kit.notice(), "warning", "FIRING"),
        (kit.notice(severity="info", reason=Reason.REMINDER), "accent", "REMINDER"),
        (kit.resolved(severity="critical"), "good", "RESOLVED"),
        (kit.resolved(severity="critical", reason=Reason.ESCALATED), "attention", "ESCALATED"),  # an undo failed
        (kit.notice(reason=Reason.TEST), "emphasis", "TEST"),
        (kit.several(reason=Reason.RESOLVED), "warning", "FIRING"),
        (kit.notice(reason=Reason.ESCALATED), "warning", "ESCALATED"),
    ],
)
def test_colour_and_word_say_what_it_is(notice, style, word):
    head = card(kit.sending(notice))["body"][0]
    assert (head["style"], head["items"][0]["text"]) == (style, word)


def test_buttons_lead_to_acknowledging_the_runbook_and_the_page():
    made = card(kit.sending(kit.notice(external_url=PAGE), ack_url=f"{PAGE}/ack/x"))
    assert [(one["type"], one["title"], one["url"]) for one in made["actions"]] == [
        ("Action.OpenUrl", "Acknowledge", f"{PAGE}/ack/x"),
        ("Action.OpenUrl", "Runbook", "https://wiki.example.com/behind?a=1&b=2"),
        ("Action.OpenUrl", "Open Setpoint", PAGE),
    ]
    assert "actions" not in card(kit.sending(kit.several()))
    many = {f"l{number}_url": f"https://x/{number}" for number in range(20)}
    shown = card(kit.sending(kit.notice(annotations=many, external_url=PAGE), ack_url=f"{PAGE}/ack/x"))["actions"]
    assert len(shown) == 6  # all that Teams shows
    assert (shown[0]["title"], shown[-1]["title"]) == ("Acknowledge", "Open Setpoint")


def test_a_group_is_a_list_and_what_is_cut_is_counted():
    lines = said(card(kit.sending(kit.several())))
    assert "\U0001f7e0 Room (room-1) is too &lt;hot&gt; &amp; dry" in lines
    assert "\u2705 Room (room-2) is too &lt;hot&gt; &amp; dry" in lines
    assert "and 1480 more" in said(card(kit.sending(kit.several(1_500, 0))))


def test_why_and_remarks_are_said():
    made = said(card(kit.sending(kit.notice(why=("Read visitors",)))))
    assert "Ask growth" in made
    assert made[made.index("Why") + 1] == "Read visitors"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("6,214 of 10,000 (62 %), 412 a day - good", "6,214 of 10,000 (62 %), 412 a day - good"),
        ("**b** _i_ ~~s~~ `c`", r"\*\*b\*\* \_i\_ \~\~s\~\~ \`c\`"),
        ("[x](https://evil.example)", r"\[x\](https://evil.example)"),
        ("![x](https://evil.example)", r"!\[x\](https://evil.example)"),
        ("<at>Ann</at> & <b>", "&lt;at&gt;Ann&lt;/at&gt; &amp; &lt;b&gt;"),
        ("&lt;", "&amp;lt;"),
        ("{{DATE(2017-02-14T06:00:00Z)}}", r"\{\{DATE(2017-02-14T06:00:00Z)}}"),
        ('visitors{site="www"}', 'visitors{site="www"}'),
        ("- a - b", r"\- a - b"),
        ("1. a 2. b", r"1\. a 2. b"),
        ("1.5 °C", "1.5 °C"),
        ("-3 °C", "-3 °C"),
        ("# a #", r"\# a #"),
        ("a\\", r"a\\"),
    ],
)
def test_nothing_from_outside_acts(text, shown):
    assert escape(text) == shown


@given(st.text(alphabet="ab <>&*_[](){}`~\\-1.#!", max_size=30))
def test_taking_the_escapes_away_gives_the_text_back(text):
    shown = escape(text)
    plain, at = "", 0
    while at < len(shown):
        at += shown[at] == "\\"
        plain += shown[at]
        at += 1
    assert plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == text


def test_hostile_texts_are_said_and_do_nothing():
    hostile = kit.notice(
        headline=kit.HOSTILE, title=kit.HOSTILE, alert=kit.HOSTILE, labels={"l": kit.HOSTILE}, details=(kit.HOSTILE,),
        receiver=kit.HOSTILE, why=(kit.HOSTILE,), annotations={"s": kit.HOSTILE, "runbook_url": "javascript:alert(1)"},
    )  # fmt: skip
    made = card(kit.sending(hostile))
    for text in [*said(made), *(fact["value"] for fact in fact_set(made))]:
        assert "<" not in text
        assert "\x1b" not in text
        assert "\n" not in text
    assert "actions" not in made
    assert "entities" not in json.dumps(made["msteams"])


def test_28_kilobytes_are_kept_whatever_is_said():
    long = "\u6e29\u5ea6 \U0001f321 <&*_ " * 300
    alerts = tuple(kit.alert(number, headline=long) for number in range(1_000))
    full = {"headline": long, "title": long, "alert": long, "severity": long, "unit": long}
    for notice in (
        kit.several(3_000, 0, alerts=alerts, why=(long,) * 50, details=(long,) * 50, **full),
        kit.notice(
            labels={f"l{n}": long for n in range(50)},
            annotations={
                **{f"a{n}": long for n in range(150)},
                **{f"l{n}_url": f"https://x/{n * 900}" for n in range(9)},
            },
            details=(long,) * 150,
            why=(long,) * 150,
            **full,
        ),
    ):
        sent = message(kit.sending(notice, ack_url=f"{PAGE}/ack/{'x' * 100}"))
        assert len(orjson.dumps(sent)) <= 27_000
        assert "\u6e29\u5ea6" in said(sent)[1]
        assert len(said(sent)) > 20  # cut shorter, not left out


def test_what_could_never_be_sent_is_refused_when_it_is_loaded():
    for keys in ({}, {"url": "not an address"}, {"url": "https://x", "channel": "#x"}):
        with pytest.raises(ValidationError):
            TeamsNotifier.Config.model_validate({"type": "teams", **keys})
