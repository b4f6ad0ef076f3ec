from __future__ import annotations

import asyncio
import dataclasses
import email
import email.policy
import socket
from email.header import decode_header, make_header
from email.utils import getaddresses
from html.parser import HTMLParser

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from pydantic import ValidationError

from connectors.base import Misconfigured, Refused, TimedOut, Unreachable
from connectors.facts import facts
from connectors.mail import parse_smtp_url
from connectors.notifiers.email import EmailNotifier
from rules.model import Reason
from tests.connectors.notifiers import kit

USER, PASSWORD = "setpoint", "p%ss/Word secret"
QUOTED = "p%25ss%2FWord%20secret"
SECRETS = (PASSWORD, QUOTED)


class Inbox:
    """A real SMTP server's handler; `replies` are what it answers instead, by command."""

    def __init__(self):
        self.mails = []
        self.replies = {}
        self.port = 0

    async def handle_MAIL(self, server, session, envelope, address, options):  # noqa: N802
        envelope.mail_from = address
        return self.replies.get("MAIL", "250 OK")

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        reply = self.replies.get(address) or self.replies.get("RCPT", "250 OK")
        if reply.startswith("250"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        reply = self.replies.get("DATA", "250 OK")
        if reply.startswith("250"):
            self.mails.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return reply

    def parsed(self, number=-1):
        return email.message_from_bytes(self.mails[number][2], policy=email.policy.default)


@pytest.fixture
async def inbox():
    found = Inbox()

    def check(server, session, envelope, mechanism, data):
        good = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=good, handled=False)

    sessions = []

    def connection():
        sessions.append(SMTP(found, authenticator=check, auth_require_tls=False, hostname="mail.test"))
        return sessions[-1]

    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    yield found
    server.close()
    await server.wait_closed()


def notifier(services, port, *, to=("ops@example.com",), smtp=None, **keys):
    config = {
        "type": "email",
        "to": list(to),
        "from": "Setpoint <setpoint@example.com>",
        "smtp_url": smtp or f"smtp://127.0.0.1:{port}",
        **keys,
    }
    config = {name: value for name, value in config.items() if value is not None}
    return EmailNotifier(EmailNotifier.Config.model_validate(config), services)


class Page(HTMLParser):
    """The texts, links and pictures of a page."""

    def __init__(self, html):
        super().__init__()
        self.words, self.links, self.pictures, self.tags = [], [], [], set()
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        found = dict(attrs)
        if tag == "a":
            self.links.append(found["href"])
        if tag == "img":
            self.pictures.append(found["src"])

    def handle_data(self, data):
        self.words.append(data.strip())


async def test_text_and_html_say_the_same_and_the_numbers_are_there(services, inbox):
    await notifier(services, inbox.port, to=["ops@example.com", "Jörg Müller <joerg@example.com>"]).send(kit.sending())
    sender, recipients, _ = inbox.mails[0]
    mail = inbox.parsed()
    assert sender == "setpoint@example.com"
    assert recipients == ["ops@example.com", "joerg@example.com"]
    assert mail["Subject"] == "Unique visitors behind: 6,214 of 10,000, needs 412 a day, projected 8,950"
    assert getaddresses([mail["To"]])[1] == ("Jörg Müller", "joerg@example.com")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert (mail["X-Auto-Response-Suppress"], mail["Precedence"]) == ("All", "bulk")
    assert mail["Date"].datetime.isoformat() == "2026-05-05T16:53:20+00:00"
    assert mail.get_content_type() == "multipart/alternative"
    text = mail.get_body(("plain",)).get_content()
    page = Page(mail.get_body(("html",)).get_content())
    for label, fact in facts(kit.notice()):
        assert f"{label}:" in text
        assert fact in text
        assert label in page.words
        assert fact in page.words
    assert "Ask growth" in text
    assert "Ask growth" in page.words
    assert "https://wiki.example.com/behind?a=1&b=2" in text
    assert page.links == ["https://wiki.example.com/behind?a=1&b=2"]
    assert page.pictures == []


