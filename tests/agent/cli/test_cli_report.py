"""`setpoint report` beside a real daemon."""

import io

import pytest
from pypdf import PdfReader

CONFIG = """\
sources: {sheet: {type: file, path: rooms.csv, every: 1h, readings: [{series: temperature, value: c, labels: {room: r}}]}}
targets: {rooms: {title: Room, series: temperature, by: [room], goal: {at_least: 20}}}
receivers: {team: [{type: console}]}
reports: {weekly: {cron: "0 9 * * mon", to: [team]}}
"""


@pytest.fixture
def daemon(project, daemons):
    (project / "setpoint.yaml").write_text(CONFIG, encoding="utf-8")
    (project / "rooms.csv").write_text("r,c\nden,18.5\nhall,21\n")
    return daemons(project).ready()


@pytest.fixture
def report(daemon, here):
    return lambda *arguments: here("report", *arguments, "--url", daemon.url)


def test_it_is_shown_written_and_sent(report, project, daemon):
    shown = report("weekly")
    assert shown.status == 0, shown.err
    assert shown.out.startswith("Weekly\n")
    assert "What changed" in shown.out
    assert report("weekly", "--json").json["report"] == "weekly"
    for ending, begins in ((".pdf", b"%PDF-"), (".html", b"<!doctype html>"), (".md", b"# Weekly")):
        written = report("weekly", "--output", f"r{ending}")
        assert (written.status, written.out) == (0, "")
        assert f"r{ending}: " in written.err
        assert (project / f"r{ending}").read_bytes().startswith(begins)
    assert PdfReader(io.BytesIO((project / "r.pdf").read_bytes())).metadata.title == "Weekly"
    assert report("weekly", "--send").out == "Weekly goes to team\n"
    assert report("weekly", "--send", "--json").json["to"] == ["team"]
    daemon.until("delivery.sent", kind="report", receiver="team")


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["weekli"], 2, "no report 'weekli'; did you mean weekly?"),
        (["weekly", "--output", "r.txt"], 2, "--output has to end in .pdf, .html, .md"),
        (["weekly", "--output", "nowhere/r.md"], 1, "can't write nowhere/r.md: No such file or directory"),
    ],
)
def test_mistakes(report, arguments, status, says):
    said = report(*arguments)
    assert said.status == status
    assert says in said.err


def test_without_a_daemon(here, project):
    (project / "setpoint.yaml").write_text(CONFIG, encoding="utf-8")
    said = here("report", "weekly", "--listen", "127.0.0.1:9")
    assert said.status == 1
    assert "no daemon answers" in said.err
