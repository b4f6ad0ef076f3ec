"""Groups that are put off: looked at later than was their turn, also where they have no time of their own."""

from __future__ import annotations

from agent.alerts.groups import GroupChanges, Groups
from rules.model import SECOND, Group
from tests.rules.world import NOON

TEAM = Group("g", "{}", "team", NOON)


def put_off(changed: Group | None) -> Groups:
    groups = Groups([TEAM], [])
    groups.put_off({"g": "a"}, NOON + 30 * SECOND)
    groups.remember(GroupChanges(groups, {"g": changed}))
    return groups


def test_a_change_that_gives_no_time_leaves_it_put_off():
    groups = put_off(Group("g", "{}", "team", NOON, looked=True))
    assert groups.take_due(NOON + 29 * SECOND) == []
    assert list(groups.awaiting(["a"])) == ["g"]
    assert groups.take_due(NOON + 30 * SECOND) == ["g"]
    assert list(groups.awaiting(["a"])) == []


def test_a_change_that_gives_a_time_puts_it_off_no_more():
    groups = put_off(Group("g", "{}", "team", NOON, next_look=NOON + 5 * SECOND))
    assert list(groups.awaiting(["a"])) == []
    assert groups.take_due(NOON + 5 * SECOND) == ["g"]


def test_a_group_that_is_gone_is_awaited_by_nobody():
    groups = put_off(None)
    assert (list(groups.awaiting(["a"])), groups.take_due(NOON + 30 * SECOND)) == ([], [])
