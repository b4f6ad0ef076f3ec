from __future__ import annotations

import os

import pytest
from pydantic import ValidationError

from connectors.base import BadAnswer, Misconfigured, PartialAnswer, Unreachable
from connectors.sources.file import FileSource, FileSourceConfig
from tests.connectors.conformance import NOW

CSV = """\
Row,Date,Page.Loads,Unique Visits
1,9/14/2014,"2,146","1,582"
2,9/15/2014,"3,621","2,528"
"""
READING = {"series": "visitors", "time": "Date", "time_format": "%m/%d/%Y", "value": "Unique Visits"}


def source(services, path, *readings, **keys) -> FileSource:
    config = FileSourceConfig.model_validate({"type": "file", "path": str(path), "readings": readings, **keys})
    return FileSource("sheet", config, services)


async def test_csv_as_spreadsheets_write_it(services, tmp_path):
    path = tmp_path / "visitors.csv"
    path.write_text(CSV, encoding="utf-8-sig")
    loads = {**READING, "series": "loads", "value": "Page.Loads"}
    readings = await source(services, path, READING, loads, timezone="America/New_York").read(NOW)
    assert [reading.value for reading in readings] == [1582.0, 2528.0, 2146.0, 3621.0]
    assert readings[0].time == 1_410_667_200_000_000  # midnight in New York
    assert str(readings[0].series) == 'visitors{source="sheet"}'


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", '[{"v": 1, "t": 1}, {"v": 2, "t": 2}]'),
        ("a.ndjson", '{"v": 1, "t": 1}\n{"v": 2, "t": 2}\n'),
        ("A.CSV", "v;t\n1;1\n2;2\n"),
    ],
)
async def test_kinds_by_ending(services, tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    readings = await source(services, path, {"series": "v", "value": "v", "time": "t"}).read(NOW)
    assert [(reading.time, reading.value) for reading in readings] == [(1_000_000, 1.0), (2_000_000, 2.0)]


async def test_a_relative_path_starts_at_the_working_directory(services, tmp_path, monkeypatch):
    (tmp_path / "v.csv").write_text("v\n1\n")
    monkeypatch.chdir(tmp_path)
    (reading,) = await source(services, "v.csv", {"series": "v", "value": "v"}).read(NOW)
    assert (reading.time, reading.value) == (NOW, 1.0)


async def test_an_unchanged_file_gives_the_same_and_a_changed_one_the_new(services, tmp_path):
    path = tmp_path / "v.csv"
    path.write_text("t,v\n1,1\n")
    timed = source(services, path, {"series": "v", "value": "v", "time": "t"})
    first = await timed.read(NOW)
    assert await timed.read(NOW + 1) is first is timed.remembered
    path.write_text("t,v\n1,2\n")
    os.utime(path, ns=(1, 1))
    assert [reading.value for reading in await timed.read(NOW)] == [2.0]
    untimed = source(services, path, {"series": "v", "value": "v"})
    await untimed.read(NOW)
    assert [reading.time for reading in await untimed.read(NOW + 5)] == [NOW + 5]
    assert untimed.remembered is None


async def test_a_bad_row_is_said_at_every_poll(services, tmp_path):
    path = tmp_path / "v.csv"
    path.write_text("t,v\n1,1\n2,many\n")
    reader = source(services, path, {"series": "v", "value": "v", "time": "t"})
    for _ in range(2):
        with pytest.raises(PartialAnswer, match="source sheet: v, row 2: 'many' is not a number"):
            await reader.read(NOW)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is empty"), (b"\xff\xfev\x00\n\x00\xd8", "not text in UTF-16"), (b'v\n"' + b"x" * 200_000, "is not CSV")],
)
async def test_what_is_no_csv(services, tmp_path, content, message):
    path = tmp_path / "v.csv"
    path.write_bytes(content)
    with pytest.raises(BadAnswer, match=message):
        await source(services, path, {"series": "v", "value": "v"}).read(NOW)


async def test_files_that_can_not_be_read(services, tmp_path):
    reading = {"series": "v", "value": "v"}
    with pytest.raises(Unreachable, match="no such file"):
        await source(services, tmp_path / "none.csv", reading).read(NOW)
    folder = tmp_path / "folder.csv"
    folder.mkdir()
    with pytest.raises((Unreachable, Misconfigured), match=r"directory|not a file"):
        await source(services, folder, reading).read(NOW)
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    with pytest.raises(Misconfigured, match="is not a file"):
        await source(services, pipe, reading).read(NOW)
    large = tmp_path / "large.csv"
    large.write_bytes(b"v\n" + b"1\n" * 100)
    with pytest.raises(BadAnswer, match=r"larger than max_bytes \(100\)"):
        await source(services, large, reading, max_bytes=100).read(NOW)


@pytest.mark.parametrize(
    ("path", "message"), [("a.xlsx", "not built yet"), ("a.parquet", "not built yet"), ("a.txt", "has to end in")]
)
def test_other_endings_are_refused_when_loaded(path, message):
    with pytest.raises(ValidationError, match=message):
        FileSourceConfig.model_validate({"type": "file", "path": path, "readings": [READING]})
