"""What belongs to what by configuration alone: held against trying everything, as the index must not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rules.model import SECOND, Goal, InstanceKey, Selector, Series, SourceRule, Target, labels_of
from rules.selectors import make_matcher, parse_selector, selects
from rules.specs import Specs

NAMES = ("visitors", "orders")
SOURCES = ("a", "b", "c")
LABELS = {"source": (*SOURCES, "push", "gone"), "site": ("www", "shop")}

matcher = st.sampled_from(sorted(LABELS)).flatmap(
    lambda label: st.builds(
        make_matcher, st.just(label), st.sampled_from(("=", "!=", "=~", "!~")), st.sampled_from((*LABELS[label], ""))
    )
)
selector = st.builds(Selector, st.sampled_from(NAMES), st.lists(matcher, max_size=3).map(tuple))
target = st.builds(lambda read, plan: (read, Goal(at_most=1.0, plan=plan)), selector, st.none() | st.none() | selector)
series = st.builds(
    lambda name, labels: Series(name, labels_of(labels)),
    st.sampled_from(NAMES),
    st.fixed_dictionaries(
        {"source": st.sampled_from((*SOURCES, "push"))}, optional={"site": st.sampled_from(LABELS["site"])}
    ),
)
gives = st.lists(st.sampled_from(NAMES), min_size=1, unique=True).map(tuple)


@given(st.lists(target, min_size=1, max_size=6), st.tuples(gives, gives, gives), series)
def test_a_series_belongs_where_its_selectors_say(
    wanted: list[tuple[Selector, Goal]], given_: tuple[tuple[str, ...], ...], one: Series
) -> None:
    targets = [Target(f"t{n}", "T", goal, read) for n, (read, goal) in enumerate(wanted)]
    specs = Specs(targets, [SourceRule(name, of, SECOND) for name, of in zip(SOURCES, given_, strict=True)])
    beside = [t for t in targets if t.goal and isinstance(t.goal.plan, Selector) and selects(t.goal.plan, one)]
    makes = [t for t in targets if t not in beside and t.selector and selects(t.selector, one)]
    places = specs.places_of(one)
    assert places.makes == tuple(InstanceKey(t.name) for t in makes)
    assert places.beside == tuple(InstanceKey(t.name) for t in beside)
    source = dict(one.labels)["source"]
    if source in specs.sources and one.name in specs.sources[source].series:
        assert all(source in specs.sources_of(t.name) for t in makes)
        assert {t.name for t in (*makes, *beside)} <= set(specs.targets_of(source))


def test_a_source_that_the_selector_rules_out_is_none_of_the_targets() -> None:
    """Its failing blinds no target that reads the same series of another one."""
    rules = [SourceRule(name, ("visitors",), SECOND) for name in SOURCES]
    texts = (
        'visitors{source="b"}',
        "visitors",
        'visitors{source!="a"}',
        'visitors{source="push"}',
        'orders{source="b"}',
    )
    specs = Specs((Target(text, "T", Goal(at_most=1.0), parse_selector(text)) for text in texts), rules)
    assert [specs.sources_of(text) for text in texts] == [("b",), SOURCES, ("b", "c"), (), ()]
    assert [specs.targets_of(name) for name in SOURCES] == [texts[1:2], texts[:3], texts[1:3]]


def test_what_a_reload_changed_are_targets_and_what_may_get_something_of_a_changed_source() -> None:
    read = [Target(name, "T", Goal(at_most=1.0), Selector(name)) for name in NAMES]
    planned = Target("planned", "T", Goal(at_most=1.0, plan=Selector("plan")), Selector("visits"))
    gives = [SourceRule("a", ("visitors",), SECOND), SourceRule("b", ("orders",), SECOND)]
    plans = SourceRule("plans", ("plan",), SECOND)
    before = Specs([*read, planned], [*gives, plans])
    assert Specs([*read, planned], [*gives, plans]).changed_since(before) == set()
    assert Specs([*read, planned], gives).changed_since(before) == {"planned"}
    assert Specs([*read, planned], [gives[0], SourceRule("c", ("orders",), SECOND), plans]).changed_since(before) == {
        "orders"
    }
    other = Target("visitors", "T", Goal(at_most=2.0), Selector("visitors"))
    assert Specs([other, planned], [*gives, plans]).changed_since(before) == {"visitors"}
