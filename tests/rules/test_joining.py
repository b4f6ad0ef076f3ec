"""Which series of a condition fall into which instance: labels are joined by equality."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.model import (
    AlertRule,
    Assessment,
    Goal,
    InstanceKey,
    InstanceState,
    Reading,
    Standing,
    Target,
    labels_of,
)
from rules.retiring import retire
from tests.rules.world import World, at, series

NOW = at("2026-03-01 12:00")
OUT = (AlertRule("out", Standing.OUT_OF_BAND),)


def world(condition: str, *by: str, **more: object) -> World:
    return World(Target("t", "T", Goal(condition=condition), by=by, alerts=OUT, **more))


def key(**labels: str) -> InstanceKey:
    return InstanceKey("t", labels_of(labels))


def read(name: str, value: float | None, **labels: str) -> Reading:
    return Reading(series(name, **labels), NOW, value)


def standings(of: World) -> dict[InstanceKey, Standing]:
    return {one: state.assessment.standing for one, state in of.states.instances.items()}


def test_equal_labels_meet():
    of = world("last(orders) > last(returns)", "site")
    of.step(NOW, read("orders", 5, site="a"), read("orders", 5, site="b"))
    of.step(NOW + 1, read("returns", 3, site="a"), read("returns", 7, site="b"))
    assert standings(of) == {key(site="a"): Standing.IN_BAND, key(site="b"): Standing.OUT_OF_BAND}


@pytest.mark.parametrize("first", ["limit", "load"])
def test_a_series_without_the_label_belongs_to_every_instance(first):
    of = world("last(load) < last(limit)", "site")
    rows = {"load": [read("load", n, site=site) for site, n in (("a", 5), ("b", 9))], "limit": [read("limit", 8)]}
    of.step(NOW, *rows.pop(first))
    of.step(NOW + 1, *rows.popitem()[1])
    assert standings(of) == {key(site="a"): Standing.IN_BAND, key(site="b"): Standing.OUT_OF_BAND}
    assert of.step(NOW + 2, Reading(series("limit"), NOW + 2, 4.0), due=[]) == ["out firing"]  # every one is looked at


def test_it_says_once_what_was_read_and_what_is_missing():
    of = world("last(load) < last(own) and last(load) < last(limit)", "site")
    of.step(NOW, read("load", 5, site="a"), read("limit", 8))
    found = of.states.instances[key(site="a")].assessment
    assert found.reason == "no value for last(own)"
    assert found.inputs == (("last(load)", "5"), ("last(own)", "no value"), ("last(limit)", "8"))
    of = world("last(load) / last(limit) < 1", "site")
    of.step(NOW, read("load", 5, site="a"))
    assert of.states.instances[key(site="a")].assessment.reason == "no value for last(limit)"
    of.step(NOW + 1, Reading(series("limit"), NOW + 1, 0.0))
    assert of.states.instances[key(site="a")].assessment.reason == "it can't be calculated"


def test_one_with_some_of_the_labels_belongs_where_those_are_equal():
    of = world("last(load) < last(limit)", "site", "room")
    loads = [read("load", 5, site=site, room=room) for site in "ab" for room in "xy"]
    of.step(NOW, *loads, read("limit", 8, site="a"), read("limit", 3, room="x", site="b"))
    assert standings(of) == {
        key(site="a", room="x"): Standing.IN_BAND,
        key(site="a", room="y"): Standing.IN_BAND,
        key(site="b", room="x"): Standing.OUT_OF_BAND,
        key(site="b", room="y"): Standing.NO_DATA,
    }


def test_an_empty_label_is_none():
    of = world("last(load) < last(limit)", "site")
    of.step(NOW, read("load", 5, site="a"), read("limit", 8, site=""))
    assert standings(of) == {key(site="a"): Standing.IN_BAND}


def test_alone_it_makes_no_instance():
    of = world("last(load) < last(limit)", "site")
    of.step(NOW, read("limit", 8))
    assert standings(of) == {}


def test_two_of_one_query_need_a_combine():
    of = world("last(load) < 8", "site")
    of.step(NOW, *[read("load", 5, site="a", room=room) for room in "xy"])
    assert of.look(NOW, site="a").assessment.reason.startswith("last(load) means 2 series")
    summed = world("sum(load, '1h') < 8", "site", combine="sum")
    summed.step(NOW, *[read("load", 5, site="a", room=room) for room in "xy"])
    assert standings(summed) == {key(site="a"): Standing.OUT_OF_BAND}


def test_absence_is_said_of_all_of_them_together():
    of = world("not absent(load, '1h')", "site")
    of.step(NOW, read("load", None, site="a", room="x"), read("load", 1, site="a", room="y"))
    assert standings(of) == {key(site="a"): Standing.IN_BAND}


def test_an_instance_without_labels_that_was_remembered_is_forgotten():
    """Before labels were joined, a series without the label made an instance of its own."""
    of = world("last(load) < last(limit)", "site")
    of.step(NOW, read("load", 5, site="a"), read("limit", 8))
    phantom = InstanceState(key(site=""), Assessment(Standing.NO_DATA), since=NOW, created=NOW)
    of.states.instances[phantom.key] = phantom
    assert retire(of.specs, of.states, NOW, of.history).forget == [phantom.key]


_rows = st.lists(
    st.tuples(
        st.sampled_from(["load", "limit"]),
        st.dictionaries(st.sampled_from(["site", "room"]), st.sampled_from(["a", "b"])),
        st.integers(0, 9).map(float),
    ),
    max_size=12,
    unique_by=lambda row: (row[0], tuple(sorted(row[1].items()))),
)


@settings(max_examples=150, deadline=None)
@given(_rows, st.data())
def test_any_order_of_arrival_gives_the_same_instances(rows, data):
    readings = [read(name, value, **labels) for name, labels, value in rows]
    one = world("last(load) < last(limit)", "site", combine="max")
    other = world("last(load) < last(limit)", "site", combine="max")
    one.step(NOW, *readings)
    for reading in data.draw(st.permutations(readings)):
        other.step(NOW, reading)
    assert standings(one) == standings(other)
    sites = {labels["site"] for _, labels, _ in rows if "site" in labels}
    assert {dict(found.labels)["site"] for found in standings(one)} == sites
