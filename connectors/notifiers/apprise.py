"""Apprise: all the services that it knows, such as Telegram, Discord and SMS, each by an address of its own."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from connectors import fields
from connectors.apprise_services import TAKEN, Outcome, check_url, scheme, tell
from connectors.base import Refused, Sending, Services, TimedOut
from connectors.facts import facts, heading, is_well, links, listed, mark, reasons, remarks, shortened
from rules.model import SECOND, Notice, Reason

_MOST_LISTED = 20
_TITLE, _LINE = 250, 1_000
_AT_ONCE = 4
# What services take for a mention: @everyone, <@U01>, <!channel>, <#C01>.
_MENTION = re.compile(r"(?<!\w)@(?=\w)|(?<=<)[@!#&]")
_REMEMBERED = 1_000  # deliveries


def _check_url(value: fields.Secret) -> fields.Secret:
    check_url(value.get_secret_value())
    return value


def _lines(value: object) -> object:
    """A file or a text may hold one address a line."""
    if isinstance(value, fields.TwinProblem):
        raise value
    return value.split() if isinstance(value, str) else value


class AppriseConfig(fields.Config):
    """`urls` are Apprise's addresses, such as `tgram://bot-token/chat-id`; each is a secret."""

    type: Literal["apprise"]
    urls: Annotated[
        list[Annotated[fields.Secret, AfterValidator(_check_url)]], BeforeValidator(_lines), Field(min_length=1)
    ]
    timeout: fields.Span = 20_000_000


class AppriseNotifier:
    """A message to each address. What one of them took is not sent to it again when another has to be tried again."""

    Config = AppriseConfig
    wants_chart: ClassVar[bool] = True
    wants_updates: ClassVar[bool] = False

    def __init__(self, config: AppriseConfig, services: Services) -> None:
        self._urls = [url.get_secret_value() for url in config.urls]
        self._seconds = config.timeout / SECOND
        self._threads: ThreadPoolExecutor | None = None
        self._took: dict[str, set[str]] = {}

    async def send(self, sending: Sending) -> Mapping[str, Any] | None:
        """Sends to all that have not taken it yet. Raises ConnectorError, which names the services by their schemes."""
        took = self._took.setdefault(sending.key, set())
        while len(self._took) > _REMEMBERED:
            del self._took[next(iter(self._took))]
        waiting = [url for url in self._urls if url not in took]
        notice = sending.notice
        told = (title_of(notice), body_of(notice, sending.ack_url), kind_of(notice))
        with _file(sending.chart) as chart:
            outcomes = await asyncio.gather(*(self._tell(url, told, chart) for url in waiting))
        took |= {url for url, outcome in zip(waiting, outcomes, strict=True) if outcome == TAKEN}
        failed = [(scheme(url), one) for url, one in zip(waiting, outcomes, strict=True) if one != TAKEN]
        if failed:
            raise _failure(failed, len(self._urls))
        self._took.pop(sending.key, None)
        return None

    async def close(self) -> None:
        """Lets go of the threads; one that hangs ends with its own time limit."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def _tell(self, url: str, told: tuple[str, str, str], chart: str | None) -> Outcome:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_AT_ONCE, "apprise")
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._seconds):
                return await loop.run_in_executor(self._threads, tell, url, told, chart, self._seconds)
        except TimeoutError:
            return f"gave no answer within {self._seconds:g} s"


def title_of(notice: Notice) -> str:
    """One line: the sign of its status and the headline."""
    return _harmless(shortened(f"{mark(notice)} {heading(notice)}", _TITLE))


def body_of(notice: Notice, ack_url: str = "") -> str:
    """What else there is to say, the most telling first: a service that takes less gets the beginning."""
    lines = [*listed(notice, _MOST_LISTED), *remarks(notice)[:_MOST_LISTED]]
    found = [_harmless(shortened(line, _LINE)) for line in lines]
    found += [f"Acknowledge: {ack_url}"] if ack_url else []
    found += [f"{fact.label}: {_harmless(shortened(fact.text, _LINE))}" for fact in facts(notice)]
    found += [f"{_harmless(link.text)}: {link.url}" for link in links(notice)[:10]]
    found += [_harmless(shortened(line, _LINE)) for line in reasons(notice)]
    return "\n".join(found) or title_of(notice)


def kind_of(notice: Notice) -> str:
    """Apprise's word for it, which makes colours and pictures: failure, warning, success or info."""
    if notice.reason in {Reason.TEST, Reason.REPORT}:
        return "info"
    if is_well(notice):
        return "success"
    return {"critical": "failure", "error": "failure", "info": "info"}.get(notice.severity, "warning")


def _harmless(text: str) -> str:
    """Nobody is called by what a label or a value says: a mention is broken by a space without width."""
    return _MENTION.sub(lambda found: f"{found[0]}\u200b", text)


def _failure(failed: Sequence[tuple[str, Outcome]], of: int) -> Refused | TimedOut:
    """Worth trying again: Apprise does not say whether it can help."""
    said = "; ".join(f"{name}:// {why}" for name, why in failed)
    took = f" ({of - len(failed)} of {of} took it)" if of > 1 else ""
    late = all(why.startswith("gave no answer") for _, why in failed)
    return (TimedOut if late else Refused)(said + took)


@contextmanager
def _file(chart: bytes | None) -> Iterator[str | None]:
    """The path of the chart, for as long as the block lasts."""
    if chart is None:
        yield None
        return
    with TemporaryDirectory(prefix="setpoint-", ignore_cleanup_errors=True) as folder:
        path = Path(folder, "chart.png")
        path.write_bytes(chart)
        yield str(path)
