"""Source `checkin`: a job calls `/ping/<name>` when it starts, ends or fails."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from connectors.base import Inbound, Refused, Services
from connectors.fields import Config, Cron, Duration, RetentionSection, Span, Zone
from rules.model import Reading, Series, labels_of

_METHODS = frozenset({"GET", "HEAD", "POST"})
_KINDS = {"": "success", "start": "start", "fail": "fail", "log": "log"}
_STATUS = re.compile(r"[0-9]{1,3}")
_BODY_BYTES = 10_000


class CheckinSourceConfig(Config):
    """Keys of a source of type `checkin`: calls come by a cron `schedule`, or one `every` so often, plus `grace`."""

    ONE_OF = ("schedule", "every")
    NOT_BOTH = (ONE_OF,)
    type: Literal["checkin"]
    schedule: Cron | None = None
    every: Span | None = None
    timezone: Zone | None = None
    grace: Duration = 300_000_000
    retention: RetentionSection | None = None


class CheckinSource:
    """Takes the calls of a job: `checkin` is 1 for success and 0 for failure, `checkin_start` 1 for a start.

    A call that ends in an exit status also gives `checkin_exit_status`.
    """

    Config = CheckinSourceConfig
    SERIES = ("checkin", "checkin_start", "checkin_exit_status")
    door = "ping"

    def __init__(self, name: str, config: CheckinSourceConfig, services: Services) -> None:
        labels = labels_of({"source": name})
        self._result, self._start, self._status = (Series(series, labels) for series in self.SERIES)

    def ping(self, call: Inbound) -> tuple[str, int | None, str]:
        """What a call says: (success, start, fail, log or exit; the exit status if it is one; its text, cut).

        Raises Refused: 404 for an unknown path, 405 for another method than GET, HEAD and POST.
        """
        if call.method not in _METHODS:
            raise Refused("a check-in is a GET, HEAD or POST", status=405, permanent=True)
        said = call.path.strip("/").lower()
        body = call.body[:_BODY_BYTES].decode("utf-8", "replace")
        if said in _KINDS:
            return _KINDS[said], None, body
        if _STATUS.fullmatch(said) and int(said) <= 255:
            return "exit", int(said), body
        raise Refused("a check-in ends in nothing, /start, /fail, /log or /<exit status>", status=404, permanent=True)

    def message_id(self, call: Inbound) -> str | None:
        """None: a call says when it came, and the same again says so again."""

    def accept(self, call: Inbound, now: int) -> Sequence[Reading]:
        """The readings a call brings; a `log` brings none."""
        kind, status, _ = self.ping(call)
        if kind == "start":
            return [Reading(self._start, now, 1.0)]
        if kind == "exit" and status is not None:
            return [Reading(self._result, now, float(status == 0)), Reading(self._status, now, float(status))]
        if kind == "log":
            return []
        return [Reading(self._result, now, float(kind == "success"))]
