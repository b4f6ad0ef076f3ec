"""Names: near ones for looking, exact ones for acting."""

from __future__ import annotations

import pytest

from agent.slack.names import Named, exact, find, near, things
from rules.model import Assessment, Standing
from tests.agent.web.kit import Daemon

ROOM, MONTHLY = Named("target", "room"), Named("target", "monthly")


@pytest.mark.parametrize(
    ("text", "named", "sure"),
    [
        ("room", ROOM, True),
        ("ROOM", ROOM, True),
        ("rom", ROOM, False),
        ("unique visitors", MONTHLY, True),
        ("Unique-Visitors", MONTHLY, True),
        ("visitors", MONTHLY, False),
        ("behind", MONTHLY, True),
        ("f-behind", MONTHLY, True),
        ("csv", Named("source", "csv"), True),
        ("rooms", Named("source", "rooms"), True),
    ],
)
def test_looking(daemon: Daemon, text, named, sure):
    daemon.alert("behind")
    found = find(text, things(daemon))
    assert (found.named, found.exact) == (named, sure)


def test_an_instance_is_a_name_where_only_one_target_has_it(daemon: Daemon):
    for target in ("room", "monthly"):
        daemon.stands(target, Assessment(Standing.IN_BAND), site="both", room=f"only {target}")
    known = things(daemon)
    assert find("both", known).named is None
    assert set(find("both", known).near) == {"room both", "monthly both"}
    assert find("only room", known).named == Named("target", "room", "only room")
    assert find("monthly both", known).named == Named("target", "monthly", "both")


def test_several_near_ones_are_offered(daemon: Daemon):
    known = {"room a": Named("target", "room-a"), "room b": Named("target", "room-b")}
    assert set(find("room", known).near) == {"room-a", "room-b"}
    assert find("nothing like it", known).near == ()
    assert find("", known).named is None


def test_acting_needs_the_name_itself():
    assert exact("Room", ["room", "hall"]) == "room"
    assert exact("rom", ["room", "hall"]) is None
    assert exact("room", ["room", "Room"]) == "room"
    assert exact("ROOM", ["room", "Room"]) is None
    assert near("rom", ["room", "hall"]) == "room"
    assert near("zzz", ["room", "hall"]) is None
