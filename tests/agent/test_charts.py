"""Charts: what they show, that no label covers a line, and that a dead child costs one chart and nothing else."""

import asyncio
import io
import os
import signal
import subprocess
import sys
from itertools import combinations, pairwise

import pytest
from PIL import Image

from agent.charts import ChartData, ChartError, ChartKind, Charts, Lane, chart_data
from agent.charts.data import accumulated, broken, thin
from agent.charts.draw import make, png
from agent.charts.placing import Box, Segment, best_place, inside, spread
from agent.charts.scales import date_ticks, figure_text, local, number_ticks
from agent.charts.sheet import BLUE, RED, Sheet
from rules.model import DAY, HOUR, MINUTE, Goal, Measure, Notice, Reason

START = 20_759 * DAY  # 2026-11-02


def notice(**changes: object) -> Notice:
    fields = {
        "reason": Reason.FIRING,
        "status": "firing",
        "title": "Unique visitors",
        "headline": "Unique visitors (www) behind: 900 of 10,000, projected 9,000",
        "target": "visitors",
        "alert": "behind",
        "severity": "warning",
        "standing": "behind",
        "fingerprint": "f",
        "labels": {},
        "annotations": {},
        "values": {"value": 900.0, "at_least": 10_000.0, "expected": 1_000.0, "projection": 9_000.0},
        "starts_at": START + 3 * DAY,
        "ends_at": None,
        "at": START + 3 * DAY + HOUR,
        "receiver": "growth",
        "period_start": START,
        "period_end": START + 30 * DAY,
    }
    return Notice(**{**fields, **changes})


def period(day: float, *, rate: float = 250.0, goal: float = 10_000.0, at_most: bool = False, **more) -> ChartData:
    """A goal over 30 days, `day` days in, with quieter week-ends."""
    points, total = [(START, 0.0)], 0.0
    for done in range(int(day)):
        total += rate * (0.6 if done % 7 > 4 else 1.0 + 0.1 * (done % 3))
        points.append((START + (done + 1) * DAY, total))
    if day != int(day):
        total += rate * (day - int(day))
        points.append((START + int(day * DAY), total))
    at_end = total / day * 30
    spare = abs(at_end - total) * 0.2
    known = {"projection": at_end, "projection_low": at_end - spare, "projection_high": at_end + spare}
    bound = {"at_most" if at_most else "at_least": goal}
    fields = {"title": "Unique visitors", "headline": "Behind", "standing": "behind", "value": total}
    fields["course"] = ((START, 0.0), (START + 30 * DAY, goal))
    fields |= {"now": START + int(day * DAY), **bound, **(known if 3 <= day < 30 else {}), **more}
    return ChartData(ChartKind.PERIOD, points=tuple(points), start=START, end=START + 30 * DAY, **fields)


def level(values: list[float | None], **more) -> ChartData:
    points = tuple((START + i * MINUTE, value) for i, value in enumerate(values))
    fields = {"title": "Den", "headline": "Out of band", "standing": "out_of_band", "unit": "°C", **more}
    end = START + max(len(values) - 1, 1) * MINUTE
    return ChartData(ChartKind.LEVEL, points=points, start=START, end=end, now=end, **fields)


def covered(sheet: Sheet) -> list[str]:
    """The labels that cover a line or another label, or stick out of the picture."""
    boxes = [(text.get_text(), sheet.size(text)) for text in sheet.labels]
    wrong = [f"{a} covers {b}" for (a, one), (b, two) in combinations(boxes, 2) if one.overlap(two) > 0]
    room = Box(0, 0, 1600, 800)
    wrong += [f"{text} sticks out" for text, box in boxes if box.overlap(room) < box.overlap(box) - 0.01]
    for row in sheet.lines:
        for a, b in pairwise(row):
            segment = Segment(*map(float, (*sheet.axes.transData.transform(a), *sheet.axes.transData.transform(b))))
            wrong += [f"{text} covers a line" for text, box in boxes if inside(segment, box) > 0]
    return wrong


def colours(picture: bytes) -> set[str]:
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    return {f"#{r:02X}{g:02X}{b:02X}" for _, (r, g, b) in image.getcolors(1 << 24)}


