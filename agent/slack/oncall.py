"""Who hears of what is grave."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.configuration import Configuration, NotifierEntry
from agent.slack.replies import Reply, cut
from agent.slack.visit import Visit
from rules.alerts import alert_labels
from rules.model import InstanceKey, labels_of
from rules.routing import CONSOLE, routes_for

ONCALL = "oncall"
_CRITICAL = "critical"
_MOST = 20


async def oncall(visit: Visit) -> Reply:
    """Where critical alerts go: the receiver `oncall`, the route, and alerts that go elsewhere."""
    return Reply(cut(_said(visit.runtime.config), _MOST), title="On call")


def _said(config: Configuration) -> Iterator[str]:
    if ONCALL in config.receivers:
        yield f"Receiver {ONCALL}: {_kinds(config, ONCALL)}"
    route = config.route
    usual = tuple(node.receiver for node in routes_for(route, labels_of({"severity": _CRITICAL}))) if route else ()
    for name in dict.fromkeys(usual):
        yield f"Critical alerts go to {name}: {_kinds(config, name)}"
    if route is None:
        yield "There is no route: alerts go to the receivers they name, else to the console."
    others: dict[str, list[str]] = {}
    for target in config.targets.values():
        for rule in target.alerts:
            if rule.severity != _CRITICAL:
                continue
            labels = alert_labels(rule, InstanceKey(target.name))
            names = rule.notify or (tuple(one.receiver for one in routes_for(route, labels)) if route else (CONSOLE,))
            for name in dict.fromkeys(names):
                if name not in usual:
                    others.setdefault(name, []).append(f"{rule.name} of {target.name}")
    for name, alerts in others.items():
        yield f"{name} hears of {', '.join(cut(alerts, 5))}: {_kinds(config, name)}"


def _kinds(config: Configuration, name: str) -> str:
    entries = config.receivers.get(name, ())
    return ", ".join(map(_kind, entries)) or "not configured"


def _kind(entry: NotifierEntry) -> str:
    """The kind, and the channel where there is one; addresses may be secret."""
    channel = getattr(entry.config, "channel", None)
    return f"{entry.kind} {channel}" if channel else entry.kind
