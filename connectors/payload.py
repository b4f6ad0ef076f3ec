"""What webhooks are told: Alertmanager's body, version "4", with the numbers beside it, and what templates may use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.base import Sending
from connectors.facts import heading, plain, shortened
from connectors.template import NAMES
from rules.model import Notice, NoticedAlert

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOT_ENDED = "0001-01-01T00:00:00Z"  # Go's zero time, as Alertmanager writes it

TEMPLATE_NAMES = NAMES | {
    "ack_url", "acknowledged_by", "alerts", "annotations", "at", "details", "ends_at", "external_url", "fingerprint",
    "firing", "group_key", "group_labels", "heading", "reason", "receiver", "resolved", "starts_at", "status", "values",
    "why",
}  # fmt: skip
"""What a template of a notice may use, beside the names of every template."""

_LONGEST = 1_000  # characters of one text of an alert
_MOST_OF_ALERTS = 6_000  # characters of all alerts together: a template's expression has 8,000


def payload(notice: Notice) -> dict[str, Any]:
    """The body as JSON values, with `values` in the alert, and `headline`, `why`, … beside what Alertmanager sends.

    Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
    """
    every = notice.every
    own = {name: notice.labels[name] for name in ("alertname", "target") if name in notice.labels}
    return {
        "version": "4",
        "groupKey": notice.group_key or _group_key(notice),
        "truncatedAlerts": max(notice.firing + notice.resolved - len(every), 0),
        "status": notice.status,
        "receiver": notice.receiver,
        "groupLabels": dict(notice.group_labels) if notice.group_key else own,
        "commonLabels": _common([alert.labels for alert in every]),
        "commonAnnotations": _common([alert.annotations for alert in every]),
        "externalURL": notice.external_url,
        "alerts": [_alert(alert, notice.external_url) for alert in every],
        "headline": notice.headline,
        "details": list(notice.details),
        "why": list(notice.why),
        "reason": str(notice.reason),
    }


def _alert(alert: NoticedAlert, external_url: str) -> dict[str, Any]:
    return {
        "status": alert.status,
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "startsAt": rfc3339(alert.starts_at),
        "endsAt": _NOT_ENDED if alert.ends_at is None else rfc3339(alert.ends_at),
        "generatorURL": external_url,
        "fingerprint": alert.fingerprint,
        "values": dict(alert.values),
    }


def _common(several: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """What all of them have, with the same value."""
    first, *others = several
    return {name: value for name, value in first.items() if all(other.get(name) == value for other in others)}


def rfc3339(micros: int) -> str:
    """UTC with milliseconds or what is needed, `2026-05-05T16:53:20Z`."""
    text = (_EPOCH + timedelta(microseconds=micros)).replace(tzinfo=None).isoformat()
    return f"{text}Z"


def _group_key(notice: Notice) -> str:
    """Of a notice that belongs to no group, such as a test."""
    labels = f'alertname="{notice.alert}", fingerprint="{notice.fingerprint}"'
    return f"{{}}:{{{labels}}}"


def context(sending: Sending) -> dict[str, Any]:
    """The values of `TEMPLATE_NAMES`; unknown numbers are None, times are texts, `ends_at` is empty while it fires.

    `alerts` are as many of the notice's as fit, the gravest first; `firing` and `resolved` count all.
    """
    notice = sending.notice
    numbers = dict.fromkeys(
        ("at_least", "at_most", "chance", "expected", "pace", "progress", "projection", "required_rate", "value")
    )
    values = _whole(notice.values)
    lists = {"details": notice.details, "why": notice.why}
    texts = {
        name: shortened(plain(str(getattr(notice, name))), _LONGEST)
        for name in ("acknowledged_by", "alert", "fingerprint", "group_key", "headline", "reason", "receiver",
                     "severity", "standing", "status", "target", "title", "unit")
    }  # fmt: skip
    return {
        **numbers,
        **{name: value for name, value in values.items() if name in numbers},
        **texts,
        **{name: [shortened(plain(line), _LONGEST) for line in lines][:50] for name, lines in lists.items()},
        "heading": shortened(heading(notice), _LONGEST),
        "labels": _texts(notice.labels),
        "annotations": _texts(notice.annotations),
        "group_labels": _texts(notice.group_labels),
        "values": values,
        "starts_at": rfc3339(notice.starts_at),
        "ends_at": "" if notice.ends_at is None else rfc3339(notice.ends_at),
        "at": rfc3339(notice.at),
        "external_url": notice.external_url,
        "ack_url": sending.ack_url,
        "firing": notice.firing or int(notice.status == "firing"),
        "resolved": notice.resolved or int(notice.status == "resolved"),
        "alerts": _fitting(notice.every),
    }


def _fitting(alerts: Sequence[NoticedAlert]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    room = _MOST_OF_ALERTS
    for alert in alerts:
        said = {
            "status": alert.status,
            **{name: shortened(plain(getattr(alert, name)), _LONGEST) for name in ("title", "headline", "severity")},
            "fingerprint": alert.fingerprint,
            "labels": _texts(alert.labels),
            "annotations": _texts(alert.annotations),
            "values": _whole(alert.values),
            "starts_at": rfc3339(alert.starts_at),
            "ends_at": "" if alert.ends_at is None else rfc3339(alert.ends_at),
        }
        room -= len(str(said))
        if room < 0:
            break
        found.append(said)
    return found


def _texts(texts: Mapping[str, str]) -> dict[str, str]:
    return {name: shortened(text, _LONGEST) for name, text in texts.items()}


def _whole(values: Mapping[str, float]) -> dict[str, float]:
    """Numbers as people write them: 6214, not 6214.0."""
    return {name: int(value) if value == int(value) and abs(value) < 1e15 else value for name, value in values.items()}
