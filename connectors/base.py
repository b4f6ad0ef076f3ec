"""What a connector is: three small protocols and one tree of errors.

ConnectorError                 something outside did not work; `permanent` says whether trying again can help
├── Unreachable                no connection, name not found, TLS refused
├── TimedOut                   no answer in time
├── Refused                    an answer that says no; carries the HTTP status where there is one
├── BadAnswer                  an answer that can't be read: not JSON, too large, a row without a number
│   └── PartialAnswer          some rows could be read; carries their readings
└── Misconfigured              it can never work as configured (permanent)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from rules.model import MINUTE, Notice, Reading, Report

if TYPE_CHECKING:
    from connectors.http import HttpClient

LONGEST_SENDING = 2 * MINUTE
"""How long a notifier may take for one sending: others wait for its turn."""

LONGEST_CALL = 10 * MINUTE
"""How long an action may take for one call: a program may have much to do."""


class ConnectorError(Exception):
    """Something outside did not work. The message is for people and never holds a secret.

    `retry_after` is in seconds, as the other side asked for it. `unanswered`: it was sent, or may have been, and nobody
    knows whether the other side did it. `until_mended`: nothing gets through there until a person has mended something
    (a token, a scope); what is to be sent waits for that, and people are told. `unsent`: nothing was sent, since it is
    not its turn for a while, or must not be any more. `thread`: as a notifier's answer, where some got the message all
    the same.
    """

    permanent = False
    unanswered = False
    until_mended = False
    unsent = False
    thread: Mapping[str, Any] | None = None

    def __init__(
        self,
        message: str,
        *,
        permanent: bool | None = None,
        retry_after: float | None = None,
        unanswered: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        if permanent is not None:
            self.permanent = permanent
        if unanswered is not None:
            self.unanswered = unanswered


class Unreachable(ConnectorError):
    """No connection could be made, or it broke."""


class TimedOut(ConnectorError):
    """No answer in time."""

    unanswered = True


class Refused(ConnectorError):
    """The other side answered, and said no."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        permanent: bool | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, permanent=permanent, retry_after=retry_after)
        self.status = status


class BadAnswer(ConnectorError):
    """The answer can't be read as configured."""


class PartialAnswer(BadAnswer):
    """Some rows can't be read; `readings` are those of the rows that can, to be kept although the poll failed."""

    def __init__(self, message: str, readings: Sequence[Reading]) -> None:
        super().__init__(message)
        self.readings = readings


class Misconfigured(ConnectorError):
    """It can never work as configured."""

    permanent = True


@dataclass(frozen=True, slots=True)
class Services:
    """What a connector may use; made once by the composition root.

    `now` gives UTC microseconds. `gateways` are the validated gateway configurations by name.
    """

    http: HttpClient
    now: Callable[[], int]
    gateways: Mapping[str, Any] = field(default_factory=dict)
    timezone: str = "UTC"  # where a source names none: the configured default
    external_url: str = ""
    slack_bot_token: str = ""
    slack_api_url: str = "https://slack.com/api/"
    slack_clicks: bool = False  # whether this process hears of clicks
    smtp_url: str = ""
    allowed_commands: Sequence[str] = ()  # absolute paths of programs that actions may run


class Source(Protocol):
    """A source that is polled. Constructed as `Kind(name, config, services)`.

    One whose server may be that of other sources says by a property `origin` which it is (`https://host:8443`): so many
    polls of one server are made at once, and fewer while it can't be reached. One that may give the very same readings
    again, since nothing changed there, has them in a property `remembered`: then they are not looked at once more.
    """

    async def read(self, now: int) -> Sequence[Reading]:
        """The readings as they are now; `now` is their time where the answer gives none.

        Labels include `source`. Raises ConnectorError.
        """

    async def close(self) -> None:
        """Lets go of what it holds open."""


