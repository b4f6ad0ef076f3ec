"""Which silence holds for which alert, against plain readings of Alertmanager's documentation."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules import silencing
from rules.model import Labels, Matcher, Silence, labels_of
from rules.silencing import Silences

VALUES = st.sampled_from(["", "a", "b", "a|b", "c d"])
PATTERNS = st.sampled_from(["", "a", "a|b", "a|", ".*", ".+", "[ab]", "c d|b", "a.b"])
NAMES = st.sampled_from("xyz")
MATCHERS = st.lists(
    st.builds(Matcher, NAMES, st.sampled_from(["=", "!="]), VALUES)
    | st.builds(Matcher, NAMES, st.sampled_from(["=~", "!~"]), PATTERNS),
    max_size=3,
).map(tuple)
LABELS = st.dictionaries(NAMES, VALUES, max_size=3).map(labels_of)
SILENCES = st.builds(
    lambda name, matchers, starts, length: Silence(name, matchers, "ann", "", starts, starts + length, 0, 0),
    st.sampled_from("stuvw"), MATCHERS, st.integers(0, 10), st.integers(0, 10),
)  # fmt: skip


def plainly(silences: dict[str, Silence], labels: Labels, now: int) -> set[int]:
    """When those end that hold, as the documentation says it: all matchers match, a missing label is empty."""
    values = dict(labels)
    says = {
        "=": lambda value, wanted: value == wanted,
        "!=": lambda value, wanted: value != wanted,
        "=~": lambda value, wanted: re.fullmatch(wanted, value) is not None,
        "!~": lambda value, wanted: re.fullmatch(wanted, value) is None,
    }
    found = set()
    for one in silences.values():
        matched = all(says[m.op](values.get(m.name, ""), m.value) for m in one.matchers)
        if matched and one.starts <= now < one.ends:
            found.add(one.ends)
    return found


@given(
    st.lists(SILENCES, max_size=4), st.lists(st.tuples(SILENCES | st.none(), LABELS, st.integers(-1, 2)), max_size=12)
)
def test_what_holds_is_what_matches_whatever_came_and_went(first, moves):
    known = {one.id: one for one in first}
    silences, now = Silences(known.values()), 0
    for silence, labels, passed in moves:
        now += passed
        if silence is not None:
            known |= {silence.id: silence}  # one that was over may hold again by a clock that was set back
            silences.put(silence, now)
        found, ends = silences.of(labels, now), plainly(known, labels, now)
        assert (found.ends if found else None) == max(ends, default=None)
        assert found is None or found == known[found.id]


def test_only_what_can_match_is_held_against_an_alert_and_that_once(monkeypatch):
    asked: list[Matcher] = []
    monkeypatch.setattr(silencing, "holds", lambda matcher, value: asked.append(matcher) or matcher.value == value)
    many = [
        Silence(f"s{n}", (Matcher("severity", "=", "warning"), Matcher("target", "=", f"t{n}")), "ann", "", 0, 9, 0, 0)
        for n in range(100)
    ]
    silences = Silences(many)
    for n in range(100):
        found = silences.of(labels_of({"severity": "warning", "target": f"t{n}"}), 5)
        assert found is not None
        assert found.id == f"s{n}"
    assert len(asked) < 500
    asked.clear()
    assert silences.of(labels_of({"severity": "warning", "target": "t7"}), 5) == many[7]
    assert asked == []
    assert silences.of(labels_of({"severity": "warning", "target": "t7"}), 9) is None


def test_alternatives_lead_to_a_silence_too():
    one = Silence("s", (Matcher("team", "=~", "web|data base"),), "ann", "", 0, 9, 0, 0)
    silences = Silences([one])
    found = [silences.of(labels_of({"team": team}), 5) for team in ("web", "data base", "data", "")]
    assert found == [one, one, None, None]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_of_several_that_last_alike_the_first_that_was_made_holds_in_whatever_order_they_come(order):
    ends, created = (8, 9, 9), (0, 2, 1)
    made = [Silence(f"s{n}", (), "ann", "", 0, ends[n], created[n], created[n]) for n in range(3)]
    assert Silences([made[n] for n in order]).of((), 5) == made[2]


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(silencing, "_REMEMBERED", 3)
    one = Silence("s", (Matcher("n", "!=", "4"),), "ann", "", 0, 9, 0, 0)
    silences = Silences([one])
    assert [silences.of(labels_of({"n": str(n)}), 5) for n in range(9)] == [None if n == 4 else one for n in range(9)]
    assert len(silences._matching) <= 3


def test_what_was_made_by_a_clock_that_was_ahead_moves_back_with_it():
    made = Silence("s", (Matcher("x", "=", "a"),), "ann", "", 100, 160, 100, 100)
    later = Silence("t", (Matcher("x", "=", "b"),), "ann", "", 130, 160, 30, 30)  # made before, for that time
    silences = Silences([made, later])
    assert silences.set_back(100) == []
    assert [(one.starts, one.ends) for one in silences.set_back(40)] == [(40, 100)]
    assert silences.set_back(40) == []
    holding = [silences.of((("x", "a"),), now) is not None for now in (40, 99, 100)]
    assert holding == [True, True, False]
    assert silences.of((("x", "b"),), 100) is None
    assert silences.of((("x", "b"),), 130) == later
