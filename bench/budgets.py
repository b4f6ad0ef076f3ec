"""The budgets of the design, held against what was measured: each figure with its reference, bar and goal.

Figures are CPU time for each unit, and as a ratio to a reference that was measured in the same run; only what a person
waits for (latency, lag, delay) is wall time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

Parts = Mapping[str, Any]


@dataclass(frozen=True)
class Figure:
    """One figure. `bar` and `goal` bound its value, or its ratio if `by_ratio`; from above, or from below if `more`."""

    what: str
    value: float
    unit: str
    reference: str = ""
    reference_value: float | None = None
    ratio: float | None = None
    bar: float | None = None
    goal: float | None = None
    by_ratio: bool = False
    more: bool = False

    def holds(self, bound: float | None) -> bool | None:
        """Whether a bound holds; None if there is none, or nothing to compare with."""
        found = self.ratio if self.by_ratio else self.value
        if bound is None or found is None:
            return None
        return found >= bound if self.more else found <= bound

    def as_json(self) -> dict[str, Any]:
        """With what holds."""
        return {**asdict(self), "holds_bar": self.holds(self.bar), "holds_goal": self.holds(self.goal)}


def _polls(parts: Parts) -> Iterator[Figure]:
    for size, row in parts["polls"].items():
        many = int(size) >= 1_000
        what, bounds = f"poll, {int(size):,} endpoints", {"bar": 1.6, "goal": 1.25} if many else {}
        yield Figure(
            what, row["setpoint_us"], "µs", "bare loop", row["bare_us"], row["ratio_bare"], **bounds, by_ratio=True
        )
        if "prometheus_us" in row:
            yield Figure(
                what,
                row["setpoint_us"],
                "µs",
                "Prometheus",
                row["prometheus_us"],
                row["ratio_prometheus"],
                goal=1.0 if many else None,
                by_ratio=True,
            )
    for size, row in parts["polls"].items():
        due = int(size)
        bar, goal = due <= 5_000, due <= 10_000
        what = f"polls made of those due, {due:,}"
        yield Figure(what, 100 * row["made"], "%", bar=99.9 if bar else None, goal=99.9 if goal else None, more=True)
        what = f"lag p99 of {due:,} every 10 s"
        yield Figure(what, row["lag_p99_s"], "s", bar=1.0 if bar else None, goal=1.0 if goal else None)


def _decide(parts: Parts) -> Iterator[Figure]:
    for kind, sizes in parts["decide"].items():
        for instances, row in sizes.items():
            bounds = {"bar": 15.0, "goal": 5.0} if kind == "threshold" and int(instances) == 100_000 else {}
            what = f"decide, {kind}, {int(instances):,}"
            yield Figure(what, row["engine_us"], "µs", "bare comparison", row["bare_us"], row["ratio"], **bounds)


def _commit(parts: Parts) -> Iterator[Figure]:
    for size, row in parts["commit"].items():
        what, batched = f"readings stored, {int(size):,} a commit", int(size) >= 100
        yield Figure(what, row["store_per_cpu_s"], "/CPU s", bar=20_000 if batched else None, more=True)
        yield Figure(
            what,
            row["store_us"],
            "µs",
            "bare driver",
            row["driver_us"],
            row["ratio"],
            goal=1.5 if batched else None,
            by_ratio=True,
        )


def _latency(parts: Parts) -> Iterator[Figure]:
    rows = {name: row for name, row in parts["latency"].items() if isinstance(row, dict)}
    for name, row in rows.items():
        way, _, what = name.partition(", ")
        if way == "prometheus":
            continue
        theirs = rows.get(f"prometheus, {what}", {}).get("p99_ms") if way == "polled" else None
        ratio = round(row["p99_ms"] / theirs, 2) if theirs else None
        yield Figure(
            f"value to webhook p99, {name}", row["p99_ms"], "ms", "Prometheus" if theirs else "", theirs, ratio, 250, 50
        )


def _outbox(parts: Parts) -> Iterator[Figure]:
    well = parts["outbox"]["healthy"]
    for name, row in parts["outbox"].items():
        if row is not well:
            what = f"beside two receivers ({name})"
            ratio = round(row["per_s"] / well["per_s"], 2)
            yield Figure(f"deliveries {what}", row["per_s"], "/s", "all healthy", well["per_s"], ratio)
            yield Figure(f"longest delay {what}", row["delay_most_ms"], "ms", bar=1_000)


def _backtest(parts: Parts) -> Iterator[Figure]:
    row = parts["backtest"]
    value, base = row["csv_cpu"], row["bare"]
    bounds = {"bar": 5.0, "goal": 1.0} if row["readings"] >= 525_600 else {}
    yield Figure(
        "backtest of a year by the minute", value, "CPU s", "bare comparison", base, round(value / base, 1), **bounds
    )


def _start(parts: Parts) -> Iterator[Figure]:
    row = parts["start"]
    python = row["python"]["cpu_s"]
    for name, bar, goal in (("help", 0.5, 0.2), ("check", 2.0, 0.5)):
        value = row[name]["cpu_s"]
        what = f"setpoint check, {row['targets']:,} targets" if name == "check" else "setpoint --help"
        yield Figure(what, value, "CPU s", "bare Python", python, round(value / max(python, 0.001), 1), bar, goal)


def _daemon(parts: Parts) -> Iterator[Figure]:
    row = parts["daemon start"]
    targets, few = row["targets"], row["first, 10"]
    first = row[f"first, {targets}"]
    ratio = round(first["cpu_s"] / few["cpu_s"], 1)
    bounds = {"bar": 10.0, "goal": 3.0} if targets >= 10_000 else {}
    what = f"start, {targets:,} targets, {row['days']} days"
    yield Figure(what, first["cpu_s"], "CPU s", "10 targets", few["cpu_s"], ratio, **bounds)
    again = row[f"again, {targets}"]
    bar, goal = (round(base + each * targets / 1024) for base, each in ((150, 10), (100, 4)))
    what = f"memory, {targets:,} targets"
    yield Figure(what, again["rss_mb"], "MB", "10 targets", row["again, 10"]["rss_mb"], None, bar, goal)
    yield Figure("memory of a target with its history", row["kb_a_target"], "kB", bar=10, goal=4)


BUDGETS: Mapping[str, Callable[[Parts], Iterator[Figure]]] = {
    "polls": _polls,
    "decide": _decide,
    "commit": _commit,
    "latency": _latency,
    "outbox": _outbox,
    "backtest": _backtest,
    "start": _start,
    "daemon start": _daemon,
}


def figures(parts: Parts) -> list[Figure]:
    """The figures of every part that was measured."""
    return [figure for name, made in BUDGETS.items() if name in parts for figure in made(parts)]


def table(found: list[Figure]) -> str:
    """One line for each figure; `ok` says whether bar and goal hold."""
    lines = [
        f"{'figure':46} {'measured':>15} {'reference':>25} {'ratio':>7} {'bar':>8} {'goal':>8}  ok",
        *(_line(figure) for figure in found),
    ]
    return "\n".join(lines)


def _line(one: Figure) -> str:
    reference = "" if one.reference_value is None else f"{one.reference} {_number(one.reference_value)}"
    said = {True: "yes", False: "NO", None: ""}
    bar, goal = one.holds(one.bar), one.holds(one.goal)
    verdict = "goal" if goal else said[bar] if bar is not None else said[goal]
    ratio = _number(one.ratio)
    return (
        f"{one.what:46} {_number(one.value):>8} {one.unit:6} {reference:>25} {ratio:>7} "
        f"{_number(one.bar):>8} {_number(one.goal):>8}  {verdict}"
    )


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"
