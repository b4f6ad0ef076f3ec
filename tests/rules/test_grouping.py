"""When groups are looked at and what is told then."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.grouping import Look, joined, look, own_group, passed, renewed, routed_group
from rules.model import (
    MINUTE,
    SECOND,
    AlertState,
    Event,
    Group,
    InstanceKey,
    Member,
    Muted,
    MutedBy,
    Reason,
    Transition,
)
from rules.routing import Route

ROUTE = Route("team", group_by=("target",))
LABELS = (("alertname", "slow"), ("target", "app"))
SILENCED = Muted(MutedBy.SILENCE, "s", 90 * MINUTE)
ENDED = Transition(
    InstanceKey("app"), "slow", "a", 1, Event.RESOLVED, 0, AlertState.FIRING, AlertState.INACTIVE, LABELS
)


def group(**changes: object) -> Group:
    return replace(routed_group(ROUTE, LABELS, 0), **changes)


def member(name: str = "a", of: Group | None = None, **changes: object) -> Member:
    made = Member((of or group()).id, InstanceKey("app"), "slow", name, LABELS, 0)
    return replace(made, fingerprint=name, **changes)


def looked(of: Group, *members: Member, now: int, taken: bool = False, muted: tuple[str, ...] = ()) -> Look:
    return look(of, members, now, lambda one: SILENCED if one.fingerprint in muted else None, lambda _: taken)


def test_a_group_is_named_by_its_route_its_labels_and_its_receiver():
    made = group()
    assert (made.key, made.labels, made.repeat) == ('{}:{target="app"}', (("target", "app"),), ROUTE.repeat_interval)
    assert made.id == routed_group(ROUTE, (("target", "app"), ("x", "y")), 5).id
    others = [replace(ROUTE, receiver="x"), replace(ROUTE, key="{}/x"), replace(ROUTE, group_by=())]
    assert len({made.id, *(routed_group(route, LABELS, 0).id for route in others)}) == 4


@pytest.mark.parametrize(
    ("before", "fired_at", "now", "first"),
    [
        (group(), 0, 0, 30 * SECOND),
        (group(), 0, MINUTE, MINUTE),  # it is older than the wait
        (group(next_look=30 * SECOND), 20 * SECOND, 20 * SECOND, 30 * SECOND),
        (group(next_look=30 * SECOND), 0, 20 * SECOND, 30 * SECOND),
        (group(next_look=30 * SECOND), -MINUTE, 20 * SECOND, 20 * SECOND),
        (group(next_look=30 * SECOND, looked=True), -MINUTE, 20 * SECOND, 30 * SECOND),
        (own_group("team", "slow", "a", 0), 0, 7, 7),
    ],
)
def test_the_first_look_waits_for_company(before: Group, fired_at: int, now: int, first: int):
    assert joined(before, fired_at, now).next_look == first


def test_looks_stay_on_their_grid_however_late_one_is():
    interval = ROUTE.group_interval
    for late in (0, 7 * SECOND, interval - 1, interval, 3 * interval + 5):
        after = looked(group(next_look=30 * SECOND), member(told=True), now=30 * SECOND + late).group
        assert after is not None
        assert after.next_look is not None
        assert (after.next_look - 30 * SECOND) % interval == 0
        assert 0 < after.next_look - (30 * SECOND + late) <= interval


@pytest.mark.parametrize(
    ("before", "changes", "now", "due"),
    [
        (group(next_look=30 * SECOND), {}, 20 * SECOND, 30 * SECOND),
        (group(next_look=7 * SECOND), {}, 5 * SECOND, 7 * SECOND),  # an older alert had joined
        (group(next_look=30 * SECOND), {"group_wait": 25 * SECOND}, 20 * SECOND, 25 * SECOND),
        (group(next_look=30 * SECOND), {"group_wait": 5 * SECOND}, 20 * SECOND, 20 * SECOND),
        (group(next_look=30 * SECOND), {"group_wait": MINUTE}, 20 * SECOND, MINUTE),
        (group(next_look=30 * SECOND), {"group_interval": MINUTE, "repeat_interval": MINUTE}, 20, 30 * SECOND),
        (group(next_look=6 * MINUTE, looked=True), {"group_wait": 0}, 2 * MINUTE, 6 * MINUTE),
        (group(next_look=6 * MINUTE, looked=True), {"group_interval": 3 * MINUTE}, 2 * MINUTE, 4 * MINUTE),
        (group(next_look=6 * MINUTE, looked=True), {"group_interval": SECOND}, 2 * MINUTE, 2 * MINUTE),
        (group(next_look=6 * MINUTE, looked=True), {"group_interval": 10 * MINUTE}, 2 * MINUTE, 11 * MINUTE),
    ],
)
def test_other_settings_count_from_when_it_began_or_was_looked_at(before: Group, changes, now: int, due: int):
    wanted = routed_group(replace(ROUTE, **changes), LABELS, now)
    after = renewed(before, wanted, now)
    assert after == replace(wanted, since=0, next_look=due, looked=before.looked)
    assert renewed(after, wanted, now) == after


@pytest.mark.parametrize(
    ("members", "reason", "firing", "resolved"),
    [
        ([member()], Reason.FIRING, "a", ""),
        ([member(told=True)], None, "", ""),
        ([member(told=True), member("b")], Reason.FIRING, "ab", ""),
        ([member(told=True, ended=ENDED)], Reason.RESOLVED, "", "a"),
        ([member(told=True, ended=ENDED), member("b", told=True)], Reason.RESOLVED, "b", "a"),
        ([member(ended=ENDED)], None, "", ""),
        ([member(ended=ENDED), member("b")], Reason.FIRING, "b", ""),
        ([], None, "", ""),
    ],
)
def test_what_is_told(members: list[Member], reason: Reason | None, firing: str, resolved: str):
    found = looked(group(told_at=0), *members, now=MINUTE).told
    assert (found.reason if found else None) == reason
    names = [[one.fingerprint for one in inside] for inside in ((found.firing, found.resolved) if found else ([], []))]
    assert names == [list(firing), list(resolved)]


def test_a_reminder_is_due_when_the_repeat_interval_is_over_and_nobody_took_it():
    for now, taken, reason in ((ROUTE.repeat_interval - 1, False, None), (ROUTE.repeat_interval, False, Reason.REMINDER),
                               (ROUTE.repeat_interval, True, None)):  # fmt: skip
        found = looked(group(told_at=0), member(told=True), now=now, taken=taken).told
        assert (found.reason if found else None) is reason


def test_who_was_left_out_of_a_message_is_told_as_new_later():
    first = looked(group(), member(told=True), member("b"), now=0, muted=("a",))
    assert first.told is not None
    assert [one.fingerprint for one in first.told.firing] == ["b"]
    later = looked(first.group or group(), *first.members, now=MINUTE)
    assert later.told is not None
    assert (later.told.reason, len(later.told.firing)) == (Reason.FIRING, 2)


def test_a_look_that_tells_nothing_leaves_told_what_was():
    quiet = looked(group(), member(told=True), now=0, muted=("a",))
    assert quiet.told is None
    assert [(one.told, one.muted) for one in quiet.members] == [(True, SILENCED)]


TIMES = st.sampled_from([None, 0, 5 * MINUTE, 6 * MINUTE, 4 * 60 * MINUTE, 5 * 60 * MINUTE])
MEMBERS = st.builds(
    member,
    told=st.sampled_from([True, True, True, False]),
    news=st.sampled_from([False, False, False, True]),
    repeat=st.sampled_from([None, MINUTE]),
    ended=st.sampled_from([None, None, None, ENDED]),
    muted=st.sampled_from([None, None, None, SILENCED]),
)


@given(
    st.builds(group, told_at=TIMES, next_look=TIMES, looked=st.booleans(), own=st.sampled_from([False, False, True])),
    st.lists(MEMBERS, min_size=1, max_size=2),
    st.sampled_from([5 * MINUTE, 5 * MINUTE + 1, 10 * MINUTE, 270 * MINUTE]),
)
def test_a_look_that_is_passed_by_would_tell_nothing(of: Group, members: list[Member], now: int):
    after, found = passed(of, members, now), looked(of, *members, now=now)
    if after is not None:
        assert found == Look(after, tuple(members), (), None)
    elif not of.own and of.told_at is not None and of.told_at <= now:
        assert found.told is not None or found.gone or list(found.members) != members


def test_a_group_of_one_looks_again_when_its_mute_ends_or_a_reminder_is_due():
    own = own_group("team", "slow", "a", 0, repeat=10 * MINUTE)
    silent = looked(own, member(of=own), now=0, muted=("a",)).group
    assert silent is not None
    assert silent.next_look == SILENCED.until
    told = looked(own, member(of=own), now=0).group
    assert told is not None
    assert told.next_look == 10 * MINUTE
    assert (looked(own, member(of=own), now=0, taken=True).group or own).next_look is None


def test_nothing_is_left_of_a_group_whose_alerts_ended():
    found = looked(group(), member(told=True, ended=ENDED), member("b", ended=ENDED), now=0)
    assert (found.group, found.members, sorted(found.gone)) == (None, (), ["a", "b"])


steps = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["fire", "end", "mute", "unmute", "look"])), max_size=40
)


@given(steps)
def test_a_receiver_knows_what_the_group_thinks_it_knows(moves: list[tuple[str, str]]):
    """The plain model: what a receiver believes to fire, from the messages alone. Nobody is told of what was muted.

    What a message leaves out it believes to fire on, as one does that takes each alert by itself.
    """
    now, of, members, muted, believed = 0, group(), {}, set(), set()
    for name, what in moves:
        now += MINUTE
        if what == "fire" and (name not in members or members[name].ended):
            members[name] = member(name, told=name in members and members[name].told)
        elif what == "end" and name in members and not members[name].ended:
            members[name] = replace(members[name], ended=ENDED)
        elif what in {"mute", "unmute"}:
            (muted.add if what == "mute" else muted.discard)(name)
        elif what == "look":
            found = looked(of, *members.values(), now=now, muted=tuple(muted))
            if found.told:
                assert not muted & {one.fingerprint for one in found.told.firing}
                assert {one.fingerprint for one in found.told.resolved} <= believed
                believed |= {one.fingerprint for one in found.told.firing}
                believed -= {one.fingerprint for one in found.told.resolved}
            members = {one.fingerprint: one for one in found.members}
            of = found.group or group()
            assert believed == {one.fingerprint for one in members.values() if one.told}
            open_ = {one.fingerprint for one in members.values() if not one.ended}
            assert open_ - muted <= believed
