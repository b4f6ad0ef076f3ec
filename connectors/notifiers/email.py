"""E-mail by SMTP: plain text and HTML, the chart inside, the mails of one alert in one thread."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from connectors import fields
from connectors.base import (
    ConnectorError,
    Misconfigured,
    Refused,
    ReportSending,
    Sending,
    Services,
    TimedOut,
    Unreachable,
)
from connectors.facts import plain, shortened
from connectors.mail import SmtpServer, address_of, check_address, parse_smtp_url
from connectors.mail_message import Envelope, FirstMail, compose, first_mail, written
from rules.model import SECOND, Reason

_REMEMBERED = 1_000  # mails that some have and others don't


def _check_smtp_url(value: fields.Secret) -> fields.Secret:
    parse_smtp_url(value.get_secret_value())
    return value


Address = Annotated[str, AfterValidator(check_address)]
"""`ops@example.com` or `Ops <ops@example.com>`."""


class EmailConfig(fields.Config):
    """Without `smtp_url` the server is that of SETPOINT_SMTP_URL.

    Without `from` the sender is what the server's URL says, else `setpoint` at this machine.
    """

    type: Literal["email"]
    to: list[Address] = Field(min_length=1)
    sender: Address | None = Field(default=None, alias="from")
    smtp_url: Annotated[fields.Secret, AfterValidator(_check_smtp_url)] | None = None
    timeout: fields.Span = 30_000_000

    @property
    def needs_setting(self) -> tuple[str, str] | None:
        """The key that is left to a setting, and which setting that is."""
        return ("smtp_url", "smtp_url") if self.smtp_url is None else None


class EmailNotifier:
    """One mail for firing, reminder, escalation and resolve, to all addresses at once."""

    Config = EmailConfig
    wants_chart: ClassVar[bool] = True
    wants_updates: ClassVar[bool] = False

    def __init__(self, config: EmailConfig, services: Services) -> None:
        self._config = config
        self._services = services
        self._took: dict[str, set[str]] = {}  # who has a mail that others are still to get

    async def send(self, sending: Sending) -> Mapping[str, Any] | None:
        """Mails the notice; returns what later mails of the alert's thread refer to. Raises ConnectorError."""
        server = self._server()
        first = first_mail(sending)
        envelope = Envelope(self._sender(server), tuple(self._config.to), self._services.now(), first)
        mail = compose(sending, envelope)
        if first is not None and first.message_id == mail["Message-ID"]:  # that one itself, for those who lack it
            mail, first = compose(sending, replace(envelope, first_mail=None)), None
        known = first or FirstMail(str(mail["Message-ID"]), str(mail["Subject"]))
        thread: Mapping[str, Any] | None = {**known._asdict(), "starts_at": sending.notice.episode}
        if sending.notice.reason is Reason.UNDELIVERABLE:
            thread = sending.thread
        await self._deliver(written(mail), envelope, server, (sending.key, thread))
        return thread

    async def report(self, sending: ReportSending) -> None:
        """Mails a report. Raises ConnectorError."""
        from connectors.report_mail import compose_report

        server = self._server()
        envelope = Envelope(self._sender(server), tuple(self._config.to), self._services.now())
        await self._deliver(written(compose_report(sending, envelope)), envelope, server, (sending.key, None))

    async def close(self) -> None:
        """Nothing is held open: each mail has its own connection."""

    def _server(self) -> SmtpServer:
        own = self._config.smtp_url
        url = own.get_secret_value() if own else self._services.smtp_url
        if not url:
            raise Misconfigured("e-mail needs a server: set SETPOINT_SMTP_URL, or smtp_url at the receiver")
        try:
            return parse_smtp_url(url)
        except ValueError as error:
            raise Misconfigured(f"SETPOINT_SMTP_URL {error}") from None

    def _sender(self, server: SmtpServer) -> str:
        sender = self._config.sender or server.sender
        if sender is None and server.username and "@" in server.username:
            sender = server.username
        return sender or f"setpoint@{_domain(self._services.external_url)}"

    async def _deliver(
        self, mail: bytes, envelope: Envelope, server: SmtpServer, about: tuple[str, Mapping[str, Any] | None]
    ) -> None:
        """Sends to all that have not taken it yet. `about` is the key, and what to remember if only some take it."""
        key, thread = about
        took = self._took.setdefault(key, set())
        while len(self._took) > _REMEMBERED:
            del self._took[next(iter(self._took))]
        waiting = [one for one in (address_of(address).addr_spec for address in envelope.to) if one not in took]
        refused = await self._hand_over(mail, envelope.sender, waiting, server)
        took |= set(waiting) - set(refused)
        if refused:
            raise _partly(refused, f"{server.host}:{server.port}", thread)
        self._took.pop(key, None)

    async def _hand_over(
        self, mail: bytes, sender: str, to: list[str], server: SmtpServer
    ) -> Mapping[str, tuple[int, str]]:
        """Gives the mail to the server; returns the replies for those it was not taken for."""
        import aiosmtplib

        place = f"{server.host}:{server.port}"
        seconds = self._config.timeout / SECOND
        try:
            refused, _ = await aiosmtplib.send(
                mail,
                sender=address_of(sender).addr_spec,
                recipients=to,
                hostname=server.host,
                port=server.port,
                username=server.username,
                password=server.password,
                use_tls=server.tls,
                start_tls=server.starttls,
                timeout=seconds,
            )
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise _mapped(error, place, seconds) from None
        return {address: (reply.code, reply.message) for address, reply in refused.items()}


