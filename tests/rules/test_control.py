"""A controlled value: it drives the number to the setpoint, and goes on after a restart as if there had been none."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.store.codec import decode, encode
from rules.control import drive, setpoint_of
from rules.model import MINUTE, SECOND, Assessment, Driven, Pid, Standing

PID = Pid(kp=2.0, ki=0.01, kd=5.0, low=0.0, high=10.0)
T0 = 1_000 * MINUTE


def at(value: float | None, low: float | None = 20.0, high: float | None = 23.0) -> Assessment:
    return Assessment(Standing.OUT_OF_BAND, value, T0, low, high)


@pytest.mark.parametrize(
    ("given_", "low", "high", "expected"),
    [(None, 20, 23, 21.5), (None, 20, None, 20), (None, None, 23, 23), (None, None, None, None), (22, 20, 23, 22)],
)
def test_it_drives_to_the_middle_of_the_band_unless_told(given_, low, high, expected):
    assert setpoint_of(replace(PID, setpoint=given_), at(25, low, high)) == expected


def test_without_a_number_or_a_place_to_go_there_is_no_output():
    assert drive(PID, at(None), None, MINUTE, T0) is None
    assert drive(PID, at(25, None, None), None, MINUTE, T0) is None


def test_the_terms_are_those_of_the_textbook():
    """u = kp e + ki sum(e dt) - kd dy/dt, e the way to the setpoint."""
    output, state = drive(PID, at(20.5), None, MINUTE, T0)
    assert output == pytest.approx(2 * 1.0 + 0.01 * 1.0 * 60)
    later, state = drive(PID, at(21.0), state, MINUTE, T0 + 30 * SECOND)
    integral = 0.01 * (1.0 * 60 + 0.5 * 30)
    assert later == pytest.approx(2 * 0.5 + integral - 5.0 * 0.5 / 30)
    assert state == Driven(pytest.approx(integral), 21.0, T0 + 30 * SECOND)


def test_the_integral_never_leaves_the_range_of_the_output():
    state = None
    for step in range(100):
        output, state = drive(PID, at(10.0), state, MINUTE, T0 + step * MINUTE)
        assert output == 10.0
        assert state.integral <= 10.0
    output, state = drive(PID, at(30.0), state, MINUTE, T0 + 100 * MINUTE)
    assert output == 0.0  # at once, not after the integral has come down


def test_a_pause_is_not_summed_up():
    """Hours in which corrections were off would else drive the output to its end."""
    pid = replace(PID, kp=0.0, kd=0.0, high=1_000.0)
    _, state = drive(pid, at(20.5), None, MINUTE, T0)
    output, _ = drive(pid, at(20.5), state, MINUTE, T0 + 600 * MINUTE)
    assert output == pytest.approx(0.01 * 1.0 * (60 + 2 * 60))


def test_a_clock_that_was_set_back_counts_the_usual_time():
    _, state = drive(PID, at(20.5), None, MINUTE, T0)
    assert (
        drive(PID, at(20.5), state, MINUTE, T0 - 60 * MINUTE)[0] == drive(PID, at(20.5), state, MINUTE, T0 + MINUTE)[0]
    )


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=8), st.floats(-5, 5), st.floats(0, 1), st.floats(0, 50))
def test_what_is_stored_is_enough_to_go_on(values, kp, ki, kd):
    pid = Pid(kp, ki, kd, -3.0, 7.0)
    kept = stored = None
    for step, value in enumerate(values):
        now = T0 + step * MINUTE
        output, kept = drive(pid, at(value), kept, MINUTE, now)
        again, stored = drive(pid, at(value), stored, MINUTE, now)
        stored = decode(Driven, encode(stored))
        assert -3.0 <= output <= 7.0
        assert (output, kept) == (again, stored)


def test_a_room_is_heated_into_its_band_and_held_there():
    """10 °C outside; the output is the power of a heater, whose heat leaks out."""
    room, state, seen = 12.0, None, []
    for minute in range(0, 12 * 60, 5):
        power, state = drive(Pid(1.0, 0.001, 0.0, 0.0, 10.0), at(room), state, 5 * MINUTE, T0 + minute * MINUTE)
        for _ in range(5):
            room += 0.05 * power - 0.01 * (room - 10.0)
        seen.append(room)
    assert all(20 < one < 23 for one in seen[-40:])
    assert seen[-1] == pytest.approx(21.5, abs=0.2)
