"""A report as a mail: text and HTML that say the same, the charts inside, the PDF beside."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP

from connectors.base import ReportSending
from connectors.facts import plain, shortened
from connectors.mail import address_of
from connectors.mail_message import Envelope, local_part
from connectors.report_message import file_name, html_of, text_of
from rules.model import SECOND

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SUBJECT = 200


def compose_report(sending: ReportSending, envelope: Envelope) -> EmailMessage:
    """The mail. Its Message-ID comes from the idempotency key, so that a repetition can be told."""
    report, domain = sending.report, address_of(envelope.sender).domain
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = shortened(f"{plain(report.title)}: {plain(report.summary)}", _SUBJECT)
    mail["From"] = address_of(envelope.sender)
    mail["To"] = tuple(address_of(address) for address in envelope.to)
    mail["Date"] = _EPOCH + timedelta(seconds=envelope.at // SECOND)
    name = local_part(sending.key)
    mail["Message-ID"] = f"<{name}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    mail["X-Auto-Response-Suppress"] = "All"  # the same, as Exchange understands it
    mail.set_content(text_of(report), cte="quoted-printable")
    named = {place: f"{name}.chart{place}@{domain}" for place in sending.pictures}
    page = html_of(report, {place: f"cid:{cid}" for place, cid in named.items()})
    mail.add_alternative(page, subtype="html", cte="quoted-printable")
    body = mail.get_body(("html",))
    for place, picture in sending.pictures.items():
        if isinstance(body, EmailMessage):
            file = f"chart-{place + 1}.png"
            body.add_related(picture, "image", "png", cid=f"<{named[place]}>", filename=file, disposition="inline")
    if sending.pdf:
        mail.add_attachment(sending.pdf, "application", "pdf", filename=file_name(report))
    return mail