async def test_the_chart_is_inside(services, inbox):
    await notifier(services, inbox.port).send(kit.sending(chart=kit.PNG))
    mail = inbox.parsed()
    (source,) = Page(mail.get_body(("html",)).get_content()).pictures
    (picture,) = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert source == "cid:" + picture["Content-ID"].strip("<>")
    assert picture.get_content() == kit.PNG
    assert picture.get_content_disposition() == "inline"


async def test_mails_of_one_alert_thread_and_those_of_the_next_do_not(services, inbox):
    mailer = notifier(services, inbox.port)
    thread = await mailer.send(kit.sending(key="one"))
    thread = await mailer.send(kit.sending(kit.notice(reason=Reason.ESCALATED), key="two", thread=thread))
    await mailer.send(kit.sending(kit.resolved(), key="three", thread=thread))
    await mailer.send(kit.sending(kit.notice(starts_at=kit.NOW + 1), key="four", thread=thread))
    first, second, third, fourth = (inbox.parsed(n) for n in range(4))
    assert first["In-Reply-To"] is None
    for later in (second, third):
        assert later["In-Reply-To"] == later["References"] == first["Message-ID"]
        assert later["Subject"] == f"Re: {first['Subject']}"  # what Gmail and Outlook go by beside it
    assert "Resolved: Unique visitors back" in third.get_body(("plain",)).get_content()
    assert (fourth["References"], fourth["Subject"]) == (None, kit.notice().headline)
    assert len({mail["Message-ID"] for mail in (first, second, third, fourth)}) == 4


async def test_a_thread_of_a_version_that_kept_no_subject_goes_on(services, inbox):
    thread = {"message_id": "<first@example.com>", "starts_at": kit.NOW}
    await notifier(services, inbox.port).send(kit.sending(kit.resolved(), thread=thread))
    assert inbox.parsed()["References"] == "<first@example.com>"
    assert inbox.parsed()["Subject"].startswith("Re: Resolved: Unique visitors")


async def test_a_notice_that_was_not_delivered_elsewhere_stands_by_itself(services, inbox):
    mailer = notifier(services, inbox.port)
    thread = await mailer.send(kit.sending(key="one"))
    failed = kit.sending(kit.notice(reason=Reason.UNDELIVERABLE), key="two", thread=thread)
    assert await mailer.send(failed) == thread
    assert inbox.parsed()["References"] is None
    assert inbox.parsed()["Subject"] == f"Not delivered: {kit.notice().headline}"


async def test_the_date_is_that_of_sending(services, inbox):
    late = dataclasses.replace(services, now=lambda: kit.NOW + 86_400_000_000)
    await notifier(late, inbox.port).send(kit.sending())
    assert inbox.parsed()["Date"].datetime.isoformat() == "2026-05-06T16:53:20+00:00"


async def test_the_link_that_acknowledges_is_a_button_and_a_line(services, inbox):
    link = "https://setpoint.example.com/ack/abc_-123"
    await notifier(services, inbox.port).send(kit.sending(ack_url=link))
    mail = inbox.parsed()
    assert f"Acknowledge: {link}" in mail.get_body(("plain",)).get_content().splitlines()
    assert link in Page(mail.get_body(("html",)).get_content()).links
    await notifier(services, inbox.port).send(kit.sending(kit.resolved()))
    assert "Acknowledge" not in inbox.parsed().as_string()


async def test_a_group_is_a_table(services, inbox):
    await notifier(services, inbox.port).send(kit.sending(kit.several(620, 1)))
    words = Page(inbox.parsed().get_body(("html",)).get_content()).words
    assert words.count("firing") == 500
    assert "and 121 more" in words


async def test_a_repetition_has_the_same_message_id(services, inbox):
    await notifier(services, inbox.port).send(kit.sending())
    await notifier(services, inbox.port).send(kit.sending(attempt=2))
    assert inbox.parsed(0)["Message-ID"] == inbox.parsed(1)["Message-ID"]
    assert inbox.parsed(0)["Message-ID"].endswith("@example.com>")


