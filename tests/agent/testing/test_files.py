"""Test files as users write them: Prometheus' own examples translated, and everything beside them."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from agent.config.errors import ConfigErrors
from agent.testing.playing import failures_of
from agent.testing.reading import read_tests
from agent.testing.saying import Outcome, junit, lines

PROMETHEUS = """
sources:
  scrape:
    type: webhook
    secret: whatever-it-is
    readings:
      - {series: up, value: v, labels: {job: job, instance: instance}}
      - {series: go_goroutines, value: v, labels: {job: job, instance: instance}}
targets:
  up:
    series: up
    by: [job, instance]
    goal: {at_least: 1}
    alerts:
      - name: InstanceDown
        when: out_of_band
        for: 5m
        severity: page
        annotations:
          summary: "Instance {{ labels.instance }} down"
          description: "{{ labels.instance }} of job {{ labels.job }} has been down for more than 5 minutes."
      - {name: AnotherInstanceDown, when: out_of_band, for: 10m, severity: page}
      - {name: Sticky, when: out_of_band, keep_firing_for: 3m, severity: page}
  goroutines: {series: go_goroutines, by: [job, instance], goal: {at_most: 5}}
  gone: {goal: {condition: "not absent(up{job=\\"node_exporter\\"}, '2m')"}, alerts: [{name: Absent, when: out_of_band, notify: [quiet]}]}
receivers: {quiet: [{type: console}]}
"""
UP = """
    input_series:
      - {series: 'up{job="prometheus", instance="localhost:9090"}', values: "0 0 0 0 0 0 0 0 0 0 0 0 0 0 0"}
      - {series: 'up{job="node_exporter", instance="localhost:9100"}', values: "1+0x6 0 0 0 0 0 0 0 0"}
      - {series: 'go_goroutines{job="prometheus", instance="localhost:9090"}', values: "10+10x2 30+20x5"}
      - {series: 'go_goroutines{job="node_exporter", instance="localhost:9100"}', values: "10+10x7 10+30x4"}
"""
FIRST = 'exp_labels: {severity: page, instance: "localhost:9090", job: prometheus}'
SECOND = 'exp_labels: {severity: page, instance: "localhost:9100", job: node_exporter}'
WORDS = """
            exp_annotations:
              summary: Instance localhost:9090 down
              description: localhost:9090 of job prometheus has been down for more than 5 minutes.
"""


@pytest.fixture
def outcome(tmp_path):
    """Plays the tests of a text; the outcome of each."""

    def played(text: str, config: str = PROMETHEUS) -> list[Outcome]:
        path = tmp_path / "up_test.yaml"
        path.write_text(text + config, encoding="utf-8")
        file = read_tests(path, {})
        return [
            Outcome("up_test.yaml", test.name or f"test {number}", 0.01, tuple(failures_of(file, number)))
            for number, test in enumerate(file.tests)
        ]

    return played


def passes(outcomes: list[Outcome]) -> None:
    assert [(one.name, one.failures) for one in outcomes] == [(one.name, ()) for one in outcomes]


def test_the_example_of_the_documentation(outcome):
    passes(
        outcome(f"""
tests:
  - interval: 1m{UP}
    alert_rule_test:
      - eval_time: 10m
        alertname: InstanceDown
        exp_alerts:
          - {FIRST}{WORDS}
      - {{eval_time: 4m, alertname: InstanceDown}}
      - {{eval_time: 4m59s, alertname: InstanceDown, exp_alerts: }}
    target_test:
      - {{eval_time: 4m, target: goroutines, labels: {{job: prometheus, instance: "localhost:9090"}}, exp_values: {{value: 50}}}}
      - {{eval_time: 4m, target: goroutines, labels: {{job: node_exporter, instance: "localhost:9100"}}, exp_values: {{value: 50}}}}
""")
    )


def test_a_test_reaches_as_far_as_one_of_promtool(outcome):
    """The longest that Go's durations allow, as Prometheus' `long-period.yml`."""
    text = """
tests:
  - interval: 100d
    input_series: [{series: 'up{job="a", instance="b"}', values: "0+1x1067"}]
    target_test: [{eval_time: 106700d, target: up, labels: {job: a, instance: b}, exp_values: {value: 1067}}]
