"""Backtests: what is counted, what is supposed of the past, and that it is the state machine of the daemon."""

from __future__ import annotations

import gc
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

import agent.backtest.past
from agent.backtest.figures import figures
from agent.backtest.past import Past, of_csv, read_past
from agent.backtest.picture import _data, file_names
from agent.backtest.replay import Firing, Miss, replay
from agent.backtest.report import Report, names, plain, rows
from agent.backtest.uncollected import uncollected
from agent.charts import ChartKind
from agent.charts.draw import make, png
from agent.config.load import load
from rules.model import DAY, HOUR, MINUTE, SECOND, InstanceKey, Reading
from rules.specs import Specs
from tests.agent.rehearsal.scenes import series
from tests.rules.world import at

START = at("2026-01-01T00:00:00")
CONFIG = """
sources:
  a: {type: file, path: t.csv, every: 1m, readings: [{series: temperature, time: when, value: degrees, labels: {room: room}}]}
  b: {type: file, path: v.csv, every: 1h, readings: [{series: visitors, time: date, value: n}]}
targets:
  room:
    series: temperature
    by: [room]
    goal: {at_most: 23}
    alerts: [{name: hot, when: out_of_band, for: FOR}]
  visitors:
    series: visitors
    goal: {measure: sum, at_least: 3000, per: month}
    alerts: [{name: behind, when: behind, for: 6h}, {name: missed, when: missed}]
"""
KEY = InstanceKey("room", (("room", "lab"),))
MONTHLY = InstanceKey("visitors")


@pytest.fixture
def configuration(tmp_path):
    def made(wait: str = "0s"):
        path = tmp_path / "setpoint.yaml"
        path.write_text(CONFIG.replace("FOR", wait))
        return load(path, {})

    return made


def specs(config) -> Specs:
    return Specs(config.targets.values(), [entry.rule for entry in config.sources.values()])


def degrees(*values: float, every: int = MINUTE) -> list[Reading]:
    return [Reading(series("temperature", "a", room="lab"), START + i * every, v) for i, v in enumerate(values)]


def report(config, found: list[Reading], new=None, delay: int | None = None) -> Report:
    past = read_past(found, [specs(config)], (START, None), delay)
    span = (START, past.last + 1)
    old = replay(config, past, span, points=True)
    return Report(old, new and replay(new, past, span, points=True), len(past.readings), past.delays, 0.1, "UTC")


def test_firings_flaps_and_times(configuration):
    found = report(configuration(), degrees(20, 25, 25, 20, 20, 25, *[20] * 90, 25, 25))
    hot = figures(found.old)[KEY, "hot"]
    assert (hot.firings, hot.flaps, hot.firing, hot.leads) == (3, 1, True, ())
    assert (hot.longest, hot.total) == (2 * MINUTE, 4 * MINUTE + 1)
    assert found.old.instances[KEY].firings["hot"][0] == Firing(START + MINUTE, START + 3 * MINUTE)


def test_two_configurations_side_by_side(configuration):
    values = degrees(20, 25, 25, 20, 20, 25, 25, 25, 25, 25, 20)
    found = report(configuration(), values, new=configuration("3m"))
    assert found.differs
    (row,) = [row for row in rows(found) if row[1] == "room"]
    assert row == ("≠", "room", "room=lab", "hot", "2 → 1", "7m → 2m", "5m → 2m", "1 → –", "", "", "")
    assert not report(configuration(), values, new=configuration()).differs
    said = plain(found, ["old.yaml", "new.yaml"])
    assert [one["alerts"][0]["firings"] for one in said["configurations"]] == [2, 1]
    (lab,) = [one for one in said["configurations"][1]["instances"] if one["target"] == "room"]
    assert lab["firings"]["hot"] == [{"from": "2026-01-01T00:08:00Z", "to": "2026-01-01T00:10:00Z"}]


def test_an_alert_of_one_configuration_only(configuration):
    old = configuration()
    room = old.targets["room"]
    new = replace(old, targets={"room": replace(room, alerts=(replace(room.alerts[0], name="warm"),))})
    old = replace(old, targets={"room": room})
    found = report(old, degrees(20, 25), new=new)
    assert [(row[0], row[3], row[4]) for row in rows(found)] == [("≠", "hot", "1 → –"), ("≠", "warm", "– → 1")]
    assert len(names(found)) == 2


def daily(*values: float) -> list[Reading]:
    return [Reading(series("visitors", "b"), START + i * DAY, v) for i, v in enumerate(values)]