@pytest.mark.parametrize("of", kit.ALL_REASONS, ids=lambda n: n.reason)
async def test_every_reason_is_said(services, inbox, of):
    await notifier(services, inbox.port).send(kit.sending(of))
    assert of.headline in inbox.parsed()["Subject"]
    assert of.reason.upper() in Page(inbox.parsed().get_body(("html",)).get_content()).words


async def test_nothing_from_outside_becomes_a_header_or_markup(services, inbox):
    hostile = kit.notice(
        headline=kit.HOSTILE,
        title=kit.HOSTILE,
        alert=kit.HOSTILE,
        labels={"l": kit.HOSTILE + "</td><script>alert(1)</script>"},
        annotations={"summary": kit.HOSTILE, "runbook_url": 'https://x/"onmouseover="alert(1)'},
        details=(kit.HOSTILE,),
    )
    await notifier(services, inbox.port).send(kit.sending(hostile, key="k\r\nBcc: x@evil.example"))
    _, recipients, _ = inbox.mails[0]
    mail = inbox.parsed()
    assert recipients == ["ops@example.com"]
    assert mail["Bcc"] is None
    assert "Bcc: x@evil.example" in mail["Subject"]
    page = Page(mail.get_body(("html",)).get_content())
    assert page.tags.isdisjoint({"script", "b"})
    assert page.links == ['https://x/"onmouseover="alert(1)']


async def test_long_headlines_are_cut_and_any_script_is_written(services, inbox):
    await notifier(services, inbox.port).send(kit.sending(kit.notice(headline="温度 🌡 " * 200)))
    assert len(inbox.parsed()["Subject"]) <= 200
    assert inbox.parsed()["Subject"].startswith("温度 🌡")


async def test_a_long_subject_has_no_space_before_it_and_lines_stay_short_enough(services, inbox):
    await notifier(services, inbox.port, to=["Ops <ops@bücher.example>"]).send(kit.sending(chart=kit.PNG))
    _, recipients, content = inbox.mails[0]
    assert recipients == ["ops@xn--bcher-kva.example"]
    assert content.startswith(b"Subject: Unique visitors behind")
    assert max(map(len, content.split(b"\r\n"))) <= 998


@pytest.mark.parametrize("short", range(40))
async def test_no_reader_loses_a_space_of_a_subject(services, inbox, short):
    """Wherever its lines end, between words in ASCII and others; read by both of the library's parsers."""
    said = (
        f"{'x' * short} Räume 温度 (r0) out of band: 15 °C, wanted 20 to 23 °C; Räume 温度 (r1) out of band 😀 of all"
    )
    await notifier(services, inbox.port).send(kit.sending(kit.notice(headline=said)))
    assert inbox.parsed()["Subject"] == said.strip()
    older = email.message_from_bytes(inbox.mails[-1][2])["Subject"]
    assert str(make_header(decode_header(older))) == said.strip()
    assert max(map(len, older.splitlines())) <= 76


async def test_every_picture_has_an_id_of_its_own(services, inbox):
    """RFC 2045, 7: programs that show a conversation would else take one mail's picture for another's."""
    for key in ("one", "two", "one"):
        await notifier(services, inbox.port).send(kit.sending(key=key, chart=kit.PNG))
    found = [
        next(part["Content-ID"] for part in inbox.parsed(n).walk() if part.get_content_type() == "image/png")
        for n in range(3)
    ]
    assert len(set(found)) == 2
    assert found[0] == found[2]


async def test_login(services, inbox):
    await notifier(services, inbox.port, smtp=f"smtp://{USER}:{QUOTED}@127.0.0.1:{inbox.port}").send(kit.sending())
    assert len(inbox.mails) == 1


async def test_a_wrong_password_is_permanent_and_said_in_words(services, inbox):
    wrong = notifier(services, inbox.port, smtp=f"smtp://{USER}:Wrong-Passw0rd@127.0.0.1:{inbox.port}")
    error = await kit.refusal(wrong, kit.sending(), ("Wrong-Passw0rd",))
    assert isinstance(error, Refused)
    assert error.permanent
    assert "user and password" in str(error)


