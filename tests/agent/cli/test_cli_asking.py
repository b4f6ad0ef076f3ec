"""Commands that ask a running daemon, and what they do when there is none."""

import http.server
import json
import re
import signal
import socket
import threading
import time
import urllib.request

import pytest

from agent.cli import push
from tests.agent.cli.kit import DEADLINE, Daemon

CONFIG = """\
sources:
  sheet: {type: file, path: rooms.csv, every: 1h, readings: [{series: temperature, value: celsius, labels: {room: room}}]}
  gone: {type: file, path: gone.csv, every: 1h, readings: [{series: other, value: v}]}
  push: {type: webhook, readings: [{series: sales, value: v, labels: {shop: shop}}]}
targets:
  rooms:
    title: Room temperature
    unit: °C
    series: temperature
    by: [room]
    goal: {at_least: 20, at_most: 23}
    alerts: [{name: out-of-band, when: out_of_band, severity: critical}]
  sales: {series: sales, by: [shop], goal: {at_least: 10}}
"""


def configure(folder):
    (folder / "setpoint.yaml").write_text(CONFIG, encoding="utf-8")
    (folder / "rooms.csv").write_text("room,celsius\nden,18.5\nhall,21\n")
    return folder


def settled(daemon):
    """The daemon, once it has decided on the first polls of both files."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        with urllib.request.urlopen(f"{daemon.url}/api/v1/sources", timeout=DEADLINE) as answer:
            sources = by_name(json.load(answer)["sources"])
        if sources["sheet"]["last_success"] and sources["gone"]["failures"]:
            return daemon
    raise AssertionError(sources)


@pytest.fixture
def configured(project):
    return configure(project)


@pytest.fixture
def daemon(configured, daemons):
    return settled(daemons(configured).ready())


@pytest.fixture
def asking(here, daemon):
    """Runs a command with the address of a daemon of its own in the settings."""
    return lambda *arguments, **more: here(*arguments, SETPOINT_LISTEN=daemon.address, **more)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A daemon for what changes nothing."""
    running = Daemon(configure(tmp_path_factory.mktemp("shared"))).ready()
    yield settled(running)
    running.end(signal.SIGKILL)


@pytest.fixture
def looking(here, shared):
    """Runs a command that changes nothing."""
    return lambda *arguments, **more: here(*arguments, SETPOINT_LISTEN=shared.address, **more)


def by_name(rows):
    return {row["name"]: row for row in rows}


def test_status_of_the_daemon(looking, shared):
    said = looking("status")
    assert (said.status, said.err) == (0, "")
    lines = [" ".join(line.split()) for line in said.out.splitlines()]
    assert lines[0] == f"From the daemon at {shared.url}"
    assert any(line.startswith("rooms room=den out of band 18.5 °C 20 to 23 °C") for line in lines)
    assert any(line.startswith("rooms room=hall in band 21 °C 20 to 23 °C") for line in lines)
    assert any(line.startswith("sales no data") for line in lines)
    assert any(line.startswith("out-of-band rooms firing critical") for line in lines)
    assert any(line.startswith("sheet file every 1h up") for line in lines)
    gone = re.compile(r"gone file every 1h unknown never in (1h|59m.*) gone\.csv: no such file")
    assert any(map(gone.match, lines))
    assert "\x1b" not in said.out


def test_status_in_json(looking, shared):
    said = looking("status", "--json").json
    assert (said["from"], said["at"], said["problems"]) == ("daemon", shared.url, [])
    rooms = by_name(said["targets"])["rooms"]["instances"]
    assert [(room["labels"], room["standing"], room["value"]) for room in rooms] == [
        ({"room": "den"}, "out_of_band", 18.5),
        ({"room": "hall"}, "in_band", 21),
    ]
    assert [(alert["name"], alert["state"]) for alert in said["alerts"]] == [("out-of-band", "firing")]
    assert by_name(said["sources"])["gone"]["last_error"] == "gone.csv: no such file or directory"


def test_status_of_one_target(looking):
    said = looking("status", "rooms")
    assert said.status == 0
    assert "rooms (Room temperature): at least 20 and at most 23" in said.out
    assert "in words    out of band: 18.5 °C, wanted 20 to 23 °C" in said.out
    assert "SOURCE" not in said.out
    assert looking("status", "rooms", "--json").json["sources"] == []


