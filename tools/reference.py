"""Writes docs/reference from the code; with `--check` it only says which pages are not current."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import click
from reference_keys import NOTE, ROOT, configuration

from agent import log
from agent.app import Setpoint
from agent.cli.main import cli
from agent.demo.daemon import free_port
from agent.settings import Settings, read_settings
from agent.web.routes import TABLE
from rules.words import span

FOLDER = ROOT / "docs" / "reference"
WIDTH = 100
EXAMPLE = """
sources: {sheet: {type: file, path: FOLDER/n.csv, readings: [{series: n, value: n, time: t}]}}
targets:
  n:
    series: n
    goal: {at_most: 1}
    alerts: [{name: high, when: out_of_band, notify: [hook]}]
    correct: [{on: high, action: lower}]
  month: {series: n, goal: {measure: sum, at_least: 10, per: {from: 2000-01-01, to: 2099-12-31}}}
receivers: {hook: [{type: webhook, url: "http://127.0.0.1:9/"}]}
actions: {lower: {type: webhook, url: "http://127.0.0.1:9/"}}
"""
# What appears last, in any order: one notice and one call were tried, and the database can say what waits.
LAST = (
    "setpoint_deliveries_total{",
    "setpoint_corrections_total{",
    "setpoint_receiver_up{",
    "setpoint_outbox_deliveries ",
    "setpoint_target_chance_ratio{",
)


def command_line() -> str:
    """Every command's own help."""
    first = ["# Command line\n", NOTE, "```text", _help(cli, "setpoint"), "```\n"]
    return "\n".join([*first, *_commands(cli, "setpoint")])


def _commands(group: click.Group, title: str) -> Iterator[str]:
    context = click.Context(group, info_name=title)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None:
            raise SystemExit(f"{title} has no command {name}")
        yield f"## `{title} {name}`\n"
        yield from ("```text", _help(command, f"{title} {name}"), "```\n")
        if isinstance(command, click.Group):
            yield from _commands(command, f"{title} {name}")


def _help(command: click.Command, name: str) -> str:
    with click.Context(command, info_name=name, max_content_width=WIDTH, terminal_width=WIDTH) as context:
        return command.get_help(context)


def http() -> str:
    """Every address, from the table of routes."""
    lines = [
        "# HTTP\n",
        NOTE,
        "With `SETPOINT_API_KEY` set, a call needs `Authorization: Bearer <key>`, except where *open* is said.",
        'Errors are `{"error": {"code": …, "message": …}}`. `/api/v1/openapi.json` describes the answers in detail.\n',
    ]
    for route in TABLE:
        path = re.sub(r"\{rest:.*\}$", "", re.sub(r"\{(\w+):[^{}]*\}", r"{\1}", route.path))
        lines.append(f"## `{route.method} {path}`\n")
        lines.append(f"{route.summary.rstrip('.')}.{' *Open.*' if route.open else ''}\n")
        lines += [f"- `?{name}=`: {words}" for name, words in route.query.items()]
        lines += [f"- {status}: {words}" for status, (words, _) in route.answers.items()]
        lines.append("")
    return "\n".join(lines)


def settings() -> str:
    """Every setting of the process."""
    said = tomllib.loads((ROOT / "tools/words.toml").read_text(encoding="utf-8"))["Settings"]
    lines = [
        "# Settings of the process\n",
        NOTE,
        "They come from the environment, then from `.env` in the working directory. One marked *secret* may instead be",
        "named by a variable that ends in `_FILE` and holds the path of a file with the value.\n",
        "| variable | default | meaning |",
        "|---|---|---|",
    ]
    names = {
        name: field.validation_alias or f"SETPOINT_{name.upper()}" for name, field in Settings.model_fields.items()
    }
    if set(said) != set(names):
        raise SystemExit(f"words.toml has other settings than there are: {sorted(set(said) ^ set(names))}")
    for name, field in Settings.model_fields.items():
        default = span(field.default) if name == "retention" else field.default
        shown = f"`{default}`" if default not in (None, "", ()) else ""
        lines.append(f"| `{names[name]}` | {shown} | {said[name]} |")
    return "\n".join(lines)


def metrics() -> str:
    """Every metric of a daemon that has polled, told and called."""
    lines = [
        "# Metrics\n",
        NOTE,
        "`/metrics` answers in Prometheus' text format or as OpenMetrics. Beside these there are the usual `process_…`",
        "and `python_…`.\n",
        "| name | type | labels | meaning |",
        "|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        months = "".join(f"5,2025-{month:02}-01\n" for month in range(1, 13))  # enough for a projection
        Path(folder, "n.csv").write_text(f"n,t\n{months}", encoding="utf-8")
        config = Path(folder, "setpoint.yaml")
        config.write_text(EXAMPLE.replace("FOLDER", folder), encoding="utf-8")
        listen, database = f"127.0.0.1:{free_port()}", f"sqlite:///{folder}/n.db"
        text = asyncio.run(_exposed(read_settings(config=config, database_url=database, listen=listen)))
    return "\n".join([*lines, *_rows(text)])


async def _exposed(settings: Settings) -> str:
    daemon = Setpoint(settings, {})
    await daemon.start()
    try:
        async with aiohttp.ClientSession() as session, asyncio.timeout(20):
            while True:
                async with session.get(f"http://{settings.listen}/metrics") as answer:
                    text = await answer.text()
                if all(f"\n{sample}" in text for sample in LAST):
                    return text
                await asyncio.sleep(0.05)
    finally:
        await daemon.stop()


def _rows(text: str) -> Iterator[str]:
    """A row for each family of the text format."""
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    for name, words in sorted(re.findall(r"^# HELP (\S+) (.+)$", text, re.MULTILINE)):
        if not name.startswith(("setpoint_", "ALERTS")):
            continue
        samples = re.findall(rf"^{name}(?:_bucket|_total|_info)?\{{(.*)\}} ", text, re.MULTILINE)
        labels = {label for sample in samples for label in re.findall(r'(\w+)="', sample)} - {"le"}
        yield f"| `{name}` | {kinds[name]} | {' '.join(f'`{label}`' for label in sorted(labels))} | {words} |"


PAGES = {
    "configuration.md": configuration,
    "cli.md": command_line,
    "http.md": http,
    "settings.md": settings,
    "metrics.md": metrics,
}


def main() -> int:
    """Writes the pages, or says which are not current."""
    log.configure("json", "critical", [])
    for name in [name for name in os.environ if name.startswith("SETPOINT_")]:
        del os.environ[name]
    check = "--check" in sys.argv[1:]
    stale = []
    for name, made in PAGES.items():
        path, text = FOLDER / name, made().rstrip() + "\n"
        if check and (not path.exists() or path.read_text(encoding="utf-8") != text):
            stale.append(name)
        elif not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if stale:
        print("Not current, run `make docs`:", *stale)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