def test_lead_before_each_miss_and_the_delay_of_a_days_number(configuration):
    january, february = [120.0] * 10 + [60.0] * 21, [40.0] * 28
    found = report(configuration(), daily(*january, *february, 200.0, 200.0))
    assert found.delays == {series("visitors", "b"): DAY}
    watched = found.old.instances[MONTHLY]
    assert watched.misses == [
        Miss(at("2026-02-01T00:00:00"), START),
        Miss(at("2026-03-01T00:00:00"), at("2026-02-01T00:00:00")),
    ]
    behind, missed = (figures(found.old)[MONTHLY, name] for name in ("behind", "missed"))
    first = watched.firings["behind"][0].start
    assert behind.leads == (
        at("2026-02-01T00:00:00") - first,
        at("2026-03-01T00:00:00") - watched.firings["behind"][1].start,
    )
    assert 10 * DAY < behind.leads[0] < 25 * DAY
    assert behind.unwarned == 0
    assert (missed.firings, missed.leads) == (2, ())
    at_once = report(configuration(), daily(*january), delay=0)
    assert at_once.delays == {}
    assert at_once.old.instances[MONTHLY].points[0][0] == START


def test_a_miss_nobody_was_warned_of(configuration):
    config = configuration()
    visitors = config.targets["visitors"]
    late = replace(visitors, alerts=(replace(visitors.alerts[0], for_=60 * DAY), visitors.alerts[1]))
    found = report(replace(config, targets={"visitors": late}), daily(*[10.0] * 31, 5.0))
    behind = figures(found.old)[MONTHLY, "behind"]
    assert (behind.leads, behind.unwarned) == ((None,), 1)
    (row,) = [row for row in rows(found) if row[3] == "behind"]
    assert row[8] == "1, 1 unwarned"


def test_what_came_before_counts_but_is_not_judged(configuration):
    config = configuration()
    values = degrees(*[25.0] * 10)
    past = read_past(values, [specs(config)], (START + 5 * MINUTE, None), None)
    assert (len(past.before), len(past.readings)) == (5, 5)
    watched = replay(config, past, (START + 5 * MINUTE, past.last + 1)).instances[KEY]
    assert watched.firings["hot"] == [Firing(START + 5 * MINUTE)]


def test_readings_arrive_in_order_and_together(configuration):
    one, two = series("temperature", "a", room="lab"), series("temperature", "a", room="hall")
    found = [Reading(two, START, 1.0), Reading(one, START + HOUR, 2.0), Reading(one, START, 3.0)]
    past = read_past(found, [specs(configuration())], (START, None), None)
    assert [(at, len(list(readings))) for at, readings in past.arrivals(2 * HOUR + START)] == [
        (START, 2),
        (START + HOUR, 1),
    ]
    for start, end, times in ((START + HOUR, None, [HOUR]), (START, START + HOUR, [0, 0]), (START + HOUR, START, [])):
        cut = read_past(found, [specs(configuration())], (start, end), None)
        assert [reading.time - START for reading in cut.readings] == times
        assert len(cut.before) == (0 if start == START else 2)
    late = Past((), past.readings, {one: 2 * HOUR})
    assert [at for at, _ in late.arrivals(START + 4 * HOUR)] == [START, START + 2 * HOUR, START + 3 * HOUR]
    assert [at for at, _ in late.arrivals(START + 3 * HOUR)] == [START, START + 2 * HOUR]


def test_a_file_may_hold_a_year_of_minutes(configuration, tmp_path):
    """More than a source may answer at once: it is somebody's own file."""
    path = tmp_path / "year.csv"
    path.write_text("time,value\n" + "2026-01-01,1\n" * 525_600)
    assert len(of_csv(path, configuration(), "temperature", START)) == 525_600


def test_csv_by_a_sources_mapping_or_by_plain_columns(configuration, tmp_path):
    config, path = configuration(), tmp_path / "t.csv"
    path.write_text("when,degrees,room\n2026-01-01T00:00:00Z,21.5,lab\n2026-01-01T00:01:00Z,,lab\n")
    lab = series("temperature", "a", room="lab")
    assert of_csv(path, config, None, START + DAY) == [Reading(lab, START, 21.5), Reading(lab, START + MINUTE, None)]
    path.write_text("time;value;room\n2026-01-01;21,000;lab\n")
    assert of_csv(path, config, "temperature", START) == [Reading(lab, START, 21_000.0)]
    for text, said in (
        ("a,b\n1,2\n", "no source's readings name"),
        ("when,degrees,room\nsoon,1,lab\n", "'soon' is not a time"),
    ):
        path.write_text(text)
        with pytest.raises(Exception, match=said):
            of_csv(path, config, None, START)
    for text, said in (("a,b\n1,2\n", "needs the columns time and value"), ("time,value\n1,x\n", "line 2: 'x' is not")):
        path.write_text(text)
        with pytest.raises(ValueError, match=said):
            of_csv(path, config, "temperature", START)
    with pytest.raises(ValueError, match="can't be read: No such file"):
        of_csv(Path("nowhere.csv"), config, None, START)


