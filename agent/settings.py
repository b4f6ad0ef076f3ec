"""Process settings: from the environment (`SETPOINT_…`), their `_FILE` twins and a `.env` file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from agent.environment import ENV_FILE, NO_TEXT, SettingsError
from agent.store.keeping import Retention
from connectors.fields import Span
from connectors.secret_files import read_small
from rules.model import DAY

PREFIX = "SETPOINT_"
_SECRETS = ("api_key", "database_url", "slack_app_token", "slack_bot_token", "slack_signing_secret", "smtp_url")
_POSTGRES = ("postgresql://", "postgres://", "postgresql+asyncpg://")
_PLAIN = {
    "log_level": "has to be debug, info, warning or error",
    "log_format": "has to be console or json",
}


class Address(NamedTuple):
    """Where the daemon listens."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host in {"localhost", "::1"} or self.host.startswith("127.")

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class _Unreadable(str):
    """Stands for a value that could not be had, and says why."""

    __slots__ = ()


def _address(value: object) -> object:
    if isinstance(value, Address):
        return value
    host, colon, port = str(value).rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError("has to be host:port, for example 127.0.0.1:8080 or 0.0.0.0:8080")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError("an IPv6 address stands in brackets: [::1]:8080")
    return Address(host or "0.0.0.0", int(port))  # noqa: S104 - asked for by leaving the host out


def _url(value: object) -> object:
    text = str(value).rstrip("/")
    if text and not text.startswith(("http://", "https://")):
        raise ValueError("has to be an address such as https://setpoint.example.com")
    return text


def _database(value: object) -> object:
    if not str(value).startswith(("sqlite:///", *_POSTGRES)):
        raise ValueError(
            "has to be an address such as sqlite:///setpoint.db or postgresql://user:password@host/database"
        )
    return value


def _smtp(value: object) -> object:
    if not str(value).startswith(("smtp://", "smtps://")):
        raise ValueError("has to be an address such as smtp://user:password@mail.example.com:587")
    return value


def _commands(value: object) -> object:
    if not isinstance(value, str):
        return value
    paths = tuple(path for path in value.split(":") if path)
    wrong = next((path for path in paths if not path.startswith("/")), None)
    if wrong is not None:
        raise ValueError(f"has to be absolute paths of programs with : between them, and {wrong!r} is none")
    return paths


def key_hash(key: str) -> str:
    """What is kept of an API key: its SHA-256 in hexadecimal."""
    return hashlib.sha256(key.encode()).hexdigest()


class Settings(BaseSettings):
    """How this process runs. `read_settings` makes it and says plainly what is wrong.

    `api_key_hash` is `key_hash` of SETPOINT_API_KEY: the key itself is not kept. `log_format` None means `console`
    on a terminal, else `json`. `external_url` has no slash at its end, `slack_api_url` has one.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=ENV_FILE,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        env_ignore_empty=True,
        validate_default=False,
    )

    config: Path = Path("setpoint.yaml")
    database_url: Annotated[str, BeforeValidator(_database)] = Field(default="sqlite:///setpoint.db", repr=False)
    listen: Annotated[Address, NoDecode, BeforeValidator(_address)] = Address("127.0.0.1", 8080)
    external_url: Annotated[str, BeforeValidator(_url)] = ""
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], BeforeValidator(lambda value: str(value).lower())
    ] = "info"
    log_format: Literal["console", "json"] | None = None
    slack_bot_token: str = Field(default="", repr=False)
    slack_signing_secret: str = Field(default="", repr=False)
    slack_app_token: str = Field(default="", repr=False)
    slack_api_url: Annotated[str, BeforeValidator(lambda value: f"{_url(value)}/")] = "https://slack.com/api/"
    smtp_url: Annotated[str, BeforeValidator(_smtp)] = Field(default="", repr=False)
    retention: Span = 400 * DAY
    allowed_commands: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_commands)] = ()
    api_key_hash: Annotated[str, BeforeValidator(key_hash)] | None = Field(
        default=None, validation_alias=f"{PREFIX}API_KEY", repr=False
    )

    @property
    def kept(self) -> Retention:
        """How long readings are kept where the configuration says nothing: as ever, where `retention` is given."""
        return Retention(*3 * [self.retention]) if "retention" in self.model_fields_set else Retention()

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no log may show."""
        known = (self.slack_bot_token, self.slack_signing_secret, self.slack_app_token, self.smtp_url)
        return tuple(secret for secret in known if secret)

    @property
    def slack_clicks(self) -> bool:
        """Whether this process hears of what is clicked in Slack, by Socket Mode or signed calls."""
        return bool(self.slack_app_token or self.slack_signing_secret)

    @field_validator("*", mode="before")
    @classmethod
    def _readable(cls, value: object) -> object:
        if isinstance(value, _Unreadable):
            raise ValueError(str(value))  # noqa: TRY004 - pydantic's protocol
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is handed in, then files named by twins, the environment, `.env`."""
        found = [s.env_vars for s in (dotenv_settings, env_settings) if isinstance(s, EnvSettingsSource)]
        return init_settings, _FileTwins(settings_cls, found), env_settings, dotenv_settings


class _FileTwins(PydanticBaseSettingsSource):
    """Reads secrets from the files that `SETPOINT_…_FILE` names."""

    def __init__(self, settings_cls: type[BaseSettings], found: list[Mapping[str, str | None]]) -> None:
        super().__init__(settings_cls)
        self._found = {name: value for layer in found for name, value in layer.items() if value}

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The value of one secret, its key, and that it is plain text."""
        name = f"{PREFIX}{field_name}".lower()
        key = field.validation_alias if isinstance(field.validation_alias, str) else field_name
        path = self._found.get(f"{name}_file")
        if path is None:
            return None, key, False
        if name in self._found:
            return _Unreadable(f"give {name.upper()} or {name.upper()}_FILE, not both"), key, False
        try:
            text = read_small(Path(path))
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not a text"
            return _Unreadable(f"can't read the file {path!r} that {name.upper()}_FILE names: {reason}"), key, False
        return text or _Unreadable(f"the file {path!r} that {name.upper()}_FILE names is empty"), key, False

    def __call__(self) -> dict[str, Any]:
        """Every secret that a twin gives."""
        fields = Settings.model_fields
        values = {}
        for secret in _SECRETS:
            field = fields.get(secret) or fields[f"{secret}_hash"]
            value, key, _ = self.get_field_value(field, secret)
            if value is not None:
                values[key] = value
        return values


def read_settings(**given: Any) -> Settings:
    """The settings of this process; `given` (from the command line) come before the environment and `.env`.

    Raises SettingsError with every problem.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise SettingsError([_said(details) for details in error.errors(include_url=False)]) from None
    except UnicodeDecodeError:
        raise SettingsError([NO_TEXT]) from None


def _said(details: Any) -> str:
    field = str(details["loc"][0]) if details["loc"] else ""
    name = field if field.startswith(PREFIX) else f"{PREFIX}{field.upper()}"
    if field in _PLAIN:
        return f"{name}: {_PLAIN[field]}"
    cause = details.get("ctx", {}).get("error")
    return f"{name}: {cause or details['msg'].replace('Input should', 'has to')}"
