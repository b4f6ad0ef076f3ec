"""`setpoint init`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from agent.cli.options import Failed, Unusable, print_lines

_HERE = Path()
_DAYS = 45
_WEEK = (371, 402, 389, 366, 318, 187, 164)  # visitors from Monday to Sunday
_YAML = """\
# What Setpoint keeps on target. `setpoint check` says what it understood, `setpoint run` starts it.
# ${NAME} is taken from the environment or from a file .env beside this one; secrets belong there.

defaults:
  timezone: UTC # where days and months begin, for example Europe/Amsterdam
  every: 1m # how often sources are read

# Where the numbers are.
sources:
  # A file: every row is a reading. This one holds made-up numbers; put your own in its place.
  website:
    type: file
    path: visitors.csv # from the folder in which Setpoint is started
    readings:
      - {series: visitors, time: date, value: visitors}

  # A job that calls in when it is done:  curl http://127.0.0.1:8080/ping/backup
  backup:
    type: checkin
    every: 1d
    grace: 1h

  # An API: `select` finds the rows in its answer, the other keys are looked up in each row.
  # shop:
  #   type: http
  #   url: https://shop.example.com/api/orders/daily
  #   auth: {bearer: "${SHOP_TOKEN}"}
  #   every: 5m
  #   readings:
  #     - {series: orders, select: data, time: day, value: orders, labels: {region: region}}

# What they should be.
targets:
  # A goal for a period: told when it can no longer be reached at the pace so far.
  monthly-visitors:
    title: Visitors this month
    series: visitors
    goal: {measure: sum, at_least: 10000, per: month}
    alerts:
      - {name: behind, when: behind, for: 10m, severity: warning}
      - {name: missed, when: missed, severity: critical}

  # A goal without a period: every reading counts.
  daily-visitors:
    title: Visitors a day
    series: visitors
    goal: {at_least: 100}
    alerts:
      - {name: too-few, when: out_of_band, severity: warning}

  nightly-backup:
    title: Nightly backup
    source: backup
    alerts:
      - {name: late, when: missed, severity: critical}

# Who is told. Without receivers it is written where `setpoint run` runs; `notify: [team]` on an alert names who.
# receivers:
#   team: [{type: slack, channel: "#growth"}] # needs SETPOINT_SLACK_BOT_TOKEN
#   oncall: [{type: email, to: [ops@example.com]}] # needs SETPOINT_SMTP_URL
# route: {receiver: team}
"""


@click.command("init", short_help="Write a first configuration that runs.")
@click.argument("folder", metavar="[DIR]", type=click.Path(file_okay=False, path_type=Path), default=_HERE)
@click.option("--force", is_flag=True, help="Overwrite files that are there.")
def command(folder: Path, force: bool) -> None:
    """Write a commented setpoint.yaml into DIR (default: here) that runs at once, with a small file of numbers.

    \b
    Examples:
      setpoint init
      setpoint init my-targets && cd my-targets && setpoint run
    """
    from agent.clock import Clock

    today = datetime.fromtimestamp(Clock().now() / 1_000_000, UTC)
    files = {"setpoint.yaml": _YAML, "visitors.csv": "\n".join(_rows(today)) + "\n"}
    there = [str(folder / name) for name in files if (folder / name).exists()]
    if there and not force:
        are = "is" if len(there) == 1 else "are"
        raise Unusable(f"{' and '.join(there)} {are} there already; --force overwrites")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failed(f"can't write {error.filename or folder}: {(error.strerror or 'not possible').lower()}") from None
    print_lines(_next_steps(folder, list(files)))


def _rows(today: datetime) -> Iterator[str]:
    yield "date,visitors"
    for ago in range(_DAYS, 0, -1):
        day = today - timedelta(days=ago)
        yield f"{day:%Y-%m-%d},{_WEEK[day.weekday()] - 7 * (ago % 5)}"


def _next_steps(folder: Path, files: list[str]) -> Iterator[str]:
    yield f"Wrote {' and '.join(str(folder / name) for name in files)}"
    yield "Next:"
    if folder != _HERE:
        yield f"  cd {folder}"
    yield "  setpoint check    see what it means"
    yield "  setpoint run      start it; what is off target is written there"
    yield "  setpoint status   in another terminal: how everything stands"
