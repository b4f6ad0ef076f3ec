"""Functions of a window against Prometheus' own, computed by promtool."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from rules.conditions import compile_condition
from rules.functions import FUNCTIONS, View
from rules.model import DAY, MINUTE, SECOND
from rules.tracks import Track

# Ours beside Prometheus'. `increase` and `rate` agree only where nothing is to extrapolate: see the counters below.
SAME = {
    **{name: f"{name}_over_time(SERIES[WINDOW]OFFSET)" for name in ("avg", "sum", "min", "max", "count", "stddev")},
    "changes": "changes(SERIES[WINDOW]OFFSET)",
    "quantile": "quantile_over_time(FRACTION, SERIES[WINDOW]OFFSET)",
}
SERIES = 12
SAMPLES = 60
HALF = MINUTE // 2
Asked = tuple[str, str, int]
"""Ours, Prometheus', and when."""


def promtool(folder: Path, values: dict[str, list[float | None]], asked: list[Asked]) -> list[float | None]:
    """What Prometheus makes of each expression, over series with a sample or none a minute."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed")
    lines = ["evaluation_interval: 1m", "tests:", "  - interval: 1m", "    input_series:"]
    for name, samples in values.items():
        written = " ".join("_" if value is None else repr(value) for value in samples)
        lines += [f"      - {{series: {name}, values: '{written}'}}"]
    lines += ["    promql_expr_test:"]
    for _, expression, now in asked:
        # None of them is expected to be this, so that promtool says what each of them is.
        lines += [f"      - {{expr: '{expression}', eval_time: {now // SECOND}s, exp_samples: [{{value: 1e99}}]}}"]
    file = folder / "test.yml"
    file.write_text("\n".join(lines), encoding="utf-8")
    done = subprocess.run([program, "test", "rules", str(file)], capture_output=True, text=True, check=False)
    found = re.findall(r"^ +got: ?(?:\{[^}]*\} (\S+)|nil)$", done.stdout + done.stderr, re.MULTILINE)
    assert len(found) == len(asked), done.stderr
    return [float(value) if value else None for value in found]


def ours(text: str, samples: list[float | None], now: int) -> float | None:
    (query,) = compile_condition(f"{text} > 0").queries
    track = Track(query.reach + DAY)
    for minute, value in enumerate(samples):
        if value is not None and minute * MINUTE <= now:
            track.add(minute * MINUTE, value)
    return View(query, track, "UTC").ask(now)


def compared(folder: Path, values: dict[str, list[float | None]], asked: list[Asked]) -> None:
    wanted = promtool(folder, values, asked)
    found = [ours(text, values[re.search(r"\bx\d+", text)[0]], now) for text, _, now in asked]
    # Nothing in a window is no value in Prometheus, and none of ours but for a count.
    found = [
        None if value == 0 and text.startswith("count") else value
        for value, (text, _, _) in zip(found, asked, strict=True)
    ]
    assert found == [None if value is None else pytest.approx(value, rel=1e-9, abs=1e-9) for value in wanted]


def test_functions_of_a_window(tmp_path):
    rng = random.Random(7)
    values = {f"x{i}": [sample(rng, i) for _ in range(SAMPLES)] for i in range(SERIES)}
    asked = []
    for name in values:
        for function, theirs in SAME.items():
            for _ in range(6):
                now = rng.randrange(SAMPLES) * MINUTE + HALF  # no sample lies just where a window begins
                window, offset = rng.choice(["2m", "5m", "17m", "1h"]), rng.choice(["", "3m", "20m"])
                fraction = rng.choice([0, 0.3, 0.5, 0.95, 1])
                part = f"{fraction}, " if function == "quantile" else ""
                at = f", at('{offset}')" if offset else ""
                theirs_ = theirs.replace("SERIES", name).replace("WINDOW", window).replace("FRACTION", str(fraction))
                theirs_ = theirs_.replace("OFFSET", f" offset {offset}" if offset else "")
                asked.append((f"{function}({name}, {part}'{window}'{at})", theirs_, now))
    compared(tmp_path, values, asked)


def sample(rng: random.Random, index: int) -> float | None:
    """Whole numbers that repeat, numbers of any size, and gaps of which some series have many."""
    if rng.random() < 0.1 * (index % 5):
        return None
    return float(rng.randrange(4)) if index % 2 else rng.uniform(-1, 1) * 10 ** rng.randrange(-3, 7)


def test_counters_of_which_nothing_is_to_extrapolate(tmp_path):
    """One that rises steadily: Prometheus extrapolates to the ends of the window, ours counts from before it."""
    values = {f"x{i}": [100.0 + step * minute for minute in range(SAMPLES)] for i, step in enumerate((0.5, 3.0, 250.0))}
    asked = [
        (f"{function}({name}, '{window}')", f"{function}({name}[{window}])", now * MINUTE)
        for function in ("increase", "rate")
        for name in values
        for window in ("5m", "17m")
        for now in (20, 33, 59)
    ]
    compared(tmp_path, values, asked)


def test_all_functions_of_a_window_are_held_against_prometheus():
    assert {*SAME, "increase", "rate"} == {name for name, one in FUNCTIONS.items() if one.window.value == "must"}
