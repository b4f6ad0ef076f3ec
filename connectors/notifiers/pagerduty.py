"""PagerDuty: one alert there for each alert or group here, by its Events API v2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import orjson
from pydantic import AfterValidator

from connectors import fields
from connectors.base import Sending, Services
from connectors.facts import facts, heading, links, listed, plain, reasons, remarks, shortened
from connectors.gateway import check_http_url
from connectors.payload import rfc3339
from connectors.posting import post
from rules.model import Notice, Reason

_SEVERITIES = {"critical": "critical", "error": "error", "warning": "warning", "info": "info"}
_SUMMARY, _KEY, _TEXT = 1_024, 255, 1_000
_MOST_LISTED = 100
_MOST_LINKS = 10


class PagerDutyConfig(fields.Config):
    """`routing_key` is the integration key of a service or of a rule set."""

    type: Literal["pagerduty"]
    routing_key: fields.Token
    url: Annotated[str, AfterValidator(check_http_url)] = "https://events.pagerduty.com/v2/enqueue"
    timeout: fields.Span = 10_000_000


class PagerDutyNotifier:
    """Triggers, acknowledges and resolves. What says the same alert again is added to it there, and wakes nobody."""

    Config = PagerDutyConfig
    wants_chart: ClassVar[bool] = False
    wants_updates: ClassVar[bool] = True
    takes_reports: ClassVar[bool] = False
    keeps_open: ClassVar[bool] = True

    def __init__(self, config: PagerDutyConfig, services: Services) -> None:
        self._config = config
        self._services = services

    async def send(self, sending: Sending) -> Mapping[str, Any] | None:
        """Sends its events. Raises ConnectorError."""
        key = self._config.routing_key.get_secret_value()
        for event in events(sending):
            body = orjson.dumps({"routing_key": key, **event})
            await post(self._services, self._config.url, body, {}, within=self._config.timeout, secrets=[key])
        return None

    async def close(self) -> None:
        """Nothing is held open: the HTTP client is shared."""


def events(sending: Sending) -> list[dict[str, Any]]:
    """The event of a notice, without its routing key; of what began and ended before it could be said the two.

    A resolve alone would be of nothing that PagerDuty knows, and dropped there.
    """
    action = _action(sending.notice)
    is_unsaid = action == "resolve" and all(one.fresh for one in sending.notice.every)
    return [_event(sending, one) for one in ("trigger", action)[not is_unsaid :]]


def _event(sending: Sending, action: str) -> dict[str, Any]:
    """One event.

    Source: https://developer.pagerduty.com/docs/events-api-v2-overview and the schema at
    https://github.com/PagerDuty/api-schema (events-v2): `summary` has at most 1,024 characters, `dedup_key` 255, the
    whole event 512 kB, which bounded texts keep.
    """
    notice = sending.notice
    named = {"event_action": action, "dedup_key": dedup_key(notice)}
    if action != "trigger":
        return named
    sent: dict[str, Any] = {**named, "payload": _payload(notice), "client": "Setpoint"}
    if notice.external_url:
        sent["client_url"] = notice.external_url
    taking = [{"href": sending.ack_url, "text": "Acknowledge in Setpoint"}] if sending.ack_url else []
    found = [*taking, *({"href": link.url, "text": shortened(link.text, 100)} for link in links(notice))]
    return {**sent, "links": found[:_MOST_LINKS]} if found else sent


def dedup_key(notice: Notice) -> str:
    """What PagerDuty tells alerts by: the alert, or the group; a test is an alert of its own."""
    if notice.reason is Reason.TEST:
        return shortened(f"setpoint/test/{notice.receiver}", _KEY)
    return shortened(f"setpoint/{notice.group or notice.fingerprint}", _KEY)


def _action(notice: Notice) -> str:
    if notice.reason in {Reason.TEST, Reason.UNDELIVERABLE, Reason.ESCALATED}:
        return "trigger"
    if notice.status == "resolved":
        return "resolve"
    return "acknowledge" if notice.reason is Reason.UPDATED and notice.acknowledged_by else "trigger"


def _payload(notice: Notice) -> dict[str, Any]:
    severity = "info" if notice.reason is Reason.TEST else _SEVERITIES.get(notice.severity, "warning")
    known = {
        "summary": shortened(heading(notice), _SUMMARY),
        "severity": severity,
        "source": shortened(plain(notice.target or notice.title) or "setpoint", _TEXT),
        "timestamp": rfc3339(notice.at),
        "component": shortened(_component(notice), _TEXT),
        "group": shortened(plain(notice.title), _TEXT),
        "class": shortened(plain(notice.alert), _TEXT),
        "custom_details": _details(notice),
    }
    return {name: value for name, value in known.items() if value}


def _component(notice: Notice) -> str:
    """What tells this instance of the target from the others."""
    return next((fact.text for fact in facts(notice) if fact.label == "Labels"), "")


def _details(notice: Notice) -> dict[str, Any]:
    found: dict[str, Any] = {fact.label: shortened(fact.text, _TEXT) for fact in facts(notice)}
    lists = {"Remarks": remarks(notice), "Alerts": listed(notice, _MOST_LISTED, marked=False), "Why": reasons(notice)}
    for name, lines in lists.items():
        if lines:
            found[name] = [shortened(line, _TEXT) for line in lines[: _MOST_LISTED + 1]]
    return found