"""
    passes(outcome(text))


@pytest.mark.parametrize(
    ("values", "alert", "firing"),
    [
        # for: pending until the minutes are full, from the first bad reading on
        ("1 0x10", "InstanceDown", {"5m": False, "6m": True, "11m": True}),
        ("0x3 1 0x10", "InstanceDown", {"5m": False, "9m": False, "10m": True}),
        # a missing sample leaves things as they are, a stale one is no value: it neither begins nor ends anything
        ("0 _x8", "InstanceDown", {"4m": False, "5m": True}),
        ("0 stale _x8", "InstanceDown", {"5m": False, "8m": False}),
        ("1 stale stale stale", "InstanceDown", {"9m": False}),
        ("0 0 0 1 1", "InstanceDown", {"5m": False, "8m": False}),
        # keep_firing_for
        ("0 1x9", "Sticky", {"0": True, "1m": True, "3m59s": True, "4m": False}),
        ("0 1 1 0 1x9", "Sticky", {"4m": True, "6m": True, "7m": False}),
    ],
)
def test_what_prometheus_says_of_for_missing_and_stale(outcome, values, alert, firing):
    alerts = "".join(
        f"      - {{eval_time: {at}, alertname: {alert}, exp_alerts: [{f'{{{SECOND}}}' if fires else ''}]}}\n"
        for at, fires in firing.items()
    ).replace("exp_labels", "exp_annotations: *words, exp_labels" if alert == "InstanceDown" else "exp_labels")
    anchor = (
        "environment: &words {summary: Instance localhost:9100 down, description: "
        '"localhost:9100 of job node_exporter has been down for more than 5 minutes."}\n'
    )
    series = f"""{{series: 'up{{job="node_exporter",instance="localhost:9100"}}', values: "{values}"}}"""
    passes(outcome(f"{anchor}tests:\n  - input_series: [{series}]\n    alert_rule_test:\n{alerts}"))


def test_all_alerts_of_a_name_have_to_be_expected(outcome):
    text = f"""
tests:
  - name: both are down
    interval: 1m{UP}
    alert_rule_test:
      - eval_time: 12m
        alertname: InstanceDown
        exp_alerts:
          - {FIRST}{WORDS}
"""
    (one,) = outcome(text)
    assert list(lines([one])) == [
        "FAIL  up_test.yaml: both are down",
        f"      {one.failures[0].place}: at 12m, alert InstanceDown (- expected, + got)",
        "          firing",
        "            labels:",
        "              instance: localhost:9090",
        "              job: prometheus",
        "              severity: page",
        "            annotations:",
        "              description: localhost:9090 of job prometheus has been down for more than 5 minutes.",
        "              summary: Instance localhost:9090 down",
        "        + firing",
        "        +   labels:",
        "        +     instance: localhost:9100",
        "        +     job: node_exporter",
        "        +     severity: page",
        "        +   annotations:",
        "        +     description: localhost:9100 of job node_exporter has been down for more than 5 minutes.",
        "        +     summary: Instance localhost:9100 down",
        "1 test, 1 failed",
    ]
    assert one.failures[0].place.endswith("up_test.yaml:12:9")


def test_a_wrong_standing_number_and_delivery_are_shown(outcome):
    text = """
tests:
  - input_series: [{series: 'up{job="a",instance="b"}', values: "1 0x9"}]
    target_test:
      - {eval_time: 1m, target: up, labels: {job: a, instance: b}, exp_standing: in_band, exp_values: {value: 1, at_least: 1.00}}
      - {eval_time: 1m, target: up, labels: {job: a, instance: c}, exp_standing: in_band}
    delivery_test:
      - {eval_time: 9m, receiver: console, exp_deliveries: [{at: 1m, alertname: Sticky}, {at: 5m, reason: firing, alertname: InstanceDown}]}
      - {between: {to: 30s}, receiver: console, exp_deliveries: [{reason: firing}]}
