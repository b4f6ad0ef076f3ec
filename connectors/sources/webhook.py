"""Source `webhook`: waits for `POST /in/<source>`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from connectors.fields import Config, KeyProblem, ReadingConfig, Secret, Zone


class WebhookSourceConfig(Config):
    """Keys of a source of type `webhook`. Without `secret` every caller is believed.

    `scheme` says how a call proves that it knows the secret: `standard` (Standard Webhooks), `github`
    (X-Hub-Signature-256) or `bearer`; `auto` takes standard or bearer.
    """

    type: Literal["webhook"]
    secret: Secret | None = None
    scheme: Literal["auto", "standard", "bearer", "github"] = "auto"
    timezone: Zone | None = None
    max_bytes: Annotated[int, Field(ge=1)] = 1_000_000
    readings: Annotated[list[ReadingConfig], Field(min_length=1)]

    @model_validator(mode="after")
    def _scheme_needs_secret(self) -> Self:
        if self.secret is None and self.scheme != "auto":
            raise KeyProblem("scheme", f"{self.scheme} needs a secret")
        return self


class WebhookSource:
    """Takes readings that are sent to it."""

    Config = WebhookSourceConfig
    door = "in"
