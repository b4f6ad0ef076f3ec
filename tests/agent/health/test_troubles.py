"""Many sources fail at once: one notice, no others, once; what remains is told by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from agent.config.configuration import SourceEntry
from rules.blindness import SETTLES
from rules.model import DISK, MINUTE, SECOND, SOURCES, Polled, SourceRule
from rules.routing import Route
from tests.agent.test_pipeline import World


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three are many in these small worlds."""
    monkeypatch.setattr("rules.blindness.LEAST", 3)


NAMES = "abcd"


class Sources(World):
    """A world with four polled sources, whose alerts go to the team each by itself."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        rules = [SourceRule(name, (), MINUTE) for name in NAMES]
        entries = {rule.name: SourceEntry(rule.name, "http", None, MINUTE, None, "UTC", SECOND, rule) for rule in rules}
        self.config = replace(self.config, sources=entries, targets={}, actions={})

    async def poll(self, failing: str, after: int = MINUTE, only: str = NAMES) -> None:
        self.clock.time += after
        for name in only:
            error = "no route to host" if name in failing else None
            await self.pipeline.handle([], Polled(name, self.clock.time, error))

    async def said(self) -> list[str]:
        found = [orjson.loads(one.payload) for one in await self.outbox()]
        return [f"{one['receiver']} {one['status']} {one['headline']}" for one in found]


async def note(world: World, cause: str, words: str | None) -> None:
    await world.pipeline.act(lambda decision: world.pipeline.decider.watching.note(decision, cause, words))


BLIND = "console firing I am blind: 4 of 4 sources can't be read: a, b, c, d"
SEES = "console resolved I can see again: 2 of 4 sources can be read; of the others each is told if it stays so"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Sources]:
    one = Sources(tmp_path)
    await one.start()
    yield one
    await one.stop()


async def test_one_notice_when_it_begins_and_one_when_it_is_over(world):
    await world.poll("")
    await world.poll(NAMES)
    assert await world.said() == []  # it may be a blip
    await world.poll(NAMES)
    assert await world.said() == [BLIND]
    await world.poll(NAMES)
    await world.wait(10 * MINUTE)
    assert await world.said() == [BLIND]
    await world.poll("")
    await world.wait(SETTLES)
    assert await world.said() == [BLIND, SEES]


async def test_what_remains_is_told_by_itself_when_it_had_time(world):
    await world.poll(NAMES)
    await world.poll(NAMES)
    await world.poll("ab")
    assert await world.said() == [BLIND, SEES]
    await world.poll("a", SETTLES // 2)
    assert await world.said() == [BLIND, SEES]
    await world.wait(SETTLES // 2)
    assert await world.said() == [BLIND, SEES, "console firing Source a can't be read: no route to host"]
    await world.poll("")
    assert (await world.said())[3:] == ["console resolved Source a can be read again"]


async def test_a_source_that_was_told_before_is_told_to_be_back(world):
    await world.poll("a")
    await world.poll("a")
    await world.poll(NAMES)
    await world.poll(NAMES)
    await world.poll("")
    assert await world.said() == [
        "console firing Source a can't be read: no route to host",
        BLIND,
        "console resolved Source a can be read again",
        SEES,
    ]


async def test_a_blip_of_the_others_is_not_said(world):
    await world.poll("a")
    await world.poll("a")
    await world.poll(NAMES)
    await world.poll("a")
    await world.poll("ab")
    await world.poll("ab")
    assert await world.said() == [
        "console firing Source a can't be read: no route to host",
        "console firing Source b can't be read: no route to host",
    ]


async def test_what_goes_down_while_others_fail_once_waits_only_a_while(world):
    await world.poll("abcd")
    await world.poll("ab", only="ab")
    await world.wait(SETTLES - 2 * MINUTE)
    assert await world.said() == []
    await world.wait(MINUTE)
    assert len(await world.said()) == 2


async def test_a_restart_says_nothing_again(world):
    await world.poll(NAMES)
    await world.poll(NAMES)
    await world.restart(MINUTE)
    await world.poll(NAMES)
    assert await world.said() == [BLIND]
    assert [one.words for one in world.pipeline.memory.troubles.values() if one.over is None]
    await world.restart(MINUTE)
    await world.poll("")
    assert await world.said() == [BLIND, SEES]
    await world.restart(MINUTE)
    await world.poll("")
    assert await world.said() == [BLIND, SEES]


async def test_a_restart_within_the_time_to_settle_holds_what_remains(world):
    await world.poll(NAMES)
    await world.poll(NAMES)
    await world.poll("ab")
    await world.restart(MINUTE)
    await world.poll("ab")
    assert len(await world.said()) == 2
    await world.wait(SETTLES)
    assert len(await world.said()) == 4


async def test_it_goes_to_whom_the_route_names(world):
    route = Route("team", "{}")
    world.config = replace(world.config, route=route)
    await world.pipeline.use(*world.compiled())
    await world.poll(NAMES)
    await world.poll(NAMES)
    assert (await world.said())[0].startswith("team firing I am blind")
    await world.wait(10 * MINUTE)
    assert len(await world.said()) == 1


async def test_the_share_is_set_and_fewer_are_told_one_by_one(world):
    world.config = replace(world.config, blind=1.0)
    await world.pipeline.use(*world.compiled())
    await world.poll("abc")
    await world.poll("abc")
    assert [line.partition(":")[0] for line in await world.said()] == [
        f"console firing Source {name} can't be read" for name in "abc"
    ]


async def test_its_notices_have_no_buttons_and_one_fingerprint(world):
    await world.poll(NAMES)
    await world.poll(NAMES)
    await world.poll("")
    first, last = (orjson.loads(one.payload) for one in await world.outbox())
    assert first["fingerprint"] == last["fingerprint"]
    assert first["starts_at"] == last["starts_at"]
    assert first["labels"] == {"alertname": "blind", "cause": SOURCES, "severity": "critical"}


async def test_a_full_disk_is_said_once(world):
    await note(world, DISK, "83 MB are free")
    await note(world, DISK, "82 MB are free")
    await world.restart()
    await note(world, DISK, "81 MB are free")
    await note(world, DISK, None)
    await note(world, DISK, None)
    assert await world.said() == [
        "console firing I am blind: 83 MB are free",
        "console resolved I can see again: there is room on the disk again",
    ]
