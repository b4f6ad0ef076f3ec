"""Right configurations: what they become."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from agent.config import words
from agent.config.configuration import Configuration
from agent.config.describe import describe
from agent.config.errors import ConfigErrors
from agent.config.load import load
from rules.inhibition import InhibitRule
from rules.intervals import TimeInterval
from rules.model import (
    DAY,
    HOUR,
    MINUTE,
    CalendarPeriod,
    Checkin,
    Combine,
    FixedPeriod,
    Goal,
    Matcher,
    Measure,
    NoData,
    NoDataThen,
    PeriodTable,
    Recover,
    RollingPeriod,
    Selector,
    Standing,
)
from rules.routing import Route
from rules.specs import CHECKIN_SERIES, Specs

EXAMPLE = Path(__file__).parent / "example.yaml"
ENVIRON = {
    "GATEWAY_TOKEN": "gateway-token-5791",
    "SHOP_DB": "sqlite:///shop-5791.db",
    "PUSH_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "HVAC_SECRET": "hvac-secret-5791",
    "HOOK_SECRET": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
}


def write(tmp_path: Path, text: str, name: str = "setpoint.yaml") -> Path:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return file


def loaded(tmp_path: Path, text: str, environ: dict[str, str] | None = None) -> Configuration:
    return load(write(tmp_path, text), environ or {})


SOURCE = "sources: {s: {type: webhook, readings: [{series: x, value: v, labels: {room: r}}]}}\n"


def one_target(tmp_path: Path, body: str):
    return loaded(tmp_path, f"{SOURCE}targets: {{t: {{{body}}}}}\n").targets["t"]


@pytest.fixture(scope="module")
def example() -> Configuration:
    return load(EXAMPLE, ENVIRON)


def test_the_example_says_when_sources_are_read(example: Configuration) -> None:
    rhythm = {name: (source.every, source.cron, source.polled) for name, source in example.sources.items()}
    assert rhythm == {
        "analytics": (15 * MINUTE, None, True),
        "shop": (5 * MINUTE, None, True),
        "sheet": (MINUTE, None, True),
        "thermostat": (None, "*/5 8-18 * * mon-fri", True),
        "product": (MINUTE, None, True),
        "push": (None, None, False),
        "backup": (None, None, False),
    }
    assert example.sources["thermostat"].zone == "Europe/Amsterdam"
    rule = example.sources["thermostat"].rule
    assert (rule.cron, rule.zone, rule.polled) == ("*/5 8-18 * * mon-fri", "Europe/Amsterdam", True)
    assert [example.sources[name].rule.polled for name in ("analytics", "push", "backup")] == [True, False, False]
    assert example.sources["backup"].zone == "UTC"
    assert example.sources["product"].rule.series == ("dau", "session_seconds", "bounce", "cost")
    assert example.sources["backup"].rule.series == CHECKIN_SERIES


def test_the_example_s_targets(example: Configuration) -> None:
    visitors = example.targets["monthly-visitors"]
    assert visitors.title == "Unique visitors"
    assert visitors.selector == Selector("visitors", (Matcher("site", "=", "www"),))
    assert visitors.goal is not None
    assert (visitors.goal.measure, visitors.goal.at_least) == (Measure.SUM, 10_000.0)
    assert (visitors.goal.per, visitors.combine) == (CalendarPeriod("month"), Combine.SUM)
    behind, missed = visitors.alerts
    assert (behind.when, behind.for_, behind.severity, behind.notify) == (
        Standing.BEHIND,
        6 * HOUR,
        "warning",
        ("growth",),
    )
    assert (missed.when, missed.for_, missed.severity, missed.notify) == (Standing.MISSED, 0, "critical", ())

    room = example.targets["room"]
    assert (room.by, room.recover, room.combine) == (("room",), Recover(20.5, 22.5), None)
    assert room.no_data == NoData(10 * MINUTE, NoDataThen.ALERT)
    assert room.alerts[0].keep_firing_for == 5 * MINUTE
    assert room.alerts[0].labels == (("team", "facilities"),)
    rule = room.correct[0]
    assert (rule.on, rule.action, rule.cooldown, rule.max_attempts) == ("out-of-band", "set-thermostat", 15 * MINUTE, 3)
    assert (rule.verify_within, rule.escalate_to) == (10 * MINUTE, ("oncall",))

    nightly = example.targets["nightly-backup"]
    assert nightly.checkin == Checkin("0 3 * * *", None, "UTC", 30 * MINUTE)
    assert (nightly.goal, nightly.source, nightly.selector) == (None, "backup", None)


def test_the_example_can_be_decided_by(example: Configuration) -> None:
    specs = Specs(example.targets.values(), [source.rule for source in example.sources.values()])
    assert specs.sources_of("engagement") == ("product",)
    assert specs.sources_of("monthly-visitors") == ("analytics", "sheet")


def test_a_fixed_period_ends_with_its_last_day(example: Configuration) -> None:
    goal = example.targets["spend"].goal
    zone = ZoneInfo("Europe/Amsterdam")
    start, end = datetime(2026, 1, 1, tzinfo=zone), datetime(2026, 4, 1, tzinfo=zone)
    assert goal is not None
    assert goal.per == FixedPeriod(int(start.timestamp() * 1_000_000), int(end.timestamp() * 1_000_000))


def test_the_example_s_ways_out(example: Configuration) -> None:
    critical = (Matcher("severity", "=", "critical"),)
    oncall = Route("oncall", critical, group_by=("target",), mute=("night",), key='{}/{severity="critical"}')
    assert example.route == Route("growth", group_by=("target",), routes=(oncall,))
    assert example.intervals == {"night": (TimeInterval(times=((22 * 60, 7 * 60),), zone="Europe/Amsterdam"),)}
    uptime, warning = (Matcher("target", "=", "uptime"),), (Matcher("severity", "=", "warning"),)
    assert example.inhibit == (InhibitRule(uptime, warning, ("site",)),)
    assert [entry.kind for entry in example.receivers["oncall"]] == ["email", "webhook"]
    assert [entry.kind for entry in example.receivers["console"]] == ["console"]
    assert example.actions["set-thermostat"].budget == (10, 3600)
    assert (example.heartbeat_url, example.heartbeat_every) == ("https://hc.example.com/abc", MINUTE)
    assert example.files == (str(EXAMPLE),)


def test_secrets_are_known_but_never_described(example: Configuration) -> None:
    assert set(ENVIRON.values()) <= set(example.secrets)
    text = repr(describe(example)) + repr(example.sources) + repr(example.receivers) + repr(example.gateways)
    assert not [secret for secret in example.secrets if secret in text]


def test_what_was_understood_is_plain_data(example: Configuration) -> None:
    said = describe(example)
    goals = {target["name"]: target["goal"] for target in said["targets"]}
    assert goals == {
        "monthly-visitors": "sum at least 10,000 per month",
        "room": "at least 20 and at most 23",
        "engagement": ("condition: last(dau) > 1000 and avg(session_seconds, '1d') > 300 and last(bounce) < 0.30"),
        "spend": "sum at most 5,000 from 2026-01-01 to 2026-03-31",
        "nightly-backup": "a call by cron 0 3 * * * UTC, at most 30m late",
    }
    schedules = {source["name"]: source["schedule"] for source in said["sources"]}
    assert schedules["analytics"] == "every 15m"
    assert schedules["thermostat"] == "cron */5 8-18 * * mon-fri Europe/Amsterdam"
    assert (schedules["push"], schedules["backup"]) == ("called at /in/push", "called at /ping/backup")
    breaker = {"failures": 5, "pause": "1h"}
    assert said["actions"] == [
        {"name": "set-thermostat", "type": "webhook", "thing": None, "budget": "10 in 1h", "breaker": breaker}
    ]
    assert said["route"]["routes"][0]["matchers"] == ['severity="critical"']


def test_scalars_are_read_as_yaml_1_2_says(tmp_path: Path) -> None:
    body = "series: x, goal: {at_least: 0x10}, alerts: [{name: yes, when: no_data, labels: {on: off, at: 22:00, d: 2026-01-01}}]"
    target = one_target(tmp_path, body)
    assert target.goal is not None
    assert target.goal.at_least == 16.0
    assert target.alerts[0].name == "yes"
    assert dict(target.alerts[0].labels) == {"on": "off", "at": "22:00", "d": "2026-01-01"}


def test_numbers_may_stand_where_a_text_belongs(tmp_path: Path) -> None:
    target = one_target(tmp_path, "title: 007, series: x, alerts: [{name: 1e3, when: no_data, severity: 1.10}]")
    assert (target.title, target.alerts[0].name, target.alerts[0].severity) == ("007", "1e3", "1.10")


def test_variables(tmp_path: Path) -> None:
    text = (
        SOURCE + "targets:\n  t:\n    title: $${A} is ${A} ${E:-empty} ${N:-}\n    series: x\n    unit: ${A}\n"
        "    goal:\n      at_least: ${A}\n      at_most: '${B:-9}'\n"
    )
    target = loaded(tmp_path, text, {"A": "5", "E": ""}).targets["t"]
    assert target.title == "${A} is 5 empty "
    assert target.goal is not None
    assert (target.goal.at_least, target.goal.at_most) == (5.0, 9.0)
    assert target.unit == "5"


@pytest.mark.parametrize(
    ("goal", "measure", "per"),
    [
        ("at_least: 3", Measure.LAST, None),
        ("at_least: 3, per: quarter", Measure.SUM, CalendarPeriod("quarter")),
        ("at_least: 3, per: 30d", Measure.SUM, RollingPeriod(30 * DAY)),
        ("at_least: 3, per: 90m, measure: mean", Measure.MEAN, RollingPeriod(90 * MINUTE)),
        (
            "at_least: 3, per: {from: 2026-01-01T08:00:00Z, to: '2026-01-01T09:30'}",
            Measure.SUM,
            FixedPeriod(1_767_254_400_000_000, 1_767_259_800_000_000),
        ),
    ],
)
def test_measure_and_period(tmp_path: Path, goal: str, measure: Measure, per: object) -> None:
    target = one_target(tmp_path, f"series: x, goal: {{{goal}}}")
    assert target.goal is not None
    assert (target.goal.measure, target.goal.per) == (measure, per)


def test_goals_that_are_looked_up(tmp_path: Path) -> None:
    goal = "at_least: {2026: 5, default: 3%}, at_most: {series: 'x{room=\"plan\"}'}, per: year"
    target = one_target(tmp_path, f"series: x, goal: {{{goal}}}")
    assert target.goal is not None
    assert (target.goal.at_least, target.goal.at_most) == (None, None)
    assert target.goal.at_least_from == PeriodTable({"2026": 5.0}, 0.03)
    assert target.goal.at_most_from == Selector("x", (Matcher("room", "=", "plan"),))
    said = words.wanted_of(target)
    assert said == 'sum at least 5 in 2026, 0.03 else and at most what x{room="plan"} says per year'


@pytest.mark.parametrize(
    ("plan", "selector", "weekdays", "said"),
    [
        ("weekdays", None, True, " by the usual weekdays"),
        ("y", Selector("y"), False, " as y plans it"),
        ("{series: weekdays}", Selector("weekdays"), False, " as weekdays plans it"),
    ],
)
def test_the_course_of_a_period(
    tmp_path: Path, plan: str, selector: Selector | None, weekdays: bool, said: str
) -> None:
    sources = SOURCE.replace("{series: x,", "{series: weekdays, value: w}, {series: y, value: w}, {series: x,")
    text = f"{sources}targets: {{t: {{series: x, goal: {{at_least: 3, per: week, plan: {plan}}}}}}}\n"
    target = loaded(tmp_path, text).targets["t"]
    assert target.goal == Goal(Measure.SUM, 3.0, per=CalendarPeriod("week"), plan=selector, weekdays=weekdays)
    assert words.wanted_of(target) == f"sum at least 3 per week{said}"


def test_a_share_and_a_quantile(tmp_path: Path) -> None:
    share = one_target(tmp_path, "series: x, goal: {measure: share, where: value == 1, at_least: 99.95%, per: 30d}")
    assert share.goal == Goal(Measure.SHARE, 0.9995, per=RollingPeriod(30 * DAY), where="value == 1")
    assert words.wanted_of(share) == "share of value == 1 at least 99.95 % over the last 30d"
    quantile = one_target(tmp_path, "series: x, goal: {measure: p99.9, at_most: 300, per: day}")
    assert quantile.goal.quantile == pytest.approx(0.999)
    assert words.wanted_of(quantile) == "p99.9 at most 300 per day"


def test_percent_is_a_hundredth(tmp_path: Path) -> None:
    target = one_target(tmp_path, "series: x, goal: {at_least: 99.9%, at_most: 100 %}")
    assert target.goal is not None
    assert (target.goal.at_least, target.goal.at_most) == (0.999, 1.0)


def test_one_name_may_stand_for_a_list(tmp_path: Path) -> None:
    target = one_target(tmp_path, "series: x, by: room, alerts: [{name: a, when: no_data, notify: console}]")
    assert (target.by, target.alerts[0].notify) == (("room",), ("console",))


def test_anchors(tmp_path: Path) -> None:
    text = SOURCE + "targets:\n  a: {series: x, goal: &g {at_least: 3}}\n  b: {series: x, goal: *g}\n"
    configuration = loaded(tmp_path, text)
    assert configuration.targets["a"].goal == configuration.targets["b"].goal


def test_a_directory_is_merged(tmp_path: Path) -> None:
    write(tmp_path, SOURCE + "defaults: {timezone: Asia/Tokyo}\ntargets:\n", "10-sources.yaml")
    write(tmp_path, "targets: {a: {series: x}}\ndefaults: {every: 5m}\n", "20-a.yaml")
    write(tmp_path, "targets: {b: {series: x}}\n", "30-b.yaml")
    write(tmp_path, "# empty\n", "40.yaml")
    write(tmp_path, "not: read\n", "notes.txt")
    configuration = load(tmp_path, {})
    assert list(configuration.targets) == ["a", "b"]
    assert configuration.targets["a"].zone == "Asia/Tokyo"
    assert [Path(file).name for file in configuration.files] == ["10-sources.yaml", "20-a.yaml", "30-b.yaml", "40.yaml"]


def test_an_error_names_the_file_of_the_directory_it_is_in(tmp_path: Path) -> None:
    write(tmp_path, SOURCE, "a.yaml")
    write(tmp_path, "\ntargets: {b: {series: y}}\n", "b.yaml")
    with pytest.raises(ConfigErrors) as caught:
        load(tmp_path, {})
    error = caught.value.errors[0]
    assert (Path(error.file).name, error.line, error.column) == ("b.yaml", 2, 23)


def test_secrets_from_files_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("file-secret-77\n")
    text = "sources: {s: {type: webhook, secret_file: key, readings: [{series: x, value: v}]}}\n"
    assert loaded(tmp_path, text).secrets == ("file-secret-77",)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("secret_file: absent", "1:43: sources.s.secret_file: can't read 'absent': No such file or directory"),
        ("secret_file: empty", "1:43: sources.s.secret_file: 'empty' is empty"),
        ("secret: x, secret_file: key", "1:54: sources.s.secret_file: give secret or secret_file, not both"),
    ],
)
def test_secret_files_that_can_t_be_used(tmp_path: Path, keys: str, said: str) -> None:
    (tmp_path / "key").write_text("file-secret-77")
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(ConfigErrors) as caught:
        loaded(tmp_path, f"sources: {{s: {{type: webhook, {keys}, readings: [{{series: x, value: v}}]}}}}\n")
    assert [str(error).replace(f"{tmp_path}/", "") for error in caught.value.errors] == [f"setpoint.yaml:{said}"]


def test_errors_never_show_what_came_from_the_environment(tmp_path: Path) -> None:
    text = (
        "gateways: {g: {base_url: '${A}', auth: {bearer: '${B}', basic: '${C}'}, rate_limit: '${A}'}}\n"
        "sources: {s: {type: sql, url: '${A}', query: '${B}', every: '${C}', cron: '${C}', timezone: '${A}',\n"
        "  readings: [{series: '${A}', value: '${B}['}]}, t: {type: '${C}'}}\n"
        "targets: {t: {series: '${A}', timezone: '${B}', goal: {condition: '${C} >', at_least: '${A}', per: '${B}'},\n"
        "  alerts: [{name: '${A}', when: '${B}', for: '${C}', notify: ['${B}'], labels: {'a b': '${C}'}}],\n"
        "  correct: [{on: '${A}', action: '${B}'}], no_data: {after: '${C}', then: '${A}'}}}\n"
        "receivers: {r: [{type: email, to: ['${A}'], smtp_url: '${B}'}, {type: slack, url: '${C}'}]}\n"
        "route: {receiver: '${A}', routes: [{matchers: ['${B}'], receiver: '${C}', continue: '${A}'}]}\n"
        "heartbeat: {url: '${B}', every: '${C}'}\n"
    )
    environ = {"A": "first-hunter2'\"", "B": "second hunter2\nline", "C": "third{hunter2"}
    with pytest.raises(ConfigErrors) as caught:
        loaded(tmp_path, text, environ)
    assert len(caught.value.errors) > 15
    assert "hunter2" not in str(caught.value)


def test_templates_may_use_what_notices_give_them() -> None:
    from agent.alerts.notices import context_of
    from connectors.template import NAMES
    from rules.model import AlertState, Event, InstanceKey, Transition

    transition = Transition(
        InstanceKey("t"), "a", "f", 1, Event.FIRING, 0, AlertState.PENDING, AlertState.FIRING, labels=()
    )
    assert set(context_of(None, transition, "")) == NAMES
