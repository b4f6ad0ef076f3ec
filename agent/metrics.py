"""What the daemon says of itself to Prometheus: `setpoint_…` in base units, `process_…` and `ALERTS`.

What happens often is counted where it happens; how things stand is read from the daemon when it is asked for. Only this
module imports prometheus_client. Source of the formats: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, disable_created_metrics
from prometheus_client.exposition import choose_encoder
from prometheus_client.gc_collector import GCCollector
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from agent import __version__
from agent.runtime import HELD
from rules.model import DATABASE, DISK, SECOND, SOURCES, AlertState, Health, InstanceState, MutedBy, SourceState

if TYPE_CHECKING:
    from agent.runtime import ActionState, OpenAlert, Runtime
    from agent.store.records import OutboxStats, ReceiverState

_POLL = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_LAG = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30)
_COMMIT = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9_]")

_SOURCE = {
    "setpoint_source_up": "Whether a source can be read (1) or is down (0); absent until it is known.",
    "setpoint_source_last_success_timestamp_seconds": "When a source was last read, in Unix time.",
    "setpoint_source_next_poll_timestamp_seconds": "When a source is read next, in Unix time; later while it fails.",
}
_TARGET = {
    "setpoint_target_value": "The number of an instance of a target.",
    "setpoint_target_goal_at_least": "The lower bound of an instance's goal.",
    "setpoint_target_goal_at_most": "The upper bound of an instance's goal.",
    "setpoint_target_progress_ratio": "Value over goal of an instance with a period.",
    "setpoint_target_pace_ratio": "Actual over expected so far of an instance with a period.",
    "setpoint_target_projected_value": "The value expected at the end of an instance's period.",
    "setpoint_target_chance_ratio": "The chance that an instance's goal is met at the end of its period.",
    "setpoint_target_standing": "Where an instance stands; 1 at the standing it has.",
}

disable_created_metrics()  # type: ignore[no-untyped-call]  # else one more series for each counter


class Metrics:
    """Counts and times; `render` writes all of it down. What is called for each poll costs about a microsecond."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._registry = registry = CollectorRegistry()
        counter, gauge = partial(Counter, registry=registry), partial(Gauge, registry=registry)
        histogram = partial(Histogram, registry=registry)
        Info("setpoint_build", "The version that runs.", registry=registry).info({"version": __version__})
        polls = counter("setpoint_polls_total", "Polls due, by how they ended.", ["outcome"])
        self._polls = {outcome: polls.labels(outcome) for outcome in ("ok", "failed", "skipped")}
        self._poll_seconds = histogram("setpoint_poll_duration_seconds", "How long polls take.", buckets=_POLL)
        self._readings = counter("setpoint_readings_total", "Readings committed.")
        self._commit = histogram("setpoint_commit_duration_seconds", "How long commits take.", buckets=_COMMIT)
        self._scheduler = histogram("setpoint_scheduler_lag_seconds", "How late ticks begin.", buckets=_LAG)
        self._loop = histogram("setpoint_event_loop_lag_seconds", "How late the event loop is.", buckets=_LAG)
        self._deliveries = counter(
            "setpoint_deliveries_total",
            "Tries to deliver, and to call an action by its name, by how they ended; superseded: a newer one was sent.",
            ["receiver", "outcome"],
        )
        self._corrections = counter(
            "setpoint_corrections_total", "Corrections, by the state they came to.", ["action", "state"]
        )
        self._reloaded_well = gauge("setpoint_config_last_reload_successful", "Whether the last reload was accepted.")
        self._reloaded_at = gauge(
            "setpoint_config_last_reload_success_timestamp_seconds",
            "When a configuration was last accepted, in Unix time.",
        )
        self.slack_connected: bool | None = None  # None without Socket Mode
        self.reloaded(successful=True)  # nobody can ask before the first one is loaded
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)

    def polled(self, source: str, outcome: str, seconds: float) -> None:
        """A poll ended `ok` or `failed` after so long, or was `skipped`. By source only what `_State` says is kept."""
        self._polls[outcome].inc()
        if outcome != "skipped":
            self._poll_seconds.observe(seconds)

    def committed(self, readings: int, seconds: float) -> None:
        """A batch with so many readings was committed."""
        self._readings.inc(readings)
        self._commit.observe(seconds)

    def scheduler_lag(self, seconds: float) -> None:
        """A tick began so late."""
        self._scheduler.observe(seconds)

    def loop_lag(self, seconds: float) -> None:
        """The event loop ran something so late."""
        self._loop.observe(seconds)

    def delivery(self, receiver: str, outcome: str) -> None:
        """A try to deliver ended: sent, retry, failed, withheld or lost."""
        self._deliveries.labels(receiver, outcome).inc()

    def superseded(self, receiver: str, count: int) -> None:
        """So many deliveries were not sent, since a newer one says it all."""
        self._deliveries.labels(receiver, "superseded").inc(count)

    def correction(self, action: str, state: str) -> None:
        """Counts a correction of an action that came to a state."""
        self._corrections.labels(action, state).inc()

    def reloaded(self, *, successful: bool) -> None:
        """The configuration was read again."""
        self._reloaded_well.set(successful)
        if successful:
            self._reloaded_at.set(self._runtime.clock.now() / SECOND)

    def slack(self, connected: bool) -> None:
        """Socket Mode is connected, or is not."""
        self.slack_connected = connected

    async def render(self, outbox: OutboxStats | None, accept: str = "") -> tuple[bytes, str]:
        """Everything in the format that an Accept header asks for, and its content type.

        `outbox` None: the store can't say, so its series are absent.
        """
        runtime = self._runtime
        now = runtime.clock.now()
        state = _State(
            now,
            outbox,
            tuple(runtime.sources().values()),
            runtime.next_polls(),
            runtime.given_up(),
            tuple(runtime.instances().values()),
            tuple(runtime.alerts()),
            sum(silence.starts <= now < silence.ends for silence in runtime.silences()),
            self.slack_connected,
            runtime.switch().on,
            tuple(runtime.actions()),
            frozenset(one.cause for one in runtime.troubles()),
            tuple(runtime.receivers()),
            runtime.unstored(),
            len(asyncio.all_tasks()),
        )
        encode, content_type = choose_encoder(accept)
        # Tens of thousands of lines take a while, in which the loop has polls to make.
        return await asyncio.to_thread(encode, _Both(self._registry, state)), content_type