"""
    (one,) = outcome(text)
    assert [(failure.about, *failure.diff) for failure in one.failures] == [
        ("at 30s, deliveries to console", "- - reason: firing", "+ nothing is sent"),
        (
            "at 1m, target up",
            "- standing: in_band",
            "+ standing: out_of_band",
            "- value: 1",
            "+ value: 0",
            "  at_least: 1",
            "  (out of band: 0, wanted at least 1)",
        ),
        ("at 1m, target up", "- an instance", "+ there is no such instance: nothing was read yet"),
        (
            "at 9m, deliveries to console",
            "  - at: 1m",
            "    alertname: Sticky",
            "- - at: 5m",
            "+ - at: 6m",
            "    reason: firing",
            "    alertname: InstanceDown",
        ),
    ]


TIMED = """
sources: {s: {type: file, path: n.csv, every: 1m, readings: [{series: n, value: v}]}}
targets:
  t:
    series: n
    goal: {at_most: 1}
    alerts: [{name: high, when: out_of_band}]
    correct: [{on: high, action: lower, max_attempts: 1, cooldown: 5m, verify: {within: 2m}, escalate: {to: people}}]
actions: {lower: {type: webhook, url: "http://127.0.0.1:9/"}}
receivers: {people: [{type: console}]}
"""


def test_when_a_delivery_comes_is_compared_exactly_and_said_so(outcome):
    text = """
tests:
  - interval: 30m
    input_series: [{series: n, values: "1x114 2"}]
    delivery_test: [{eval_time: 58h500ms, receiver: console, exp_deliveries: [{at: AT}, {reason: updated}, {at: 2d9h32m}]}]
"""
    passes(outcome(text.replace("AT", "2d9h30m"), TIMED))
    ((failure,),) = (one.failures for one in outcome(text.replace("AT", "57h30m1ms"), TIMED))
    assert (failure.about, failure.diff) == (
        "at 2d10h500ms, deliveries to console",
        ("- - at: 2d9h30m1ms", "+ - at: 2d9h30m", "  - reason: updated", "  - at: 2d9h32m"),
    )


@pytest.mark.parametrize(
    ("values", "deliveries", "corrections"),
    [
        ("1x10", "[{}]", "[]"),
        ("1x10", "[]", "[{}]"),
        ("1 2x10", "[{reason: firing}, {}, {}]", "[{}]"),
        ("1 2x10", "[{reason: firing}]", "[{}]"),
        ("1 2x10", "[]", "[{}]"),
        ("1 2x10", "[{}, {}]", "[{}, {}]"),
        ("1 2x10", "[{}, {}]", "[]"),
    ],
)
def test_the_number_of_deliveries_and_corrections_counts(outcome, values, deliveries, corrections):
    text = f"""
tests:
  - input_series: [{{series: n, values: {values}}}]
    delivery_test: [{{eval_time: 90s, receiver: console, exp_deliveries: %s}}]
    correction_test: [{{eval_time: 90s, target: t, exp_corrections: %s}}]
"""
    assert len(outcome(text % (deliveries, corrections), TIMED)[0].failures) == 1
    passes(outcome(text % (("[{}, {}]", "[{}]") if "2" in values else ("[]", "[]")), TIMED))


def test_numbers_are_compared_as_exactly_as_they_are_written(outcome):
    text = """
tests:
  - input_series: [{series: 'up{job="a",instance="b"}', values: "0.6666"}]
    target_test:
      - {eval_time: 1m, target: up, labels: {job: a, instance: b}, exp_values: {value: VALUE, pace: null}}
"""
    for value in ("0.667", "0.67", "1", "0.6666"):
        passes(outcome(text.replace("VALUE", value)))
    for value in ("0.666", "0.66", "0", "0.66661", "null"):
        assert outcome(text.replace("VALUE", value))[0].failures


def test_failing_sources_and_calls(outcome):
    config = """
sources: {s: {type: file, path: n.csv, every: 1m, readings: [{series: n, value: v}]}}
targets:
  t:
    series: n
    goal: {at_most: 1}
    alerts: [{name: high, when: out_of_band}]
    correct: [{on: high, action: lower, max_attempts: 2, cooldown: 5m, verify: {within: 2m}, escalate: {to: people}}]
actions: {lower: {type: webhook, url: "http://127.0.0.1:9/"}}
receivers: {people: [{type: console}]}
"""
    passes(
        outcome(
            """
