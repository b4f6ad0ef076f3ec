"""Source `checkin`: a job calls `/ping/<name>` when it starts, ends or fails."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from connectors.fields import Config, Cron, Duration, KeyProblem, Span, Zone


class CheckinSourceConfig(Config):
    """Keys of a source of type `checkin`: calls come by a cron `schedule`, or one `every` so often, plus `grace`."""

    type: Literal["checkin"]
    schedule: Cron | None = None
    every: Span | None = None
    timezone: Zone | None = None
    grace: Duration = 300_000_000

    @model_validator(mode="after")
    def _one_rhythm(self) -> Self:
        if self.schedule is None and self.every is None:
            raise ValueError("give schedule (cron) or every (a duration): when the calls are expected")
        if self.schedule is not None and self.every is not None:
            raise KeyProblem("every", "give schedule or every, not both")
        return self


class CheckinSource:
    """Takes the calls of a job."""

    Config = CheckinSourceConfig
    door = "ping"
