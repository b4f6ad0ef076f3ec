"""The log as it is read: lines on standard error. Everything goes through `configure`, as in the daemon."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent import log as logs
from agent.log import MASK, configure, mask

SECRET = "s3cr3t-Tok€n"
log = structlog.get_logger()


@pytest.fixture(autouse=True)
def restored():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    logging.captureWarnings(capture=False)
    for name in ("aiohttp.access", "httpcore", "httpx", "slack_sdk"):
        logging.getLogger(name).setLevel(logging.NOTSET)
    root.handlers, root.level = handlers, level
    mask(())


@pytest.fixture
def lines(capsys) -> Callable[[], list[dict]]:
    configure("json", "info", [SECRET])
    return lambda: [json.loads(line) for line in capsys.readouterr().err.split("\n") if line]


def test_a_line_is_json_with_level_and_time(lines):
    log.info("poll", source="a", took_ms=3, ok=True, nothing=None)
    (line,) = lines()
    at = datetime.fromisoformat(line.pop("timestamp"))
    assert at.tzinfo == UTC
    assert line == {"event": "poll", "level": "info", "source": "a", "took_ms": 3, "ok": True, "nothing": None}


def test_what_is_below_the_level_is_left_out_and_follows_a_change(lines, capsys):
    log.debug("no")
    configure("json", "debug")
    log.debug("yes")
    configure("json", "error")
    log.warning("no")
    assert [line["event"] for line in lines()] == ["yes"]


def test_a_logger_used_before_follows_a_new_format(lines, capsys):
    log.info("json")
    assert lines()[0]["event"] == "json"
    configure("console", "info")
    log.info("words", of="it")
    said = capsys.readouterr().err
    assert "words" in said
    assert "of=it" in said
    assert "{" not in said


def raise_with(text: str) -> None:
    raise ValueError(f"can't log in with {text}")


@dataclass
class Holder:
    token: str


class Unshowable:
    def __str__(self) -> str:
        raise RuntimeError("never")


@pytest.mark.parametrize("format_", ["json", "console"])
def test_a_secret_is_masked_wherever_it_is(format_, capsys):
    configure(format_, "info", [SECRET])
    words = f"with {SECRET}"
    log.info(words, a=SECRET, deep={"x": [{"y": (f"<{SECRET}>",)}], SECRET: 1}, of={SECRET})
    log.info("objects", holder=Holder(SECRET), path=Path(f"/x/{SECRET}"), error=ValueError(SECRET), raw=SECRET.encode())
    log.bind(**{SECRET: 1}).info("key")
    try:
        raise_with(SECRET)
    except ValueError:
        log.exception("failed")
        logging.getLogger("library").exception("failed with %s", SECRET)
    log.error("again", exc_info=ValueError(SECRET))
    said = capsys.readouterr().err
    assert said.count("can't log in with") >= 2
    assert MASK in said
    assert SECRET not in said
    assert "s3cr3t" not in said


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ("smtp://me:pa%40ss-word@mail.example.com", "535 pa@ss-word was refused; pa%40ss-word too"),
        ("https://hooks.example.com/services/T0/B0/Xyz12", "cannot POST /services/T0/B0/Xyz12"),
        ("https://x.example.com/?key=Kq7", "no key=Kq7"),
        ('quo"te\\back', repr(KeyError('quo"te\\back'))),
        ("a b/c?d", "GET /in?token=a%20b%2Fc%3Fd"),
    ],
)  # fmt: skip
def test_the_telling_parts_and_other_forms_of_a_secret_are_masked_too(lines, secret, said):
    mask([secret])
    log.info("said", error=said)
    found = lines()[0]["error"]
    assert MASK in found
    for part in ("pa@ss", "pa%40", "Xyz12", "Kq7", "back", "a%20b"):
        assert part not in found


def test_short_secrets_and_short_paths_do_not_riddle_the_log(lines):
    mask(["abc", "", "http://x/in"])
    log.info("abc of /in")
    assert lines()[0]["event"] == "abc of /in"


@pytest.mark.parametrize(
    "value",
    [
        2**70, -(2**65), float("nan"), float("inf"), b"\xff\x00", "lone \ud800 surrogate", Unshowable(), object(),
        {1: 2, (3, 4): 5, None: 6}, {1, 2}, Path("/x"), datetime(2026, 1, 1, tzinfo=UTC), lambda: 1, "\x00\x1b[2J", Exception,
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
@pytest.mark.parametrize("format_", ["json", "console"])
def test_any_value_makes_one_line(format_, value, capsys):
    configure(format_, "info", [SECRET])
    log.info("odd", value=value, inside=[{"x": value}])
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "\x1b" not in said
    if format_ == "json":
        assert json.loads(said)["event"] == "odd"


def test_what_contains_itself_ends(lines):
    circle: list = []
    circle.append(circle)
    log.info("circle", value=circle)
    assert lines()[0]["event"] == "circle"


@given(
    st.recursive(
        st.none() | st.integers() | st.floats() | st.text() | st.binary(),
        lambda x: st.lists(x) | st.dictionaries(st.text() | st.integers(), x),
    )
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_tree_of_values_is_valid_json_without_the_secret(lines, tree):
    log.info("tree", value=tree, marked=[tree, f"{SECRET}"])
    (line,) = lines()
    assert SECRET not in json.dumps(line, ensure_ascii=False)


def test_a_value_can_not_forge_a_line_on_a_terminal(capsys):
    configure("console", "info")
    log.info("poll", error="no\n2026-01-01 [info] all is well\r\x1b[1A")
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "\\n2026" in said


class TestLibraries:
    def test_they_are_heard_from_warning_on_never_below(self, lines):
        configure("json", "debug")
        library = logging.getLogger("some.library")
        library.debug("details")
        library.info("more")
        library.warning("%d of %d", 3, 4)
        library.log(35, "between")
        (first, second) = lines()
        assert (first["event"], first["level"], first["logger"]) == ("3 of 4", "warning", "some.library")
        assert (second["event"], second["level"]) == ("between", "warning")

    @pytest.mark.parametrize("name", ["httpx", "httpcore.http11", "aiohttp.access"])
    def test_those_that_write_addresses_are_quiet(self, lines, name):
        configure("json", "debug")
        logging.getLogger(name).info("GET https://hooks.example.com/T0/B0/Secret")
        logging.getLogger(name).debug("POST https://hooks.example.com/T0/B0/Secret")
        assert lines() == []

    def test_a_line_that_can_not_be_formatted_is_kept_and_masked(self, lines):
        ours = next(one for one in logging.getLogger().handlers if isinstance(one, logs._ToStructlog))
        ours.handle(logging.LogRecord("x", logging.ERROR, "", 1, f"{SECRET} %d and %d", ("one",), None))
        (line,) = lines()
        assert MASK in line["event"]
        assert line["event"].endswith("('one',)")

    def test_percent_signs_in_the_text_are_text(self, lines):
        logging.getLogger("x").warning("100%% of %s", "it%s")
        log.warning("50% of %d")
        assert [line["event"] for line in lines()] == ["100% of it%s", "50% of %d"]

    def test_asyncio_s_own_words_come_through(self, lines):
        try:
            raise_with(SECRET)
        except ValueError as error:
            logging.getLogger("asyncio").log(logging.ERROR, "Task exception was never retrieved", exc_info=error)
        (line,) = lines()
        assert "raise_with" in line["exception"]
        assert SECRET not in line["exception"]


class TestBrokenOutput:
    def test_a_closed_or_missing_stream_loses_lines_only(self, monkeypatch):
        for stream in (None, _closed(), _Full()):
            monkeypatch.setattr(sys, "stderr", stream)
            configure(None, "info")
            log.info("lost")
            logging.getLogger("x").warning("lost")

    def test_it_is_heard_again_when_the_stream_is(self, monkeypatch, capsys):
        configure("json", "info")
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", _closed())
            log.info("lost")
        log.info("heard")
        assert "heard" in capsys.readouterr().err

    @pytest.mark.parametrize("format_", ["json", "console"])
    def test_a_process_whose_reader_is_gone_goes_on(self, format_):
        """The reader closes the pipe, as `setpoint run 2>&1 | head` does."""
        program = (
            "import sys\nfrom agent import log\nimport structlog\n"
            f"log.configure({format_!r}, 'info')\nlogger = structlog.get_logger()\n"
            "sys.stdin.readline()\n"
            "for i in range(3000): logger.info('line', i=i, text='x' * 100)\n"
            "print('done', flush=True)\n"
        )
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen([sys.executable, "-c", program], **pipes) as child:
            child.stderr.close()
            child.stdin.write(b"go\n")
            child.stdin.flush()
            assert child.stdout.read() == b"done\n"
            child.stdin.close()
            child.wait(10)
        assert child.returncode in {0, 120}  # 120: Python could not flush standard error at its very end

    def test_a_process_that_began_without_standard_error(self):
        program = (
            "from agent import log; log.configure(None, 'info'); import structlog; structlog.get_logger().info('x')"
        )
        ended = subprocess.run(
            ["/bin/sh", "-c", 'exec "$0" -c "$1" 2>&-', sys.executable, program], check=False, timeout=10
        )
        assert ended.returncode == 0


class _Full(io.StringIO):
    def write(self, _text: str) -> int:
        raise OSError(28, "No space left on device")


def _closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


def test_unknown_levels_are_refused():
    with pytest.raises(KeyError):
        configure("json", "loud")
    assert logs.MASK == "***"
