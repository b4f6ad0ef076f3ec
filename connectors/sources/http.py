"""Source `http`: one request, an answer of JSON, CSV or text, rows out of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated, Any, Literal

import orjson
from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema, field_validator

from connectors.answers import excerpt, is_html
from connectors.auth import Auth
from connectors.base import BadAnswer, Misconfigured, Services
from connectors.conditional import CONDITIONS, Remembered, validators
from connectors.extract import Extractor, Table
from connectors.fields import Headers, Span
from connectors.formats import charset_of, decode, parse_csv, parse_json
from connectors.gateway import check_http_url, is_absolute, origin, way
from connectors.http import Request, Response
from connectors.rows import PolledConfig
from rules.model import Reading

_LARGE = 256_000
_ACCEPT = {
    "auto": "application/json, text/csv;q=0.9, */*;q=0.8",
    "json": "application/json, */*;q=0.5",
    "csv": "text/csv, */*;q=0.5",
    "text": "text/plain, */*;q=0.5",
}
_METHOD = re.compile(r"[A-Za-z]+")


def _method(value: object) -> str:
    if not isinstance(value, str) or not _METHOD.fullmatch(value):
        raise ValueError("has to be a method of HTTP such as GET or POST")
    return value.upper()


Method = Annotated[str, BeforeValidator(_method), WithJsonSchema({"type": "string", "pattern": f"^{_METHOD.pattern}$"})]
"""A method of HTTP, in capitals however it is written."""

Scalar = str | int | float | bool


class HttpSourceConfig(PolledConfig):
    """Keys of a source of type `http`. `url` is absolute, or a path when a `gateway` is named."""

    NOT_BOTH = (*PolledConfig.NOT_BOTH, ("json", "body"))
    type: Literal["http"]
    gateway: str | None = None
    url: str
    method: Method = "GET"
    headers: Headers = Field(default_factory=dict)
    params: dict[str, Scalar | list[Scalar]] = Field(default_factory=dict)
    json_body: Annotated[Any, Field(alias="json")] = None
    body: str | None = None
    auth: Auth | None = None
    format: Literal["auto", "json", "csv", "text"] = "auto"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    conditional: bool = True
    max_bytes: Annotated[int, Field(ge=1)] = 16_000_000
    timeout: Span = 10_000_000

    @field_validator("url")
    @classmethod
    def _can_be_reached(cls, url: str, info: ValidationInfo) -> str:
        if info.data.get("gateway", "") is None or is_absolute(url):
            try:
                check_http_url(url)
            except ValueError as error:
                hint = "" if "://" in url else "; a path alone needs a gateway"
                raise ValueError(f"{error}{hint}") from None
        return url


class HttpSource:
    """Reads over HTTP."""

    Config = HttpSourceConfig

    def __init__(self, name: str, config: HttpSourceConfig, services: Services) -> None:
        self._name = name
        self._config = config
        self._services = services
        self._extractor = Extractor(name, config.readings, config.timezone or services.timezone)
        self._form: str = config.format
        self._conditional = config.conditional and config.method == "GET"
        self._request: Request | None = None
        self._known: Remembered | None = None

    @property
    def origin(self) -> str:
        """Scheme, name and port of the server it reads from."""
        try:
            return origin(self._services, self._config.url, self._config.gateway)
        except Misconfigured:  # which reading it will say
            return ""

    @property
    def remembered(self) -> Sequence[Reading] | None:
        """The readings of the last answer, if it may turn out to be still the same."""
        return None if self._known is None else self._known.readings

    async def read(self, now: int) -> Sequence[Reading]:
        """The readings of one answer."""
        request = self._request = self._request or self._made()
        known, self._known = self._known, None  # whatever goes wrong, the next answer is a whole one
        asking = request if known is None else replace(request, headers={**request.headers, **known.conditions})
        response = await self._services.http.fetch(asking)
        if response.status == 304 and known is not None:
            self._known = Remembered(known.conditions, known.still(now), now)
            return self._known.readings
        if not 200 <= response.status < 300:
            raise self._services.http.refusal(request, response)
        if response.status == HTTPStatus.PARTIAL_CONTENT and "range" not in request.headers:
            raise BadAnswer(f"{request.where} answered 206 Partial Content, a part of what it was asked for as a whole")
        if len(response.body) > _LARGE:  # long enough to keep other sources waiting
            readings = await asyncio.to_thread(self._understand, request, response, now)
        else:
            readings = self._understand(request, response, now)
        if self._conditional and not CONDITIONS & request.headers.keys() and (conditions := validators(response)):
            self._known = Remembered(conditions, readings, now)
        return readings

    async def close(self) -> None:
        """Nothing of its own is open."""

    def _made(self) -> Request:
        config = self._config
        found = way(
            self._services,
            config.url,
            gateway=config.gateway,
            headers=config.headers,
            auth=config.auth,
            params=config.params,
        )
        headers = {"accept": _ACCEPT[config.format]}
        body = config.body.encode() if config.body is not None else None
        if "json_body" in config.model_fields_set:
            body = orjson.dumps(config.json_body)
            headers["content-type"] = "application/json"
        headers.update(found.headers)
        return Request(
            config.method,
            found.url,
            headers,
            body,
            timeout=found.seconds(config),
            max_bytes=config.max_bytes,
            secrets=found.secrets,
            limits=found.limits,
            proxy=found.proxy,
        )

    def _understand(self, request: Request, response: Response, now: int) -> list[Reading]:
        form = self._guess(request, response) if self._form == "auto" else self._form
        try:
            table = self._table(form, response)
        except ValueError as error:
            raise _unreadable(request, response, form, str(error)) from None
        return self._extractor.readings(table, now)

    def _table(self, form: str, response: Response) -> Table:
        charset = charset_of(response.headers)
        if form == "json":
            return parse_json(response.body, charset)
        if form == "csv":
            if is_html(response.headers, response.body):
                raise ValueError("is a web page")
            return parse_csv(response.body, charset, self._config.delimiter)
        return Table(decode(response.body, charset).strip())

    def _guess(self, request: Request, response: Response) -> str:
        """The format by content type; where that says little, by the ending of the path and the first character."""
        kind = response.headers.get("Content-Type", "").lower()
        if "json" in kind or is_html(response.headers, response.body):
            return "json"
        path = request.url.path.lower()
        if "csv" in kind or "tab-separated" in kind or path.endswith((".csv", ".tsv")):
            return "csv"
        if path.endswith(".json") or not kind or response.body.lstrip()[:1] in (b"{", b"["):
            return "json"
        whole = any(reading.value == "@" for reading in self._config.readings)
        return "text" if whole or not kind.startswith("text/") else "csv"


def _unreadable(request: Request, response: Response, form: str, reason: str) -> BadAnswer:
    expected = form.upper() if form != "text" else "text"
    if is_html(response.headers, response.body):
        answered = "HTML"
    elif not response.body.strip():
        answered = "nothing"
    else:
        answered = f"what {reason}"
    said = excerpt(response.body, request.secrets)
    return BadAnswer(
        f"{request.where} answered {answered} (status {response.status}), expected {expected}"
        + (f": {said}" if said else "")
    )
