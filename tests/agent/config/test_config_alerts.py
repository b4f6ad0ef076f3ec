"""The life of an alert as it is written: what it becomes, and what is said of contradictions."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config import words
from agent.config.load import load
from rules import burning
from rules.model import (
    HOUR,
    MINUTE,
    AlertRule,
    BurnRate,
    EscalationStep,
    Flapping,
    Often,
    SeverityStep,
    Sign,
    Standing,
)
from tests.agent.config.test_config_errors import SOURCES, errors_of

BEGIN = "  t:\n    series: sales\n    goal: {at_least: 20, at_most: 23}\n    alerts:\n"
AT = "targets.t.alerts[0]"


def written(alert: str, begin: str = BEGIN) -> str:
    """One alert on line 12; its keys begin at column 10."""
    return f"{SOURCES}targets:\n{begin}      - {{name: a, {alert}}}\n"


def rule(tmp_path: Path, alert: str, begin: str = BEGIN) -> AlertRule:
    file = tmp_path / "setpoint.yaml"
    file.write_text(written(alert, begin), encoding="utf-8")
    return load(file, {}).targets["t"].alerts[0]


def mistakes(tmp_path: Path, alert: str, begin: str = BEGIN) -> list[str]:
    return [said.partition(f" {AT}.")[2] for said in errors_of(tmp_path, written(alert, begin))]


def test_a_duration_or_a_count(tmp_path: Path) -> None:
    lasting = rule(tmp_path, "when: out_of_band, for: 5m")
    often = rule(tmp_path, "when: out_of_band, for: {breaches: 3, of: 5}")
    assert (lasting.for_, lasting.often) == (5 * MINUTE, None)
    assert (often.for_, often.often) == (0, Often(3, 5))
    assert [words.lasting(one) for one in (lasting, often)] == ["5m", "3 of the last 5 readings"]


CHECKIN = "  t:\n    source: job\n    alerts:\n"
COUNTS = {
    "more than there are": ("breaches: 6, of: 5", ["for.breaches: 6 of 5 can't be"]),
    "none": ("breaches: 0, of: 5", ["for.breaches: has to be at least 1"]),
    "too far back": ("breaches: 1, of: 17", ["for.of: has to be at most 16"]),
    "half": ("breaches: 1", ["for.of: is missing"]),
    "mistyped": (
        "breeches: 1, of: 2",
        ["for.breaches: is missing", "for.breeches: unknown key (did you mean breaches?)"],
    ),
}


@pytest.mark.parametrize("name", COUNTS)
def test_counts_that_can_not_be(tmp_path: Path, name: str) -> None:
    count, said = COUNTS[name]
    assert mistakes(tmp_path, f"when: out_of_band, for: {{{count}}}") == said


def test_what_has_no_readings_is_not_counted(tmp_path: Path) -> None:
    count = "for: {breaches: 1, of: 2}"
    assert mistakes(tmp_path, f"when: no_data, {count}") == [
        "for: counts readings, and no_data has none; write a duration"
    ]
    assert mistakes(tmp_path, f"when: missed, {count}", CHECKIN) == [
        "for: counts readings, and a check-in is late without one; write a duration"
    ]


def test_steps_of_an_escalation(tmp_path: Path) -> None:
    steps = "[{after: 30m, to: growth}, {after: 2h, to: [growth, console]}]"
    assert rule(tmp_path, f"when: out_of_band, escalate: {steps}").escalate == (
        EscalationStep(30 * MINUTE, ("growth",)),
        EscalationStep(2 * HOUR, ("growth", "console")),
    )


STEPS = {
    "order": (
        "{after: 2h, to: growth}, {after: 2h, to: growth}",
        ["escalate[1].after: has to be later than that of the step before"],
    ),
    "unknown receiver": (
        "{after: 2h, to: groth}",
        ["escalate[0].to: there is no receiver groth (did you mean growth?)"],
    ),
    "of a list": (
        "{after: 2h, to: [console, groth]}",
        ["escalate[0].to[1]: there is no receiver groth (did you mean growth?)"],
    ),
    "nobody": ("{after: 2h, to: []}", ["escalate[0].to: names nobody; name a receiver, or remove escalate"]),
    "at once": ("{after: 0s, to: growth}", ["escalate[0].after: has to be longer than nothing"]),
    "of a correction": ("{to: growth}", ["escalate[0].after: is missing"]),
}


@pytest.mark.parametrize("name", STEPS)
def test_steps_that_can_not_be(tmp_path: Path, name: str) -> None:
    steps, said = STEPS[name]
    assert mistakes(tmp_path, f"when: out_of_band, escalate: [{steps}]") == said


def test_severity_steps(tmp_path: Path) -> None:
    steps = "[{severity: critical, at_least: 15, at_most: 26, notify: growth}, {severity: fatal, at_most: 30}]"
    assert rule(tmp_path, f"when: out_of_band, worse: {steps}").worse == (
        SeverityStep("critical", 15, 26, ("growth",)),
        SeverityStep("fatal", None, 30),
    )


MONTH = "  t:\n    series: sales\n    goal: {at_least: 100, per: month}\n    alerts:\n"
CONDITION = "  t:\n    goal: {condition: last(sales) > 1}\n    alerts:\n"
NOT_BY_A_NUMBER = ["worse: is for a goal with at_least or at_most, and for when: behind, missed, out_of_band"]
WORSE = {
    "inside": (BEGIN, "{severity: x, at_most: 23}", ["worse[0].at_most: 23 is not farther outside than 23"]),
    "not farther": (
        BEGIN,
        "{severity: x, at_least: 15}, {severity: y, at_most: 26}, {severity: z, at_least: 16}",
        ["worse[2].at_least: 16 is not farther outside than 15"],
    ),
    "same": (
        BEGIN,
        "{severity: warning, at_most: 26}",
        ["worse[0].severity: warning is not another severity than that of a step before"],
    ),
    "no bound": (BEGIN, "{severity: x}", ["worse[0]: needs at_least or at_most"]),
    "no such bound": (MONTH, "{severity: x, at_most: 200}", ["worse[0].at_most: the goal has no at_most"]),
    "nobody": (
        BEGIN,
        "{severity: x, at_most: 26, notify: groth}",
        ["worse[0].notify: there is no receiver groth (did you mean growth?)"],
    ),
    "condition": (CONDITION, "{severity: x, at_most: 26}", NOT_BY_A_NUMBER),
}


@pytest.mark.parametrize("name", WORSE)
def test_severity_steps_that_can_not_be(tmp_path: Path, name: str) -> None:
    begin, steps, said = WORSE[name]
    when = "behind" if begin == MONTH else "out_of_band"
    assert mistakes(tmp_path, f"when: {when}, worse: [{steps}]", begin) == said


def test_severity_steps_of_what_has_no_number(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "when: no_data, worse: [{severity: x, at_most: 26}]") == NOT_BY_A_NUMBER
    assert rule(tmp_path, "when: behind, worse: [{severity: x, at_least: 50}]", MONTH).worse


@pytest.mark.parametrize(
    ("written_as", "flapping"),
    [
        ("false", None),
        ("true", Flapping(0.25, 0.5, 21)),
        ("{}", Flapping(0.25, 0.5, 21)),
        ("{low: 10%, high: 0.3, of: 11}", Flapping(0.1, 0.3, 11)),
    ],
)
def test_flapping(tmp_path: Path, written_as: str, flapping: Flapping | None) -> None:
    assert rule(tmp_path, f"when: out_of_band, flapping: {written_as}").flapping == flapping


FLAPPING = {
    "neither": ("maybe", ["flapping: has to be true or false"]),
    "upside down": ("{low: 60%}", ["flapping: low 0.6 has to be less than high 0.5"]),
    "out of bounds": (
        "{low: 0%, high: 101%, of: 2}",
        [
            "flapping.low: has to be more than 0",
            "flapping.high: has to be at most 1",
            "flapping.of: has to be at least 3",
        ],
    ),
    "mistyped": ("{hi: 60%}", ["flapping.hi: unknown key (did you mean high?)"]),
}


@pytest.mark.parametrize("name", FLAPPING)
def test_flapping_that_can_not_be(tmp_path: Path, name: str) -> None:
    flapping, said = FLAPPING[name]
    assert mistakes(tmp_path, f"when: out_of_band, flapping: {flapping}") == said


def test_steps_beyond_a_number_that_is_looked_up(tmp_path: Path) -> None:
    begin = BEGIN.replace("at_least: 20, at_most: 23", "at_least: {series: visitors}")
    alert = "when: out_of_band, worse: [{severity: error, at_least: 15}, {severity: critical, at_least: STEP}]"
    assert len(rule(tmp_path, alert.replace("STEP", "10"), begin).worse) == 2
    (said,) = mistakes(tmp_path, alert.replace("STEP", "17"), begin)
    assert said == "worse[1].at_least: 17 is not farther outside than 15"


def share(at_least: str = "99.9%", per: str = "30d") -> str:
    goal = f"{{measure: share, where: value == 1, at_least: {at_least}, per: {per}}}"
    return f"  t:\n    series: sales\n    goal: {goal}\n    alerts:\n"


def test_burning(tmp_path: Path) -> None:
    assert rule(tmp_path, "when: burning, severity: critical", share()).burn == burning.PAGE
    assert rule(tmp_path, "when: burning", share()).burn == burning.TICKET
    own = rule(tmp_path, "when: burning, burn: [{rate: 2, long: 2h, short: 15m}]", share(per="day"))
    assert own.burn == (BurnRate(2, 2 * HOUR, 15 * MINUTE),)
    assert own.when is Sign.BURNING


NO_BUDGET = ["when: burning is for a goal with measure: share and at_least; the rest is its budget"]
BURNING = {
    "of a level": (BEGIN, "when: burning", NO_BUDGET),
    "of a sum": (MONTH, "when: burning", NO_BUDGET),
    "of a condition": (CONDITION, "when: burning", NO_BUDGET),
    "of a check-in": (CHECKIN, "when: burning", NO_BUDGET),
    "without burning": (
        share(),
        "when: missed, burn: [{rate: 2, long: 2h, short: 1h}]",
        ["burn: is for an alert with when: burning"],
    ),
    "short is long": (
        share(),
        "when: burning, burn: [{rate: 2, long: 2h, short: 2h}]",
        ["burn[0].short: has to be shorter than long, 2h"],
    ),
    "no rate": (
        share(),
        "when: burning, burn: [{rate: 0, long: 2h, short: 1h}]",
        ["burn[0].rate: has to be more than 0"],
    ),
    "longer than its period": (
        share(per="day"),
        "when: burning, burn: [{rate: 2, long: 2d, short: 1h}]",
        ["burn[0].long: is longer than the goal's period, 1d"],
    ),
    "usual windows in a short period": (
        share(per="day"),
        "when: burning",
        ["when: looks back over 3d, and the goal's period is 1d; add burn with shorter windows"],
    ),
    "mistyped": (
        share(),
        "when: burnin",
        [f"when: has to be one of {', '.join((*Standing, *Sign))} (did you mean burning?)"],
    ),
}


@pytest.mark.parametrize("name", BURNING)
def test_burning_that_can_not_be(tmp_path: Path, name: str) -> None:
    begin, alert, said = BURNING[name]
    assert mistakes(tmp_path, alert, begin) == said


def test_a_goal_without_errors_has_no_budget(tmp_path: Path) -> None:
    (said,) = errors_of(tmp_path, written("when: burning", share("100%")))
    assert said.endswith("targets.t.goal.at_least: leaves no errors to burn; nothing but 100% is good enough")


@pytest.mark.parametrize(
    ("more", "alerts", "said"),
    [
        ("no_data: {after: 5m}", "{name: no-data, when: out_of_band}", "no-data is the alert that no_data adds to"),
        ("no_data: {after: 5m, then: keep}", "{name: no-data, when: out_of_band}", ""),
        ("no_data: {after: 5m}", "{name: no-data, when: no_data}", ""),
        ("no_data: {after: 5m}", "{name: silent, when: no_data}, {name: no-data, when: out_of_band}", ""),
        ("unit: x", "{name: no-data, when: out_of_band}", ""),
        ("unit: x", "{name: source-down, when: out_of_band}", "source-down is the alert of sources that can't be read"),
    ],
)
def test_no_alert_has_the_name_of_one_that_is_there_by_itself(tmp_path: Path, more: str, alerts: str, said: str):
    target = f"{{series: sales, goal: {{at_least: 1}}, {more}, alerts: [{alerts}]}}"
    file = tmp_path / "setpoint.yaml"
    file.write_text(f"{SOURCES}targets:\n  t: {target}\n", encoding="utf-8")
    if said:
        (found,) = errors_of(tmp_path, file.read_text(encoding="utf-8"))
        assert f"targets.t.alerts[0].name: {said}" in found
    else:
        load(file, {})
