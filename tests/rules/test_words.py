import pytest

from rules.model import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Assessment,
    Checkin,
    Event,
    Goal,
    InstanceKey,
    Projection,
    Recover,
    Standing,
    Target,
    percentage,
)
from rules.words import describe, headline, number, span
from tests.rules.world import at

NOW = at("2026-11-24 12:00")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (-0.0, "0"), (10_000, "10,000"), (6214.4, "6,214"), (25.126, "25.13"), (0.999, "0.999"),
        (0.0312, "0.0312"), (0.0005166, "0.000517"),
        (22.50, "22.5"), (-3.14159, "-3.14"), (0.12345, "0.1235"), (1.5e-7, "1.5e-07"), (2e20, "2e+20"),
        (1234.5, "1,234"), (0.1 + 0.2, "0.3"), (999.999, "1,000"),
    ],
)  # fmt: skip
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 %"), (1.0, "100 %"), (0.999, "99.9 %"), (0.9995, "99.95 %"), (0.99996, "99.996 %"), (0.5, "50 %"),
        (0.99999999, "99.999999 %"), (0.00001, "0.001 %"), (1 / 3, "33.33 %"), (12.5, "1,250 %"),
    ],
)  # fmt: skip
def test_percentages(share: float, text: str) -> None:
    assert percentage(share) == text


def test_units() -> None:
    assert (number(21, "°C"), number(99.9, "%")) == ("21 °C", "99.9 %")


@pytest.mark.parametrize(
    ("micros", "text"),
    [(0, "0s"), (40 * SECOND, "40s"), (2 * HOUR + 5 * MINUTE + 3, "2h 5m"), (DAY + MINUTE, "1d"), (3 * DAY, "3d")],
)
def test_spans(micros: int, text: str) -> None:
    assert span(micros) == text


def test_behind() -> None:
    target = Target("v", "Unique visitors", Goal(at_least=10_000))
    assessment = Assessment(Standing.BEHIND, 6214, at_least=10_000, start=0, end=1, required_rate=412.3,
                            projection=Projection(8950.4))  # fmt: skip
    said = headline(target, InstanceKey("v"), assessment, Event.FIRING, NOW)
    assert said == "Unique visitors behind: 6,214 of 10,000, needs 412 a day, projected 8,950"


def test_out_of_band_and_back() -> None:
    target = Target("room", "Room temperature", Goal(at_least=20, at_most=23), unit="°C", by=("room",))
    key = InstanceKey("room", (("room", "den"),))
    out = Assessment(Standing.OUT_OF_BAND, 25.13, at_least=20, at_most=23)
    back = Assessment(Standing.IN_BAND, 22.0, at_least=20, at_most=23)
    assert headline(target, key, out, Event.FIRING, NOW) == (
        "Room temperature (den) out of band: 25.13 °C, wanted 20 to 23 °C"
    )
    assert headline(target, key, back, Event.RESOLVED, NOW) == (
        "Room temperature (den) back, in band: 22 °C, wanted 20 to 23 °C"
    )


def test_a_value_is_not_rounded_onto_the_bound_it_misses() -> None:
    target = Target("room", "Room", Goal(at_least=20, at_most=23))
    out = Assessment(Standing.OUT_OF_BAND, 19.999, at_least=20, at_most=23)
    assert headline(target, InstanceKey("room"), out, Event.FIRING, NOW) == "Room out of band: 19.999, wanted 20 to 23"


def test_a_late_checkin() -> None:
    target = Target("b", "Nightly backup", None, checkin=Checkin("0 3 * * *", None, "UTC", 0), zone="UTC")
    late = Assessment(Standing.MISSED, due=at("2026-11-24 03:00"), time=at("2026-11-23 03:05"), reason="late")
    assert headline(target, InstanceKey("b"), late, Event.FIRING, NOW) == (
        "Nightly backup late: was due 03:00, last call 2026-11-23 03:05"
    )


@pytest.mark.parametrize(
    ("recover", "value", "breaching", "said"),
    [
        (Recover(at_most=55.0), 56.0, False, "out of band until at most 55 u: 56 u, wanted at most 60 u"),
        (Recover(at_most=55.0), 55.001, False, "out of band until at most 55 u: 55.001 u, wanted at most 60 u"),
        (Recover(20.0, 55.0), 56.0, False, "out of band until 20 to 55 u: 56 u, wanted at most 60 u"),
        (Recover(at_most=55.0), 61.0, True, "out of band: 61 u, wanted at most 60 u"),
    ],
)
def test_inside_the_goal_but_not_recovered(recover: Recover, value: float, breaching: bool, said: str) -> None:
    target = Target("t", "T", Goal(at_most=60), recover=recover, unit="u")
    found = Assessment(Standing.OUT_OF_BAND, value, NOW, at_most=60.0, breaching=breaching, recovered=False)
    assert describe(target, found, NOW) == said
