"""A notice as a mail: text and HTML that say the same, and the chart inside."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.base import Sending
from connectors.facts import colour, facts, heading, links, listed, plain, reasons, remarks, shortened, status_word
from connectors.mail import address_of
from rules.model import Notice

if TYPE_CHECKING:
    from jinja2 import Template

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SUBJECT = 200
_MOST_LISTED = 100  # alerts of one mail


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who sends, who gets it, and the Message-ID of the alert's first mail if this is a later one."""

    sender: str
    to: tuple[str, ...]
    first_mail: str | None = None


def compose(sending: Sending, envelope: Envelope) -> EmailMessage:
    """The mail. Its Message-ID comes from the idempotency key, so that a repetition can be told."""
    notice = sending.notice
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = shortened(heading(notice), _SUBJECT)
    mail["From"] = address_of(envelope.sender)
    mail["To"] = tuple(address_of(address) for address in envelope.to)
    mail["Date"] = _EPOCH + timedelta(seconds=notice.at // 1_000_000)
    domain = address_of(envelope.sender).domain
    mail["Message-ID"] = f"<{hashlib.sha256(sending.key.encode()).hexdigest()[:32]}@{domain}>"
    if envelope.first_mail:
        mail["In-Reply-To"] = mail["References"] = envelope.first_mail
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    mail["X-Auto-Response-Suppress"] = "All"  # the same, as Exchange understands it
    mail.set_content(text_of(notice), cte="quoted-printable")
    picture = f"chart@{domain}" if sending.chart else None
    mail.add_alternative(html_of(notice, picture), subtype="html", cte="quoted-printable")
    if sending.chart:
        page = mail.get_body(("html",))
        assert isinstance(page, EmailMessage)  # noqa: S101 - it was added two lines above
        page.add_related(sending.chart, "image", "png", cid=f"<{picture}>", filename="chart.png", disposition="inline")
    return mail


def written(mail: EmailMessage) -> bytes:
    """The mail as it goes out. A subject in ASCII stays on one line: folded, some readers start it with a space."""
    policy = SMTP.clone(max_line_length=990) if str(mail["Subject"]).isascii() else SMTP
    return mail.as_bytes(policy=policy)


def text_of(notice: Notice) -> str:
    """The plain text."""
    pairs = [*facts(notice), *links(notice)]
    width = max((len(label) for label, _ in pairs), default=0)
    why = reasons(notice)
    parts = [
        heading(notice),
        "\n".join(listed(notice, _MOST_LISTED)),
        "\n".join(remarks(notice)),
        "\n".join(f"{label + ':':<{width + 1}}  {text}" for label, text in pairs),
        "\n".join(["Why", *(f"- {text}" for text in why)]) if why else "",
        f"-- \nSetpoint, alert {plain(notice.alert)} for receiver {plain(notice.receiver)}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def html_of(notice: Notice, picture: str | None = None) -> str:
    """The HTML; `picture` is the content id of the chart. Everything from outside is escaped by the template."""
    return _template().render(
        heading=heading(notice),
        listed=listed(notice, _MOST_LISTED),
        word=status_word(notice).upper(),
        colour=colour(notice),
        facts=facts(notice),
        remarks=remarks(notice),
        links=links(notice),
        why=reasons(notice),
        picture=picture,
        alert=plain(notice.alert),
        receiver=plain(notice.receiver),
    )


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(Path(__file__).with_name("mail.html.j2").read_text(encoding="utf-8"))