def test_a_value_is_not_rounded_onto_a_bound_it_does_not_touch(asking, configured):
    (configured / "rooms.csv").write_text("room,celsius\nden,19.999\nhall,20\n")
    asking("poll", "sheet")
    lines = [" ".join(line.split()) for line in asking("status").out.splitlines()]
    assert any(line.startswith("rooms room=den out of band 19.999 °C 20 to 23 °C") for line in lines)
    assert any(line.startswith("rooms room=hall in band 20 °C 20 to 23 °C") for line in lines)
    assert "value       19.999 °C, read " in asking("status", "rooms").out


def test_times_name_their_zone(looking):
    assert re.search(r"read \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\n", looking("status", "rooms").out)
    polled = looking("poll", "sheet", TZ="Asia/Tokyo").out
    assert re.search(r"\d\d:\d\d:\d\d [A-Z]{3}  ", polled)


def test_status_of_a_target_that_is_not_there(looking):
    said = looking("status", "room")
    assert (said.status, said.out) == (2, "")
    assert said.err == "Error: no target 'room'; did you mean rooms?\n"


def test_status_from_the_database_is_the_same(asking, daemon):
    before = asking("status", "--json").json
    assert daemon.end(signal.SIGTERM) == 0
    said = asking("status", "--json")
    assert said.status == 0
    after = said.json
    assert after["from"] == "database"
    assert after["at"].endswith("setpoint.db")
    assert all(source.pop("next_poll") is None for source in after["sources"])  # nobody will read them
    assert [source.pop("next_poll") is None for source in before["sources"]] == [False, False, True]
    assert {**after, "from": "", "at": "", "time": ""} == {**before, "from": "", "at": "", "time": ""}
    told = asking("status").out.splitlines()[0]
    assert told.startswith("No daemon answers; from the database ")
    assert asking("status", "room").err == "Error: there is no target 'room'; did you mean rooms?\n"


def test_status_from_the_database_needs_no_configuration(asking, daemon, configured):
    before = asking("status", "--json").json
    assert daemon.end(signal.SIGTERM) == 0
    file = configured / "setpoint.yaml"
    text = file.read_text(encoding="utf-8")
    for broken in (text + "x: [", text.replace("goal:", "gaol:"), None):
        file.unlink() if broken is None else file.write_text(broken, encoding="utf-8")
        said = asking("status")
        assert said.status == 0
        lines = [" ".join(line.split()) for line in said.out.splitlines()]
        assert lines[1].startswith("Problem: the configuration can't be used, so goals and schedules are not known: ")
        assert any(line.startswith("rooms room=den out of band 18.5 20 to 23") for line in lines)
        assert any(line.startswith("sheet up ") for line in lines)
        assert any(line.startswith("out-of-band rooms firing") for line in lines)
        as_json = asking("status", "--json").json
        for one, other in zip(as_json["alerts"], before["alerts"], strict=True):
            assert (one["name"], one["fingerprint"], one["state"]) == (other["name"], other["fingerprint"], "firing")
        assert "in words    out of band: 18.5, wanted 20 to 23" in asking("status", "rooms").out
        assert asking("status", "room").status == 2
    (configured / "setpoint.db").unlink()
    assert asking("status").status == 2


def test_status_without_daemon_and_database(here, configured):
    said = here("status", SETPOINT_LISTEN="127.0.0.1:1")
    assert (said.status, said.out) == (1, "")
    assert said.err.startswith("Error: no daemon answers at http://127.0.0.1:1: connection refused; and ")
    assert len(said.err.splitlines()) == 1
    assert not (configured / "setpoint.db").exists()


@pytest.mark.usefixtures("configured")
def test_a_daemon_asked_by_url_has_to_answer(here):
    said = here("status", "--url", "http://user:hunter22@127.0.0.1:1/")
    assert said.status == 1
    assert said.err == "Error: no daemon answers at http://127.0.0.1:1: connection refused\n"
    wrong = here("status", "--url", "127.0.0.1:8080")
    assert wrong.status == 2
    assert wrong.err.startswith("Error: --url has to be the daemon's address")


# poll


def test_poll_through_the_daemon(asking, configured):
    (configured / "rooms.csv").write_text("room,celsius\nden,22\n")
    said = asking("poll", "sheet")
    assert (said.status, said.err) == (0, "")
    assert said.out.splitlines()[0] == "sheet: 1 reading, stored by the daemon"
    assert "room=den, source=sheet" in said.out
    assert by_name(asking("status", "--json").json["targets"])["rooms"]["instances"][0]["value"] == 22