REPLIES = [
    # command, reply, permanent
    ("MAIL", "421 closing", False),
    ("MAIL", "451 try later", False),
    ("MAIL", "452 full", False),
    ("MAIL", "530 authenticate first", True),
    ("MAIL", "550 not you", True),
    ("RCPT", "450 busy", False),
    ("RCPT", "451 greylisted", False),
    ("RCPT", "550 no such user", True),
    ("RCPT", "554 no", True),
    ("DATA", "421 closing", False),
    ("DATA", "451 error", False),
    ("DATA", "552 too large", True),
    ("DATA", "554 spam", True),
    ("MAIL", "999 what", False),  # no reply that there is (RFC 5321, 4.2)
]


@pytest.mark.parametrize(("command", "reply", "permanent"), REPLIES)
async def test_reply_says_whether_to_try_again(services, inbox, command, reply, permanent):
    inbox.replies[command] = reply
    signed_in = notifier(services, inbox.port, smtp=f"smtp://{USER}:{QUOTED}@127.0.0.1:{inbox.port}")
    error = await kit.refusal(signed_in, kit.sending(), SECRETS)
    assert isinstance(error, Refused)
    assert error.permanent is permanent
    assert error.status == int(reply[:3])
    assert reply[:3] in str(error)
    assert inbox.mails == []


async def test_one_refused_address_among_others_is_said_and_not_sent_twice(services, inbox):
    inbox.replies["gone@example.com"] = "550 no such user"
    mailer = notifier(services, inbox.port, to=["ops@example.com", "gone@example.com"])
    error = await kit.refusal(mailer, kit.sending())
    assert error.permanent
    assert "gone@example.com" in str(error)
    assert [recipients for _, recipients, _ in inbox.mails] == [["ops@example.com"]]


async def test_who_is_put_off_gets_the_same_mail_later_and_the_others_no_second_one(services, inbox):
    inbox.replies["grey@example.com"] = "451 4.7.1 greylisted"
    mailer = notifier(services, inbox.port, to=["ops@example.com", "grey@example.com"])
    error = await kit.refusal(mailer, kit.sending())
    assert not error.permanent
    assert "but not for grey@example.com: 451" in str(error)
    inbox.replies.clear()
    thread = await mailer.send(dataclasses.replace(kit.sending(), thread=error.thread))
    assert [recipients for _, recipients, _ in inbox.mails] == [["ops@example.com"], ["grey@example.com"]]
    first, later = inbox.parsed(0), inbox.parsed(1)
    assert (later["Message-ID"], later["Subject"]) == (first["Message-ID"], first["Subject"])
    assert later["In-Reply-To"] is None
    assert thread == error.thread
    assert mailer._took == {}


async def test_a_conversation_goes_on_with_those_who_have_it(services, inbox):
    inbox.replies["gone@example.com"] = "550 no such user"
    mailer = notifier(services, inbox.port, to=["ops@example.com", "gone@example.com"])
    error = await kit.refusal(mailer, kit.sending())
    resolved = dataclasses.replace(kit.sending(), key="another", thread=error.thread)
    await kit.refusal(mailer, resolved)
    assert inbox.parsed()["In-Reply-To"] == inbox.parsed(0)["Message-ID"]


async def test_all_refused_for_now_is_transient_if_one_may_come_back(services, inbox):
    inbox.replies |= {"a@example.com": "550 no such user", "b@example.com": "450 busy"}
    error = await kit.refusal(notifier(services, inbox.port, to=["a@example.com", "b@example.com"]), kit.sending())
    assert not error.permanent


async def test_timeout_and_refused_connection_are_transient(services):
    async with kit.silent() as port:
        url = f"smtp://{USER}:{QUOTED}@127.0.0.1:{port}"
        error = await kit.refusal(notifier(services, port, smtp=url, timeout="50ms"), kit.sending(), SECRETS)
    assert isinstance(error, TimedOut)
    assert not error.permanent
    port = kit.closed_port()
    url = f"smtp://{USER}:{QUOTED}@127.0.0.1:{port}"
    error = await kit.refusal(notifier(services, port, smtp=url), kit.sending(), SECRETS)
    assert isinstance(error, Unreachable)
    assert not error.permanent
    assert f"127.0.0.1:{port}" in str(error)


