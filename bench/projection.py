"""How far off the projection of a month's sum is, beside the linear pace and what forecasting libraries make of it.

    python bench/projection.py                                   # the committed series, methods without a library
    python bench/projection.py FOLDER --methods all --every 3    # CSV files `date,value`; the libraries are slow

Each whole month of each series is cut after each of its days; what a method says of the month's end is held against
what came. `ratio` is its mean absolute error over that of the linear pace: over all cases, each series counting by its
own mean (pooled), and the mean of the series' own ratios (series). The libraries are not dependencies of Setpoint:
`pip install statsforecast statsmodels prophet` into an environment of their own beside this checkout.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import multiprocessing
import resource
import statistics
import subprocess
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rules.forecast import Forecast

VISITORS = Path(__file__).parents[1] / "agent/demo/data/daily-website-visitors.csv"
CUTS = (1, 2, 3, 5, 7, 10, 14, 18, 21, 25, 28, 30)
MONTHS = 13  # before the one that is projected
HISTORY = 400  # days that the libraries are given; as good as what the product learns from


class Cut(NamedTuple):
    """A month cut after `day` days: `values` are the days before, the month's first at `start`, `first` is a date."""

    first: datetime.date
    values: Sequence[float]
    start: int
    days: int
    day: int

    @property
    def so_far(self) -> float:
        return sum(self.values[self.start :])

    @property
    def left(self) -> int:
        return self.days - self.day


class Said(NamedTuple):
    """What a method expects the rest of the month to add, with its 80 % interval if it has one."""

    rest: float
    low: float | None = None
    high: float | None = None


Method = Callable[[Cut], Said]


def linear(cut: Cut) -> Said:
    """The rest of the month goes on as it did on average."""
    return Said(cut.so_far / cut.day * cut.left)


def weekdays(cut: Cut) -> Said:
    """The rest of the month has the mean of the same weekdays of the eight weeks before."""
    ends = len(cut.values)
    means = [statistics.fmean(cut.values[max(ends - 56 + i, i) : ends : 7] or [0.0]) for i in range(7)]
    offset = max(ends - 56, 0)
    return Said(sum(means[(ends + i - offset) % 7] for i in range(cut.left)))


def setpoint(cut: Cut) -> Said:
    """What the product says: `rules.forecast`."""
    forecast = Forecast(7, 364)
    first = cut.first
    for _ in range(MONTHS):
        before = (first - datetime.timedelta(1)).replace(day=1)
        if (cut.first - before).days > cut.start:
            break
        first = before
    at = cut.start - (cut.first - first).days
    while first < cut.first:
        after = (first + datetime.timedelta(31)).replace(day=1)
        slots = [(first.weekday() + i) % 7 for i in range((after - first).days)]
        forecast.begin(slots)
        forecast.fold(cut.values[at : at + len(slots)])
        at, first = at + len(slots), after
    forecast.begin([(cut.first.weekday() + i) % 7 for i in range(cut.days)])
    forecast.fold(cut.values[cut.start :])
    if not forecast.ready:
        return linear(cut)
    ahead = forecast.ahead(0.0)
    return Said(ahead.mean, ahead.mean - ahead.half, ahead.mean + ahead.half)


def _summed(means: Any, lows: Any, highs: Any) -> Said:
    """Daily intervals do not add up: their half widths are added, as for errors that are all alike."""
    return Said(float(sum(means)), float(sum(lows)), float(sum(highs)))


def _statsforecast(name: str, **options: Any) -> Method:
    def said(cut: Cut) -> Said:
        import numpy as np
        from statsforecast import models

        model = getattr(models, name)(**options)
        found = model.forecast(np.asarray(cut.values[-HISTORY:], dtype=float), h=cut.left, level=[80])
        return _summed(found["mean"], found["lo-80"], found["hi-80"])

    return said


def _mstl(cut: Cut) -> Said:
    from statsforecast import models

    return _statsforecast("MSTL", season_length=7, trend_forecaster=models.AutoETS(model="ZZN"))(cut)


def _holt_winters(cut: Cut) -> Said:
    import numpy as np
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    values = np.asarray(cut.values[-HISTORY:], dtype=float)
    model = ExponentialSmoothing(values, trend="add", damped_trend=True, seasonal="add", seasonal_periods=7)
    fitted = model.fit()
    paths = fitted.simulate(cut.left, repetitions=200, random_state=1).sum(axis=0)
    return Said(float(fitted.forecast(cut.left).sum()), *map(float, np.quantile(paths, [0.1, 0.9])))


