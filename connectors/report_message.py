"""A report in words, shared by the notifiers and faces that show it: text, Markdown, HTML."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from connectors.facts import Fact, local, moment, plain, shortened, span
from rules.model import Notice, Reason, Report, ReportAlert, ReportCorrections, ReportRow

if TYPE_CHECKING:
    from jinja2 import Template

_BAD, _WARN, _NONE, _GOOD = "#c62828", "#b45309", "#5c6670", "#2e7d32"
_COLOURS = {"missed": _BAD, "out_of_band": _BAD, "behind": _WARN, "on_track": _GOOD, "in_band": _GOOD, "met": _GOOD}
_MARKS = {_BAD: "🔴", _WARN: "🟠", _GOOD: "🟢", _NONE: "⚪"}
_RUNS = {"approved": "waiting"}  # most of them nobody was asked about
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!|~>-])")
_DETAILED = 25  # rows of the HTML with all their numbers; mail programs cut what is very long
_LONGEST = 400  # characters of one line


class Section(NamedTuple):
    """A heading and the lines under it, at least one."""

    title: str
    lines: tuple[str, ...]


def period(report: Report) -> str:
    """`Monday 4 May 2026 09:00 to Monday 11 May 2026 09:00 CEST`."""
    start, end = local(report.start, report.zone), local(report.end, report.zone)
    return f"{start:%A} {start.day} {start:%B %Y %H:%M} to {end:%A} {end.day} {end:%B %Y %H:%M %Z}"


def day(micros: int, zone: str) -> str:
    """`4 May`."""
    moment_ = local(micros, zone)
    return f"{moment_.day} {moment_:%b}"


def word(standing: str) -> str:
    """The standing as people read it."""
    return standing.replace("_", " ")


def colour(row: ReportRow) -> str:
    """The colour of a row's standing, `#rrggbb`, dark enough to be read on white."""
    return _NONE if row.held else _COLOURS.get(row.standing, _NONE)


def mark(row: ReportRow) -> str:
    """A sign for a row's standing."""
    return _MARKS[colour(row)]


def status(row: ReportRow) -> str:
    """Where a row stands in a word or two; `held` while what it depends on is off."""
    return "held" if row.held else word(row.standing)


def row_facts(row: ReportRow) -> list[Fact]:
    """The numbers of a row that are known."""
    found = [
        Fact("Value", plain(row.value)),
        Fact("Goal", plain(row.goal)),
        Fact("Progress", row.progress),
        Fact(_rate_label(row), row.required),
        Fact("Projection", row.projection),
        Fact("Since", since(row)),
    ]
    return [fact for fact in found if fact.text]


def rate(row: ReportRow) -> str:
    """What is needed a day, or may be added; empty where neither has a meaning."""
    return f"{_rate_label(row).lower()} {row.required}" if row.required else ""


def _rate_label(row: ReportRow) -> str:
    """A value above its budget that may fall needs to fall."""
    return "Needs" if "at_least" in row.values or row.values.get("required_rate", 0.0) < 0 else "May add"


def since(row: ReportRow) -> str:
    """When the standing began, in the target's zone; empty if it never did."""
    return "" if row.since is None else moment(row.since, row.zone)


def line(row: ReportRow) -> str:
    """A row as one line: whose number it is and how it stands."""
    return shortened(plain(f"{row.title} {row.words}"), _LONGEST)


def file_name(report: Report, ending: str = "pdf") -> str:
    """`weekly-2026-05-11.pdf`."""
    kept = "".join(char if char.isascii() and (char.isalnum() or char in "-_") else "-" for char in report.name)
    return f"{kept}-{local(report.end, report.zone):%Y-%m-%d}.{ending}"


def sections(report: Report) -> list[Section]:
    """What happened in the period: changes, alerts, corrections."""
    more = {one.title: one.count for one in report.more}

    def with_more(name: str, lines: Sequence[str]) -> tuple[str, ...]:
        return (*lines, f"and {more[name]:,} more") if name in more else tuple(lines)

    changed = "There was no report before this one; the next one says what changed." if report.first else "Nothing."
    found = [
        Section("What changed", with_more("changes", [_change(row) for row in report.changes]) or (changed,)),
        Section("Alerts", with_more("alerts", [_alert(one) for one in report.alerts]) or ("None fired.",)),
    ]
    if report.corrections:
        found.append(Section("Corrections", with_more("corrections", [_runs(one) for one in report.corrections])))
    return found


def left_out(report: Report) -> list[str]:
    """How many instances of which target are not in the rows, in words."""
    targets = {row.target for row in report.rows}
    return [f"and {one.count:,} more of {plain(one.title)}" for one in report.more if one.title in targets]