@dataclass(frozen=True, slots=True)
class Inbound:
    """One call from outside to a waiting source; `path` is what follows the source's name, without slashes around it.

    Header names are lower case. `parameters` are those of the query.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    parameters: Mapping[str, str]
    body: bytes


class InboundSource(Protocol):
    """A source that waits to be called (`/in/<source>`, `/ping/<source>/…`)."""

    door: str  # "in" or "ping"

    def accept(self, call: Inbound, now: int) -> Sequence[Reading]:
        """The readings the call brings. Raises Refused (401 bad signature, 404 unknown path) or BadAnswer (422)."""

    def message_id(self, call: Inbound) -> str | None:
        """What stays the same when an accepted call is sent again; None if its sender gives no such thing."""


Keep = Callable[[Mapping[str, Any]], Awaitable[None]]


async def _forget(_reference: Mapping[str, Any]) -> None:
    """For a sending that no outbox is behind."""


@dataclass(frozen=True, slots=True)
class Sending:
    """One delivery to one notifier.

    `key` is the idempotency key. `thread` is what the last successful sending for the same alert returned (a message's
    address, so that it can be edited), `chart` a PNG if the notifier asked for one and there is one, `ack_url` a
    signed link that acknowledges, where there is one. `earlier` is what the last sending about an earlier firing of the
    alert returned, if there was none about this one yet. `keep` stores what would be returned by now, where more takes
    a while: should the process end before that, the sending is tried again with it as its `thread`. Raises nothing.
    """

    notice: Notice
    key: str
    attempt: int = 1
    thread: Mapping[str, Any] | None = None
    chart: bytes | None = None
    ack_url: str = ""
    earlier: Mapping[str, Any] | None = None
    keep: Keep = field(default=_forget, compare=False)


@dataclass(frozen=True, slots=True)
class ReportSending:
    """One report to one notifier. `key` is the idempotency key.

    `pictures` are charts as PNG by the position of their row, for a notifier that wants charts; `pdf` is the whole
    report, for such a notifier and a report of that format. Either is empty where it could not be drawn.
    """

    report: Report
    receiver: str
    key: str
    attempt: int = 1
    pictures: Mapping[int, bytes] = field(default_factory=dict)
    pdf: bytes = b""


class Notifier(Protocol):
    """The code that sends to one kind of receiver. Constructed as `Kind(config, services)`.

    `wants_chart`: it can show one. `wants_updates`: it is also sent acknowledgements and the progress of corrections,
    because it can edit what it sent; asked of the class, or of the configuration where that has it too.

    What a kind may have beside:

    - `async def report(self, sending: ReportSending) -> None`, which says a report in its own way and raises
      ConnectorError; without it a report is sent as a notice.
    - `takes_reports = False` of the class, where a report makes no sense, as for a pager.
    - `wants_every = True` of the class: a program reads it, so that it gets each change by itself and in order.
    - `keeps_open`, of its class or its configuration: what it was told as firing stays so there until its end is told.
      In another's place it is told only that this one can't be told, as an alert of its own with an end.
    - `way`, a property of it and of its configuration: in which of several ways it sends, and what that lacks.
    - `needs_setting`, a property of its configuration: (key, field) of a key that is left to a field of `Services`.
    """

    wants_chart: bool
    wants_updates: bool

    async def send(self, sending: Sending) -> Mapping[str, Any] | None:
        """Sends, and returns what it needs to edit or follow up later (JSON), or None. Raises ConnectorError."""

    async def close(self) -> None:
        """Lets go of what it holds open."""


@dataclass(frozen=True, slots=True)
class Call:
    """One corrective call. `context` is what templates may use: labels, value, target, alert, attempt, output, …"""

    key: str
    context: Mapping[str, Any]


class Action(Protocol):
    """The code that makes a corrective call. Constructed as `Kind(name, config, services)`.

    Its configuration model is a `connectors.calling.ActionConfig`, with `needs_setting` as a notifier's.
    """

    async def call(self, call: Call) -> str:
        """Makes the call; returns one line saying what was answered. Raises ConnectorError."""

    async def close(self) -> None:
        """Lets go of what it holds open."""
