"""Every mistake is said at the first check: none hides another, and none is left for the first alert."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config.errors import ConfigErrors
from agent.config.load import load

READINGS = "readings: [{series: s, value: v}]"


def errors_of(path: Path) -> list[str]:
    with pytest.raises(ConfigErrors) as caught:
        load(path, {})
    return [f"{error.path}: {error.message} {error.hint}" for error in caught.value.errors]


def of_text(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "setpoint.yaml"
    file.write_text(text, encoding="utf-8")
    return errors_of(file)


TOGETHER = {
    "an address and a path in a row": (
        """sources: {c: {type: http, url: /foo, readings: [{series: "9x", value: "a[["}]}}""",
        ["c.url: has to be an address", "[0].value: is not a JMESPath", "[0].series: can't be the name of a series"],
    ),
    "an address and a schedule": (
        f"""sources: {{c: {{type: http, url: "ftp://x/y", cron: "61 * * * *", {READINGS}}}}}""",
        ["c.url: has to be an address", "c.cron: is not a cron expression"],
    ),
    "a gateway's address and a timeout": (
        f"""gateways: {{g: {{base_url: "https://a/"}}}}
sources: {{c: {{type: http, url: "https://b/", gateway: g, timeout: x, {READINGS}}}}}""",
        ["c.url: is not an address of the gateway", "c.timeout: 'x' is not a duration"],
    ),
    "a secret's file and what stands beside it": (
        """sources: {c: {type: webhook, secret: a, secret_file: b, readings: [{series: s, value: v, x: y}]},
  d: {type: webhook, secret_file: /nowhere, max_bytes: 0, readings: [{series: s, value: v}]}}""",
        [
            "c.secret_file: give secret or secret_file", "c.readings[0].x: unknown key",
            "d.secret_file: can't read", "d.max_bytes: has to be at least 1",
        ],
    ),
    "a scheme and a zone": (
        f"sources: {{c: {{type: webhook, scheme: github, timezone: x, {READINGS}}}}}",
        ["c.scheme: github needs a secret", "c.timezone: is not a time zone"],
    ),
    "no rhythm and a grace": (
        "sources: {c: {type: checkin, grace: x}}",
        ["c: give schedule or every", "c.grace: 'x' is not a duration"],
    ),
    "a rhythm that is mistyped": (
        "sources: {c: {type: checkin, shedule: 0 3 * * *}}",
        ["c.shedule: unknown key did you mean schedule?"],
    ),
    "no way to Slack and a timeout": (
        "receivers: {r: [{type: slack, timeout: x}]}",
        ["r[0]: give channel or url", "r[0].timeout: 'x' is not a duration"],
    ),
    "two ways to Slack, of which one is in a file": (
        "receivers: {r: [{type: slack, channel: c, url_file: /nowhere}]}",
        ["r[0].url_file: give channel or url, not both", "r[0].url_file: can't read"],
    ),
    "all templates of an action": (
        """actions: {x: {type: webhook, url: "http://h/{{ nope }}", json: {a: "{% if %}", b: ["{{ q }}"]},
  headers: {A: "{{ x"}, secret: ""}, y: {type: webhook, url: /rel, method: POTS, body: "{{ z }}"}}""",
        [
            "x.url: the template uses the name 'nope'", "x.json.a: the template can't be read",
            "x.json.b[0]: the template uses the name 'q'", "x.headers.A: the template can't be read",
            "x.secret: is empty", "y.url: has to begin with http", "y.method: has to be one of",
            "y.body: the template uses the name 'z'",
        ],
    ),
    "several ways to say who asks": (
        f"""sources: {{c: {{type: http, url: "https://b/", auth: {{bearer: "", api_key: {{value: x}}}}, {READINGS}}}}}""",
        ["auth.bearer: is empty", "auth.api_key: give bearer or api_key", "auth.api_key: give header or query"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), TOGETHER.values(), ids=TOGETHER)
def test_no_mistake_hides_another(tmp_path: Path, text: str, expected: list[str]) -> None:
    found = of_text(tmp_path, text)
    for words in expected:
        assert any(words in error for error in found), (words, found)
    assert len(found) == len(expected), found


def test_a_file_that_is_no_yaml_hides_no_mistake_of_the_others(tmp_path: Path) -> None:
    source = f"{{type: file, path: a.csv, {READINGS}}}"
    (tmp_path / "1.yaml").write_text(f"sources: {{a: {source}}}\ndefaults: {{every: x}}\n")
    (tmp_path / "2.yaml").write_text(f"sources: {{a: {source}}}\nroute: {{routes: []}}\nheartbeat: {{every: 1m}}\n")
    (tmp_path / "3.yaml").write_text("receivers: {ops: [}\n")
    (tmp_path / "4.yaml").write_text("targets: {t: {series: q, alerts: [{name: n, when: no_data, notify: [ops]}]}}\n")
    found = errors_of(tmp_path)
    assert ["is defined twice" in found[1], "is not YAML" in found[2]] == [True, True], found
    assert "defaults.every" in found[0]
    assert len(found) == 3  # what is not here may be in the file that can't be read


WRONG_TIMES = {
    "%Q": "has no meaning for strptime: 'Q' is a bad directive",
    "%": "has no meaning for strptime: stray %",
    "%d.%m %d": "names the same part of a time twice",
    "%d.%m. %H:%M %%Y": "does not say which year",
}


@pytest.mark.parametrize(("form", "said"), WRONG_TIMES.items(), ids=WRONG_TIMES)
def test_a_form_of_times_that_can_read_none_is_refused(tmp_path: Path, form: str, said: str) -> None:
    reading = f"{{series: s, value: v, time: t, time_format: '{form}'}}"
    found = of_text(tmp_path, f"sources: {{a: {{type: file, path: a.csv, readings: [{reading}]}}}}\n")
    assert len(found) == 1, found
    assert said in found[0]


@pytest.mark.parametrize("form", ["%d.%m.%y", "%c", "%G-W%V-%u", "%Y-%jT%H:%M:%S%z", "%x"])
def test_a_form_of_times_with_a_year_is_taken(tmp_path: Path, form: str) -> None:
    file = tmp_path / "setpoint.yaml"
    reading = f"{{series: s, value: v, time: t, time_format: '{form}'}}"
    file.write_text(f"sources: {{a: {{type: file, path: a.csv, readings: [{reading}]}}}}\n")
    load(file, {})


def test_a_form_of_times_needs_times(tmp_path: Path) -> None:
    text = "sources: {a: {type: file, path: a.csv, readings: [{series: s, value: v, time_format: '%Y'}]}}\n"
    assert of_text(tmp_path, text) == [
        "sources.a.readings[0].time_format: is for the times that time finds; add time, or remove it "
    ]


ZONES = {
    "utc": "did you mean UTC?",
    "europe/amsterdam": "did you mean Europe/Amsterdam?",
    "Europe/Amsterdm": "did you mean Europe/Amsterdam?",
    "New York": "did you mean America/New_York?",
    "CEST": "write an IANA name such as Europe/Amsterdam",
    "PDT": "write an IANA name such as Europe/Amsterdam",
    "Mars/Olympus": "write an IANA name such as Europe/Amsterdam",
}


@pytest.mark.parametrize(("zone", "hint"), ZONES.items(), ids=ZONES)
def test_only_a_zone_that_is_meant_is_offered(tmp_path: Path, zone: str, hint: str) -> None:
    [found] = of_text(tmp_path, f"defaults: {{timezone: {zone}}}\n")
    assert hint in found


TARGET = """sources: {c: {type: file, path: a.csv, readings: [{series: c, value: v, labels: {room: r}}]}}
targets: {t: {series: c, by: [room], goal: {at_least: 1}, alerts: [
  {name: low, when: out_of_band, labels: {team: x}, annotations: {a: '%s'}}], correct: [{on: low, action: x}]}}