def test_plain_rows_with_fewer_or_more_cells(configuration, tmp_path):
    config, path = configuration(), tmp_path / "t.csv"
    path.write_text(
        "room,time,source,value\nlab,2026-01-01,x,1\n\n,2026-01-01,,2\nlab,2026-01-02\nlab,2026-01-03,x,3,\n"
    )
    lab, none = series("temperature", "a", room="lab"), series("temperature", "a")
    assert of_csv(path, config, "temperature", START) == [
        Reading(lab, START, 1.0),
        Reading(none, START, 2.0),
        Reading(lab, START + DAY, None),
        Reading(lab, START + 2 * DAY, 3.0),
    ]
    for text, said in (
        ("time,value\n2026-01-01,1\n2026-01-02,1,2\n", "line 3: it has 3 cells where the first row has 2"),
        ("value,time\n1\n", "line 2: it has no time"),
        ("time,value\n2026-01-01,1\n2026-01-02," + "1" * 200_000, "is not CSV after line 2: field larger"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=said):
            of_csv(path, config, "temperature", START)


def test_the_first_line_that_is_wrong_is_said_however_long_the_file(configuration, tmp_path):
    path, good = tmp_path / "t.csv", "2026-01-01T00:00:00Z,1\n"
    for lines, said in (
        (good * 2_500 + "soon,1\n" + good * 2_500 + "2026-01-01T00:00:00Z,x\n", "line 2502: 'soon' is not a time"),
        (good + "2026-01-01T00:00:00Z,x\n" + good + 'soon,"1\n', "line 3: 'x' is not a number"),
        (good * 999 + "soon,1\n" + good + good.replace("1\n", "1,2\n"), "line 1001: 'soon' is not a time"),
        (good * 2_500 + '2026-01-01T00:00:00Z,"1\n', "is not CSV after line 2501: unexpected end of data"),
    ):
        path.write_text("time,value\n" + lines)
        with pytest.raises(ValueError, match=f"^{said}"):
            of_csv(path, configuration(), "temperature", START)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("folder")
    (made / "setpoint.yaml").write_text("{}")
    return made


_times = [
    "2026-01-01T00:00:00Z",
    "2026-01-01T00:01:00.25+01:00",
    "2026-01-02",
    "1767225600",
    "1767225600.5",
    "",
    "soon",
]
_cells = st.tuples(st.sampled_from(_times), st.sampled_from(["1", "21.5", "-3", "5 %", "", "NaN", " 7 ", "x"]))
_rows = _cells.flatmap(
    lambda cells: st.sampled_from([cells, (*cells, ""), (*cells, "lab"), (*cells, "lab", ""), cells[:1]])
)


@given(st.lists(_rows, max_size=9), st.sampled_from([(), (",,\n",), ("a,b,c,d\n",), ('2026-01-01,"1\n',)]))
def test_rows_read_together_are_what_each_is(folder, rows, more):
    """With the errors."""
    path, config, outcomes = folder / "t.csv", load(folder / "setpoint.yaml", {}), []
    path.write_text("\n".join(["time,value,room", *map(",".join, rows)]) + "\n" + "".join(more))
    for at_once in (1, 3, 1_000):
        with patch.object(agent.backtest.past, "_ROWS", at_once):
            try:
                outcomes.append(of_csv(path, config, "temperature", START))
            except ValueError as error:
                outcomes.append(str(error))
    assert outcomes[0] == outcomes[1] == outcomes[2]


def test_the_picture_has_a_lane_for_each_alert_and_configuration(configuration):
    found = report(configuration(), degrees(20, 25, 25, 20), new=configuration("1m"))
    level = _data(found, KEY, "png")
    assert [(lane.name, lane.words, lane.faint) for lane in level.lanes] == [
        ("hot before", "once", True),
        ("hot now", "once", False),
    ]
    assert level.kind is ChartKind.LEVEL
    monthly = _data(report(configuration(), daily(*[100.0] * 40)), MONTHLY, "svg")
    assert monthly.kind is ChartKind.PERIODS
    assert None in [value for _, value in monthly.points], "the line breaks where a period ends"
    texts = {text.get_text() for text in make(level).figure.texts}
    assert {"hot before", "hot now", "once"} <= texts
    assert png(level).startswith(b"\x89PNG")
    assert b"<svg" in png(monthly)[:1000]


def test_a_line_is_broken_where_a_period_begins_and_not_where_it_falls(tmp_path):
    text = CONFIG.replace("FOR", "0s").replace("measure: sum, at_least: 3000", "measure: last, at_least: 50")
    (tmp_path / "setpoint.yaml").write_text(text)
    found = report(load(tmp_path / "setpoint.yaml", {}), daily(*[60.0, 40.0] * 25))
    points = found.old.instances[MONTHLY].points
    gaps = [at for at, value in points if value is None]
    assert [at + 1 for at in gaps] == [START + 31 * DAY]
    assert any(new < old for (_, old), (_, new) in pairwise(points[:20]))


def test_a_bound_that_is_looked_up_is_drawn_as_it_was_from_time_to_time(tmp_path):
    (tmp_path / "setpoint.yaml").write_text(
        CONFIG.replace("FOR", "0s")
        .replace("at_most: 23", "at_least: 18, at_most: {series: temperature_max}")
        .replace(
            "labels: {room: room}}]", "labels: {room: room}}, {series: temperature_max, time: when, value: wanted}]"
        )
    )
    config = load(tmp_path / "setpoint.yaml", {})
    wanted = [Reading(series("temperature_max", "a"), START + i * MINUTE, v) for i, v in ((0, 23.0), (3, 26.0))]
    found = sorted([*degrees(20, 25, 25, 25, 27, 20), *wanted], key=lambda reading: reading.time)
    level = _data(report(config, found), KEY, "png")
    assert (level.at_least, level.least) == (18, ())
    assert (level.at_most, level.most) == (26, ((START, 23.0), (START + 3 * MINUTE, 26.0)))
    axes = make(level).axes
    drawn = [list(zip(*line.get_data(), strict=True)) for line in axes.lines]
    third, end = START + 3 * MINUTE, level.end
    assert [(START, 23.0), (third, 23.0), (third, 26.0), (end, 26.0)] in drawn
    assert [(START, 18), (end, 18)] in drawn
    assert png(level).startswith(b"\x89PNG")


def test_what_is_usual_is_learned_of_the_readings_before(tmp_path):
    text = CONFIG.replace("    goal: {at_most: 23}\n", "").replace("out_of_band, for: FOR", "unusual")
    (tmp_path / "setpoint.yaml").write_text(text)
    config = load(tmp_path / "setpoint.yaml", {})
    values = [20 + hour % 24 / 10 for hour in range(24 * 30)]
    values[-10] = 90.0
    found = degrees(*values, every=HOUR)
    end = START + 30 * DAY
    for start in (START, end - DAY):
        past = read_past(found, [specs(config)], (start, end), None)
        firings = replay(config, past, (start, end)).instances[KEY].firings["hot"]
        assert [one.start for one in firings] == [end - 10 * HOUR]


@pytest.mark.parametrize("enabled", [True, False])
def test_collecting_goes_on_as_before(enabled):
    was = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        with uncollected():
            assert not gc.isenabled()
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if was else gc.disable)()