@pytest.mark.parametrize("day", [0.4, 1, 2.5, 3, 5, 9.3, 14.5, 20, 25.7, 28.5, 29.6, 30])
@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"rate": 360.0},
        {"rate": 700.0, "standing": "met"},
        {"course": tuple((START + i * DAY, 10_000 * (i / 30) ** 2) for i in range(31))},
        {"at_most": True, "goal": 5_000.0, "unit": "€"},
        {"rate": 4e6, "goal": 1.2e8, "unit": "requests"},
        {"rate": 2e-5, "goal": 1e-3},
    ],
    ids=["behind", "on track", "met", "planned", "over budget", "huge", "tiny"],
)
def test_no_label_covers_a_line_on_any_day(day, shape):
    sheet = make(period(day, **shape))
    assert covered(sheet) == []
    assert any(text.get_text().endswith("so far") for text in sheet.labels) == (day < 30)


@pytest.mark.parametrize(
    ("values", "band"),
    [
        ([21 - i / 20 for i in range(60)], {"at_least": 20, "at_most": 23}),
        ([20 + i / 20 for i in range(60)], {"at_most": 22.9}),
        ([-18.0] * 60, {"at_least": -18.0, "at_most": -17.9}),
        ([5.0], {"at_most": 10}),
        ([], {"at_most": 10}),
        ([0.0, 0.0, 0.0], {}),
    ],
    ids=["falls out", "rises out", "on the edge", "one reading", "no reading", "no bound"],
)
def test_labels_of_a_level_stand_apart(values, band):
    sheet = make(level(values, **band))
    assert covered(sheet) == []


def test_only_what_is_out_of_band_is_emphasised():
    inside_ = level([21.0, 22.0, 21.5, 21.0], at_least=20, at_most=23, standing="in_band")
    out = level([21.0, 24.0, 21.5, 21.0], at_least=20, at_most=23, standing="in_band")
    assert RED not in colours(png(inside_))
    assert {RED, BLUE} <= colours(png(out))


def test_text_is_never_read_as_a_formula_and_long_text_is_cut():
    sheet = make(period(10, title="Cost $x_1$ of " + "many words " * 30, headline="$5 of $10 " * 60))
    title, line = sheet.figure.texts[:2]
    assert title.get_text().startswith("Cost $x_1$ of many")
    assert title.get_text().endswith("…")
    assert line.get_text().endswith("…")
    assert sheet.size(title).right <= 1600
    assert sheet.size(line).right <= 1600


def test_a_notice_and_its_readings_make_the_chart_of_a_period():
    points = [(START - DAY, 7.0), (START, 300.0), (START + DAY, None), (START + DAY, 200.0), (START + 2 * DAY, 400.0)]
    course = ((START, 0.0), (START + 30 * DAY, 10_000.0))
    data = chart_data(notice(), points, Goal(Measure.SUM), course)
    assert data.kind is ChartKind.PERIOD
    assert (data.title, data.headline) == ("Unique visitors (www)", "Behind: 900 of 10,000, projected 9,000")
    assert data.points == (
        (START, 0.0),
        (START + DAY, 300.0),
        (START + 2 * DAY, 500.0),
        (START + 3 * DAY, 900.0),
    )
    assert data.course == course
    assert (data.value, data.at_least, data.projection) == (900.0, 10_000.0, 9_000.0)


def test_a_notice_without_a_period_makes_the_chart_of_a_level():
    points = [(START + i * MINUTE, 20.0 + i) for i in (0, 1, 2, 30, 31)]
    made = notice(period_start=None, period_end=None, values={"value": 51.0, "at_most": 23.0}, at=START + HOUR)
    data = chart_data(made, points, Goal())
    assert data.kind is ChartKind.LEVEL
    assert [value for _, value in data.points] == [20.0, 21.0, 22.0, None, 50.0, 51.0]
    assert (data.start, data.end, data.at_least, data.at_most) == (START, START + HOUR, None, 23.0)


@pytest.mark.parametrize(
    ("measure", "so_far"),
    [
        (Measure.SUM, [0, 5, 7, 10]),
        (Measure.COUNT, [0, 1, 2, 3]),
        (Measure.INCREASE, [0, 1, 3, 4]),  # 4 before the period, then 5, 2 after a new start, 3
        (Measure.LAST, [5, 2, 3]),
        (Measure.MIN, [5, 2, 2]),
        (Measure.MAX, [5, 5, 5]),
        (Measure.MEAN, [5, 3.5, 10 / 3]),
        (Measure.SHARE, [1, 1 / 2, 2 / 3]),
        (Measure.QUANTILE, [5, 3.5, 3]),
    ],
)
def test_the_value_so_far_by_measure(measure, so_far):
    where = "value > 2" if measure is Measure.SHARE else None
    points = [(START - 1, 4.0), (START, 5.0), (START + HOUR, 2.0), (START + 2 * HOUR, 3.0), (START + 9 * HOUR, 99.0)]
    made = accumulated(points, Goal(measure, where=where, quantile=0.5), START, START + 3 * HOUR)
    assert [value for _, value in made] == pytest.approx(so_far)
    assert all(START <= time <= START + 3 * HOUR for time, _ in made)


