"""Whether the Slack app is set up as this daemon needs it: token, scopes, channels, operators, the way in."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from agent.config.configuration import Configuration
from agent.settings import Settings
from agent.slack.manifest import METHODS, SCOPES, is_public
from connectors.base import ConnectorError, Services

OK, NOTE, FIX = "ok", "note", "fix"
_SECONDS = 10.0
_PATIENT = 20.0  # seconds that one answer may be waited for
_PAGE, _MOST_PAGES = 1_000, 20  # channels; Slack gives at most so many at a time
_ID = re.compile(r"[CGDUW][A-Z0-9]{7,}")
_TO_POST = ("chat:write", "files:write")  # what a token of a receiver's own needs
_INSTALL = "add what is missing under OAuth & Permissions (setpoint slack manifest has all), then reinstall the app"
_BOT, _APP, _USER = "xoxb-", "xapp-", "xoxp-"
_LINK = re.compile(r"https?://[^/]+/(?:archives|client/[A-Z0-9]+)/([CGD][A-Z0-9]{7,})")
_SIGNING = re.compile(r"[0-9a-f]{32}")
_ANEW = "copy the bot token (xoxb-…) anew from OAuth & Permissions"
_ANEW_APP = (
    "make an app-level token (xapp-…) with the scope connections:write under Basic Information, and turn Socket Mode on"
)
_ANEW_SIGNING = "copy the signing secret anew from Basic Information, App Credentials"
_TOKEN_GONE = frozenset({"invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive"})
_OF_THE_APP = frozenset(
    {
        "invalid_auth",
        "not_authed",
        "not_allowed_token_type",
        "token_revoked",
        "token_expired",
        "account_inactive",
        "missing_scope",
        "no_permission",
        "access_denied",
        "forbidden_team",
    }
)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. `state` is ok, note (can't be looked at) or fix; `fix` says what to do about it."""

    state: str
    about: str
    said: str
    fix: str = ""


class Place(NamedTuple):
    """A channel that something configured posts to; `token` is its own, empty for the app's."""

    path: str
    channel: str
    token: str


class Known(NamedTuple):
    """What a token's owner is and may; `scopes` is None where Slack does not say."""

    name: str
    team: str
    scopes: frozenset[str] | None
    id: str = ""  # of the workspace


