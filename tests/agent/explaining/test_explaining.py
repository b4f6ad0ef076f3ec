"""The past is rehearsed as far back as its alerts reach; what was so before is not given a time."""

from __future__ import annotations

import click
import pytest

from agent.cli.explain import _words
from agent.config.configuration import Configuration
from agent.explaining.past import known_at
from agent.explaining.present import Explained
from agent.web.explained import explanation_of
from rules.model import (
    DAY,
    HOUR,
    MINUTE,
    AlertRule,
    AlertState,
    EscalationStep,
    Goal,
    Reading,
    Selector,
    Standing,
    Target,
)
from tests.rules.world import at, series

NOW = at("2026-03-31T12:00:00")
BAD, GOOD = 50.0, 1.0


def asked(rule: AlertRule, **ago: int) -> Explained:
    """A reading every hour, bad from `bad` before now until `good` before now, of `first` before now and later."""
    target = Target("t", "T", Goal(at_most=10), Selector("v"), alerts=(rule,))
    config = Configuration(sources={}, targets={"t": target}, actions={}, receivers={})
    times = range(NOW - ago["first"], NOW + 1, HOUR)
    bad = range(NOW - ago["bad"], NOW - ago.get("good", -1))
    readings = [Reading(series("v", source="push"), time, BAD if time in bad else GOOD) for time in times]
    (found,) = known_at(config, "t", readings, NOW).explained("t", NOW)
    return found


def alert(found: Explained) -> tuple[AlertState, int, int | None]:
    (part,) = found.found.alerts
    return part.after.state, part.after.since, part.after.fired_at


@pytest.mark.parametrize(
    "rule", [AlertRule("slow", Standing.OUT_OF_BAND, for_=span) for span in (0, 5 * MINUTE, 20 * DAY)]
)
def test_what_was_so_at_the_first_look_began_before(rule):
    found = asked(rule, first=60 * DAY, bad=60 * DAY)
    known = NOW - rule.for_ - 7 * DAY
    assert (found.known, found.begun_before, found.changes) == (known, {"slow"}, [])
    assert found.found.after.since == known
    assert alert(found) == (AlertState.FIRING, known, known)
    said = {"from": "daemon", **explanation_of(found.found.target, [found], NOW)}
    (one,) = said["instances"]
    assert (one["since_before"], one["alerts"][0]["since_before"], one["alerts"][0]["fired_before"]) == (True,) * 3
    assert one["alerts"][0]["waits"].startswith("fires since before 2026-03-")
    words = click.unstyle("\n".join(_words(said)))
    assert "out of band since before 2026-03-" in words
    assert "slow firing since before 2026-03-" in words


def test_what_an_alert_waits_for_is_rehearsed_however_long():
    found = asked(AlertRule("slow", Standing.OUT_OF_BAND, for_=20 * DAY), first=60 * DAY, bad=25 * DAY)
    assert found.begun_before == frozenset()
    assert alert(found) == (AlertState.FIRING, NOW - 5 * DAY, NOW - 5 * DAY)
    escalates = AlertRule("slow", Standing.OUT_OF_BAND, escalate=(EscalationStep(20 * DAY, ("boss",)),))
    assert alert(asked(escalates, first=60 * DAY, bad=25 * DAY))[2] == NOW - 25 * DAY


def test_of_an_alert_that_recovers_it_is_known_since_when():
    rule = AlertRule("slow", Standing.OUT_OF_BAND, keep_firing_for=2 * HOUR)
    found = asked(rule, first=60 * DAY, bad=60 * DAY, good=HOUR)
    assert alert(found) == (AlertState.RECOVERING, NOW - HOUR, found.known)
    assert [change.event for change in found.changes] == ["recovering"]
    (one,) = explanation_of(found.found.target, [found], NOW)["instances"]
    assert (one["since_before"], one["alerts"][0]["since_before"], one["alerts"][0]["fired_before"]) == (
        False,
        False,
        True,
    )


def test_what_began_later_began_then():
    rule = AlertRule("slow", Standing.OUT_OF_BAND)
    for first, bad in ((60 * DAY, 2 * DAY), (3 * DAY, 3 * DAY)):
        found = asked(rule, first=first, bad=bad)
        assert (alert(found), found.begun_before) == ((AlertState.FIRING, NOW - bad, NOW - bad), frozenset())
        assert found.found.after.since == NOW - bad
        assert found.known != found.found.after.since


def test_who_was_told_is_said_in_one_order_whatever_a_restart_took_up_first():
    rule = AlertRule("slow", Standing.OUT_OF_BAND, notify=("zoe", "ann"))
    assert asked(rule, first=60 * DAY, bad=DAY).told["slow"].already == ("ann", "zoe")
