"""What is wrong with the database or its disk: told directly where the outbox can't be used, once, and when it is over."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections import namedtuple
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from agent.health.watcher import ENOUGH, LITTLE, PATIENCE, Watcher
from agent.store.errors import StoreUnavailable
from connectors.base import Sending, Unreachable
from rules.model import DATABASE, DISK, MINUTE, SECOND
from tests.agent.health.test_troubles import note
from tests.agent.test_pipeline import World

Usage = namedtuple("Usage", "total used free")


class Told:
    """A notifier that keeps what it is sent, or refuses it."""

    def __init__(self) -> None:
        self.sent: list[Sending] = []
        self.fails = False

    async def send(self, sending: Sending) -> Any:
        if self.fails:
            raise Unreachable("no route to host")
        self.sent.append(sending)
        return {"ts": f"{len(self.sent)}"}

    @property
    def lines(self) -> list[str]:
        return [one.notice.headline for one in self.sent]


class Outgoing:
    """Sends to one notifier of the console."""

    def __init__(self, world: World) -> None:
        self.told = Told()
        self.connections = self
        self.notices = world.compiled()[1]

    def notifier(self, receiver: str, position: int) -> Told:
        assert (receiver, position) == ("console", 0)
        return self.told


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    one = World(tmp_path)
    await one.start()
    yield one
    await one.stop()


@pytest.fixture
async def watcher(world: World, tmp_path: Path) -> AsyncIterator[Watcher]:
    outgoing: Any = Outgoing(world)
    one = Watcher(world.clock, world.pipeline, outgoing, tmp_path)
    yield one
    await one.stop()


@pytest.fixture
def room(monkeypatch):
    """Sets how many bytes are free on the database's disk."""

    def free(count: int) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(ENOUGH * 10, 0, count))

    free(ENOUGH * 5)
    return free


async def broken(world: World, monkeypatch: pytest.MonkeyPatch) -> asyncio.Task[None]:
    """Makes commits fail, and waits until one did; the task is the reading that can't be committed."""

    async def refuse(_: Any) -> None:
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr("agent.pipeline._RETRY_SECONDS", (0.001,))
    world.store.commit = refuse  # type: ignore[method-assign]
    task = asyncio.create_task(world.read(19.0))
    while world.pipeline.healthy:
        await asyncio.sleep(0)
    return task


async def mended(world: World) -> None:
    del world.store.__dict__["commit"]
    await world.pipeline.spool.join()


async def later(world: World, watcher: Watcher, by: int) -> list[str]:
    world.clock.time += by
    await watcher.look()
    return watcher._outgoing.told.lines  # type: ignore[attr-defined]


async def test_a_database_that_can_not_be_written_is_told_once_and_directly(world, watcher, room, monkeypatch):
    task = await broken(world, monkeypatch)
    assert await later(world, watcher, PATIENCE - SECOND) == []
    assert watcher.troubles() == []
    blind = "I am blind: nothing can be stored: the disk is full"
    assert await later(world, watcher, SECOND) == [blind]
    assert await later(world, watcher, 10 * MINUTE) == [blind]
    assert [one.cause for one in watcher.troubles()] == [DATABASE]
    await mended(world)
    await task
    assert await later(world, watcher, SECOND) == [blind, "I can see again: the database can be written again"]
    assert await later(world, watcher, 10 * MINUTE) == [blind, "I can see again: the database can be written again"]
    assert watcher.troubles() == []
    first, last = watcher._outgoing.told.sent
    assert (first.notice.status, last.notice.status) == ("firing", "resolved")
    assert (last.thread, first.notice.starts_at) == ({"ts": "1"}, last.notice.starts_at)
    assert await world.outbox() == []


async def test_what_is_over_soon_is_not_told(world, watcher, room, monkeypatch):
    task = await broken(world, monkeypatch)
    await later(world, watcher, PATIENCE - SECOND)
    await mended(world)
    await task
    assert await later(world, watcher, 10 * MINUTE) == []


async def test_a_receiver_that_fails_is_tried_again(world, watcher, room, monkeypatch):
    task = await broken(world, monkeypatch)
    watcher._outgoing.told.fails = True
    assert await later(world, watcher, PATIENCE) == []
    watcher._outgoing.told.fails = False
    assert await later(world, watcher, 5 * SECOND) == []
    assert len(await later(world, watcher, 25 * SECOND)) == 1
    await mended(world)
    await task


async def test_who_was_not_told_that_it_began_does_not_hear_that_it_is_over(world, watcher, room, monkeypatch):
    task = await broken(world, monkeypatch)
    watcher._outgoing.told.fails = True
    await later(world, watcher, PATIENCE)
    await mended(world)
    await task
    watcher._outgoing.told.fails = False
    assert await later(world, watcher, MINUTE) == []


async def test_a_disk_that_is_nearly_full(world, watcher, room):
    room(LITTLE - 1)
    for _ in range(3):
        await later(world, watcher, MINUTE)
        await watcher._noting
    room(LITTLE + 1)
    await later(world, watcher, MINUTE)
    assert [one.cause for one in watcher.troubles()] == [DISK]  # it has to be more than a little
    room(ENOUGH)
    for _ in range(3):
        await later(world, watcher, MINUTE)
        await watcher._noting
    assert [orjson.loads(one.payload)["headline"] for one in await world.outbox()] == [
        "I am blind: the database's disk is nearly full: 99 MB are free",
        "I can see again: there is room on the disk again",
    ]
    assert watcher._outgoing.told.sent == []  # the outbox can be used


async def test_a_disk_that_nobody_can_look_at(world, watcher, monkeypatch):
    def refuse(_: Any) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(shutil, "disk_usage", refuse)
    assert await later(world, watcher, MINUTE) == []


async def test_troubles_are_kept_by_cause(world, watcher, room):
    await note(world, DISK, "83 MB are free")
    path = world.url.removeprefix("sqlite:///")
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT cause, since, over, words FROM troubles").fetchall()
    connection.close()
    assert rows == [(DISK, world.clock.time, None, "83 MB are free")]


async def test_damage_is_told_once_however_it_was_found(world, watcher, room):
    assert await later(world, watcher, 0) == []
    world.store._database.damage = "setpoint.db is damaged; restore a backup"
    expected = ["I am blind: setpoint.db is damaged; restore a backup"]
    assert await later(world, watcher, SECOND) == expected
    assert await later(world, watcher, 5 * PATIENCE) == expected
    assert [one.words for one in watcher.troubles()] == ["setpoint.db is damaged; restore a backup"]


async def test_how_much_room_is_left_is_said_as_it_is_now_also_while_nothing_is_stored(
    world, watcher, room, monkeypatch
):
    room(12_000_000)
    await later(world, watcher, SECOND)
    await watcher._noting
    task = await broken(world, monkeypatch)
    room(0)
    await later(world, watcher, SECOND)
    assert [one.words for one in watcher.troubles()] == ["the database's disk is nearly full: 0 MB are free"]
    await mended(world)
    await task
