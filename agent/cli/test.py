"""`setpoint test`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli.options import Unusable, environment, json_option, print_json, print_lines

if TYPE_CHECKING:
    from agent.config.errors import ConfigError
    from agent.testing.reading import TestFile
    from agent.testing.saying import Outcome


@click.command("test", short_help="Test targets by files of readings and expectations.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--run", "pattern", metavar="PATTERN", help="Only tests whose name has this regular expression in it.")
@click.option("--junit", metavar="PATH", help="Also write the outcome as JUnit XML.")
@json_option
def command(files: tuple[str, ...], pattern: str | None, junit: str | None, as_json: bool) -> None:
    """Test targets: play readings to them in virtual time, and compare what comes of it with what a FILE expects.

    The files have the form of promtool test rules. Nothing is read from sources, stored or sent. Exit status: 0 all is
    as expected, 1 something is not, 2 a file or its configuration can't be used.

    \b
    Examples:
      setpoint test room_test.yaml
      setpoint test tests/*.yaml --run month --junit report.xml
    """
    wanted = _compiled(pattern)
    outcomes = list(_run(_read(files), wanted))
    if not outcomes:
        raise Unusable(f"no test has {pattern!r} in its name")
    _say(outcomes, as_json=as_json)
    if junit is not None:
        _write(Path(junit), outcomes)
    if any(one.failures for one in outcomes):
        raise click.exceptions.Exit(1)


def _compiled(pattern: str | None) -> re.Pattern[str]:
    try:
        return re.compile(pattern or "")
    except re.error as error:
        raise Unusable(f"--run {pattern!r} is not a regular expression: {error}") from None


def _read(files: tuple[str, ...]) -> list[TestFile]:
    from agent.config.errors import ConfigErrors
    from agent.testing.reading import read_tests

    read: list[TestFile] = []
    errors: list[ConfigError] = []
    for name in dict.fromkeys(files):
        if not Path(name).is_file():
            raise Unusable(f"{name}: there is no such file")
        try:
            read.append(read_tests(Path(name), environment()))
        except ConfigErrors as refused:
            errors += refused.errors
    if errors:
        print_lines(dict.fromkeys(errors), err=True)
        raise click.exceptions.Exit(2)
    return read


def _run(files: list[TestFile], wanted: re.Pattern[str]) -> Iterator[Outcome]:
    from agent.clock import Clock
    from agent.testing.playing import failures_of
    from agent.testing.saying import Outcome

    clock = Clock()
    for file in files:
        for number, test in enumerate(file.tests):
            name = test.name or f"test {number + 1}"
            if wanted.search(name):
                began = clock.monotonic()
                failures = tuple(failures_of(file, number))
                yield Outcome(file.path, name, clock.monotonic() - began, failures)


def _write(path: Path, outcomes: list[Outcome]) -> None:
    from agent.testing.saying import junit

    try:
        path.write_bytes(junit(outcomes))
    except OSError as error:
        raise Unusable(f"--junit: {path}: {error.strerror or error}") from None


def _say(outcomes: list[Outcome], *, as_json: bool) -> None:
    from agent.testing.saying import lines, plain

    if as_json:
        print_json(plain(outcomes))
    else:
        print_lines(lines(outcomes))
