"""When sources that fail are told together: with how many it begins, and when it is over."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.blindness import SETTLES, Sight
from rules.model import MINUTE, SOURCES, Health, SourceRule, SourceState, Trouble
from rules.specs import Specs

FEW = 3


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three are many in these small worlds."""
    monkeypatch.setattr("rules.blindness.LEAST", FEW)


NOW = 1_000_000 * MINUTE


def sight(polled, share=0.5, called=0):
    names = [f"s{number:02}" for number in range(polled)]
    rules = [SourceRule(name, (), MINUTE) for name in names]
    rules += [SourceRule(f"called{number}", (), None) for number in range(called)]
    return Sight(Specs([], rules), share)


def failing(count, down=1, of=0):
    """States of the first `count` sources as failing, `down` of them down, and of those up to `of` as up."""
    states = []
    for number in range(max(count, of)):
        fails = number < count
        health = Health.DOWN if number < min(down, count) else Health.UP
        states.append(SourceState(f"s{number:02}", health, failures=int(fails)))
    return states


def begun(one):
    return one.look(None, "team", NOW)


@pytest.mark.parametrize(
    ("polled", "share", "count", "blind"),
    [
        (10, 0.5, 5, True),
        (10, 0.5, 4, False),
        (11, 0.5, 5, False),
        (11, 0.5, 6, True),
        (3, 0.5, 2, False),
        (3, 0.5, 3, True),
        (2, 0.5, 2, False),  # fewer than three are told by themselves
        (100, 0.1, 10, True),
        (100, 0.1, 9, False),
        (10, 1.0, 9, False),
        (10, 1.0, 10, True),
        (0, 0.5, 0, False),
    ],
)
def test_with_how_many_it_begins(polled, share, count, blind):
    one = sight(polled, share)
    one.note(failing(count, down=count))
    assert (begun(one) is not None) is blind


def test_a_blip_of_all_is_not_said():
    one = sight(10)
    one.note(failing(10, down=4))
    assert begun(one) is None
    assert one.holds(None, NOW) == (True, NOW + SETTLES)  # but nothing is said of the four either, for a while
    assert one.look(None, "team", NOW + 1) is None
    assert one.holds(None, NOW + SETTLES) == (False, NOW + SETTLES)
    one.note(failing(10, down=5))
    assert one.look(None, "team", NOW + 2) == Trouble(SOURCES, NOW + 2, "team", one.words())


def test_a_doubt_ends_when_they_are_back():
    one = sight(10)
    one.note(failing(10, down=1))
    assert begun(one) is None
    one.note(failing(1, of=10))
    assert begun(one) is None
    assert one.holds(None, NOW) == (False, NOW)


def test_what_is_told_of_one_waits_until_it_had_time_to_be_back():
    one = sight(10)
    open_ = Trouble(SOURCES, NOW, "team", "x")
    assert one.holds(open_, NOW + 100 * MINUTE) == (True, None)
    over = replace(open_, over=NOW + MINUTE)
    assert one.holds(over, NOW + MINUTE) == (True, NOW + MINUTE + SETTLES)
    assert one.holds(over, NOW + MINUTE + SETTLES)[0] is False
    assert one.holds(over, NOW - 100 * MINUTE)[0] is False  # the clock was set back


def test_sources_that_are_called_or_read_by_the_calendar_do_not_count():
    one = sight(6, called=20)
    one.note(failing(3, down=3))
    one.note([SourceState(f"called{number}", Health.DOWN, failures=3) for number in range(20)])
    assert begun(one) is not None
    assert one.words() == "3 of 6 sources can't be read: s00, s01, s02"


def test_it_is_over_as_soon_as_fewer_fail():
    one = sight(6)
    one.note(failing(6, down=6))
    blind = begun(one)
    assert one.look(blind, "other", NOW + 1) is None
    one.note(failing(3, down=3, of=6))
    assert one.look(blind, "other", NOW + 2) is None
    one.note(failing(2, down=2, of=6))
    over = one.look(blind, "other", NOW + 3)
    assert over == Trouble(SOURCES, NOW, "team", blind.words, NOW + 3)
    assert one.look(over, "other", NOW + 4) is None
    one.note(failing(6, down=6))
    assert one.look(over, "other", NOW + 5) == Trouble(SOURCES, NOW + 5, "other", one.words())


def test_words_name_the_first_few():
    one = sight(20)
    assert one.over() == "20 of 20 sources can be read"
    one.note(failing(12))
    assert one.over() == "8 of 20 sources can be read; of the others each is told if it stays so"
    assert one.words() == "12 of 20 sources can't be read: s00, s01, s02, s03, s04 and 7 more"


@given(
    polled=st.integers(0, 30),
    share=st.floats(0.01, 1),
    steps=st.lists(st.tuples(st.integers(0, 29), st.integers(0, 2)), max_size=60),
)
def test_what_is_said_fits_what_fails_in_any_order(polled, share, steps):
    one, fresh, known, trouble = sight(polled, share), sight(polled, share), {}, None
    for at, (number, failures) in enumerate(steps):
        state = SourceState(f"s{number:02}", Health.DOWN if failures > 1 else Health.UP, failures=failures)
        known[state.name] = state
        one.note([state])
        trouble = one.look(trouble, "team", NOW + at) or trouble
    fresh.note(known.values())
    fail = sum(bool(state.failures) for name, state in known.items() if int(name[1:]) < polled)
    assert one.words() == fresh.words()
    if trouble is not None and trouble.over is None:
        assert fail >= max(FEW, share * polled - 1e-6)
    if fail < FEW:
        assert trouble is None or trouble.over is not None
