"""The daemon as users run it: the process `setpoint run`, with its own folder, file and port."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from agent.store.postgres_connection import translated
from tests.acceptance.waiting import Happenings
from tests.databases import Databases
from tests.servers import free_port

PROGRAM = Path(sys.executable).with_name("setpoint")
START = 60.0  # seconds, on a busy machine
STOP = 20.0  # it gives itself 8 s for what hangs; on a busy machine its end takes its time


class Daemon:
    """One daemon after another on the same database. `log` holds the log lines of all of them, `out` what they print."""

    def __init__(
        self,
        folder: Path,
        happenings: Happenings,
        environ: Mapping[str, str] | None = None,
        server: tuple[Databases, str] | None = None,
    ) -> None:
        self.folder = folder
        self.happenings = happenings
        self.config = folder / "setpoint.yaml"
        self.database = folder / "setpoint.db"
        self.server = server  # PostgreSQL with the database's address, instead of the file
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "SETPOINT_CONFIG": str(self.config),
            "SETPOINT_DATABASE_URL": server[1] if server else f"sqlite:///{self.database}",
            "SETPOINT_LISTEN": f"127.0.0.1:{self.port}",
            "SETPOINT_LOG_FORMAT": "json",
            **(environ or {}),
        }
        self.log: list[dict[str, Any]] = []
        self.out: list[str] = []
        self.process: asyncio.subprocess.Process | None = None
        self._end: asyncio.Future[Any]

    # the process

    def configure(self, config: Mapping[str, Any] | str) -> None:
        """Writes the configuration as an editor does: a new file takes the place of the old one."""
        text = config if isinstance(config, str) else yaml.safe_dump(config, sort_keys=False)
        new = self.folder / "setpoint.yaml.new"
        new.write_text(text, encoding="utf-8")
        new.replace(self.config)

    async def launch(self, **environ: str) -> tuple[asyncio.subprocess.Process, asyncio.Future[Any]]:
        """Starts the process without waiting for it to be ready; the future is done when all it said was read."""
        process = await asyncio.create_subprocess_exec(
            PROGRAM,
            "run",
            cwd=self.folder,
            env={**self.environ, **environ},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=2**24,
        )
        return process, asyncio.gather(
            self._read(process.stdout, errors=False), self._read(process.stderr, errors=True), process.wait()
        )

    async def start(self) -> None:
        """Starts it and returns once it says that it is ready."""
        since = len(self.log)
        process, self._end = await self.launch()
        self.process = process

        def up() -> bool:
            assert process.returncode is None, f"the daemon ended with {process.returncode}"
            return any(line.get("event") == "setpoint.started" for line in self.log[since:])

        await self.happenings.until(up, "the daemon has started", START)
        assert await self.status("/-/ready") == 200

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.returncode is None

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    async def kill(self) -> None:
        """kill -9."""
        self.signal(signal.SIGKILL)
        await self._ended()

    async def stop(self) -> None:
        """SIGTERM; it has to end by itself, in time, with exit status 0."""
        self.signal(signal.SIGTERM)
        status = await self._ended()
        assert status == 0, f"exit status {status} after SIGTERM"

    async def _ended(self) -> int:
        assert self.process is not None
        return await _in_time(self.process, self._end, STOP)

    async def end(self) -> None:
        """Whatever state it is in, it runs no more."""
        if self.running:
            self.signal(signal.SIGKILL)
            await self._ended()

    async def refused(self, **environ: str) -> tuple[int, str]:
        """Exit status and words of a daemon that can't start."""
        said = len(self.log)
        status = await _in_time(*await self.launch(**environ), START)
        return status, "\n".join(line.get("text") or json.dumps(line) for line in self.log[said:])

    async def _read(self, stream: asyncio.StreamReader | None, *, errors: bool) -> None:
        assert stream is not None
        async for line in stream:
            text = line.decode("utf-8", "replace").rstrip("\n")
            self._take(text, errors=errors)
        self.happenings.tell()

    def _take(self, text: str, *, errors: bool) -> None:
        if not text.startswith("{"):
            (self.log.append({"text": text}) if errors else self.out.append(text))
            self.happenings.tell()
            return
        line = json.loads(text)
        self.log.append(line)
        if line.get("event") != "http.request":  # our own questions are no news
            self.happenings.tell()

    def tail(self, lines: int = 60) -> str:
        """The end of log and output, for a failed test."""
        log = [line.get("text") or json.dumps(line) for line in self.log[-lines:]]
        return "\n".join(["--- log", *log, "--- output", *self.out[-lines:]])

    def said(self, event: str, **facts: Any) -> list[dict[str, Any]]:
        """Log lines of an event, with these facts."""
        found = (line for line in self.log if line.get("event") == event)
        return [line for line in found if all(line.get(name) == value for name, value in facts.items())]

    # its faces

    async def request(self, method: str, path: str, **how: Any) -> tuple[int, str, Mapping[str, str]]:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
            session.request(method, self.url + path, **how) as answer,
        ):
            return answer.status, await answer.text(), answer.headers

    async def status(self, path: str, method: str = "GET", **how: Any) -> int:
        return (await self.request(method, path, **how))[0]

    async def get(self, path: str) -> Any:
        """The JSON answer of the API below /api/v1/."""
        status, text, _ = await self.request("GET", f"/api/v1/{path}")
        assert status == 200, text
        return json.loads(text)

    def memory(self, of: str = "VmRSS") -> int:
        """Bytes, from /proc: VmRSS now, VmHWM at most so far."""
        for line in Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith(f"{of}:"):
                return int(line.split()[1]) * 1024
        raise AssertionError(of)

    # its database

    def rows(self, sql: str, *values: Any) -> list[Any]:
        """Read beside the daemon, as any tool may."""
        if self.server is not None:
            databases, url = self.server
            return databases.run(url, translated(sql)[0], *values)
        with closing(sqlite3.connect(f"{self.database.as_uri()}?mode=ro", uri=True, timeout=10)) as connection:
            connection.row_factory = sqlite3.Row
            return connection.execute(sql, values).fetchall()

    def change(self, sql: str, *values: Any) -> None:
        """Written while no daemon runs."""
        if self.server is not None:
            self.rows(sql, *values)
            return
        with closing(sqlite3.connect(self.database)) as connection, connection:
            connection.execute(sql, values)

    def changes(self) -> list[Any]:
        """The transitions that are told: firing and resolved, in order."""
        return self.rows(
            "SELECT * FROM transitions WHERE event = 'resolved' OR (event = 'firing' AND before <> 'recovering') ORDER BY id"
        )

    def check_database(self) -> None:
        """It is whole."""
        damage: list[str] = []
        if self.server is not None:
            databases, url = self.server
            damage = databases.damage(url)
        elif self.database.exists():
            damage = [row[0] for row in self.rows("PRAGMA integrity_check") if row[0] != "ok"]
        assert not damage, f"the database is not whole: {'; '.join(damage)}"

    def tables(self) -> list[str]:
        """None where no daemon has made any; on SQLite there is no file then."""
        catalogue = "SELECT name FROM sqlite_master WHERE type = 'table'"
        if self.server is not None:
            catalogue = "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'"
        elif not self.database.exists():
            return []
        return [row["name"] for row in self.rows(catalogue)]

    def dump(self) -> str:
        """Every value in it, as text."""
        return "\n".join(str(tuple(row)) for table in self.tables() for row in self.rows(f'SELECT * FROM "{table}"'))


async def _in_time(process: asyncio.subprocess.Process, end: asyncio.Future[Any], seconds: float) -> int:
    """The exit status of a process that has to end by itself."""
    try:
        async with asyncio.timeout(seconds):
            await asyncio.shield(end)  # who kills it waits for the same end
    except TimeoutError:
        process.kill()
        raise AssertionError(f"the daemon did not end within {seconds:g} s") from None
    assert process.returncode is not None
    return process.returncode
