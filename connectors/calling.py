"""What the configurations of all actions share: templates over a call, what it acts on, and how it is bounded."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, Field

from connectors import fields
from connectors.bodies import Path, json_of, secret_of, text_of
from connectors.template import NAMES, needs, render_json
from rules.model import HOUR

CALL_NAMES = NAMES | {"attempt", "correction", "output"}
"""What templates of a call may use: beside those of annotations how often it was called, the id of the correction (the
same for all its attempts), and its controlled value, which there is not without `output`."""

_SECRET_WORDS = ("auth", "cookie", "credential", "key", "pass", "pin", "secret", "signature", "token")
_MOST = 300  # characters of a body that are shown


def _said(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty")
    return text


Template = Annotated[str, AfterValidator(text_of(CALL_NAMES))]
"""A template over a call."""

SaidTemplate = Annotated[Template, AfterValidator(_said)]
"""A template over a call that says something."""

SecretTemplate = Annotated[fields.HeaderValue, AfterValidator(secret_of(CALL_NAMES))]
"""A template over a call that may hold a secret."""

JsonTemplate = Annotated[Any, AfterValidator(json_of(CALL_NAMES))]
"""A JSON value whose texts are templates over a call."""


class BreakerConfig(fields.Config):
    """When an action is no longer called because it does not help."""

    failures: Annotated[int, Field(ge=1, le=100)] = 5
    pause: fields.Span = HOUR


class ActionConfig(fields.Config):
    """Keys that every action has. A kind says by `acts_on`, `preview` and `templates` what it would do.

    `budget` bounds the calls, and the breaker stops them when corrections keep failing. Calls that act on the same
    `thing`, a template, wait for one another.
    """

    thing: SaidTemplate | None = None
    budget: fields.Rate | None = None
    breaker: BreakerConfig = BreakerConfig()

    @property
    def acts_on(self) -> str:
        """A template that names what is acted on: `thing`, else what a kind takes for it; empty: the instance."""
        return self.thing or ""

    def preview(self, context: Mapping[str, Any]) -> str:
        """One line saying what would be called, without secrets. Raises TemplateError."""
        return "a call"

    def templates(self) -> Iterator[tuple[Path, str]]:
        """Every template with the path of its key."""
        yield ("thing",), self.thing or ""


def needs_output(config: Any) -> bool:
    """Whether calls of an action need the controlled value of a correction."""
    templates = config.templates() if isinstance(config, ActionConfig) else ()
    return any(needs(text, "output") for _, text in templates)


def shown_json(value: Any, context: Mapping[str, Any]) -> str:
    """The JSON a template makes, cut, with `***` for what stands under a key that sounds secret. Raises TemplateError.

    What a configuration has in the open may still have come from the environment.
    """
    text = orjson.dumps(_masked(render_json(value, context))).decode()
    return text if len(text) <= _MOST else text[: _MOST - 1] + "…"


def shown_arguments(arguments: Iterable[str]) -> str:
    """The arguments of a program as a shell has them, with `***` for what is given to an option that sounds secret."""
    found: list[str] = []
    is_secret = False
    for text in arguments:
        name, given, _ = text.partition("=")
        option = text.startswith("-") and _sounds_secret(name)
        hidden = "***" if is_secret and not option else f"{name}=***" if option and given else ""
        found.append(hidden or shlex.quote(text))
        is_secret = option and not given
    return " ".join(found)


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: "***" if _sounds_secret(key) else _masked(item) for key, item in value.items()}
    return [_masked(item) for item in value] if isinstance(value, list) else value


def _sounds_secret(key: str) -> bool:
    return any(word in key.lower() for word in _SECRET_WORDS)
