"""`setpoint backtest`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.cli.names import complete
from agent.cli.options import (
    Failed,
    Unusable,
    database_option,
    environment,
    json_option,
    print_json,
    print_lines,
    settings_of,
    unknown,
)

if TYPE_CHECKING:
    from agent.backtest.report import Report
    from agent.config.configuration import Configuration
    from agent.settings import Settings
    from rules.model import Reading
    from rules.specs import Specs


@click.command("backtest", short_help="Replay the past: how often would each alert have fired?")
@click.argument("targets", nargs=-1, metavar="[TARGET]...", shell_complete=complete("targets"))
@click.option(
    "--from", "start", metavar="TIME", help="ISO 8601 in defaults.timezone, or Unix.  [default: the first reading]"
)
@click.option("--to", "end", metavar="TIME", help="The end, left out.  [default: now, or after a file's last reading]")
@click.option("--config", "new", metavar="PATH", help="A new configuration to compare with the one in force, if any.")
@click.option("--old", "config", metavar="PATH", help="The configuration in force.  [env: SETPOINT_CONFIG]")
@click.option("--csv", metavar="FILE", help="Take the readings from a CSV file instead of the database.")
@click.option("--series", metavar="NAME", help="The series in the file, whose columns are time, value and labels.")
@click.option("--delay", metavar="DURATION", help="How long after their time readings arrive; 0 for at once.")
@click.option("--picture", metavar="FILE", help="Also draw each instance with its firings, as .png or .svg.")
@database_option
@json_option
def command(targets: tuple[str, ...], picture: str | None, as_json: bool, **given: Any) -> None:
    """Replay stored readings to the TARGETs (all of them without names) and count what each alert would have done.

    The decisions are the daemon's own; nothing is sent, called or stored, and a daemon may run meanwhile. FIRED counts
    firings, FLAPS those that came within an hour of the last resolve, LEAD says how long before a missed goal the alert
    fired. With --config both configurations stand side by side, and what differs is marked.

    \b
    Examples:
      setpoint backtest --from 2026-01-01
      setpoint backtest room --config new.yaml --picture room.png
      setpoint backtest room --csv temperatures.csv --series temperature
    """
    settings = settings_of(config=given["config"], database_url=given["database_url"])
    configs = _configurations(settings, given["new"], targets)
    if picture is not None:
        _check_picture(picture, configs.values())
    from agent.backtest.uncollected import uncollected

    with uncollected():
        report = _replayed(settings, list(configs.values()), given, points=picture is not None)
    drawn = [] if picture is None else _draw(Path(picture), report)
    if as_json:
        from agent.backtest.report import plain

        print_json({**plain(report, list(configs)), "pictures": drawn})
    else:
        _say(report)
        print_lines(f"Picture    {path}" for path in drawn)


def _configurations(settings: Settings, new: str | None, targets: Sequence[str]) -> dict[str, Configuration]:
    """The configurations by their paths, cut down to the targets: the one in force, then the new one.

    The new one stands alone where none is in force: nothing names one, and there is none at the usual place.
    """
    in_force = not new or "config" in settings.model_fields_set or settings.config.exists()
    paths = [*([settings.config] if in_force else []), *([Path(new)] if new else [])]
    read = {str(path): _load(path) for path in dict.fromkeys(paths)}
    for name in targets:
        if not any(name in config.targets for config in read.values()):
            raise unknown("target", name, dict.fromkeys(name for config in read.values() for name in config.targets))
    if not targets:
        return read
    return {
        path: replace(config, targets={name: config.targets[name] for name in targets if name in config.targets})
        for path, config in read.items()
    }


def _load(path: Path) -> Configuration:
    from agent.config.errors import ConfigErrors
    from agent.config.load import load

    try:
        return load(path, environment())
    except ConfigErrors as refused:
        print_lines(refused.errors, err=True)
        raise click.exceptions.Exit(2) from None


def _replayed(settings: Settings, configs: list[Configuration], given: dict[str, Any], *, points: bool) -> Report:
    from agent.backtest.past import read_past
    from agent.backtest.replay import replay
    from agent.backtest.report import Report
    from agent.clock import Clock
    from rules.specs import Specs

    clock, zone = Clock(), configs[0].timezone
    specs = [Specs(one.targets.values(), (entry.rule for entry in one.sources.values())) for one in configs]
    start, end = _moment("--from", given["start"], zone), _moment("--to", given["end"], zone)
    found, missing = _readings(settings, configs[0], specs, given, (start, end))
    names = {name for one in specs for name in one.series_names()}
    times = [reading.time for reading in found if reading.series.name in names]
    if not times:
        raise Failed("there are no readings of these targets" + ("" if given["csv"] else " in the database"))
    first = start if start is not None else min(times)
    past = read_past(found, specs, (first, end), _duration(given["delay"]))
    last = end if end is not None else past.last + 1 if given["csv"] else clock.now()
    if last <= first:
        raise Unusable("--to lies before --from" if end is not None else "--from lies after all readings")
    began = clock.monotonic()
    outcomes = [replay(config, past, (first, last), points=points) for config in configs]
    new = outcomes[1] if len(outcomes) > 1 else None
    return Report(outcomes[0], new, len(past.readings), past.delays, clock.monotonic() - began, zone, missing)


def _readings(
    settings: Settings,
    config: Configuration,
    specs: list[Specs],
    given: dict[str, Any],
    span: tuple[int | None, int | None],
) -> tuple[list[Reading], list[str]]:
    from agent.backtest.past import of_csv, stored_now
    from agent.clock import Clock
    from agent.store.errors import StoreError
    from connectors.base import ConnectorError

    if given["csv"] is None:
        if given["series"] is not None:
            raise Unusable("--series says what a file holds; give --csv too")
        try:
            return stored_now(settings.database_url, specs, *span, config.timezone)
        except StoreError as error:
            raise Failed(str(error)) from None
    path = Path(given["csv"])
    try:
        return of_csv(path, config, given["series"], Clock().now()), []
    except (ValueError, ConnectorError) as error:
        raise Unusable(f"{path}: {error}") from None


def _moment(option: str, text: str | None, zone: str) -> int | None:
    from connectors.values import moment

    try:
        return None if text is None else moment(text, zone)
    except ValueError as error:
        raise Unusable(f"{option}: {error}") from None


def _duration(text: str | None) -> int | None:
    from rules.model import parse_duration

    try:
        return None if text is None else parse_duration(text)
    except ValueError as error:
        raise Unusable(f"--delay: {error}") from None


def _say(report: Report) -> None:
    from agent.backtest.report import HEAD, lines, rows, standings
    from agent.cli.tables import line, table

    found = [tuple(map(line, row)) for row in rows(report)]
    print_lines([*lines(report), "", *(table(HEAD, found) if found else ["No alerts"]), "", *standings(report)])


def _check_picture(picture: str, configs: Iterable[Configuration]) -> None:
    if Path(picture).suffix.lower() not in {".png", ".svg"}:
        raise Unusable("--picture has to end in .png or .svg")
    if len({name for config in configs for name in config.targets}) != 1:
        raise Unusable("--picture shows one target; name it")


def _draw(path: Path, report: Report) -> list[str]:
    """The files written: the given one, or one beside it for each of several instances."""
    from agent.backtest.picture import pictures
    from agent.charts import ChartError

    drawn = []
    try:
        made = pictures(report, path.suffix.lower()[1:])
        for name, picture in made.items():
            file = path.with_stem(f"{path.stem}-{name}") if len(made) > 1 else path
            file.write_bytes(picture)
            drawn.append(str(file))
    except ChartError as error:
        raise Failed(f"--picture: {error}") from None
    except OSError as error:
        raise Failed(f"--picture: {path}: {error.strerror or error}") from None
    return drawn
