"""What is open, in the order and the words the faces show, and what a name means."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.alerts.groups import Groups
from agent.alerts.muted import Mutes
from agent.alerts.open_alerts import find_alerts, open_alerts
from agent.runtime import Unknown
from rules import alerts
from rules.model import (
    Acknowledgement,
    AlertRule,
    AlertState,
    AlertStatus,
    Assessment,
    Goal,
    Health,
    InstanceKey,
    InstanceState,
    Selector,
    SourceRule,
    SourceState,
    Standing,
    Target,
)
from rules.muting import Mutings, Situation
from rules.specs import Specs

NOW = 1_778_000_000_000_000
ROOM = Target(
    "room", "Room", Goal(at_most=23), Selector("temperature"), by=("room",),
    alerts=(
        AlertRule("hot", Standing.OUT_OF_BAND, severity="critical"),
        AlertRule("warm", Standing.OUT_OF_BAND, severity="page-me", labels=(("team", "x"),)),
        AlertRule("odd", Standing.OUT_OF_BAND, severity="warning"),
    ),
)  # fmt: skip
SPECS = Specs([ROOM], [SourceRule("thermostat", ("temperature",), None)])


def firing(state: AlertState = AlertState.FIRING, since: int = NOW, **more) -> AlertStatus:
    return AlertStatus(state, since, fired_at=since, episode=1, **more)


def instance(room: str = "den", target: str = "room", **statuses: AlertStatus) -> InstanceState:
    key = InstanceKey(target, (("room", room),))
    assessment = Assessment(Standing.OUT_OF_BAND, value=25.0, time=NOW, at_most=23.0, breaching=True)
    return InstanceState(key, assessment, NOW, NOW, alerts=statuses)


def opened(*instances: InstanceState, **sources: SourceState):
    situation = Situation(SPECS, Mutings(), {})
    return open_alerts(SPECS, {one.key: one for one in instances}, sources, Mutes(situation, Groups(), NOW))


def test_nothing_open():
    assert opened(instance(hot=AlertStatus()), a=SourceState("a", Health.UP)) == []


def test_an_alert_has_its_labels_words_and_who_took_it():
    taken = firing(fingerprint="f", acknowledged=Acknowledgement("ann", NOW, id="U1"))
    (one,) = opened(instance(warm=taken))
    assert one.labels == {"alertname": "warm", "target": "room", "severity": "page-me", "room": "den", "team": "x"}
    assert (one.fingerprint, one.state, one.acknowledged_by, one.fired_at) == ("f", "firing", "ann", NOW)
    assert (one.acknowledged_id, one.muted) == ("U1", None)
    assert one.headline.startswith("Room")
    assert "25" in one.headline


def test_a_pending_one_has_the_fingerprint_it_will_fire_with():
    (one,) = opened(instance(hot=AlertStatus(AlertState.PENDING, NOW)))
    assert one.fingerprint == alerts.fingerprint(alerts.alert_labels(ROOM.alerts[0], one.key))


def test_firing_first_then_the_gravest_then_the_oldest():
    found = opened(
        instance("a", hot=firing(AlertState.PENDING), odd=firing(since=NOW - 5)),
        instance("b", odd=firing(since=NOW - 9), hot=firing(AlertState.RECOVERING)),
        instance("c", hot=firing(), warm=firing(since=0)),
    )
    names = [(one.labels["room"], one.name) for one in found]
    assert names == [("c", "hot"), ("b", "odd"), ("a", "odd"), ("c", "warm"), ("b", "hot"), ("a", "hot")]


def test_what_is_no_longer_configured_is_still_shown():
    gone = instance(target="gone", hot=firing())
    lost = instance("den", lost=firing())
    assert {one.headline for one in opened(gone)} == {"hot"}
    (one,) = opened(lost)
    assert (one.name, one.labels) == ("lost", {})


@pytest.mark.parametrize("error", ["no answer within 10 s", None])
def test_a_source_that_is_down(error):
    down = SourceState("thermostat", Health.DOWN, NOW, last_error=error, alert=firing())
    (one,) = opened(thermostat=down)
    assert one.name == "source-down"
    assert one.labels == {"alertname": "source-down", "source": "thermostat", "severity": "critical"}
    assert one.headline == f"Source thermostat can't be read: {error or 'no reason is known'}"


class TestNames:
    OPEN = opened(
        instance("a", hot=firing(fingerprint="f1"), odd=firing(AlertState.PENDING, fingerprint="f2")),
        instance("b", hot=firing(fingerprint="f3")),
        thermostat=SourceState("thermostat", Health.DOWN, NOW, last_error="x", alert=firing(fingerprint="f4")),
    )

    @pytest.mark.parametrize(
        ("name", "found"),
        [
            ("f1", {"f1"}),
            ("hot", {"f1", "f3"}),
            ("room", {"f1", "f3"}),
            ("thermostat", {"f4"}),
            ("source-down", {"f4"}),
        ],
    )
    def test_fingerprint_alert_target_and_source(self, name, found):
        assert {one.fingerprint for one in find_alerts(name, self.OPEN)} == found

    @pytest.mark.parametrize("name", ["", "f2", "odd", "nothing", "ROOM", "*"])
    def test_what_means_none(self, name):
        with pytest.raises(Unknown):
            find_alerts(name, self.OPEN)

    def test_a_near_name_is_offered(self):
        with pytest.raises(Unknown, match=r"no open alert 'rooms'; did you mean room\?"):
            find_alerts("rooms", self.OPEN)
        specs = Specs([replace(ROOM, name="rooms")], [SourceRule("thermo", (), None)])
        for name in ("rooms", "thermo", specs.targets["rooms"].alerts[0].name):
            with pytest.raises(Unknown, match=f"^{name} has no open alert$"):
                find_alerts(name, self.OPEN[:0], specs)
        with pytest.raises(Unknown, match=r"no open alert 'x'$"):
            find_alerts("x", [])
