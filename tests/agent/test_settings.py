"""Settings from the environment, `.env`, twins and the command line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.environment import SettingsError, environment
from agent.settings import Address, key_hash, read_settings
from rules.model import DAY, HOUR


@pytest.fixture(autouse=True)
def _empty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.upper().startswith("SETPOINT_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_defaults() -> None:
    settings = read_settings()
    assert settings.config == Path("setpoint.yaml")
    assert settings.database_url == "sqlite:///setpoint.db"
    assert settings.listen == Address("127.0.0.1", 8080)
    assert (settings.external_url, settings.log_level, settings.log_format) == ("", "info", None)
    assert settings.slack_api_url == "https://slack.com/api/"
    assert (settings.slack_bot_token, settings.smtp_url, settings.api_key_hash) == ("", "", None)
    assert settings.retention == 400 * DAY
    assert settings.allowed_commands == ()


def test_environment_over_dotenv_and_command_line_over_both(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text(
        "SETPOINT_LOG_LEVEL=debug\nSETPOINT_RETENTION=36h\nSETPOINT_CONFIG=dot.yaml\nTOKEN=dot\nOTHER=1\n"
    )
    monkeypatch.setenv("SETPOINT_LOG_LEVEL", "WARNING")
    monkeypatch.setenv("TOKEN", "own")
    settings = read_settings(config="given.yaml", listen=None)
    assert (settings.log_level, settings.retention, settings.config) == ("warning", 36 * HOUR, Path("given.yaml"))
    assert (environment()["TOKEN"], environment()["OTHER"]) == ("own", "1")


@pytest.mark.parametrize(
    ("text", "address", "loopback"),
    [
        ("127.0.0.1:9", Address("127.0.0.1", 9), True),
        ("localhost:80", Address("localhost", 80), True),
        ("[::1]:80", Address("::1", 80), True),
        ("0.0.0.0:8080", Address("0.0.0.0", 8080), False),
        (":8080", Address("0.0.0.0", 8080), False),
        ("setpoint.internal:0", Address("setpoint.internal", 0), False),
    ],
)
def test_listen(monkeypatch: pytest.MonkeyPatch, text: str, address: Address, *, loopback: bool) -> None:
    monkeypatch.setenv("SETPOINT_LISTEN", text)
    assert read_settings().listen == address
    assert address.loopback == loopback


def test_an_address_is_written_as_it_is_read() -> None:
    assert (str(Address("::1", 80)), str(Address("127.0.0.1", 80))) == ("[::1]:80", "127.0.0.1:80")


def test_programs_that_may_be_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SETPOINT_ALLOWED_COMMANDS", "/bin/true::/opt/our tools/restart:")
    assert read_settings().allowed_commands == ("/bin/true", "/opt/our tools/restart")


def test_secrets_from_files(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("key").write_text("my-api-key\n")
    Path("smtp").write_text("smtp://user:pw@mail.example.com:587\n")
    monkeypatch.setenv("SETPOINT_API_KEY_FILE", "key")
    Path(".env").write_text("SETPOINT_SMTP_URL_FILE=smtp\n")
    settings = read_settings()
    assert settings.api_key_hash == key_hash("my-api-key")
    assert settings.smtp_url == "smtp://user:pw@mail.example.com:587"


def test_only_the_hash_of_the_api_key_is_kept_and_nothing_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SETPOINT_API_KEY", "hunter2-key")
    monkeypatch.setenv("SETPOINT_SLACK_BOT_TOKEN", "xoxb-hunter2")
    monkeypatch.setenv("SETPOINT_SMTP_URL", "smtp://u:hunter2@mail.example.com")
    monkeypatch.setenv("SETPOINT_SLACK_APP_TOKEN", "xapp-hunter2")
    monkeypatch.setenv("SETPOINT_SLACK_SIGNING_SECRET", "sign-hunter2")
    settings = read_settings()
    assert settings.slack_bot_token == "xoxb-hunter2"
    assert settings.secrets == ("xoxb-hunter2", "sign-hunter2", "xapp-hunter2", "smtp://u:hunter2@mail.example.com")
    assert "hunter2" not in repr(settings)
    assert "hunter2-key" not in str(settings.model_dump())


@pytest.mark.parametrize("name", ["SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET"])
def test_one_of_two_settings_lets_clicks_in(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert not read_settings().slack_clicks
    Path("secret").write_text("hunter2\n")
    monkeypatch.setenv(f"SETPOINT_{name}_FILE", "secret")
    settings = read_settings()
    assert settings.slack_clicks
    assert settings.secrets == ("hunter2",)


_NO_DATABASE = "has to be an address such as sqlite:///setpoint.db or postgresql://user:password@host/database"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("LISTEN", "8080", "has to be host:port, for example 127.0.0.1:8080 or 0.0.0.0:8080"),
        ("LISTEN", "x:99999", "has to be host:port, for example 127.0.0.1:8080 or 0.0.0.0:8080"),
        ("LISTEN", "::1:80", "an IPv6 address stands in brackets: [::1]:8080"),
        ("LOG_LEVEL", "loud", "has to be debug, info, warning or error"),
        ("LOG_FORMAT", "xml", "has to be console or json"),
        ("RETENTION", "400", "'400' is not a duration; write for example 500ms, 30s, 1h30m or 7d"),
        ("RETENTION", "0s", "has to be longer than nothing"),
        ("DATABASE_URL", "mysql://u:hunter2@db/x", _NO_DATABASE),
        ("DATABASE_URL", "hunter2.db", _NO_DATABASE),
        ("EXTERNAL_URL", "setpoint.example.com", "has to be an address such as https://setpoint.example.com"),
        (
            "ALLOWED_COMMANDS",
            "/bin/true:restart",
            "has to be absolute paths of programs with : between them, and 'restart' is none",
        ),
        (
            "SMTP_URL",
            "mail:hunter2",
            "has to be an address such as smtp://user:password@mail.example.com:587",
        ),
        (
            "SMTP_URL_FILE",
            "absent",
            "can't read the file 'absent' that SETPOINT_SMTP_URL_FILE names: No such file or directory",
        ),
    ],
)
def test_what_is_wrong_is_said_by_the_variable_s_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(f"SETPOINT_{name}", value)
    with pytest.raises(SettingsError) as caught:
        read_settings()
    assert caught.value.problems == (f"SETPOINT_{name.removesuffix('_FILE')}: {said}",)


def test_all_problems_are_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("key").write_text("\n")
    monkeypatch.setenv("SETPOINT_LISTEN", "x")
    monkeypatch.setenv("SETPOINT_API_KEY_FILE", "key")
    monkeypatch.setenv("SETPOINT_SLACK_BOT_TOKEN", "hunter2")
    monkeypatch.setenv("SETPOINT_SLACK_BOT_TOKEN_FILE", "key")
    with pytest.raises(SettingsError) as caught:
        read_settings()
    assert sorted(caught.value.problems) == [
        "SETPOINT_API_KEY: the file 'key' that SETPOINT_API_KEY_FILE names is empty",
        "SETPOINT_LISTEN: has to be host:port, for example 127.0.0.1:8080 or 0.0.0.0:8080",
        "SETPOINT_SLACK_BOT_TOKEN: give SETPOINT_SLACK_BOT_TOKEN or SETPOINT_SLACK_BOT_TOKEN_FILE, not both",
    ]


def test_what_kubernetes_puts_into_the_environment_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SETPOINT_PORT", "tcp://10.0.0.1:8080")
    monkeypatch.setenv("SETPOINT_SERVICE_HOST", "10.0.0.1")
    assert read_settings().listen.port == 8080


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SETPOINT_LOG_FORMAT", "")
    monkeypatch.setenv("SETPOINT_SMTP_URL", "")
    assert read_settings().log_format is None


def test_a_dotenv_that_is_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_bytes(b"A=\xff\xfe")
    with pytest.raises(SettingsError, match=r"\.env: is not a text in UTF-8"):
        read_settings()
    with pytest.raises(SettingsError, match=r"\.env: is not a text in UTF-8"):
        environment()
