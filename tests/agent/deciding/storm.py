"""A day of storm in virtual time: the real pipeline, store, dispatcher and Slack notifier, and a strict Slack."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from agent.alerts.notices import Notices
from agent.config.configuration import Configuration, NotifierEntry, SourceEntry
from agent.demo.slack import TOKEN, SlackServer
from agent.dispatcher import Dispatcher, Edges
from agent.pipeline import Pipeline
from agent.sending.envelopes import read_notice
from agent.store.records import Delivery
from agent.store.store import Store
from connectors.base import Sending, Services, Unreachable
from connectors.http import HttpClient
from connectors.notifiers.slack import SlackNotifier
from rules.model import (
    MINUTE,
    SECOND,
    AlertRule,
    Goal,
    Notice,
    Polled,
    Reading,
    Selector,
    SourceRule,
    Standing,
    Target,
)
from rules.routing import Route
from rules.specs import Specs
from tests.agent.test_dispatcher import VirtualClock, idle
from tests.agent.test_pipeline import Silent
from tests.rules.world import series

RULE = SourceRule("a", ("load",), MINUTE)
HIGH, LOW = 25.0, 20.0
Alert = tuple[str, str]
"""Its target, and which of the target's."""

UPDATES, UPDATE_SPAN = 50, 60  # Slack's, of one method in one workspace


@dataclass(slots=True)
class Sent:
    """One message that a receiver took."""

    at: int
    delivery: Delivery
    notice: Notice


@dataclass
class Mailbox:
    """Takes mails while it is up."""

    is_up: bool = True
    sent: list[Sent] = field(default_factory=list)


def target(name: str, receiver: str | None) -> Target:
    notify = (receiver,) if receiver else ()
    rule = AlertRule("high", Standing.OUT_OF_BAND, notify=notify)
    return Target(name, name.title(), Goal(at_most=23), Selector(name), by=("n",), alerts=(rule,))


