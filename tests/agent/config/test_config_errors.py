"""Wrong configurations and exactly what is said of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config.errors import ConfigErrors
from agent.config.load import load
from connectors.registry import BUILT_IN
from rules.measures import NAMES

SOURCES = """\
sources:
  shop: {type: http, url: "http://shop.local/", readings: [{series: sales, value: v, labels: {region: r}}]}
  hook: {type: webhook, readings: [{series: visitors, value: v}, {series: seats, value: s, labels: {room: r}}]}
  job: {type: checkin, every: 1h}
receivers:
  growth: [{type: slack, channel: "#growth"}]
"""


def errors_of(tmp_path: Path, text: str, environ: dict[str, str] | None = None) -> list[str]:
    file = tmp_path / "setpoint.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigErrors) as caught:
        load(file, environ or {})
    return [str(error).replace(f"{tmp_path}/", "") for error in caught.value.errors]


def target(body: str) -> str:
    """The sources, and one target `t` on line 8 whose keys begin at column 7."""
    return f"{SOURCES}targets:\n  t: {{{body}}}\n"


TARGETS = {
    "words that are near": (
        "series: sales, combine: average, goal: {measure: avg, at_least: 5, per: mnth}",
        [
            "8:31: targets.t.combine: has to be one of sum, mean, min, max, last (did you mean mean?)",
            (
                f"8:56: targets.t.goal.measure: has to be one of {', '.join(NAMES)}, "
                "or a quantile such as p95 (did you mean mean?)"
            ),
            (
                "8:79: targets.t.goal.per: has to be one of hour, day, week, month, quarter, year, "
                "a duration such as 30d, or {from: …, to: …} (did you mean month?)"
            ),
        ],
    ),
    "unknown key": (
        "series: sales, goal: {at_leest: 3}",
        ["8:29: targets.t.goal.at_leest: unknown key (did you mean at_least?)"],
    ),
    "band upside down": (
        "series: sales, goal: {at_least: 5, at_most: 3}",
        ["8:39: targets.t.goal.at_least: 5 is more than at_most 3"],
    ),
    "nothing wanted": (
        "series: sales, goal: {per: month}",
        ["8:22: targets.t.goal: needs at_least, at_most or a condition"],
    ),
    "text as number": (
        "series: sales, goal: {at_least: yes}",
        ["8:39: targets.t.goal.at_least: has to be a number, or a percentage such as 99.9%"],
    ),
    "true as number": (
        "series: sales, goal: {at_least: true}",
        ["8:39: targets.t.goal.at_least: has to be a number, or a percentage such as 99.9%"],
    ),
    "condition and number": (
        'goal: {condition: "last(sales) > 3", at_least: 3}',
        ["8:54: targets.t.goal.at_least: give condition or at_least, not both"],
    ),
    "condition on an unknown series": (
        'goal: {condition: "last(salez) > 3"}',
        ["8:31: targets.t.goal.condition: no source gives the series salez (did you mean sales?)"],
    ),
    "unknown series": (
        "series: visitor, goal: {at_least: 3}",
        ["8:15: targets.t.series: no source gives the series visitor (did you mean visitors?)"],
    ),
    "broken selector": (
        "series: 'sales{region=~\"(\"}', goal: {at_least: 3}",
        [
            "8:15: targets.t.series: '(' is not a regular expression: a bracket ( is not closed",
        ],
    ),
    "label nobody gives": (
        "series: 'sales{regoin=\"x\"}', by: [regio], goal: {at_least: 3}",
        [
            "8:15: targets.t.series: no source gives sales with a label regoin (did you mean region?)",
            "8:41: targets.t.by[0]: no series of this target has a label regio (did you mean region?)",
        ],
    ),
    "nothing to read": (
        "title: x",
        ["8:3: targets.t: needs a series, a goal with a condition, or the source of a check-in"],
    ),
    "two things to read": (
        "series: sales, source: job",
        ["8:3: targets.t: has series and source; give one of them"],
    ),
    "source that is no check-in": (
        "source: shop",
        ["8:15: targets.t.source: shop is not a check-in; name one of its series instead: series: …"],
    ),
    "unknown check-in": (
        "source: jobb, alerts: [{name: a, when: missed}]",
        ["8:15: targets.t.source: there is no check-in source jobb (did you mean job?)"],
    ),
    "behind without period": (
        "series: sales, goal: {at_least: 3}, alerts: [{name: a, when: behind}]",
        [
            (
                "8:68: targets.t.alerts[0].when: behind never happens to a goal without per"
                " (what can happen: in_band, no_data, out_of_band, unusual)"
            ),
        ],
    ),
    "out of band with period": (
        "series: sales, goal: {at_least: 3, per: day}, alerts: [{name: a, when: out_of_band}]",
        [
            (
                "8:78: targets.t.alerts[0].when: out_of_band never happens to a goal with per"
                " (what can happen: behind, met, missed, no_data, on_track, too_early, unusual)"
            ),
        ],
    ),
    "behind on a rolling period": (
        "series: sales, goal: {at_least: 3, per: 30d}, alerts: [{name: a, when: behind}]",
        [
            (
                "8:78: targets.t.alerts[0].when: behind never happens to a goal over a rolling period"
                " (what can happen: met, missed, no_data, unusual)"
            ),
        ],
    ),
    "band without a goal": (
        "series: sales, alerts: [{name: a, when: out_of_band}]",
        [
            (
                "8:47: targets.t.alerts[0].when: out_of_band never happens to a target without a goal"
                " (what can happen: no_data, unusual)"
            ),
        ],
    ),
    "unusual condition": (
        'goal: {condition: "last(sales) > 1"}, alerts: [{name: a, when: unusual}]',
        [
            (
                "8:70: targets.t.alerts[0].when: unusual never happens to a condition"
                " (what can happen: in_band, no_data, out_of_band)"
            ),
        ],
    ),
    "unusual check-in": (
        "source: job, alerts: [{name: a, when: unusual}]",
        [
            (
                "8:45: targets.t.alerts[0].when: unusual never happens to a check-in"
                " (what can happen: met, missed, no_data)"
            ),
        ],
    ),
    "nearly unusual": (
        "series: sales, alerts: [{name: a, when: unusal}]",
        [
            (
                "8:47: targets.t.alerts[0].when: has to be one of no_data, too_early, on_track, behind, met, missed,"
                " in_band, out_of_band, unusual, burning (did you mean unusual?)"
            ),
        ],
    ),
    "labels of the alert itself": (
        (
            "series: sales, by: [region], goal: {at_least: 3},"
            " alerts: [{name: a, when: out_of_band, labels: {target: x, region: y}}]"
        ),
        [
            "8:104: targets.t.alerts[0].labels.target: is a label that every alert of this target has already",
            "8:115: targets.t.alerts[0].labels.region: is a label that every alert of this target has already",
        ],
    ),
    "alert twice": (
        "series: sales, goal: {at_least: 3}, alerts: [{name: a, when: out_of_band}, {name: a, when: no_data}]",
        [
            (
                "8:89: targets.t.alerts[1].name: this target has two alerts of this name;"
                " the first is at setpoint.yaml:8:59"
            ),
        ],
    ),
    "alert without a name": (
        "series: sales, goal: {at_least: 3}, alerts: [{when: out_of_band, notify: [growht]}]",
        [
            "8:52: targets.t.alerts[0].name: is missing",
            "8:81: targets.t.alerts[0].notify[0]: there is no receiver growht (did you mean growth?)",
        ],
    ),
    "recover outside": (
        "series: sales, goal: {at_least: 20, at_most: 23}, recover: {at_least: 19, at_most: 24}",
        [
            "8:77: targets.t.recover.at_least: 19 lies outside the goal's band",
            "8:90: targets.t.recover.at_most: 24 lies outside the goal's band",
        ],
    ),
    "correction without alert or action": (
        (
            "series: sales, goal: {at_least: 3}, alerts: [{name: low, when: out_of_band}],"
            " correct: [{on: lo, action: fix, approval: ask, escalate: {to: growt}}]"
        ),
        [
            "8:100: targets.t.correct[0].on: this target has no alert lo (did you mean low?)",
            "8:112: targets.t.correct[0].action: there is no action fix",
            "8:127: targets.t.correct[0].approval: has to be one of none, required",
            "8:147: targets.t.correct[0].escalate.to: there is no receiver growt (did you mean growth?)",
        ],
    ),
    "no period": (
        "series: sales, goal: {at_least: 3, per: fortnight}",
        [
            (
                "8:47: targets.t.goal.per: has to be one of hour, day, week, month, quarter, year,"
                " a duration such as 30d, or {from: …, to: …}"
            ),
        ],
    ),
    "period backwards": (
        "series: sales, goal: {at_least: 3, per: {from: 2026-02-01, to: 2026-01-31}}",
        ["8:70: targets.t.goal.per.to: lies before from"],
    ),
    "period without end": (
        "series: sales, goal: {at_least: 3, per: {from: 2026-02-30}}",
        [
            "8:42: targets.t.goal.per.to: is missing",
            (
                "8:54: targets.t.goal.per.from: has to be a date such as 2026-01-31,"
                " or a date and time such as 2026-01-31T18:00"
            ),
        ],
    ),
    "not a duration": (
        "series: sales, no_data: {after: 10 minutes}, goal: {at_least: 3}",
        [
            "8:39: targets.t.no_data.after: '10 minutes' is not a duration; write for example 500ms, 30s, 1h30m or 7d",
        ],
    ),
    "not a zone": (
        "series: sales, timezone: Europe/Amsterdan, goal: {at_least: 3}",
        ["8:32: targets.t.timezone: is not a time zone (did you mean Europe/Amsterdam?)"],
    ),
    "not a list": (
        "series: sales, goal: {at_least: 3}, alerts: {name: a}",
        ["8:51: targets.t.alerts: has to be a list"],
    ),
    "list with a text": (
        "series: sales, goal: {at_least: 3}, alerts: [out_of_band]",
        ["8:52: targets.t.alerts[0]: has to be a mapping (key: value)"],
    ),
    "empty value": (
        "series: sales, goal: {at_least: 3}, alerts: [{name: , when: out_of_band}]",
        ["8:59: targets.t.alerts[0].name: is empty"],
    ),
    "template that can't be read": (
        (
            "series: sales, goal: {at_least: 3},"
            " alerts: [{name: a, when: out_of_band, annotations: {summary: '{{ lables.x }}'}}]"
        ),
        None,
    ),
}


@pytest.mark.parametrize(("body", "expected"), TARGETS.values(), ids=TARGETS.keys())
def test_target_errors(tmp_path: Path, body: str, expected: list[str] | None) -> None:
    found = errors_of(tmp_path, target(body))
    if expected is None:
        assert len(found) == 1
        assert found[0].startswith("setpoint.yaml:8:104: targets.t.alerts[0].annotations.summary: ")
        assert "lables" in found[0]
    else:
        assert found == [f"setpoint.yaml:{line}" for line in expected]


OTHERS = {
    "section": ("sourcess: {}\n", ["1:1: sourcess: unknown key (did you mean sources?)"]),
    "section that is a list": ("targets: [a]\n", ["1:10: targets: has to be a mapping of names"]),
    "kind": ("sources: {a: {type: htpp}}\n", ["1:21: sources.a.type: unknown kind (did you mean http?)"]),
    "kind of the future": ("sources: {a: {type: mqtt}}\n", ["1:21: sources.a.type: mqtt is not built yet"]),
    "no kind": (
        "sources: {a: {url: x}}\n",
        [f"1:11: sources.a.type: is missing (one of {', '.join(BUILT_IN['sources'])})"],
    ),
    "every and cron": (
        "sources: {a: {type: file, path: a.csv, every: 1m, cron: '* * * * *', readings: [{series: x, value: v}]}}\n",
        ["1:57: sources.a.cron: give every or cron, not both"],
    ),
    "bad cron": (
        "sources: {a: {type: file, path: a.csv, cron: '61 * * * *', readings: [{series: x, value: v}]}}\n",
        ["1:46: sources.a.cron: is not a cron expression: bad minute"],
    ),
    "read too often": (
        "sources: {a: {type: file, path: a.csv, every: 99ms, readings: [{series: x, value: v}]}}\n",
        ["1:47: sources.a.every: a source is read every 100ms at most"],
    ),
    "read too often by default": (
        "defaults: {every: 10ms}\nsources: {a: {type: file, path: a.csv, readings: [{series: x, value: v}]}}\n",
        ["1:19: defaults.every: a source is read every 100ms at most"],
    ),
    "bad path into the answer": (
        "sources: {a: {type: file, path: a.csv, readings: [{series: x, value: 'v['}]}}\n",
        ["1:70: sources.a.readings[0].value: is not a JMESPath expression: incomplete expression"],
    ),
    "bad series name": (
        "sources: {a: {type: file, path: a.csv, readings: [{series: 'x y', value: v, labels: {a-b: c, source: d}}]}}\n",
        [
            (
                "1:60: sources.a.readings[0].series: can't be the name of a series;"
                " use letters, digits, _ . : and -, and begin with a letter"
            ),
            "1:86: sources.a.readings[0].labels.a-b: can't be the name of a label; use letters, digits and _",
            (
                "1:94: sources.a.readings[0].labels.source: every reading already has the label source:"
                " the name of its source"
            ),
        ],
    ),
    "transform of the future": (
        "sources: {a: {type: file, path: a.csv, transform: {sql: x}, readings: [{series: x, value: v}]}}\n",
        ["1:40: sources.a.transform: is not built yet; remove it"],
    ),
    "unknown gateway": (
        (
            "gateways: {corp: {base_url: https://x.example}}\n"
            "sources: {a: {type: http, gateway: crop, url: /x, readings: [{series: x, value: v}]}}\n"
        ),
        ["2:36: sources.a.gateway: there is no gateway crop (did you mean corp?)"],
    ),
    "name that is no address": (
        "sources: {a/b: {type: file, path: a.csv, readings: [{series: x, value: v}]}}\n",
        ["1:11: sources.a/b: a source's name is part of its address; it can't hold spaces or / ? # %"],
    ),
    "receiver that is no list": (
        "receivers: {ops: {type: console}}\n",
        ["1:18: receivers.ops: has to be a list of notifiers, for example [{type: console}]"],
    ),
    "route": (
        "route: {receiver: consol, group_by: [a], routes: [{matchers: ['a==b', 'c=d'], receiver: x}]}\n",
        [
            "1:19: route.receiver: there is no receiver consol (did you mean console?)",
            "1:63: route.routes[0].matchers[0]: 'a==b' is not a matcher; write label=\"value\", or with != =~ !~",
            "1:89: route.routes[0].receiver: there is no receiver x (there are console)",
        ],
    ),
    "groups": (
        (
            "route: {receiver: console, group_by: [a, a], group_interval: 0s, continue: true, mute_time_intervals: [nite],"
            " routes: [{group_by: ['...', b]}, {active_time_intervals: nigt}]}\n"
            "time_intervals: {night: [{weekdays: [saturday]}]}\n"
        ),
        [
            "1:42: route.group_by[1]: a is there twice",
            "1:62: route.group_interval: has to be longer than nothing",
            "1:66: route.continue: the first route takes everything, so it has no continue",
            "1:82: route.mute_time_intervals: the first route takes everything, so it has no mute_time_intervals",
            "1:104: route.mute_time_intervals[0]: there is no time interval nite (did you mean night?)",
            "1:132: route.routes[0].group_by[0]: '...' groups by every label, so no other can stand beside it",
            "1:168: route.routes[1].active_time_intervals: there is no time interval nigt (did you mean night?)",
        ],
    ),
    "time intervals": (
        (
            "time_intervals:\n"
            "  a: [{times: [{start: '9:00', end: '17:00'}], weekdays: [mon], dayz: []}]\n"
            "  b: [{days_of_month: ['0'], months: [13], years: [x], location: Mars}]\n"
            "  c: {weekdays: [monday]}\n"
            "  d: [{times: [{start: '09:00', end: '09:00'}], days_of_month: ['5:1', '-1:3'], years: ['2027:2026']}]\n"
        ),
        [
            "2:24: time_intervals.a[0].times[0].start: '9:00' is not a time of day; write for example 09:30",
            "2:59: time_intervals.a[0].weekdays[0]: has to be written like monday:friday or sunday (did you mean monday?)",
            "2:65: time_intervals.a[0].dayz: unknown key (known here: days_of_month, location, months, times, weekdays, years)",
            "3:24: time_intervals.b[0].days_of_month[0]: has to be written like 1:7 or -1",
            "3:39: time_intervals.b[0].months[0]: has to be written like january:march or 12",
            "3:52: time_intervals.b[0].years[0]: has to be written like 2026:2028 or 2026",
            "3:66: time_intervals.b[0].location: is not a time zone; write an IANA name such as Europe/Amsterdam",
            "4:6: time_intervals.c: has to be a list",
            "5:16: time_intervals.d[0].times[0]: starts and ends at the same minute",
            "5:65: time_intervals.d[0].days_of_month[0]: ends before it begins",
            "5:72: time_intervals.d[0].days_of_month[1]: begins counting from the month's end, so it has to end so too: -3:-1",
            "5:89: time_intervals.d[0].years[0]: ends before it begins",
        ],
    ),
    "inhibition": (
        "inhibit_rules: [{source_matchers: ['a'], equals: [b]}, 5]\n",
        [
            "1:36: inhibit_rules[0].source_matchers[0]: 'a' is not a matcher; write label=\"value\", or with != =~ !~",
            "1:42: inhibit_rules[0].equals: unknown key (did you mean equal?)",
            "1:56: inhibit_rules[1]: has to be a mapping (key: value)",
        ],
    ),
    "dependencies": (
        (
            "sources: {s: {type: webhook, readings: [{series: x, value: v}]}}\n"
            "targets:\n"
            "  a: {series: x, goal: {at_least: 1}, depends_on: [b, s]}\n"
            "  b: {series: x, goal: {at_least: 1}, depends_on: c}\n"
            "  c: {series: x, goal: {at_least: 1}, depends_on: [a, bb]}\n"
            "  d: {series: x, goal: {at_least: 1}, depends_on: d, mute_time_intervals: [night]}\n"
        ),
        [
            "3:51: targets.a.depends_on: depends on itself: a -> b -> c -> a",
            "5:55: targets.c.depends_on[1]: there is no target or source bb (did you mean b?)",
            "6:51: targets.d.depends_on: depends on itself: d -> d",
            "6:76: targets.d.mute_time_intervals[0]: there is no time interval night",
        ],
    ),
    "key twice": (
        "receivers: {a: [{type: console}]}\nreceivers: {}\n",
        ["2:1: receivers: is defined twice; first at setpoint.yaml:1:1"],
    ),
    "merge key": (
        "heartbeat:\n  <<: {every: 1m}\n  url: https://x.example\n",
        ["2:3: heartbeat.<<: YAML 1.2 has no merge keys; write the keys out"],
    ),
    "unset variable": (
        "heartbeat: {url: 'https://${HOST}/x'}\n",
        [
            "1:18: heartbeat.url: the environment variable HOST is not set; set it, or write ${HOST:-default}",
        ],
    ),
    "unreadable variable": (
        "heartbeat: {url: 'https://${HO ST}/x'}\n",
        ["1:18: heartbeat.url: a variable is written ${NAME} or ${NAME:-default}, and a plain ${ is written $${"],
    ),
    "tag": (
        "heartbeat: {url: !secret x}\n",
        ["1:18: heartbeat.url: the tag !secret has no meaning here; remove it"],
    ),
    "not YAML": (
        "a: {b: topic[1]}\n",
        [
            (
                "1:13: is not YAML: did not find expected ',' or '}' while parsing a flow mapping"
                " (a value with [ ] { } or , in it has to stand in quotes here)"
            ),
        ],
    ),
    "a tab": (
        "a:\n\tb: 1\n",
        [
            (
                "2:1: is not YAML: found character that cannot start any token while scanning for the next token"
                " (lines are indented with spaces, not with tabs)"
            ),
        ],
    ),
    "two documents": ("a: 1\n---\nb: 1\n", None),
    "a list": ("- a\n", ["1:1: has to be a mapping of sections: sources, targets, receivers, …"]),
}


@pytest.mark.parametrize(("text", "expected"), OTHERS.values(), ids=OTHERS.keys())
def test_other_errors(tmp_path: Path, text: str, expected: list[str] | None) -> None:
    found = errors_of(tmp_path, text)
    if expected is None:
        assert found[0].startswith("setpoint.yaml:2:1: is not YAML")
    else:
        assert found == [f"setpoint.yaml:{line}" for line in expected]


def test_an_empty_file_and_a_missing_one(tmp_path: Path) -> None:
    assert errors_of(tmp_path, "# nothing\n") == ["setpoint.yaml: is empty; it needs at least sources and targets"]
    with pytest.raises(ConfigErrors, match=r"absent.yaml: can't be read: No such file or directory"):
        load(tmp_path / "absent.yaml", {})
    (tmp_path / "conf").mkdir()
    with pytest.raises(ConfigErrors, match=r"conf: has no \*.yaml file"):
        load(tmp_path / "conf", {})


def test_what_is_no_text_is_said(tmp_path: Path) -> None:
    file = tmp_path / "setpoint.yaml"
    for data in (b"\xff\xfe\x00", b"a: \x00", b"a: \xff\xff", b"\x80"):
        file.write_bytes(data)
        with pytest.raises(ConfigErrors, match="is not a text in UTF-8"):
            load(file, {})


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 100_000, "a: &x [*x]", "a: &x {b: *x}"])
def test_endless_nesting_is_refused(tmp_path: Path, text: str) -> None:
    assert errors_of(tmp_path, text)


def test_an_alias_bomb_is_refused_at_once(tmp_path: Path) -> None:
    levels = ["a: &a [x,x,x,x,x,x,x,x,x,x]"]
    levels += [f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 10)}]" for i in range(12)]
    found = errors_of(tmp_path, "\n".join(levels))
    assert any("the aliases here make it too large" in error for error in found)
    assert all(len(error) < 300 for error in found)


def test_names_of_two_files_clash_with_both_places(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("receivers:\n  ops: [{type: console}]\n")
    (tmp_path / "b.yaml").write_text("receivers:\n  dev: [{type: console}]\n  ops: [{type: console}]\n")
    with pytest.raises(ConfigErrors) as caught:
        load(tmp_path, {})
    assert [str(error).replace(f"{tmp_path}/", "") for error in caught.value.errors] == [
        "b.yaml:3:3: receivers.ops: is defined twice; first at a.yaml:2:3"
    ]


def test_errors_come_in_order_and_carry_their_parts(tmp_path: Path) -> None:
    file = tmp_path / "setpoint.yaml"
    file.write_text("route: {receiver: consol}\nheartbeat: {urll: x}\n")
    with pytest.raises(ConfigErrors) as caught:
        load(file, {})
    first = caught.value.errors[0]
    assert (first.file, first.line, first.column) == (str(file), 1, 19)
    assert (first.path, first.message) == ("route.receiver", "there is no receiver consol")
    assert first.hint == "did you mean console?"
    assert [error.line for error in caught.value.errors] == [1, 2, 2]


def test_an_unknown_key_hides_no_contradiction(tmp_path: Path) -> None:
    source = (
        '{type: http, url: "http://x.local/", methd: POST, json: {a: 1}, body: x, readings: [{series: s, value: v}]}'
    )
    assert errors_of(tmp_path, f"sources:\n  a: {source}\n") == [
        "setpoint.yaml:2:43: sources.a.methd: unknown key (did you mean method?)",
        "setpoint.yaml:2:76: sources.a.body: give json or body, not both",
    ]


READINGS = "readings: [{series: s, value: v}]"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "sources: {a: {type: checkin, schedule: x, every: 1h}}\n",
            ["schedule: a cron expression has five fields", "every: give schedule or every, not both"],
        ),
        (
            "sources: {a: {type: checkin, schedule: 0 3 * * *, every: x}}\n",
            ["every: 'x' is not a duration", "every: give schedule or every, not both"],
        ),
        (
            f"sources: {{a: {{type: http, url: 'http://x/', json: 1, body: [], every: 1m, cron: x, {READINGS}}}}}\n",
            ["body: has to be a text", "body: give json or body", "cron: a cron", "cron: give every or cron"],
        ),
        (
            "actions: {a: {type: webhook, url: 'http://x/', json: {a: 1}, body: [x]}}\n",
            ["body: give json or body, not both", "body: has to be a text"],
        ),
        (
            f"{SOURCES}targets: {{t: {{goal: {{condition: 'last(sales) > 3', at_least: x, per: x}}}}}}\n",
            ["at_least: has to be a number", "at_least: give condition or", "per: give condition or", "per: has to be"],
        ),
        (
            f"{SOURCES}targets: {{t: {{series: sales, goal: {{condition: [x], at_least: 1}}}}}}\n",
            ["condition: has to be a text", "at_least: give condition or at_least, not both"],
        ),
    ],
)
def test_a_bad_value_hides_no_contradiction_with_its_neighbour(tmp_path: Path, text: str, expected: list[str]) -> None:
    found = errors_of(tmp_path, text)
    assert len(found) == len(expected)
    for words in expected:
        assert any(words in error for error in found), (words, found)


@pytest.mark.parametrize(
    ("url", "right"),
    [
        ("/v1", True),
        ("https://gw.example/v1", True),
        ("HTTPS://GW.example:443/v1", True),
        ("/go?to=http://other.example/", True),
        ("https://other.example/v1", False),
        ("http://gw.example/v1", False),
        ("https://gw.example:8443/v1", False),
        ("https://gw.example.evil/v1", False),
        ("https://gw.example@evil/v1", False),
        ("ftp://gw.example/v1", False),
    ],
)
@pytest.mark.parametrize("section", ["sources", "actions"])
def test_a_gateway_is_for_its_own_host(tmp_path: Path, url: str, right: bool, section: str) -> None:
    kind = f"type: http, {READINGS}" if section == "sources" else "type: webhook"
    text = f"gateways: {{corp: {{base_url: 'https://gw.example/api'}}}}\n{section}: {{a: {{{kind}, gateway: corp, url: '{url}'}}}}\n"
    if right:
        (tmp_path / "setpoint.yaml").write_text(text)
        load(tmp_path / "setpoint.yaml", {})
    else:
        assert [error.split(": ", 1)[1].split(":")[0] for error in errors_of(tmp_path, text)] == [f"{section}.a.url"]


@pytest.mark.parametrize(
    ("url", "errors"),
    [
        ("https://gw.example/{{ labels.room }}", 0),
        ("https://other.example/{{ labels.room }}", 1),
        ("https://{{ labels.room }}/x", 0),
        ("https://gw.exa{{ labels.room }}/x", 0),
        ("{{ labels.room }}", 0),
    ],
)
def test_of_a_template_the_host_is_checked_where_it_is_fixed(tmp_path: Path, url: str, errors: int) -> None:
    text = f"gateways: {{corp: {{base_url: 'https://gw.example/api'}}}}\nactions: {{a: {{type: webhook, gateway: corp, url: '{url}'}}}}\n"
    (tmp_path / "setpoint.yaml").write_text(text)
    try:
        load(tmp_path / "setpoint.yaml", {})
    except ConfigErrors as found:
        assert [error.path for error in found.errors] == ["actions.a.url"] * errors  # noqa: PT017
    else:
        assert errors == 0