@dataclass(frozen=True, slots=True)
class _Both(Collector):
    """What was counted, and how things stand."""

    counted: Collector
    state: Collector

    def collect(self) -> Iterable[Metric]:
        yield from self.counted.collect()
        yield from self.state.collect()


@dataclass(frozen=True, slots=True)
class _State(Collector):
    """How the daemon stood at a moment."""

    now: int
    outbox: OutboxStats | None
    sources: Sequence[SourceState]
    next_polls: Mapping[str, int]
    given_up: Sequence[str]
    instances: Sequence[InstanceState]
    alerts: Sequence[OpenAlert]
    silences: int
    slack: bool | None
    corrections_on: bool
    actions: Sequence[ActionState]
    blind: frozenset[str]
    receivers: Sequence[ReceiverState]
    unstored: int
    tasks: int

    def collect(self) -> Iterable[Metric]:
        """Outbox, sources, instances and alerts."""
        yield from self._outbox()
        yield from self._sources()
        yield from self._targets()
        yield self._alerts()
        yield from self._muting()
        yield self._slack()
        yield from self._correcting()
        yield self._blind()
        yield GaugeMetricFamily(
            "setpoint_unstored_readings", "Readings and polls that wait to be stored.", self.unstored
        )
        yield self._receivers()
        yield GaugeMetricFamily("setpoint_tasks", "What runs or waits in the event loop.", self.tasks)

    def _receivers(self) -> Metric:
        family = GaugeMetricFamily(
            "setpoint_receiver_up",
            "Whether the last try to send to a notifier of a receiver worked; absent until one was made.",
            labels=["receiver", "position"],
        )
        for one in self.receivers:
            family.add_metric([one.receiver, str(one.position)], one.error is None)
        return family

    def _blind(self) -> Metric:
        family = GaugeMetricFamily("setpoint_blind", "Whether it can't see or remember.", labels=["cause"])
        for cause in (SOURCES, DISK, DATABASE):
            family.add_metric([cause], cause in self.blind)
        return family

    def _slack(self) -> Metric:
        family = GaugeMetricFamily(
            "setpoint_slack_connected", "Whether Slack's Socket Mode is connected (1); absent without it."
        )
        if self.slack is not None:
            family.add_sample(family.name, {}, self.slack)
        return family

    def _muting(self) -> Iterable[Metric]:
        muted = GaugeMetricFamily("setpoint_alerts_muted", "Open alerts that nobody is told of.", labels=["by"])
        for by in MutedBy:
            muted.add_metric([by], sum(alert.muted is not None and alert.muted.by is by for alert in self.alerts))
        yield muted
        yield GaugeMetricFamily("setpoint_silences_active", "Silences that hold.", self.silences)

    def _correcting(self) -> Iterable[Metric]:
        yield GaugeMetricFamily(
            "setpoint_corrections_enabled", "Whether corrections are made at all.", self.corrections_on
        )
        family = GaugeMetricFamily(
            "setpoint_action_breaker_open", "Whether an action is not called since it did not help.", labels=["action"]
        )
        for action in self.actions:
            family.add_metric([action.name], action.open_until is not None and action.open_until > self.now)
        yield family

    def _outbox(self) -> Iterable[Metric]:
        if self.outbox is None:
            return
        oldest = self.outbox.oldest
        age = 0.0 if oldest is None else max(self.now - oldest, 0) / SECOND
        yield GaugeMetricFamily("setpoint_outbox_deliveries", "Deliveries still to be sent.", self.outbox.depth)
        yield GaugeMetricFamily(
            "setpoint_outbox_oldest_age_seconds", "Age of the oldest delivery still to be sent.", age
        )

    def _sources(self) -> Iterable[Metric]:
        up, last, coming = (GaugeMetricFamily(name, text, labels=["source"]) for name, text in _SOURCE.items())
        for state in self.sources:
            if state.health is not Health.UNKNOWN:
                up.add_metric([state.name], state.health is Health.UP)
            if state.last_success is not None:
                last.add_metric([state.name], state.last_success / SECOND)
            if state.name in self.next_polls:
                coming.add_metric([state.name], self.next_polls[state.name] / SECOND)
        gone = GaugeMetricFamily(
            "setpoint_host_given_up", "Hosts that sources get no connection to (1); absent otherwise.", labels=["host"]
        )
        for host in self.given_up:
            gone.add_metric([host], 1)
        return up, last, coming, gone

    def _targets(self) -> Iterable[Metric]:
        families = {name: GaugeMetricFamily(name, text) for name, text in _TARGET.items()}
        for state in self.instances:
            labels = _names({"target": state.key.target}, dict(state.key.labels))
            for name, value in _numbers(state).items():
                if value is not None:
                    families[name].add_sample(name, labels, value)
            standing = {"target": state.key.target, "standing": state.assessment.standing.value}
            name = "setpoint_target_standing"
            families[name].add_sample(name, _names(standing, dict(state.key.labels)), 1)
        return families.values()

    def _alerts(self) -> Metric:
        family = GaugeMetricFamily("ALERTS", "Alerts that are pending, firing or held, as Prometheus says them.")
        said = set()
        for alert in self.alerts:
            state = alert.shown_state if alert.shown_state in {AlertState.PENDING, HELD} else "firing"
            labels = _names({"alertname": alert.name, "alertstate": state}, alert.labels)
            key = tuple(sorted(labels.items()))
            if key not in said:
                said.add(key)
                family.add_sample("ALERTS", labels, 1)
        return family


def _numbers(state: InstanceState) -> Mapping[str, float | None]:
    found = state.assessment
    return {
        "setpoint_target_value": found.value,
        "setpoint_target_goal_at_least": found.at_least,
        "setpoint_target_goal_at_most": found.at_most,
        "setpoint_target_progress_ratio": found.progress,
        "setpoint_target_pace_ratio": found.pace,
        "setpoint_target_projected_value": found.projection.value if found.projection else None,
        "setpoint_target_chance_ratio": found.projection.chance if found.projection else None,
    }


def _names(own: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """Our labels with the user's beside them: under names Prometheus allows, `exported_…` where a name is taken."""
    labels = dict(own)
    for name, value in given.items():
        allowed = _NOT_IN_A_NAME.sub("_", name)
        if not allowed or allowed[0].isdigit() or allowed.startswith("__"):
            allowed = f"exported_{allowed}"
        if labels.get(allowed) == value:
            continue
        while allowed in labels:
            allowed = f"exported_{allowed}"
        labels[allowed] = value
    return labels
