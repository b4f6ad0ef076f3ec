"""Addresses and SMTP servers as they are written in configuration."""

from __future__ import annotations

from dataclasses import dataclass
from email.errors import HeaderParseError, MessageError
from email.headerregistry import Address
from email.policy import SMTP
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """`starttls` is True (needed), False (never) or None (when offered); `sender` is what `?from=` says."""

    host: str
    port: int
    username: str | None
    password: str | None
    tls: bool
    starttls: bool | None
    sender: str | None


_STARTTLS = {"required": True, "true": True, "yes": True, "1": True}
_STARTTLS |= {"never": False, "false": False, "no": False, "0": False}


def parse_smtp_url(text: str) -> SmtpServer:
    """`smtp://user:pass@host:port?starttls=required|never&from=address`, or `smtps://` for TLS from the first byte.

    The user and the password are percent-encoded. Raises ValueError, which never holds the password.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("is not an address like smtp://user:password@host:587 (percent-encode the password)") from None
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname or parts.path.strip("/"):
        raise ValueError("is not an address like smtp://user:password@host:587 or smtps://host")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    starttls, sender = options.pop("starttls", None), options.pop("from", None)
    if options:
        raise ValueError(f"knows the options starttls and from, not {', '.join(sorted(options))}")
    if starttls is not None and starttls not in _STARTTLS:
        raise ValueError("starttls is required or never; without it STARTTLS is used when the server offers it")
    tls = parts.scheme == "smtps"
    if tls and starttls is not None:
        raise ValueError("smtps:// is TLS from the first byte and has no starttls")
    return SmtpServer(
        host=parts.hostname,
        port=port or (465 if tls else 587 if parts.username else 25),
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password is not None else None,
        tls=tls,
        starttls=False if tls else _STARTTLS.get(starttls) if starttls else None,
        sender=check_address(sender) if sender else None,
    )


def check_address(text: str) -> str:
    """The mail address itself, if it is exactly one (`ops@example.com`, `Ops <ops@example.com>`). Raises ValueError."""
    address = address_of(text)
    if not address.username or not address.domain:
        raise ValueError(f"{text!r} is not a mail address")
    return text


def address_of(text: str) -> Address:
    """The address in its parts, the domain in ASCII. Raises ValueError."""
    if any(ord(c) < 32 or ord(c) == 127 for c in text):
        raise ValueError("a mail address has no line breaks or control characters")
    try:
        header = SMTP.header_factory("to", text)
    except (HeaderParseError, MessageError, IndexError, ValueError):
        raise ValueError(f"{text!r} is not a mail address") from None
    if header.defects or len(header.addresses) != 1 or header.groups[0].display_name is not None:
        raise ValueError(f"{text!r} is not a mail address")
    found: Address = header.addresses[0]
    if not found.username.isascii():
        raise ValueError(f"{text!r}: the part before the @ has to be ASCII")
    try:
        domain = found.domain.encode("idna").decode()  # not every mail server takes Unicode domains
    except UnicodeError:
        raise ValueError(f"{text!r} is not a mail address") from None
    return Address(found.display_name, found.username, domain)
