"""How each notifier says a report, against real servers on this machine."""

from __future__ import annotations

import asyncio
import dataclasses
import email
import email.policy
import json
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP
from standardwebhooks import Webhook
from structlog.testing import capture_logs

from agent.demo.slack import TOKEN, SlackServer
from agent.demo.slack_blocks import total_text
from agent.demo.slack_parts import Failure
from connectors.base import ConnectorError, Refused, Sending
from connectors.notifiers.apprise import body_of, kind_of
from connectors.notifiers.console import ConsoleNotifier
from connectors.notifiers.email import EmailNotifier
from connectors.notifiers.slack import SlackNotifier
from connectors.notifiers.webhook import WebhookNotifier
from connectors.report_message import as_notice
from connectors.report_payload import report_payload
from connectors.slack_report import report_message
from connectors.teams_card import message
from rules.model import ReportFormat
from tests.connectors.notifiers import kit
from tests.connectors.notifiers.reports import PDF, ROWS, hostile, large, report, sending

AS_PDF = sending(report(format=ReportFormat.PDF))


# Slack


@pytest.fixture
async def slack():
    async with SlackServer(channels=["growth"], now=lambda: kit.NOW) as server:
        yield server


@pytest.fixture
def notifier(slack, services):
    config = SlackNotifier.Config.model_validate({"type": "slack", "channel": "#growth"})
    return SlackNotifier(config, dataclasses.replace(services, slack_bot_token=TOKEN, slack_api_url=slack.api_url))


def images(message) -> list[str]:
    return [block["slack_file"]["id"] for block in message.blocks if block["type"] == "image"]


async def test_slack_shows_the_charts_in_the_message(slack, notifier):
    await notifier.report(sending())
    (message,) = slack.messages
    assert message.text.startswith("📊 Weekly numbers: 1 of 3 is on target.")
    assert [slack.files[one].name for one in images(message)] == ["chart-1.png", "chart-2.png"]
    assert all(file.content == kit.PNG and file.complete for file in slack.files.values())
    words = json.dumps(message.blocks, ensure_ascii=False)
    for said in ("Orders (north): behind → missed", "🟠 Unique visitors behind", "taken by Ann", "and 12 more of room"):
        assert said in words


async def test_slack_takes_the_charts_into_the_thread_while_it_can_not_show_them(slack, notifier):
    slack.files_ready = False
    await notifier.report(sending())
    message, answer = slack.messages
    assert images(message) == []
    assert answer.thread_ts == message.ts
    assert [slack.files[one].name for one in answer.files] == ["chart-1.png", "chart-2.png"]


async def test_slack_has_the_pdf_in_the_thread(slack, notifier):
    await notifier.report(AS_PDF)
    message, answer = slack.messages
    assert answer.thread_ts == message.ts
    (file,) = (slack.files[one] for one in answer.files)
    assert (file.name, file.title, file.content) == ("weekly-2026-05-05.pdf", "Weekly numbers", PDF)
    assert images(message) == []


@pytest.mark.parametrize("failing", ["files.getUploadURLExternal", "upload"])
async def test_a_pdf_that_can_not_be_uploaded_is_tried_again_without_a_second_message(slack, notifier, failing):
    slack.failures[failing] = Failure(status=503)
    with pytest.raises(ConnectorError) as caught:
        await notifier.report(AS_PDF)
    assert not caught.value.permanent
    assert slack.messages == []
    slack.failures.clear()
    await notifier.report(AS_PDF)
    assert len(slack.messages) == 2


@pytest.mark.parametrize("of", [sending(), AS_PDF], ids=["charts", "pdf"])
async def test_what_fails_after_the_words_arrived_is_logged(slack, notifier, of):
    slack.failures["files.completeUploadExternal"] = Failure(error="internal_error")
    with capture_logs() as logs:
        await notifier.report(of)
    assert len(slack.messages) == 1
    assert [line["event"] for line in logs] == ["report not attached"]


