"""Entries whose keys belong to a connector kind: sources, receivers' notifiers, actions; and gateways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from agent.config.configuration import ActionEntry, NotifierEntry
from agent.config.document import Document
from agent.config.errors import Path, choices, near
from agent.config.later import value_comes_later
from agent.config.validate import section, validated
from connectors import registry
from connectors.base import LONGEST_CALL, LONGEST_SENDING
from rules.breaker import BREAKER, Breaker
from rules.model import duration_text

CONSOLE = "console"  # the receiver that exists without being configured


class Kind(NamedTuple):
    """A configured connector: its kind's name, class and validated configuration."""

    name: str
    connector: Any
    config: Any


def configured(role: str, data: Any, path: Path, document: Document) -> Kind | None:
    """The connector an entry asks for, or None after its mistakes were reported."""
    if not isinstance(data, dict):
        document.report(path, "has to be a mapping with a type" if data is not None else "is empty")
        return None
    kinds = registry.kinds(role)
    kind = data.get("type")
    if "type" not in data:
        document.report((*path, "type"), "is missing", f"one of {choices(kinds)}")
        return None
    if not isinstance(kind, str) or kind not in kinds:
        _report_kind(kind, kinds, (*path, "type"), document)
        return None
    try:
        connector = registry.load(role, kind)
    except (ImportError, AttributeError) as error:
        document.report((*path, "type"), f"{kind} can't be loaded: {error}")
        return None
    if "gateway" in connector.Config.model_fields and isinstance(gateway := data.get("gateway"), str):
        reference((*path, "gateway"), gateway, section_names(document, "gateways"), "gateway", document)
    config = validated(connector.Config, data, path, document)
    return Kind(kind, connector, config) if config is not None else None


def _report_kind(kind: object, kinds: dict[str, str], path: Path, document: Document) -> None:
    if value_comes_later(path, kind):
        document.report(path, f"{kind} is not built yet")
        return
    written = document.written(path)
    known = f"known: {choices(kinds)}"
    document.report(path, "unknown kind", (near(written, kinds) or known) if written else known)


def reference(path: Path, name: str, known: Any, what: str, document: Document) -> bool:
    """Whether the name at a path is known; if not, it is reported."""
    if name in known or not document.complete:
        return True
    written = document.written(path)
    shown = f"there is no {what} {written}" if written else f"there is no such {what}"
    document.report(path, shown, near(name, known) or (f"there are {choices(known)}" if known else ""))
    return False


def section_names(document: Document, name: str) -> tuple[str, ...]:
    """The names under a section as written, also of entries with mistakes, so that one mistake is said once."""
    data = document.data.get(name)
    return tuple(data) if isinstance(data, dict) else ()


def build_gateways(document: Document) -> dict[str, Any]:
    """The gateways by name."""
    entries = section(document, "gateways")
    if not entries:
        return {}
    from connectors.gateway import GatewayConfig

    found = {name: validated(GatewayConfig, data, ("gateways", name), document) for name, data in entries.items()}
    return {name: config for name, config in found.items() if config is not None}


def check_way(data: Any, path: Path, gateways: Mapping[str, Any], document: Document) -> None:
    """What names a gateway has an address of it. Looks at the data, so that no other mistake hides this one."""
    name, url = (data.get("gateway"), data.get("url")) if isinstance(data, dict) else (None, None)
    if isinstance(name, str) and name in gateways and isinstance(url, str):
        from connectors.gateway import check_through

        try:
            check_through(url, gateways[name], name)
        except ValueError as error:
            document.report((*path, "url"), str(error))


def build_actions(document: Document, gateways: Mapping[str, Any]) -> dict[str, ActionEntry]:
    """The actions by name."""
    found: dict[str, ActionEntry] = {}
    for name, data in section(document, "actions").items():
        path = ("actions", name)
        check_way(data, path, gateways, document)
        kind = configured("actions", data, path, document)
        if kind is not None:
            check_timeout(kind, path, LONGEST_CALL, document)
            found[name] = _action(name, kind)
    return found


def check_timeout(kind: Kind, path: Path, longest: int, document: Document) -> None:
    """No connector asks for more time than the dispatcher gives it."""
    if (getattr(kind.config, "timeout", None) or 0) > longest:
        document.report((*path, "timeout"), f"can be at most {duration_text(longest)}")


def _action(name: str, kind: Kind) -> ActionEntry:
    """The entry; a kind of another package may know neither budget nor breaker."""
    breaker = getattr(kind.config, "breaker", None)
    budget = getattr(kind.config, "budget", None)
    bounds = BREAKER if breaker is None else Breaker(breaker.failures, breaker.pause)
    return ActionEntry(name, kind.name, kind.config, budget, bounds)


def build_receivers(document: Document, gateways: Mapping[str, Any]) -> dict[str, tuple[NotifierEntry, ...]]:
    """The receivers by name; `console` is always one of them."""
    found: dict[str, tuple[NotifierEntry, ...]] = {}
    for name, data in section(document, "receivers").items():
        path = ("receivers", name)
        if not isinstance(data, list) or not data:
            document.report(path, "has to be a list of notifiers, for example [{type: console}]")
            continue
        for index, item in enumerate(data):
            check_way(item, (*path, index), gateways, document)
        kinds = [configured("notifiers", item, (*path, index), document) for index, item in enumerate(data)]
        for index, kind in enumerate(kinds):
            if kind is not None:
                check_timeout(kind, (*path, index), LONGEST_SENDING, document)
        found[name] = tuple(NotifierEntry(kind.name, kind.config) for kind in kinds if kind is not None)
    if CONSOLE not in found:
        console = registry.load("notifiers", CONSOLE).Config(type=CONSOLE)
        found[CONSOLE] = (NotifierEntry(CONSOLE, console),)
    return found


def receiver_names(document: Document) -> frozenset[str]:
    """Every receiver that may be named."""
    return frozenset((*section_names(document, "receivers"), CONSOLE))
