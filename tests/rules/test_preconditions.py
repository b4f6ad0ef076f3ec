"""Under which condition a call is made: the series it names, joined to the instance by the labels they share."""

from __future__ import annotations

import pytest

from rules.conditions import compile_condition
from rules.history import History
from rules.model import (
    MINUTE,
    AlertRule,
    Assessment,
    CorrectRule,
    Goal,
    InstanceKey,
    InstanceState,
    Reading,
    Selector,
    Series,
    SourceRule,
    Standing,
    Target,
)
from rules.preconditions import unmet
from rules.specs import Specs

T0 = 1_000 * MINUTE
DEN = InstanceKey("room", (("room", "den"),))


def asked(text: str, *readings: tuple[str, float | None, dict[str, str]], key: InstanceKey = DEN) -> str | None:
    correct = (CorrectRule("hot", "cool", 0, 1, MINUTE, precondition=text),)
    target = Target("room", "Room", Goal(at_most=23), Selector("t"), by=("room",), alerts=(AlertRule("hot", Standing.OUT_OF_BAND),), correct=correct)  # fmt: skip
    specs = Specs([target], [SourceRule("s", ("t", "load", "outside"), MINUTE)])
    history = History(specs)
    for name, value, labels in readings:
        history.add(Reading(Series(name, tuple(sorted({**labels, "source": "s"}.items()))), T0, value))
    state = InstanceState(key, Assessment(Standing.OUT_OF_BAND, 25), T0, T0)
    return unmet(compile_condition(text), state, specs, history, T0 + MINUTE)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("last(load) < 90", None),
        ("last(load) < 70", "precondition is not met: last(load) = 80"),
        ("last(outside) < 30 and last(load) < 70", "precondition is not met: last(outside) = 12, last(load) = 80"),
        ("last(outside) < 30 or last(load) < 70", None),
        ("last(t) > 20", None),
        ('last(load{room="hall"}) < 90', 'precondition is open: last(load{room="hall"}) has no value'),
    ],
)
def test_only_series_with_the_labels_of_the_instance_count(text: str, said: str | None) -> None:
    found = asked(
        text,
        ("load", 80, {"room": "den"}),
        ("load", 20, {"room": "hall"}),
        ("outside", 12, {}),
        ("t", 25, {"room": "den"}),
    )
    assert found == said


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_a_value_that_is_missing_forbids_it_whatever_is_compared(value: float | None) -> None:
    for text in ("last(outside) < 30", "last(outside) >= 30", "not last(outside) < 30"):
        assert asked(text, ("outside", value, {})) == "precondition is open: last(outside) has no value"


def test_a_reading_stamped_ahead_of_now_does_not_count_yet() -> None:
    for ahead, met in ((MINUTE, True), (10 * MINUTE, False)):
        target = Target("room", "Room", Goal(at_most=23), Selector("t"), by=("room",), correct=(CorrectRule("hot", "cool", 0, 1, MINUTE, precondition="last(load) < 90"),))  # fmt: skip
        specs = Specs([target], [SourceRule("s", ("t", "load"), MINUTE)])
        history = History(specs)
        for at, value in ((T0, 95.0), (T0 + ahead, 80.0)):
            history.add(Reading(Series("load", (("room", "den"),)), at, value))
        state = InstanceState(DEN, Assessment(Standing.OUT_OF_BAND, 25), T0, T0)
        assert (unmet(compile_condition("last(load) < 90"), state, specs, history, T0) is None) is met


def test_what_is_never_read_has_no_value() -> None:
    assert asked("last(outside) < 30") == "precondition is open: last(outside) has no value"


def test_several_series_that_fit_leave_it_open() -> None:
    assert asked("last(outside) < 30", ("outside", 12, {"side": "north"}), ("outside", 14, {"side": "south"}))


def test_windows_reach_as_far_back_as_they_say() -> None:
    target = Target("room", "Room", None, Selector("t"), alerts=(), correct=(CorrectRule("hot", "cool", 0, 1, MINUTE, precondition="avg(outside, '6h') < 30"),))  # fmt: skip
    specs = Specs([target], [])
    assert specs.reach("outside").horizon == 360 * MINUTE
    assert "outside" in specs.series_names()
