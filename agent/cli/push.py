"""`setpoint push`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import click

from agent.cli.client import Daemon, Refusal
from agent.cli.options import Failed, Unusable, json_option, listen_option, print_json, settings_of, url_option

_AT_ONCE = 5_000  # rows of one request
_SAID = 10  # mistakes in one answer
_COLUMNS = ("series", "value", "time", "labels")
_TIMES = ("date", "day", "datetime", "timestamp", "ts")


@click.command(
    "push",
    short_help="Send readings to the running daemon.",
    context_settings={"ignore_unknown_options": True},  # a value may be negative
)
@click.argument("series")
@click.argument("value", required=False)
@click.option("--label", "label", multiple=True, metavar="NAME=VALUE", help="A label; may be given several times.")
@click.option("--time", "time", metavar="TIME", help="ISO 8601 or Unix time.  [default: now]")
@listen_option
@url_option
@json_option
def command(series: str, value: str | None, label: tuple[str, ...], time: str | None, **others: Any) -> None:
    """Send one reading, VALUE of SERIES, to the running daemon; it is stored when this returns.

    With - for the value, rows come from standard input: CSV with a header, JSON or NDJSON, with the columns value and
    time (optional); every other column is a label. With - for SERIES the rows have the column series too.

    \b
    Examples:
      setpoint push sales 129.50 --label shop=berlin
      setpoint push 'sales{shop="berlin"}' 129.50 --time 2026-03-01T12:00:00Z
      setpoint push visitors - < visitors.csv
      mysql … | setpoint push -
    """
    row = _first_row(series, label, time)
    if "-" not in (series, value):
        if value is None:
            raise Unusable("VALUE is missing; give a number, or - for rows from standard input")
        rows = [{**row, "value": _number(value)}]
    else:
        rows = list(_rows(row, sys.stdin.buffer.read()))
    url, as_json = others.pop("url"), others.pop("as_json")
    count = _send(Daemon(settings_of(**others), url), rows)
    if as_json:
        print_json({"readings": count})
    else:
        click.echo(f"{count:,} reading{'' if count == 1 else 's'} stored")


def _first_row(series: str, label: tuple[str, ...], time: str | None) -> dict[str, Any]:
    """What every row has unless it says otherwise."""
    from rules.selectors import parse_selector

    row: dict[str, Any] = {"labels": {}}
    if series != "-":
        try:
            selector = parse_selector(series)
        except ValueError as error:
            raise Unusable(str(error)) from None
        if any(matcher.op != "=" for matcher in selector.matchers):
            raise Unusable(f"{series!r}: the labels of a series are written with =")
        row["series"] = selector.name
        row["labels"] = {matcher.name: matcher.value for matcher in selector.matchers}
    for text in label:
        name, sign, said = text.partition("=")
        if not sign or not name.strip():
            raise Unusable(f"--label {text!r} has to be NAME=VALUE")
        row["labels"][name.strip()] = said
    if time is not None:
        row["time"] = time
    return row


def _number(text: str) -> float | None:
    from connectors.values import number

    try:
        return number(text)
    except ValueError as error:
        raise Unusable(str(error)) from None


def _rows(first: Mapping[str, Any], given: bytes) -> Iterator[dict[str, Any]]:
    for number, row in enumerate(_parse(given), 1):
        try:
            yield _row(first, row)
        except ValueError as error:
            raise Unusable(f"row {number} of standard input: {error}; nothing was sent") from None


def _row(first: Mapping[str, Any], row: Any) -> dict[str, Any]:
    """The row as the daemon takes it. Raises ValueError."""
    if not isinstance(row, Mapping):
        raise ValueError(getattr(row, "reason", "it is not an object"))  # noqa: TRY004 - what was given is wrong
    said = {name: cell for name, cell in row.items() if cell not in (None, "")}
    made = {**first, **{name: said[name] for name in ("series", "time") if name in said}}
    if "value" not in row:
        raise ValueError(f"it has no value; its columns are {', '.join(row)}")
    if "series" not in made:
        raise ValueError("it has no series")
    labels = {name: cell for name, cell in said.items() if name not in _COLUMNS}
    mistaken = next((name for name in labels if name.lower() in _TIMES), None)
    if mistaken and "time" not in made:
        raise ValueError(f"its column {mistaken} would become a label; if it is the reading's time, call it time")
    own = said.get("labels", {})
    if not isinstance(own, Mapping):
        raise ValueError("its labels are not an object")  # noqa: TRY004
    return {**made, "labels": {**first["labels"], **labels, **own}, "value": row["value"]}


def _parse(given: bytes) -> list[Any]:
    from connectors.formats import parse_csv, parse_json, parse_ndjson

    start = given.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    try:
        if start == b"[":
            data = parse_json(given, most=None).answer
        elif start == b"{":
            data = parse_ndjson(given, most=None).answer
        else:
            data = parse_csv(given, most=None).answer
    except ValueError as error:
        raise Unusable(f"standard input {error}") from None
    return data if isinstance(data, list) else [data]


def _send(daemon: Daemon, rows: list[dict[str, Any]]) -> int:
    """Sends the rows in parts; each part is taken whole or not at all. Returns how many were."""
    taken = 0
    for start in range(0, len(rows), _AT_ONCE):
        part = rows[start : start + _AT_ONCE]
        try:
            taken += int(daemon.post("readings", part)["readings"])
        except Refusal as refusal:
            said = [str(refusal), *(f"  {text}" for text in refusal.details[1:_SAID])]
            before = f"rows 1 to {start:,} are stored; counted from there, " if start else ""
            raise (Unusable if refusal.status in {400, 422} else Failed)(before + "\n".join(said)) from None
    return taken
