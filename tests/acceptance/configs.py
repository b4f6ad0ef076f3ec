"""Configurations that the tests have in common, as mappings; each test adds what it is about."""

from __future__ import annotations

from typing import Any

from tests.acceptance.servers import Api, Receiver

HOOK = "${HOOK_SECRET}"
EACH_AT_ONCE = {"group_by": ["..."], "group_wait": "0s", "group_interval": "1s"}
"""A route that groups nothing and waits for nothing, but for the end of an alert, which takes at most a second."""


def source(api: Api, name: str, **more: Any) -> dict[str, Any]:
    """Rooms and their temperatures, read each second."""
    return {
        "type": "http",
        "url": f"{api.url}/{name}",
        "every": "1s",
        "readings": [{"series": "temperature", "select": "rows", "value": "value", "labels": {"room": "room"}}],
        **more,
    }


def hook(receiver: Receiver, path: str = "alerts") -> dict[str, Any]:
    """A webhook notifier that signs."""
    return {"type": "webhook", "url": f"{receiver.url}/{path}", "secret": HOOK}


def rooms(**more: Any) -> dict[str, Any]:
    """Every room at 20 to 23 degrees."""
    return {
        "series": "temperature",
        "by": ["room"],
        "goal": {"at_least": 20, "at_most": 23},
        "alerts": [{"name": "out-of-band", "when": "out_of_band", "severity": "critical", "notify": ["all"]}],
        **more,
    }


def house(api: Api, sink: Receiver, *sources: str, **target: Any) -> dict[str, Any]:
    """Sources, one target over their rooms, one receiver for everything."""
    return {
        "sources": {name: source(api, name) for name in sources or ("house",)},
        "targets": {"room": rooms(**target)},
        "receivers": {"all": [hook(sink)]},
        "route": {"receiver": "all", **EACH_AT_ONCE},
    }
