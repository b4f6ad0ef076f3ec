"""The one place that imports Apprise: checks an address, and tells the service behind it. Blocks; for threads.

Interface: https://appriseit.com/library/ (2.3). Its log lines hold addresses, so they go nowhere.
"""

from __future__ import annotations

import logging
import re
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import apprise

Outcome = str
"""`TAKEN`, or what went wrong in words without a secret."""

TAKEN = ""
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_STATUS = re.compile(r"error\s*=\s*(\d{3})\b")


def scheme(url: str) -> str:
    """What an address begins with: the service's short name, which is no secret."""
    name = url.partition("://")[0].lower()
    return name if _SCHEME.fullmatch(name) else "?"


@cache
def check_url(url: str) -> None:
    """Raises ValueError, without the address, if Apprise knows no such service or can't use the address for it."""
    name = scheme(url)
    if "://" not in url or name == "?":
        raise ValueError("is not an address such as tgram://bot-token/chat-id")
    if _service(url) is not None:
        return
    known = _schemas()
    if name in known:
        raise ValueError(f"is not an address as Apprise has it for {name}://")
    near = get_close_matches(name, known, 1, cutoff=0.75)
    raise ValueError(f"Apprise knows no service {name}://" + (f"; did you mean {near[0]}://?" if near else ""))


def tell(url: str, told: tuple[str, str, str], chart: str | None, seconds: float) -> Outcome:
    """Sends title, body and kind of message, and the file if the service takes one."""
    library = _library()
    service = _service(url)
    if service is None:
        return "can't be used any more"
    title, body, kind = told
    one = library.Apprise(asset=service.asset)
    one.add(service)
    result = one.notify(
        body=body,
        title=title,
        notify_type=kind,
        body_format=library.NotifyFormat.TEXT,
        attach=chart if service.attachment_support else None,
        timeout=seconds,
    )
    return TAKEN if result else _reason(result)


def _reason(result: apprise.AppriseResult) -> Outcome:
    """Only the status of an answer is taken from what it logged: the rest may hold what is secret."""
    lines = [entry.message for one in result.results for attempt in one.attempts for entry in attempt.logs]
    found = next((match for match in map(_STATUS.search, reversed(lines)) if match), None)
    return f"did not take it (answered {found[1]})" if found else "did not take it"


def _service(url: str) -> apprise.NotifyBase | None:
    library = _library()
    asset = library.AppriseAsset(
        app_id="Setpoint",
        app_desc="Setpoint",
        async_mode=False,
        pgp_autogen=False,
        pem_autogen=False,
        secure_logging=True,
        storage_mode=library.PersistentStoreMode.MEMORY,
    )
    found: apprise.NotifyBase | None = library.Apprise.instantiate(url, asset=asset)
    if found is not None and "overflow=" not in url:
        # One message that ends early, rather than five of them.
        found.overflow_mode = library.OverflowMode.TRUNCATE
    return found


@cache
def _schemas() -> frozenset[str]:
    return frozenset(name for one in _library().Apprise().details()["schemas"] for name in _names(one))


def _names(one: dict[str, list[str] | None]) -> list[str]:
    return [*(one.get("protocols") or ()), *(one.get("secure_protocols") or ())]


@cache
def _library() -> Any:
    import apprise

    logger = logging.getLogger("apprise")
    logger.propagate = False
    logger.setLevel(logging.WARNING)  # below it hold whole addresses, which nobody needs to see
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # at warning level it logs paths
    return apprise
