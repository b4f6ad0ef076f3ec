"""The Slack server with people: users, user groups, direct messages, messages that one person sees, and views.

Source: https://docs.slack.dev/reference/methods
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.demo.slack import Arguments, SlackServer
from agent.demo.slack_blocks import MAX_BLOCKS, problems
from agent.demo.slack_parts import Channel, Rejected
from rules.model import SECOND

_TRIGGER_LASTS = 3 * SECOND
_NEEDS = {
    "users.info": "users:read",
    "usergroups.list": "usergroups:read",
    "usergroups.users.list": "usergroups:read",
    "chat.postEphemeral": "chat:write",
}
_IN_A_VIEW = 100
_TITLE = 24


@dataclass(slots=True)
class User:
    """A person; `team` is another than the server's for somebody of another organisation.

    `enterprise` and `teams` are of somebody in an Enterprise organisation.
    """

    id: str
    name: str
    real_name: str
    display_name: str = ""
    restricted: bool = False
    team: str = "T0DEMO0001"
    deleted: bool = False
    bot: bool = False
    enterprise: str = ""
    teams: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Group:
    """A user group."""

    id: str
    handle: str
    users: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Ephemeral:
    """What one person was told in a channel; `replaces` took the place of the one before."""

    channel: str
    user: str
    text: str
    blocks: list[dict[str, Any]]
    replaces: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """A view that was opened for a person, or published as their home."""

    user: str
    view: Mapping[str, Any]


class PeopleServer(SlackServer):
    """`ephemerals`, `modals` and `homes` are what people were shown; `triggers` are the open ones with their ends."""

    def __init__(self, channels: Iterable[str] = ("growth",), now: Callable[[], int] = lambda: 0) -> None:
        super().__init__(channels, now)
        self.scopes |= {"users:read", "usergroups:read", "groups:read", "commands"}
        self.needs |= _NEEDS
        self.users = {one.id: one for one in (User("U0ANN0001", "ann", "Ann Lee"), User("U0BOB0001", "bob", "Bob"))}
        self.groups: dict[str, Group] = {}
        self.ephemerals: list[Ephemeral] = []
        self.modals: list[View] = []
        self.homes: dict[str, View] = {}
        self.triggers: dict[str, tuple[str, int]] = {}
        self._triggers = itertools.count(1)
        self._methods |= {
            "users.info": self._user,
            "usergroups.list": self._groups,
            "usergroups.users.list": self._group_users,
            "chat.postEphemeral": self._post_ephemeral,
            "views.open": self._open_view,
            "views.publish": self._publish_view,
        }

    def trigger(self, user: str) -> str:
        """A new trigger id of a person, good for three seconds and one view."""
        made = f"{next(self._triggers)}.2222222222.demo"
        self.triggers[made] = user, self._now() + _TRIGGER_LASTS
        return made

    def direct(self, user: str) -> Channel:
        """The direct messages of a person with the app."""
        identity = f"D{user[1:]}"
        known = next((channel for channel in self.channels.values() if channel.id == identity), None)
        if known is None:
            known = self.channels[identity] = Channel(identity, identity)
        return known

    def _channel(self, given: str, *, by_name: bool) -> Channel:
        if by_name and given in self.users:
            return self.direct(given)
        return super()._channel(given, by_name=by_name)

    def _user(self, arguments: Arguments) -> dict[str, Any]:
        user = self.users.get(str(arguments.get("user", "")))
        if user is None:
            raise Rejected("user_not_found")
        profile = {"real_name": user.real_name, "display_name": user.display_name}
        said = {"id": user.id, "team_id": user.team, "name": user.name, "real_name": user.real_name}
        signs = {"is_restricted": user.restricted, "deleted": user.deleted, "is_bot": user.bot, "is_stranger": False}
        org = {"id": user.id, "enterprise_id": user.enterprise, "teams": user.teams}
        more = {"enterprise_user": org} if user.enterprise else {}
        return {"ok": True, "user": {**said, **signs, **more, "profile": profile}}

    def _groups(self, _: Arguments) -> dict[str, Any]:
        listed = [{"id": one.id, "handle": one.handle, "is_usergroup": True} for one in self.groups.values()]
        return {"ok": True, "usergroups": listed}

    def _group_users(self, arguments: Arguments) -> dict[str, Any]:
        group = self.groups.get(str(arguments.get("usergroup", "")))
        if group is None:
            raise Rejected("no_such_subteam")
        return {"ok": True, "users": list(group.users)}

    def _post_ephemeral(self, arguments: Arguments) -> dict[str, Any]:
        channel = self._channel(str(arguments.get("channel", "")), by_name=True)
        user = str(arguments.get("user", ""))
        if user not in self.users:
            raise Rejected("user_not_in_channel")
        said = self._checked("chat.postMessage", arguments)
        self.ephemerals.append(Ephemeral(channel.id, user, said.text, said.blocks))
        return {"ok": True, "message_ts": f"{self._now() // SECOND:010d}.{next(self._numbers):06d}"}

    def _open_view(self, arguments: Arguments) -> dict[str, Any]:
        trigger = str(arguments.get("trigger_id", ""))
        if not trigger:
            raise Rejected("invalid_arguments")
        user, until = self.triggers.pop(trigger, ("", None))
        if until is None:
            raise Rejected("exchanged_trigger_id")
        if self._now() > until:
            raise Rejected("expired_trigger_id")
        view = self._view(arguments, "modal")
        self.modals.append(View(user, view))
        return {"ok": True, "view": {"id": f"V0DEMO{len(self.modals):05d}", **view}}

    def _publish_view(self, arguments: Arguments) -> dict[str, Any]:
        user = str(arguments.get("user_id", ""))
        if user not in self.users:
            raise Rejected("invalid_arguments")
        view = self._view(arguments, "home")
        self.homes[user] = View(user, view)
        return {"ok": True, "view": {"id": f"V0HOME{user[1:]}", **view}}

    def _view(self, arguments: Arguments, kind: str) -> Mapping[str, Any]:
        given = arguments.get("view")
        view = json.loads(given) if isinstance(given, str) else given
        if not isinstance(view, dict) or view.get("type") != kind:
            raise Rejected("invalid_arguments")
        blocks = view.get("blocks")
        if not isinstance(blocks, list):
            raise Rejected("invalid_arguments")
        parts = [blocks[at : at + MAX_BLOCKS] for at in range(0, len(blocks), MAX_BLOCKS)]
        found = [said for part in parts for said in problems(part, self._file_ready)]
        if len(blocks) > _IN_A_VIEW:
            found.append(f"no more than {_IN_A_VIEW} items allowed [json-pointer:/view/blocks]")
        for key in ("title", "close", "submit") if kind == "modal" else ():
            text = view.get(key, {"text": "-"} if key != "title" else {}).get("text", "")
            if not 1 <= len(text) <= _TITLE:
                found.append(f"must be 1 to {_TITLE} characters [json-pointer:/view/{key}]")
        if found:
            raise Rejected("invalid_arguments", response_metadata={"messages": [f"[ERROR] {one}" for one in found]})
        return view
