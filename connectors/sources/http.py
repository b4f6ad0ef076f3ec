"""Source `http`: one request, an answer of JSON, CSV or text, rows out of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from connectors.auth import Auth
from connectors.fields import KeyProblem, PolledConfig, Secret, Span
from connectors.gateway import check_http_url

Scalar = str | int | float | bool


class HttpSourceConfig(PolledConfig):
    """Keys of a source of type `http`. `url` is absolute, or a path when a `gateway` is named."""

    type: Literal["http"]
    url: str
    gateway: str | None = None
    method: Annotated[str, Field(pattern=r"^[A-Z]+$")] = "GET"
    headers: dict[str, Secret] = Field(default_factory=dict)
    params: dict[str, Scalar | list[Scalar]] = Field(default_factory=dict)
    json_body: Annotated[Any, Field(alias="json")] = None
    body: str | None = None
    auth: Auth | None = None
    format: Literal["auto", "json", "csv", "text"] = "auto"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    max_bytes: Annotated[int, Field(ge=1)] = 16_000_000
    timeout: Span = 10_000_000

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.gateway is None or "://" in self.url:
            try:
                check_http_url(self.url)
            except ValueError as error:
                hint = "" if "://" in self.url else "; a path alone needs a gateway"
                raise KeyProblem("url", f"{error}{hint}") from None
        if self.json_body is not None and self.body is not None:
            raise KeyProblem("body", "give json or body, not both")
        return self


class HttpSource:
    """Reads over HTTP."""

    Config = HttpSourceConfig
