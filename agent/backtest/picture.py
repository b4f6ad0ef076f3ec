"""The picture of a backtest: one instance's value, its goal, and when its alerts fired."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator
from itertools import chain, count

from agent.backtest.figures import figures
from agent.backtest.replay import Replayed
from agent.backtest.report import Report
from agent.charts import ChartData, ChartKind, Charts, Lane
from agent.charts.data import MOST_POINTS, broken, in_percent, thin, thinned
from rules.model import InstanceKey, RollingPeriod
from rules.words import clock_time, span

MOST_LANES = 6
_MOST_BYTES = 100  # of what tells files apart, of the 255 that a name may have


def pictures(report: Report, form: str) -> dict[str, bytes]:
    """A picture (png or svg) of each instance by a name of its labels, empty where it has none.

    Raises ChartError.
    """
    return asyncio.run(_drawn(report, form))


async def _drawn(report: Report, form: str) -> dict[str, bytes]:
    charts = Charts()
    newest = report.new or report.old
    try:
        return {name: await charts.png(_data(report, key, form)) for name, key in file_names(newest.instances)}
    finally:
        await charts.close()


def file_names(keys: Iterable[InstanceKey]) -> Iterator[tuple[str, InstanceKey]]:
    """A name that a file can have for each, which no other has, also where upper and lower case are one."""
    taken = set[str]()
    for key in keys:
        whole = "-".join(re.sub(r"[^\w.-]+", "_", value) or "_" for _, value in key.labels)
        plain = whole.encode()[:_MOST_BYTES].decode(errors="ignore")
        found = next(name for name in chain([plain], (f"{plain}-{n}" for n in count(2))) if name.lower() not in taken)
        taken.add(found.lower())
        yield found, key


def _data(report: Report, key: InstanceKey, form: str) -> ChartData:
    newest = report.new or report.old
    watched, target = newest.instances[key], newest.target(key)
    goal = target.goal
    level = goal is None or goal.per is None or isinstance(goal.per, RollingPeriod)
    labels = f" ({', '.join(value for _, value in key.labels if value)})" if key.labels else ""
    lanes = tuple(_lanes(report, key))[:MOST_LANES]
    fired = sum(bool(lane.spans) for lane in lanes if not lane.faint)
    made = ChartData(
        kind=ChartKind.LEVEL if level else ChartKind.PERIODS,
        standing="",  # of a stretch of time there is none
        points=tuple(thin(broken(watched.points, report.old.apart) if level else watched.points, MOST_POINTS)),
        start=report.old.start,
        end=report.old.end,
        now=report.old.end,
        title=target.title + labels,
        headline=f"{clock_time(report.old.start, target.zone)} to {clock_time(report.old.end, target.zone)}, replayed"
        + ("" if fired else "; nothing would have fired"),
        unit=target.unit,
        zone=target.zone,
        at_least=_last(watched.least, goal.at_least if goal else None),
        at_most=_last(watched.most, goal.at_most if goal else None),
        least=thinned(watched.least),
        most=thinned(watched.most),
        lanes=lanes,
        form=form,
    )
    return in_percent(made) if target.percent else made


def _last(wanted: list[tuple[int, float]], configured: float | None) -> float | None:
    return wanted[-1][1] if wanted else configured


def _lanes(report: Report, key: InstanceKey) -> Iterator[Lane]:
    """A lane for each alert; with two configurations the old one's above the new one's."""
    both = [(report.old, report.new is not None), *([(report.new, False)] if report.new else [])]
    rules = [rule.name for replayed, _ in both for rule in replayed.specs.rules.get(key.target, ())]
    for name in dict.fromkeys(rules):
        for replayed, faint in both:
            found = figures(replayed).get((key, name))
            if found is not None:
                which = (" before" if faint else " now") if report.new else ""
                often = "never" if not found.firings else "once" if found.firings == 1 else f"{found.firings:,} times"
                note = f"{span(found.total)} in all" if found.firings else ""
                yield Lane(name + which, often, note, _spans(replayed, key, name), faint=faint)


def _spans(replayed: Replayed, key: InstanceKey, name: str) -> tuple[tuple[int, int], ...]:
    firings = replayed.instances[key].firings.get(name, [])
    return tuple((one.start, one.end or replayed.end) for one in firings)
