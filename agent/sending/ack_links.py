"""Links that acknowledge: what a message carries that can have no buttons. Whoever has one may, for a week."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from agent.acts import Person
from agent.config.configuration import Configuration, NotifierEntry
from agent.runtime import OpenAlert
from agent.sending.envelopes import read_notice
from agent.store.records import Delivery
from connectors.mail import address_of
from rules.model import DAY, SECOND, Notice, NoticedAlert, Reason

GOOD_FOR = 7 * DAY
_ABOUT = b"setpoint acknowledge\0"  # so that nothing else that is signed with this key is a link
_TIME, _SIGNATURE = 8, 32
_MOST = 300  # characters of a token


class Forged(Exception):
    """A token that was not made here, or did not arrive whole."""


class Expired(Exception):
    """A token whose week is over."""


class AckLinks:
    """Makes and reads tokens: a delivery's key and an end, signed with HMAC-SHA256 by the store's key `NAME`."""

    NAME: ClassVar[str] = "ack_links"

    def __init__(self, secret: bytes, external_url: str) -> None:
        self._secret = secret
        self._external_url = external_url

    def of(self, notice: Notice, key: str) -> str:
        """The address for the notice of a delivery; empty where there is nothing to take, or no way to this daemon."""
        open_ = notice.status == "firing" and notice.reason is not Reason.TEST and not notice.of_itself
        if not self._external_url or not open_ or (notice.acknowledged_by and len(notice.every) < 2):
            return ""
        return f"{self._external_url}/ack/{self.token(key, notice.at + GOOD_FOR)}"

    def token(self, key: str, expires: int) -> str:
        """For the delivery of that key, good until `expires`, to the second."""
        said = (expires // SECOND).to_bytes(_TIME, "big") + key.encode()
        return base64.urlsafe_b64encode(said + self._sign(said)).rstrip(b"=").decode()

    def read(self, token: str, now: int) -> str:
        """The key of the delivery that a token is for. Raises Forged or Expired."""
        if len(token) > _MOST:
            raise Forged
        try:
            raw = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), b"-_", validate=True)
        except (binascii.Error, UnicodeEncodeError):
            raise Forged from None
        said, signature = raw[:-_SIGNATURE], raw[-_SIGNATURE:]
        if not hmac.compare_digest(signature, self._sign(said)):
            raise Forged
        if int.from_bytes(said[:_TIME], "big") * SECOND <= now:
            raise Expired
        return said[_TIME:].decode()

    def _sign(self, said: bytes) -> bytes:
        return hmac.digest(self._secret, _ABOUT + said, hashlib.sha256)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a link is for, as it stands: those to take, those somebody took, and those that are over.

    An alert that fired again since is over: its message said another firing. `again` says whether there is such a one.
    """

    open: Sequence[OpenAlert]
    taken: Sequence[OpenAlert]
    over: Sequence[NoticedAlert]
    again: bool


def asked(delivery: Delivery, alerts: Sequence[OpenAlert]) -> Asked:
    """How the alerts that fired in a delivery's notice stand among those that are open."""
    wanted = [alert for alert in read_notice(delivery.payload).every if alert.status == "firing"]
    by_firing = {(alert.fingerprint, alert.fired_at): alert for alert in alerts}
    found = [by_firing.get((alert.fingerprint, alert.starts_at)) for alert in wanted]
    over = [alert for alert, now in zip(wanted, found, strict=True) if now is None]
    firing = {alert.fingerprint for alert in alerts if alert.fired_at is not None}
    return Asked(
        open=[alert for alert in found if alert is not None and not alert.acknowledged_by],
        taken=[alert for alert in found if alert is not None and alert.acknowledged_by],
        over=over,
        again=any(alert.fingerprint in firing for alert in over),
    )


def person(delivery: Delivery, config: Configuration) -> Person:
    """Who acts by a delivery's link: the address that it went to, if it was one; else its receiver."""
    entries: Sequence[NotifierEntry] = config.receivers.get(delivery.receiver, ())
    entry = entries[delivery.position] if delivery.position < len(entries) else None
    to: list[str] = getattr(entry.config, "to", []) if entry is not None and entry.kind == "email" else []
    name = address_of(to[0]).addr_spec if len(to) == 1 else delivery.receiver
    return Person(name, entry.kind if entry is not None else "email", delivery.receiver)
