"""Microsoft Teams: an Adaptive Card for each notice, to the address of a Workflows webhook."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import orjson

from connectors import fields
from connectors.answers import TRANSIENT
from connectors.base import Refused, Sending, Services
from connectors.gateway import SecretUrl
from connectors.posting import origin, post
from connectors.teams_card import message

# A connector of the old kind answers 200 whatever happened, and says it in the text.
_FAILED = re.compile(rb"HTTP error (\d{3})")


class TeamsConfig(fields.Config):
    """`url` is what the workflow "When a Teams webhook request is received" shows."""

    type: Literal["teams"]
    url: SecretUrl
    timeout: fields.Span = 15_000_000


class TeamsNotifier:
    """Firing, reminder, escalation and resolve are each a message: a webhook can't edit what it posted."""

    Config = TeamsConfig
    wants_chart: ClassVar[bool] = False
    wants_updates: ClassVar[bool] = False

    def __init__(self, config: TeamsConfig, services: Services) -> None:
        self._config = config
        self._services = services

    async def send(self, sending: Sending) -> Mapping[str, Any] | None:
        """Posts the card. Raises ConnectorError.

        Source: https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using
        """
        url = self._config.url.get_secret_value()
        body = orjson.dumps(message(sending))
        headers = {"Content-Type": "application/json; charset=utf-8"}
        answer = await post(self._services, url, body, headers, within=self._config.timeout)
        failed = _FAILED.search(answer.body)
        if failed:
            status = int(failed[1])
            text = f"{origin(url)} answered {answer.status}, but says HTTP error {status}"
            raise Refused(text, status=status, permanent=status < 500 and status not in TRANSIENT)
        return None

    async def close(self) -> None:
        """Nothing is held open: the HTTP client is shared."""