def test_shares_are_drawn_in_percent():
    values = {"value": 0.5, "at_least": 0.999, "expected": 0.999, "projection": 0.5}
    points = [(START, 1.0), (START + HOUR, 0.0)]
    data = chart_data(notice(values=values, percent=True), points, Goal(Measure.SHARE, where="value == 1"))
    assert [value for _, value in data.points] == [100.0, 50.0]
    assert (data.value, data.at_least, data.projection, data.at_most) == (50.0, 99.9, 50.0, None)
    assert (data.unit, data.course) == ("%", ())


def test_thinning_keeps_the_shape_and_the_gaps():
    points = [(i, float(i % 7)) for i in range(20_000)]
    points[9_000] = (9_000, 500.0)
    points[9_001] = (9_001, None)
    points[9_002] = (9_002, -500.0)
    kept = thin(points, 1_500)
    assert len(kept) <= 1_600
    assert [time for time, _ in kept] == sorted(time for time, _ in kept)
    assert {(9_000, 500.0), (9_001, None), (9_002, -500.0), points[0], points[-1]} <= set(kept)


def test_however_many_gaps_there_are_no_more_is_drawn_than_can_be_seen():
    points = [(i, None if i % 2 else float(i % 7)) for i in range(20_000)]
    kept = thin(points, 1_500)
    assert len(kept) < 2_100
    assert None in {value for _, value in kept}
    assert len(thin(points[:10_000] + [(i + 10**6, value) for i, value in points[10_000:]], 1_500)) < 100


def test_alerts_that_fired_often_are_few_bars_the_longest_among_them():
    spans = [(START + i * MINUTE, START + i * MINUTE + 30_000_000) for i in range(30 * 24 * 60)]
    spans[1_000] = spans[1_000][0], START + 20 * DAY
    drawn = ChartData(ChartKind.LEVEL, "", (), START, START + 30 * DAY, START + 30 * DAY, lanes=(lane(*spans),))
    bars = [len(one.get_paths()) for one in make(drawn).axes.collections]
    assert sorted(bars) == [1, 4_500]
    wash = next(one for one in make(drawn).axes.collections if len(one.get_paths()) > 1)
    assert max(path.get_extents().width for path in wash.get_paths()) > 19 * DAY


def lane(*spans: tuple[int, int]) -> Lane:
    return Lane("hot", "often", "", spans)


def test_what_is_out_of_band_is_drawn_in_one_line_with_gaps():
    values = [20.0, 25.0, None, 21.0, 20.5, None, 26.0, None, *[25.0, 21.0, None] * 40]
    points = tuple((START + i * MINUTE, value) for i, value in enumerate(values))
    end = START + len(values) * MINUTE
    axes = make(ChartData(ChartKind.LEVEL, "", points, START, end, end, at_most=23.0)).axes
    assert len(axes.lines) < 8
    red = next(line for line in axes.lines if line.get_color() == RED and line.get_linestyle() == "-")
    assert len(red.get_xdata()) == 41 * 3  # not the stretch that stays within
    assert [
        float(y)
        for line in axes.lines
        if line.get_color() == RED and line.get_marker() == "o"
        for y in line.get_ydata()
    ] == [26.0]


def test_a_line_is_broken_where_readings_stopped():
    assert broken([(0, 1.0), (10, 1.0), (20, 1.0), (90, 1.0)]) == [
        (0, 1.0),
        (10, 1.0),
        (20, 1.0),
        (21, None),
        (90, 1.0),
    ]
    assert None not in [value for _, value in broken([(0, 1.0), (1, 1.0), (2, 1.0), (90, 1.0)], 20)]


@pytest.mark.parametrize("span", [5 * MINUTE, HOUR, DAY, 2 * DAY, 7 * DAY, 31 * DAY, 92 * DAY, 366 * DAY, 3_653 * DAY])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Amsterdam", "Asia/Kolkata", "America/St_Johns"])
def test_dates_are_few_and_round_in_the_zone(span, zone):
    start = 20_749 * DAY + 3 * HOUR  # the clocks change in Amsterdam three days later
    ticks = date_ticks(start, start + span, zone)
    assert 2 <= len(ticks) <= 9
    assert span >= 3 * DAY or any("\n" in words for _, words in ticks)
    for time, _ in ticks:
        assert start <= time <= start + span
        moment = local(time, zone)
        assert (moment.second, moment.microsecond) == (0, 0)
        assert span < 4 * DAY or (moment.hour, moment.minute) == (0, 0)
        assert span >= 4 * DAY or span < DAY or moment.minute == 0


