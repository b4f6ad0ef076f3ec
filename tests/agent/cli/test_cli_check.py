import pytest

GOOD = """\
defaults: {timezone: Europe/Amsterdam, every: 1m}
sources:
  website: {type: file, path: visitors.csv, every: 15m, readings: [{series: visitors, time: date, value: n, labels: {site: site}}]}
  backup: {type: checkin, schedule: "0 3 * * *", grace: 30m}
targets:
  monthly:
    title: Unique visitors
    series: visitors
    by: [site]
    goal: {measure: sum, at_least: 10000, per: month}
    alerts: [{name: behind, when: behind, for: 6h, notify: [team]}]
  nightly: {source: backup, alerts: [{name: late, when: missed, severity: critical}]}
receivers:
  team: [{type: webhook, url: "https://example.com/${TOKEN}", secret: "${TOKEN}"}]
route: {receiver: team}
"""


@pytest.fixture
def good(project):
    (project / "setpoint.yaml").write_text(GOOD)
    (project / ".env").write_text("TOKEN=swordfish-123456\n")


@pytest.mark.usefixtures("good")
def test_says_what_was_understood(setpoint):
    said = setpoint("check")
    assert (said.status, said.err) == (0, "")
    for words in (
        "setpoint.yaml: 2 sources, 2 targets, 2 receivers; no mistakes",
        "website  file     every 15m",
        "reads    visitors, one for each site",
        "wants    sum at least 10,000 per month  (Europe/Amsterdam)",
        "alert    behind: when behind for 6h, warning, to team",
        "alert    late: when missed, critical, to whom the route names",
        "wants    a call by cron 0 3 * * * Europe/Amsterdam, at most 30m late",
        "all else: team",
    ):
        assert words in said.out
    assert "swordfish" not in said.out


@pytest.mark.usefixtures("good")
def test_says_it_in_json(setpoint):
    said = setpoint("check", "--json")
    assert said.status == 0
    assert said.json["valid"] is True
    assert [target["name"] for target in said.json["targets"]] == ["monthly", "nightly"]
    assert "swordfish" not in said.out


def test_every_mistake_with_its_place(setpoint, project):
    (project / "bad.yaml").write_text(
        "sources:\n  a: {type: htpp, url: x}\n"
        "targets:\n  t:\n    series: s\n    gaol: {at_least: 1}\n    goal: {at_least: 1}\n    alerts: [{name: x, when: off}]\n"
    )
    said = setpoint("check", "bad.yaml")
    assert said.status == 1
    lines = said.out.splitlines()
    assert lines[0].startswith("bad.yaml:2:13: sources.a.type: ")
    assert any(line.startswith("bad.yaml:6:5: targets.t.gaol: unknown key (did you mean goal?)") for line in lines)
    assert any(line.startswith("bad.yaml:8:30: targets.t.alerts[0].when: ") for line in lines)
    as_json = setpoint("check", "bad.yaml", "--json")
    assert as_json.status == 1
    assert [error["line"] for error in as_json.json["errors"]] == [2, 6, 8]
    assert as_json.json["valid"] is False


def test_a_file_that_is_not_there(setpoint):
    said = setpoint("check", "nowhere.yaml")
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith("Error: nowhere.yaml: there is no such file")
    assert len(said.err.splitlines()) == 1


def test_a_directory(setpoint, project):
    (project / "conf").mkdir()
    (project / "conf" / "a.yaml").write_text("sources: {a: {type: webhook, readings: [{series: s, value: v}]}}\n")
    (project / "conf" / "b.yaml").write_text("targets: {t: {series: s, goal: {at_least: 1}}}\n")
    said = setpoint("check", SETPOINT_CONFIG="conf")
    assert said.status == 0
    assert "1 source, 1 target" in said.out


def test_settings_that_are_wrong(setpoint):
    said = setpoint("check", SETPOINT_LISTEN="nowhere", SETPOINT_DATABASE_URL="sqlite:/x")
    assert said.status == 2
    assert said.err.startswith("Error: SETPOINT_")
    assert "; SETPOINT_LISTEN: has to be host:port" in said.err
    assert len(said.err.splitlines()) == 1


MAILS = """\
receivers:
  growth: [{type: slack, channel: "#growth"}, {type: slack, url: "https://hooks.slack.com/x"}]
  oncall: [{type: console}, {type: email, to: [a@example.com]}]
"""


