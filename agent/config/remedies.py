"""What the configuration says of corrections: one model for each section."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from agent.config.values import Number, Somebody, Text
from connectors.fields import Config, Duration, Rate, Span
from rules.model import HOUR, MINUTE


class VerifySection(Config):
    """How soon after the call the readings have to be right again."""

    within: Span = 10 * MINUTE


class EscalateSection(Config):
    """Who hears of a correction that did not help."""

    to: Somebody


class ApprovalSection(Config):
    """How long a proposal waits for a person."""

    within: Span = HOUR


Approval = Annotated[
    Annotated[ApprovalSection, Tag("how")] | Annotated[Literal["none", "required"], Tag("whether")],
    Discriminator(lambda value: "how" if isinstance(value, dict | ApprovalSection) else "whether"),
]
"""Whether a person has to agree, or within which time."""


class UndoSection(Config):
    """The action that takes a correction back, and when."""

    action: Text
    on: Literal["failed", "resolved"] = "failed"


Undo = Annotated[
    Annotated[UndoSection, Tag("how")] | Annotated[Text, Tag("an action")],
    Discriminator(lambda value: "how" if isinstance(value, dict | UndoSection) else "an action"),
]
"""The action that takes a correction back when it failed, or when else."""


class PidSection(Config):
    """A controller: its gains, and the range of what it sets."""

    kp: Number
    ki: Number = 0.0
    kd: Number = 0.0
    min: Number
    max: Number
    setpoint: Number | None = None


class OutputSection(Config):
    """How the controlled value is computed."""

    pid: PidSection


Output = Annotated[
    Annotated[OutputSection, Tag("a controller")] | Annotated[Text, Tag("a template")],
    Discriminator(lambda value: "a controller" if isinstance(value, dict | OutputSection) else "a template"),
]
"""The controlled value: a template, or what a controller makes of the number."""


class CorrectSection(Config):
    """A corrective call."""

    on: Text
    action: Text
    mode: Literal["auto", "propose"] | None = None
    approval: Approval | None = None
    precondition: Text | None = None
    cooldown: Duration = 15 * MINUTE
    max_attempts: Annotated[int, Field(ge=1, le=1_000)] = 3
    verify: VerifySection = VerifySection()
    escalate: EscalateSection | None = None
    dry_run: bool = False
    undo: Undo | None = None
    output: Output | None = None


class CorrectionsSection(Config):
    """What bounds all corrections together."""

    budget: Rate | None = None
    dry_run: bool = False
