"""kill -9 and SIGSTOP: no alert is lost, repeated or resolved because the process went away."""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import web

from tests.acceptance.configs import HOOK, house
from tests.acceptance.daemon import Daemon
from tests.acceptance.servers import Api, Message, Receiver
from tests.acceptance.waiting import passed

SOURCES = ("north", "east", "south", "west")
ROOMS = 50  # of each source
ROUNDS = 5
SEEDS = (1,)  # each kills at other instants
IN_BAND, TOO_COLD, TOO_HOT = 21.0, 15.0, 30.0


class Script:
    """What the rooms' values are, round by round, and so what has to be told."""

    def __init__(self, api: Api, seed: int) -> None:
        self.rng = random.Random(seed)
        self.api = api
        self.history: dict[str, list[float]] = {}
        for source in SOURCES:
            api.values[source] = {f"{source}-{number:02}": IN_BAND for number in range(ROOMS)}
        self.keep()

    def keep(self) -> None:
        for rooms in self.api.values.values():
            for room, value in rooms.items():
                self.history.setdefault(room, []).append(value or 0.0)

    def turn(self, share: float = 0.4) -> None:
        """Some rooms go out of band or come back; some out of band stay so at another value."""
        for rooms in self.api.values.values():
            for room, value in rooms.items():
                if self.rng.random() < share:
                    out = self.rng.choice([TOO_COLD, TOO_HOT])
                    rooms[room] = out if value == IN_BAND or self.rng.random() < 0.2 else IN_BAND
        self.keep()

    def calm(self) -> None:
        """All rooms come back."""
        for rooms in self.api.values.values():
            rooms.update(dict.fromkeys(rooms, IN_BAND))
        self.keep()

    def demanded(self) -> dict[str, list[str]]:
        """For each room what has to be told of it, in order: nothing else follows from its values."""
        return {
            room: ["firing" if out else "resolved" for was, out in pairwise(v != IN_BAND for v in values) if was != out]
            for room, values in self.history.items()
        }


class Killer:
    """Kills the daemon at a random instant: some time from now, when a source is asked, or when a message arrives."""

    def __init__(self, daemon: Daemon, api: Api, sink: Receiver, rng: random.Random) -> None:
        self.daemon, self.api, self.sink, self.rng = daemon, api, sink, rng
        self.used: Counter[str] = Counter()

    async def strike(self) -> None:
        how = self.rng.choice(["timer", "timer", "asked", "told"])
        self.used[how] += 1
        if how == "timer":
            await passed(self.rng.uniform(0.0, 1.3))
        elif how == "asked":  # the answer is on its way
            await self.api.asked_again(self.rng.choice(SOURCES), self.rng.choice([1, 2]))
        else:  # sent, and not yet marked as sent
            await self.told(self.rng.randint(1, 40))
        await self.daemon.kill()

    async def told(self, count: int) -> None:
        """Returns while the receiver still owes the answer to a message, which nobody will read."""
        arriving, killed = asyncio.Event(), asyncio.Event()
        left = [count]

        async def answer(_path: str, _json: Any) -> web.Response:
            left[0] -= 1
            if left[0] <= 0:
                arriving.set()
                await killed.wait()
            return web.Response(text="taken")

        self.sink.answer = answer
        with suppress(TimeoutError):  # fewer messages than that: any instant will do
            async with asyncio.timeout(3):
                await arriving.wait()
        asyncio.get_running_loop().call_later(0.2, killed.set)
        self.sink.answer = None