@pytest.mark.parametrize(
    "goal",
    [
        '{condition: "last(temperature) <= 23"}\n    by: [room]',
        "{measure: max, at_most: 23, per: 1m}\n    series: temperature\n    by: [room]",
    ],
)
def test_judgements_of_before_the_start_are_remembered(tmp_path, goal: str) -> None:
    alert = f"{{name: often, when: {'missed' if 'measure' in goal else 'out_of_band'}, for: {{breaches: 3, of: 5}}}}"
    sources = CONFIG[: CONFIG.index("targets:")]
    (tmp_path / "setpoint.yaml").write_text(f"{sources}targets:\n  room:\n    goal: {goal}\n    alerts: [{alert}]\n")
    config = load(tmp_path / "setpoint.yaml", {})
    readings = degrees(*[20.0] * 30, 25.0, 20.0, 25.0, 20.0, 25.0, *[20.0] * 5)
    start = START + 33 * MINUTE + 30 * SECOND  # two of the three are before
    past = read_past(readings, [specs(config)], (start, None), 0)
    watched = replay(config, past, (start, readings[-1].time + MINUTE)).instances[KEY]
    (firing,) = watched.firings["often"]
    assert firing.start == START + 34 * MINUTE
    assert firing.end is not None


def test_each_picture_has_a_file_of_its_own() -> None:
    keys = [InstanceKey("t", (("a", a), ("b", b))) for a, b in (("x/1", "y"), ("x_1", "Y"), ("x", "1-y"), ("x-1", "y"))]
    assert [name for name, _ in file_names(keys)] == ["x_1-y", "x_1-Y-2", "x-1-y", "x-1-y-2"]
    long = [InstanceKey("t", tuple((name, "東" * 900 + last) for name in "abcdefgh")) for last in "xy"]
    assert {len(name.encode()) for name, _ in file_names(long)} <= set(range(98, 105))
