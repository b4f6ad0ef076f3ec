"""The only registration: kind -> "module:Class". Other packages add theirs by the entry-point group in `GROUP`."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

GROUP = "setpoint.connectors"

BUILT_IN = {
    "sources": {
        "checkin": "connectors.sources.checkin:CheckinSource",
        "file": "connectors.sources.file:FileSource",
        "http": "connectors.sources.http:HttpSource",
        "sql": "connectors.sources.sql:SqlSource",
        "webhook": "connectors.sources.webhook:WebhookSource",
    },
    "notifiers": {
        "apprise": "connectors.notifiers.apprise:AppriseNotifier",
        "console": "connectors.notifiers.console:ConsoleNotifier",
        "email": "connectors.notifiers.email:EmailNotifier",
        "pagerduty": "connectors.notifiers.pagerduty:PagerDutyNotifier",
        "slack": "connectors.notifiers.slack:SlackNotifier",
        "teams": "connectors.notifiers.teams:TeamsNotifier",
        "webhook": "connectors.notifiers.webhook:WebhookNotifier",
    },
    "actions": {
        "command": "connectors.actions.command:CommandAction",
        "mqtt": "connectors.actions.mqtt:MqttAction",
        "slack": "connectors.actions.slack:SlackAction",
        "sql": "connectors.actions.sql:SqlAction",
        "webhook": "connectors.actions.webhook:WebhookAction",
    },
}


@cache
def kinds(role: str) -> dict[str, str]:
    """Kind to import path for a role (`sources`, `notifiers`, `actions`), our own and those of installed packages.

    A package's entry point is named `<role>.<kind>`, for example `sources.opcua = "my_package.opcua:OpcUaSource"`.
    """
    found = dict(BUILT_IN[role])
    for point in entry_points(group=GROUP):
        of, _, kind = point.name.partition(".")
        if of == role:
            found.setdefault(kind, point.value)
    return found


@cache
def load(role: str, kind: str) -> Any:
    """The class of a kind; its configuration model is the class attribute `Config`. Raises KeyError if unknown."""
    module, _, name = kinds(role)[kind].partition(":")
    return getattr(import_module(module), name)
