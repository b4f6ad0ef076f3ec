"""What may be said of an HTTP answer or failure: addresses without secrets, excerpts, and the error it means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from yarl import URL

from connectors.base import Refused
from rules.model import SECOND

EXCERPT = 120
TRANSIENT = frozenset({408, 425, 429})
_QUERY = re.compile(r"\?[^\s\"'<>]+")
_TAG = re.compile(r"(?is)<(script|style)\b.*?(</\1>|\Z)|<[^>]*>?")


def shown(url: URL) -> str:
    """The address as it may be printed: without user, password, query and fragment."""
    try:
        return str(url.with_user(None).with_query(None).with_fragment(None))
    except ValueError:
        return "the address"


def excerpt(body: bytes, secrets: Iterable[str] = (), length: int = EXCERPT) -> str:
    """The beginning of an answer as one clean line: no markup, control characters, query strings or `secrets`."""
    text = body[: 40 * length].decode("utf-8", "replace")
    for secret in sorted(secrets, key=len, reverse=True):
        if secret:
            text = text.replace(secret, "***")
    text = _TAG.sub(" ", text) if "<" in text else text
    printable = (sign if sign.isprintable() else " " for sign in _QUERY.sub("?***", text))
    text = " ".join("".join(printable).split())
    return text if len(text) <= length else text[: length - 1] + "…"


def retry_after(headers: Mapping[str, str], now: int) -> float | None:
    """Seconds to wait as the `Retry-After` field asks (RFC 9110, 10.2.3: seconds or a date); None if it does not."""
    text = headers.get("Retry-After", "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
    return max(0.0, at - now / SECOND)


def is_html(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether the answer is a web page, by its content type or its first characters."""
    start = body[:64].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return "html" in headers.get("Content-Type", "").lower() or start.startswith((b"<!doctype html", b"<html"))


def refused(where: str, status: int, headers: Mapping[str, str], said: str, now: int) -> Refused:
    """The error of an answer whose status is not a success.

    `where` names who answered, `said` is an excerpt of what. 408, 425, 429, redirects that were not followed because
    there were too many, and 5xx may work later; every other status is permanent.
    """
    try:
        phrase = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        phrase = str(status)
    return Refused(
        f"{where} answered {phrase}" + (f": {said}" if said else ""),
        status=status,
        permanent=not (status in TRANSIENT or status >= 500),
        retry_after=retry_after(headers, now),
    )