def test_a_setting_that_a_receiver_needs(setpoint, project):
    (project / "setpoint.yaml").write_text(MAILS)
    said = setpoint("check")
    assert said.status == 0
    assert "no mistakes" in said.out
    assert said.out.splitlines()[-3:] == [
        "Missing settings",
        "  receivers.growth[0]: can't send anything: set SETPOINT_SLACK_BOT_TOKEN, or token here",
        "  receivers.oncall[1]: can't send anything: set SETPOINT_SMTP_URL, or smtp_url here",
    ]
    as_json = setpoint("check", "--json")
    assert (as_json.status, as_json.json["valid"]) == (0, True)
    assert [one["setting"] for one in as_json.json["missing_settings"]] == [
        "SETPOINT_SLACK_BOT_TOKEN",
        "SETPOINT_SMTP_URL",
    ]
    (project / ".env").write_text("SETPOINT_SLACK_BOT_TOKEN=xoxb-1\nSETPOINT_SMTP_URL=smtp://mail.example.com\n")
    assert "Missing settings" not in setpoint("check").out


def test_a_program_that_may_not_be_run(setpoint, project):
    (project / "setpoint.yaml").write_text("actions:\n  a: {type: command, argv: [/bin/true]}\n")
    said = setpoint("check")
    assert said.status == 1
    assert "setpoint.yaml:2:29: actions.a.argv[0]: /bin/true is not allowed to be run (none is allowed;" in said.out
    assert setpoint("check", SETPOINT_ALLOWED_COMMANDS="/bin/false:/bin/true").status == 0


CORRECTED = """\
sources:
  a: {type: webhook, readings: [{series: a, value: v}]}
targets:
  t:
    series: a
    goal: {at_least: 20}
    alerts: [{name: off, when: out_of_band}, {name: quiet, when: no_data}, {name: well, when: in_band}]
    correct:
      - {on: off, action: fix, max_attempts: 1, cooldown: 2s, escalate: {to: console}, undo: back, output: {pid: {kp: 1, min: 0, max: 100, setpoint: 22}}}
      - {on: quiet, action: fix, approval: {within: 30m}, precondition: last(a) > 3, undo: {action: back, on: resolved}, output: "{{ value }}"}
      - {on: well, action: back, dry_run: true}
actions:
  fix: {type: webhook, url: "http://h/x?key=swordfish-123456", thing: house, budget: 3/h, json: "{{ output }}"}
  back: {type: webhook, url: "http://h/x?key=swordfish-123456", breaker: {failures: 2, pause: 10m}}
"""


def test_what_a_correction_does_in_plain_words(setpoint, project):
    (project / "setpoint.yaml").write_text(CORRECTED)
    said = setpoint("check")
    assert said.status == 0
    lines = said.out.splitlines()
    first = next(index for index, line in enumerate(lines) if "correct " in line)
    assert [line.strip() for line in lines[first : first + 9]] == [
        "correct  on off: calls fix by itself, once at most, 2s apart, back within 10m",
        "output by a pid from 0 to 100, towards 22",
        "undone by back when it failed",
        "to console if it does not help",
        "correct  on quiet: asks a person first, for 30m at most, then calls fix, 3 times at most, 15m apart, back within 10m",
        "only while last(a) > 3",
        "output {{ value }}",
        "undone by back when the alert has resolved",
        "correct  on well: only pretends to call back (dry run), 3 times at most, 15m apart, back within 10m",
    ]
    actions = [" ".join(line.split()) for line in lines[lines.index("Actions") + 1 :][:2]]
    assert actions == [
        "fix webhook at most 3 in 1h rests 1h after 5 in a row that did not help acts on house",
        "back webhook no budget rests 10m after 2 in a row that did not help",
    ]
    assert "swordfish" not in said.out + setpoint("check", "--json").out


def test_a_dry_run_of_all_corrections_is_said_of_each(setpoint, project):
    (project / "setpoint.yaml").write_text(CORRECTED + "corrections: {dry_run: true}\n")
    said = setpoint("check").out
    assert said.count("only pretends to call") == 3
    assert "asks a person first, for 30m at most, then only pretends to call fix (dry run)" in said


def test_each_slack_receiver_says_which_way_it_sends(setpoint, project):
    (project / "setpoint.yaml").write_text(
        "receivers:\n"
        '  growth: [{type: slack, channel: "#growth"}, {type: console}]\n'
        '  hook: [{type: slack, url: "https://hooks.slack.com/services/T0/B0/secret-77"}]\n'
        '  own: [{type: slack, channel: "#growth", token: xoxb-1}]\n'
    )
    said = setpoint("check", SETPOINT_SLACK_BOT_TOKEN="xoxb-2")
    assert said.status == 0
    assert "  growth   slack (with a bot token: edits, buttons and charts), console\n" in said.out
    assert "  hook     slack (through an incoming webhook: no buttons, no chart, no edits)\n" in said.out
    assert "  own      slack (with a bot token of its own: edits and charts, no buttons)\n" in said.out
    ways = [one["ways"] for one in setpoint("check", "--json").json["receivers"]]
    assert ways[0] == ["with a bot token: edits, buttons and charts", ""]
