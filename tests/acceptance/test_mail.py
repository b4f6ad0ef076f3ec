"""A mail with a link that acknowledges, through a real mail server and the real daemon."""

from __future__ import annotations

import asyncio
import email
import email.policy
import re
from collections.abc import AsyncIterator
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP

from tests.acceptance.configs import house
from tests.acceptance.daemon import Daemon
from tests.acceptance.servers import Api, Receiver
from tests.acceptance.waiting import Happenings


class Inbox:
    """A mail server; `mails` are what it took."""

    def __init__(self, happenings: Happenings) -> None:
        self.mails: list[EmailMessage] = []
        self.port = 0
        self._happenings = happenings

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        self._happenings.tell()
        return "250 OK"

    def link(self, number: int) -> str:
        """The path of the link in one mail."""
        text = self.mails[number].get_body(("plain",)).get_content()
        return re.search(r"^Acknowledge: http://[^/]+(\S+)\s*$", text, re.MULTILINE)[1]


@pytest.fixture
async def inbox(happenings: Happenings) -> AsyncIterator[Inbox]:
    found = Inbox(happenings)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(found, hostname="mail.test"), "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    yield found
    server.close()
    await server.wait_closed()


async def test_one_click_in_a_mail_acknowledges_that_firing_and_no_other(
    daemon: Daemon, api: Api, sink: Receiver, inbox: Inbox
):
    api.values["house"] = {"kitchen": 30.0}
    alert = {"name": "out-of-band", "when": "out_of_band", "notify": ["mail"]}
    config = house(api, sink, alerts=[alert])
    config["receivers"]["mail"] = [{"type": "email", "to": ["ops@example.com"], "from": "setpoint@example.com"}]
    daemon.configure(config)
    daemon.environ |= {"SETPOINT_SMTP_URL": f"smtp://127.0.0.1:{inbox.port}", "SETPOINT_EXTERNAL_URL": daemon.url}
    await daemon.start()
    await daemon.happenings.until(lambda: inbox.mails, "the mail has come")
    first = inbox.link(0)

    assert await daemon.status(first) == 200  # a scanner looks at it
    (alert,) = (await daemon.get("alerts"))["alerts"]
    assert alert["acknowledged_by"] is None
    status, page, headers = await daemon.request("POST", first, headers={"Origin": "null"})
    assert (status, headers["Cache-Control"]) == (200, "no-store")
    assert "Acknowledged" in page
    (alert,) = (await daemon.get("alerts"))["alerts"]
    assert alert["acknowledged_by"] == "ops@example.com"
    (act,) = daemon.rows("SELECT name, via, person, act FROM acts")
    assert tuple(act) == ("ops@example.com", "email", "mail", "acknowledge")

    await daemon.stop()
    await daemon.start()  # its key is remembered
    assert "Already acknowledged" in (await daemon.request("GET", first))[1]

    api.values["house"]["kitchen"] = 21.0
    await daemon.happenings.until(lambda: len(inbox.mails) == 2, "it has ended")
    assert "This is over" in (await daemon.request("POST", first))[1]
    api.values["house"]["kitchen"] = 31.0
    await daemon.happenings.until(lambda: len(inbox.mails) == 3, "it fires again")
    status, page, _ = await daemon.request("POST", first)
    assert (status, "fired again" in page) == (200, True)
    (alert,) = (await daemon.get("alerts"))["alerts"]
    assert alert["acknowledged_by"] is None
    assert inbox.link(2) != first
    assert await daemon.status(first[:-2]) == 404

    firing, over, again = inbox.mails
    assert (over["References"], over["Subject"]) == (firing["Message-ID"], f"Re: {firing['Subject']}")
    assert again["References"] is None
    secret = daemon.rows("SELECT secret FROM keys")[0]["secret"]
    assert len(secret) == 32
    assert secret.hex() not in daemon.tail(10_000)
    assert first.rpartition("/")[2] not in daemon.tail(10_000)
