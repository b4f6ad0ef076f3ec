"""Matchers made of labels: just what was meant, and readable by the parser of what people write."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rules.matchers import just, matchers_text, parse_alert_matchers
from rules.model import labels_of
from rules.selectors import matches

_SETS = st.lists(
    st.dictionaries(st.sampled_from("abc"), st.sampled_from(["", "x", "x.", "y|", "é ü", "\\d", '"']), min_size=3)
)


@given(_SETS, _SETS)
def test_just_these_labels_are_matched(meant, others):
    made = just(meant)
    for labels in (*meant, *others):
        assert any(matches(one, labels_of(labels)) for one in made) == (labels in meant)


def test_values_of_one_label_are_one_set_of_matchers_and_as_many_as_fit():
    assert list(map(matchers_text, just([{"room": "b+", "t": "r"}, {"room": "a", "t": "r"}]))) == [
        '{room=~"a|b\\\\+",t="r"}'
    ]
    made = just([{"room": f"room {number}", "t": "r"} for number in range(300)])
    assert 2 <= len(made) <= 4
    for one in made:
        assert parse_alert_matchers(matchers_text(one)) == one