def _partly(refused: Mapping[str, tuple[int, str]], place: str, thread: Mapping[str, Any] | None) -> Refused:
    """For whom it was not taken, with the gravest reply. Who is put off, as by greylisting, is tried again."""
    code, message = max(refused.values())
    named = ", ".join(sorted(refused))
    said = f"{place} took the mail, but not for {plain(named)}: {code} {shortened(plain(message), 200)}".rstrip()
    error = Refused(said, status=code, permanent=all(reply >= 500 for reply, _ in refused.values()))
    error.thread = thread
    return error


def _domain(external_url: str) -> str:
    """Where mails come from when nothing says: the daemon's public name, else the machine's."""
    host = urlsplit(external_url).hostname or socket.gethostname()
    named = host.replace(".", "").replace("-", "").isalnum() and not host.replace(".", "").isdigit() and host.isascii()
    return host if named else "localhost"


def _mapped(error: Exception, place: str, seconds: float) -> ConnectorError:
    """Source of 4 and 5: RFC 5321, 4.2.1: a 4yz reply may be different later, a 5yz reply will not."""
    import aiosmtplib

    if isinstance(error, aiosmtplib.SMTPTimeoutError | TimeoutError):
        return TimedOut(f"{place} gave no answer within {seconds:g} s")
    if isinstance(error, aiosmtplib.SMTPResponseException | aiosmtplib.SMTPRecipientsRefused):
        return _said_no(error, place)
    if isinstance(error, aiosmtplib.SMTPNotSupported) or type(error) is aiosmtplib.SMTPException:
        # STARTTLS or a login that the server does not offer
        return Misconfigured(f"{place} does not offer what the SMTP URL asks for: {plain(str(error))}")
    if isinstance(error, ValueError):
        return Misconfigured(f"the SMTP URL for {place} can't be used as it is: {type(error).__name__}")
    return _unreachable(error, place)


def _said_no(error: Any, place: str) -> Refused:
    import aiosmtplib

    if isinstance(error, aiosmtplib.SMTPAuthenticationError) and error.code >= 500:
        return Refused(
            f"{place} does not accept the user and password of the SMTP URL ({error.code})",
            status=error.code,
            permanent=True,
        )
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return _of_recipients(error, place)
    return _of_reply(error.code, error.message, place)


def _unreachable(error: Exception, place: str) -> Unreachable:
    cause = _cause(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return Unreachable(f"{place}: the certificate can't be trusted: {cause.verify_message}")
    return Unreachable(f"{place} can't be reached: {plain(getattr(cause, 'strerror', None) or 'connection broke')}")


def _of_recipients(error: Any, place: str) -> Refused:
    replies = error.recipients
    worst = max(replies, key=lambda reply: reply.code)
    named = ", ".join(reply.recipient for reply in replies)
    refused = _of_reply(worst.code, worst.message, place)
    temporary = any(reply.code < 500 for reply in replies)
    return Refused(f"{refused} (for {plain(named)})", status=worst.code, permanent=not temporary)


def _of_reply(code: int, message: str, place: str) -> Refused:
    said = shortened(plain(message), 200)
    return Refused(f"{place} answered {code} {said}".rstrip(), status=code, permanent=500 <= code < 600)


def _cause(error: BaseException) -> BaseException:
    """The operating system's error below, if there is one."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError):
            return seen
        seen = seen.__cause__ or seen.__context__
    return error
