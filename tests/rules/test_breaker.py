from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.breaker import REMEMBERED, Breaker, Outcome, outcome_of, tripped
from rules.model import HOUR, MINUTE, RunState

THREE = Breaker(3, HOUR)
NOW = 100 * HOUR


def outcomes(text: str, last: int = NOW) -> list[Outcome]:
    """One a minute, the newest at `last`: `-` did not help, `+` did."""
    return [Outcome(last - (len(text) - place) * MINUTE + MINUTE, sign == "+") for place, sign in enumerate(text, 1)]


@pytest.mark.parametrize(
    ("text", "failures"),
    [("", 0), ("--", 0), ("---", 3), ("+---", 3), ("--+-", 0), ("-----", 5), ("---+", 0), ("---+--", 0)],
)
def test_it_trips_after_so_many_failures_in_a_row(text: str, failures: int) -> None:
    found = tripped(THREE, outcomes(text), NOW)
    assert (found.failures if found else 0) == failures
    if found:
        assert found.until == NOW + HOUR


def test_the_pause_begins_anew_when_the_trial_fails() -> None:
    known = outcomes("---")
    assert tripped(THREE, [*known, Outcome(NOW + 2 * HOUR, False)], NOW + 2 * HOUR).until == NOW + 3 * HOUR  # type: ignore[union-attr]
    assert tripped(THREE, [*known, Outcome(NOW + 2 * HOUR, True)], NOW + 2 * HOUR) is None


def test_what_is_long_ago_counts_no_more() -> None:
    assert tripped(THREE, outcomes("---"), NOW + REMEMBERED + 3 * MINUTE) is None


def test_a_failure_in_the_future_of_a_clock_set_back_pauses_from_now() -> None:
    assert tripped(THREE, outcomes("---", NOW + 5 * HOUR), NOW).until == NOW + HOUR  # type: ignore[union-attr]


@pytest.mark.parametrize("state", RunState)
def test_only_what_a_call_decided_is_an_outcome(state: RunState) -> None:
    found = outcome_of(state, NOW)
    helped = {"verified": True, "undone": True, "failed": False, "escalated": False}
    assert (found.helped if found else None) == helped.get(state.value)


@given(st.lists(st.booleans(), max_size=20), st.integers(1, 6))
def test_it_is_tripped_exactly_while_the_last_ones_all_failed(helped: Sequence[bool], failures: int) -> None:
    known = [Outcome(NOW - len(helped) + place, one) for place, one in enumerate(helped)]
    found = tripped(Breaker(failures, HOUR), known, NOW)
    assert (found is not None) == (len(helped) >= failures and not any(helped[-failures:]))
