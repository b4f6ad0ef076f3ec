"""The language of corrections: what each form means, and every contradiction at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config.configuration import ActionEntry, Configuration, Restraint
from agent.config.errors import ConfigErrors
from agent.config.load import load
from rules.breaker import Breaker
from rules.functions import FUNCTIONS
from rules.model import HOUR, MINUTE, CorrectRule, Pid, Undo

TEXT = """
sources:
  s: {{type: file, path: a.csv, readings: [{{series: t, value: v, labels: {{room: r}}}}, {{series: outside, value: o}}]}}
targets:
  room:
    series: t
    by: [room]
    {goal}
    alerts: [{{name: hot, when: {when}}}]
    correct: [{{on: hot, action: cool{keys}}}]
actions:
  cool: {{type: webhook, url: "http://h/{{{{ labels.room }}}}", json: {{to: "{{{{ output | default(22) }}}}"}}{action}}}
  off: {{type: webhook, url: "http://h/off"}}
{more}
"""
BAND = "goal: {at_least: 20, at_most: 23}"


def loaded(folder: Path, keys: str = "", goal: str = BAND, action: str = "", more: str = "", when: str = "out_of_band") -> Configuration:  # fmt: skip
    path = folder / "setpoint.yaml"
    path.write_text(TEXT.format(keys=f", {keys}" if keys else "", goal=goal, action=action, more=more, when=when))
    return load(path, {})


def rule(folder: Path, keys: str) -> CorrectRule:
    return loaded(folder, keys).targets["room"].correct[0]


def mistakes(folder: Path, keys: str = "", **more: str) -> list[str]:
    with pytest.raises(ConfigErrors) as refused:
        loaded(folder, keys, **more)
    return [f"{error.path}: {error.message}" + (f" ({error.hint})" if error.hint else "") for error in refused.value.errors]  # fmt: skip


@pytest.mark.parametrize(
    ("keys", "within"),
    [
        ("", None),
        ("approval: none", None),
        ("mode: auto", None),
        ("mode: auto, approval: none", None),
        ("approval: required", HOUR),
        ("mode: propose", HOUR),
        ("mode: propose, approval: required", HOUR),
        ("approval: {within: 30m}", 30 * MINUTE),
        ("approval: {}", HOUR),
    ],
)
def test_who_is_asked(tmp_path: Path, keys: str, within: int | None) -> None:
    assert rule(tmp_path, keys).approve_within == within


def test_everything_at_once(tmp_path: Path) -> None:
    found = rule(
        tmp_path,
        "precondition: 'last(outside) < 30', dry_run: true, undo: {action: off, on: resolved}, "
        "output: {pid: {kp: -1, min: 0, max: 10, setpoint: 22}}",
    )
    assert found.precondition == "last(outside) < 30"
    assert (found.dry_run, found.undo) == (True, Undo("off", on_resolved=True))
    assert found.output == Pid(-1, 0, 0, 0, 10, 22)
    assert rule(tmp_path, "undo: off").undo == Undo("off")
    assert rule(tmp_path, "output: '{{ value - 1 }}'").output == "{{ value - 1 }}"


def test_bounds(tmp_path: Path) -> None:
    found = loaded(tmp_path, action=", budget: 3/h, breaker: {failures: 2}", more="corrections: {budget: 60/h, dry_run: true}")  # fmt: skip
    assert found.corrections == Restraint((60, 3600), dry_run=True)
    cool, off = found.actions["cool"], found.actions["off"]
    assert isinstance(cool, ActionEntry)
    assert (cool.budget, cool.breaker) == ((3, 3600), Breaker(2, HOUR))
    assert off.breaker == Breaker(5, HOUR)
    assert loaded(tmp_path).corrections == Restraint()


AT = "targets.room.correct[0]"
WRONG = {
    "auto asks": ("mode: auto, approval: required", ["approval: asks a person, and mode: auto does not; remove one of them"]),
    "auto asks for a while": ("mode: auto, approval: {within: 1h}", ["approval: asks a person, and mode: auto does not; remove one of them"]),
    "propose asks nobody": ("mode: propose, approval: none", ["approval: asks nobody, and mode: propose asks a person; remove one of them"]),
    "mode": ("mode: proposed", ["mode: has to be one of auto, propose (did you mean propose?)"]),
    "approval": ("approval: requird", ["approval: has to be one of none, required (did you mean required?)"]),
    "within": ("approval: {withn: 1h}", ["approval.withn: unknown key (did you mean within?)"]),
    "never": ("approval: {within: 0s}", ["approval.within: has to be longer than nothing"]),
    "precondition": ("precondition: 'lst(outside) < 3'", [f"precondition: unknown function lst; known: {', '.join(FUNCTIONS)} (did you mean last?)"]),
    "series": ("precondition: 'last(outsid) < 3'", ["precondition: no source gives the series outsid (did you mean outside?)"]),
    "nobody": ("escalate: {to: []}", ["escalate.to: names nobody; name a receiver, or remove escalate"]),
    "undo": ("undo: of", ["undo: there is no action of (did you mean off?)"]),
    "undo itself": ("undo: {action: cool}", ["undo.action: cool is the action itself; to undo it takes another"]),
    "undo when": ("undo: {action: off, on: fail}", ["undo.on: has to be one of failed, resolved (did you mean failed?)"]),
    "output's range": ("output: {pid: {kp: 1, min: 5, max: 5}}", ["output.pid.min: 5 has to be less than max 5"]),
    "no gain": ("output: {pid: {kp: 0, min: 0, max: 5}}", ["output.pid: has no gain that is not 0, so it always gives the same"]),
    "outside the band": ("output: {pid: {kp: 1, min: 0, max: 5, setpoint: 24}}", ["output.pid.setpoint: 24 lies outside the goal's band"]),
    "no pause": ("cooldown: 0s, output: '{{ value }}'", ["output: is set anew every cooldown, which is 0; give the number time to follow"]),
    "its template": ("output: '{{ valu }}'", ["output: the template uses the name 'valu', which there is not; did you mean value?"]),
    "itself": ("output: '{{ output }}'", ["output: the template uses the name 'output', which there is not; did you mean alert?"]),
    "pid": ("output: {pid: {kp: 1, min: 0, mx: 5}}", ["output.pid.mx: unknown key (did you mean max?)", "output.pid.max: is missing"]),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_can_not_be(tmp_path: Path, name: str) -> None:
    keys, said = WRONG[name]
    found = mistakes(tmp_path, keys)
    if name == "itself":  # what is near is of no interest
        assert [one.partition(";")[0] for one in found] == [f"{AT}.{said[0].partition(';')[0]}"]
    else:
        assert sorted(found) == sorted(f"{AT}.{one}" for one in said)


def test_a_controller_needs_a_number_and_a_place_to_drive_it(tmp_path: Path) -> None:
    pid = "output: {pid: {kp: 1, min: 0, max: 5}}"
    assert mistakes(tmp_path, pid, goal="no_data: {after: 1m}", when="no_data") == [
        f"{AT}.output.pid: needs a setpoint, since the target has no goal"
    ]
    text = (tmp_path / "setpoint.yaml").read_text().replace("    series: t\n", "").replace("no_data: {after: 1m}", "goal: {condition: last(t) < 3}")  # fmt: skip
    (tmp_path / "setpoint.yaml").write_text(text)
    with pytest.raises(ConfigErrors, match="drives a number, and a condition has none; give output a template"):
        load(tmp_path / "setpoint.yaml", {})


def test_an_output_that_no_template_takes_is_said(tmp_path: Path) -> None:
    text = "correct: [{on: hot, action: off, output: '{{ value }}'}]"
    loaded(tmp_path)
    path = tmp_path / "setpoint.yaml"
    path.write_text(path.read_text().replace("correct: [{on: hot, action: cool}]", text))
    with pytest.raises(ConfigErrors, match="no template of off takes it"):
        load(path, {})


@pytest.mark.parametrize("key", ["action", "undo"])
def test_an_action_that_takes_an_output_is_given_one(tmp_path: Path, key: str) -> None:
    keys = "undo: off" if key == "undo" else ""
    loaded(tmp_path, keys)
    path = tmp_path / "setpoint.yaml"
    old, name = ("http://h/off", "off") if key == "undo" else ("{{ output | default(22) }}", "cool")
    path.write_text(path.read_text().replace(old, "http://h/{{ output }}"))
    with pytest.raises(ConfigErrors) as refused:
        load(path, {})
    (error,) = refused.value.errors
    assert error.path == f"{AT}.{key}"
    assert error.message == f"{name} takes {{{{ output }}}}, and this correction gives none"
    assert error.line == 10
    path.write_text(path.read_text().replace("action: cool", "action: cool, output: '{{ value }}'"))
    load(path, {})


def test_one_action_answers_an_alert_once(tmp_path: Path) -> None:
    loaded(tmp_path)
    path = tmp_path / "setpoint.yaml"
    path.write_text(path.read_text().replace("[{on: hot, action: cool}]", "[{on: hot, action: cool}, {on: hot, action: cool}]"))  # fmt: skip
    with pytest.raises(ConfigErrors, match="another correction calls cool for hot already"):
        load(path, {})


def test_what_undoes_takes_the_labels_that_there_are(tmp_path: Path) -> None:
    loaded(tmp_path, "undo: off")
    path = tmp_path / "setpoint.yaml"
    path.write_text(path.read_text().replace("http://h/off", "http://h/{{ labels.rom }}"))
    with pytest.raises(ConfigErrors, match="has no label rom"):
        load(path, {})


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("corrections: {budgt: 1/h}", "corrections.budgt: unknown key (did you mean budget?)"),
        ("corrections: {budget: 1}", "corrections.budget: a rate is written like 20/s, 100/m or 10/h"),
    ],
)
def test_the_section(tmp_path: Path, more: str, said: str) -> None:
    assert mistakes(tmp_path, more=more) == [said]


def test_a_breaker_that_never_trips(tmp_path: Path) -> None:
    assert mistakes(tmp_path, action=", breaker: {failures: 0}") == [
        "actions.cool.breaker.failures: has to be at least 1"
    ]
