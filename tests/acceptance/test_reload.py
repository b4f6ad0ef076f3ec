"""A second daemon, and configurations that change while it runs."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web

from tests.acceptance.configs import house, rooms, source
from tests.acceptance.daemon import Daemon
from tests.acceptance.servers import Api, Receiver
from tests.servers import free_port

BAD = {"gaol": {"at_least": 20}}


async def test_a_second_daemon_on_the_same_database_refuses(daemon: Daemon, api: Api, sink: Receiver):
    daemon.configure(house(api, sink))
    await daemon.start()
    status, words = await daemon.refused(SETPOINT_LISTEN=f"127.0.0.1:{free_port()}")
    assert status == 2
    place, other = (daemon.server[1].partition("@")[2], "database") if daemon.server else ("setpoint.db", "file")
    assert f"{place} is in use by another daemon (process {daemon.pid} " in words
    assert f"set SETPOINT_DATABASE_URL to another {other}" in words
    await api.asked_again("house")  # the first one goes on


async def test_an_address_that_is_taken_is_refused(daemon: Daemon, api: Api, sink: Receiver):
    daemon.configure(house(api, sink))
    status, words = await daemon.refused(SETPOINT_LISTEN=f"127.0.0.1:{sink.port}")
    assert status == 2
    assert "another program listens there" in words


async def test_an_address_open_to_others_without_a_key_is_refused(daemon: Daemon, api: Api, sink: Receiver):
    daemon.configure(house(api, sink))
    status, words = await daemon.refused(SETPOINT_LISTEN=f"0.0.0.0:{daemon.port}")
    assert status == 2
    assert "SETPOINT_API_KEY" in words


async def test_a_bad_configuration_at_the_start_is_refused(daemon: Daemon, api: Api, sink: Receiver):
    daemon.configure(house(api, sink, **BAD))
    status, words = await daemon.refused()
    assert status == 2
    assert "targets.room.gaol" in words
    assert "did you mean goal" in words
    assert not daemon.tables()


async def changed(daemon: Daemon, config: dict[str, Any]) -> None:
    """Writes a configuration; returns once the daemon has noticed by itself and tried it."""
    before = tries(daemon)
    daemon.configure(config)
    await daemon.happenings.until(lambda: tries(daemon) > before, "the changed file is noticed")


async def hung_up(daemon: Daemon) -> None:
    """SIGHUP; returns once the daemon has tried the configuration again."""
    before = tries(daemon)
    daemon.signal(signal.SIGHUP)
    await daemon.happenings.until(lambda: tries(daemon) > before, "reloaded by SIGHUP")


def tries(daemon: Daemon) -> int:
    return len(daemon.said("config.refused")) + len(daemon.said("config.reloaded"))


async def last_was_successful(daemon: Daemon) -> bool:
    text = (await daemon.request("GET", "/metrics"))[1]
    (line,) = (line for line in text.splitlines() if line.startswith("setpoint_config_last_reload_successful "))
    return line.endswith((" 1", " 1.0"))


async def test_a_bad_configuration_keeps_the_old_one_and_a_good_one_is_taken_up(
    daemon: Daemon, api: Api, sink: Receiver
):
    """Whether a changed file, SIGHUP or a call made it look."""
    api.values = {"house": {"kitchen": 30.0}, "shed": {"bench": 30.0}}
    daemon.configure(house(api, sink))
    await daemon.start()
    await daemon.happenings.until(lambda: len(daemon.said("delivery.sent")) == 1, "kitchen told")

    await changed(daemon, house(api, sink, **BAD))
    await hung_up(daemon)
    status, text, _ = await daemon.request("POST", "/-/reload")
    assert status == 422
    assert "the old one stays in force" in text
    assert "targets.room.gaol" in text
    refused = daemon.said("config.refused")
    assert len(refused) == 3
    assert daemon.said("config.reloaded") == []
    assert all(
        "targets.room.gaol" in line["errors"][0] and "did you mean goal" in line["errors"][0] for line in refused
    )
    assert not await last_was_successful(daemon)
    await api.asked_again("house")  # goes on as before

    await changed(daemon, house(api, sink, "house", "shed"))
    await daemon.happenings.until(lambda: len(sink.taken()) == 2, "the new source's room told")
    await hung_up(daemon)
    status, text, _ = await daemon.request("POST", "/-/reload")
    assert (status, text.strip()) == (200, '{"reloaded":true}')
    assert await last_was_successful(daemon)
    assert len(daemon.said("config.reloaded")) == 3
    await api.asked_again("house")
    assert [message.what for message in sink.arrived.messages] == [("firing", "kitchen"), ("firing", "bench")]


def _text(config: dict[str, Any]) -> str:
    return yaml.safe_dump(config, sort_keys=False)


async def test_what_a_reload_removes_is_resolved_and_what_it_keeps_goes_on(daemon: Daemon, api: Api, sink: Receiver):
    api.values = {"house": {"kitchen": 30.0}}
    config = house(api, sink)
    config["targets"]["other"] = rooms(goal={"at_most": 25})
    daemon.configure(config)
    await daemon.start()
    await daemon.happenings.until(lambda: len(daemon.said("delivery.sent")) == 2, "both told")
    del config["targets"]["other"]
    await changed(daemon, config)
    await daemon.happenings.until(lambda: len(sink.taken()) == 3, "the removed one is resolved")
    await api.asked_again("house")
    (resolved,) = sink.taken()[2:]
    assert (resolved.json["status"], resolved.alert["labels"]["target"]) == ("resolved", "other")
    (open_,) = (await daemon.get("alerts"))["alerts"]
    assert open_["target"] == "room"
    await daemon.kill()
    await daemon.start()
    await api.asked_again("house")
    assert len(sink.once()) == 3


async def test_what_is_removed_while_it_is_away_is_resolved_at_the_start(daemon: Daemon, api: Api, sink: Receiver):
    api.values = {"house": {"kitchen": 30.0}}
    config = house(api, sink)
    daemon.configure({**config, "targets": {**config["targets"], "other": rooms(goal={"at_most": 25})}})
    await daemon.start()
    await daemon.happenings.until(lambda: len(daemon.said("delivery.sent")) == 2, "both told")
    await daemon.kill()
    daemon.configure(config)
    await daemon.start()
    await daemon.happenings.until(lambda: len(sink.taken()) == 3, "resolved")
    assert sink.taken()[2].alert["labels"]["target"] == "other"


async def test_a_failing_source_that_is_removed_ends_its_alert(daemon: Daemon, api: Api, sink: Receiver):
    async def broken(_request: web.Request) -> web.Response:
        return web.Response(status=500)

    api.answers["shed"] = broken
    api.values = {"house": {"kitchen": 21.0}}
    daemon.configure(house(api, sink, "house", "shed"))
    await daemon.start()
    await daemon.happenings.until(lambda: len(daemon.said("delivery.sent")) == 1, "the shed can't be read")
    await changed(daemon, house(api, sink, "house"))
    await daemon.happenings.until(lambda: len(sink.taken()) == 2, "resolved")
    assert sink.taken()[1].what == ("resolved", "shed")
    assert (await daemon.get("alerts"))["alerts"] == []


async def test_a_new_goal_is_judged_at_once(daemon: Daemon, api: Api, sink: Receiver):
    """The value stays; what is wanted of it changes."""
    api.values = {"house": {"kitchen": 21.0}, "shed": {"bench": 23.0}}
    config = house(api, sink, "house", "shed")
    config["sources"]["house"] = source(api, "house", every="1h")
    daemon.configure(config)
    await daemon.start()
    await api.asked_again("shed", 3)
    config["targets"]["room"]["goal"] = {"at_least": 22}
    await changed(daemon, config)
    await daemon.happenings.until(lambda: len(sink.taken()) == 1, "told", 5)
    assert sink.taken()[0].what == ("firing", "kitchen")
    assert api.times_asked("house") == 1


async def test_a_directory_of_files_is_one_configuration(daemon: Daemon, api: Api, sink: Receiver, tmp_path: Path):
    folder = tmp_path / "conf"
    folder.mkdir()
    config = house(api, sink)
    for part, value in config.items():
        (folder / f"{part}.yaml").write_text(_text({part: value}), encoding="utf-8")
    daemon.environ["SETPOINT_CONFIG"] = str(folder)
    api.values = {"house": {"kitchen": 30.0}, "shed": {"bench": 30.0}}
    await daemon.start()
    await daemon.happenings.until(lambda: len(sink.taken()) == 1, "kitchen told")
    (folder / "more.yaml").write_text(_text({"sources": {"shed": source(api, "shed")}}), encoding="utf-8")
    await daemon.happenings.until(lambda: len(sink.taken()) == 2, "a new file is taken up")
    (folder / "more.yaml").write_text(_text({"sources": {"house": source(api, "shed")}}), encoding="utf-8")
    await daemon.happenings.until(lambda: daemon.said("config.refused"), "a name defined twice is refused")
    (error,) = daemon.said("config.refused")[0]["errors"]
    assert "house" in error
    assert "more.yaml" in error
    assert "sources.yaml" in error
