"""A corrective call that runs a program: no shell, and only programs that the process's settings allow."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import signal
from collections.abc import Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import PurePosixPath as Pure
from typing import TYPE_CHECKING, Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, Field

from connectors import fields
from connectors.base import Call, ConnectorError, Misconfigured, Refused, Services, TimedOut
from connectors.bodies import Path
from connectors.calling import ActionConfig, Template, shown_arguments
from connectors.template import TemplateError, render
from rules.model import SECOND

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

_OUTPUT = 4_096  # bytes of what the program says that are kept
_IN_ERROR = 200  # characters of it in the message of an error
_SHOWN = 300
_KEPT = ("PATH", "LANG", "LC_ALL", "HOME", "TZ")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_GRACE_SECONDS = 2.0
_REST_SECONDS = 0.2  # what a program that ended has said is there at once; who inherited its output may go on for ever
_NEGATIVE = re.compile(r"-(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_LATER = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ETXTBSY})


def _check_argv(argv: list[str]) -> list[str]:
    if "{" in argv[0]:
        raise ValueError("begins with the program, which can be no template")
    if not argv[0].startswith("/") or ".." in Pure(argv[0]).parts or argv[0].endswith("/"):
        raise ValueError("begins with the program's absolute path, for example /usr/local/bin/restart")
    return argv


def _check_folder(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError("has to be an absolute path")
    return text


class CommandActionConfig(ActionConfig):
    """Keys of an action of type `command`. The program is the first of `argv`, its arguments are templates."""

    type: Literal["command"]
    argv: Annotated[list[Template], Field(min_length=1), AfterValidator(_check_argv)]
    cwd: Annotated[str, AfterValidator(_check_folder)] = "/"
    timeout: fields.Span = 30 * SECOND

    @property
    def program(self) -> str:
        """The path of what is run, which has to be one of the process's allowed commands."""
        return self.argv[0]

    def may_run(self, allowed: Iterable[str]) -> bool:
        """Whether the program is one of those that are allowed: under its own name, or as what it is a link to.

        Links of folders are followed on both sides. A name that is allowed is not followed, because one file may be
        many programs by its names (busybox), and only that one was meant.
        """
        names = {_in_its_folder(path) for path in allowed}
        return _in_its_folder(self.program) in names or os.path.realpath(self.program) in names

    def preview(self, context: Mapping[str, Any]) -> str:
        """The command line; `***` stands for what is given to an option that sounds secret."""
        said = f"run {shown_arguments(arguments(self.argv, context))}"
        return said if len(said) <= _SHOWN else said[: _SHOWN - 1] + "…"

    def templates(self) -> Iterator[tuple[Path, str]]:
        """Every template with the path of its key."""
        yield from super().templates()
        yield from ((("argv", index), text) for index, text in enumerate(self.argv))


def _in_its_folder(path: str) -> str:
    folder, name = os.path.split(path)
    return f"{os.path.realpath(folder).rstrip('/')}/{name}"


def arguments(argv: list[str], context: Mapping[str, Any]) -> list[str]:
    """The command line for a call. Raises TemplateError, also where a value would be taken for an option."""
    found = [argv[0]]
    for text in argv[1:]:
        made = render(text, context)
        if "\0" in made:
            raise TemplateError("an argument holds a zero byte")
        if made.startswith("-") and not text.startswith("-"):
            number = _NEGATIVE.fullmatch(made) and "labels" not in text
            if not number:
                said = "an argument made of a value begins with -, so the program would take it for an option"
                raise TemplateError(f"{said}; write it as --name={text}, or - in front of the template")
        found.append(made)
    return found


class _Output(asyncio.Protocol):
    """Takes what a program says, and keeps the beginning."""

    def __init__(self) -> None:
        self.kept = bytearray()
        self.ended = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.kept += data[: _OUTPUT - len(self.kept)]

    def connection_lost(self, _error: Exception | None) -> None:
        self.ended.set()

    def line(self) -> str:
        """As one clean line."""
        text = self.kept.decode("utf-8", "replace")
        return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