def _stl(cut: Cut) -> Said:
    import numpy as np
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel
    from statsmodels.tsa.forecasting.stl import STLForecast

    values = np.asarray(cut.values[-HISTORY:], dtype=float)
    model = STLForecast(values, ETSModel, model_kwargs={"trend": "add", "damped_trend": True}, period=7, robust=True)
    return Said(float(model.fit(fit_kwargs={"disp": False}).forecast(cut.left).sum()))


def _prophet(cut: Cut) -> Said:
    import logging

    import numpy as np
    import pandas as pd
    from prophet import Prophet

    logging.getLogger("cmdstanpy").setLevel(logging.ERROR)
    values = cut.values[-HISTORY:]
    last = cut.first + datetime.timedelta(cut.day - 1)
    days = pd.date_range(end=last, periods=len(values))
    model = Prophet(interval_width=0.8, uncertainty_samples=200)
    model.fit(pd.DataFrame({"ds": days, "y": values}))
    future = pd.DataFrame({"ds": pd.date_range(start=last + datetime.timedelta(1), periods=cut.left)})
    paths = model.predictive_samples(future)["yhat"].sum(axis=0)
    return Said(float(model.predict(future)["yhat"].sum()), *map(float, np.quantile(paths, [0.1, 0.9])))


METHODS: dict[str, tuple[Method, str]] = {
    "linear pace": (linear, ""),
    "weekday means": (weekdays, ""),
    "setpoint": (setpoint, ""),
    "statsforecast AutoETS": (_statsforecast("AutoETS", season_length=7), "statsforecast"),
    "statsforecast AutoTheta": (_statsforecast("AutoTheta", season_length=7), "statsforecast"),
    "statsforecast MSTL": (_mstl, "statsforecast"),
    "statsmodels Holt-Winters": (_holt_winters, "statsmodels.tsa.api"),
    "statsmodels STL + ETS": (_stl, "statsmodels.tsa.api"),
    "prophet": (_prophet, "prophet"),
}


def read(path: Path) -> dict[datetime.date, float]:
    """The days of a file whose first two columns are a date and a number."""
    with path.open() as file:
        return {datetime.date.fromisoformat(row[0]): float(row[1]) for row in list(csv.reader(file))[1:] if row[1]}


def cuts(found: dict[datetime.date, float], least: int, every: int) -> Iterator[tuple[Cut, float]]:
    """Every `every`-th whole month cut after each of its days, with its sum; `least` days are known before it."""
    begin, end = min(found), max(found)
    values = [found.get(begin + datetime.timedelta(i), 0.0) for i in range((end - begin).days + 1)]
    first = (begin - datetime.timedelta(1)).replace(day=1)
    number = 0
    while (after := (first + datetime.timedelta(31)).replace(day=1)) <= end + datetime.timedelta(1):
        start, days = (first - begin).days, (after - first).days
        if start >= least and all(first + datetime.timedelta(i) in found for i in range(days)):
            number += 1
            if number % every == 0:
                total = sum(values[start : start + days])
                for day in range(1, days):
                    yield Cut(first, values[: start + day], start, days, day), total
        first = after


class Result(NamedTuple):
    """Of one series and method: errors and the linear pace's by day of the cut, and whether intervals held."""

    series: str
    scale: float
    errors: dict[int, list[tuple[float, float]]]
    held: dict[int, list[bool]]
    seconds: float
    number: int
    failed: int


def measure(job: tuple[Path, str, argparse.Namespace]) -> Result | None:
    path, name, options = job
    warnings.simplefilter("ignore")
    method = METHODS[name][0]
    days = None if options.methods == ["free"] or not METHODS[name][1] else set(options.cuts)
    errors, held = defaultdict(list), defaultdict(list)
    totals, spent, number, failed = [], 0.0, 0, 0
    for cut, total in cuts(read(path), options.history, options.every):
        if (days or options.all_cuts) and cut.day not in set(options.cuts):
            continue
        begun = time.process_time()
        try:
            said = method(cut)
        except Exception:
            failed += 1
            said = linear(cut)
        spent, number = spent + time.process_time() - begun, number + 1
        totals.append(total)
        errors[cut.day].append((abs(cut.so_far + said.rest - total), abs(cut.so_far + linear(cut).rest - total)))
        if said.low is not None and said.high is not None:
            held[cut.day].append(said.low <= total - cut.so_far <= said.high)
    if not totals or not sum(map(abs, totals)):
        return None
    return Result(path.stem, statistics.fmean(map(abs, totals)), errors, held, spent, number, failed)


