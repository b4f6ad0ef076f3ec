"""A report as JSON, for webhooks and the API."""

from __future__ import annotations

from typing import Any

from connectors.payload import rfc3339
from rules.model import SECOND, Report, ReportAlert, ReportRow

_NUMBERS = ("value", "at_least", "at_most", "progress", "required_rate", "projection")


def report_payload(report: Report) -> dict[str, Any]:
    """The report as JSON values; times are RFC 3339 in UTC, spans are seconds."""
    return {
        "report": report.name,
        "title": report.title,
        "format": str(report.format),
        "timezone": report.zone,
        "start": rfc3339(report.start),
        "end": rfc3339(report.end),
        "scheduled": _time(report.scheduled),
        "first": report.first,
        "summary": report.summary,
        "standings": dict(report.counts),
        "instances": [_instance(row) for row in report.rows],
        "changes": [
            {"target": row.target, "labels": dict(row.labels), "before": row.before or None, "after": row.standing}
            for row in report.changes
        ],
        "alerts": [_alert(one) for one in report.alerts],
        "corrections": [
            {"title": one.title, "action": one.action, "runs": dict(one.runs)} for one in report.corrections
        ],
        "left_out": [{"of": one.title, "count": one.count} for one in report.more],
        "external_url": report.external_url,
    }


def _instance(row: ReportRow) -> dict[str, Any]:
    return {
        "target": row.target,
        "labels": dict(row.labels),
        "title": row.title,
        "standing": row.standing,
        "before": row.before or None,
        "held_by": row.held or None,
        "since": _time(row.since),
        "words": row.words,
        **{name: row.values.get(name) for name in _NUMBERS},
        "projection_low": row.values.get("projection_low"),
        "projection_high": row.values.get("projection_high"),
        "unit": row.unit,
        "period": _period(row),
    }


def _period(row: ReportRow) -> dict[str, str | None] | None:
    if row.period_start is None:
        return None
    return {"start": rfc3339(row.period_start), "end": _time(row.period_end)}


def _alert(one: ReportAlert) -> dict[str, Any]:
    return {
        "title": one.title,
        "alert": one.alert,
        "severity": one.severity,
        "fired": one.fired,
        "open_seconds": one.lasted / SECOND,
        "open": one.open,
        "taken_by": list(one.taken_by),
    }


def _time(micros: int | None) -> str | None:
    return None if micros is None else rfc3339(micros)