class CommandAction:
    """Runs the program, with the facts in its environment; of the daemon's it has only what holds no secret."""

    Config = CommandActionConfig

    def __init__(self, name: str, config: CommandActionConfig, services: Services) -> None:
        self._name = name
        self._config = config
        self._services = services

    async def call(self, call: Call) -> str:
        """Runs it to its end; exit status 0 is an answer, which proves nothing yet. Raises ConnectorError."""
        try:
            argv, environ = arguments(self._config.argv, call.context), _environ(call)
        except (TemplateError, orjson.JSONEncodeError) as error:
            raise Misconfigured(f"action {self._name}: {error}") from None
        if not self._config.may_run(self._services.allowed_commands):
            raise Misconfigured(f"action {self._name}: SETPOINT_ALLOWED_COMMANDS does not allow {argv[0]}")
        started = self._services.now()
        output = _Output()
        async with self._running(argv, environ, output) as process:
            status = await self._ended(process)
            with suppress(TimeoutError):
                async with asyncio.timeout(_REST_SECONDS):
                    await output.ended.wait()
        said = output.line()
        if status != 0:
            how = f"ended by signal {-status}" if status < 0 else f"exit status {status}"
            said = said if len(said) <= _IN_ERROR else f"{said[: _IN_ERROR - 1]}…"
            raise Refused(f"action {self._name}: {how}" + (f": {said}" if said else ""), status=status)
        took = max(self._services.now() - started, 0) // 1_000
        return f"exit status 0 in {took} ms" + (f": {said}" if said else "")

    async def close(self) -> None:
        """Nothing is held open."""

    @asynccontextmanager
    async def _running(self, argv: list[str], environ: dict[str, str], output: _Output) -> AsyncIterator[Process]:
        """The program, in a session of its own; all that is left of it is killed if it is left before its end."""
        reading, writing = os.pipe()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: output, os.fdopen(reading, "rb", buffering=0)
        )
        try:
            try:
                process = await asyncio.create_subprocess_exec(
                    *argv,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=writing,
                    stderr=writing,
                    env=environ,
                    cwd=self._config.cwd,
                    start_new_session=True,
                )
            except (OSError, ValueError) as error:
                raise self._not_started(error) from None
            finally:
                os.close(writing)
            try:
                yield process
            finally:
                if process.returncode is None:
                    await _end(process)
        finally:
            transport.close()
            await output.ended.wait()

    async def _ended(self, process: Process) -> int:
        """The exit status. After `timeout` the program and all that it started are told to end, then made to."""
        seconds = self._config.timeout / SECOND
        try:
            async with asyncio.timeout(seconds):
                return await process.wait()
        except TimeoutError:
            await _end(process)
            raise TimedOut(
                f"action {self._name}: the program did not end within {seconds:g} s and was killed"
            ) from None

    def _not_started(self, error: OSError | ValueError) -> ConnectorError:
        if not isinstance(error, OSError):
            return Misconfigured(f"action {self._name}: can't be given to a program: {error}")
        what = f"{error.filename}: " if error.filename else ""
        said = f"action {self._name}: {what}{os.strerror(error.errno or 0).lower()}"
        return Refused(said) if error.errno in _LATER else Misconfigured(said)


async def _end(process: Process) -> None:
    """Tells the program and all that it started to end; what is left of them after two seconds is killed."""
    _signal(process, signal.SIGTERM)
    try:
        async with asyncio.timeout(_GRACE_SECONDS):
            await process.wait()
    except TimeoutError:
        pass
    finally:
        _signal(process, signal.SIGKILL)
    await process.wait()


def _signal(process: Process, number: signal.Signals) -> None:
    """To the program and all that it started and that has not left its group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _environ(call: Call) -> dict[str, str]:
    """What the program is told. Raises JSONEncodeError."""
    context, value = call.context, call.context.get("value")
    facts = {
        "SETPOINT_TARGET": str(context.get("target", "")),
        "SETPOINT_ALERT": str(context.get("alert", "")),
        "SETPOINT_LABELS": orjson.dumps(context.get("labels", {})).decode(),
        "SETPOINT_VALUE": "" if value is None else str(value),
        "SETPOINT_CORRECTION": str(context.get("correction", "")),
        "SETPOINT_KEY": call.key,
    }
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {"PATH": _PATH, **kept, **facts}