def _change(row: ReportRow) -> str:
    before = word(row.before) if row.before else "new"
    return shortened(plain(f"{row.title}: {before} → {status(row)}"), _LONGEST)


def _alert(one: ReportAlert) -> str:
    times = {0: "open since before", 1: "fired once"}.get(one.fired, f"fired {one.fired:,} times")
    parts = [times, f"for {span(one.lasted)}" if one.fired < 2 else f"for {span(one.lasted)} in all"]
    parts.append("still open" if one.open else "over")
    parts += [f"taken by {', '.join(one.taken_by)}"] if one.taken_by else []
    return shortened(plain(f"{one.title}: {one.alert} ({one.severity}) {', '.join(parts)}"), _LONGEST)


def _runs(one: ReportCorrections) -> str:
    total = sum(one.runs.values())
    states = ", ".join(f"{count:,} {_RUNS.get(state, state)}" for state, count in one.runs.items())
    return shortened(
        plain(f"{one.title}: {one.action}, {total:,} {'run' if total == 1 else 'runs'}: {states}"), _LONGEST
    )


def text_of(report: Report) -> str:
    """The plain text."""
    rows: list[str] = []
    for row in report.rows:
        numbers = ", ".join(f"{fact.label.lower()} {fact.text}" for fact in row_facts(row))
        rows += [f"{status(row).upper():<13}{line(row)}", f"{'':<13}{numbers}"]
    parts = [
        f"{plain(report.title)}\n{period(report)}",
        plain(report.summary),
        "\n".join([*rows, *left_out(report)]),
        *("\n".join([one.title, *(f"- {text}" for text in one.lines)]) for one in sections(report)),
        f"-- \nSetpoint, report {plain(report.name)}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def markdown_of(report: Report) -> str:
    """The report as GitHub-flavoured Markdown; nothing from outside means anything in it."""
    head = ("Standing", "What", "Value", "Goal", "Progress", "Needs", "Projection", "Since")
    table = [head, tuple("---" for _ in head)]
    for row in report.rows:
        cells = (status(row), row.title, row.value, row.goal, row.progress, row.required, row.projection, since(row))
        table.append((f"{mark(row)} **{_literal(cells[0])}**", *map(_literal, cells[1:])))
    parts = [
        f"# {_literal(report.title)}",
        period(report),
        _literal(report.summary),
        "\n".join(f"| {' | '.join(cells)} |" for cells in table) if report.rows else "",
        "\n".join(map(_literal, left_out(report))),
        *("\n".join([f"## {one.title}\n", *(f"- {_literal(text)}" for text in one.lines)]) for one in sections(report)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _literal(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", plain(text).replace("&", "&amp;").replace("<", "&lt;"))


def html_of(report: Report, pictures: Mapping[int, str]) -> str:
    """The HTML, for mail programs and browsers; `pictures` are the addresses of charts by the position of their row.

    Everything from outside is escaped by the template.
    """
    rows = [
        {
            "title": plain(row.title),
            "detailed": place < _DETAILED,
            "words": shortened(plain(row.words), _LONGEST),
            "status": status(row),
            "colour": colour(row),
            "facts": row_facts(row),
            "before": word(row.before) if row.before and row.before != row.standing else "",
            "picture": pictures.get(place),
        }
        for place, row in enumerate(report.rows)
    ]
    return _template().render(
        title=plain(report.title),
        name=plain(report.name),
        period=period(report),
        summary=plain(report.summary),
        rows=rows,
        more=left_out(report),
        sections=sections(report),
        link=report.external_url,
    )


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(Path(__file__).with_name("report.html.j2").read_text(encoding="utf-8"))


def as_notice(report: Report, receiver: str) -> Notice:
    """The report for a notifier that knows notices only: the summary, and a line for each row and happening."""
    happened = [f"{one.title}: {text}" for one in sections(report) for text in one.lines]
    return Notice(
        reason=Reason.REPORT,
        status="resolved",  # nothing is to be opened for it
        title=plain(report.title),
        headline=f"{plain(report.title)}: {plain(report.summary)}",
        target="",
        alert=f"report {report.name}",
        severity="",
        standing="",
        fingerprint=hashlib.sha256(f"report {report.name}".encode()).hexdigest()[:16],  # told apart as alerts are
        labels={},
        annotations={},
        values={},
        starts_at=report.start,
        ends_at=report.end,
        at=report.end,
        receiver=receiver,
        details=(period(report), *(f"{mark(row)} {line(row)}" for row in report.rows), *left_out(report), *happened),
        zone=report.zone,
        external_url=report.external_url,
    )