tests:
  - input_series: [{series: n, values: "0 2x60"}]
    failing: [{source: s, from: 30m, to: 40m}]
    calls: [{action: lower, to: 65s, error: no answer}, {action: lower, from: 65s, error: refused, permanent: true}]
    correction_test:
      - {eval_time: 59s}
      - {eval_time: 1m, exp_corrections: [{action: lower, alertname: high, state: approved, attempt: 1, detail: no answer}]}
      - {eval_time: 20m, target: t, exp_corrections: [{state: escalated, attempt: 2, detail: refused}]}
      - {eval_time: 20m, action: lower, exp_corrections: [{state: escalated}]}
    delivery_test:
      - {eval_time: 20m, receiver: people, exp_deliveries: [{reason: escalated, target: t, annotations: {}}]}
    target_test:
      - {eval_time: 30m, target: t, exp_standing: out_of_band}
      - {eval_time: 31m, target: t, exp_standing: no_data}
      - {eval_time: 40m, target: t, exp_standing: out_of_band}
    alert_rule_test:
      - {eval_time: 31m, alertname: source-down, exp_alerts: [{exp_labels: {source: s, severity: warning}}]}
      - {eval_time: 40m, alertname: source-down}
""",
            config,
        )
    )


def test_what_people_say_to_proposals(outcome):
    config = """
sources: {s: {type: file, path: n.csv, every: 1m, readings: [{series: n, value: v, labels: {at: at}}]}}
targets:
  t: {series: n, by: [at], goal: {at_most: 1}, alerts: [{name: high, when: out_of_band}], correct: [{on: high, action: lower, approval: required, undo: raise}]}
  u: {series: n, by: [at], goal: {at_most: 1}, alerts: [{name: high, when: out_of_band}], correct: [{on: high, action: lower, approval: {within: 30m}}]}
actions: {lower: {type: webhook, url: "http://127.0.0.1:9/{{ target }}/{{ labels.at }}"}, raise: {type: webhook, url: "http://127.0.0.1:9/raise"}}
receivers: {}
"""
    passes(
        outcome(
            """
tests:
  - input_series: [{series: "n{at='a'}", values: "0 2x9 0x60"}]
    answers: [{at: 5m, action: lower, target: t, by: ann}]
    correction_test:
      - {eval_time: 4m, exp_corrections: [{action: lower, state: proposed}, {action: lower, state: proposed}]}
      - {eval_time: 5m, target: t, exp_corrections: [{state: verifying, attempt: 1}]}
      - {eval_time: 11m, target: t, exp_corrections: [{state: verified, detail: "back on target: 2 before, 0 6m after the call"}]}
      - {eval_time: 11m, target: u, exp_corrections: [{state: skipped, detail: came back before the call}]}
  - input_series: [{series: "n{at='a'}", values: "0 2x60"}]
    answers: [{at: 5m, action: lower, target: t, reject: true, by: ann}]
    correction_test:
      - {eval_time: 5m, target: t, exp_corrections: [{state: skipped, detail: rejected by ann}]}
      - {eval_time: 31m, target: u, exp_corrections: [{state: skipped, detail: nobody approved within 30m}]}
""",
            config,
        )
    )


MUTED = """
sources: {s: {type: file, path: n.csv, every: 1m, readings: [{series: n, value: v, labels: {at: at}}, {series: beside, value: v}]}}
targets:
  t:
    series: n
    by: [at]
    goal: {at_most: 1}
    alerts: [{name: high, when: out_of_band, for: 2m, keep_firing_for: 2m, escalate: [{after: 10m, to: boss}], repeat_interval: 15m, notify: [people]}]
  u: {series: beside, goal: {at_most: 1}, alerts: [{name: grouped, when: out_of_band}]}
receivers: {people: [{type: webhook, url: "http://127.0.0.1:9"}], boss: [{type: webhook, url: "http://127.0.0.1:9"}], all: [{type: webhook, url: "http://127.0.0.1:9"}]}
route: {receiver: all, group_wait: 1m, group_interval: 5m, repeat_interval: 1h}
"""


@pytest.mark.parametrize("failing", ["", "failing: [{source: s, from: 3h, to: 4h}, {source: s, from: 0s, to: 0s}]"])
def test_what_people_silence_and_take(outcome, failing):
    passes(
        outcome(
            f"""
