"""When reports are due, from what is remembered of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from agent.config.configuration import ReportEntry
from agent.store.records import ReportRun
from rules.cron import last_run, next_run
from rules.model import DAY

NONE = ""
"""The schedule of a report that is not configured."""
_LONGEST = 4 * 366 * DAY  # between two times of a cron expression, such as 29 February


@dataclass(slots=True)
class Remembered:
    """Of each report the run noted last, and the last that was made."""

    noted: dict[str, ReportRun] = field(default_factory=dict)
    made: dict[str, ReportRun] = field(default_factory=dict)

    @classmethod
    def of(cls, runs: Iterable[ReportRun]) -> Remembered:
        """What these runs say."""
        known = cls()
        known.take(runs)
        return known

    def take(self, runs: Iterable[ReportRun]) -> None:
        """Takes in runs in order of their times."""
        for run in runs:
            self.noted[run.name] = run
            if run.made is not None:
                self.made[run.name] = run

    def ahead_of(self, now: int) -> bool:
        """Whether something was noted at a time that is still to come: the clock was set back."""
        return any(run.scheduled > now for run in self.noted.values())


def begun(entries: Mapping[str, ReportEntry], noted: Mapping[str, ReportRun], now: int) -> list[ReportRun]:
    """The notes that from now on a report is made by another schedule than before, or by none.

    What a schedule would have had before it was configured was not missed.
    """
    schedules = {**dict.fromkeys(noted, NONE), **{name: entry.schedule for name, entry in entries.items()}}
    return [
        ReportRun(name, max(now, noted[name].scheduled + 1) if name in noted else now, schedule)
        for name, schedule in schedules.items()
        if name not in noted or noted[name].schedule != schedule
    ]


def due(entry: ReportEntry, noted: ReportRun, now: int) -> int | None:
    """The time that a report is to be made for now: of several that were missed the last; None if there is none."""
    return last_run(entry.cron, entry.zone, noted.scheduled, now) if noted.scheduled < now else None


def coming(entry: ReportEntry, noted: ReportRun) -> int:
    """The next time of its schedule after what was noted last."""
    return next_run(entry.cron, entry.zone, noted.scheduled)


def start_of(entry: ReportEntry, made: ReportRun | None, now: int, scheduled: int | None) -> int:
    """From when on a report tells: since the last one, for the first one as long as its schedule's interval is."""
    if made is not None and made.made is not None:
        return min(made.made, now)
    until = now if scheduled is None else scheduled
    last = last_run(entry.cron, entry.zone, until - _LONGEST, until - 1)
    if last is None:
        return until - DAY
    return last if scheduled is not None else until - (next_run(entry.cron, entry.zone, last) - last)
