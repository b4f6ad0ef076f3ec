"""Real programs: what they are told, what they may not be told, and how they end."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import select
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.actions.command import CommandAction, arguments
from connectors.base import Call, ConnectorError, Misconfigured, Refused, Services, TimedOut
from connectors.template import TemplateError
from tests.connectors.actions.test_webhook_action import CONTEXT, KEY, call
from tests.connectors.notifiers import kit

SECRETS = ("xoxb-Daemon-S3cret",)
Script = Callable[..., str]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Writes a program in Python and gives its path."""

    def write(body: str, name: str = "restart") -> str:
        path = tmp_path / name
        path.write_text(f"#!{sys.executable} -S\nimport os, signal, sys, time\n{body}\n")
        path.chmod(0o755)
        return str(path)

    return write


def action(services: Services, *argv: str, allowed: tuple[str, ...] | None = None, **keys: Any) -> CommandAction:
    config = CommandAction.Config.model_validate({"type": "command", "argv": list(argv), **keys})
    allowed = argv[:1] if allowed is None else allowed
    return CommandAction("restart", config, dataclasses.replace(services, allowed_commands=allowed))


async def failed(made: CommandAction, what: Call | None = None) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        await made.call(what or call())
    kit.leaks_nothing(caught.value, SECRETS)
    assert len(str(caught.value)) < 400
    return caught.value