tests:
  - input_series: [{{series: "n{{at='a'}}", values: "_ 0 2x40 0x9 2x9"}}, {{series: "n{{at='b'}}", values: "_ 0 2x8 0x60"}}]
    {failing}
    silences: [{{from: 4m, to: 10m, matchers: [t, 'at!~"b|c"'], reason: move}}]
    acknowledgements: [{{at: 30m, alertname: high, target: t, labels: {{at: a}}, by: ann}}]
    delivery_test:
      - eval_time: 1h10m
        receiver: people
        exp_deliveries:
          - {{at: 4m, reason: firing, labels: {{at: b}}}}
          - {{at: 10m, reason: firing, labels: {{at: a}}}}
          - {{at: 13m, reason: resolved, labels: {{at: b}}}}
          - {{at: 25m, reason: reminder}}
          - {{at: 45m, reason: resolved}}
          - {{at: 55m, reason: firing}}
          - {{at: 1h10m, reason: reminder}}
      - eval_time: 1h10m
        receiver: boss
        exp_deliveries: [{{at: 14m, reason: escalated}}, {{at: 29m, reason: reminder}}, {{at: 45m, reason: resolved}}, {{at: 1h5m, reason: escalated}}]
  - input_series: [{{series: beside, values: "_ 2x60"}}, {{series: "n{{at='a'}}", values: "_ 2x60"}}]
    {failing}
    silences: [{{to: 9m, matchers: [alertname=grouped]}}, {{from: 5m, to: 20m, matchers: [target=u]}}]
    acknowledgements: [{{at: 12m}}]
    delivery_test:
      - {{eval_time: 1h, receiver: all, exp_deliveries: [{{at: 22m, reason: firing}}]}}
      - {{eval_time: 1h, receiver: people, exp_deliveries: [{{at: 3m}}]}}
      - {{eval_time: 1h, receiver: boss, exp_deliveries: []}}
""",
            MUTED,
        )
    )


def test_a_source_that_is_down_can_be_taken(outcome):
    passes(
        outcome(
            """
tests:
  - input_series: [{series: beside, values: "0x90"}]
    failing: [{source: s, from: 1m, to: 1h30m}]
    acknowledgements: [{at: 10m, alertname: source-down, labels: {source: s}}]
    delivery_test: [{eval_time: 1h20m, receiver: all, exp_deliveries: [{reason: firing, alertname: source-down}]}]
