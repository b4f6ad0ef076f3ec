"""Who is who in Slack, and who may act."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from agent.acts import Person
from agent.slack.api import Api
from connectors.base import ConnectorError
from connectors.facts import plain, shortened
from rules.model import DAY, MINUTE, SECOND

log = structlog.get_logger()

VIA = "slack"
_FRESH = 5 * MINUTE
_KEPT = DAY  # what is known counts so long while Slack can't be asked
_UNANSWERED = 10 * SECOND  # so long it is not asked again
_MOST = 1_000  # people remembered
_LONGEST = 80
_SLACKBOT = "USLACKBOT"
_NO_SUCH = frozenset({"user_not_found", "user_not_visible", "users_not_found"})
_UNGROUPED = "missing_scope: add usergroups:read to the app and install it again"
_BY_ID = "People whose ids are listed under operators may act even so."


class CannotTell(Exception):
    """Slack could not be asked who somebody is, or who is in a user group; the message says why."""


@dataclass(frozen=True, slots=True)
class Member:
    """A person as Slack describes them: `team` and `enterprise` are theirs, `teams` all of a person in an Enterprise
    organisation. `barred` says what they are, if that is nobody who may act by being here."""

    name: str
    team: str = ""
    enterprise: str = ""
    teams: frozenset[str] = frozenset()
    barred: str = ""


@dataclass(frozen=True, slots=True)
class Home:
    """Where the app is installed: the workspace, or all of an Enterprise organisation (`org_wide`)."""

    team: str
    enterprise: str
    org_wide: bool

    def has(self, member: Member) -> bool:
        """Whether a person belongs here."""
        if self.org_wide and self.enterprise:
            return self.enterprise in {member.enterprise, member.team}
        return bool(self.team) and (self.team == member.team or self.team in member.teams)


@dataclass(frozen=True, slots=True)
class _Known:
    """An answer of Slack, as of `at`, or none and the `error` it gave instead; not asked again before `again`."""

    value: Any
    at: int
    again: int
    error: str = ""


class People:
    """Asks Slack and remembers its answers. `now` gives UTC microseconds."""

    def __init__(self, api: Api, now: Callable[[], int]) -> None:
        self._api = api
        self._now = now
        self._kept: dict[tuple[str, str], _Known] = {}

    async def person(self, user: str, given: str) -> Person:
        """The person behind a user id; `given` is the name a payload has, for when Slack says no other."""
        try:
            name = (await self._member(user)).name
        except CannotTell as error:
            log.debug("slack.name_unknown", user=user, error=str(error))
            name = ""
        return Person(name or shortened(plain(given), _LONGEST) or user, VIA, user)

    async def refusal(self, user: str, operators: Sequence[str]) -> str:
        """Why somebody may not act, in words; empty if they may."""
        if not operators:
            return await self._stranger(user)
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

    async def _stranger(self, user: str) -> str:
        """Why somebody may not act where everybody of the workspace may; empty if they belong to it."""
        try:
            member = await self._member(user)
            home: Home = await self._known("home", "", self._home)
        except CannotTell as error:
            return f"Slack can't tell me who you are now ({error}). Nothing was done. {_BY_ID}"
        if member.barred:
            return f"{member.barred} may look, not act."
        return "" if home.has(member) else "Guests and people of other organisations may look, not act."

    async def _member(self, user: str) -> Member:
        """Who somebody is. Raises CannotTell."""
        member: Member = await self._known("user", user, lambda: self._described(user))
        return member

    async def _described(self, user: str) -> Member:
        if user == _SLACKBOT:
            return Member("Slackbot", barred="Apps")
        try:
            return _member_of((await self._api.call("users_info", user=user))["user"])
        except ConnectorError as error:
            code = getattr(error, "code", "")
            if code in _NO_SUCH:
                return Member("", barred="People whom Slack does not know")
            if code == "missing_scope":
                raise CannotTell("missing_scope: add users:read to the app and install it again") from None
            raise

    async def _home(self) -> Home:
        said = await self._api.call("auth_test")
        team, enterprise = str(said.get("team_id") or ""), str(said.get("enterprise_id") or "")
        return Home(team, enterprise, bool(said.get("is_enterprise_install")))

    async def _members(self, group: str) -> frozenset[str]:
        """The ids of those in a user group, by its id or handle. Raises CannotTell."""
        kept = self._kept.get(("group", group))
        if kept is not None and self._now() < kept.again:
            members: frozenset[str] = kept.value
            return members
        try:
            members = await self._asked(group)
        except ConnectorError as error:
            lacking = getattr(error, "code", "") == "missing_scope"
            raise CannotTell(_UNGROUPED if lacking else str(error)) from None
        except (KeyError, TypeError, AttributeError):
            raise CannotTell("Slack's answer can't be read") from None
        self._keep("group", group, _Known(members, self._now(), self._now() + _FRESH))
        return members

    async def _asked(self, group: str) -> frozenset[str]:
        if group.startswith("@"):
            listed = (await self._api.call("usergroups_list"))["usergroups"]
            found = next((one["id"] for one in listed if f"@{one.get('handle')}" == group), None)
            if found is None:
                raise CannotTell(f"Slack has no user group {group}")
            group = found
        return frozenset((await self._api.call("usergroups_users_list", usergroup=group))["users"])

    async def _known(self, kind: str, name: str, ask: Callable[[], Awaitable[Any]]) -> Any:
        """What Slack says, or while it can't be asked what it said in the last day. Raises CannotTell."""
        known, now = self._kept.get((kind, name)), self._now()
        if known is None or now >= known.again:
            try:
                known = _Known(await ask(), now, now + _FRESH)
            except (ConnectorError, CannotTell, KeyError, TypeError, AttributeError) as error:
                told = isinstance(error, ConnectorError | CannotTell)
                said = str(error) if told else "Slack's answer can't be read"
                old = known or _Known(None, now, now)
                known = _Known(old.value, old.at, now + _UNANSWERED, said)
            self._keep(kind, name, known)
        if known.value is None or now - known.at >= _KEPT:
            raise CannotTell(known.error)
        return known.value

    def _keep(self, kind: str, name: str, known: _Known) -> None:
        if len(self._kept) >= _MOST:
            self._kept.clear()
        self._kept[kind, name] = known


def _member_of(user: Mapping[str, Any]) -> Member:
    """Source: https://docs.slack.dev/reference/objects/user-object"""
    profile, org = user.get("profile") or {}, user.get("enterprise_user") or {}
    names = (profile.get("display_name"), profile.get("real_name"), user.get("real_name"), user.get("name"))
    name = next((plain(str(one)) for one in names if one and plain(str(one))), "")
    team, enterprise = str(user.get("team_id") or ""), str(org.get("enterprise_id") or "")
    teams = frozenset(map(str, org.get("teams") or ()))
    return Member(shortened(name, _LONGEST), team, enterprise, teams, _barred(user))


def _barred(user: Mapping[str, Any]) -> str:
    if user.get("deleted"):
        return "People whose account is deactivated"
    if user.get("is_bot"):
        return "Apps"
    outside = any(user.get(sign) for sign in ("is_restricted", "is_ultra_restricted", "is_stranger"))
    return "Guests and people of other organisations" if outside else ""
