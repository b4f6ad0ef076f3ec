"""Who is who in Slack, and who may act."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from agent.acts import Person
from agent.slack.api import Api
from connectors.base import ConnectorError
from connectors.facts import plain, shortened
from rules.model import MINUTE, SECOND

log = structlog.get_logger()

VIA = "slack"
_KEPT = 5 * MINUTE
_UNANSWERED = 10 * SECOND  # an outage of Slack is not remembered
_MOST = 1_000  # people remembered
_LONGEST = 80


class CannotTell(Exception):
    """Slack could not be asked who is in a user group; the message says why."""


@dataclass(frozen=True, slots=True)
class Member:
    """A person as Slack describes them. Guests and people of other organisations are `outside`."""

    name: str
    outside: bool = False


class People:
    """Asks Slack and remembers the answers for some minutes. `now` gives UTC microseconds."""

    def __init__(self, api: Api, now: Callable[[], int]) -> None:
        self._api = api
        self._now = now
        self._kept: dict[tuple[str, str], tuple[int, Any]] = {}

    async def person(self, user: str, given: str) -> Person:
        """The person behind a user id; `given` is the name a payload has, for when Slack says no other."""
        return Person((await self._member(user, given)).name, VIA, user)

    async def refusal(self, user: str, team: str, operators: Sequence[str]) -> str:
        """Why somebody may not act, in words; empty if they may. `team` says that they are of another organisation."""
        if not operators:
            outside = bool(team) or (await self._member(user, "")).outside
            return "Guests and people of other organisations may look, not act." if outside else ""
        if user in operators:
            return ""
        doubts = []
        for group in operators:
            if group[0] not in "S@":
                continue
            try:
                if user in await self._members(group):
                    return ""
            except CannotTell as error:
                doubts.append(str(error))
        if doubts:
            return f"It can't be told whether you may act: {'; '.join(dict.fromkeys(doubts))}. Nothing was done."
        return "You may look, not act: operators in the configuration names who may."

    async def _member(self, user: str, given: str) -> Member:
        kept = self._known("user", user)
        if kept is not None:
            return Member(kept.name or given or user, kept.outside)
        found = Member("")
        if self._api.usable:
            try:
                found = _member_of((await self._api.call("users_info", user=user))["user"])
            except (ConnectorError, KeyError, TypeError, AttributeError) as error:
                log.debug("slack.name_unknown", user=user, error=str(error))
            self._keep("user", user, found, _KEPT if found.name else _UNANSWERED)
        return Member(found.name or shortened(plain(given), _LONGEST) or user, found.outside)

    async def _members(self, group: str) -> frozenset[str]:
        """The ids of those in a user group, by its id or handle. Raises CannotTell."""
        kept = self._known("group", group)
        if kept is None:
            try:
                kept = await self._asked(group)
            except ConnectorError as error:
                raise CannotTell(f"{error} (this needs the scope usergroups:read)") from None
            except (KeyError, TypeError, AttributeError):
                raise CannotTell("Slack's answer can't be read") from None
            self._keep("group", group, kept)
        members: frozenset[str] = kept
        return members

    async def _asked(self, group: str) -> frozenset[str]:
        if group.startswith("@"):
            listed = (await self._api.call("usergroups_list"))["usergroups"]
            found = next((one["id"] for one in listed if f"@{one.get('handle')}" == group), None)
            if found is None:
                raise CannotTell(f"Slack has no user group {group}")
            group = found
        return frozenset((await self._api.call("usergroups_users_list", usergroup=group))["users"])

    def _known(self, kind: str, name: str) -> Any:
        until, value = self._kept.get((kind, name), (0, None))
        return value if self._now() < until else None

    def _keep(self, kind: str, name: str, value: Any, span: int = _KEPT) -> None:
        if len(self._kept) >= _MOST:
            self._kept.clear()
        self._kept[kind, name] = self._now() + span, value


def _member_of(user: Mapping[str, Any]) -> Member:
    """Source: https://docs.slack.dev/reference/objects/user-object"""
    profile = user.get("profile") or {}
    names = (profile.get("display_name"), profile.get("real_name"), user.get("real_name"), user.get("name"))
    name = next((plain(str(one)) for one in names if one and plain(str(one))), "")
    outside = any(user.get(sign) for sign in ("is_restricted", "is_ultra_restricted", "is_stranger"))
    return Member(shortened(name, _LONGEST), outside)
