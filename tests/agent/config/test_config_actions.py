"""Mistakes in actions of every kind, each said at its place, and programs that may not be run."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config.errors import ConfigErrors
from agent.config.load import load
from agent.config.needs import missing_settings
from agent.settings import read_settings

HOUSE = """\
sources: {house: {type: webhook, readings: [{series: t, value: v, labels: {room: room}}]}}
targets:
  room:
    series: t
    by: [room]
    goal: {at_least: 20}
    alerts: [{name: cold, when: out_of_band}]
    correct: [{on: cold, action: a}]
actions:
  a: """


def errors_of(folder: Path, action: str, *, commands: tuple[str, ...] | None = ()) -> list[str]:
    file = folder / "setpoint.yaml"
    file.write_text(HOUSE + action, encoding="utf-8")
    try:
        load(file, {}, commands)
    except ConfigErrors as refused:
        return [str(error).replace(f"{file}:", "") for error in refused.errors]
    return []


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ("{type: mqtt, url: 'mqtt://h', topic: 'home/{{ labels.room }}', json: {to: '{{ at_least }}'}}", []),
        (
            "{type: mqtt, url: 'mqtt://h', topic: 'home/{{ labels.rom }}', json: {to: ['{{ at_leest }}']}}",
            [
                "10:43: actions.a.topic: alert cold of room has no label rom (did you mean room?)",
                "10:80: actions.a.json.to[0]: the template uses the name 'at_leest', which there is not; did you mean at_least?",
            ],
        ),
        (
            "{type: mqtt, url: 'tcp://me:S3cret@h', topic: 'a/#', qos: 5}",
            [
                "10:24: actions.a.url: has to be the address of a broker, such as mqtt://user:password@broker:1883 or mqtts://broker",
                "10:52: actions.a.topic: names one topic: + and # are for those who subscribe",
                "10:64: actions.a.qos: has to be at most 2",
            ],
        ),
        (
            "{type: sql, url: 'sqlite:///x.db', statement: 'delete from t where r = :room', parameters: {room: '{{ labels.room }}'}}",
            [],
        ),
        (
            "{type: sql, url: 'sqlite:///x.db', statement: \"delete from t where r = '{{ labels.room }}'\"}",
            [
                "10:52: actions.a.statement: can hold no template, since a label could change it; write :name, and name under parameters"
            ],
        ),
        (
            "{type: sql, url: 'sqlite:///x.db', statement: 'delete from t where r = :room', parameters: {rom: '{{ labels.rom }}'}}",
            [
                "10:97: actions.a.parameters: the statement does not use :rom; did you mean room?",
            ],
        ),
        (
            "{type: sql, url: 'sqlite:///x.db', statement: 'delete from t where r = :room'}",
            ["10:6: actions.a: the statement uses :room, which is not given"],
        ),
        (
            "{type: sql, url: 'sqlite:///x.db', statement: 'delete from t where r = :r', parameters: {r: '{{ labels.rom }}'}}",
            ["10:98: actions.a.parameters.r: alert cold of room has no label rom (did you mean room?)"],
        ),
        (
            "{type: sql, url: 'sqlite:///x.db', statement: 'delete from t where r = :r', parameters: {r: ['{{ value }}']}}",
            ["10:98: actions.a.parameters.r: has to be one value: a text, a number, true, false or null"],
        ),
        (
            "{type: webhook, url: ' ', thing: '', secret: 'whsec_!!!notbase64'}",
            [
                "10:27: actions.a.url: is empty",
                "10:39: actions.a.thing: is empty",
                "10:51: actions.a.secret: begins with whsec_, and no base64 follows; copy all of it, or take another secret",
            ],
        ),
        (
            "{type: webhook, url: 'http://x', method: get, json: {a: 1}, headers: {Content-Length: '5', host: evil, X: '1'}}",
            [
                "10:58: actions.a.json: method GET has no body; write another method, or remove this",
                "10:92: actions.a.headers.Content-Length: is set for each call, by its address and its body; remove it",
                "10:103: actions.a.headers.host: is set for each call, by its address and its body; remove it",
            ],
        ),
        (
            "{type: webhook, url: 'http://x', method: GET, body: x, headers: {Transfer-Encoding: chunked, Connection: close}}",
            [
                "10:58: actions.a.body: method GET has no body; write another method, or remove this",
                "10:90: actions.a.headers.Transfer-Encoding: is set for each call, by its address and its body; remove it",
                "10:111: actions.a.headers.Connection: is set for each call, by its address and its body; remove it",
            ],
        ),
        (
            "{type: webhook, url: 'http://x', body: \"{{ ''.__class__ }}\"}",
            ["10:45: actions.a.body: __class__ is not allowed in a template"],
        ),
        ("{type: slack, channel: '#a', text: '{{ labels.room }}'}", []),
        (
            "{type: slack, channel: '#{{ severity }}', text: '{{ labels.rom }}'}",
            [
                "10:29: actions.a.channel: is no template; name one channel, for example #facilities",
            ],
        ),
        (
            "{type: command, argv: ['/bin/{{ labels.room }}']}",
            ["10:28: actions.a.argv: begins with the program, which can be no template"],
        ),
        (
            "{type: command, argv: [/bin/true, '{{ labels.rom }}']}",
            [
                "10:29: actions.a.argv[0]: /bin/true is not allowed to be run (none is allowed; add it to SETPOINT_ALLOWED_COMMANDS where the daemon runs)",
                "10:40: actions.a.argv[1]: alert cold of room has no label rom (did you mean room?)",
            ],
        ),
    ],
)
def test_what_is_said_and_where(tmp_path: Path, action: str, said: list[str]) -> None:
    assert errors_of(tmp_path, action) == said


def test_programs_that_may_be_run(tmp_path: Path) -> None:
    text = "{type: command, argv: [/bin/true, '{{ labels.room }}'], timeout: 10m}"
    long = errors_of(tmp_path, text.replace("10m", "601s"), commands=None)
    assert long == ["10:71: actions.a.timeout: can be at most 10m"]
    assert errors_of(tmp_path, text, commands=("/bin/false", "/bin/true")) == []
    assert errors_of(tmp_path, text, commands=None) == []
    (error,) = errors_of(tmp_path, text, commands=("/bin/false", "/bin/tru"))
    assert "(there are /bin/false, /bin/tru; add it to SETPOINT_ALLOWED_COMMANDS" in error


def test_a_slack_action_without_a_token_is_named(tmp_path: Path) -> None:
    assert errors_of(tmp_path, "{type: slack, channel: '#a', text: x}") == []
    config = load(tmp_path / "setpoint.yaml", {})
    (missing,) = missing_settings(config, read_settings())
    assert str(missing) == "actions.a: can't send anything: set SETPOINT_SLACK_BOT_TOKEN, or token here"
    assert list(missing_settings(config, read_settings(slack_bot_token="xoxb-1"))) == []