def test_poll_of_what_can_not_be_polled(looking):
    failing = looking("poll", "gone")
    assert (failing.status, failing.out) == (1, "")
    assert failing.err == "Error: gone: gone.csv: no such file or directory\n"
    unknown = looking("poll", "shet")
    assert (unknown.status, unknown.err) == (2, "Error: there is no source 'shet'; did you mean sheet?\n")
    waiting = looking("poll", "push")
    assert (waiting.status, waiting.err) == (2, "Error: source 'push' is not polled: it is called at /in/push\n")


def test_poll_from_here_stores_nothing(setpoint, configured):
    said = setpoint("poll", "sheet", SETPOINT_LISTEN="127.0.0.1:1")
    assert said.status == 0
    assert said.err == "No daemon answers at http://127.0.0.1:1: connection refused\n"
    assert said.out.splitlines()[0] == "sheet: 2 readings, read once from here, nothing was stored"
    assert not (configured / "setpoint.db").exists()
    as_json = setpoint("poll", "sheet", "--json", SETPOINT_LISTEN="127.0.0.1:1").json
    assert (as_json["from"], as_json["readings"]) == ("here", 2)
    assert setpoint("poll", "gone", SETPOINT_LISTEN="127.0.0.1:1").status == 1
    assert setpoint("poll", "nix", SETPOINT_LISTEN="127.0.0.1:1").status == 2
    assert setpoint("poll", "push", SETPOINT_LISTEN="127.0.0.1:1").status == 2


def test_poll_says_that_rows_take_the_place_of_others(setpoint, configured):
    rows = configured / "rooms.csv"
    rows.write_text("room,celsius\nden,18\nhall,22\nden,18\n")
    assert "only the last counts" not in setpoint("poll", "sheet", SETPOINT_LISTEN="127.0.0.1:1").out
    rows.write_text("room,celsius\nden,18\nhall,22\nden,19\n")
    said = setpoint("poll", "sheet", SETPOINT_LISTEN="127.0.0.1:1").out
    assert said.endswith("same series, labels and time only the last counts: is a label or a time missing?\n")


def test_poll_from_here_shows_the_rows_that_can_be_read(setpoint, configured):
    (configured / "rooms.csv").write_text("room,celsius\nden,18.5\nhall,warm\n")
    said = setpoint("poll", "sheet", SETPOINT_LISTEN="127.0.0.1:1")
    assert said.status == 1
    assert "sheet: 1 reading," in said.out
    assert "'warm' is not a number" in said.err


def test_poll_from_here_reads_local_times_in_the_default_zone(setpoint, configured):
    (configured / "setpoint.yaml").write_text(
        "defaults: {timezone: Asia/Tokyo}\nsources:\n"
        "  sheet: {type: file, path: rooms.csv, every: 1h, readings: [{series: s, value: v, time: day}]}\n"
    )
    (configured / "rooms.csv").write_text("day,v\n2026-03-02,1\n")
    said = setpoint("poll", "sheet", "--json", SETPOINT_LISTEN="127.0.0.1:1").json
    assert [reading["time"] for reading in said["sample"]] == ["2026-03-01T15:00:00Z"]


# push


def stored(asking):
    target = by_name(asking("status", "--json").json["targets"])["sales"]
    return {instance["labels"]["shop"]: instance["value"] for instance in target["instances"]}


def test_push_one_reading(asking):
    said = asking("push", "sales", "129.50", "--label", "shop=berlin")
    assert (said.status, said.out) == (0, "1 reading stored\n")
    assert asking("push", 'sales{shop="paris"}', "-5", "--json").json == {"readings": 1}
    assert stored(asking) == {"berlin": 129.5, "paris": -5}


def test_push_rows(asking):
    csv = 'time,shop,value\n2026-01-01T10:00:00Z,berlin,1\n2026-01-01T11:00:00Z,berlin,"1,002"\n'
    assert asking("push", "sales", "-", given=csv).out == "2 readings stored\n"
    ndjson = (
        '{"series": "sales", "value": 3, "labels": {"shop": "rome"}}\n{"series": "sales", "value": 4, "shop": "oslo"}\n'
    )
    assert asking("push", "-", given=ndjson).out == "2 readings stored\n"
    assert asking("push", "-", "--label", "shop=bern", given='[{"series": "sales", "value": 5}]').status == 0
    assert stored(asking) == {"berlin": 1002, "rome": 3, "oslo": 4, "bern": 5}


