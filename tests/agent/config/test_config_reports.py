"""The `reports` section: what it becomes, and what is said of mistakes in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config.configuration import Configuration, ReportEntry
from agent.config.describe import describe
from agent.config.errors import ConfigErrors
from agent.config.load import load
from rules.model import ReportFormat

BASE = """\
defaults: {timezone: Europe/Amsterdam}
sources: {hook: {type: webhook, readings: [{series: visitors, value: v}, {series: seats, value: s}]}}
targets: {monthly-visitors: {series: visitors, goal: {at_least: 1}}, seats: {series: seats, goal: {at_least: 1}}}
receivers: {growth: [{type: console}], pager: [{type: console}, {type: pagerduty, routing_key: 0123456789abcdef0123456789abcdef}]}
"""


def loaded(folder: Path, reports: str) -> Configuration:
    (folder / "setpoint.yaml").write_text(f"{BASE}reports: {reports}\n", encoding="utf-8")
    return load(folder / "setpoint.yaml", {})


def errors_of(folder: Path, reports: str) -> list[str]:
    with pytest.raises(ConfigErrors) as caught:
        loaded(folder, reports)
    return [str(error).removeprefix(f"{folder}/setpoint.yaml:") for error in caught.value.errors]


def test_a_report(tmp_path: Path) -> None:
    config = loaded(tmp_path, '{weekly: {cron: "0 9 * * mon", targets: [monthly-visitors], to: [growth], format: pdf}}')
    assert config.reports["weekly"] == ReportEntry(
        "weekly", "Weekly", "0 9 * * mon", "Europe/Amsterdam", ("monthly-visitors",), ("growth",), ReportFormat.PDF
    )


def test_what_is_left_out(tmp_path: Path) -> None:
    config = loaded(tmp_path, '{all_numbers: {cron: "0 9 * * *", timezone: Asia/Tokyo, to: console, title: Ours}}')
    made = config.reports["all_numbers"]
    assert (made.title, made.zone, made.format) == ("Ours", "Asia/Tokyo", ReportFormat.CHART)
    assert (made.targets, made.to) == (("monthly-visitors", "seats"), ("console",))
    assert describe(config)["reports"] == [
        {
            "name": "all_numbers",
            "title": "Ours",
            "schedule": "cron 0 9 * * * Asia/Tokyo",
            "targets": ["monthly-visitors", "seats"],
            "to": ["console"],
            "format": "chart",
        }
    ]


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("[weekly]", ["5:10: reports: has to be a mapping of names"]),
        ("{weekly: {to: [growth]}}", ["5:11: reports.weekly.cron: is missing"]),
        ('{w: {cron: "0 9 * * mon"}}', ["5:11: reports.w.to: is missing"]),
        ('{w: {cron: "0 9 * * mon", to: []}}', ["5:40: reports.w.to: needs at least 1"]),
        (
            '{w: {cron: "0 9 * * mun", to: [growth]}}',
            ["5:21: reports.w.cron: is not a cron expression: bad day-of-week"],
        ),
        (  # one mistake hides no other
            '{w: {cron: "0 9 * * mun", to: [growht]}}',
            [
                "5:21: reports.w.cron: is not a cron expression: bad day-of-week",
                "5:41: reports.w.to[0]: there is no receiver growht (did you mean growth?)",
            ],
        ),
        (
            '{w: {cron: "0 9 * *", to: [growth]}}',
            [
                "5:21: reports.w.cron: a cron expression has five fields: minute hour day month weekday, for example 0 3 * * *"
            ],
        ),
        (
            '{w: {cron: "0 0 30 2 *", to: [growth]}}',
            ["5:21: reports.w.cron: is not a cron expression: bad day-of-month"],
        ),
        (
            '{w: {cron: "0 9 * * mon", targets: [monthly-visitor], to: [growht]}}',
            [
                "5:46: reports.w.targets[0]: there is no target monthly-visitor (did you mean monthly-visitors?)",
                "5:69: reports.w.to[0]: there is no receiver growht (did you mean growth?)",
            ],
        ),
        (
            '{w: {cron: "0 9 * * mon", targets: [seats, seats], to: [growth, growth]}}',
            ["5:53: reports.w.targets[1]: seats is there twice", "5:74: reports.w.to[1]: growth is there twice"],
        ),
        ('{w: {cron: "0 9 * * mon", targets: [], to: growth}}', ["5:45: reports.w.targets: needs at least 1"]),
        (
            '{w: {cron: "0 9 * * mon", to: growth, format: fax}}',
            ["5:56: reports.w.format: has to be one of chart, pdf"],
        ),
        (
            '{w: {cron: "0 9 * * mon", to: growth, timezone: Amsterdam, tile: x}}',
            [
                "5:58: reports.w.timezone: is not a time zone (did you mean Europe/Amsterdam?)",
                "5:69: reports.w.tile: unknown key (did you mean title?)",
            ],
        ),
    ],
)
def test_mistakes(tmp_path: Path, section: str, said: list[str]) -> None:
    assert errors_of(tmp_path, section) == said


def test_a_receiver_that_takes_no_reports(tmp_path: Path) -> None:
    assert errors_of(tmp_path, '{w: {cron: "0 9 * * mon", to: [growth, pager]}}') == [
        "5:49: reports.w.to[1]: pagerduty of receiver pager takes alerts only, no reports"
    ]
