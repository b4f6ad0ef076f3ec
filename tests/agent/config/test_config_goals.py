"""Wrong goals and conditions, and exactly what is said of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from rules.functions import FUNCTIONS
from rules.measures import NAMES
from tests.agent.config.test_config_errors import errors_of, target

GOALS = {
    "sum without period": (
        "series: sales, goal: {measure: sum, at_least: 3}",
        [
            "8:38: targets.t.goal.measure: sum is made of the readings of a period; add per, for example per: month",
        ],
    ),
    "quantile without period": (
        "series: sales, goal: {measure: p95, at_least: 3}",
        [
            "8:38: targets.t.goal.measure: p95 is made of the readings of a period; add per, for example per: month",
        ],
    ),
    "quantile that is none": (
        "series: sales, goal: {measure: p195, at_least: 3, per: day}",
        [
            f"8:38: targets.t.goal.measure: has to be one of {', '.join(NAMES)}, or a quantile such as p95",
        ],
    ),
    "share of what": (
        "series: sales, goal: {measure: share, at_least: 99%, per: day}",
        [
            (
                "8:38: targets.t.goal.measure: share is of the readings that satisfy a condition;"
                " add it, for example where: value == 1"
            ),
        ],
    ),
    "share of more than all": (
        "series: sales, goal: {measure: share, where: value > 1, at_least: 99.9, per: day}",
        ["8:73: targets.t.goal.at_least: of a share is from 0 to 1, or from 0% to 100%"],
    ),
    "share of more than all in one period": (
        "series: sales, goal: {measure: share, where: value > 1, at_least: {2026-02: 150%, default: 90%}, per: month}",
        ["8:83: targets.t.goal.at_least.2026-02: of a share is from 0 to 1, or from 0% to 100%"],
    ),
    "upside down in one period of a table": (
        "series: sales, goal: {at_least: 10, at_most: {2026-02: 3, default: 20}, per: month}",
        ["8:62: targets.t.goal.at_most.2026-02: 3 is less than at_least 10"],
    ),
    "upside down in some periods of two tables": (
        "series: sales, goal: {at_least: {2026-01: 9, 2026-03: 4}, at_most: {2026-01: 9, 2026-03: 3}, per: month}",
        ["8:61: targets.t.goal.at_least.2026-03: 4 is more than at_most 3"],
    ),
    "upside down where the table says nothing else": (
        "series: sales, goal: {at_least: {2026-01: 9, default: 4}, at_most: {2026-01: 10, default: 3}, per: month}",
        ["8:61: targets.t.goal.at_least.default: 4 is more than at_most 3"],
    ),
    "where without share": (
        "series: sales, goal: {where: value > 1, at_least: 9, per: day}",
        ["8:29: targets.t.goal.where: is what a share counts; add measure: share"],
    ),
    "where on something else": (
        "series: sales, goal: {measure: share, where: 'value > limit', at_least: 9%, per: day}",
        ["8:61: targets.t.goal.where: limit is not known here; the reading's number is called value"],
    ),
    "goal from a series that is not there": (
        "series: sales, goal: {at_least: {series: visitor}}",
        ["8:48: targets.t.goal.at_least.series: no source gives the series visitor (did you mean visitors?)"],
    ),
    "goal from a selector that is none": (
        "series: sales, goal: {at_least: {series: 'visitors{'}}",
        [
            (
                "8:48: targets.t.goal.at_least.series: 'visitors{': after the name 'visitors' only"
                ' {label="value"} may follow'
            ),
        ],
    ),
    "goal from a series, and more": (
        "series: sales, goal: {at_least: {series: visitors, of: 3}}",
        ["8:58: targets.t.goal.at_least.of: unknown key (known here: series)"],
    ),
    "goal that is a list": (
        "series: sales, goal: {at_least: [3]}",
        ["8:39: targets.t.goal.at_least: has to be a number, or a percentage such as 99.9%"],
    ),
    "table without a calendar": (
        "series: sales, goal: {at_least: {2026-01: 3}, per: 30d}",
        ["8:29: targets.t.goal.at_least: by period needs a per of day, week, month, quarter, year"],
    ),
    "table of other periods": (
        "series: sales, goal: {at_least: {2026-01: 3, 2026-13: 4, 2026-Q1: 5, default: 6}, per: month}",
        [
            "8:52: targets.t.goal.at_least.2026-13: is no month; write for example 2026-01",
            "8:64: targets.t.goal.at_least.2026-Q1: is no month; write for example 2026-01",
        ],
    ),
    "table with a text": (
        "series: sales, goal: {at_least: {2026-01: much}, per: month}",
        ["8:49: targets.t.goal.at_least.2026-01: has to be a number, or a percentage such as 99.9%"],
    ),
    "table of nothing": (
        "series: sales, goal: {at_least: {}, per: month}",
        ["8:39: targets.t.goal.at_least: needs at least 1"],
    ),
    "table with a week that is not there": (
        "series: sales, goal: {at_most: {2025-W53: 3, 2026-W53: 3}, per: week}",
        ["8:39: targets.t.goal.at_most.2025-W53: is no week; write for example 2026-W05"],
    ),
    "goal and plan from the number itself": (
        "series: sales, goal: {at_least: {series: sales}, per: month, plan: sales}",
        [
            "8:39: targets.t.goal.at_least: is the series that is measured; name another one",
            "8:74: targets.t.goal.plan: is the series that is measured; name another one",
        ],
    ),
    "plan that is nearly weekdays": (
        "series: sales, goal: {at_least: 3, per: month, plan: weekday}",
        ["8:60: targets.t.goal.plan: no source gives the series weekday (did you mean weekdays?)"],
    ),
    "plan without a period": (
        "series: sales, goal: {at_least: 3, plan: visitors}",
        ["8:42: targets.t.goal.plan: is the course of a period that ends; add per: month or such"],
    ),
    "plan over a rolling period": (
        "series: sales, goal: {at_least: 3, per: 30d, plan: weekdays}",
        ["8:52: targets.t.goal.plan: is the course of a period that ends; add per: month or such"],
    ),
    "plan of what does not grow": (
        "series: sales, goal: {measure: p95, at_least: 3, per: month, plan: visitors}",
        ["8:68: targets.t.goal.plan: is for what grows in a period: measure sum, increase, count, last"],
    ),
    "weekdays of what is read": (
        "series: sales, goal: {measure: last, at_least: 3, per: month, plan: weekdays}",
        ["8:69: targets.t.goal.plan: is for what grows in a period: measure sum, increase, count"],
    ),
    "weekdays of a day": (
        "series: sales, goal: {at_least: 3, per: day, plan: weekdays}",
        ["8:58: targets.t.goal.plan: days have no weekdays; use a week or longer"],
    ),
    "plan from a series that is not there": (
        "series: sales, goal: {at_least: 3, per: month, plan: {series: visitor}}",
        ["8:69: targets.t.goal.plan.series: no source gives the series visitor (did you mean visitors?)"],
    ),
    "plan beside a condition": (
        'goal: {condition: "last(sales) > 3", plan: visitors}',
        ["8:50: targets.t.goal.plan: give condition or plan, not both"],
    ),
    "recover into a band that is looked up": (
        "series: sales, goal: {at_least: {series: visitors}}, recover: {at_least: 3}",
        ["8:70: targets.t.recover.at_least: the goal looks up its at_least"],
    ),
    "condition of which no series makes instances": (
        'goal: {condition: "last(sales) > 1 and last(seats) > 1"}, by: [region, room]',
        ["8:69: targets.t.by: no series of this condition has all of region, room, so that it makes instances"],
    ),
    "condition that can't be read": (
        'goal: {condition: "last(sales) > 3 and foo(sales) > 1"}',
        [
            f"8:46: targets.t.goal.condition: unknown function foo; known: {', '.join(FUNCTIONS)}",
        ],
    ),
    "condition with a function that is nearly there": (
        "goal: {condition: \"quantil(sales, 0.9, '1h') > 3\"}",
        [
            (
                f"8:25: targets.t.goal.condition: unknown function quantil; known: {', '.join(FUNCTIONS)}"
                " (did you mean quantile?)"
            ),
        ],
    ),
    "condition with a label nobody gives": (
        "goal: {condition: \"last(sales) > 3 and last(sales{regoin='x'}) > 3\"}",
        ["8:51: targets.t.goal.condition: no source gives sales with a label regoin (did you mean region?)"],
    ),
}


@pytest.mark.parametrize(("body", "expected"), GOALS.values(), ids=GOALS.keys())
def test_goal_errors(tmp_path: Path, body: str, expected: list[str]) -> None:
    assert errors_of(tmp_path, target(body)) == [f"setpoint.yaml:{line}" for line in expected]
