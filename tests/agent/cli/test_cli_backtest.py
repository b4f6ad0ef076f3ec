"""`setpoint backtest` as a command: out of the database and out of files, two configurations, a picture."""

import asyncio

import pytest

from agent.store.keeping import Retention
from agent.store.records import Commit
from agent.store.store import Store
from rules.model import DAY, MINUTE, Reading
from tests.agent.rehearsal.scenes import series
from tests.rules.world import at

CONFIG = """\
sources: {a: {type: file, path: t.csv, readings: [{series: temperature, time: time, value: value}]}}
targets:
  room: {title: Room, series: temperature, goal: {at_most: 23}, alerts: [{name: hot, when: out_of_band}]}
  cold: {series: temperature, goal: {at_least: 10}}
"""
START = at("2026-01-01T00:00:00")
VALUES = (20, 25, 25, 20, 25, 20)


@pytest.fixture(autouse=True)
def files(project):
    (project / "setpoint.yaml").write_text(CONFIG)
    (project / "new.yaml").write_text(CONFIG.replace("when: out_of_band", "when: out_of_band, for: 2m"))
    rows = [f"{(START + i * MINUTE) // 1_000_000},{value}" for i, value in enumerate(VALUES)]
    (project / "t.csv").write_text("time,value\n" + "\n".join(rows) + "\n")
    return project


def remember():
    async def commit():
        store = await Store.open("sqlite:///setpoint.db", START)
        shards = await store.take_shards("test", START)
        found = [Reading(series("temperature", "a"), START + i * MINUTE, float(v)) for i, v in enumerate(VALUES)]
        await store.commit(Commit(START, shards, readings=found))
        await store.close()

    asyncio.run(commit())


def test_out_of_the_database(here):
    remember()
    said = here("backtest", "room", "--to", "2026-01-01T01:00:00Z")
    assert said.status == 0
    first, _, head, row, _, last = said.out.splitlines()
    assert first.startswith("6 readings from 2026-01-01 00:00 to 2026-01-01 01:00 (UTC), replayed in ")
    assert head.split() == ["TARGET", "ALERT", "FIRED", "IN", "ALL", "LONGEST", "FLAPS"]
    assert row.split() == ["room", "hot", "2", "3m", "2m", "1"]
    assert last == "room: in band: 20, wanted at most 23"
    later = here("backtest", "room", "--from", "2026-01-01T00:03:30Z", "--json").json
    assert (later["readings"], later["configurations"][0]["alerts"][0]["firings"]) == (2, 1)


def test_what_was_rolled_up_is_told(here):
    remember()
    assert here("backtest", "room", "--to", "2026-01-01T01:00:00Z", "--json").json["missing"] == []

    async def roll_up():
        store = await Store.open("sqlite:///setpoint.db", START)
        await store.roll_up(START + 9 * DAY, lambda _: Retention(DAY), {})
        await store.close()

    asyncio.run(roll_up())
    words = 'temperature{source="a"}: readings between 2026-01-01 00:00 and 2026-01-01 00:04 were rolled up'
    said = here("backtest", "room", "--to", "2026-01-01T01:00:00Z")
    assert words in said.out
    assert said.out.startswith("1 readings from 2026-01-01 00:05")
    assert words in here("explain", "room", "--at", "2026-01-01T00:30:00Z").out
    assert words not in here("explain", "room").out


def test_out_of_a_file_against_another_configuration_with_a_picture(here, project):
    said = here("backtest", "room", "--csv", "t.csv", "--config", "new.yaml", "--picture", "room.svg")
    assert said.status == 0, said.err
    assert "≠   room      hot      2 → 0" in said.out
    assert b"<svg" in (project / "room.svg").read_bytes()
    assert said.out.splitlines()[-1] == "Picture    room.svg"
    as_json = here("--config", "new.yaml", "backtest", "--csv", "t.csv", "--series", "temperature", "--json").json
    assert [one["file"] for one in as_json["configurations"]] == ["new.yaml"]


