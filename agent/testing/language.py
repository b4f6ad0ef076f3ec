"""The language of test files: one model for each part, promtool's keys by their names there."""

from __future__ import annotations

from typing import Annotated, Self, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from agent.config.values import Text
from agent.testing.notation import check
from connectors.fields import Config, Duration, KeyProblem, Span
from connectors.values import moment
from rules.model import MINUTE, Reason, RunState, Standing, duration_text, parse_duration

_FURTHEST = parse_duration("300y")


def _as_text(value: object) -> object:
    """A label written as a number or truth value is a text all the same."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def _texts(value: object) -> object:
    return {name: _as_text(text) for name, text in value.items()} if isinstance(value, dict) else value


def _or_none_at_all(value: object) -> object:
    return [] if value is None else value


def _start(value: object) -> int:
    try:
        return moment(value, "UTC")
    except ValueError:
        raise ValueError("has to be a time such as 2026-03-01T00:00:00Z, or Unix time") from None


def _elapsed(value: object) -> int:
    """Further than a duration of the configuration, so that a test may reach as far as promtool's can: to 2262."""
    if isinstance(value, str):
        elapsed = parse_duration(value)
        if elapsed > _FURTHEST:
            raise ValueError("has to be at most 300y")
        return elapsed
    if value == 0:
        return 0
    raise ValueError("a duration is written like 500ms, 30s, 1h30m or 7d")


M = TypeVar("M")


def in_order(span: M, begin: int, end: int | None) -> M:
    """A span that does not end before it begins."""
    if end is not None and end < begin:
        raise KeyProblem("to", f"ends before it begins, at {duration_text(begin)}")
    return span


Values = Annotated[str, BeforeValidator(_as_text), AfterValidator(check)]
"""Prometheus' expanding notation."""

Labels = Annotated[dict[str, str], BeforeValidator(_texts)]
Elapsed = Annotated[int, BeforeValidator(_elapsed)]
"""Time since the test's start, as a duration; 0 is the start."""


class Expectation(Config):
    """When something is looked at."""

    eval_time: Elapsed


class SeriesSection(Config):
    """One series of readings: the first at the start, each next one `interval` later, arriving after `delay`."""

    series: Text
    values: Values
    delay: Duration = 0


class ExpectedAlert(Config):
    """A firing alert, with all its labels but `alertname` and `target`, which may be left out."""

    exp_labels: Labels = Field(default_factory=dict)
    exp_annotations: Labels = Field(default_factory=dict)


class AlertCase(Expectation):
    """The alerts of a name that fire: just these."""

    alertname: Text
    exp_alerts: Annotated[list[ExpectedAlert], BeforeValidator(_or_none_at_all)] = Field(default_factory=list)


class TargetCase(Expectation):
    """How one instance of a target stands."""

    target: Text
    labels: Labels = Field(default_factory=dict)
    exp_standing: Standing | None = None
    exp_values: dict[str, float | None] = Field(default_factory=dict)


class BetweenSection(Config):
    """A span of the test, both ends included."""

    from_: Elapsed = Field(0, alias="from")
    to: Elapsed

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        return in_order(self, self.from_, self.to)


class ExpectedDelivery(Config):
    """One notice, as far as it is said."""

    at: Elapsed | None = None
    reason: Reason | None = None
    alertname: Text | None = None
    target: Text | None = None
    severity: Text | None = None
    standing: Standing | None = None
    headline: Text | None = None
    labels: Labels | None = None
    annotations: Labels | None = None


class DeliveryCase(Config):
    """What a receiver is sent, in order: from the start to `eval_time`, or within a span."""

    eval_time: Elapsed | None = None
    between: BetweenSection | None = None
    receiver: Text
    exp_deliveries: Annotated[list[ExpectedDelivery], BeforeValidator(_or_none_at_all)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _says_when(self) -> Self:
        if (self.eval_time is None) == (self.between is None):
            raise KeyProblem("eval_time", "give eval_time or between: {from: …, to: …}")
        return self

    @property
    def span(self) -> tuple[int, int]:
        """From when to when, since the start."""
        return (self.between.from_, self.between.to) if self.between else (0, self.eval_time or 0)


class ExpectedCorrection(Config):
    """One run of an action, as far as it is said."""

    action: Text | None = None
    alertname: Text | None = None
    labels: Labels | None = None
    state: RunState | None = None
    attempt: int | None = None
    detail: Text | None = None


class CorrectionCase(Expectation):
    """The corrective runs begun until then, in order, and how they stand."""

    target: Text | None = None
    action: Text | None = None
    exp_corrections: Annotated[list[ExpectedCorrection], BeforeValidator(_or_none_at_all)] = Field(default_factory=list)


class FailingSection(BetweenSection):
    """A span in which a source can't be read: what its series say then is lost."""

    source: Text
    error: Text = "can't be read"


class CallSection(Config):
    """A span in which calls of an action fail; all others are answered well."""

    action: Text
    from_: Elapsed = Field(0, alias="from")
    to: Elapsed | None = None
    error: Text
    permanent: bool = False

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        return in_order(self, self.from_, self.to)


class AnswerSection(Config):
    """A person's word to what an action proposes at a time."""

    at: Elapsed
    action: Text
    target: Text | None = None
    reject: bool = False
    by: Text = "someone"


class SilenceSection(BetweenSection):
    """What a person silences at the start of a span, until it ends; its ends are those of the silence."""

    matchers: Annotated[list[Text], Field(min_length=1)]
    reason: Text = "a test"
    by: Text = "someone"


class TakenSection(Config):
    """The open alerts that a person takes at a time; without a name or target, all of them."""

    at: Elapsed
    alertname: Text | None = None
    target: Text | None = None
    labels: Labels = Field(default_factory=dict)
    note: str = ""
    by: Text = "someone"


Word = AnswerSection | SilenceSection | TakenSection
"""What a person says in the course of a test."""


class TestSection(Config):
    """One test: what comes in, and what is expected of it."""

    __test__ = False

    name: Text | None = None
    interval: Span | None = None
    start_timestamp: Annotated[int, BeforeValidator(_start)] = 0
    input_series: list[SeriesSection] = Field(default_factory=list)
    failing: list[FailingSection] = Field(default_factory=list)
    calls: list[CallSection] = Field(default_factory=list)
    answers: list[AnswerSection] = Field(default_factory=list)
    silences: list[SilenceSection] = Field(default_factory=list)
    acknowledgements: list[TakenSection] = Field(default_factory=list)
    alert_rule_test: list[AlertCase] = Field(default_factory=list)
    target_test: list[TargetCase] = Field(default_factory=list)
    delivery_test: list[DeliveryCase] = Field(default_factory=list)
    correction_test: list[CorrectionCase] = Field(default_factory=list)


class FileSection(Config):
    """A test file; beside these keys it may hold the sections of a configuration instead of naming one."""

    config: Text | None = None
    environment: Labels = Field(default_factory=dict)
    evaluation_interval: Span = MINUTE
    tests: Annotated[list[TestSection], Field(min_length=1)]