def test_push_in_several_parts(asking, monkeypatch):
    monkeypatch.setattr("agent.cli.push._AT_ONCE", 2)
    rows = [f"2026-01-0{day}T00:00:00Z,berlin,{day}" for day in (1, 2, 3)]
    assert asking("push", "sales", "-", given="\n".join(["time,shop,value", *rows])).out == "3 readings stored\n"
    assert stored(asking) == {"berlin": 3}
    said = asking("push", "sales", "-", given="\n".join(["time,shop,value", *rows[:2], "soon,berlin,4"]))
    assert said.status == 2
    assert said.err.startswith("Error: rows 1 to 2 are stored; counted from there, 1 of 1 readings can't be taken")


@pytest.mark.parametrize(
    ("arguments", "given", "said"),
    [
        (("sales",), "", "VALUE is missing"),
        (("sales", "many"), "", "'many' is not a number"),
        (("sales", "1", "--label", "shop"), "", "--label 'shop' has to be NAME=VALUE"),
        (('sales{shop=~"b.*"}', "1"), "", "written with ="),
        (("sales", "1", "--time", "yesterday"), "", "is not a time"),
        (("salse", "1"), "", "did you mean sales?"),
        (("-",), "", "standard input is empty"),
        (("-",), "value\n1\n", "row 1 of standard input: it has no series; nothing was sent"),
        (("sales", "-"), "shop\nberlin\n", "row 1 of standard input: it has no value; its columns are shop"),
        (("sales", "-"), "value,date\n1,2026-01-01\n", "its column date would become a label"),
        (("sales", "-"), "[1]", "row 1 of standard input: it is not an object"),
        (("sales", "-"), "value\n1\nwarm\n", "row 2: 'warm' is not a number"),
        (("sales", "-"), "[{]", "is not JSON"),
    ],
)
def test_push_of_what_can_not_be_taken(here, shared, arguments, given, said):
    answer = here("push", *arguments, "--url", shared.url, given=given)
    assert (answer.status, answer.out) == (2, "")
    assert said in answer.err


@pytest.mark.parametrize("given", [b"value\n" + b"1\n" * 1_000_000, b"[" + b"1," * 1_000_000 + b"1]"])
def test_more_can_be_pushed_than_a_source_may_answer_at_once(given):
    assert len(push._parse(given)) >= 1_000_000


def test_push_wants_a_daemon(here):
    said = here("push", "sales", "1", SETPOINT_LISTEN="127.0.0.1:1")
    assert said.status == 1
    assert said.err == "Error: no daemon answers at http://127.0.0.1:1: connection refused\n"


# ack


def test_ack(asking):
    said = asking("ack", "rooms", "--note", "window closed", "--by", "ann")
    assert (said.status, said.out) == (0, "out-of-band of rooms (room=den) is taken by ann\n")
    instance = by_name(asking("status", "--json").json["targets"])["rooms"]["instances"][0]
    taken = instance["alerts"][0]["acknowledged"]
    assert (taken["by"], taken["note"]) == ("ann", "window closed")
    again = asking("ack", "out-of-band", "--json")
    assert again.status == 0
    assert again.json["alerts"][0]["acknowledged_by"]


def test_ack_of_what_is_not_open(looking):
    said = looking("ack", "out-of-bnd")
    assert (said.status, said.out) == (2, "")
    assert said.err == "Error: no open alert 'out-of-bnd'; did you mean out-of-band?\n"


# the way there


KEY = "correct-horse-battery-staple"


def test_the_api_key(here, configured, daemons):
    daemon = daemons(configured, SETPOINT_API_KEY=KEY).ready()
    without = here("status", "--url", daemon.url)
    assert without.status == 2
    assert without.err == "Error: the daemon wants an API key; set SETPOINT_API_KEY to the one it runs with\n"
    wrong = here("status", "--url", daemon.url, SETPOINT_API_KEY="wrong")
    assert wrong.status == 2
    assert wrong.err.startswith("Error: the daemon does not take this API key;")
    assert here("status", "--url", daemon.url, SETPOINT_API_KEY=KEY).status == 0
    (configured / "key").write_text(f"{KEY}\n")
    assert here("status", "--url", daemon.url, SETPOINT_API_KEY_FILE="key").status == 0
    (configured / ".env").write_text(f"SETPOINT_API_KEY={KEY}\n")
    assert here("status", "--url", daemon.url).status == 0


def test_a_daemon_that_listens_everywhere_is_asked_on_this_machine(here, configured, daemons):
    daemon = daemons(configured, listen="0.0.0.0:0", SETPOINT_API_KEY=KEY).ready()
    port = daemon.address.rpartition(":")[2]
    said = here("status", "--json", SETPOINT_LISTEN=f"0.0.0.0:{port}", SETPOINT_API_KEY=KEY)
    assert said.json["at"] == f"http://127.0.0.1:{port}"


