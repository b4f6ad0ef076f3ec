"""Log lines as they leave the process: what is in them, and what never is."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from yarl import URL

from agent import log

SECRET = "s3cr3t tok/en"


class Stderr:
    """What was written so far."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._text = ""

    def text(self) -> str:
        self._text += self._capsys.readouterr().err
        return self._text

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text().splitlines()]


@pytest.fixture
def stderr(capsys: pytest.CaptureFixture[str]) -> Iterator[Stderr]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield Stderr(capsys)
    logging.captureWarnings(capture=False)
    root.handlers, root.level = handlers, level
    logging.getLogger("slack_sdk").setLevel(logging.NOTSET)
    log.mask(())
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()


def crash(text: str) -> None:
    raise RuntimeError(text) from OSError(text)


def test_a_line_of_json(stderr: Stderr) -> None:
    log.configure("json", "info")
    structlog.get_logger().info("source.back", source="shop", tries=3)
    (line,) = stderr.lines()
    assert list(line)[:3] == ["timestamp", "level", "event"]
    assert (line["level"], line["event"], line["source"], line["tries"]) == ("info", "source.back", "shop", 3)
    assert line["timestamp"].endswith("Z")
    assert line["timestamp"][10] == "T"


def test_a_line_for_a_terminal(stderr: Stderr) -> None:
    log.configure("console", "info", [SECRET])
    structlog.get_logger().warning("source.failing", source="shop", error=f"no {SECRET}")
    assert "source.failing" in stderr.text()
    assert "source=shop" in stderr.text()
    assert SECRET not in stderr.text()


@pytest.mark.parametrize(("level", "heard"), [("debug", 3), ("info", 2), ("WARNING", 1), ("error", 0)])
def test_levels(stderr: Stderr, level: str, heard: int) -> None:
    log.configure("json", level)
    logger = structlog.get_logger()
    logger.debug("a")
    logger.info("b")
    logger.warning("c")
    assert len(stderr.lines()) == heard


def test_an_unknown_level_is_refused(stderr: Stderr) -> None:
    with pytest.raises(KeyError):
        log.configure("json", "loud")
    assert stderr.text() == ""


@pytest.mark.parametrize("format_", ["json", "console"])
def test_a_secret_is_in_no_line_however_it_gets_there(stderr: Stderr, format_: str) -> None:
    log.configure(format_, "info", [SECRET, "other-secret", "abc"])
    logger = structlog.get_logger()
    structlog.contextvars.bind_contextvars(request=SECRET)
    logger.info(
        SECRET,
        error=ValueError(SECRET),
        path=Path("/x") / SECRET,
        url=URL("https://h/") % {"key": SECRET},
        encoded="?key=s3cr3t%20tok%2Fen",
        nested={"list": [SECRET, (SECRET,), {SECRET}], SECRET: 1},
        raw=SECRET.encode(),
    )
    try:
        crash(SECRET)
    except RuntimeError:
        logger.exception("crashed")
    logging.getLogger("library").error("said %s and other-secret", SECRET, exc_info=OSError(SECRET))
    text = stderr.text()
    assert text.count(log.MASK) > 12
    for secret in (SECRET, "other-secret", "tok%2Fen"):
        assert secret not in text
    assert "RuntimeError" in text


def test_a_reload_masks_the_new_secrets(stderr: Stderr) -> None:
    log.configure("json", "info", ["first-secret"])
    logger = structlog.get_logger()
    log.mask(["second-secret"])
    logger.info("first-secret second-secret abc")
    assert stderr.lines()[0]["event"] == "first-secret *** abc"


def test_short_secrets_do_not_riddle_the_log(stderr: Stderr) -> None:
    log.configure("json", "info", ["", "a", "the"])
    structlog.get_logger().info("the cat", number=1, on=True, none=None)
    line = stderr.lines()[0]
    assert (line["event"], line["number"], line["on"], line["none"]) == ("the cat", 1, True, None)


def test_what_json_can_not_hold_is_logged_all_the_same(stderr: Stderr) -> None:
    log.configure("json", "info")
    structlog.get_logger().info("odd", big=2**70, half="\ud800", one={1: 2}, error=ValueError("x"))
    (line,) = stderr.lines()
    assert (line["big"], line["error"]) == (2**70, "x")


def test_libraries_are_heard_from_warnings_on(stderr: Stderr) -> None:
    log.configure("json", "debug")
    for name in ("aiohttp.client", "apscheduler.scheduler", "httpx", "asyncio"):
        logging.getLogger(name).info("quiet")
        logging.getLogger(name).warning("loud %s", name)
    logging.getLogger("slack_sdk.web").debug("https://hooks.slack.com/services/secret")
    logging.getLogger("slack_sdk.web").info("told")
    heard = [(line["logger"], line["level"], line["event"]) for line in stderr.lines()]
    assert heard == [
        ("aiohttp.client", "warning", "loud aiohttp.client"),
        ("apscheduler.scheduler", "warning", "loud apscheduler.scheduler"),
        ("httpx", "warning", "loud httpx"),
        ("asyncio", "warning", "loud asyncio"),
        ("slack_sdk.web", "info", "told"),
    ]


def test_a_library_that_logs_badly_does_no_harm(stderr: Stderr) -> None:
    log.configure("json", "info")
    logging.getLogger("library").log(35, "between the levels")
    logging.getLogger("library").warning("no number: %d", "x")
    first, second = stderr.lines()
    assert (first["level"], first["event"]) == ("warning", "between the levels")
    assert second["event"] == "no number: %d ('x',)"


def test_warnings_of_python_are_lines_too(stderr: Stderr) -> None:
    log.configure("json", "info")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn("old way", DeprecationWarning, stacklevel=1)
    (line,) = stderr.lines()
    assert line["logger"] == "py.warnings"
    assert "DeprecationWarning: old way" in line["event"]
