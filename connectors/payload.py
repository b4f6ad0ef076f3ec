"""The body of an outgoing webhook: Alertmanager's, version "4", with the numbers beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from rules.model import Notice, NoticedAlert

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOT_ENDED = "0001-01-01T00:00:00Z"  # Go's zero time, as Alertmanager writes it


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
