"""The only place that knows slack-sdk: its client, Slack's limits, and what its refusals mean. Heavy: import it late.

Limits: https://docs.slack.dev/apis/web-api/rate-limits. They hold for each method, app and workspace together, so what
one caller is told by a 429 holds for all of them.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from connectors.answers import retry_after
from connectors.base import BadAnswer, ConnectorError, Refused, Services
from connectors.failures import failure

GONE = frozenset(
    {
        "message_not_found",
        "thread_not_found",
        "cant_update_message",
        "edit_window_closed",
        "channel_not_found",
        "is_archived",
        "is_inactive",
        "not_in_channel",
        "cannot_reply_to_message",
        "restricted_action_non_threadable_channel",
    }
)
"""Codes after which a message can no longer be edited or answered, but a new one may be posted."""

LAYOUT = frozenset(
    {
        "invalid_blocks",
        "invalid_blocks_format",
        "msg_blocks_too_long",
        "msg_too_long",
        "invalid_metadata_format",
        "invalid_metadata_schema",
        "metadata_too_large",
    }
)
"""Codes after which the same may be said in plain words."""

# A little slower than Slack says, because it counts when a call arrives, and one may take longer than the next.
_TIER_3, _TIER_4 = (50, 61.0), (100, 61.0)
_RATES = {
    "chat_postMessage": (1, 1.1),  # in one channel; short bursts may pass, but nobody promises that
    "chat_postEphemeral": _TIER_4,
    "files_upload_v2": _TIER_4,
    "users_info": _TIER_4,
    "views_open": _TIER_4,
    "views_publish": _TIER_4,
}
_UNTOLD = 5.0  # seconds, where a 429 does not say how long

_NOT_SLACK = (
    "what answered{status} is not Slack's API: is SETPOINT_SLACK_API_URL right, or a proxy with a page of its own in "
    "between?"
)
_ADVICE = "give the bot token of an installed app as SETPOINT_SLACK_BOT_TOKEN or token"
_SCOPE = re.compile(r"[a-z:._]{1,60}")
_TO_DO = {
    "channel_not_found": "there is no such channel, or it is private and the app is not in it; /invite the app there",
    "not_in_channel": "the app is not in the channel; /invite it there",
    "is_archived": "the channel is archived",
    "restricted_action": "the workspace does not let the app post there",
    "invalid_auth": f"the token is not valid; {_ADVICE}",
    "not_authed": f"there is no token; {_ADVICE}",
    "token_revoked": f"the token was revoked; install the app again, then {_ADVICE}",
    "token_expired": f"the token has expired; {_ADVICE}",
    "account_inactive": f"the app was removed from the workspace; install it again, then {_ADVICE}",
    "missing_scope": "the token lacks a scope; add chat:write (and files:write for charts), then reinstall the app",
    "restricted_action_read_only_channel": "the channel lets the app only read",
    "restricted_action_thread_only_channel": "the channel takes answers in threads only",
    "ekm_access_denied": "the workspace's administrators have suspended posting",
}
_UNTIL_MENDED = frozenset(
    {
        "invalid_auth",
        "not_authed",
        "not_allowed_token_type",
        "account_inactive",
        "token_revoked",
        "token_expired",
        "missing_scope",
        "no_permission",
        "access_denied",
        "accesslimited",
        "ekm_access_denied",
        "enterprise_is_restricted",
        "team_access_not_granted",
        "two_factor_setup_required",
        "org_login_required",
    }
)
"""Codes that are of the app or the workspace, not of one channel or message: a new token mends them."""
_TRANSIENT = _UNTIL_MENDED | frozenset(
    {
        "ratelimited",
        "rate_limited",
        "message_limit_exceeded",
        "internal_error",
        "fatal_error",
        "service_unavailable",
        "request_timeout",
        "team_added_to_org",
        "external_channel_migrating",
        "update_failed",
        "streaming_state_conflict",
    }
)


class SlackRefused(Refused):
    """Slack said no; `code` is its word for why."""

    code = ""

    @property
    def is_too_fast(self) -> bool:
        """Whether it was one call too many, in a while."""
        return self.status == 429 or self.code in {"ratelimited", "rate_limited"}


class SlackApi:
    """Calls Slack with one token, no faster than Slack allows. Everyone with the same token waits for the others."""

    def __init__(self, token: str, services: Services, seconds: float) -> None:
        """A call may take `seconds`."""
        self._client = connected(token, services.slack_api_url, services.http.session)
        self._pace = services.http.pace(token)
        self._now = services.now
        self._seconds = seconds
        self.pause = self._pace.pause

    async def call(self, method: str, **arguments: Any) -> Any:
        """The answer to a method of slack-sdk's client.

        Raises ConnectorError: SlackRefused, or Refused with `retry_after` where it is not this call's turn for a while.
        """
        place = str(arguments["channel"]).removeprefix("#") if method == "chat_postMessage" else ""
        await self._pace.turn(method, _RATES.get(method, _TIER_3), place)
        try:
            with mapped(self._seconds, self._now()):
                async with asyncio.timeout(self._seconds):
                    answer = (await getattr(self._client, method)(**arguments)).data
        except SlackRefused as error:
            if error.is_too_fast:
                self._pace.hold(method, error.retry_after or _UNTOLD)
            raise
        if place:
            self._pace.also(place, str(answer.get("channel", place)))
        return answer


def connected(token: str, base_url: str, session: aiohttp.ClientSession) -> AsyncWebClient:
    """A client over the shared session. It tries nothing again: that is the dispatcher's business."""
    logger = logging.getLogger("slack_sdk")
    logger.setLevel(logging.INFO)  # at debug level it logs addresses that are secrets
    client = AsyncWebClient(token=token, base_url=base_url, session=session, logger=logger, retry_handlers=[])
    client.proxy = None  # the library reads HTTPS_PROXY but not NO_PROXY; the session knows both
    return client


@contextmanager
def mapped(seconds: float, now: int) -> Iterator[None]:
    """Turns what slack-sdk raises into ConnectorError. `seconds` is the time given, `now` UTC microseconds."""
    try:
        yield
    except SlackApiError as error:
        raise _refused(error.response, now) from None
    except (aiohttp.ClientError, OSError) as error:
        raise failure(error, "Slack", seconds) from None
    except SlackClientError:
        raise Refused("Slack did not take the file") from None
    except (AttributeError, ValueError, TypeError, KeyError):  # slack-sdk on an answer that is not an API's
        raise BadAnswer(_NOT_SLACK.format(status="")) from None


def _refused(response: Any, now: int) -> ConnectorError:
    data = getattr(response, "data", None)
    status = int(getattr(response, "status_code", None) or getattr(response, "status", None) or 0)
    code = str(data.get("error", "")) if isinstance(data, dict) else ""
    code = code if code.replace("_", "").isalnum() and code.isascii() else ""
    if not code and 200 <= status < 300:
        return BadAnswer(_NOT_SLACK.format(status=f" HTTP {status}"))
    transient = code in _TRANSIENT or status in {408, 425, 429} or status >= 500
    said = code or f"HTTP {status}"
    hint = _TO_DO.get(code)
    if code == "missing_scope" and isinstance(data, dict) and _SCOPE.fullmatch(needed := str(data.get("needed", ""))):
        hint = f"add the scope {needed} to the app, then install it again"
    refused = SlackRefused(
        f"Slack refused: {said}" + (f": {hint}" if hint else ""),
        status=status,
        permanent=not transient,
        retry_after=retry_after(getattr(response, "headers", {}), now) if transient else None,
    )
    refused.code = code
    refused.until_mended = code in _UNTIL_MENDED
    return refused
