"""Plays a scenario, with or without kills, and takes down what the daemon remembers and what the world was told."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from agent.acts import Act
from agent.store.records import Delivery, DeliveryState
from agent.store.store import Store
from rules.model import Correction, Transition
from tests.crash.driver import Driven, Kill, Killed
from tests.crash.people import do, shown
from tests.crash.scenario import Scenario
from tests.crash.workspace import Post
from tests.crash.world import Arrival, World

MOST = 1_000_000
SHOWN = 6  # steps from one look at all that the daemon shows to the next


class Strike(NamedTuple):
    """One kill: at which step, `when` (start, step, reload, or down: while the clock moves on to the step), and where.

    `point` is a fault point and `nth` its crossing, or `time` and a number of milliseconds; while it is down also `stop`,
    if it ended by itself.
    """

    step: int
    when: str
    point: str = "time"
    nth: int = 0

    def __str__(self) -> str:
        return f"{self.step}:{self.when}:{self.point}:{self.nth}"

    @property
    def kill(self) -> Kill | None:
        return None if self.point == "time" else (self.point, self.nth)

    @property
    def delay(self) -> float | None:
        return self.nth / 1000 if self.point == "time" else None


@dataclass
class Played:
    """What came of a run."""

    transitions: Sequence[Transition] = ()
    deliveries: Sequence[Delivery] = ()
    corrections: Sequence[Correction] = ()
    acts: Sequence[Act] = ()
    arrived: Sequence[Arrival] = ()
    queued: Mapping[int, set[str]] = field(default_factory=dict)  # keys not yet recorded when a life ended
    struck: list[Strike] = field(default_factory=list)  # that came in time
    crossed: Mapping[int, Mapping[str, int]] = field(default_factory=dict)  # fault points by step
    took: Mapping[int, float] = field(default_factory=dict)  # seconds by step
    read: Mapping[str, set[int]] = field(default_factory=dict)  # steps in which a source was read and did not fail
    shown: Mapping[int, Mapping[str, str]] = field(default_factory=dict)  # by step, what the API says of each thing
    lived: dict[int, tuple[int, int]] = field(default_factory=dict)  # first and last step of each life
    beats: Sequence[tuple[int, int]] = ()  # life and step of each sign of life
    in_slack: Mapping[str, list[str]] = field(default_factory=dict)  # what each message said, and each thread
    began: Mapping[str, list[str]] = field(default_factory=dict)  # what each said when it was posted
    posts: Sequence[Post] = ()


class Player:
    """One run of a scenario in a folder."""

    def __init__(self, scenario: Scenario, folder: Path, database: str, strikes: Sequence[Strike] = ()) -> None:
        self.scenario = scenario
        self.world = World(scenario)
        self.daemon = Driven(folder, database)
        self.world.on_late = self.daemon.late
        self.strikes = {step: [one for one in strikes if one.step == step] for step in {one.step for one in strikes}}
        self.played = Played(queued={}, crossed={}, took={})
        self._up = False
        self._born = 0  # step in which this life began
        self._acted = 0  # acts of this step that were answered

    async def play(self) -> Played:
        await self.world.start()
        self.daemon.environ |= self.world.slack.environ
        try:
            for step, now in enumerate(self.scenario.times):
                await self._step(step, now)
            await self._lose()
        finally:
            await self.daemon.kill()
            await self.world.stop()
        played = self.played
        played.arrived, played.read, played.beats = self.world.arrived, self.world.read, self.world.beats
        slack = self.world.slack
        played.in_slack, played.began, played.posts = slack.shown, slack.began, slack.posts
        store = await Store.open_readonly(self.daemon.database)
        played.transitions = (await store.transitions(MOST))[::-1]
        played.deliveries = (await store.deliveries(MOST))[::-1]
        played.corrections = (await store.corrections(MOST))[::-1]
        played.acts = (await store.acts(MOST))[::-1]
        await store.close()
        return played

    async def _step(self, step: int, now: int) -> None:
        """Everything of one step, again after each kill, until it was whole."""
        self.world.step, self._acted = step, 0
        if step == 0:
            self._configure(0)
        strikes = self.strikes.get(step, [])
        down = [one for one in strikes if one.when == "down"]
        if down and self._up:
            if down[0].point == "stop":
                await self.daemon.stop()
                await self._note()
            await self._lose()
        fresh = True
        while True:
            strike = next((one for one in strikes if one not in self.played.struck and one.when != "down"), None)
            try:
                await self._whole(step, now, strike, fresh=fresh)
                if strike is None:
                    return
                await self._lose()  # it was done before the instant came
            except Killed:
                await self._note()
                if step in self.scenario.mistakes:  # nobody would get it to start again with that
                    self._configure(step)
            if strike is not None:
                self.played.struck.append(strike)
            fresh = False

    async def _whole(self, step: int, now: int, strike: Strike | None, *, fresh: bool) -> None:
        began = time.monotonic()
        kill, delay = (strike.kill, strike.delay) if strike and strike.when != "reload" else (None, None)
        if strike is not None and strike.when == "start":
            await self._lose()
        daemon, before = self.daemon, dict(self.daemon.crossed)
        if not self._up:
            at_start = strike is not None and strike.when == "start"
            self._born = step
            await daemon.start(now, kill if at_start else None, delay if at_start else None)
            self._up, before = True, {}
            await daemon.set_clock(now, 0.0, None if at_start else kill, None if at_start else delay)
        else:
            gone = self.scenario.passed(step) if fresh else 0.0
            await daemon.set_clock(now, gone, kill, delay)
        await daemon.tick()
        await self._act(step)
        if step in self.scenario.mistakes:
            self._configure(step, wrong=True)
            await daemon.reload(refused=True)
            self._configure(step)
            await daemon.tick()
        if step in self.scenario.reloads:  # at the end: a restart polls before anything fires, a reload need not
            self._configure(step)
            if strike is not None and strike.when == "reload":
                await daemon.set_clock(now, 0.0, strike.kill)
            await daemon.reload()
            await daemon.tick()
        if strike is None:
            if step % SHOWN == 0 or step == len(self.scenario.times) - 1:
                self.played.shown |= {step: await shown(daemon)}
            crossed = {point: count - before.get(point, 0) for point, count in daemon.crossed.items()}
            self.played.crossed |= {step: crossed}
            self.played.took |= {step: time.monotonic() - began}

    def _configure(self, step: int, *, wrong: bool = False) -> None:
        config = self.scenario.config(self.scenario.version_at(step), self.world.url)
        self.daemon.configure({**config, "receivers": {}} if wrong else config)

    async def _lose(self) -> None:
        if self._up:
            await self.daemon.kill()
            await self._note()

    async def _note(self) -> None:
        """What was not recorded as sent when the daemon went away may be sent again."""
        self._up = False
        self.played.lived[self.world.life] = self._born, self.world.step
        self.played.queued |= {self.world.life: await self._queued()}
        self.world.life += 1

    async def _queued(self) -> set[str]:
        store = await Store.open_readonly(self.daemon.database)
        found = {one.key for one in await store.deliveries(MOST) if one.state is DeliveryState.QUEUED}
        await store.close()
        return found

    # what sources and people do, so that doing it again does nothing

    async def _act(self, step: int) -> None:
        for source in ("pushed", "visits", "plans"):
            rows, headers = self.world.rows(source), {"Idempotency-Key": f"{source} {step}"}
            status, said = await self.daemon.call("POST", f"/in/{source}", json={"rows": rows}, headers=headers)
            assert status in {200, 202, 422}, said
        rows, headers = self.world.rows("gauges"), {"Idempotency-Key": f"gauges {step}"}
        sent = [{"series": "level", "labels": {"room": row["room"]}, "value": row["value"]} for row in rows]
        status, said = await self.daemon.call("POST", "/api/v1/readings", json=sent, headers=headers)
        assert status == 200, said
        for job in self.scenario.pings.get(step, ()):
            await self.daemon.call("POST", f"/ping/{job}")
        await self.daemon.settle()
        for act in self.scenario.acts.get(step, ())[self._acted :]:
            await do(self.daemon, act)
            self._acted += 1  # once more it would be about what came since, by a reload too
            await self.daemon.settle()  # a call that was asked for is made, or withheld, before anybody else acts
