"""What leaves the outbox: a delivery becomes a sending of its notifier or a call of its action."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import orjson
import structlog

from agent.alerts.notices import Notices
from agent.charts import ChartError, Charts, chart_data
from agent.polling.connections import Connections
from agent.reports.rendering import Rendered, Rendering, read_report
from agent.sending.envelopes import read_notice
from agent.store.errors import StoreError
from agent.store.records import Delivery, DeliveryKind
from connectors.base import Call, Misconfigured, Notifier, ReportSending, Sending
from connectors.report_message import as_notice
from rules.bounds import serving, through
from rules.history import History
from rules.measures import MEASURES
from rules.model import (
    DAY,
    Goal,
    InstanceKey,
    Measure,
    Notice,
    Projection,
    Reading,
    Series,
    Target,
)
from rules.plans import Course, Way, course
from rules.progress import is_budget
from rules.projection import Projector

log = structlog.get_logger()

Points = Callable[[Series, int, int, int], Awaitable[list[Reading]]]
Remember = Callable[[Delivery, Mapping[str, Any]], Awaitable[None]]
_CHART_POINTS = 600
_KEEP_SECONDS = 2.0
_CHART_SECONDS = 10.0  # of the 30 a sending may take; many alerts at once wait for one another's charts

Point = tuple[int, float | None]


def drawable(target: Target) -> bool:
    """Whether a target is about a number over time."""
    return not (target.goal is None or target.goal.condition or target.checkin)


class Outgoing:
    """Sends by the connections of the configuration in force.

    `points` reads stored readings for charts; `ack_url` gives the link that acknowledges, of a notice and the key of
    its delivery; `keep` stores what is known of a delivery's message before it is settled. Raises StoreError.
    """

    def __init__(self, points: Points, charts: Charts, ack_url: Callable[[Notice, str], str], keep: Remember) -> None:
        self.points = points
        self.charts = charts
        self.ack_url = ack_url
        self.keep = keep
        self.rendering = Rendering(self.chart)
        self.connections: Connections
        self.notices: Notices
        self.history: History

    def use(self, connections: Connections, notices: Notices, history: History) -> None:
        """Sends by another configuration from now on."""
        self.connections, self.notices, self.history = connections, notices, history

    async def notify(self, delivery: Delivery) -> Mapping[str, Any] | None:
        """Sends a notice or a report. Raises ConnectorError."""
        notifier = self.connections.notifier(delivery.receiver, delivery.position)
        if notifier is None:
            raise Misconfigured(f"receiver {delivery.receiver} is no longer configured")
        if delivery.kind is DeliveryKind.REPORT:
            await self._report(delivery, notifier)
            return None
        notice = read_notice(delivery.payload)
        chart = await self.chart(notice) if notifier.wants_chart else None
        sent = Sending(notice, delivery.key, delivery.attempts + 1, delivery.thread, chart)
        sent = replace(sent, ack_url=self.ack_url(notice, delivery.key), earlier=delivery.earlier)
        return await notifier.send(replace(sent, keep=partial(self._keep, delivery)))

    async def _keep(self, delivery: Delivery, reference: Mapping[str, Any]) -> None:
        """While the database does not work the sending goes on all the same: it has its own time."""
        try:
            async with asyncio.timeout(_KEEP_SECONDS):
                await self.keep(delivery, reference)
        except (StoreError, TimeoutError) as error:
            log.warning("delivery.not_kept", delivery=delivery.id, error=str(error) or "the database is too slow")

    async def _report(self, delivery: Delivery, notifier: Notifier) -> None:
        report, attempt = read_report(delivery.payload), delivery.attempts + 1
        say = getattr(notifier, "report", None)
        if say is None:
            await notifier.send(Sending(as_notice(report, delivery.receiver), delivery.key, attempt))
            return
        made = await self.rendering.rendered(report) if notifier.wants_chart else Rendered()
        await say(ReportSending(report, delivery.receiver, delivery.key, attempt, made.pictures, made.pdf))

    async def call(self, delivery: Delivery) -> str:
        """Makes a corrective call. Raises ConnectorError."""
        action = self.connections.action(delivery.receiver)
        if action is None:
            raise Misconfigured(f"action {delivery.receiver} is no longer configured")
        return await action.call(Call(delivery.key, orjson.loads(delivery.payload)["context"]))

    async def chart(self, notice: Notice, span: int = DAY) -> bytes | None:
        """The chart of the notice's number up to its time; None if there is nothing to draw or it can't be drawn.

        Of a goal without a period it shows the `span` before.

        The words come first: whatever goes wrong with a chart, or takes long, only costs the chart.
        """
        try:
            async with asyncio.timeout(_CHART_SECONDS):
                return await self._draw(notice, span)
        except TimeoutError:
            log.warning("chart.failed", target=notice.target, error=f"not ready within {_CHART_SECONDS:g} s")
        except ChartError as error:
            log.warning("chart.failed", target=notice.target, error=str(error))
        except Exception:
            log.exception("chart.failed", target=notice.target)
        return None

    async def _draw(self, notice: Notice, span: int) -> bytes | None:
        target = self.notices.specs.targets.get(notice.target)
        if target is None or target.goal is None or not drawable(target):
            return None
        if len(notice.alerts) > 1:  # no chart shows several
            return None
        goal = target.goal if target.goal.per else Goal()
        means = MEASURES[goal.measure]
        labels = tuple(sorted((name, notice.labels.get(name, "")) for name in target.by))
        key = InstanceKey(notice.target, labels)
        several = self.history.series(key)
        if len(several) > 1 and not means.counts:  # only then they add up in any order
            return None
        points: list[Point] = []
        for series in several:
            points += await self._points(series, notice, goal, span)
        if not points:
            return None
        points.sort(key=lambda point: point[0])
        expected = self._course(notice, goal, key)
        wanted = self._wanted(notice, target, key, points[0][0])
        return await self.charts.png(await asyncio.to_thread(chart_data, notice, points, goal, expected, wanted))

    def _wanted(
        self, notice: Notice, target: Target, key: InstanceKey, first: int
    ) -> list[Sequence[tuple[int, float]]]:
        """What was wanted (at least, at most) from each time on, where a series says it and it changed.

        A plan that says now already what holds later in the period is drawn by what it says last.
        """
        goal, beside = target.goal or Goal(), self.history.beside(key)
        start = first if notice.period_start is None else notice.period_start
        span = start, min(notice.at, (notice.period_end or notice.at + 1) - 1)
        said = ((goal.at_least_from, "at_least"), (goal.at_most_from, "at_most"))
        found = [(through(one, target, key, beside, span), notice.values.get(name)) for one, name in said]
        return [steps if steps and steps[-1][1] == last else [] for steps, last in found]

    def _course(self, notice: Notice, goal: Goal, key: InstanceKey) -> Course:
        """The expected course of the notice's period to the bound that it speaks of."""
        start, end, values = notice.period_start, notice.period_end, notice.values
        if start is None or end is None or "expected" not in values:
            return ()
        low, high = values.get("at_least"), values.get("at_most")
        projection = Projection(values["projection"]) if "projection" in values else None
        wanted = high if is_budget(low, high, values.get("value"), projection) else low
        planned = serving(goal.plan, key, self.history.beside(key)) if goal.plan else ()
        projector = self.history.projectors.setdefault(key, Projector())
        way = Way(goal, (start, end), self.history.tracks(key), planned, notice.zone, min(notice.at, end), projector)
        return () if wanted is None else course(way, wanted)

    async def _points(self, series: Series, notice: Notice, goal: Goal, span: int) -> list[Point]:
        """Of a period all readings, since each one counts; of a level as many as a chart can show."""
        start = notice.period_start
        if start is None:
            found = await self.points(series, notice.at - span, notice.at + 1, _CHART_POINTS)
            return [(reading.time, reading.value) for reading in found]
        track = self.history.track(series)
        before = track.at(start - 1) if goal.measure is Measure.INCREASE else None
        counted_from: list[Point] = [] if before is None else [(start - 1, before)]
        return [*counted_from, *track.between(start, notice.at + 1)]
