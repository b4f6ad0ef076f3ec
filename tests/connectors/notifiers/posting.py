"""What every notifier that posts to one address has to hold, whatever answers there."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from connectors.base import Refused, TimedOut, Unreachable
from rules.model import Reason
from tests.connectors.notifiers import kit


class Posts:
    """Subclassed for each kind: `make(services, base, **keys)` gives a notifier that posts to the address `base`."""

    SECRETS: tuple[str, ...] = ()

    def make(self, services: Any, base: str, **keys: Any) -> Any:
        raise NotImplementedError

    async def posted(self, services: Any, what: Any) -> dict[str, Any]:
        """The JSON that a sending becomes."""
        async with kit.sink(status=202) as sink:
            assert await self.make(services, sink.url).send(what) is None
        ((request, body),) = sink.requests
        assert request.method == "POST"
        assert request.headers["Content-Type"].startswith("application/json")
        return json.loads(body)

    @pytest.mark.parametrize(("status", "permanent"), kit.HTTP_STATUSES)
    async def test_status_says_whether_to_try_again(self, services, status, permanent):
        async with kit.sink(status=status, echo=True, headers={"Location": "http://127.0.0.1:9/else"}) as sink:
            error = await kit.refusal(self.make(services, sink.url), kit.sending(), self.SECRETS)
        assert isinstance(error, Refused)
        assert (error.permanent, error.status) == (permanent, status)
        assert str(status) in str(error)
        assert len(sink.requests) == 1

    @pytest.mark.parametrize("status", [200, 201, 202, 204])
    async def test_any_2xx_is_success(self, services, status):
        async with kit.sink(status=status) as sink:
            await self.make(services, sink.url).send(kit.sending())
        assert len(sink.requests) == 1

    async def test_retry_after_in_seconds_and_as_a_date(self, services):
        then = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=kit.NOW, seconds=90)
        async with kit.sink(status=429, headers={"Retry-After": "17"}) as sink:
            notifier = self.make(services, sink.url)
            assert (await kit.refusal(notifier, kit.sending())).retry_after == 17
            sink.headers = {"Retry-After": format_datetime(then, usegmt=True)}
            assert (await kit.refusal(notifier, kit.sending())).retry_after == 90

    async def test_silence_and_a_refused_connection_are_transient(self, services):
        async with kit.silent() as port:
            slow = self.make(services, f"http://127.0.0.1:{port}", timeout="50ms")
            error = await kit.refusal(slow, kit.sending(), self.SECRETS)
        assert type(error) is TimedOut
        assert not error.permanent
        nobody = self.make(services, f"http://127.0.0.1:{kit.closed_port()}")
        error = await kit.refusal(nobody, kit.sending(), self.SECRETS)
        assert isinstance(error, Unreachable)
        assert not error.permanent

    @pytest.mark.parametrize("of", [*kit.ALL_REASONS, kit.several(), kit.several(0, 2)], ids=lambda n: n.headline)
    async def test_every_notice_can_be_sent(self, services, of):
        assert await self.posted(services, kit.sending(of))
        assert of.reason in set(Reason)

    def test_its_configuration_shows_no_secret(self, services):
        notifier = self.make(services, "https://example.com")
        for secret in self.SECRETS:
            assert secret not in repr(notifier._config)
