"""Reports by the real daemon: to a real mail server and a server that speaks Slack's API, once for each time."""

from __future__ import annotations

import asyncio
import email
import email.policy
import io
import json
from collections.abc import AsyncIterator
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP
from pypdf import PdfReader

from agent.demo.slack import TOKEN, SlackServer
from tests.acceptance.configs import house
from tests.acceptance.daemon import Daemon
from tests.acceptance.servers import Api, Receiver
from tests.acceptance.waiting import Happenings, passed

WEEK = 7 * 86_400_000_000


class Post:
    """A mail server's handler."""

    def __init__(self, happenings: Happenings) -> None:
        self.happenings = happenings
        self.mails: list[EmailMessage] = []
        self.port = 0

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))  # type: ignore[arg-type]
        self.happenings.tell()
        return "250 OK"


@pytest.fixture
async def post(happenings: Happenings) -> AsyncIterator[Post]:
    handler = Post(happenings)
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(handler, hostname="mail.test"), "127.0.0.1", 0)
    handler.port = server.sockets[0].getsockname()[1]
    yield handler
    server.close()


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer() as server:
        yield server


def configure(daemon: Daemon, api: Api, sink: Receiver, post: Post, slack: SlackServer, form: str) -> None:
    config = house(api, sink)
    config["receivers"]["growth"] = [
        {"type": "slack", "channel": "#growth"},
        {"type": "email", "to": ["boss@example.com"], "from": "setpoint@example.com"},
    ]
    config["reports"] = {"weekly": {"cron": "0 9 * * mon", "to": ["growth"], "format": form}}
    daemon.configure(config)
    daemon.environ |= {
        "SETPOINT_SLACK_BOT_TOKEN": TOKEN,
        "SETPOINT_SLACK_API_URL": slack.api_url,
        "SETPOINT_SMTP_URL": f"smtp://127.0.0.1:{post.port}",
    }


def set_back(daemon: Daemon, weeks: int) -> None:
    """What is noted of reports lies as many weeks farther back, as after so long a pause."""
    daemon.change("UPDATE deliveries SET key = key || ' before'")  # they were of another Monday
    for name, scheduled, record in daemon.rows("SELECT name, scheduled, record FROM reports"):
        known = json.loads(record)
        moved = scheduled - weeks * WEEK
        text = json.dumps({**known, "scheduled": moved, **({"made": moved} if known.get("made") else {})})
        where = "WHERE name = ? AND scheduled = ?"
        daemon.change(f"UPDATE reports SET scheduled = ?, record = ? {where}", moved, text, name, scheduled)


async def noted(daemon: Daemon) -> None:
    await daemon.happenings.until(lambda: daemon.said("setpoint.started"), "started")
    for _ in range(100):
        if daemon.rows("SELECT * FROM reports"):
            return
        await passed(0.1)
    raise AssertionError("no report was noted")


@pytest.mark.timeout(120)
async def test_a_missed_report_comes_once_over_kills_with_charts_and_pdf(
    daemon: Daemon, api: Api, sink: Receiver, post: Post, slack: SlackServer
) -> None:
    api.values["house"] = {"kitchen": 30.0, "hall": 21.0}
    configure(daemon, api, sink, post, slack, "pdf")
    await daemon.start()
    await noted(daemon)
    await api.asked_again("house")
    await daemon.stop()

    set_back(daemon, 3)
    await daemon.start()
    await daemon.happenings.until(lambda: daemon.said("report.made"), "made up for what was missed", 30)
    await daemon.kill()
    await daemon.start()
    await daemon.happenings.until(lambda: post.mails, "mailed", 40)
    async with asyncio.timeout(40):
        await slack.until(lambda: len(slack.messages) >= 2)
    await daemon.kill()
    await daemon.start()
    await passed(7)  # longer than a start waits before it makes up for what was missed

    assert len(daemon.said("report.made")) == 1
    assert len(daemon.rows("SELECT * FROM deliveries WHERE kind = 'report'")) == 2
    assert len({mail["Message-ID"] for mail in post.mails}) == 1
    mail = post.mails[0]
    assert "needs attention" in mail["Subject"]
    (attached,) = mail.iter_attachments()
    pdf = PdfReader(io.BytesIO(attached.get_content()))
    assert "out of band" in pdf.pages[0].extract_text()
    assert sum(len(page.images) for page in pdf.pages) == 2
    assert len([part for part in mail.walk() if part.get_content_type() == "image/png"]) == 2
    words, answer = slack.messages[:2]
    assert "room (kitchen)" in words.text
    assert [slack.files[one].content[:5] for one in answer.files] == [b"%PDF-"]


@pytest.mark.timeout(120)
async def test_what_changed_since_the_last_and_charts_in_the_message(
    daemon: Daemon, api: Api, sink: Receiver, post: Post, slack: SlackServer
) -> None:
    api.values["house"] = {"kitchen": 21.0}
    configure(daemon, api, sink, post, slack, "chart")
    await daemon.start()
    await noted(daemon)
    await daemon.stop()
    for value in (21.0, 30.0):
        api.values["house"] = {"kitchen": value}
        set_back(daemon, 2)
        made = len(daemon.said("report.made"))
        await daemon.start()
        await daemon.happenings.until(lambda made=made: len(daemon.said("report.made")) > made, "made", 30)
        sent = 2 * (made + 1)
        await daemon.happenings.until(
            lambda sent=sent: len(daemon.said("delivery.sent", kind="report")) >= sent, "sent", 40
        )
        await daemon.stop()

    first, second = (mail.get_body(("plain",)).get_content() for mail in post.mails)
    assert "There was no report before this one" in first
    assert "room (kitchen): in band → out of band" in second
    assert "out-of-band (critical) fired once" in second
    assert all(mail.get_content_type() == "multipart/alternative" for mail in post.mails)
    message = slack.messages[-1]
    (image,) = (block for block in message.blocks if block["type"] == "image")
    assert slack.files[image["slack_file"]["id"]].content.startswith(b"\x89PNG")
    said = await _asked(daemon)
    assert said["changes"] == []


async def _asked(daemon: Daemon) -> Any:
    await daemon.start()
    return await daemon.get("reports/weekly")
