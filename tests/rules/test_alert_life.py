import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.alerts import alert_labels, fingerprint, step, worst_severity
from rules.model import AlertRule, AlertState, AlertStatus, Event, InstanceKey, Standing

FOR, KEEP = 100, 50


def life(script: str, for_: int = FOR, keep: int = KEEP) -> list[str]:
    """`10+ 20-`: at 10 active, at 20 not. Answers `time event` for each event."""
    status, told = AlertStatus(), []
    for word in script.split():
        now = int(word[:-1])
        status, event = step(status, active=word[-1] == "+", for_=for_, keep_firing_for=keep, now=now)
        if event:
            told.append(f"{now} {event}")
    return told


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("0+ 99+", ["0 pending"]),
        ("0+ 100+", ["0 pending", "100 firing"]),
        ("0+ 99+ 100- 101+ 200+", ["0 pending", "100 inactive", "101 pending"]),
        ("0+ 100+ 110- 159-", ["0 pending", "100 firing", "110 recovering"]),
        ("0+ 100+ 110- 160-", ["0 pending", "100 firing", "110 recovering", "160 resolved"]),
        ("0+ 100+ 110- 150+ 151- 200-", ["0 pending", "100 firing", "110 recovering", "150 firing", "151 recovering"]),
        ("0- 10-", []),
    ],
)
def test_life_of_an_alert(script: str, told: list[str]) -> None:
    assert life(script) == told


def test_without_for_and_keep_it_fires_and_resolves_at_once() -> None:
    assert life("0+ 1-", 0, 0) == ["0 firing", "1 resolved"]


def test_each_firing_is_another_episode_and_a_relapse_is_not() -> None:
    status = AlertStatus()
    episodes = []
    for now, active in ((0, True), (1, False), (2, True), (60, False), (200, False), (300, True)):
        status, _ = step(status, active=active, for_=0, keep_firing_for=50, now=now)
        episodes.append(status.episode)
    assert episodes == [1, 1, 1, 1, 1, 2]


def test_old_readings_keep_an_alert_pending() -> None:
    pending, _ = step(AlertStatus(), active=True, for_=FOR, keep_firing_for=0, now=0)
    held, event = step(pending, active=True, for_=FOR, keep_firing_for=0, now=500, may_fire=False)
    assert (held, event) == (pending, None)
    assert step(held, active=True, for_=FOR, keep_firing_for=0, now=501)[1] is Event.FIRING


@given(st.lists(st.tuples(st.integers(1, 80), st.booleans()), max_size=40), st.integers(0, 120), st.integers(0, 120))
def test_firing_and_resolved_always_take_turns(steps: list[tuple[int, bool]], for_: int, keep: int) -> None:
    status, now, told = AlertStatus(), 0, []
    for wait, active in steps:
        now += wait
        before = status
        status, event = step(status, active=active, for_=for_, keep_firing_for=keep, now=now)
        if event is Event.RESOLVED or (event is Event.FIRING and before.state is not AlertState.RECOVERING):
            told.append(event)
        assert (event is None) == (before.state is status.state)
    assert told == [Event.FIRING, Event.RESOLVED] * (len(told) // 2) + [Event.FIRING] * (len(told) % 2)


def test_labels_and_fingerprint() -> None:
    rule = AlertRule("hot", Standing.OUT_OF_BAND, severity="critical", labels=(("team", "facilities"),))
    labels = alert_labels(rule, InstanceKey("room", (("room", "den"),)))
    assert dict(labels) == {
        "alertname": "hot",
        "target": "room",
        "severity": "critical",
        "room": "den",
        "team": "facilities",
    }
    assert len(fingerprint(labels)) == 16
    assert fingerprint(labels) != fingerprint(labels[1:])


def test_worst_severity() -> None:
    rules = tuple(AlertRule(s, Standing.MISSED, severity=s) for s in ("info", "critical", "warning"))
    assert worst_severity(rules) == "critical"
    assert worst_severity(()) == "warning"
