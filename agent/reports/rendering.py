"""A report with its charts, and as a PDF."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import orjson
import structlog

from agent.charts import ChartError, Charts
from agent.store.codec import decode, encode
from rules.model import DAY, Notice, Reason, Report, ReportFormat, ReportRow

log = structlog.get_logger()

MOST_CHARTS = 12
_CHARTS_SECONDS = 8.0  # for all charts of a report, of the 30 a sending may take; those that are late are left out
_PDF_SECONDS = 6.0

Draw = Callable[[Notice, int], Awaitable[bytes | None]]
"""The chart of a notice, that shows so much (in microseconds) of a goal without a period; None if there is none."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """Charts as PNG by the position of their row, and the PDF; empty if it can't be made or nobody wants it."""

    pictures: dict[int, bytes] = field(default_factory=dict)
    pdf: bytes = b""


def read_report(payload: bytes) -> Report:
    """The report in a delivery's payload."""
    return decode(Report, orjson.dumps(orjson.loads(payload)["content"]))


class Rendering:
    """Renders reports. The last one is remembered: it goes to several receivers, or is tried again."""

    def __init__(self, draw: Draw, papers: Charts | None = None) -> None:
        self._draw = draw
        self._papers = papers or Charts(timeout=_PDF_SECONDS, program="agent.reports.pdf")
        self._turn = asyncio.Lock()
        self._last: tuple[Report, Rendered] | None = None

    async def rendered(self, report: Report, *, pdf: bool | None = None) -> Rendered:
        """The report's charts, and its PDF if that is its format, or if it is asked for here.

        The words come first: whatever goes wrong with charts, or takes long, only costs the charts.
        """
        wanted = report.format is ReportFormat.PDF if pdf is None else pdf
        async with self._turn:
            found = self._last[1] if self._last and self._last[0] == report else Rendered(await self._pictures(report))
            if wanted and not found.pdf:
                found = Rendered(found.pictures, await self._pdf(report, found))
            self._last = report, found
            return found

    async def close(self) -> None:
        """Ends the process that makes PDFs."""
        await self._papers.close()

    async def _pictures(self, report: Report) -> dict[int, bytes]:
        made: dict[int, bytes] = {}
        try:
            async with asyncio.timeout(_CHARTS_SECONDS):
                for place, row in enumerate(report.rows):
                    picture = await self._draw(_as_notice(row, report), max(report.end - report.start, DAY))
                    if picture is not None:
                        made[place] = picture
                    if len(made) >= MOST_CHARTS:
                        break
        except TimeoutError:
            log.warning("report.charts_late", report=report.name, charts=len(made))
        return made

    async def _pdf(self, report: Report, with_: Rendered) -> bytes:
        pictures = {str(place): base64.b64encode(png).decode() for place, png in with_.pictures.items()}
        request = orjson.dumps({"report": orjson.loads(encode(report)), "pictures": pictures})
        try:
            return await self._papers.drawn(request)
        except ChartError as error:
            log.error("report.pdf_failed", report=report.name, error=str(error))  # noqa: TRY400 - the words say it all
            return b""


def _as_notice(row: ReportRow, report: Report) -> Notice:
    """The row as the notice that a chart is drawn of."""
    return Notice(
        reason=Reason.REPORT,
        status="firing",
        title=row.title,
        headline=f"{row.title} {row.words}",
        target=row.target,
        alert="",
        severity="",
        standing=row.standing,
        fingerprint="",
        labels=row.labels,
        annotations={},
        values=row.values,
        starts_at=report.start,
        ends_at=None,
        at=report.end,
        receiver="",
        period_start=row.period_start,
        period_end=row.period_end,
        zone=row.zone,
        unit=row.unit,
        percent=row.percent,
    )