async def test_starttls_that_is_required_is_not_done_without(services, inbox):
    url = f"smtp://{USER}:{QUOTED}@127.0.0.1:{inbox.port}?starttls=required"
    error = await kit.refusal(notifier(services, inbox.port, smtp=url), kit.sending(), SECRETS)
    assert isinstance(error, Misconfigured)
    assert inbox.mails == []


async def test_tls_where_the_server_speaks_none_is_no_success(services, inbox):
    mailer = notifier(services, inbox.port, smtp=f"smtps://127.0.0.1:{inbox.port}", timeout="2s")
    error = await kit.refusal(mailer, kit.sending())
    assert isinstance(error, Unreachable | TimedOut)


async def test_server_and_sender_come_from_the_environment_when_not_given(services, inbox):
    async def sent_from(url, external="https://setpoint.example.com"):
        there = dataclasses.replace(services, smtp_url=url, external_url=external)
        config = EmailNotifier.Config.model_validate({"type": "email", "to": ["ops@example.com"]})
        await EmailNotifier(config, there).send(kit.sending())
        return inbox.mails[-1][0]

    base = f"smtp://127.0.0.1:{inbox.port}"
    assert await sent_from(f"{base}?from=a@example.org") == "a@example.org"
    assert await sent_from(base) == "setpoint@setpoint.example.com"
    assert await sent_from(base, "http://127.0.0.1:8080") == "setpoint@localhost"
    assert (await sent_from(base, "")).startswith("setpoint@")
    assert socket.gethostname() in await sent_from(base, "") or "localhost" in await sent_from(base, "")


async def test_without_a_server_it_says_what_to_set(services):
    config = EmailNotifier.Config.model_validate({"type": "email", "to": ["ops@example.com"]})
    error = await kit.refusal(EmailNotifier(config, services), kit.sending())
    assert isinstance(error, Misconfigured)
    assert "SETPOINT_SMTP_URL" in str(error)
    broken = dataclasses.replace(services, smtp_url=f"smtp://{USER}:{PASSWORD}@x:y")
    error = await kit.refusal(EmailNotifier(config, broken), kit.sending(), SECRETS)
    assert isinstance(error, Misconfigured)


@pytest.mark.parametrize(
    ("url", "port", "tls", "starttls"),
    [
        ("smtp://h", 25, False, None),
        ("smtp://u:p@h", 587, False, None),
        ("smtps://u:p@h", 465, True, False),
        ("smtp://h:2525?starttls=required", 2525, False, True),
        ("smtp://h?starttls=never", 25, False, False),
    ],
)
def test_smtp_urls(url, port, tls, starttls):
    found = parse_smtp_url(url)
    assert (found.host, found.port, found.tls, found.starttls) == ("h", port, tls, starttls)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "h",
        "http://h",
        "smtp://",
        "smtp://u:s3cretpass@h:x",
        "smtp://h?starttls=maybe",
        "smtps://h?starttls=never",
        "smtp://u:s3cretpass@h/path",
        "smtp://h?timeout=3",
        "smtp://h?from=nobody",
    ],
)
def test_smtp_urls_that_are_none(url):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is for people
        parse_smtp_url(url)
    assert "s3cretpass" not in str(caught.value)


@pytest.mark.parametrize(
    "keys",
    [
        {"to": []},
        {"to": ["nobody"]},
        {"to": ["jörg@example.com"]},
        {"to": ["a@example.com, b@example.com"]},
        {"to": ["a@example.com\r\nBcc: b@example.com"]},
        {"from": "me"},
        {"smtp_url": "http://x"},
    ],
)
def test_configuration_is_checked(keys):
    with pytest.raises(ValidationError):
        EmailNotifier.Config.model_validate({"type": "email", "to": ["ops@example.com"], **keys})