class Storm:
    """Targets `east` and `west` tell two channels of each alert by itself, `mail` mails, `routed` tells in groups."""

    def __init__(self, path: Path, slack: SlackServer, clock: VirtualClock, seed: int) -> None:
        self.url = f"sqlite:///{path / 'storm.db'}"
        self.slack, self.clock, self.rng = slack, clock, random.Random(seed)
        self.mailbox = Mailbox()
        self.sent: list[Sent] = []
        self.values: dict[tuple[str, int], float] = {}
        self.busy = 0
        self.changed = asyncio.Event()
        self.too_fast = 0
        self._refusal = slack.rates.refusal
        slack.rates.refusal = self._counted  # type: ignore[method-assign]
        slack.rates.update({"chat.postMessage": (1, 1), "chat.update": (UPDATES, UPDATE_SPAN)})
        self.asked = Counter[str]()
        self._failure = slack._failure
        slack._failure = self._asked  # type: ignore[method-assign]
        kind = SlackNotifier.Config.model_validate
        self.kinds = {name: kind({"type": "slack", "channel": f"#{name}"}) for name in slack.channels}
        entries = {name: (NotifierEntry("slack", kind),) for name, kind in self.kinds.items()}
        names = {"east": "east", "west": "west", "mail": "mail", "routed": None}
        self.config = Configuration(
            sources={
                "a": SourceEntry("a", "http", None, MINUTE, None, "UTC", SECOND, replace(RULE, series=tuple(names)))
            },
            targets={name: target(name, receiver) for name, receiver in names.items()},
            actions={},
            receivers={**entries, "mail": (NotifierEntry("email", None),)},
            route=Route("west", group_by=("target",)),
        )

    def _counted(self, method: str, place: str) -> Any:
        refused = self._refusal(method, place)
        self.too_fast += refused is not None
        return refused

    def _asked(self, method: str) -> Any:
        self.asked[method] += 1
        return self._failure(method)

    async def _sleep(self, seconds: float) -> None:
        """Waits for the virtual clock, which goes on when nobody does anything but wait for it."""
        self._count(-1)
        try:
            await self.clock.wait_until(self.clock.now() + round(seconds * SECOND))
        finally:
            self._count(1)

    def _count(self, by: int) -> None:
        self.busy += by
        self.changed.set()

    # the daemon

    async def start(self) -> None:
        self.busy = 0
        self.http = HttpClient(self.clock.now, self.clock.monotonic, self._sleep)  # which forgets its pace
        given = Services(self.http, self.clock.now, slack_bot_token=TOKEN, slack_api_url=self.slack.api_url)
        self.notifiers = {name: SlackNotifier(kind, given) for name, kind in self.kinds.items()}
        self.store = await Store.open(self.url, self.clock.now())
        shards = await self.store.take_shards("test", self.clock.now())
        metrics: Any = Silent()
        rng = random.Random(self.rng.random())
        edges = Edges(self._send, self._never, self._never)
        self.dispatcher = Dispatcher(self.store, self.clock, edges, None, rng, self.clock.wait_until)
        self.pipeline = Pipeline(self.clock, self.store, metrics, self.dispatcher.wake, shards)
        specs = Specs(self.config.targets.values(), [entry.rule for entry in self.config.sources.values()])
        await self.pipeline.start(specs, Notices(self.config, specs))
        self._running = asyncio.create_task(self.dispatcher.run())

    async def stop(self) -> None:
        await self.dispatcher.stop(0)
        await self._running
        await self.pipeline.stop()
        await self.store.close()
        await self.http.close()

    async def _never(self, *_: Any) -> Any:
        raise AssertionError("there is nothing to call")

    async def _send(self, delivery: Delivery) -> Any:
        self._count(1)
        try:
            notice = read_notice(delivery.payload)
            answer = None
            if delivery.receiver == "mail":
                if not self.mailbox.is_up:
                    raise Unreachable("no mail server")
                answer = {"starts_at": notice.episode}
            else:
                sending = Sending(
                    notice, delivery.key, delivery.attempts + 1, delivery.thread, earlier=delivery.earlier
                )
                answer = await self.notifiers[delivery.receiver].send(sending)
            self.sent.append(Sent(self.clock.now(), delivery, notice))
            return answer
        finally:
            self._count(-1)

    # time

    async def settled(self) -> None:
        """Until everybody waits for the clock."""
        while True:
            await idle(self.store)
            if not self.busy:
                return
            self.changed.clear()
            await self.changed.wait()

    async def go_to(self, until: int) -> None:
        """Lets time pass; whatever is due on the way happens."""
        while True:
            await self.settled()
            due = [at for at in (self.clock.next(), self.pipeline.memory.next_due()) if at is not None]
            at = min(max(min(due, default=until), self.clock.time), until)
            self.clock.go_to(at)
            self.pipeline.memory.ticked(at)  # time goes on without a break: nobody is away
            self.pipeline.tick(at)
            await self.pipeline.spool.join()
            if at >= until:
                return

    async def drained(self, within: int) -> None:
        """Until nothing is queued any more."""
        await self.go_to(self.clock.time + 10 * MINUTE)  # until each group was looked at
        end = self.clock.time + within
        while (await self.store.outbox()).depth and self.clock.time < end:
            await self.go_to(self.clock.time + MINUTE)

    # what happens

    async def poll(self, changes: dict[tuple[str, int], float]) -> None:
        """The changed values, read at once."""
        self.values.update(changes)
        now = self.clock.now()
        readings = [Reading(series(name, n=str(n)), now, value) for (name, n), value in changes.items()]
        await self.pipeline.handle(readings, Polled("a", now))

    def firing(self) -> set[Alert]:
        return {(name, str(n)) for (name, n), value in self.values.items() if value == HIGH}

    def told(self) -> dict[Alert, str]:
        """How each alert stands by what was sent last of it. Who is no longer in a group's list is over."""
        found: dict[Alert, str] = {}
        lists: dict[str, set[Alert]] = {}
        for one in self.sent:
            named = {(each.labels["target"], each.labels["n"]): each.status for each in one.notice.every}
            if one.notice.group:
                before = lists.get(one.delivery.lane, set())
                found |= dict.fromkeys(before - named.keys(), "resolved")
                lists[one.delivery.lane] = {alert for alert, status in named.items() if status == "firing"}
            found |= named
        return found