class Once(dict[str, Failure]):
    """Failures of one call each."""

    def get(self, method: str, _: object = None) -> Failure | None:
        return self.pop(method, None)


@pytest.mark.parametrize("failure", [Failure(status=429, retry_after=1), Failure(status=500)], ids=["429", "500"])
@pytest.mark.parametrize(
    ("of", "failing"),
    [
        (sending(), "files.getUploadURLExternal"),
        (sending(), "files.completeUploadExternal"),
        (sending(), "chat.update"),
        (AS_PDF, "files.completeUploadExternal"),
    ],
    ids=["address", "complete", "update", "pdf"],
)
async def test_one_failure_does_not_cost_what_belongs_to_it(slack, notifier, of, failing, failure):
    slack.failures = Once({failing: failure})
    await notifier.report(of)
    assert slack.failures == {}
    message, *answers = slack.messages
    assert [len(images(message)), len(answers)] == ([0, 1] if of is AS_PDF else [2, 0])


@pytest.mark.parametrize("of", [sending(), AS_PDF], ids=["charts", "pdf"])
async def test_what_is_late_after_the_words_arrived_does_not_send_them_again(slack, notifier, of, monkeypatch):
    monkeypatch.setattr("connectors.notifiers.slack._FILES_BY", 0.0)
    with capture_logs() as logs:
        await notifier.report(of)
    assert len(slack.messages) == 1
    assert [(line["event"], line["error"]) for line in logs] == [("report not attached", "not there in time")]


async def test_slack_refuses_for_good(slack, notifier):
    slack.channels["growth"].archived = True
    with pytest.raises(Refused, match="the channel is archived") as caught:
        await notifier.report(sending())
    assert caught.value.permanent


async def test_an_incoming_webhook_takes_the_words(slack, services):
    config = SlackNotifier.Config.model_validate({"type": "slack", "url": slack.webhook_url})
    await SlackNotifier(config, services).report(sending())
    (message,) = slack.messages
    assert message.by_hook
    assert not slack.files
    assert "Weekly numbers" in message.text


@pytest.mark.parametrize("of", [report(), hostile(), large(), report(rows=(), more=())])
async def test_every_report_fits_into_slacks_limits(slack, notifier, of):
    await notifier.report(sending(of, pictures=dict.fromkeys(range(len(of.rows[:12])), kit.PNG)))
    message = slack.messages[0]
    assert len(message.blocks) <= 50
    assert total_text(message.blocks) < 12_000


async def test_a_target_with_many_instances_hides_no_other():
    north, visitors, room = ROWS
    rows = (*(dataclasses.replace(north, title=f"Orders ({n})") for n in range(30)), visitors, room)
    said = str(report_message(report(rows=rows)))
    assert [f"Orders ({n})" in said for n in (0, 17, 18)] == [True, True, False]
    assert visitors.title in said
    assert room.title in said
    assert "and 12 more" in said


async def test_nothing_from_outside_acts_in_slack():
    said = report_message(hostile())
    texts = [said["text"], *_texts(said["blocks"])]
    assert not [text for text in texts if "<!channel>" in text or "<@U" in text or "<https" in text]
    assert all(element.get("verbatim", True) for element in _marked(said["blocks"]))


def _texts(value: Any):
    if isinstance(value, dict) and value.get("type") == "mrkdwn":
        yield value["text"]
    elif isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def _marked(value: Any):
    if isinstance(value, dict) and value.get("type") == "mrkdwn":
        yield value
    elif isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _marked(inner)


# e-mail


class Inbox:
    """A real SMTP server's handler."""

    def __init__(self):
        self.mails = []
        self.port = 0

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return "250 OK"


@pytest.fixture
async def inbox():
    found = Inbox()
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(found, hostname="mail.test"), "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    yield found
    server.close()
    await server.wait_closed()


