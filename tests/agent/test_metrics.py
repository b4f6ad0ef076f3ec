"""What /metrics says: held against promtool, against the parsers of both formats, and against what was counted."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from agent.metrics import Metrics
from agent.runtime import ActionState, OpenAlert, Runtime
from agent.store.records import OutboxStats, ReceiverState
from rules.model import (
    MINUTE,
    SECOND,
    Assessment,
    Health,
    InstanceKey,
    InstanceState,
    Muted,
    MutedBy,
    Projection,
    Silence,
    SourceState,
    Standing,
    Switch,
    Trouble,
)

NOW = 1_767_225_600 * SECOND
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


class Daemon:
    """A runtime that stands as it is told to."""

    def __init__(self) -> None:
        self.clock = SimpleNamespace(now=lambda: NOW)
        self.known_sources: dict[str, SourceState] = {}
        self.known_instances: dict[InstanceKey, InstanceState] = {}
        self.open: list[OpenAlert] = []
        self.known_silences: list[Silence] = []
        self.switched = Switch(True, "", 0)
        self.acting: list[ActionState] = []
        self.reached: list[ReceiverState] = []

    def switch(self) -> Switch:
        return self.switched

    def actions(self) -> list[ActionState]:
        return self.acting

    def sources(self) -> Mapping[str, SourceState]:
        return self.known_sources

    def instances(self) -> Mapping[InstanceKey, InstanceState]:
        return self.known_instances

    def alerts(self) -> list[OpenAlert]:
        return self.open

    def next_polls(self) -> Mapping[str, int]:
        return dict.fromkeys(self.known_sources, NOW + MINUTE)

    def given_up(self) -> list[str]:
        return ["https://gone.example:8443"]

    def unstored(self) -> int:
        return 3

    def troubles(self) -> list[Trouble]:
        return []

    def receivers(self) -> list[ReceiverState]:
        return self.reached

    def silences(self) -> list[Silence]:
        return self.known_silences

    def stands(self, target: str, assessment: Assessment, /, **labels: str) -> None:
        key = InstanceKey(target, tuple(sorted(labels.items())))
        self.known_instances[key] = InstanceState(key, assessment, since=NOW, created=NOW)

    def alert(self, name: str, state: str, /, **labels: str) -> None:
        self.open.append(OpenAlert(InstanceKey("t"), name, "f", labels, "words", state, NOW, NOW, None))


@pytest.fixture
def daemon() -> Daemon:
    return Daemon()


@pytest.fixture
def metrics(daemon: Daemon) -> Metrics:
    return Metrics(cast("Runtime", daemon))


async def samples(metrics: Metrics, outbox: OutboxStats | None = None) -> dict[tuple[str, frozenset[Any]], float]:
    """Every sample by name and labels; a series said twice is an error."""
    body, kind = await metrics.render(outbox)
    assert kind.startswith("text/plain")
    found: dict[tuple[str, frozenset[Any]], float] = {}
    for family in parse_text(body.decode()):
        for one in family.samples:
            key = (one.name, frozenset(one.labels.items()))
            assert key not in found, f"{key} is said twice"
            found[key] = one.value
    return found


def named(name: str, **labels: str) -> tuple[str, frozenset[Any]]:
    return name, frozenset(labels.items())


def names(found: Mapping[tuple[str, frozenset[Any]], float]) -> set[str]:
    return {name for name, _ in found}


def fill(daemon: Daemon, metrics: Metrics) -> None:
    """Something of everything there is."""
    daemon.known_sources = {
        "up": SourceState("up", Health.UP, last_success=NOW - 3 * SECOND),
        "down": SourceState("down", Health.DOWN, last_success=NOW - MINUTE),
        "new": SourceState("new"),
    }
    behind = Assessment(
        Standing.BEHIND,
        value=6214,
        at_least=10_000,
        progress=0.6214,
        pace=0.9,
        required_rate=412,
        projection=Projection(8950, 8700, 9200, 0.12),
    )
    daemon.stands("visitors", behind, site="www")
    daemon.stands("room", Assessment(Standing.OUT_OF_BAND, value=-3.5, at_least=20, at_most=23), room='the "den"\n')
    daemon.stands("silent", Assessment(Standing.NO_DATA))
    daemon.alert("behind", "firing", alertname="behind", target="visitors", severity="warning", site="www")
    daemon.alert("out-of-band", "pending", alertname="out-of-band", target="room", severity="critical")
    daemon.alert("cold", "recovering", alertname="cold", target="room", severity="critical")
    metrics.polled("up", "ok", 0.02)
    metrics.polled("down", "failed", 10.0)
    metrics.polled("down", "skipped", 0.0)
    metrics.committed(17, 0.003)
    metrics.committed(5, 0.2)
    metrics.scheduler_lag(0.004)
    metrics.loop_lag(0.0005)
    metrics.delivery("growth", "sent")
    metrics.delivery("growth", "retry")
    metrics.superseded("growth", 3)
    daemon.reached = [ReceiverState("growth", 0), ReceiverState("oncall", 1, NOW - MINUTE, "refused")]
    metrics.correction("set-thermostat", "verified")


async def test_promtool_has_nothing_to_say(daemon: Daemon, metrics: Metrics):
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    fill(daemon, metrics)
    body, _ = await metrics.render(OutboxStats(3, NOW - MINUTE))
    done = subprocess.run([promtool, "check", "metrics"], input=body, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b""), done.stderr.decode() + done.stdout.decode()


async def test_openmetrics_is_given_to_who_asks_for_it(daemon: Daemon, metrics: Metrics):
    fill(daemon, metrics)
    body, kind = await metrics.render(OutboxStats(0, None), OPENMETRICS)
    assert kind.startswith("application/openmetrics-text")
    found = {family.name for family in parse_openmetrics(body.decode())}
    assert {"setpoint_build", "setpoint_polls", "ALERTS"} <= found


async def test_what_was_counted_is_said(daemon: Daemon, metrics: Metrics):
    fill(daemon, metrics)
    found = await samples(metrics)
    for outcome in ("ok", "failed", "skipped"):
        assert found[named("setpoint_polls_total", outcome=outcome)] == 1
    assert found[named("setpoint_poll_duration_seconds_count")] == 2  # a poll that was skipped took no time
    assert found[named("setpoint_poll_duration_seconds_sum")] == pytest.approx(10.02)
    assert found[named("setpoint_readings_total")] == 22
    assert found[named("setpoint_commit_duration_seconds_count")] == 2
    assert found[named("setpoint_commit_duration_seconds_sum")] == pytest.approx(0.203)
    assert found[named("setpoint_scheduler_lag_seconds_sum")] == pytest.approx(0.004)
    assert found[named("setpoint_event_loop_lag_seconds_sum")] == pytest.approx(0.0005)
    assert found[named("setpoint_deliveries_total", receiver="growth", outcome="sent")] == 1
    assert found[named("setpoint_deliveries_total", receiver="growth", outcome="retry")] == 1
    assert found[named("setpoint_deliveries_total", receiver="growth", outcome="superseded")] == 3
    assert found[named("setpoint_receiver_up", receiver="growth", position="0")] == 1
    assert found[named("setpoint_receiver_up", receiver="oncall", position="1")] == 0
    assert found[named("setpoint_corrections_total", action="set-thermostat", state="verified")] == 1


async def test_sources_that_were_never_read_say_nothing_of_themselves(daemon: Daemon, metrics: Metrics):
    fill(daemon, metrics)
    found = await samples(metrics)
    assert found[named("setpoint_source_up", source="up")] == 1
    assert found[named("setpoint_source_up", source="down")] == 0
    assert named("setpoint_source_up", source="new") not in found
    assert found[named("setpoint_source_next_poll_timestamp_seconds", source="down")] == (NOW + MINUTE) / SECOND
    assert found[named("setpoint_host_given_up", host="https://gone.example:8443")] == 1
    last = "setpoint_source_last_success_timestamp_seconds"
    assert found[named(last, source="up")] == NOW / SECOND - 3
    assert named(last, source="new") not in found


async def test_instances_say_the_numbers_they_have(daemon: Daemon, metrics: Metrics):
    fill(daemon, metrics)
    found = await samples(metrics)
    www = {"target": "visitors", "site": "www"}
    assert found[named("setpoint_target_value", **www)] == 6214
    assert found[named("setpoint_target_goal_at_least", **www)] == 10_000
    assert named("setpoint_target_goal_at_most", **www) not in found
    assert found[named("setpoint_target_progress_ratio", **www)] == pytest.approx(0.6214)
    assert found[named("setpoint_target_pace_ratio", **www)] == pytest.approx(0.9)
    assert found[named("setpoint_target_projected_value", **www)] == 8950
    assert found[named("setpoint_target_chance_ratio", **www)] == 0.12
    assert found[named("setpoint_target_standing", standing="behind", **www)] == 1
    assert found[named("setpoint_target_value", target="room", room='the "den"\n')] == -3.5
    assert found[named("setpoint_target_standing", target="silent", standing="no_data")] == 1
    assert named("setpoint_target_value", target="silent") not in found


async def test_alerts_are_pending_or_firing_as_prometheus_knows_them(daemon: Daemon, metrics: Metrics):
    fill(daemon, metrics)
    found = await samples(metrics)
    stated = {(dict(labels)["alertname"], dict(labels)["alertstate"]) for name, labels in found if name == "ALERTS"}
    assert stated == {("behind", "firing"), ("out-of-band", "pending"), ("cold", "firing")}
    assert found[
        named("ALERTS", alertname="behind", alertstate="firing", target="visitors", severity="warning", site="www")
    ]


async def test_what_is_muted_is_counted_and_what_is_held_is_said(daemon: Daemon, metrics: Metrics):
    for name, muted in (("a", None), ("b", Muted(MutedBy.DEPENDENCY, "db")), ("c", Muted(MutedBy.SILENCE, "s"))):
        daemon.open.append(OpenAlert(InstanceKey("t"), name, name, {}, "", "firing", NOW, NOW, None, muted, "words"))
    daemon.known_silences = [Silence("s", (), "ann", "", NOW - n, NOW + n, NOW, NOW) for n in (0, 1)]
    found = await samples(metrics)
    stated = {(dict(labels)["alertname"], dict(labels)["alertstate"]) for name, labels in found if name == "ALERTS"}
    assert stated == {("a", "firing"), ("b", "held"), ("c", "firing")}
    counts = {by: found[named("setpoint_alerts_muted", by=by)] for by in MutedBy}
    assert counts == {"silence": 1, "dependency": 1, "inhibition": 0, "interval": 0, "blindness": 0}
    assert found[named("setpoint_silences_active")] == 1


async def test_the_switch_and_the_breakers_are_said(daemon: Daemon, metrics: Metrics):
    daemon.acting = [
        ActionState("heat", "webhook", None, 0, 5, NOW + 1),
        ActionState("cool", "webhook", None, 0, 5, NOW),
    ]
    found = await samples(metrics)
    assert found[named("setpoint_corrections_enabled")] == 1
    assert found[named("setpoint_action_breaker_open", action="heat")] == 1
    assert found[named("setpoint_action_breaker_open", action="cool")] == 0
    daemon.switched = Switch(False, "ann", NOW)
    assert (await samples(metrics))[named("setpoint_corrections_enabled")] == 0


async def test_the_outbox_is_absent_where_nobody_can_say(metrics: Metrics):
    unknown = await samples(metrics, None)
    assert not {name for name in names(unknown) if name.startswith("setpoint_outbox")}
    empty = await samples(metrics, OutboxStats(0, None))
    assert empty[named("setpoint_outbox_deliveries")] == 0
    assert empty[named("setpoint_outbox_oldest_age_seconds")] == 0
    full = await samples(metrics, OutboxStats(3, NOW - MINUTE))
    assert full[named("setpoint_outbox_deliveries")] == 3
    assert full[named("setpoint_outbox_oldest_age_seconds")] == 60
    ahead = await samples(metrics, OutboxStats(1, NOW + MINUTE))  # the clock was set back
    assert ahead[named("setpoint_outbox_oldest_age_seconds")] == 0


async def test_what_waits_in_the_loop_is_counted(metrics: Metrics):
    alone = (await samples(metrics))[named("setpoint_tasks")]
    other = asyncio.create_task(asyncio.Event().wait())
    assert (await samples(metrics))[named("setpoint_tasks")] == alone + 1
    other.cancel()


async def test_a_refused_reload_keeps_the_time_of_the_last_good_one(daemon: Daemon, metrics: Metrics):
    good, at = named("setpoint_config_last_reload_successful"), "setpoint_config_last_reload_success_timestamp_seconds"
    assert (await samples(metrics))[good] == 1
    daemon.clock.now = lambda: NOW + MINUTE
    metrics.reloaded(successful=False)
    found = await samples(metrics)
    assert (found[good], found[named(at)]) == (0, NOW / SECOND)
    metrics.reloaded(successful=True)
    found = await samples(metrics)
    assert (found[good], found[named(at)]) == (1, NOW / SECOND + 60)


async def test_a_quiet_daemon_says_zero_and_how_its_process_is(metrics: Metrics):
    found = await samples(metrics)
    assert found[named("setpoint_polls_total", outcome="failed")] == 0
    assert found[named("setpoint_readings_total")] == 0
    assert {"process_resident_memory_bytes", "process_open_fds", "process_cpu_seconds_total"} <= names(found)
    assert {"setpoint_build_info", "python_info"} <= names(found)
    assert not {name for name in names(found) if name.endswith("_created")}


async def test_the_number_of_sources_does_not_multiply_the_counters(metrics: Metrics):
    before = len(await samples(metrics))
    for number in range(50):
        metrics.polled(f"source-{number}", "ok", 0.1)
    assert len(await samples(metrics)) == before


async def test_two_daemons_in_one_process_do_not_share_counters(daemon: Daemon, metrics: Metrics):
    other = Metrics(cast("Runtime", daemon))
    other.committed(5, 0.1)
    assert (await samples(metrics))[named("setpoint_readings_total")] == 0


async def test_labels_that_prometheus_reserves_or_forbids_are_exported(daemon: Daemon, metrics: Metrics):
    daemon.stands("t", Assessment(Standing.MET, value=1), target="mine", __name__="x", standing="y")
    daemon.alert("a", "firing", alertname="other", alertstate="odd", __x="1")
    found = await samples(metrics)
    own = {"target": "t", "exported_target": "mine", "exported___name__": "x"}
    assert found[named("setpoint_target_value", **own, standing="y")] == 1
    assert found[named("setpoint_target_standing", **own, standing="met", exported_standing="y")] == 1
    assert (
        named(
            "ALERTS",
            alertname="a",
            alertstate="firing",
            exported_alertname="other",
            exported_alertstate="odd",
            exported___x="1",
        )
        in found
    )


_labels = st.dictionaries(st.text(max_size=6), st.text(max_size=6), max_size=4)


@given(labels=st.lists(_labels, max_size=4), value=st.floats())
async def test_whatever_is_in_a_label_both_formats_can_be_read(labels: list[dict[str, str]], value: float):
    daemon = Daemon()
    metrics = Metrics(cast("Runtime", daemon))
    for number, given_ in enumerate(labels):
        key = InstanceKey(f"target-{number}", tuple(sorted(given_.items())))
        found = Assessment(Standing.MET, value=value)
        daemon.known_instances[key] = InstanceState(key, found, since=NOW, created=NOW)
        daemon.open.append(OpenAlert(key, f"alert-{number}", "f", given_, "w", "firing", NOW, NOW, None))
    said = await samples(metrics)
    assert len([name for name in said if name[0] == "setpoint_target_standing"]) == len(labels)
    assert len([name for name in said if name[0] == "ALERTS"]) == len(labels)
    body, _ = await metrics.render(None, OPENMETRICS)
    assert list(parse_openmetrics(body.decode()))
