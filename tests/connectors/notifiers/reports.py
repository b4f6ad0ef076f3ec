"""Reports to send."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from connectors.base import ReportSending
from rules.model import (
    DAY,
    Report,
    ReportAlert,
    ReportCorrections,
    ReportFormat,
    ReportMore,
    ReportRow,
)
from tests.connectors.notifiers.kit import HOSTILE, NOW, PNG

PDF = b"%PDF-1.4 small"
ROWS = (
    ReportRow(
        "orders", {"region": "north"}, "Orders (north)", "missed", "missed: 2,835 of 3,500 €", NOW - 3 * DAY,
        "2,835 €", "at least 3,500 €", "81 %", before="behind", values={"value": 2835.0, "at_least": 3500.0},
        zone="Europe/Amsterdam", unit="€",
    ),
    ReportRow(
        "visitors", {}, "Unique visitors", "behind", "behind: 6,214 of 10,000, needs 412 a day, projected 8,950",
        NOW - DAY, "6,214", "at least 10,000", "62.1 %", "412 a day", "8,950 (8,102 to 9,801)", "behind",
        values={"value": 6214.0, "at_least": 10000.0}, period_start=NOW - 5 * DAY, period_end=NOW + 25 * DAY,
    ),
    ReportRow("room", {"room": "Küche"}, "Room (Küche)", "in_band", "in band: 21 °C, wanted 20 to 23 °C", NOW - DAY,
              "21 °C", "20 to 23 °C", before="in_band"),
)  # fmt: skip


def report(**changes: Any) -> Report:
    """A report of a week, with changes."""
    made = Report(
        name="weekly",
        title="Weekly numbers",
        format=ReportFormat.CHART,
        zone="Europe/Amsterdam",
        start=NOW - 7 * DAY,
        end=NOW,
        scheduled=NOW,
        first=False,
        summary="1 of 3 is on target. 2 need attention: Orders (north) missed; Unique visitors behind.",
        counts={"missed": 1, "behind": 1, "in_band": 1},
        rows=ROWS,
        changes=ROWS[:1],
        alerts=(
            ReportAlert("Unique visitors", "behind", "warning", 2, 12_345_000_000, open=True, taken_by=("Ann",)),
            ReportAlert("Room (Küche)", "hot", "critical", 1, 60_000_000, open=False),
            ReportAlert("Room (hall)", "hot", "critical", 0, 60_000_000, open=False),
        ),
        corrections=(ReportCorrections("Room (Küche)", "set-thermostat", {"failed": 1, "verified": 3}),),
        more=(ReportMore("room", 12),),
        external_url="https://setpoint.example.com",
    )
    return replace(made, **changes)


def hostile() -> Report:
    """One whose every text from outside tries to be more than text."""
    row = replace(ROWS[0], title=HOSTILE, words=HOSTILE, value=HOSTILE, goal=HOSTILE, labels={"a": HOSTILE})
    alert = ReportAlert(HOSTILE, HOSTILE, HOSTILE, 1, 1, open=True, taken_by=(HOSTILE,))
    runs = ReportCorrections(HOSTILE, HOSTILE, {"verified": 1})
    return report(
        title=HOSTILE, summary=HOSTILE, rows=(row,), changes=(row,), alerts=(alert,), corrections=(runs,), more=()
    )


def large() -> Report:
    """One with as much in it as there can be."""
    rows = tuple(replace(ROWS[0], title=f"Orders {n} " + "x" * 300, words="missed: " + "& " * 200) for n in range(200))
    alerts = tuple(replace(report().alerts[0], title=f"Room {n} " + "<" * 200) for n in range(50))
    more = (ReportMore("orders", 800), ReportMore("alerts", 7), ReportMore("changes", 9))
    return report(summary="& " * 2_000, rows=rows, changes=rows[:50], alerts=alerts, more=more, name="n" * 200)


def sending(of: Report | None = None, **changes: Any) -> ReportSending:
    """A sending of a report with two charts, and the PDF if that is its format."""
    said = of or report()
    pdf = PDF if said.format is ReportFormat.PDF else b""
    pictures = dict.fromkeys(range(min(2, len(said.rows))), PNG)
    return replace(ReportSending(said, "growth", "5d41402abc4b2a76b9719d911017c592", 1, pictures, pdf), **changes)
