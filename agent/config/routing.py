"""The sections that say who hears of what: `route` and `inhibit_rules`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agent.config.calendar import interval_names
from agent.config.document import Document
from agent.config.errors import Path
from agent.config.kinds import receiver_names, reference
from agent.config.language import InhibitSection, RouteSection
from agent.config.validate import validated
from rules.inhibition import InhibitRule
from rules.matchers import parse_alert_matchers
from rules.model import Matcher
from rules.routing import EACH, Route, child_key


def build_route(document: Document) -> Route | None:
    """The routing tree, None if there is none."""
    data = document.data.get("route")
    if data is None or not document.complete:
        return None
    model = validated(RouteSection, data, ("route",), document)
    if model is None:
        return None
    for key in ("matchers", "continue", "mute_time_intervals", "active_time_intervals"):
        if getattr(model, "continue_" if key == "continue" else key):
            document.report(("route", key), f"the first route takes everything, so it has no {key}", at_key=True)
    if model.receiver is None:
        document.report(("route", "receiver"), "is missing")
        return None
    return _route(model, Route(model.receiver), ("route",), document)


def _route(model: RouteSection, parent: Route, path: Path, document: Document) -> Route:
    """The node, with what it inherits from its parent."""
    if model.receiver is not None:
        reference((*path, "receiver"), model.receiver, receiver_names(document), "receiver", document)
    matchers = _matchers(model.matchers, (*path, "matchers"), document)
    _check_grouping(model, path, document)
    node = Route(
        model.receiver or parent.receiver,
        matchers,
        model.continue_,
        group_by=tuple(model.group_by) or parent.group_by,
        group_wait=parent.group_wait if model.group_wait is None else model.group_wait,
        group_interval=model.group_interval or parent.group_interval,
        repeat_interval=model.repeat_interval or parent.repeat_interval,
        mute=check_intervals(model.mute_time_intervals, (*path, "mute_time_intervals"), document),
        active=check_intervals(model.active_time_intervals, (*path, "active_time_intervals"), document),
        key=child_key(parent.key, matchers) if len(path) > 1 else parent.key,
    )
    children = (_route(inner, node, (*path, "routes", i), document) for i, inner in enumerate(model.routes))
    return replace(node, routes=tuple(children))


def _check_grouping(model: RouteSection, path: Path, document: Document) -> None:
    seen: set[str] = set()
    for index, name in enumerate(model.group_by):
        at = (*path, "group_by", index)
        at = at if document.node(at) is not None else at[:-1]  # one name may stand without a list
        if name in seen:
            document.report(at, f"{name} is there twice")
        elif EACH in model.group_by and len(model.group_by) > 1:
            document.report(at, "'...' groups by every label, so no other can stand beside it")
            return
        seen.add(name)


def check_intervals(names: Sequence[str], path: Path, document: Document) -> tuple[str, ...]:
    """The names of time intervals; those that don't exist are reported."""
    known = interval_names(document)
    for index, name in enumerate(names):
        at = (*path, index)
        reference(at if document.node(at) is not None else path, name, known, "time interval", document)
    return tuple(names)


def _matchers(texts: Sequence[str], path: Path, document: Document) -> tuple[Matcher, ...]:
    found: list[Matcher] = []
    for index, text in enumerate(texts):
        try:
            found += parse_alert_matchers(text)
        except ValueError as error:
            document.report((*path, index), str(error))
    return tuple(found)


def build_inhibit_rules(document: Document) -> tuple[InhibitRule, ...]:
    """The inhibition rules; mistakes are reported."""
    data = document.data.get("inhibit_rules")
    if data is None:
        return ()
    if not isinstance(data, list):
        document.report(("inhibit_rules",), "has to be a list")
        return ()
    return tuple(
        InhibitRule(
            _matchers(model.source_matchers, ("inhibit_rules", index, "source_matchers"), document),
            _matchers(model.target_matchers, ("inhibit_rules", index, "target_matchers"), document),
            tuple(model.equal),
        )
        for index, item in enumerate(data)
        if (model := validated(InhibitSection, item, ("inhibit_rules", index), document)) is not None
    )