def sequences(messages: Iterable[Message]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for message in messages:
        found.setdefault(message.alert["labels"]["room"], []).append(message.json["status"])
    return found


def check_nothing_lost_nothing_repeated(daemon: Daemon, sink: Receiver, demanded: dict[str, list[str]]) -> None:
    changes = daemon.changes()
    decided: dict[str, list[str]] = {room: [] for room in demanded}
    for change in changes:
        decided[change["labels"].removeprefix('{"room":"').removesuffix('"}')].append(change["event"])
    assert decided == demanded  # what the values demand, and nothing the restarts made up

    deliveries = daemon.rows("SELECT * FROM deliveries")
    assert {row["state"] for row in deliveries} == {"sent"}
    assert len(deliveries) == len(changes)
    once = sink.once()
    assert {message.id for message in once} == {row["key"] for row in deliveries}
    assert sequences(once) == {room: events for room, events in demanded.items() if events}

    told = Counter((m.alert["fingerprint"], m.json["status"], m.alert["startsAt"]) for m in once)
    assert set(told.values()) == {1}  # a repetition has the id of what it repeats
    by_id: dict[str, set[bytes]] = {}
    for message in sink.arrived.messages:
        by_id.setdefault(message.id, set()).add(message.body)
    assert {len(bodies) for bodies in by_id.values()} == {1}


@pytest.mark.parametrize("seed", SEEDS)
async def test_kill_9_loses_no_alert_and_repeats_none(daemon: Daemon, api: Api, sink: Receiver, seed: int):
    script = Script(api, seed)
    killer = Killer(daemon, api, sink, script.rng)
    daemon.configure(house(api, sink, *SOURCES))
    await daemon.start()
    await asyncio.gather(*(api.asked_again(source) for source in SOURCES))
    for _ in range(ROUNDS):
        script.turn()
        for _ in range(script.rng.choice([1, 1, 2])):
            await killer.strike()
            await daemon.start()
        # The second question of one process is asked after the first answer was decided and committed.
        await asyncio.gather(*(api.asked_again(source) for source in SOURCES))
    script.calm()
    await asyncio.gather(*(api.asked_again(source) for source in SOURCES))
    wanted = sum(len(events) for events in script.demanded().values())
    assert wanted > 300
    await daemon.happenings.until(
        lambda: (
            len(sink.once()) >= wanted and not daemon.rows("SELECT 1 FROM deliveries WHERE state = 'queued' LIMIT 1")
        ),
        "everything delivered",
    )
    assert (await daemon.get("alerts"))["alerts"] == []
    await daemon.stop()
    check_nothing_lost_nothing_repeated(daemon, sink, script.demanded())
    assert killer.used.total() >= ROUNDS


async def test_nothing_began_or_ended_unnoticed_while_it_was_away(daemon: Daemon, api: Api, sink: Receiver):
    """One alert goes on through the kill, one ended and one began while nobody looked."""
    api.values["house"] = {"goes-on": 30.0, "ended": 30.0, "began": 21.0, "calm": 21.0}
    daemon.configure(house(api, sink))
    await daemon.start()
    await daemon.happenings.until(lambda: len(daemon.said("delivery.sent")) == 2, "both told")
    await daemon.kill()
    api.values["house"] |= {"ended": 21.0, "began": 10.0}
    await daemon.start()
    await daemon.happenings.until(lambda: len(daemon.said("delivery.sent")) == 4, "told what changed meanwhile")
    await api.asked_again("house")
    assert sequences(sink.arrived.messages) == {
        "goes-on": ["firing"],
        "ended": ["firing", "resolved"],
        "began": ["firing"],
    }
    assert {alert["instance"]["room"] for alert in (await daemon.get("alerts"))["alerts"]} == {"goes-on", "began"}


async def test_waiting_times_go_on_over_a_kill(daemon: Daemon, api: Api, sink: Receiver):
    """`for` counts from when the number went off target, not from the restart; `keep_firing_for` likewise."""
    alert = {"name": "out-of-band", "when": "out_of_band", "for": "4s", "keep_firing_for": "4s"}
    api.values["house"] = {"kitchen": 30.0}
    daemon.configure(house(api, sink, alerts=[alert]))
    await daemon.start()
    await daemon.happenings.until(lambda: daemon.said("alert", change="pending"), "pending")
    await daemon.kill()
    await daemon.start()
    await daemon.happenings.until(sink.taken, "firing")
    api.values["house"]["kitchen"] = 21.0
    await daemon.happenings.until(lambda: daemon.said("alert", change="recovering"), "recovering")
    await daemon.kill()
    await daemon.start()
    await daemon.happenings.until(lambda: len(sink.taken()) == 2, "resolved")
    events = daemon.rows("SELECT event, at FROM transitions ORDER BY id")
    assert [row["event"] for row in events] == ["pending", "firing", "recovering", "resolved"]
    assert 4 <= (events[1]["at"] - events[0]["at"]) / 1e6 < 6.5
    assert 4 <= (events[3]["at"] - events[2]["at"]) / 1e6 < 6.5


async def test_a_correction_goes_on_over_kills(daemon: Daemon, api: Api, sink: Receiver, hvac: Receiver):
    """Killed while it calls: the same call again. Killed while it verifies: verified by what is read afterwards."""
    calling, never = asyncio.Event(), asyncio.Event()

    async def answer(_path: str, _json: Any) -> web.Response:
        calling.set()
        await never.wait()
        return web.Response()

    hvac.answer = answer
    api.values["house"] = {"kitchen": 30.0}
    config = house(api, sink, correct=[{"on": "out-of-band", "action": "cool", "cooldown": "1h"}])
    action = {"type": "webhook", "url": f"{hvac.url}/cool", "json": {"to": 22}, "secret": HOOK}
    config["actions"] = {"cool": action}
    daemon.configure(config)
    await daemon.start()
    await daemon.happenings.until(calling.is_set, "it calls")
    (call,) = daemon.rows("SELECT key FROM deliveries WHERE kind = 'call'")
    await daemon.kill()
    hvac.answer = None
    await daemon.start()
    await daemon.happenings.until(
        lambda: daemon.rows("SELECT 1 FROM corrections WHERE state = 'verifying' AND attempt = 1"), "called"
    )
    assert [message.id for message in hvac.taken()] == [call["key"]]
    await daemon.kill()
    api.values["house"]["kitchen"] = 22.0
    await daemon.start()
    await daemon.happenings.until(
        lambda: daemon.rows("SELECT 1 FROM corrections WHERE state = 'verified' AND attempt = 1"), "verified"
    )
    await daemon.happenings.until(lambda: len(sink.once()) == 2, "told that it is back")
    assert sequences(sink.once()) == {"kitchen": ["firing", "resolved"]}
    assert len(hvac.taken()) == 1
    assert len(daemon.rows("SELECT 1 FROM corrections")) == 1


async def test_stopped_for_a_while_it_goes_on_where_it_was(daemon: Daemon, api: Api, sink: Receiver):
    api.values["house"] = {"goes-on": 30.0, "ended": 30.0, "began": 21.0}
    daemon.configure(house(api, sink))
    await daemon.start()
    await daemon.happenings.until(lambda: len(daemon.said("delivery.sent")) == 2, "both told")
    daemon.signal(signal.SIGSTOP)
    api.values["house"] |= {"ended": 21.0, "began": 10.0}
    await passed(4)
    daemon.signal(signal.SIGCONT)
    await daemon.happenings.until(lambda: len(sink.taken()) >= 4, "told what changed meanwhile", 5)
    await api.asked_again("house", 3)
    assert sequences(sink.arrived.messages) == {
        "goes-on": ["firing"],
        "ended": ["firing", "resolved"],
        "began": ["firing"],
    }
    assert not daemon.rows("SELECT 1 FROM transitions WHERE target = ''")  # its own pause is no failure of the source
    assert await daemon.status("/-/healthy") == 200