def mailing(services, inbox) -> EmailNotifier:
    config = {
        "type": "email",
        "to": ["boss@example.com"],
        "from": "s@example.com",
        "smtp_url": f"smtp://127.0.0.1:{inbox.port}",
    }
    return EmailNotifier(EmailNotifier.Config.model_validate(config), services)


async def test_a_mail_has_the_charts_inside_and_the_pdf_beside(services, inbox):
    await mailing(services, inbox).report(AS_PDF)
    (mail,) = inbox.mails
    assert mail["Subject"].startswith("Weekly numbers: 1 of 3 is on target.")
    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/mixed", "multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png",
        "image/png", "application/pdf",
    ]  # fmt: skip
    html, text = mail.get_body(("html",)).get_content(), mail.get_body(("plain",)).get_content()
    assert "MISSED       Orders (north)" in text
    pictures = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    for picture in pictures:
        assert f'src="cid:{picture["Content-ID"][1:-1]}"' in html
        assert picture.get_content() == kit.PNG
        assert picture.get_content_disposition() == "inline"
    (attached,) = mail.iter_attachments()
    assert (attached.get_filename(), attached.get_content()) == ("weekly-2026-05-05.pdf", PDF)


async def test_a_mail_of_charts_has_nothing_beside(services, inbox):
    await mailing(services, inbox).report(sending())
    (mail,) = inbox.mails
    assert mail.get_content_type() == "multipart/alternative"


async def test_a_repetition_can_be_told_and_no_header_can_be_forged(services, inbox):
    for of in (sending(hostile()), sending(hostile(), attempt=2), sending(key="another")):
        await mailing(services, inbox).report(of)
    first, again, other = inbox.mails
    assert first["Message-ID"] == again["Message-ID"] != other["Message-ID"]
    assert first["Bcc"] is None
    assert first["Auto-Submitted"] == "auto-generated"


# webhook and console


async def test_the_webhook_posts_signed_json(services):
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    async with kit.sink() as server:
        config = WebhookNotifier.Config.model_validate({"type": "webhook", "url": server.url, "secret": secret})
        await WebhookNotifier(config, services).report(AS_PDF)
        ((request, body),) = server.requests
    assert json.loads(body) == {"receiver": "growth", **report_payload(AS_PDF.report)}
    assert request.headers["Idempotency-Key"] == request.headers["webhook-id"] == AS_PDF.key
    headers = {name.lower(): value for name, value in request.headers.items()}
    signed = Webhook(secret)
    assert signed.sign(AS_PDF.key, _time(headers), body.decode()) == headers["webhook-signature"]


def _time(headers):
    from datetime import UTC, datetime

    return datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)


async def test_a_webhook_with_a_body_of_its_own_fills_it_as_for_a_notice(services):
    async with kit.sink() as server:
        keys = {"type": "webhook", "url": server.url, "json": {"text": "{{ headline }}"}}
        await WebhookNotifier(WebhookNotifier.Config.model_validate(keys), services).report(sending())
        ((request, body),) = server.requests
    assert json.loads(body) == {"text": f"Weekly numbers: {report().summary}"}
    assert request.headers["Idempotency-Key"] == sending().key


@pytest.mark.parametrize("of", [report(), hostile(), large()])
async def test_those_who_know_notices_only_say_it_as_one(of):
    told = Sending(as_notice(of, "growth"), "key")
    card = message(told)
    assert len(json.dumps(card)) < 28_000  # of Teams
    assert '"style": "emphasis"' in json.dumps(card)
    assert "Acknowledge" not in json.dumps(card)
    assert kind_of(told.notice) == "info"
    assert body_of(told.notice)


async def test_the_console_writes_the_text(services, capsys):
    await ConsoleNotifier(None, services).report(sending(hostile()))
    await ConsoleNotifier(None, services).report(sending())
    out = capsys.readouterr().out
    assert "BEHIND       Unique visitors behind: 6,214 of 10,000" in out
    assert "\x1b" not in out
