"""A notice as a mail: text and HTML that say the same, and the chart inside."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from connectors.base import Sending
from connectors.facts import (
    Link,
    colour,
    facts,
    heading,
    links,
    listed,
    plain,
    reasons,
    remarks,
    shortened,
    status_word,
)
from connectors.mail import address_of
from rules.model import SECOND, Notice, Reason

if TYPE_CHECKING:
    from jinja2 import Template

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SUBJECT = 200
_MOST_LISTED = 500  # alerts of one mail


class FirstMail(NamedTuple):
    """What the mails of an alert refer to: the first one's Message-ID, and its subject."""

    message_id: str
    subject: str


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who sends, who gets it, when (UTC microseconds), and the alert's first mail if this is a later one."""

    sender: str
    to: tuple[str, ...]
    at: int
    first_mail: FirstMail | None = None


def first_mail(sending: Sending) -> FirstMail | None:
    """The first mail of the firing that a sending is about; None if there is none yet, or it stands by itself."""
    thread, notice = sending.thread or {}, sending.notice
    if thread.get("starts_at") != notice.episode or notice.reason is Reason.UNDELIVERABLE:
        return None
    found, subject = thread.get("message_id"), thread.get("subject")
    if not isinstance(found, str):
        return None
    return FirstMail(found, subject if isinstance(subject, str) else _subject(notice))


def compose(sending: Sending, envelope: Envelope) -> EmailMessage:
    """The mail. Its Message-ID comes from the idempotency key, so that a repetition can be told.

    Later mails of a firing are answers to its first and have its subject: mail programs that go by References (RFC
    5322, 3.6.4) and those that go by the subject both make one conversation of them.
    """
    notice, first = sending.notice, envelope.first_mail
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = f"Re: {first.subject}" if first else _subject(notice)
    mail["From"] = address_of(envelope.sender)
    mail["To"] = tuple(address_of(address) for address in envelope.to)
    mail["Date"] = _EPOCH + timedelta(seconds=envelope.at // SECOND)
    domain = address_of(envelope.sender).domain
    name = local_part(sending.key)
    mail["Message-ID"] = f"<{name}@{domain}>"
    if first:
        mail["In-Reply-To"] = mail["References"] = first.message_id
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    mail["X-Auto-Response-Suppress"] = "All"  # the same, as Exchange understands it
    mail["Precedence"] = "bulk"  # the same, as older programs do
    mail.set_content(text_of(notice, sending.ack_url), cte="quoted-printable")
    picture = f"{name}.chart@{domain}" if sending.chart else None
    page = html_of(notice, picture, sending.ack_url)
    mail.add_alternative(page, subtype="html", cte="quoted-printable")
    if sending.chart:
        part = mail.get_body(("html",))
        assert isinstance(part, EmailMessage)  # noqa: S101 - it was added two lines above
        part.add_related(sending.chart, "image", "png", cid=f"<{picture}>", filename="chart.png", disposition="inline")
    return mail


class _WholeSubject(EmailPolicy):
    """Keeps each space of a subject: folded as the library does, some programs lose one and others begin with one.

    In ASCII it stays on one line; else all of it is encoded words (RFC 2047, 6.2: the breaks between them are nothing).
    """

    def fold_binary(self, name: str, value: Any) -> bytes:
        text = str(value)
        if name.lower() != "subject":
            return super().fold_binary(name, value)
        words = text if text.isascii() else Header(text, "utf-8", 75, name).encode(linesep=self.linesep)
        return f"{name}: {words}{self.linesep}".encode("ascii")


_AS_SENT = _WholeSubject(linesep="\r\n")


def written(mail: EmailMessage) -> bytes:
    """The mail as it goes out."""
    return mail.as_bytes(policy=_AS_SENT)


def local_part(key: str) -> str:
    """What a mail's ids begin with: the same for a repetition, another for every other mail."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def text_of(notice: Notice, ack_url: str = "") -> str:
    """The plain text."""
    pairs = [*facts(notice), *_links(notice)]
    width = max((len(label) for label, _ in pairs), default=0)
    why = reasons(notice)
    parts = [
        heading(notice),
        "\n".join(listed(notice, _MOST_LISTED)),
        "\n".join(remarks(notice)),
        f"Acknowledge: {ack_url}" if ack_url else "",
        "\n".join(f"{label + ':':<{width + 1}}  {text}" for label, text in pairs),
        "\n".join(["Why", *(f"- {text}" for text in why)]) if why else "",
        f"-- \nSetpoint, alert {plain(notice.alert)} for receiver {plain(notice.receiver)}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def html_of(notice: Notice, picture: str | None = None, ack_url: str = "") -> str:
    """The HTML; `picture` is the content id of the chart. Everything from outside is escaped by the template."""
    return _template().render(
        heading=heading(notice),
        rows=_rows(notice),
        word=status_word(notice).upper(),
        colour=colour(notice),
        facts=facts(notice),
        remarks=remarks(notice),
        links=_links(notice),
        why=reasons(notice),
        picture=picture,
        ack_url=ack_url,
        alert=plain(notice.alert),
        receiver=plain(notice.receiver),
    )


def _subject(notice: Notice) -> str:
    return shortened(heading(notice), _SUBJECT)


def _links(notice: Notice) -> list[Link]:
    own = [Link("Open Setpoint", notice.external_url)] if notice.external_url else []
    return [*links(notice), *own]


def _rows(notice: Notice) -> list[dict[str, Any]]:
    """The alerts of a notice about several: status, colour and words of each; what is cut is counted in the last."""
    lines = listed(notice, _MOST_LISTED, marked=False)
    found = [
        {"word": alert.status, "colour": colour(alert), "text": plain(alert.headline)}
        for alert, _ in zip(notice.every, lines, strict=False)
    ][: _MOST_LISTED if lines else 0]
    more = lines[len(found) :]
    return [*found, *({"word": "", "colour": "", "text": line} for line in more)]


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(Path(__file__).with_name("mail.html.j2").read_text(encoding="utf-8"))
