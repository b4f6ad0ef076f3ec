"""A second daemon, and configurations that change while it runs."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.acceptance.configs import house, rooms, source
from tests.acceptance.daemon import Daemon, free_port
from tests.acceptance.servers import Api, Receiver

BAD = {"gaol": {"at_least": 20}}


async def test_a_second_daemon_on_the_same_database_refuses(daemon: Daemon, api: Api, sink: Receiver):
    daemon.configure(house(api, sink))
    await daemon.start()
    status, words = await daemon.refused(SETPOINT_LISTEN=f"127.0.0.1:{free_port()}")
    assert status == 2
    assert f"setpoint.db is in use by another daemon (process {daemon.pid} " in words
    assert "set SETPOINT_DATABASE_URL to another file" in words
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
    assert not daemon.database.exists()


class Reload:
    """The three ways to reload; each returns once the daemon has tried."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon

    async def __call__(self, how: str, config: dict[str, Any]) -> None:
        tries = self.tries()
        path = self.daemon.config
        if how == "file":
            self.daemon.configure(config)
        else:
            # Written where nobody watches, so that only the signal or the call reloads.
            elsewhere = path.with_name("away")
            elsewhere.mkdir(exist_ok=True)
            self.daemon.config = elsewhere / "setpoint.yaml"
            self.daemon.configure(config)
            self.daemon.config = path
        if how == "signal":
            self.daemon.signal(signal.SIGHUP)
        elif how == "call":
            self.status, self.text, _ = await self.daemon.request("POST", "/-/reload")
        await self.daemon.happenings.until(lambda: self.tries() > tries, f"reloaded by {how}")

    def tries(self) -> int:
        return len(self.daemon.said("config.refused")) + len(self.daemon.said("config.reloaded"))


@pytest.mark.parametrize("how", ["signal", "call", "file"])
async def test_a_bad_configuration_keeps_the_old_one_and_a_good_one_is_taken_up(
    daemon: Daemon, api: Api, sink: Receiver, how: str
):
    reload = Reload(daemon)
    if how != "file":  # the folder that is watched holds only a link
        (daemon.folder / "away").mkdir()
        daemon.config.symlink_to(daemon.folder / "away" / "setpoint.yaml")
    api.values = {"house": {"kitchen": 30.0}, "shed": {"bench": 30.0}}
    first = house(api, sink)
    if how == "file":
        daemon.configure(first)
    else:
        (daemon.folder / "away" / "setpoint.yaml").write_text(_text(first), encoding="utf-8")
    await daemon.start()
    await daemon.happenings.until(lambda: len(daemon.said("delivery.sent")) == 1, "kitchen told")

    await reload(how, {**house(api, sink, **BAD)})
    (refused,) = daemon.said("config.refused")
    assert any("targets.room.gaol" in error and "did you mean goal" in error for error in refused["errors"])
    if how == "call":
        assert reload.status == 422
        assert "the old one stays in force" in reload.text
        assert "targets.room.gaol" in reload.text
    assert "setpoint_config_last_reload_successful 0" in (await daemon.request("GET", "/metrics"))[1]
    await api.asked_again("house")

    await reload(how, house(api, sink, "house", "shed"))
    await daemon.happenings.until(lambda: len(sink.taken()) == 2, "the new source's room told")
    await api.asked_again("house")
    assert [message.what for message in sink.arrived.messages] == [("firing", "kitchen"), ("firing", "bench")]
    assert "setpoint_config_last_reload_successful 1" in (await daemon.request("GET", "/metrics"))[1]


def _text(config: dict[str, Any]) -> str:
    import yaml

    return yaml.safe_dump(config, sort_keys=False)


async def test_what_a_reload_removes_is_resolved_and_what_it_keeps_goes_on(daemon: Daemon, api: Api, sink: Receiver):
    reload = Reload(daemon)
    api.values = {"house": {"kitchen": 30.0}}
    config = house(api, sink)
    config["targets"]["other"] = rooms(goal={"at_most": 25})
    daemon.configure(config)
    await daemon.start()
    await daemon.happenings.until(lambda: len(daemon.said("delivery.sent")) == 2, "both told")
    del config["targets"]["other"]
    await reload("file", config)
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

    reload = Reload(daemon)
    api.answers["shed"] = broken
    api.values = {"house": {"kitchen": 21.0}}
    daemon.configure(house(api, sink, "house", "shed"))
    await daemon.start()
    await daemon.happenings.until(lambda: len(daemon.said("delivery.sent")) == 1, "the shed can't be read")
    await reload("file", house(api, sink, "house"))
    await daemon.happenings.until(lambda: len(sink.taken()) == 2, "resolved")
    assert sink.taken()[1].what == ("resolved", "shed")
    assert (await daemon.get("alerts"))["alerts"] == []


async def test_a_new_goal_is_judged_at_once(daemon: Daemon, api: Api, sink: Receiver):
    """The value stays; what is wanted of it changes."""
    reload = Reload(daemon)
    api.values = {"house": {"kitchen": 21.0}, "shed": {"bench": 23.0}}
    config = house(api, sink, "house", "shed")
    config["sources"]["house"] = source(api, "house", every="1h")
    daemon.configure(config)
    await daemon.start()
    await api.asked_again("shed", 3)
    config["targets"]["room"]["goal"] = {"at_least": 22}
    await reload("file", config)
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
