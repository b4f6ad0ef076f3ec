"""E-mail by SMTP."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from connectors import fields
from connectors.mail import check_address, parse_smtp_url


def _check_smtp_url(value: fields.Secret) -> fields.Secret:
    parse_smtp_url(value.get_secret_value())
    return value


Address = Annotated[str, AfterValidator(check_address)]
"""`ops@example.com` or `Ops <ops@example.com>`."""


class EmailConfig(fields.Config):
    """Without `smtp_url` the server is that of SETPOINT_SMTP_URL; without `from` the sender is its user."""

    type: Literal["email"]
    to: list[Address] = Field(min_length=1)
    sender: Address | None = Field(default=None, alias="from")
    smtp_url: Annotated[fields.Secret, AfterValidator(_check_smtp_url)] | None = None
    timeout: fields.Span = 30_000_000


class EmailNotifier:
    Config = EmailConfig
