"""What people do with reports: ask for one, and have one sent now."""

from __future__ import annotations

from agent.acts import Person
from agent.reports.reporter import Reporter
from rules.model import Report


class Reporting:
    """The part of the daemon that people ask for reports."""

    reporter: Reporter

    async def report(self, name: str) -> Report:
        """A report as it would be now; no schedule is disturbed. Raises Unknown."""
        return await self.reporter.report(name)

    async def send_report(self, name: str, person: Person) -> Report:
        """Queues a report as it is now for its receivers; no schedule is disturbed. Raises Unknown."""
        return await self.reporter.send(name, person)
