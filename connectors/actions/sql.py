"""A corrective call that changes rows: one statement with bound parameters, in a transaction of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from connectors import fields
from connectors.base import Call, ConnectorError, Misconfigured, Refused, Services, TimedOut, Unreachable
from connectors.bodies import Path
from connectors.calling import ActionConfig, JsonTemplate, shown_json
from connectors.database import (
    DatabaseUrl,
    Interruption,
    check_there,
    file_of,
    in_time,
    open_engine,
    without_secrets,
)
from connectors.failures import failure
from connectors.statement import check_changes, parameters_of
from connectors.template import TemplateError, render_json
from rules.model import SECOND

_GIVEN = ("correction", "key")
_SHOWN = 200
# The beginnings of SQLSTATE and SQLite's names of errors; what is not listed will be so the next time, too.
_AWAY = ("08", "SQLITE_CANTOPEN", "SQLITE_IOERR", "SQLITE_FULL", "SQLITE_NOMEM", "SQLITE_INTERRUPT")
_LATER = ("25006", "40", "53", "55", "57", "58", "SQLITE_BUSY", "SQLITE_LOCKED")


def _check_statement(text: str) -> str:
    if "{{" in text or "{%" in text:
        raise ValueError("can hold no template, since a label could change it; write :name, and name under parameters")
    return check_changes(text)


def _check_single(value: Any) -> Any:
    if isinstance(value, dict | list):
        raise ValueError("has to be one value: a text, a number, true, false or null")  # noqa: TRY004 - pydantic's protocol
    return value


class SqlActionConfig(ActionConfig):
    """Keys of an action of type `sql`. The values of `parameters` are templates, the statement is none.

    Beside them the statement may use `:correction` and `:key`, which stays the same when a call is repeated.
    """

    type: Literal["sql"]
    url: DatabaseUrl
    statement: Annotated[str, AfterValidator(_check_statement)]
    parameters: dict[str, Annotated[JsonTemplate, AfterValidator(_check_single)]] = Field(
        default_factory=dict, validate_default=True
    )
    timeout: fields.Span = 10 * SECOND

    @field_validator("parameters")
    @classmethod
    def _are_those_of_the_statement(cls, value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        statement = info.data.get("statement")
        if statement is None:
            return value
        used = parameters_of(statement)
        for name in value:
            if name in _GIVEN:
                raise ValueError(f"{name} is given by Setpoint; give yours another name")
            if name not in used:
                raise ValueError(f"the statement does not use :{name}{_near(name, used)}")
        for name in used:
            if name not in value and name not in _GIVEN:
                raise ValueError(f"the statement uses :{name}, which is not given{_near(name, value)}")
        return value

    def preview(self, context: Mapping[str, Any]) -> str:
        """The statement and its parameters."""
        said = " ".join(self.statement.split())
        said = said if len(said) <= _SHOWN else said[: _SHOWN - 1] + "…"
        return f"{said} {shown_json(self.parameters, context)}" if self.parameters else said

    def templates(self) -> Iterator[tuple[Path, str]]:
        """Every template with the path of its key."""
        yield from super().templates()
        yield from ((("parameters", name), text) for name, text in self.parameters.items() if isinstance(text, str))


def _near(name: str, known: Any) -> str:
    near = get_close_matches(name, known, 1)
    return f"; did you mean {near[0]}?" if near else ""


class SqlAction:
    """Runs the statement; nothing of it remains if it does not end in time, or fails."""

    Config = SqlActionConfig

    def __init__(self, name: str, config: SqlActionConfig, services: Services) -> None:
        self._name = name
        self._config = config
        self._services = services
        self._url = config.url.get_secret_value()

    async def call(self, call: Call) -> str:
        """Runs it and commits; says how many rows changed, of which none is no error. Raises ConnectorError."""
        values = self._values(call)
        seconds = self._config.timeout / SECOND
        started = self._services.now()
        interruption = Interruption()
        try:
            rows = await in_time(self._run(values, seconds, interruption), seconds, interruption)
        except TimeoutError:
            raise TimedOut(f"action {self._name}: the database did not answer within {seconds:g} s") from None
        except Exception as error:  # drivers raise what they like, not only what SQLAlchemy makes of it
            raise self._failure(error) from None
        took = max(self._services.now() - started, 0) // 1_000
        if rows is None:
            return f"done in {took} ms"
        return f"changed {rows} {'row' if rows == 1 else 'rows'} in {took} ms"

    async def close(self) -> None:
        """Nothing is held open."""

    def _values(self, call: Call) -> dict[str, Any]:
        try:
            values: dict[str, Any] = render_json(self._config.parameters, call.context)
        except TemplateError as error:
            raise Misconfigured(f"action {self._name}: {error}") from None
        for name, value in values.items():
            if isinstance(value, dict | list):
                raise Misconfigured(f"action {self._name}: :{name} is no single value")
        used = parameters_of(self._config.statement)
        given = {"correction": call.context.get("correction"), "key": call.key}
        return values | {name: value for name, value in given.items() if name in used}

    async def _run(self, values: Mapping[str, Any], seconds: float, interruption: Interruption) -> int | None:
        """The number of rows changed; None where the database does not say."""
        from sqlalchemy import text

        if (file := file_of(self._url)) is not None:
            check_there(file)
        engine = open_engine(self._url, writes=True, patience=seconds)
        try:
            async with engine.begin() as connection:
                await interruption.watch(connection)
                result = await connection.execute(text(self._config.statement), values)
                rows = len(result.all()) if result.returns_rows else result.rowcount
            return rows if rows >= 0 else None
        finally:
            await engine.dispose()

    def _failure(self, error: Exception) -> ConnectorError:
        from sqlalchemy import exc

        if isinstance(error, (exc.ArgumentError, exc.NoSuchModuleError)):
            return Misconfigured(f"action {self._name}: url is not an address of a database that can be opened")
        cause = getattr(error, "orig", None) or error
        cause = getattr(cause, "__cause__", None) or cause
        if isinstance(cause, OSError) and cause.errno:
            return failure(cause, f"action {self._name}: the database", self._config.timeout / SECOND)
        said = f"action {self._name}: {without_secrets(str(cause), self._url)}"
        state = str(getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None) or "")
        if state or isinstance(error, exc.DBAPIError):
            away, later = state.startswith(_AWAY), state.startswith(_LATER)
            return Unreachable(said) if away else Refused(said, permanent=not later)
        if isinstance(error, exc.SQLAlchemyError | ValueError | OverflowError | TypeError):
            return Misconfigured(said.partition(" (Background")[0])
        return Unreachable(said)
