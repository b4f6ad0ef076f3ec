"""The body of an outgoing webhook: Alertmanager's, version "4", with the numbers beside it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from rules.model import Notice

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOT_ENDED = "0001-01-01T00:00:00Z"  # Go's zero time, as Alertmanager writes it


def payload(notice: Notice) -> dict[str, Any]:
    """The body as JSON values, with `values` in the alert, and `headline`, `why`, … beside what Alertmanager sends.

    Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
    """
    labels, annotations = dict(notice.labels), dict(notice.annotations)
    return {
        "version": "4",
        "groupKey": _group_key(notice),
        "truncatedAlerts": 0,
        "status": notice.status,
        "receiver": notice.receiver,
        "groupLabels": {name: labels[name] for name in ("alertname", "target") if name in labels},
        "commonLabels": labels,
        "commonAnnotations": annotations,
        "externalURL": notice.external_url,
        "alerts": [
            {
                "status": notice.status,
                "labels": labels,
                "annotations": annotations,
                "startsAt": rfc3339(notice.starts_at),
                "endsAt": _NOT_ENDED if notice.ends_at is None else rfc3339(notice.ends_at),
                "generatorURL": notice.external_url,
                "fingerprint": notice.fingerprint,
                "values": dict(notice.values),
            }
        ],
        "headline": notice.headline,
        "details": list(notice.details),
        "why": list(notice.why),
        "reason": str(notice.reason),
    }


def rfc3339(micros: int) -> str:
    """UTC with milliseconds or what is needed, `2026-05-05T16:53:20Z`."""
    text = (_EPOCH + timedelta(microseconds=micros)).replace(tzinfo=None).isoformat()
    return f"{text}Z"


def _group_key(notice: Notice) -> str:
    """One group for each alert: every notice is about one."""
    labels = f'alertname="{notice.alert}", fingerprint="{notice.fingerprint}"'
    return f"{{}}:{{{labels}}}"