""",
            MUTED.replace("repeat_interval: 1h", "repeat_interval: 15m"),
        )
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tests: [{silences: [{to: 1m, matchers: [goroutnes]}]}]", "did you mean goroutines?"),
        ("tests: [{silences: [{from: 2m, to: 1m, matchers: [a=b]}]}]", "ends before it begins"),
        ("tests: [{acknowledgements: [{at: 1m, alertname: InstanceDwn}]}]", "did you mean InstanceDown?"),
        ("tests: [{input_series: [{series: upp, values: '1'}]}]", "no target reads the series upp (did you mean up?)"),
        ("tests: [{input_series: [{series: 'up{a=~\"x\"}', values: '1'}]}]", "are written with ="),
        (
            "tests: [{input_series: [{series: 'up{source=\"scrap\"}', values: '1'}]}]",
            'no source up{source="scrap"} (did you mean scrape?)',
        ),
        ("tests: [{input_series: [{series: up, values: 'x'}]}]", "'x' can't be read"),
        ("tests: [{alert_rule_test: [{eval_time: 1m, alertname: InstanceDwn}]}]", "did you mean InstanceDown?"),
        ("tests: [{target_test: [{eval_time: 1m, target: upp}]}]", "did you mean up?"),
        ("tests: [{target_test: [{eval_time: 1m, target: gone, labels: {a: b}}]}]", "its one instance has none"),
        ("tests: [{target_test: [{eval_time: 1m, target: gone, exp_values: {vaule: 1}}]}]", "did you mean value?"),
        ("tests: [{target_test: [{eval_time: soon, target: gone}]}]", "'soon' is not a duration"),
        ("tests: [{delivery_test: [{eval_time: 1m, receiver: consle}]}]", "did you mean console?"),
        (
            "tests: [{delivery_test: [{eval_time: 1m, receiver: quiet, exp_deliveries: [{reason: reslved}]}]}]",
            "did you mean resolved?",
        ),
        ("tests: [{delivery_test: [{receiver: quiet, between: {from: 3m, to: 1m}}]}]", "ends before it begins"),
        ("tests: [{failing: [{source: scrape, from: 6m, to: 1m}]}]", "ends before it begins"),
        ("tests: [{calls: [{action: x, from: 6m, to: 1m, error: e}]}]", "ends before it begins"),
        (
            "tests: [{input_series: [{series: 'up{a=\"x\"}', values: '1'}]}]",
            "no source gives up with a label a (there are",
        ),
        ("tests: [{input_series: [{series: 'up{jop=\"x\"}', values: '1'}]}]", "with a label jop (did you mean job?)"),
        (
            "tests: [{input_series: [{series: up, values: '1'}, {series: 'up{source=\"scrape\"}', values: '2'}]}]",
            "is given twice; first at",
        ),
        ("tests: [{failing: [{source: scrape, to: 1m}]}]", "there is no source that is read scrape"),
        ("tests: [{answers: [{at: 1m, action: lowr}]}]", "there is no action lowr"),
        ("tests: [{promql_expr_test: []}]", "there is no PromQL"),
        ("rule_files: [a.yaml]\ntests: [{}]", "is Prometheus' key"),
        ("tests: []", "needs at least 1"),
        ("config: nowhere.yaml\ntests: [{}]", "means nothing beside the file's own sources, targets"),
        ("tests: [{alertrule_test: []}]", "did you mean alert_rule_test?"),
    ],
)
def test_mistakes_have_a_place_and_a_hint(outcome, text, said):
    with pytest.raises(ConfigErrors) as refused:
        outcome(text)
    (error,) = [one for one in refused.value.errors if said in str(one)]
    assert error.line == 1 or said.startswith("means nothing")


def test_what_the_configuration_lacks_is_said_at_its_own_place(tmp_path):
    (tmp_path / "setpoint.yaml").write_text("targets: {t: {seris: n}}\n")
    (tmp_path / "t_test.yaml").write_text("config: setpoint.yaml\ntests: [{}]\n")
    with pytest.raises(ConfigErrors, match=r"setpoint.yaml:1:15: targets.t.seris: unknown key"):
        read_tests(tmp_path / "t_test.yaml", {})
    (tmp_path / "t_test.yaml").write_text("tests: [{}]\n")
    with pytest.raises(ConfigErrors, match="has nothing to test"):
        read_tests(tmp_path / "t_test.yaml", {})


def test_junit_is_xml_that_counts(outcome):
    bad = 'tests: [{name: "odd \\x01 <&>", target_test: [{eval_time: 1m, target: gone, exp_standing: met}]}, {name: good}]'
    root = ET.fromstring(junit(outcome(bad)))
    assert (root.tag, root.get("tests"), root.get("failures")) == ("testsuites", "2", "1")
    (suite,) = root
    assert [case.get("name") for case in suite] == ["odd � <&>", "good"]
    assert suite[0][0].tag == "failure"
    assert "- standing: met" in suite[0][0].text
    assert len(suite[1]) == 0


def test_a_month_in_a_moment(outcome):
    """Not a measure: it only says that a month of readings is no matter of minutes."""
    passes(
        outcome(
            """
tests:
  - interval: 5m
    input_series: [{series: 'up{job="a",instance="b"}', values: "1x8639"}]
    target_test: [{eval_time: 30d, target: up, labels: {job: a, instance: b}, exp_standing: in_band}]
"""
        )
    )


def test_the_examples_pass():
    folder = Path(__file__).parents[3] / "examples" / "tests"
    files = sorted(folder.glob("*.yaml"))
    assert files
    for path in files:
        file = read_tests(path, {})
        assert [failures_of(file, number) for number, _ in enumerate(file.tests)] == [[] for _ in file.tests]


FLAPS = """
sources: {s: {type: webhook, secret: whatever-it-is, readings: [{series: m, value: v}]}}
targets:
  t: {series: m, goal: {at_least: 1}, alerts: [{name: f, when: out_of_band, flapping: true, NOTIFY}]}
receivers: {r: [{type: console}]}
route: {receiver: r, group_wait: 0s, group_interval: 1m, repeat_interval: 3m}
tests:
  - name: reminders stop while it flaps
    input_series: [{series: m, values: "1x25 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0x30"}]
    delivery_test:
      - receiver: r
        between: {from: 34m, to: 60m}
        exp_deliveries: [{at: 34m, reason: flapping}, {at: 55m, reason: settled}, {at: 58m, reason: reminder}]
"""


@pytest.mark.parametrize("notify", ["severity: warning", "notify: [r], repeat_interval: 3m"])
def test_nobody_is_reminded_of_an_alert_that_flaps(outcome, notify):
    passes(outcome(FLAPS.replace("NOTIFY", notify), ""))
