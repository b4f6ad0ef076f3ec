"""`setpoint test` as a command: what it prints, writes, and how it ends."""

from xml.etree import ElementTree as ET

import pytest

CONFIG = """\
sources: {sheet: {type: file, path: n.csv, readings: [{series: n, value: n}]}}
targets: {t: {series: n, goal: {at_most: 1}, alerts: [{name: high, when: out_of_band, for: 2m}]}}
"""
TESTS = """\
config: setpoint.yaml
tests:
  - name: high after two minutes
    input_series: [{series: n, values: "0 2x9"}]
    alert_rule_test: [{eval_time: 3m, alertname: high, exp_alerts: [{exp_labels: {severity: warning}}]}]
  - name: low again
    input_series: [{series: n, values: "2x9"}]
    target_test: [{eval_time: 3m, target: t, exp_standing: in_band}]
"""


@pytest.fixture(autouse=True)
def files(project):
    (project / "setpoint.yaml").write_text(CONFIG)
    (project / "t_test.yaml").write_text(TESTS)
    return project


def test_says_what_passed_and_what_did_not(setpoint):
    said = setpoint("test", "t_test.yaml")
    assert (said.status, said.err) == (1, "")
    assert said.out.splitlines() == [
        "ok    t_test.yaml: high after two minutes",
        "FAIL  t_test.yaml: low again",
        "      t_test.yaml:8:19: at 3m, target t (- expected, + got)",
        "        - standing: in_band",
        "        + standing: out_of_band",
        "          (out of band: 2, wanted at most 1)",
        "2 tests, 1 failed",
    ]


def test_runs_only_what_is_asked_for(here):
    said = here("test", "t_test.yaml", "--run", "high .* minutes")
    assert (said.status, said.out.splitlines()[-1]) == (0, "1 test, none failed")
    assert here("test", "t_test.yaml", "--run", "nothing").status == 2
    assert here("test", "t_test.yaml", "--run", "(").status == 2


def test_says_it_to_programs(here, project):
    said = here("test", "t_test.yaml", "--json", "--junit", "report.xml")
    assert (said.status, said.json["failed"]) == (1, 1)
    assert [(test["name"], test["passed"]) for test in said.json["tests"]] == [
        ("high after two minutes", True),
        ("low again", False),
    ]
    assert ET.parse(project / "report.xml").getroot().get("failures") == "1"


def test_says_what_came_of_it_before_a_report_that_can_not_be_written(here):
    said = here("test", "t_test.yaml", "--run", "high", "--junit", "no/such/folder.xml")
    assert (said.status, said.out.splitlines()[-1]) == (2, "1 test, none failed")
    assert "--junit: no/such/folder.xml: No such file" in said.err


def test_what_can_not_be_used(here, project):
    assert "there is no such file" in here("test", "nowhere.yaml").err
    assert here("test").status == 2
    (project / "t_test.yaml").write_text(TESTS.replace("alertname: high", "alertname: hihg"))
    said = here("test", "t_test.yaml")
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith(
        "t_test.yaml:5:50: tests[0].alert_rule_test[0].alertname: there is no alert hihg (did you"
    )
