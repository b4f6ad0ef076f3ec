"""Changes of real files, as editors, deployments and Kubernetes make them."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from agent.config import changes
from agent.config.changes import Stamps, settled, watch_files
from rules.model import SECOND


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "EVERY", 0.05)


class Watching:
    """Watches a configuration; `told` waits for the next call, `settled` makes sure that there was none."""

    def __init__(self, config: Path) -> None:
        self.config = config
        self.calls: asyncio.Queue[None] = asyncio.Queue()
        self.stop = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Watching:
        self.task = asyncio.create_task(
            watch_files(self.config, lambda: self.calls.put_nowait(None), self.stop, quiet=0)
        )
        await self.begun()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop.set()
        async with asyncio.timeout(8):
            await self.task

    async def begun(self) -> None:
        """Touches what is watched until it is told of: from then on nothing is missed."""
        file = self.config / "setpoint.yaml" if self.config.is_dir() else self.config
        async with asyncio.timeout(8):
            while self.calls.empty():
                os.utime(file)
                await _moment(self.calls)
        await self.quiet()

    async def quiet(self, seconds: float = 0.15) -> None:
        """Takes what still comes of what was done before."""
        while await _moment(self.calls, seconds):
            while not self.calls.empty():
                self.calls.get_nowait()

    async def told(self) -> None:
        async with asyncio.timeout(8):
            await self.calls.get()
        await self.quiet()

    async def not_told(self) -> None:
        assert not await _moment(self.calls, 0.4)


async def _moment(calls: asyncio.Queue[None], seconds: float = 0.15) -> bool:
    """Whether a call comes within the time in which changes are gathered, and some more."""
    try:
        async with asyncio.timeout(seconds):
            calls.put_nowait(await calls.get())
    except TimeoutError:
        return False
    return True


@pytest.fixture
def config(tmp_path) -> Path:
    file = tmp_path / "setpoint.yaml"
    file.write_text("a: 1\n")
    return file


async def test_edited_in_place_replaced_removed_and_made_again(config):
    async with Watching(config) as watching:
        config.write_text("a: 2\n")
        await watching.told()
        new = config.with_suffix(".new")
        new.write_text("a: 3\n")
        new.replace(config)
        await watching.told()
        config.unlink()
        await watching.told()
        config.write_text("a: 4\n")
        await watching.told()


async def test_many_writes_at_once_are_one_change(config):
    async with Watching(config) as watching:
        for i in range(50):
            config.write_text(f"a: {i}\n")
        async with asyncio.timeout(8):
            await watching.calls.get()
        assert watching.calls.qsize() <= 1


async def test_what_is_no_part_of_the_configuration_is_of_no_interest(config):
    async with Watching(config) as watching:
        for name in ("compose.yaml", ".setpoint.yaml.swp", "setpoint.db", "setpoint.db-wal", "setpoint.yaml~", "4913"):
            (config.parent / name).write_text("x")
        (config.parent / "sub").mkdir()
        (config.parent / "sub" / "setpoint.yaml").write_text("x")
        config.read_text()
        await watching.not_told()


async def test_a_folder_new_changed_and_removed_files(tmp_path, config):
    async with Watching(tmp_path) as watching:
        new = tmp_path / "targets.yaml"
        new.write_text("b: 1\n")
        await watching.told()
        config.write_text("a: 2\n")
        await watching.told()
        new.unlink()
        await watching.told()
        (tmp_path / "more.yml").write_text("c: 1\n")
        await watching.told()
        for name in ("notes.txt", ".hidden.yaml", "setpoint.db"):
            (tmp_path / name).write_text("x")
        await watching.not_told()


@pytest.mark.parametrize("whole", [False, True])
async def test_a_mounted_config_map_is_turned(tmp_path, whole):
    """setpoint.yaml -> ..data/setpoint.yaml, ..data -> ..2026_1; a change makes ..2026_2 and turns ..data by rename."""
    mount = tmp_path / "etc"

    def version(number: int) -> None:
        folder = mount / f"..2026_{number}"
        folder.mkdir(parents=True)
        (folder / "setpoint.yaml").write_text(f"a: {number}\n")
        (mount / "..data_tmp").symlink_to(folder.name)
        (mount / "..data_tmp").replace(mount / "..data")

    version(1)
    file = mount / "setpoint.yaml"
    file.symlink_to("..data/setpoint.yaml")
    async with Watching(mount if whole else file) as watching:
        for number in (2, 3, 4):  # the folder of the first version is gone by then
            version(number)
            await watching.told()
            assert file.read_text() == f"a: {number}\n"
            for stale in (mount / f"..2026_{number - 1}").iterdir():
                stale.unlink()
            (mount / f"..2026_{number - 1}").rmdir()
            await watching.quiet()


async def test_where_a_link_leads_is_watched_also_when_it_is_turned(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "real.yaml").write_text("a: 1\n")
    (tmp_path / "etc").mkdir()
    link = tmp_path / "etc" / "setpoint.yaml"
    link.symlink_to("../one/real.yaml")
    async with Watching(link) as watching:
        (tmp_path / "one" / "real.yaml").write_text("a: 2\n")
        await watching.told()
        turned = tmp_path / "etc" / "new"
        turned.symlink_to("../two/real.yaml")
        turned.replace(link)
        await watching.told()
        (tmp_path / "two" / "real.yaml").write_text("a: 3\n")
        await watching.told()


async def test_a_relative_path(config, monkeypatch):
    monkeypatch.chdir(config.parent)
    async with Watching(Path("setpoint.yaml")) as watching:
        config.write_text("a: 2\n")
        await watching.told()


async def test_a_folder_that_goes_and_comes_back(tmp_path):
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "setpoint.yaml").write_text("a: 1\n")
    for config in (folder, folder / "setpoint.yaml"):
        async with Watching(config) as watching:
            folder.rename(tmp_path / "gone")
            await watching.told()
            (tmp_path / "gone").rename(folder)
            await watching.told()


async def test_it_can_be_cancelled(config):
    task = asyncio.create_task(watch_files(config, lambda: None, asyncio.Event()))
    await asyncio.sleep(0)
    task.cancel()
    async with asyncio.timeout(8):
        await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()


class Writer:
    """A file in virtual time: how it looks from each of these seconds on."""

    def __init__(self, *writes: tuple[float, int], replaced: float | None = None) -> None:
        self.time = writes[0][0] if replaced is None else replaced
        self.writes = writes

    def now(self) -> int:
        return int(self.time * SECOND)

    async def sleep(self, seconds: float) -> None:
        self.time += seconds

    def look(self) -> Stamps:
        at, size = [one for one in self.writes if one[0] <= self.time][-1]
        return (("setpoint.yaml", 1, size, int(at * SECOND)),) if size else ()

    async def settles(self) -> float:
        await settled(self.look, 2, self.sleep, self.now)
        return round(self.time, 1)


async def test_what_is_being_written_is_waited_for():
    assert await Writer((100, 500)).settles() == pytest.approx(102, abs=0.3)
    assert await Writer((100, 500), (101.5, 900), (103, 1200)).settles() == pytest.approx(105, abs=0.3)


async def test_what_was_written_before_it_took_its_place_is_told_at_once():
    assert await Writer((100, 500), replaced=110).settles() == 110


async def test_what_is_gone_is_told_at_once_and_what_never_rests_as_it_is():
    assert await Writer((100, 0)).settles() == 100
    assert await Writer(*((100 + i, 500 + i) for i in range(300))).settles() == pytest.approx(130, abs=0.3)


async def test_the_clock_of_another_machine_that_is_ahead_is_no_reason_to_wait_for_it():
    ahead = Writer((100, 500))
    ahead.look = lambda: (("setpoint.yaml", 1, 500, 4000 * SECOND),)  # type: ignore[method-assign]
    assert await ahead.settles() == pytest.approx(102, abs=0.3)
