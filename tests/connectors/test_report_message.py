"""A report in words: text, Markdown, HTML, as a notice, as JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from connectors.facts import heading, mark, remarks
from connectors.report_message import (
    as_notice,
    file_name,
    html_of,
    left_out,
    markdown_of,
    period,
    rate,
    sections,
    text_of,
)
from connectors.report_payload import report_payload
from rules.model import Reason, ReportCorrections, ReportMore
from tests.connectors.notifiers.reports import ROWS, hostile, large, report


class Page(HTMLParser):
    """The words of a page and the tags it has; what is open at the end is wrong."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "img", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_what_happened() -> None:
    assert [(one.title, list(one.lines)) for one in sections(report())] == [
        ("What changed", ["Orders (north): behind → missed"]),
        (
            "Alerts",
            [
                "Unique visitors: behind (warning) fired 2 times, for 3h 25m in all, still open, taken by Ann",
                "Room (Küche): hot (critical) fired once, for 1m, over",
                "Room (hall): hot (critical) open since before, for 1m, over",
            ],
        ),
        ("Corrections", ["Room (Küche): set-thermostat, 4 runs: 1 failed, 3 verified"]),
    ]
    assert left_out(report()) == ["and 12 more of room"]


def test_a_run_that_waits_was_approved_by_nobody() -> None:
    waits = report(corrections=(ReportCorrections("Room (hall)", "cool", {"approved": 1}),))
    assert sections(waits)[2].lines == ("Room (hall): cool, 1 run: 1 waiting",)


@pytest.mark.parametrize(("first", "said"), [(True, "There was no report before"), (False, "Nothing.")])
def test_where_nothing_happened(first: bool, said: str) -> None:
    quiet = sections(report(first=first, changes=(), alerts=(), corrections=()))
    assert [one.title for one in quiet] == ["What changed", "Alerts"]
    assert quiet[0].lines[0].startswith(said)
    assert quiet[1].lines == ("None fired.",)


def test_what_is_cut_is_counted() -> None:
    cut = report(more=(ReportMore("alerts", 7), ReportMore("orders", 1_800)))
    assert sections(cut)[1].lines[-1] == "and 7 more"
    assert left_out(cut) == ["and 1,800 more of orders"]


def test_the_rate_is_needed_or_may_be_added() -> None:
    assert rate(ROWS[1]) == "needs 412 a day"
    assert rate(replace(ROWS[1], values={"at_most": 5_000.0, "required_rate": 237.0})) == "may add 412 a day"
    assert rate(replace(ROWS[1], values={"at_most": 5_000.0, "required_rate": -3.0})) == "needs 412 a day"
    assert rate(ROWS[0]) == ""


def test_the_period_and_the_file_are_named_in_the_reports_zone() -> None:
    assert period(report()) == "Tuesday 28 April 2026 18:53 to Tuesday 5 May 2026 18:53 CEST"
    assert file_name(report(name="a/b c", zone="Asia/Tokyo")) == "a-b-c-2026-05-06.pdf"


def test_the_text() -> None:
    said = text_of(report())
    assert said.startswith("Weekly numbers\nTuesday 28 April 2026 18:53 to Tuesday 5 May 2026 18:53 CEST\n\n1 of 3 is")
    assert "MISSED       Orders (north) missed: 2,835 of 3,500 €\n" in said
    assert "needs 412 a day, projection 8,950 (8,102 to 9,801), since 2026-05-04 16:53 UTC" in said
    assert "\n\nWhat changed\n- Orders (north): behind → missed\n\nAlerts\n" in said


def test_the_markdown() -> None:
    said = markdown_of(report())
    assert said.startswith("# Weekly numbers\n\n")
    table = [line for line in said.splitlines() if line.startswith("|")]
    assert len(table) == 2 + len(ROWS)
    assert len({line.count("|") for line in table}) == 1
    assert "| 🟠 **behind** | Unique visitors | 6,214 | at least 10,000 | 62.1 % | 412 a day |" in said


