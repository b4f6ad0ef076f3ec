from __future__ import annotations

import pytest

from connectors.facts import facts, heading, links, number, plain, shortened, span
from rules.model import Reason
from tests.connectors.notifiers import kit


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (6214.0, "6,214"),
        (1234.5, "1,234.5"),
        (1234567.89, "1,234,568"),
        (20.456789, "20.46"),
        (0.1 + 0.2, "0.3"),
        (0.000012345, "1.234e-05"),
        (-1500.25, "-1,500.2"),
        (1e20, "1e+20"),
        (float("inf"), "inf"),
    ],
)
def test_numbers_are_written_as_people_do(value, text):
    assert number(value) == text


def test_a_budget_says_what_is_left_and_a_band_both_bounds():
    budget = dict(facts(kit.notice(values={"value": 3900.0, "at_most": 5000.0, "required_rate": 42.3456}, unit="€")))
    assert budget["Goal"] == "at most 5,000 €"
    assert budget["Rate left"] == "42.3 € a day"
    band = dict(facts(kit.notice(values={"value": 24.1, "at_least": 20.0, "at_most": 23.0}, unit="°C")))
    assert band["Value"] == "24.1 °C"
    assert band["Goal"] == "20 to 23 °C"


def test_shares_are_said_in_percent():
    values = {"value": 0.98, "at_least": 0.999, "expected": 0.999, "pace": 0.98, "projection": 0.99996}
    said = dict(facts(kit.notice(values=values, unit="x", percent=True)))
    assert (said["Value"], said["Goal"], said["Projection"]) == ("98 %", "at least 99.9 %", "99.996 %")
    band = dict(facts(kit.notice(values={"value": 0.1, "at_least": 0.2, "at_most": 1.0}, percent=True)))
    assert band["Goal"] == "20 % to 100 %"


def test_unknown_numbers_are_left_out():
    assert [label for label, _ in facts(kit.notice(values={}, labels={}, period_start=None))] == ["Since", "Severity"]


def test_a_resolve_says_how_long_it_lasted():
    assert dict(facts(kit.resolved()))["Lasted"] == "2h 5m, 2026-05-05 18:53 CEST to 2026-05-05 20:58 CEST"


def test_a_period_of_an_hour_shows_times():
    hour = kit.notice(period_start=kit.NOW - 3_200_000_000, period_end=kit.NOW + 400_000_000)
    assert dict(facts(hour))["Period"] == "2026-05-05 18:00 to 2026-05-05 19:00 CEST"


def test_a_zone_that_is_unknown_here_is_utc():
    assert dict(facts(kit.notice(zone="Mars/Base")))["Since"] == "2026-05-05 16:53 UTC"


def test_heading_says_what_the_headline_alone_does_not():
    assert heading(kit.resolved()).startswith("Resolved: Unique visitors back")
    assert heading(kit.notice(reason=Reason.TEST, headline="Test of receiver growth")) == "Test of receiver growth"
    assert heading(kit.notice(headline="")) == "Unique visitors"


def test_only_web_addresses_become_links_and_the_runbook_is_first():
    found = links(
        kit.notice(
            annotations={
                "dashboard_url": "https://g.example.com/d",
                "evil_url": "javascript:alert(1)",
                "runbook_url": " https://w.example.com/r ",
                "summary": "https://not.a.link",
                "split_url": "https://x\nhttps://y",
            }
        )
    )
    assert found == [("Runbook", "https://w.example.com/r"), ("Dashboard", "https://g.example.com/d")]


def test_plain_text_is_one_line_without_controls():
    assert plain("a\x00\x1b[1m\tb\r\nc\u202e d\ud800") == "a [1m b c d"
    assert shortened("abcdef", 4) == "abc…"
    assert span(-5) == "0s"
    assert span(90_061_000_000) == "1d 1h"
