"""What each measure makes of a stretch, and how it is written. Against readings from scratch: see test_tracks."""

import pytest

from rules.measures import MEASURES, NAMES, may_fall, measure_text, parse_measure, summary_of
from rules.model import Goal, Measure
from rules.tracks import Track

NOTHING = {Measure.SUM: 0, Measure.COUNT: 0, Measure.INCREASE: 0}


def test_every_measure_is_in_the_table():
    assert set(MEASURES) == set(Measure)


@pytest.mark.parametrize("measure", Measure)
def test_of_nothing(measure):
    goal = Goal(measure, where="value > 1" if measure is Measure.SHARE else None, quantile=0.5)
    assert summary_of(goal, 0).measure(goal) == NOTHING.get(measure)


@pytest.mark.parametrize(
    ("text", "measure", "part"),
    [
        ("sum", Measure.SUM, 0.0),
        ("p95", Measure.QUANTILE, 0.95),
        ("p99.9", Measure.QUANTILE, 0.999),
        ("p0", Measure.QUANTILE, 0.0),
        ("p100", Measure.QUANTILE, 1.0),
    ],
)
def test_as_it_is_written(text, measure, part):
    assert parse_measure(text) == (measure, pytest.approx(part))
    assert measure_text(Goal(measure, quantile=part)) == text


@pytest.mark.parametrize("text", ["quantile", "p", "p101", "p-1", "p9.", "95", "P95", "average", ""])
def test_what_is_no_measure(text):
    with pytest.raises(ValueError, match=f"has to be one of {', '.join(NAMES)}, or a"):
        parse_measure(text)


def test_a_word_that_is_near_is_offered():
    with pytest.raises(ValueError, match=r"did you mean mean\?"):
        parse_measure("maen")
    assert "quantile" not in NAMES


@pytest.mark.parametrize(
    ("measure", "values", "falls"),
    [
        (Measure.SUM, [1, 2], False),
        (Measure.SUM, [5, -1], True),
        (Measure.COUNT, [5, -1], False),
        (Measure.INCREASE, [5, 1], False),
        (Measure.LAST, [1, 2], False),
        (Measure.LAST, [2, 1, 3], True),
        (Measure.MAX, [3, 1], False),
        (Measure.MIN, [1, 3], True),
        (Measure.MEAN, [1, 1], True),
        (Measure.SHARE, [1, 1], True),
        (Measure.QUANTILE, [1, 1], True),
    ],
)
def test_whether_it_may_fall_again(measure, values, falls):
    track = Track(100)
    for time, value in enumerate(values):
        track.add(time, value)
    goal = Goal(measure, where="value > 0" if measure is Measure.SHARE else None)
    assert may_fall(goal, [track.summary(goal, 0, 100)]) is falls


def test_two_shares_of_one_series_are_not_taken_for_each_other():
    track = Track(100)
    for time, value in enumerate([1.0, 0.0, 1.0, 1.0]):
        track.add(time, value)
    up, down = (Goal(Measure.SHARE, where=f"value == {value}") for value in (1, 0))
    assert [track.summary(goal, 0, 100).measure(goal) for goal in (up, down, up)] == [0.75, 0.25, 0.75]