def report(name: str, results: Sequence[Result], *, verbose: bool) -> None:
    sums: dict[int, list[float]] = defaultdict(lambda: [0.0, 0.0])
    ratios, covers = [], []
    for result in results:
        own = [0.0, 0.0]
        for day, pairs in result.errors.items():
            for side in (0, 1):
                mean = sum(pair[side] for pair in pairs) / result.scale
                sums[day][side] += mean
                own[side] += mean
        ratios.append((own[0] / own[1] if own[1] else 1.0, result.series))
        flat = [one for day in result.held.values() for one in day]
        if flat:
            covers.append((statistics.fmean(flat), result.series))
    pooled = sum(mine for mine, _ in sums.values()) / sum(pace for _, pace in sums.values())
    by_day = {day: mine / pace for day, (mine, pace) in sorted(sums.items()) if pace and day <= 30}
    worst = max(by_day, key=lambda day: by_day[day])
    held = [one for result in results for day in result.held.values() for one in day]
    cost = 1000 * sum(r.seconds for r in results) / max(sum(r.number for r in results), 1)
    cover = f"{statistics.fmean(held):6.1%}" if held else "     -"
    print(
        f"{name:26} {pooled:6.3f} {statistics.fmean(r for r, _ in ratios):6.3f} {by_day[worst]:6.3f} (day {worst:2})"
        f"  {cover}  {cost:9.2f} ms  {sum(r.failed for r in results) or ''}"
    )
    if not verbose:
        return
    print("    by day   ", "  ".join(f"{day}: {by_day[day]:.2f}" for day in CUTS if day in by_day))
    days = {day: [one for r in results for one in r.held.get(day, ())] for day in CUTS}
    print("    interval ", "  ".join(f"{day}: {statistics.fmean(of):.0%}" for day, of in days.items() if of))
    print("    worst    ", "  ".join(f"{series} {ratio:.2f}" for ratio, series in sorted(ratios, reverse=True)[:5]))
    if covers:
        print("    least and most held ", *(f"{series} {share:.0%}" for share, series in (min(covers), max(covers))))


def weigh(library: str) -> str:
    """CPU seconds and memory that importing a library adds to a bare interpreter."""
    code = "import resource, sys, time; t = time.process_time(); {}; u = resource.getrusage(resource.RUSAGE_SELF)"
    out = []
    for what in ("pass", f"import {library}"):
        script = code.format(what) + "; print(time.process_time() - t, u.ru_maxrss)"
        command = [sys.executable, "-W", "ignore", "-c", script]
        said = subprocess.run(command, capture_output=True, text=True, check=True)
        out.append([float(word) for word in said.stdout.split()])
    return f"{library}: import {out[1][0] - out[0][0]:.2f} s of CPU, {(out[1][1] - out[0][1]) / 1024:.0f} MiB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=VISITORS, help="a CSV file, or a folder of them")
    parser.add_argument("--methods", nargs="+", default=["free"], help="free (no library), all, or names")
    parser.add_argument("--history", type=int, default=60, help="days known before a month that is judged")
    parser.add_argument("--every", type=int, default=1, help="only each so-many-th month")
    parser.add_argument("--cuts", type=int, nargs="+", default=[1, 4, 7, 10, 14, 18, 21, 25, 28])
    parser.add_argument("--all-cuts", action="store_true", help="cut at --cuts with every method, not libraries alone")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    paths = sorted(options.folder.glob("*.csv")) if options.folder.is_dir() else [options.folder]
    free = [name for name, (_, library) in METHODS.items() if not library]
    names = {"free": free, "all": list(METHODS)}.get(options.methods[0], options.methods)
    print(f"{len(paths)} series\n{'method':26} pooled series worst day        holds       each")
    with multiprocessing.get_context("spawn").Pool(options.jobs) as pool:
        for name in names:
            found = pool.map(measure, [(path, name, options) for path in paths], chunksize=1)
            report(name, [one for one in found if one], verbose=options.verbose)
            sys.stdout.flush()
    for library in dict.fromkeys(METHODS[name][1] for name in names if METHODS[name][1]):
        print(weigh(library))
    print(f"peak memory {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