def test_nothing_from_outside_means_anything_in_markdown() -> None:
    for bad in ("a|b", "[x](http://e)", "<img src=x>", "**b**", "`c`", "a\n# b", "&amp;"):
        line = next(
            one for one in markdown_of(report(summary=bad)).splitlines() if one.startswith(("a", "\\", "&", "*"))
        )
        assert not set("|[]<*`#") & set(line.replace("\\|", "").replace("\\[", "").replace("\\]", "")
                                        .replace("\\*", "").replace("\\`", "").replace("\\#", ""))  # fmt: skip
    assert len([line for line in markdown_of(hostile()).splitlines() if line.startswith("#")]) == 4


def test_the_html_says_it_all() -> None:
    page = Page(html_of(report(), {0: "cid:one@host"}))
    for word in ("Weekly numbers", report().summary, "Orders (north)", "was behind", "Since", "and 12 more of room",
                 "What changed", "Orders (north): behind → missed", "set-thermostat"):  # fmt: skip
        assert word in page.text
    (picture,) = [attrs for tag, attrs in page.tags if tag == "img"]
    assert picture["src"] == "cid:one@host"
    assert picture["alt"] == "Orders (north) missed: 2,835 of 3,500 €"
    assert "needs 412 a day" in page.text  # of a row without a picture all is said in words


@pytest.mark.parametrize("of", [report(), hostile(), large(), report(rows=(), changes=(), external_url="")])
def test_no_text_becomes_html(of) -> None:
    page = Page(html_of(of, {0: "cid:x"}))
    tags = {tag for tag, _ in page.tags}
    assert tags <= {
        "html",
        "head",
        "meta",
        "title",
        "body",
        "table",
        "tr",
        "td",
        "th",
        "div",
        "img",
        "b",
        "br",
        "span",
        "a",
    }
    assert all(not name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert all(attrs["href"] == "https://setpoint.example.com" for tag, attrs in page.tags if tag == "a")
    assert "\x1b" not in page.text
    assert "\u202e" not in page.text


def test_a_large_report_stays_a_page_that_mail_programs_show() -> None:
    assert len(html_of(large(), {})) < 400_000
    assert html_of(large(), {}).count("Progress") == 25


def test_as_a_notice() -> None:
    made = as_notice(report(), "team")
    assert (made.reason, made.status, made.receiver) == (Reason.REPORT, "resolved", "team")
    assert heading(made) == f"Weekly numbers: {report().summary}"
    assert mark(made) == "📊"
    assert "🔴 Orders (north) missed: 2,835 of 3,500 €" in remarks(made)
    assert "Alerts: Room (Küche): hot (critical) fired once, for 1m, over" in remarks(made)


def test_as_json() -> None:
    said = report_payload(report())
    json.dumps(said)
    assert (said["report"], said["start"], said["end"]) == ("weekly", "2026-04-28T16:53:20Z", "2026-05-05T16:53:20Z")
    assert said["instances"][1] == {
        "target": "visitors",
        "labels": {},
        "title": "Unique visitors",
        "standing": "behind",
        "before": "behind",
        "held_by": None,
        "since": "2026-05-04T16:53:20Z",
        "words": "behind: 6,214 of 10,000, needs 412 a day, projected 8,950",
        "value": 6214.0,
        "at_least": 10000.0,
        "at_most": None,
        "progress": None,
        "required_rate": None,
        "projection": None,
        "projection_low": None,
        "projection_high": None,
        "unit": "",
        "period": {"start": "2026-04-30T16:53:20Z", "end": "2026-05-30T16:53:20Z"},
    }
    assert said["changes"] == [
        {"target": "orders", "labels": {"region": "north"}, "before": "behind", "after": "missed"}
    ]
    assert said["alerts"][0]["open_seconds"] == 12_345