actions: {x: {type: webhook, url: 'http://h/%s'}}
"""


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("{{ labels.rom }}", "did you mean room?"),
        ('{{ labels["rom"] | upper }}', "did you mean room?"),
        ("{% for x in [labels.zone] %}{{ x }}{% endfor %}", "there are alertname, room, severity, target, team"),
    ],
)
def test_a_label_that_is_not_there_is_said(tmp_path: Path, text: str, hint: str) -> None:
    for place, inside in (("targets.t.alerts[0].annotations.a", (text, "")), ("actions.x.url", ("", text))):
        [found] = of_text(tmp_path, TARGET % inside)
        assert found.startswith(f"{place}: ")
        assert hint in found


@pytest.mark.parametrize(
    "text",
    [
        "{{ labels.room }} {{ labels.team }} {{ labels.severity }} {{ labels.target }} {{ labels.alertname }}",
        '{{ labels.zone | default("x") }}',
        "{% if labels.zone %}{{ labels.zone }}{% endif %}",
        "{% if labels.zone is defined %}{{ labels.zone }}{% endif %}",
        '{{ labels.zone if "zone" in labels else "" }}',
        '{{ labels.get("zone") }}{% for name, text in labels.items() %}{{ name }}{% endfor %}',
    ],
)
def test_a_label_that_may_be_missing_is_nothing_wrong(tmp_path: Path, text: str) -> None:
    file = tmp_path / "setpoint.yaml"
    file.write_text(TARGET % (text, text))
    load(file, {})


def test_every_mistake_of_one_expression(tmp_path):
    text = "foo(d) > 1 and last(d, '5x') > 'a' and (sum(d) or not 3)"
    (tmp_path / "setpoint.yaml").write_text(
        "sources: {s: {type: file, path: x.csv, readings: [{series: d, value: v}]}}\n"
        f'targets: {{t: {{goal: {{condition: "{text}"}}}}}}\n'
    )
    with pytest.raises(ConfigErrors) as caught:
        load(tmp_path / "setpoint.yaml", {})
    said = [str(error) for error in caught.value.errors]
    columns = [int(line.split(":")[2]) for line in said]
    assert columns == sorted(columns)
    start = 34  # where the expression begins; a mistake in its first word is shown at the quote before it
    assert columns == [start - 1, *(start + text.index(part) for part in ("'5x'", "'a'", "sum(d)", "3)"))]


WRONG = (
    "targets: {t: {series: visitorz, goal: {at_least: 1}}, u: {series: 'visitors{site=\"x\"}', goal: {at_least: 1}}}"
)
READ = "no source gives the series visitorz did you mean visitors?"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{type: htpp, readings: [{series: visitors, value: v, labels: {site: s}}]}", [READ]),
        ("{type: htpp, readings: [{serie: visitors, value: v}]}", [READ]),
        ("{type: htpp, reading: {series: visitors, value: v, labels: {site: s}}}", [READ]),
        ("{type: htpp, readings: [visitors]}", [READ]),
        ("{type: htpp, readings: [{series: visitors}, {series: visitorz}]}", ["no source gives visitors with a label"]),
        ("{type: chekin, every: 1h}", ["visitorz there are checkin, checkin_exit_status", "visitors there are"]),
        # It may give anything: better silent than wrong.
        ("{type: htpp, url: 'http://x'}", []),
        ("{type: htpp, readings: []}", []),
        ("{type: htpp, readings: [{series: visitors}, {value: v}]}", []),
        ("htpp", []),
    ],
)
def test_a_source_of_an_unknown_kind_hides_no_wrong_series(tmp_path: Path, source: str, said: list[str]) -> None:
    found = [line for line in of_text(tmp_path, f"sources: {{s: {source}}}\n{WRONG}\n") if "no source gives" in line]
    assert len(found) == len(said), found
    assert all(part in line for part, line in zip(said, found, strict=True)), found