def test_a_configuration_stands_alone_where_none_is_in_force(here, project):
    (project / "setpoint.yaml").unlink()
    said = here("backtest", "room", "--config", "new.yaml", "--csv", "t.csv", "--series", "temperature", "--json")
    assert said.status == 0, said.err
    assert [one["file"] for one in said.json["configurations"]] == ["new.yaml"]
    for named in ({"SETPOINT_CONFIG": "setpoint.yaml"}, {"SETPOINT_CONFIG": "old.yaml"}):
        missing = here("backtest", "room", "--config", "new.yaml", "--csv", "t.csv", **named)
        assert (missing.status, "can't be read" in missing.err) == (2, True)


def test_pictures_are_named_as_asked_and_those_written_are_said(here, project):
    one = CONFIG.replace("series: temperature, goal", "series: temperature, by: [room], goal")
    one = one.replace("value: value}", "value: value, labels: {room: room}}")
    (project / "setpoint.yaml").write_text("\n".join(line for line in one.splitlines() if "cold" not in line))
    (project / "l.csv").write_text("time,value,room\n2026-01-01T00:00:00Z,20,lab\n")
    asked = ("backtest", "--series", "temperature", "--picture", "room.svg", "--csv")
    said = here(*asked, "l.csv")
    assert said.status == 0, said.err
    assert said.out.splitlines()[-1] == "Picture    room.svg"
    assert b"<svg" in (project / "room.svg").read_bytes()
    (project / "l.csv").write_text("time,value,room\n2026-01-01T00:00:00Z,20,lab\n2026-01-01T00:00:00Z,20,attic\n")
    assert sorted(here(*asked, "l.csv", "--json").json["pictures"]) == ["room-attic.svg", "room-lab.svg"]
    assert {"room-attic.svg", "room-lab.svg"} <= {file.name for file in project.iterdir()}


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("rom",), 2, "there is no target 'rom'; did you mean room?"),
        (("room", "--csv", "nowhere.csv"), 2, "nowhere.csv: can't be read"),
        (("room", "--csv", "setpoint.yaml"), 2, "no source's readings name"),
        (("room", "--series", "x"), 2, "give --csv too"),
        (("room",), 1, "setpoint.db"),
        (("room", "--csv", "t.csv", "--from", "soon"), 2, "--from: 'soon' is not a time"),
        (("room", "--csv", "t.csv", "--delay", "soon"), 2, "--delay: 'soon' is not a duration"),
        (("room", "--csv", "t.csv", "--from", "2027-01-01"), 2, "--from lies after all readings"),
        (("--csv", "t.csv", "--picture", "a.png"), 2, "--picture shows one target; name it"),
        (("room", "--csv", "t.csv", "--picture", "a.gif"), 2, "has to end in .png or .svg"),
        (("room", "--csv", "t.csv", "--picture", "no/such/a.png"), 1, "No such file"),
        (("room", "--csv", "t.csv", "--config", "nowhere.yaml"), 2, "nowhere.yaml"),
    ],
)
def test_what_can_not_be_done(here, arguments, status, said):
    ended = here("backtest", *arguments)
    assert (ended.status, ended.out) == (status, "")
    assert said in ended.err


def test_the_last_readings_before_the_beginning_count_for_n_of_m(here, project):
    (project / "setpoint.yaml").write_text(
        CONFIG.replace("when: out_of_band", "when: out_of_band, for: {breaches: 3, of: 5}")
    )
    remember()
    whole, later = (
        here("backtest", "room", "--from", f"2026-01-01T00:{start}Z", "--json").json for start in ("00:00", "03:30")
    )
    assert [one["configurations"][0]["alerts"][0]["firings"] for one in (whole, later)] == [1, 1]
    assert (whole["readings"], later["readings"]) == (6, 2)
