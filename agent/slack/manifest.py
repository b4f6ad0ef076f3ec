"""The app as Slack is told of it: a manifest of schema version 1, and the scopes that the methods called need.

Sources: https://docs.slack.dev/reference/app-manifest for the fields and their limits, and the page of each method
below https://docs.slack.dev/reference/methods for its scope.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Any

METHODS: dict[str, tuple[str, ...]] = {
    "auth_test": (),
    "chat_getPermalink": (),
    "chat_postEphemeral": ("chat:write",),
    "chat_postMessage": ("chat:write",),
    "chat_update": ("chat:write",),
    "conversations_info": ("channels:read", "groups:read"),
    "conversations_list": ("channels:read", "groups:read"),
    "files_completeUploadExternal": ("files:write",),
    "files_getUploadURLExternal": ("files:write",),
    "files_upload_v2": ("files:write",),
    "usergroups_list": ("usergroups:read",),
    "usergroups_users_list": ("usergroups:read",),
    "users_info": ("users:read",),
    "views_open": (),
    "views_publish": (),
}
"""Every method that is called with the bot token, by slack-sdk's name, and the scopes that it needs."""

COMMAND = "/setpoint"
EVENTS = ("app_home_opened",)
DOORS = {"commands": "/slack/commands", "interactive": "/slack/interactive", "events": "/slack/events"}
SCOPES = tuple(sorted({"commands", *(scope for needed in METHODS.values() for scope in needed)}))
"""The bot scopes of the app, in the order of the alphabet; `commands` brings the slash command."""

_HOST = re.compile(r"(?!-)[\w-]{1,63}(?:\.[\w-]{1,63})*\.?")
_LOCAL = (".localhost", ".local", ".internal", ".lan", ".home.arpa")
_ABOUT = (
    "Setpoint reads the team's numbers where they live, says early and in plain words when one is off target, makes "
    "the corrective call and checks that the number came back. Each alert is one message that is edited as things "
    f"change, with its chart and with buttons to take it, to silence it and to ask why. {COMMAND} tells how "
    "everything stands."
)


def manifest(name: str, url: str = "") -> dict[str, Any]:
    """The manifest of an app of that name: for signed calls to the address, without one for Socket Mode.

    `name` has 1 to 35 characters, `url` no slash at its end.
    """
    return {
        "_metadata": {"major_version": 1, "minor_version": 1},
        "display_information": {
            "name": name,
            "description": "Keeps the team's numbers on target",
            "long_description": _ABOUT,
            "background_color": "#1f3a4d",
        },
        "features": _features(name, url),
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": _settings(url),
    }


def _features(name: str, url: str) -> dict[str, Any]:
    command = {
        "command": COMMAND,
        "description": "How the numbers stand, and what to do about it",
        "usage_hint": "status | targets | why | ack | silence | help",
        "should_escape": False,
    }
    return {
        "app_home": {
            "home_tab_enabled": True,
            "messages_tab_enabled": True,  # a chart that only one person asked for is a direct message
            "messages_tab_read_only_enabled": True,
        },
        "bot_user": {"display_name": name, "always_online": True},
        "slash_commands": [command | ({"url": f"{url}{DOORS['commands']}"} if url else {})],
    }


def _settings(url: str) -> dict[str, Any]:
    def at(door: str) -> dict[str, str]:
        return {"request_url": f"{url}{DOORS[door]}"} if url else {}

    return {
        "event_subscriptions": {**at("events"), "bot_events": list(EVENTS)},
        "interactivity": {"is_enabled": True, **at("interactive")},
        "org_deploy_enabled": False,
        "socket_mode_enabled": not url,
        "token_rotation_enabled": False,
    }


def is_public(url: str) -> bool:
    """Whether Slack can call below an address: https, a host that is no local one, nothing that a path can't follow."""
    from yarl import URL

    if not url.isprintable() or any(sign in url for sign in ' \\"<>^`{|}#?@'):
        return False
    try:
        made = URL(url)
    except ValueError:
        return False
    return made.scheme == "https" and _is_reached(made.host or "")


def _is_reached(host: str) -> bool:
    """Whether a host may be one that the whole world can reach."""
    try:
        return ip_address(host).is_global
    except ValueError:
        pass
    name = host.rstrip(".").lower()
    if _HOST.fullmatch(host) is None or re.fullmatch(r"[\d.]+", name):
        return False
    return "." in name and not name.endswith(_LOCAL)