class Stranger(http.server.BaseHTTPRequestHandler):
    """Some other web server; keeps the headers it was sent."""

    seen: list[dict[str, str]] = []  # noqa: RUF012 - one for the test
    status, body, location = 404, b"<h1>Not here</h1>", ""

    def do_GET(self):
        self.seen.append(dict(self.headers))
        self.send_response(self.status)
        if self.location:
            self.send_header("Location", self.location)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_):
        pass


@pytest.fixture
def stranger():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stranger)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    Stranger.seen.clear()
    yield server
    server.shutdown()
    serving.join()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "body"), [(404, b"<h1>Not here</h1>"), (200, b"hello"), (200, b"[]"), (200, b"{}"), (500, b'{"a": 1}')]
)
def test_something_else_at_the_address(here, stranger, monkeypatch, status, body):
    monkeypatch.setattr(Stranger, "status", status)
    monkeypatch.setattr(Stranger, "body", body)
    url = f"http://127.0.0.1:{stranger.server_port}"
    said = here("status", "--url", url)
    assert (said.status, said.out) == (1, "")
    assert said.err == f"Error: what answers at {url} is not Setpoint\n"


def test_the_key_goes_nowhere_else(here, stranger, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as other:
        monkeypatch.setattr(Stranger, "status", 302)
        monkeypatch.setattr(Stranger, "location", f"http://127.0.0.1:{other.getsockname()[1]}/")
        said = here("status", "--url", f"http://127.0.0.1:{stranger.server_port}", SETPOINT_API_KEY=KEY)
        assert said.status == 1
        other.setblocking(False)
        with pytest.raises(BlockingIOError):
            other.accept()
    assert Stranger.seen[0]["Authorization"] == f"Bearer {KEY}"


def test_this_machine_is_not_asked_through_a_proxy(looking):
    assert looking("status", http_proxy="http://127.0.0.1:1").out.startswith("From the daemon")


@pytest.mark.parametrize("key", ["line\nbreak", "\x07bell"])
def test_a_key_that_can_be_no_key(here, key):
    said = here("status", SETPOINT_API_KEY=key)
    assert (said.status, said.err) == (2, "Error: SETPOINT_API_KEY holds a character that no key can have\n")


# silence


def test_silences_are_added_listed_and_expired(asking):
    added = asking("silence", "add", "rooms", "room=den", "--for", "2h", "--reason", "windows are open", "--by", "ann")
    assert added.status == 0, added.err
    name = added.out.split()[0]
    assert 'mutes {room="den",target="rooms"} until ' in added.out
    listed = asking("silence", "list")
    assert name in listed.out
    assert "windows are open" in listed.out
    status = asking("status")
    assert f"silence {name} by ann until " in status.out
    assert asking("silence", "expire", name).out == f"{name} is over\n"
    assert asking("silence", "list").out == "No silences\n"
    assert asking("silence", "list", "--expired", "--json").json["silences"][0]["state"] == "expired"


def test_what_makes_no_silence(asking):
    said = asking("silence", "add", "roms", "--reason", "x")
    assert (said.status, "did you mean rooms?" in said.err) == (2, True)
    assert asking("silence", "add", "rooms").status == 2
    assert asking("silence", "add", "rooms", "--for", "1h", "--until", "2030-01-01", "--reason", "x").status == 2
    assert asking("silence", "expire", "none").status == 2


def test_audit_shows_who_did_what_and_why(asking):
    assert asking("audit").out == "Nobody did anything\n"
    asking("silence", "add", "rooms", "--for", "2h", "--reason", "windows are open", "--by", "ann")
    head, row = asking("audit", "--since", "1h").out.splitlines()
    assert head.split() == ["AT", "WHO", "VIA", "ACT", "SUBJECT", "WHY"]
    assert [word for word in ("ann", "cli", "silence", "windows are open") if word not in row] == []
    (act,) = asking("audit", "--json").json["acts"]
    assert (act["by"], act["via"], act["act"], act["note"]) == ("ann", "cli", "silence", "windows are open")
    assert asking("audit", "--since", "2100-01-01").out == "Nobody did anything\n"
    refused = asking("audit", "--since", "tomorrow")
    assert (refused.status, refused.err) == (2, "Error: since: 'tomorrow' is not a time: ISO 8601 or Unix time\n")