def test_numbers_are_written_for_people():
    assert [figure_text(v) for v in (0.5, 6214.3, 1_234_567, 12_345_678, 2.5e9, -4e7)] == [
        "0.5",
        "6,214",
        "1,234,567",
        "12.35M",
        "2.5B",
        "-40M",
    ]
    assert number_ticks(0, 10_800) == [0, 2_000, 4_000, 6_000, 8_000, 10_000]
    assert number_ticks(5, 5) == [5]


def test_a_label_takes_the_first_free_place_else_the_least_covering_one():
    room, line = Box(0, 0, 100, 100), Segment(0, 15, 100, 15)
    boxes = [Box(10, 10, 30, 20), Box(10, 90, 30, 110), Box(10, 40, 30, 50), Box(50, 40, 70, 50)]
    assert best_place(boxes, room, [line], [Box(0, 30, 40, 60)]) == 3
    assert best_place(boxes[:2], room, [line], []) == 0
    assert best_place(boxes[1:2], room, [line], []) is None


def test_labels_in_a_column_are_pushed_apart_within_the_room():
    middles = spread([50, 50, 95], [20, 20, 20], 0, 100)
    assert sorted(middles) == pytest.approx([40, 60, 90])
    assert spread([5], [20], 0, 100) == [10]


async def test_the_child_draws_many_charts_and_ends():
    charts = Charts()
    try:
        first, second = await asyncio.gather(charts.png(period(10)), charts.png(level([21.0, 25.0], at_most=23)))
        child = charts._child
        for picture in (first, second):
            assert Image.open(io.BytesIO(picture)).size == (1600, 800)
        assert first != second
    finally:
        await charts.close()
    assert child is not None
    assert child.returncode == 0


async def test_a_chart_that_cannot_be_drawn_costs_only_itself():
    charts = Charts()
    try:
        with pytest.raises(ChartError, match="Mars"):
            await charts.png(period(10, zone="Mars/Olympus"))
        child = charts._child
        assert await charts.png(period(10))
        assert charts._child is child
    finally:
        await charts.close()


async def test_a_killed_child_is_an_error_and_the_next_chart_has_a_new_one():
    charts = Charts()
    try:
        await charts.png(period(10))
        assert charts._child is not None
        os.kill(charts._child.pid, signal.SIGSTOP)  # so that it is at work when it dies
        waiting = asyncio.create_task(charts.png(period(11)))
        await asyncio.sleep(0)
        os.kill(charts._child.pid, signal.SIGKILL)
        with pytest.raises(ChartError, match="ended with status -9"):
            await waiting
        assert await charts.png(period(10))
    finally:
        await charts.close()


async def test_a_hanging_child_is_given_up():
    charts = Charts(timeout=0.3)
    try:
        charts._timeout = 30.0
        await charts.png(period(10))
        hanging = charts._child
        assert hanging is not None
        os.kill(hanging.pid, signal.SIGSTOP)
        charts._timeout = 0.05
        with pytest.raises(ChartError, match=r"longer than 0\.05 s"):
            await charts.png(period(10))
        assert hanging.returncode == -signal.SIGKILL
    finally:
        await charts.close()


async def test_a_cancelled_chart_does_not_answer_the_next():
    charts = Charts()
    try:
        small = await charts.png(level([21.0, 25.0], at_most=23))
        assert charts._child is not None
        os.kill(charts._child.pid, signal.SIGSTOP)
        cancelled = asyncio.create_task(charts.png(period(10)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        assert await charts.png(level([21.0, 25.0], at_most=23)) == small
    finally:
        await charts.close()


async def test_an_idle_child_ends():
    charts = Charts(idle=0.01)
    await charts.png(period(10))
    async with asyncio.timeout(20):
        while charts.running:
            await asyncio.sleep(0)
    assert await charts.png(period(10))
    await charts.close()


def test_the_daemon_never_imports_the_drawing_library():
    code = (
        "import agent.charts, sys; print(sorted(m for m in sys.modules if m.split('.')[0] in ('matplotlib', 'numpy')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