def held() -> tuple[int, list[str]]:
    """How many files are open, and the children: servers that other tests of this process started among them."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return len(list(Path("/proc/self/fd").iterdir())), children


async def test_a_program_gets_its_arguments_as_they_are(services: Services, script: Script) -> None:
    made = action(
        services, script("print(sys.argv[1:])"), "{{ labels.room }}", "--to={{ at_least + 1 }}", "-v", "{{ value }}"
    )
    room = "a b; rm -rf / $(id) `id` * 'x' \"y\" \\ | & > /tmp/x"
    said = await made.call(call(room=room))
    assert said == f"exit status 0 in 0 ms: {[room, '--to=21', '-v', '18.4']}"


async def test_what_a_program_is_told_and_what_not(
    services: Services, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SETPOINT_SLACK_BOT_TOKEN", SECRETS[0])
    monkeypatch.setenv("DB_PASSWORD", SECRETS[0])
    monkeypatch.setenv("LANG", "C.UTF-8")
    told = script("import json; print(json.dumps(dict(os.environ)))")
    environ = json.loads((await action(services, told).call(call())).partition(": ")[2])
    own = {name: environ.pop(name) for name in list(environ) if name.startswith("SETPOINT_")}
    assert own == {
        "SETPOINT_TARGET": "room",
        "SETPOINT_ALERT": "out-of-band",
        "SETPOINT_LABELS": '{"room":"den","floor":"ground floor"}',
        "SETPOINT_VALUE": "18.4",
        "SETPOINT_CORRECTION": "c-1",
        "SETPOINT_KEY": KEY,
    }
    assert set(environ) <= {"PATH", "LANG", "LC_ALL", "HOME", "TZ", "LC_CTYPE"}  # Python itself sets the last one
    assert environ["PATH"] == os.environ["PATH"]
    nothing = dataclasses.replace(call(), context={**CONTEXT, "value": None})
    assert '"SETPOINT_VALUE": ""' in await action(services, told).call(nothing)


async def test_folder_standard_input_and_open_files(services: Services, script: Script, tmp_path: Path) -> None:
    program = script("print(os.getcwd(), sys.stdin.read() == '', sorted(os.listdir('/proc/self/fd'))[:4])")
    with (tmp_path / "held").open("w") as held:
        os.set_inheritable(held.fileno(), True)
        said = await action(services, program, cwd=str(tmp_path)).call(call())
    assert said.endswith(f"{tmp_path} True ['0', '1', '2', '3']")  # the fourth is that of the listing itself
    assert "exit status 0 in 0 ms: / True" in await action(services, program).call(call())


async def test_another_exit_status_is_no_success_and_is_tried_again(services: Services, script: Script) -> None:
    error = await failed(action(services, script("print('no such\\nservice', file=sys.stderr); sys.exit(3)")))
    assert isinstance(error, Refused)
    assert (str(error), error.permanent, error.status) == ("action restart: exit status 3: no such service", False, 3)
    error = await failed(action(services, script("os.kill(os.getpid(), signal.SIGKILL)")))
    assert isinstance(error, Refused)
    assert str(error) == "action restart: ended by signal 9"


async def test_what_it_says_is_cut_and_clean(services: Services, script: Script) -> None:
    said = await action(services, script("print('x' * 10_000_000)")).call(call())
    assert said == "exit status 0 in 0 ms: " + "x" * 4_096
    said = await action(
        services, script("sys.stdout.buffer.write(b'\\x1b[31mred\\x00\\xff\\xe2\\x80\\xae\\n<b> & ok')")
    ).call(call())
    assert said == "exit status 0 in 0 ms: [31mred � <b> & ok"
    error = await failed(action(services, script("print('x' * 10_000); sys.exit(1)")))
    assert str(error).endswith("x…")


async def test_a_program_that_takes_too_long_is_ended_with_all_it_started(
    services: Services, script: Script, tmp_path: Path
) -> None:
    pids, before = tmp_path / "pids", held()
    deaf = f"""
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = os.fork()
open({str(pids)!r}, "a").write(f"{{os.getpid()}} ")
time.sleep(600)"""
    error = await failed(action(services, script(deaf), timeout="1s"))
    assert isinstance(error, TimedOut)
    assert str(error) == "action restart: the program did not end within 1 s and was killed"
    started = pids.read_text().split()
    assert len(started) == 2
    for pid in started:
        with contextlib.suppress(ProcessLookupError):
            ended = os.pidfd_open(int(pid))
            assert select.select([ended], [], [], 10)[0], "it runs on"
            os.close(ended)
    assert held() == before


async def test_a_program_that_can_tidy_up_does(services: Services, script: Script, tmp_path: Path) -> None:
    tidy = tmp_path / "tidied"
    polite = f"signal.signal(signal.SIGTERM, lambda *_: (open({str(tidy)!r}, 'w'), sys.exit(0)))\ntime.sleep(600)"
    error = await failed(action(services, script(polite), timeout="1s"))
    assert isinstance(error, TimedOut)
    assert tidy.exists()


async def test_who_gives_up_leaves_no_program(services: Services, script: Script, tmp_path: Path) -> None:
    started, before = tmp_path / "started", held()
    os.mkfifo(started)
    made = action(services, script(f"open({str(started)!r}, 'w').close(); time.sleep(600)"))
    calling = asyncio.create_task(made.call(call()))
    await asyncio.to_thread(lambda: started.open().close())
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    assert held() == before


async def test_a_program_can_tidy_up_when_it_is_given_up(services: Services, script: Script, tmp_path: Path) -> None:
    started, tidy = tmp_path / "started", tmp_path / "tidied"
    os.mkfifo(started)
    polite = f"signal.signal(signal.SIGTERM, lambda *_: (open({str(tidy)!r}, 'w'), sys.exit(0)))"
    # it says so once the daemon surely knows that it has begun
    made = action(services, script(f"{polite}\ntime.sleep(0.3)\nopen({str(started)!r}, 'w').close(); time.sleep(600)"))
    calling = asyncio.create_task(made.call(call()))
    await asyncio.to_thread(lambda: started.open().close())
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    assert tidy.exists()


async def test_what_goes_on_in_the_background_is_not_waited_for(services: Services, script: Script) -> None:
    before = held()
    made = action(services, script("print('begun', flush=True)\nif not os.fork(): os.setsid(); time.sleep(20)"))
    async with asyncio.timeout(10):
        assert await made.call(call()) == "exit status 0 in 0 ms: begun"
    assert held() == before


async def test_many_calls_leave_nothing_open(services: Services, script: Script) -> None:
    made = action(services, script("print(1)"))
    await made.call(call())
    before = held()
    await asyncio.gather(*(made.call(call()) for _ in range(20)))
    assert held() == before


async def test_programs_that_can_not_be_run(services: Services, script: Script, tmp_path: Path) -> None:
    nowhere, plain, empty = str(tmp_path / "nowhere"), tmp_path / "plain", tmp_path / "empty"
    plain.write_text("echo no")
    empty.write_bytes(b"\x7fELF nonsense")
    empty.chmod(0o755)
    before = held()
    for argv, keys, words in [
        ((nowhere,), {}, f"{nowhere}: no such file or directory"),
        ((str(plain),), {}, "permission denied"),
        ((str(tmp_path),), {}, "permission denied"),
        ((str(empty),), {}, "exec format error"),
        ((script("print(1)"),), {"cwd": nowhere}, f"{nowhere}: no such file or directory"),
        ((script("print(1)"), "{{ labels.room }}"), {}, "argument list too long"),
    ]:
        error = await failed(action(services, *argv, **keys), call(other="r" * 200_000 if len(argv) > 1 else "r"))
        assert isinstance(error, Misconfigured)
        assert words in str(error)
    assert held() == before


@pytest.mark.parametrize("room", ["-rf", "--help", "-", "-9", "-1e3", "-o/tmp/x", "a\0b", "\ud800"])
async def test_a_label_is_never_an_option(services: Services, script: Script, room: str) -> None:
    error = await failed(action(services, script("print(sys.argv)"), "{{ labels.room }}"), call(room=room))
    assert isinstance(error, Misconfigured)
    if room.startswith("-"):
        assert "begins with -, so the program would take it for an option; write it as --name={{ labels.room }}" in str(
            error
        )


@given(st.text(max_size=20))
def test_no_text_is_an_option_or_more_than_one_argument(room: str) -> None:
    context = {**CONTEXT, "labels": {"room": room}}
    try:
        found = arguments(["/bin/x", "{{ labels.room }}", "--room={{ labels.room }}"], context)
    except TemplateError:
        return
    assert found == ["/bin/x", room, f"--room={room}"]
    assert not room.startswith("-")


def test_a_number_below_zero_is_no_option() -> None:
    assert arguments(["/bin/x", "{{ value }}", "-{{ labels.room }}"], {**CONTEXT, "value": -18.5}) == [
        "/bin/x",
        "-18.5",
        "-den",
    ]
    with pytest.raises(TemplateError):
        arguments(["/bin/x", "{{ labels.n }}"], {"labels": {"n": "-9"}})


async def test_only_what_is_allowed_is_run(services: Services, script: Script, tmp_path: Path) -> None:
    program, other = script("print('ran')"), script("print('other')", "other")
    for allowed in ((), (other,), (program + "x",), (str(tmp_path),)):
        error = await failed(action(services, program, allowed=allowed))
        assert isinstance(error, Misconfigured)
        assert f"SETPOINT_ALLOWED_COMMANDS does not allow {program}" in str(error)


def test_links_to_programs(tmp_path: Path) -> None:
    real, link, folder = tmp_path / "busybox", tmp_path / "ls", tmp_path / "bin"
    shutil.copy("/bin/true", real)
    link.symlink_to(real)
    (tmp_path / "sh").symlink_to(real)
    folder.symlink_to(tmp_path)
    loop = tmp_path / "loop"
    loop.symlink_to(loop)

    def may_run(program: Path, *allowed: Path) -> bool:
        made = CommandAction.Config.model_validate({"type": "command", "argv": [str(program)]})
        return bool(made.may_run([str(path) for path in allowed]))

    assert may_run(link, real)  # what runs is what is allowed
    assert may_run(link, link)
    assert may_run(folder / "ls", link)  # the same file by another way
    assert may_run(link, folder / "ls")
    assert not may_run(tmp_path / "sh", link)  # the same file, but another program
    assert not may_run(real, link)
    assert not may_run(link)
    assert not may_run(loop, real)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"argv": []}, "at least 1 item"),
        ({"argv": "/bin/true"}, "list"),
        ({"argv": ["true"]}, "absolute path"),
        ({"argv": ["./true"]}, "absolute path"),
        ({"argv": ["/bin/../bin/true"]}, "absolute path"),
        ({"argv": ["/bin/{{ labels.room }}"]}, "can be no template"),
        ({"argv": ["{{ labels.room }}"]}, "can be no template"),
        ({"argv": ["/bin/true", "{{ labls.room }}"]}, "did you mean labels?"),
        ({"argv": ["/bin/true"], "cwd": "data"}, "absolute path"),
        ({"argv": ["/bin/true"], "shell": True}, "shell"),
        ({"argv": ["/bin/true"], "timeout": "0s"}, "longer than nothing"),
    ],
)
def test_mistakes_are_found_when_it_is_loaded(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        CommandAction.Config.model_validate({"type": "command", **keys})
    assert words in str(refused.value)


def test_what_would_be_called_is_said() -> None:
    made = CommandAction.Config.model_validate({"type": "command", "argv": ["/bin/x", "{{ labels.floor }}"]})
    assert made.preview(CONTEXT) == "run /bin/x 'ground floor'"
    assert [path for path, _ in made.templates()] == [("thing",), ("argv", 0), ("argv", 1)]


def test_what_sounds_secret_is_not_said() -> None:
    argv = ["/bin/x", "--password=S3cret", "--api-key", "S3cret", "--token", "--why=too hot", "-v", "open"]
    made = CommandAction.Config.model_validate({"type": "command", "argv": argv})
    assert made.preview(CONTEXT) == "run /bin/x --password=*** --api-key *** --token *** -v open"
