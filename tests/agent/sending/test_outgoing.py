"""What leaves the outbox. Notifiers and actions are real and talk to a server on this machine; one test draws."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs

import agent.sending.outgoing
from agent.alerts.notices import Notices
from agent.charts import ChartData, ChartError, Charts
from agent.config.configuration import ActionEntry, Configuration, NotifierEntry
from agent.polling.connections import Connections
from agent.reports.rendering import Rendering
from agent.sending.ack_links import AckLinks
from agent.sending.envelopes import EXPIRES_AFTER, read_notice
from agent.sending.outgoing import Outgoing
from agent.store.codec import encode
from agent.store.errors import StoreUnavailable
from agent.store.records import Delivery, DeliveryKind
from connectors import registry
from connectors.base import Misconfigured, ReportSending, Sending, Services
from connectors.http import HttpClient
from connectors.report_message import as_notice
from rules.history import History
from rules.model import (
    DAY,
    HOUR,
    CalendarPeriod,
    Goal,
    Measure,
    News,
    Notice,
    Proposal,
    Reading,
    Selector,
    SourceRule,
    Target,
)
from rules.specs import Specs
from tests.connectors.notifiers import kit
from tests.connectors.notifiers.reports import report
from tests.rules.world import series

START = 1_777_586_400_000_000  # of kit.notice()'s period
PERIOD = Target(
    "monthly-visitors", "Visitors", Goal(Measure.SUM, 10_000, per=CalendarPeriod("month")), Selector("visitors")
)
LEVEL = Target("room", "Room", Goal(at_most=23), Selector("temperature"), by=("room",))


def config_of(role: str, kind: str, **keys):
    return registry.load(role, kind).Config.model_validate({"type": kind, **keys})


class Recording:
    """A notifier that wants charts, and keeps what it was given."""

    wants_chart = True
    wants_updates = True

    def __init__(self) -> None:
        self.got: list[Sending] = []

    async def send(self, sending: Sending):
        self.got.append(sending)
        return {"ts": "1"}

    async def close(self) -> None:
        pass


class Drawing:
    """Stands where the child process is: gives back a picture, raises or hangs."""

    def __init__(self) -> None:
        self.asked: list[ChartData] = []
        self.raises: Exception | None = None
        self.hangs = False

    async def png(self, data: ChartData) -> bytes:
        self.asked.append(data)
        if self.hangs:
            await asyncio.Event().wait()
        if self.raises:
            raise self.raises
        return kit.PNG


class World:
    def __init__(self, services: Services, *targets: Target, **receivers: tuple[NotifierEntry, ...]) -> None:
        self.stored: list[Reading] = []
        self.drawing = Drawing()
        self.kept: list[tuple[str, Mapping[str, Any]]] = []
        self.keep_raises: Exception | None = None
        self.outgoing = Outgoing(self.points, self.drawing, AckLinks(b"k" * 32, "https://s.example").of, self.keep)
        self.specs = Specs(targets, [SourceRule("a", ("visitors", "temperature"), None)])
        self.history = History(self.specs)
        self.services = services
        self.notifier = Recording()
        self.use(Configuration({}, {}, receivers=receivers))
        self.connections._notifiers["growth", 0] = self.notifier

    def use(self, config: Configuration) -> None:
        self.connections = Connections(config, self.services)
        self.outgoing.use(self.connections, Notices(config, self.specs), self.history)

    async def points(self, of, start, end, most):
        return [r for r in self.stored if r.series == of and start <= r.time < end]

    async def keep(self, delivery: Delivery, reference: Mapping[str, Any]) -> None:
        if self.keep_raises:
            raise self.keep_raises
        self.kept.append((delivery.key, reference))

    async def sent(self, notice: Notice | None = None) -> Sending:
        await self.outgoing.notify(delivery(notice or kit.notice()))
        return self.notifier.got[-1]


def delivery(notice: Notice, **changes) -> Delivery:
    payload = orjson.dumps(notice, option=orjson.OPT_SERIALIZE_DATACLASS)
    made = Delivery(
        "key", DeliveryKind.NOTICE, notice.receiver, 0, "lane", payload, notice.at, notice.at, notice.at + EXPIRES_AFTER
    )
    return dataclasses.replace(made, **changes)


@pytest.fixture
async def services():
    http = HttpClient(now=lambda: kit.NOW)
    yield Services(http=http, now=lambda: kit.NOW)
    await http.close()


@pytest.fixture
def world(services) -> World:
    return World(services, PERIOD, LEVEL)


async def test_what_a_notifier_knows_of_its_message_is_kept_while_it_goes_on(world, monkeypatch):
    sending = await world.sent()
    await sending.keep({"ts": "1"})
    assert world.kept == [("key", {"ts": "1"})]
    world.keep_raises = StoreUnavailable("the disk is full")
    with capture_logs() as logs:
        await sending.keep({"ts": "2"})
        monkeypatch.setattr(agent.sending.outgoing, "_KEEP_SECONDS", 0.0)
        monkeypatch.setattr(world.outgoing, "keep", lambda *_: asyncio.Event().wait())
        await sending.keep({"ts": "3"})
    assert [line["error"] for line in logs] == ["the disk is full", "the database is too slow"]


def report_delivery(of=None, **changes) -> Delivery:
    content = orjson.loads(encode(of or report()))
    payload = orjson.dumps({"report": "weekly", "headline": "Weekly numbers", "content": content})
    return delivery(kit.notice(), kind=DeliveryKind.REPORT, payload=payload, **changes)


class SaysReports(Recording):
    """A notifier that has its own way of saying a report."""

    async def report(self, sending: ReportSending) -> None:
        self.got.append(sending)


async def test_a_notifier_says_a_report_in_its_own_way_with_the_charts_it_wants(world):
    world.connections._notifiers["growth", 0] = SaysReports()
    world.outgoing.rendering = Rendering(lambda *_: asyncio.sleep(0, kit.PNG))
    assert await world.outgoing.notify(report_delivery(attempts=1)) is None
    (sending,) = world.connections._notifiers["growth", 0].got
    assert sending == ReportSending(report(), "growth", "key", 2, dict.fromkeys(range(3), kit.PNG), b"")
    world.connections._notifiers["growth", 0].wants_chart = False
    await world.outgoing.notify(report_delivery())
    assert world.connections._notifiers["growth", 0].got[-1].pictures == {}


async def test_any_other_notifier_gets_a_report_as_a_notice(world):
    assert await world.outgoing.notify(report_delivery(attempts=1)) is None
    (sending,) = world.notifier.got
    assert (sending.notice, sending.key, sending.attempt) == (as_notice(report(), "growth"), "key", 2)


async def test_the_charts_of_a_report_are_those_of_its_rows(world):
    now = report().end
    world.stored = [
        Reading(series("temperature", room="hall"), now - 6 * DAY + n * HOUR, 22.0 + n % 3) for n in range(99)
    ]
    for reading in world.stored:
        world.history.add(reading)
    values = {"value": 22.0, "at_most": 23.0}
    row = dataclasses.replace(report().rows[2], labels={"room": "hall"}, title="Room (hall)", values=values)
    world.connections._notifiers["growth", 0] = SaysReports()
    await world.outgoing.notify(report_delivery(report(rows=(row, report().rows[0]))))
    (data,) = world.drawing.asked  # the other row's target is not configured any more
    assert (data.title, data.headline, data.at_most) == ("Room (hall)", "In band: 21 °C, wanted 20 to 23 °C", 23.0)
    assert data.start == now - 6 * DAY


@pytest.mark.parametrize("notice", kit.ALL_REASONS, ids=lambda notice: notice.reason)
def test_a_notice_comes_out_of_the_outbox_as_it_went_in(notice):
    assert read_notice(delivery(notice).payload) == notice


def test_so_do_its_records():
    asked, news = (Proposal("c1", "cool", "Set it", kit.NOW), Proposal("c2", "x", "", None)), (News("it failed", True),)
    notice = kit.notice(proposals=asked, news=news)
    assert read_notice(delivery(notice).payload) == notice


def test_what_an_earlier_version_queued_is_read():
    notice = kit.notice()
    said = orjson.loads(delivery(notice).payload)
    old = {name: value for name, value in said.items() if name not in {"acknowledged_by", "proposals", "news", "why"}}
    assert read_notice(orjson.dumps(old)) == dataclasses.replace(notice, why=())


async def test_a_sending_has_key_attempt_and_thread(world):
    thread, earlier = {"ts": "0"}, {"ts": "-1"}
    await world.outgoing.notify(delivery(kit.notice(), earlier=earlier))
    assert await world.outgoing.notify(delivery(kit.notice(), attempts=2, thread=thread)) == {"ts": "1"}
    first, second = world.notifier.got
    assert (first.thread, first.earlier) == (None, earlier)
    assert (second.key, second.attempt, second.thread, second.earlier) == ("key", 3, thread, None)


async def test_a_sending_has_a_link_that_acknowledges_while_it_fires(world):
    assert (await world.sent()).ack_url.startswith("https://s.example/ack/")
    assert (await world.sent(kit.resolved())).ack_url == ""


async def test_a_receiver_or_action_that_is_gone_is_for_good(world):
    with pytest.raises(Misconfigured, match="gone is no longer configured"):
        await world.outgoing.notify(delivery(kit.notice(receiver="gone")))
    with pytest.raises(Misconfigured, match="no longer configured"):
        await world.outgoing.notify(delivery(kit.notice(), position=7))
    with pytest.raises(Misconfigured, match="no longer configured"):
        await world.outgoing.call(delivery(kit.notice(), kind=DeliveryKind.CALL, receiver="gone"))


async def test_a_call_is_made_with_its_context(world):
    async with kit.sink() as sink:
        made = config_of("actions", "webhook", url=sink.url + "/rooms/{{ labels.room }}", json={"at": "{{ value }}"})
        world.use(Configuration({}, {}, actions={"cool": ActionEntry("cool", "webhook", made, None)}))
        payload = orjson.dumps({"run": "r", "context": {"labels": {"room": "a/b"}, "value": None}})
        said = await world.outgoing.call(delivery(kit.notice(), receiver="cool", payload=payload))
    assert said.startswith("answered 200")
    ((request, body),) = sink.requests
    assert request.raw_path == "/rooms/a%2Fb"
    assert json.loads(body) == {"at": None}
    assert request.headers["idempotency-key"] == "key"


class TestCharts:
    async def test_of_a_period_all_readings_add_up(self, world):
        for day in range(4):
            world.history.add(Reading(series("visitors"), START + day * DAY, 100.0))
        world.history.add(Reading(series("visitors"), START - DAY, 7_000.0))
        assert (await world.sent()).chart == kit.PNG
        (data,) = world.drawing.asked
        assert data.kind == "period"
        assert data.points[-1][1] == 400.0

    async def test_of_several_series_only_what_adds_up_in_any_order(self, services):
        last = dataclasses.replace(PERIOD, goal=Goal(Measure.LAST, 10_000, per=CalendarPeriod("month")))
        for target, drawn in ((PERIOD, True), (last, False)):
            world = World(services, target)
            for site in ("www", "shop"):
                world.history.add(Reading(series("visitors", site=site), START + DAY, 100.0))
            assert bool((await world.sent()).chart) is drawn

    async def test_the_course_is_that_of_the_plan(self, services):
        goal = Goal(Measure.SUM, 10_000, per=CalendarPeriod("month"), plan=Selector("plan"))
        world = World(services, dataclasses.replace(PERIOD, goal=goal, zone="UTC"))
        notice = kit.notice()
        half = (notice.period_start + notice.period_end) // 2
        for time, value in ((notice.period_start, 100.0), (half, 300.0)):
            world.history.add(Reading(series("plan"), time, value))
        world.history.add(Reading(series("visitors"), START + DAY, 100.0))
        await world.sent()
        (data,) = world.drawing.asked
        ends = [(notice.period_start, 0.0), (half, 2_500.0), (notice.period_end, 10_000.0)]
        assert list(data.course) == ends
        assert [value for _, value in data.points] == [0.0, 100.0]  # the plan is not measured

    async def test_the_number_of_a_series_is_drawn_as_it_was(self, services):
        goal = Goal(at_most_from=Selector("limit"))
        world = World(services, dataclasses.replace(LEVEL, goal=goal))
        notice = kit.notice(
            target="room", labels={"room": "b"}, period_start=None, period_end=None, values={"at_most": 24.0}
        )
        limits = ((-30, 20.0), (-4, 22.0), (-3, 22.0), (-1, 24.0), (1, 99.0))
        for room, more in (("a", 500.0), ("b", 0.0)):
            for hour, limit in limits:
                world.history.add(Reading(series("limit", room=room), notice.at + hour * HOUR, limit + more))
            for hour in range(-6, 1):
                reading = Reading(series("temperature", room=room), notice.at + hour * HOUR, 21.0)
                world.history.add(reading)
                world.stored.append(reading)
        await world.sent(notice)
        (data,) = world.drawing.asked
        steps = [((time - notice.at) // HOUR, limit) for time, limit in data.most]
        assert steps == [(-6, 20.0), (-4, 22.0), (-1, 24.0)]
        assert (data.least, data.at_most) == ((), 24.0)

    @pytest.mark.parametrize("ahead", [False, True], ids=["it came later", "it was known ahead"])
    async def test_so_is_that_of_a_period_that_changed_within_it(self, services, ahead):
        goal = Goal(Measure.SUM, per=CalendarPeriod("month"), at_least_from=Selector("plan"))
        world = World(services, dataclasses.replace(PERIOD, goal=goal, zone="UTC"))
        plans = [(0, 8_000.0), (2, 10_000.0)]
        if ahead:
            plans.append((25, 10_500.0))
        for day, plan in plans:
            world.history.add(Reading(series("plan"), START + day * DAY, plan))
        world.history.add(Reading(series("visitors"), START + DAY, 100.0))
        notice = kit.notice(values={"at_least": plans[-1][1]})
        assert START + 2 * DAY < notice.at < START + 25 * DAY
        await world.sent(notice)
        (data,) = world.drawing.asked
        assert data.least == (() if ahead else ((START, 8_000.0), (START + 2 * DAY, 10_000.0)))

    async def test_an_increase_counts_from_the_reading_before(self, services):
        world = World(
            services, dataclasses.replace(PERIOD, goal=Goal(Measure.INCREASE, 10, per=CalendarPeriod("month")))
        )
        for day, value in ((-1, 100.0), (1, 130.0), (2, 150.0)):
            world.history.add(Reading(series("visitors"), START + day * DAY, value))
        await world.sent()
        assert world.drawing.asked[0].points[-1][1] == 50.0

    async def test_of_a_level_the_stored_readings_of_its_own_instance(self, world):
        notice = kit.notice(target="room", labels={"room": "b"}, period_start=None, period_end=None)
        for room in ("a", "b"):
            for hour in range(30):
                reading = Reading(series("temperature", room=room), notice.at - hour * HOUR, 20.0 + hour)
                world.history.add(reading)
                world.stored.append(reading)
        await world.sent(notice)
        (data,) = world.drawing.asked
        assert data.kind == "level"
        assert len(data.points) == 25
        assert {value for _, value in data.points} == {20.0 + hour for hour in range(25)}

    async def test_whether_one_is_wanted_is_the_notifier_s_own_word(self, services):
        hook = config_of("notifiers", "slack", url="https://hooks.slack.com/services/T/B/x")
        channel = config_of("notifiers", "slack", channel="#x")
        world = World(services, PERIOD)
        world.use(
            Configuration({}, {}, receivers={"growth": (NotifierEntry("slack", hook), NotifierEntry("slack", channel))})
        )
        wants = [world.connections.notifier("growth", position).wants_chart for position in (0, 1)]
        assert wants == [False, True]

    async def test_none_without_readings_or_target(self, world):
        assert (await world.sent()).chart is None
        assert (await world.sent(kit.notice(target="gone"))).chart is None
        assert (await world.sent(kit.notice(target=""))).chart is None
        assert world.drawing.asked == []

    @pytest.mark.parametrize(
        "error", [ChartError("the drawing process ended with status -9"), ValueError("nan"), OSError(24, "x")]
    )
    async def test_its_failure_costs_the_chart_not_the_notice(self, world, error):
        world.history.add(Reading(series("visitors"), START + DAY, 100.0))
        world.drawing.raises = error
        with capture_logs() as said:
            assert (await world.sent()).chart is None
        assert [line["event"] for line in said] == ["chart.failed"]

    async def test_nor_does_a_store_that_can_not_be_read(self, world):
        async def refuse(*_):
            raise RuntimeError("the database is locked")

        world.outgoing.points = refuse
        notice = kit.notice(target="room", labels={"room": "b"}, period_start=None, period_end=None)
        world.history.add(Reading(series("temperature", room="b"), notice.at, 20.0))
        with capture_logs() as said:
            assert (await world.sent(notice)).chart is None
        assert [line["event"] for line in said] == ["chart.failed"]

    async def test_one_that_takes_long_is_not_waited_for(self, world, monkeypatch):
        monkeypatch.setattr(agent.sending.outgoing, "_CHART_SECONDS", 0.01)
        world.history.add(Reading(series("visitors"), START + DAY, 100.0))
        world.drawing.hangs = True
        with capture_logs() as said:
            assert (await world.sent()).chart is None
        assert "not ready" in said[0]["error"]

    async def test_a_sending_that_is_cancelled_is_cancelled(self, world):
        world.history.add(Reading(series("visitors"), START + DAY, 100.0))
        world.drawing.hangs = True
        task = asyncio.create_task(world.outgoing.notify(delivery(kit.notice())))
        while not world.drawing.asked:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert world.notifier.got == []

    async def test_a_real_one(self, world):
        charts = Charts()
        world.outgoing.charts = charts
        for day in range(4):
            world.history.add(Reading(series("visitors"), START + day * DAY, 100.0))
        try:
            assert (await world.sent()).chart.startswith(b"\x89PNG")
        finally:
            await charts.close()
