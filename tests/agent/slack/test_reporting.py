"""Reports for who asks in Slack, of a real reporter on a real store."""

from __future__ import annotations

import asyncio
import base64

import pytest

from agent.demo.slack_parts import Failure
from agent.reports.rendering import Rendering
from rules.model import MINUTE
from tests.agent.reports.kit import MONDAY, World
from tests.agent.slack.test_commands import BOB, ask

PDF = '{weekly: {cron: "0 9 * * mon", to: [growth], format: pdf}}'


PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


async def png(_notice, _span):
    return PIXEL


@pytest.fixture
async def world(tmp_path, daemon, door):
    made = await World(tmp_path, MONDAY + MINUTE).start()
    made.reporter.rendering = Rendering(png, made.reporter.rendering._papers)
    await made.read(kitchen=25, dau=1_200)
    daemon.config, daemon.clock.time, daemon.reporter = made.config, made.clock.time, made.reporter
    yield made
    await made.stop()


async def until(slack, found):
    await asyncio.wait_for(slack.until(lambda: bool(found())), 10)


async def test_the_reports_are_listed(door, world):
    text = await ask(door, "report", BOB)
    assert "weekly · Weekly · next " in text
    assert "to growth, boss: `/setpoint report weekly`" in text


async def test_the_words_at_once_and_the_charts_as_a_direct_message(door, world):
    text = await ask(door, "report weekly", BOB)
    assert "🔴 Room (kitchen)" in text
    assert "What changed:" in text
    assert "The charts come as a direct message." in text
    await until(door, lambda: "image" in str([one.blocks for one in door.messages]))
    (message,) = door.messages
    assert message.channel == "D0BOB0001"
    assert len([block for block in message.blocks if block["type"] == "image"]) == 2
    assert await world.deliveries() == []


async def test_for_all_where_the_app_is_not_says_what_to_do(door, world):
    door.failures["files.completeUploadExternal"] = Failure(error="not_in_channel")
    await door.command("public report weekly", BOB)
    await until(door, lambda: "/invite" in str([one.text for one in door.ephemerals]))
    assert "`/setpoint report weekly`" in door.ephemerals[-1].text


async def test_for_all_it_comes_into_the_channel(door, world):
    said = await door.command("report weekly public")
    assert said["response_type"] == "in_channel"
    assert "direct message" not in said["text"]
    await until(door, lambda: len(door.messages) == 2)
    assert {one.channel for one in door.messages} == {"C0DEMO0001"}
    assert len(door.messages[1].files) == 2


@pytest.mark.parametrize("text", ["report weekly", "report weekly public"])
async def test_a_pdf_comes_as_one(door, world, daemon, text):
    await world.reload(PDF)
    await door.command(text)
    await until(door, lambda: [one for one in door.messages if one.files])
    (name,) = next(one.files for one in door.messages if one.files)
    assert door.files[name].content.startswith(b"%PDF")


async def test_a_near_name_will_do_and_is_said(door, world):
    assert "There is no report 'weakly'; this is weekly." in await ask(door, "report weakly")
    assert "There is no report 'zebra'. `/setpoint report` lists" in await ask(door, "report zebra")


async def test_what_could_not_be_sent_is_said(door, world):
    door.failures["chat.postMessage"] = Failure(error="missing_scope")
    await ask(door, "report weekly")
    await until(door, lambda: "could not be sent" in str(door.ephemerals))


async def test_without_reports(door, daemon, world):
    await world.reload("{}")
    assert await ask(door, "report") == "There are no reports."
