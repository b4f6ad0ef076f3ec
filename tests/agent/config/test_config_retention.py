"""`retention`: what the configuration says of how long readings are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config.errors import ConfigErrors
from agent.config.load import load
from agent.settings import Settings
from agent.store.keeping import Keeping, Retention
from connectors.fields import FOREVER
from rules.model import DAY, Series

SOURCE = "sources: {s: {type: webhook, %sreadings: [{series: a, value: v%s}, {series: b, value: v%s}]}}"
OTHERWISE = Retention()


def of(folder: Path, text: str) -> Keeping:
    path = folder / "setpoint.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path, {}).keeping


def days(raw: int, hourly: int, daily: int = 0) -> Retention:
    return Retention(raw * DAY, hourly * DAY, daily * DAY or FOREVER)


@pytest.mark.parametrize(
    ("general", "source", "reading", "kept"),
    [
        ("", "", "", (OTHERWISE, OTHERWISE, OTHERWISE)),
        ("{raw: 30d}", "", "", (days(30, 365), days(30, 365), days(30, 365))),
        ("{raw: 500d}", "", "", (days(500, 500), days(500, 500), days(500, 500))),
        ("{raw: forever}", "", "", 3 * (Retention(FOREVER, FOREVER, FOREVER),)),
        ("", "{daily: 2y}", "", (OTHERWISE, days(14, 365, 730), days(14, 365, 730))),
        ("{raw: 7d, daily: 3y}", "{hourly: 30d}", "{raw: 9d}", (days(7, 365, 1095), days(9, 30, 1095), days(7, 30, 1095))),
        ("", "", "{raw: 1d, hourly: 1d, daily: 1d}", (OTHERWISE, days(1, 1, 1), OTHERWISE)),
    ],
)  # fmt: skip
def test_the_nearest_counts(tmp_path: Path, general: str, source: str, reading: str, kept: object) -> None:
    text = SOURCE % (f"retention: {source}, " if source else "", f", retention: {reading}" if reading else "", "")
    keeping = of(tmp_path, (f"defaults: {{retention: {general}}}\n" if general else "") + text)
    series = [Series("a", (("source", "push"),)), *(Series(name, (("source", "s"),)) for name in "ab")]
    assert tuple(keeping.of(one, OTHERWISE) for one in series) == kept


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("defaults: {retention: {raw: 2d, hourly: 1d}}", "1:41: defaults.retention.hourly: raw readings are kept for 2d"),
        ("defaults: {retention: {hourly: 1d}}", "hourly roll-ups can't be gone sooner"),
        ("defaults: {retention: {daily: 30d}}", "hourly roll-ups are kept for 365d, and daily roll-ups can't"),
        ("defaults: {retention: {raw: forever, daily: 9y}}", "are kept for ever, and daily roll-ups can't be gone"),
        ("defaults: {retention: {raw: 0s}}", "has to be longer than nothing"),
        ("defaults: {retention: {raw: always}}", "defaults.retention.raw: "),
        ("defaults: {retention: {weekly: 3y}}", "defaults.retention.weekly: unknown key"),
        (SOURCE % ("retention: {hourly: 3d}, ", "", ""), "sources.s.retention.hourly: raw readings are kept for 14d"),
        (SOURCE % ("", ", retention: {daily: 1d}", ""), "sources.s.readings[0].retention.daily: hourly"),
        (
            (SOURCE % ("", ", retention: {raw: 1d}", "")).replace("series: b", "series: a"),
            "sources.s.readings[1]: another entry of this source gives a too, and keeps it for another time",
        ),
    ],
)  # fmt: skip
def test_contradictions(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        of(tmp_path, text)
    assert len(caught.value.errors) == 1
    assert said in str(caught.value.errors[0])


def test_who_set_the_retention_keeps_what_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().kept == Retention()
    monkeypatch.setenv("SETPOINT_RETENTION", "800d")
    assert Settings().kept == days(800, 800, 800)
    assert Keeping().of(Series("a"), Settings().kept) == days(800, 800, 800)
