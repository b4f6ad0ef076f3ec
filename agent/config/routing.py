"""The `route` section: which receiver hears of what."""

from __future__ import annotations

import re

from agent.config.document import Document
from agent.config.errors import Path
from agent.config.kinds import receiver_names, reference
from agent.config.language import RouteSection
from agent.config.validate import validated
from rules.model import Matcher
from rules.routing import Route
from rules.selectors import parse_matchers

# Alertmanager lets a value stand without quotes: https://prometheus.io/docs/alerting/latest/configuration/#matcher
_BARE = re.compile(r"\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*([^\s\"'{},=~!][^\s\"'{},]*)\s*")


def build_route(document: Document) -> Route | None:
    """The routing tree, None if there is none."""
    data = document.data.get("route")
    if data is None or not document.complete:
        return None
    model = validated(RouteSection, data, ("route",), document)
    if model is None:
        return None
    if model.matchers:
        document.report(("route", "matchers"), "the first route takes everything, so it has no matchers", at_key=True)
    if model.receiver is None:
        document.report(("route", "receiver"), "is missing")
        return None
    return _route(model, model.receiver, ("route",), document)


def _route(model: RouteSection, inherited: str, path: Path, document: Document) -> Route:
    receiver = model.receiver or inherited
    if model.receiver is not None:
        reference((*path, "receiver"), receiver, receiver_names(document), "receiver", document)
    matchers: list[Matcher] = []
    for index, text in enumerate(model.matchers):
        try:
            matchers += _matchers(text)
        except ValueError as error:
            document.report((*path, "matchers", index), str(error))
    return Route(
        receiver,
        tuple(matchers),
        model.continue_,
        tuple(_route(inner, receiver, (*path, "routes", i), document) for i, inner in enumerate(model.routes)),
    )


def _matchers(text: str) -> tuple[Matcher, ...]:
    stripped = text.strip()
    if stripped.startswith("{") and stripped.endswith("}"):
        stripped = stripped[1:-1]
    bare = _BARE.fullmatch(stripped)
    return parse_matchers(f'{bare[1]}{bare[2]}"{bare[3]}"' if bare else stripped)