class Workspace:
    """Slack, asked with one token."""

    def __init__(self, token: str, services: Services) -> None:
        self._token = token
        self._services = services
        self._channels: dict[str, Mapping[str, Any]] | None = None

    async def ask(self, method: str, **arguments: Any) -> Any:
        """The answer to a method by slack-sdk's name; asked again when Slack allows. Raises ConnectorError."""
        left = _PATIENT
        while True:
            try:
                return await self._asked(method, arguments)
            except ConnectorError as error:
                wait = error.retry_after
                if wait is None or wait > left:
                    raise
            left -= max(wait, 1.0)
            await self._services.http.pace(self._token).pause(wait)

    async def _asked(self, method: str, arguments: Mapping[str, Any]) -> Any:
        from connectors.slack_api import connected, mapped

        client = connected(self._token, self._services.slack_api_url, self._services.http.session)
        with mapped(_SECONDS, self._services.now()):
            async with asyncio.timeout(_SECONDS):
                return await getattr(client, method)(**arguments)

    async def known(self) -> Known:
        """Who the token is. Scopes are in a header of every answer. Raises ConnectorError.

        Source: https://docs.slack.dev/authentication/installing-with-oauth (`X-OAuth-Scopes`)
        """
        answer = await self.ask("auth_test")
        headers = {str(name).lower(): str(value) for name, value in answer.headers.items()}
        listed = headers.get("x-oauth-scopes")
        scopes = None if listed is None else frozenset(one.strip() for one in listed.split(",") if one.strip())
        ident = str(answer.get("team_id") or "")
        return Known(str(answer.get("user") or "setpoint"), str(answer.get("team") or ""), scopes, ident)

    async def channel(self, wanted: str, scopes: Collection[str]) -> Mapping[str, Any] | None:
        """A channel by its id or name; None if this token can't see one. Raises ConnectorError."""
        from connectors.slack_api import SlackRefused

        if _ID.fullmatch(wanted):
            with suppress(SlackRefused):
                found: Mapping[str, Any] = (await self.ask("conversations_info", channel=wanted))["channel"]
                return found
            return None
        if self._channels is None:
            self._channels = {str(one.get("name")): one async for one in self._listed(scopes)}
        return self._channels.get(wanted.removeprefix("#"))

    async def _listed(self, scopes: Collection[str]) -> AsyncIterator[Mapping[str, Any]]:
        kinds = {"channels:read": "public_channel", "groups:read": "private_channel"}
        types = ",".join(kind for scope, kind in kinds.items() if scope in scopes)
        cursor = ""
        for _ in range(_MOST_PAGES):
            page = await self.ask("conversations_list", types=types, limit=_PAGE, cursor=cursor)
            for one in page["channels"]:
                yield one
            cursor = str((page.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return


async def checked(config: Configuration, settings: Settings, services: Services) -> list[Check]:
    """Everything that can be looked at from here. Raises nothing of Slack's: what goes wrong is a finding."""
    places = list(_places(config))
    found = list(_mistaken(settings, places))
    own = {place.token for place in places if place.token and not place.token.startswith((_APP, _USER))}
    if settings.slack_bot_token and not settings.slack_bot_token.startswith((_APP, _USER)):
        workspace = Workspace(settings.slack_bot_token, services)
        known = await _token(workspace, found, "SETPOINT_SLACK_BOT_TOKEN", SCOPES)
        if known is not None:
            await _channels(workspace, known, [place for place in places if not place.token], found)
            await _operators(workspace, known, config, found)
    elif not settings.slack_bot_token:
        found.append(Check(FIX, "token", "there is no bot token", "install the app and set SETPOINT_SLACK_BOT_TOKEN"))
    for token in sorted(own):
        theirs = [place for place in places if place.token == token]
        workspace = Workspace(token, services)
        known = await _token(workspace, found, f"{theirs[0].path}.token", _TO_POST)
        if known is not None:
            await _channels(workspace, known, theirs, found)
    await _way_in(settings, services, found)
    found += _hooks(config)
    return found


def _mistaken(settings: Settings, places: Iterable[Place]) -> Iterator[Check]:
    """Tokens that are of another kind than belongs there, as their beginnings say.

    Source: https://docs.slack.dev/authentication/tokens
    """
    bot, app = "SETPOINT_SLACK_BOT_TOKEN", "SETPOINT_SLACK_APP_TOKEN"
    of_app, of_bot = settings.slack_bot_token.startswith(_APP), settings.slack_app_token.startswith(_BOT)
    if settings.slack_bot_token.startswith(_USER):
        said = f"{bot} is a user token (xoxp-…): messages would be that person's, and no app's"
        yield Check(FIX, "token", said, _ANEW)
    if of_app and of_bot:
        yield Check(FIX, "token", f"{bot} and {app} are swapped", f"{bot} is the one with xoxb-, {app} that with xapp-")
        return
    if of_app:
        yield Check(FIX, "token", f"{bot} is an app-level token (xapp-…)", _ANEW)
    if of_bot:
        yield Check(FIX, "Socket Mode", f"{app} is a bot token (xoxb-…)", _ANEW_APP)
    for place in places:
        if place.token.startswith((_APP, _USER)):
            kind = "an app-level token (xapp-…)" if place.token.startswith(_APP) else "a user token (xoxp-…)"
            yield Check(FIX, "token", f"{place.path}.token is {kind}", _ANEW)


def _places(config: Configuration) -> Iterator[Place]:
    """The channels of receivers and actions."""
    entries: list[tuple[str, Any]] = [
        (f"receivers.{name}[{position}]", entry)
        for name, listed in config.receivers.items()
        for position, entry in enumerate(listed)
    ]
    entries += [(f"actions.{name}", entry) for name, entry in config.actions.items()]
    for path, entry in entries:
        channel = getattr(entry.config, "channel", None)
        if entry.kind == "slack" and channel:
            token = getattr(entry.config, "token", None)
            yield Place(path, channel, token.get_secret_value() if token is not None else "")


def _hooks(config: Configuration) -> Iterator[Check]:
    for name, listed in config.receivers.items():
        for position, entry in enumerate(listed):
            if entry.kind == "slack" and getattr(entry.config, "url", None) is not None:
                said = "an incoming webhook can't be looked at; it has no buttons and edits nothing"
                yield Check(NOTE, f"receivers.{name}[{position}]", f"{said} (setpoint send-test {name} tries it)")


async def _token(workspace: Workspace, found: list[Check], name: str, needed: Collection[str]) -> Known | None:
    try:
        known = await workspace.known()
    except ConnectorError as error:
        found.append(Check(FIX, "token", f"{name} can't be used: {_refused(error)}", _advice(error)))
        return None
    found.append(Check(OK, "token", f"{name} is @{known.name} in {known.team}"))
    if known.scopes is None:
        found.append(Check(NOTE, "scopes", "Slack does not say which scopes the token has"))
        return known
    missing = sorted(set(needed) - known.scopes)
    if missing:
        found.append(Check(FIX, "scopes", f"{name} lacks {', '.join(missing)}", _INSTALL))
    else:
        found.append(Check(OK, "scopes", ", ".join(sorted(needed))))
    return known


async def _channels(workspace: Workspace, known: Known, places: list[Place], found: list[Check]) -> None:
    scopes = known.scopes if known.scopes is not None else frozenset(METHODS["conversations_list"])
    for place in places:
        if place.channel.startswith(("D", "U", "W")) and _ID.fullmatch(place.channel):
            found.append(Check(NOTE, place.path, f"{place.channel} is a direct message, which can't be looked at"))
        elif not scopes & set(METHODS["conversations_list"]):
            said = f"{place.channel} can't be looked for without channels:read and groups:read"
            found.append(Check(NOTE, place.path, said))
        else:
            found.append(await _channel(workspace, known, place, scopes))


async def _channel(workspace: Workspace, known: Known, place: Place, scopes: Collection[str]) -> Check:
    shown, invite = place.channel, f"type /invite @{known.name} there"
    link = _LINK.match(place.channel)
    if link is not None:
        return Check(FIX, place.path, f"{shown} is a link to a channel", f"write the id in it: {link[1]}")
    try:
        channel = await workspace.channel(place.channel, scopes)
    except ConnectorError as error:
        return Check(FIX, place.path, f"{shown} can't be looked for: {_refused(error)}", _advice(error))
    if channel is None:
        said = f"{shown}: there is no such channel, or it is private and the app is not in it"
        return Check(FIX, place.path, said, f"look at the name, and {invite}")
    if channel.get("is_archived"):
        return Check(FIX, place.path, f"{shown} is archived", "unarchive it, or name another channel")
    public = not channel.get("is_private") and "chat:write.public" in scopes
    if not channel.get("is_member") and not public:
        return Check(FIX, place.path, f"the app is not in {shown}", invite)
    return Check(OK, place.path, f"{shown}: the app can post there")


async def _operators(workspace: Workspace, known: Known, config: Configuration, found: list[Check]) -> None:
    groups: list[Mapping[str, Any]] | None = None
    for one in config.operators:
        try:
            if not one.startswith(("S", "@")):
                found.append(_person(one, (await workspace.ask("users_info", user=one))["user"], known.id))
                continue
            if groups is None:
                groups = list((await workspace.ask("usergroups_list"))["usergroups"])
            group = next((each for each in groups if one in {each.get("id"), f"@{each.get('handle')}"}), None)
            if group is None:
                said = f"there is no user group {one}, or it is disabled"
                found.append(Check(FIX, "operators", said, "look at its id or handle"))
                continue
            users = (await workspace.ask("usergroups_users_list", usergroup=group["id"]))["users"]
            found.append(_group(one, len(users)))
        except ConnectorError as error:
            found.append(Check(FIX, "operators", f"{one} can't be looked for: {_refused(error)}", _advice(error)))


def _person(one: str, user: Mapping[str, Any], team: str) -> Check:
    """Source: https://docs.slack.dev/reference/objects/user-object"""
    if user.get("deleted"):
        return Check(FIX, "operators", f"{one} ({user.get('name')}) no longer has an account", "take it out")
    if user.get("is_bot"):
        said = f"{one} ({user.get('name')}) is a bot, which clicks and types nothing"
        return Check(FIX, "operators", said, "name people, or a user group")
    whose = ""
    if any(user.get(sign) for sign in ("is_restricted", "is_ultra_restricted")):
        whose = "is a guest"
    elif user.get("is_stranger") or (team and user.get("team_id") and _is_elsewhere(user, team)):
        whose = "is of another organisation"
    if whose:
        said = f"{one} ({user.get('name')}) {whose}, and may act because operators has this id"
        return Check(NOTE, "operators", said, "take it out if that is not meant")
    return Check(OK, "operators", f"{one} is {user.get('name')}")


def _is_elsewhere(user: Mapping[str, Any], team: str) -> bool:
    """Whether somebody is not of the workspace's organisation; of an Enterprise Grid its workspaces are named."""
    grid = user.get("enterprise_user") or {}
    return user["team_id"] != team and team not in (grid.get("teams") or ())


def _group(one: str, people: int) -> Check:
    if not people:
        return Check(FIX, "operators", f"nobody is in the user group {one}", "put people into it, or name others")
    return Check(OK, "operators", f"{one}: {people} {'person' if people == 1 else 'people'}")


async def _way_in(settings: Settings, services: Services, found: list[Check]) -> None:
    """How clicks and commands arrive."""
    if settings.slack_app_token and not settings.slack_app_token.startswith(_BOT):
        try:
            app = Workspace(settings.slack_app_token, services)
            await app.ask("apps_connections_open", app_token=settings.slack_app_token)
            found.append(Check(OK, "Socket Mode", "SETPOINT_SLACK_APP_TOKEN opens connections"))
        except ConnectorError as error:
            code = getattr(error, "code", "")  # its words are about a bot token
            said = f"SETPOINT_SLACK_APP_TOKEN opens no connection: {f'Slack refused: {code}' if code else error}"
            found.append(Check(FIX, "Socket Mode", said, _ANEW_APP if code in _OF_THE_APP else _advice(error)))
    secret = settings.slack_signing_secret.strip()
    if secret.startswith("xox"):
        said = "SETPOINT_SLACK_SIGNING_SECRET is a token"
        found.append(Check(FIX, "signed calls", said, _ANEW_SIGNING))
    elif secret and not _SIGNING.fullmatch(secret):
        said = "SETPOINT_SLACK_SIGNING_SECRET does not look like one: they have 32 digits of 0-9 and a-f"
        found.append(Check(NOTE, "signed calls", said, _ANEW_SIGNING))
    elif secret:
        said = "SETPOINT_SLACK_SIGNING_SECRET is set; whether it is right shows only when Slack calls"
        found.append(Check(NOTE, "signed calls", f"{said} (setpoint send-test … --through-slack)"))
    if not settings.slack_clicks:
        fix = "set SETPOINT_SLACK_APP_TOKEN (Socket Mode) or SETPOINT_SLACK_SIGNING_SECRET (signed calls)"
        found.append(Check(FIX, "way in", "nothing that people click or type arrives", fix))
    elif settings.slack_app_token:
        return
    elif settings.external_url and not is_public(settings.external_url):
        fix = "set the public address, which begins with https, or set SETPOINT_SLACK_APP_TOKEN (Socket Mode)"
        found.append(Check(FIX, "way in", f"Slack can't call SETPOINT_EXTERNAL_URL {settings.external_url}", fix))
    elif not settings.external_url:
        fix = "set SETPOINT_EXTERNAL_URL to the public address, and give it to the app (setpoint slack manifest)"
        found.append(Check(FIX, "way in", "Slack calls a public address, and none is set", fix))


def _refused(error: ConnectorError) -> str:
    """What was refused; of those that `_advice` knows not also what their own words advise."""
    code = getattr(error, "code", "")
    return f"Slack refused: {code}" if code == "missing_scope" or code in _TOKEN_GONE else str(error)


def _advice(error: ConnectorError) -> str:
    """What to do about a refusal; its own words say so where they can."""
    code = getattr(error, "code", "")
    if code == "missing_scope":
        return _INSTALL
    if code in _TOKEN_GONE:
        return _ANEW
    if code in {"user_not_found", "users_not_found"}:
        return "look at the id: a person's profile has it under Copy member ID"
    if error.retry_after:
        return f"try again in {error.retry_after:.0f} s"
    return "try again, and look whether Slack can be reached from here"
