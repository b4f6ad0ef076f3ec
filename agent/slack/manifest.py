"""The app as Slack is told of it: a manifest of schema version 1, and the scopes that the methods called need.

Sources: https://docs.slack.dev/reference/app-manifest for the fields and their limits, and the page of each method
below https://docs.slack.dev/reference/methods for its scope.
"""

from __future__ import annotations

from typing import Any

METHODS: dict[str, tuple[str, ...]] = {
    "auth_test": (),
    "chat_postEphemeral": ("chat:write",),
    "chat_postMessage": ("chat:write",),
    "chat_update": ("chat:write",),
    "conversations_info": ("channels:read", "groups:read"),
    "conversations_list": ("channels:read", "groups:read"),
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

WHY = {
    "channels:read": "to find public channels by name (setpoint slack check)",
    "chat:write": "to post and edit messages",
    "commands": f"for {COMMAND}",
    "files:write": "for charts",
    "groups:read": "to find private channels by name (setpoint slack check)",
    "usergroups:read": "for operators by user group",
    "users:read": "for the names of people, and to know guests",
}

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
    socket = not url
    asked = {key: f"{url}{path}" for key, path in DOORS.items()}
    command = {
        "command": COMMAND,
        "description": "How the numbers stand, and what to do about it",
        "usage_hint": "status | targets | why | ack | silence | help",
        "should_escape": False,
    }
    events: dict[str, Any] = {"bot_events": list(EVENTS)}
    interactivity: dict[str, Any] = {"is_enabled": True}
    if not socket:
        command["url"] = asked["commands"]
        events = {"request_url": asked["events"], **events}
        interactivity["request_url"] = asked["interactive"]
    return {
        "_metadata": {"major_version": 1, "minor_version": 1},
        "display_information": {
            "name": name,
            "description": "Keeps the team's numbers on target",
            "long_description": _ABOUT,
            "background_color": "#1f3a4d",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,  # a chart that only one person asked for is a direct message
                "messages_tab_read_only_enabled": True,
            },
            "bot_user": {"display_name": name, "always_online": True},
            "slash_commands": [command],
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "event_subscriptions": events,
            "interactivity": interactivity,
            "org_deploy_enabled": False,
            "socket_mode_enabled": socket,
            "token_rotation_enabled": False,
        },
    }
