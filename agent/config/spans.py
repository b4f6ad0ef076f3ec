"""A fixed period written in dates or local times, as instants."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from agent.config.document import Document
from agent.config.errors import Path
from agent.config.language import FixedSpan
from rules.model import FixedPeriod
from rules.periods import to_micros


def fixed_period(span: FixedSpan, zone: str, path: Path, document: Document) -> FixedPeriod | None:
    """The period from the beginning of `from` to the end of `to`; None after a mistake was reported."""
    try:
        start = _instant(span.from_, zone)
        end = _instant(span.to if isinstance(span.to, datetime) else span.to + timedelta(days=1), zone)
    except (OverflowError, ValueError):
        document.report(path, "lies outside the calendar")
        return None
    if end <= start:
        document.report((*path, "to"), "lies before from")
        return None
    return FixedPeriod(start, end)


def _instant(moment: date | datetime, zone: str) -> int:
    """UTC microseconds; a date is its first moment in the zone."""
    local = moment if isinstance(moment, datetime) else datetime.combine(moment, time())
    return to_micros(local if local.tzinfo else local.replace(tzinfo=ZoneInfo(zone)))
