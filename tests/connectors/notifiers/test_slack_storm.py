"""Many alerts at once, hostile ones, and every way in which Slack says no."""

from __future__ import annotations

import asyncio
import dataclasses
import heapq
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.demo.slack import TOKEN, SlackServer
from agent.demo.slack_blocks import MAX_TOTAL, problems, total_text
from agent.demo.slack_parts import Failure
from connectors.base import Refused, Services
from connectors.http import HttpClient
from connectors.notifiers.slack import SlackNotifier
from connectors.slack_message import Extras, firing, message
from rules.model import HOUR, SECOND, News, Proposal, Reason
from tests.connectors.notifiers import kit

AT_ONCE = 4  # sendings of one notifier, as the dispatcher has it


class World:
    """Slack, and a dispatcher in a time that passes only when all that is being sent waits for it."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.refused = 0
        self.awake = 0
        self.asleep: list[tuple[float, int, asyncio.Future[None]]] = []
        self.slack = SlackServer(["growth", "oncall"], self.now)
        self.http = HttpClient(self.now, lambda: self.seconds, self.sleep)

    def now(self) -> int:
        return kit.NOW + round(self.seconds * SECOND)

    async def sleep(self, seconds: float) -> None:
        until: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self.asleep, (self.seconds + seconds, id(until), until))
        self._pause()
        await until

    def _pause(self) -> None:
        self.awake -= 1
        if self.awake == 0 and self.asleep:
            self.seconds, _, until = heapq.heappop(self.asleep)
            self.awake += 1
            until.set_result(None)

    def notifier(self, **keys: Any) -> SlackNotifier:
        config = SlackNotifier.Config.model_validate({"type": "slack", "channel": "#growth", **keys})
        return SlackNotifier(
            config, Services(self.http, self.now, slack_bot_token=TOKEN, slack_api_url=self.slack.api_url)
        )

    async def send(self, *pairs: tuple[SlackNotifier, Any]) -> list[Any]:
        """Sends all at once; returns references, and the errors that are to be tried again."""

        async def one(notifier: SlackNotifier, sending: Any) -> Any:
            try:
                return await notifier.send(sending)
            except Refused as error:
                return error
            finally:
                self._pause()

        self.awake = len(pairs)
        return await asyncio.gather(*(one(*pair) for pair in pairs))

    async def deliver(self, notifier: SlackNotifier, sendings: list[Any]) -> list[Any]:
        """Sends all of them, again when asked to; returns the references in their order."""
        waiting = [(0.0, number) for number in range(len(sendings))]
        done: dict[int, Any] = {}
        while waiting:
            self.seconds = max(self.seconds, waiting[0][0])
            due = [heapq.heappop(waiting)[1] for _ in range(min(AT_ONCE, len(waiting)))]
            for number, outcome in zip(due, await self.send(*((notifier, sendings[n]) for n in due)), strict=True):
                if isinstance(outcome, Refused):
                    self.refused += 1
                    heapq.heappush(waiting, (self.seconds + (outcome.retry_after or 1), number))
                else:
                    done[number] = outcome
        return [done[number] for number in range(len(sendings))]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    async with made.slack:
        yield made
        await made.http.close()


def alerts(count: int) -> list[Any]:
    return [kit.sending(kit.notice(fingerprint=f"f{n}", headline=f"Alert {n} is behind")) for n in range(count)]


def calls(slack: SlackServer, method: str) -> int:
    return sum(name == method for name, _ in slack.calls)


async def test_a_burst_goes_out_one_a_second_without_one_call_too_many(world):
    world.slack.rates["chat.postMessage"] = (1, 1)
    threads = await world.deliver(world.notifier(), alerts(100))
    assert len({thread["ts"] for thread in threads}) == len(world.slack.messages) == 100
    assert calls(world.slack, "chat.postMessage") == 100  # one that was refused is counted too
    assert world.refused == 0
    assert 99 <= world.seconds <= 110


async def test_two_receivers_of_one_channel_share_its_pace_and_another_channel_has_its_own(world):
    world.slack.rates["chat.postMessage"] = (1, 1)
    first = alerts(1)
    await world.send((world.notifier(), first[0]))  # the channel's id is known from now on
    by_name, by_id = world.notifier(), world.notifier(channel=world.slack.channels["growth"].id)
    other = world.notifier(channel="oncall")
    begun = world.seconds
    await world.send(*((one, kit.sending()) for one in (by_name, by_id, other)))
    assert len(world.slack.messages) == calls(world.slack, "chat.postMessage") == 4
    assert world.seconds - begun <= 3


async def test_edits_keep_to_fifty_a_minute(world):
    notifier, sendings = world.notifier(), alerts(70)
    threads = await world.deliver(notifier, sendings)
    world.slack.rates["chat.update"] = (50, 60)
    begun, before = world.seconds, calls(world.slack, "chat.update")
    resolved = [
        kit.sending(kit.resolved(fingerprint=f"f{n}", ends_at=kit.NOW + SECOND), thread=thread)
        for n, thread in enumerate(threads)
    ]
    await world.deliver(notifier, resolved)
    assert all(message.text.startswith("✅") for message in world.slack.messages)
    assert calls(world.slack, "chat.update") - before == 70
    assert 60 <= world.seconds - begun < 120


async def test_a_429_on_one_lane_holds_back_all_of_them(world):
    world.slack.failures["chat.postMessage"] = Failure(status=429, retry_after=30)
    tried: list[int] = []
    refusal = world.slack._failure

    def counted(method: str) -> Any:
        tried.append(world.now())
        return refusal(method)

    world.slack._failure = counted
    notifier, sendings = world.notifier(), alerts(50)
    (first,) = await world.send((notifier, sendings[0]))
    assert first.retry_after == 30
    outcomes = await world.send(*((notifier, one) for one in sendings))
    assert all(isinstance(error, Refused) and not error.permanent for error in outcomes)
    assert {error.retry_after for error in outcomes} == {30}
    assert len(tried) == 1
    world.slack.failures.clear()
    world.seconds += 30
    await world.deliver(notifier, sendings)
    assert len(world.slack.messages) == 50


async def test_one_that_waits_when_a_429_comes_does_not_try_either(world):
    notifier = world.notifier()
    await world.send((notifier, kit.sending()))
    world.slack.failures["chat.postMessage"] = Failure(status=429, retry_after=30)
    outcomes = await world.send(*((notifier, one) for one in alerts(4)))
    assert [round(error.retry_after) for error in outcomes] == [30, 29, 28, 27]
    assert calls(world.slack, "chat.postMessage") == 1  # what fails is not counted


@pytest.mark.parametrize("failure", [Failure(error="ratelimited"), Failure(status=429, error="unheard_of")])
async def test_a_limit_counts_by_its_status_as_by_its_code_and_without_saying_how_long(world, failure):
    world.slack.failures["chat.postMessage"] = failure
    notifier = world.notifier()
    await world.send((notifier, kit.sending()))
    assert world.seconds == 0
    world.slack.failures.clear()
    await world.send((notifier, kit.sending()))
    assert world.seconds == 5
    assert len(world.slack.messages) == 1


async def test_a_hook_keeps_its_pace_and_is_held_back_by_its_429(world):
    config = SlackNotifier.Config.model_validate({"type": "slack", "url": world.slack.webhook_url})
    notifier = SlackNotifier(config, Services(world.http, world.now))
    await world.deliver(notifier, alerts(10))
    assert len(world.slack.messages) == 10
    assert world.seconds >= 9
    world.seconds += 10
    world.slack.failures["webhook"] = Failure(status=429, retry_after=30)
    outcomes = await world.send((notifier, kit.sending()))
    world.slack.failures.clear()
    outcomes += await world.send((notifier, kit.sending()))
    assert [error.retry_after for error in outcomes] == [30, 30]
    assert len(world.slack.messages) == 10


async def test_a_group_of_a_hundred_is_one_message_with_a_list(world):
    notifier = world.notifier()
    thread = await notifier.send(kit.sending(kit.several(100, 0)))
    await notifier.send(kit.sending(kit.several(60, 40, reason=Reason.RESOLVED), thread=thread))
    (one,) = world.slack.messages
    said = str(one.blocks)
    assert "room-0" in said
    assert "and 81 more" in said
    assert one.text.startswith("🟠 60 firing, 40 resolved")


EDITS = [
    # code of chat.update, whether a new message takes its place, permanent otherwise
    ("message_not_found", True, None),
    ("cant_update_message", True, None),
    ("edit_window_closed", True, None),
    ("is_inactive", True, None),
    ("update_failed", False, False),
    ("external_channel_migrating", False, False),
    ("streaming_state_conflict", False, False),
    ("org_login_required", False, False),
    ("ratelimited", False, False),
    ("msg_too_long", False, True),
    ("token_expired", False, False),
    ("token_revoked", False, False),
    ("not_allowed_token_type", False, False),
    ("a_code_of_tomorrow", False, True),
]


@pytest.mark.parametrize(("code", "anew", "permanent"), EDITS)
async def test_what_becomes_of_a_message_that_can_not_be_edited(world, code, anew, permanent):
    notifier = world.notifier()
    thread = await notifier.send(kit.sending())
    world.seconds += 2
    world.slack.failures["chat.update"] = Failure(error=code)
    sending = kit.sending(kit.notice(reason=Reason.UPDATED), thread=thread)
    if anew:
        renewed = await notifier.send(sending)
        assert renewed["ts"] == world.slack.messages[1].ts
        return
    with pytest.raises(Refused) as caught:
        await notifier.send(sending)
    assert caught.value.permanent is permanent
    assert len(world.slack.messages) == 1


async def test_an_expired_token_says_what_to_do_and_a_new_one_goes_on(world):
    notifier = world.notifier()
    thread = await notifier.send(kit.sending())
    world.slack.tokens[TOKEN] = "token_expired"
    with pytest.raises(Refused, match="SETPOINT_SLACK_BOT_TOKEN"):
        await notifier.send(kit.sending(kit.resolved(), thread=thread))
    world.slack.tokens["xoxb-new"] = ""
    world.seconds += 2
    await world.notifier(token="xoxb-new").send(kit.sending(kit.resolved(), thread=thread))
    assert world.slack.messages[0].text.startswith("✅")


TEXT = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        ["<!channel>", "<@U123ABC>", "*bold*", "`code`", "~x~", "&amp;", ">", "\u202eevil", "مرحبا", "\x00"]
    ),
    st.sampled_from(["<!here> " * 400, "&" * 10_000, "<" * 3_000]),
)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_text_whatever_breaks_a_limit_or_acts(data):
    def text() -> str:
        return data.draw(TEXT)

    labels = {f"{text()}{n}": text() for n in range(data.draw(st.sampled_from([0, 3, 60])))}
    links = {f"l{n}_url": f"https://x/{n}?{'&' * 480}" for n in range(data.draw(st.sampled_from([0, 7])))}
    of = data.draw(st.sampled_from([kit.notice(), kit.resolved(), kit.several(30, 5), kit.several(0, 2)]))
    named = [dataclasses.replace(one, headline=text()) for one in of.alerts]
    hostile = dataclasses.replace(
        of,
        headline=text(),
        title=text(),
        alert=text(),
        unit=text(),
        labels=labels,
        group_labels=labels,
        annotations={**links, "summary": text(), text(): text()},
        alerts=tuple(named),
        details=tuple(text() for _ in range(5)),
        why=tuple(text() for _ in range(4)),
        acknowledged_by=text(),
        proposals=tuple(Proposal(f"{text()[:500]}{n}", text(), text(), kit.NOW + HOUR) for n in range(4)),
        external_url="https://setpoint.example.com/" + "&" * 400,
    )
    clicks = data.draw(st.sampled_from([True, False, None]))
    made = message(hostile, Extras(firing(hostile), "F0123456789", text()[:40], clicks))
    assert problems(made["blocks"], lambda _: True) == []
    assert total_text(made["blocks"]) <= MAX_TOTAL
    assert 0 < len(made["text"]) <= 4_000
    for words in _mrkdwn([made["text"], *made["blocks"]]):
        assert not any(sign in words for sign in ("<!", "<@", "<#"))


def _mrkdwn(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        own = [value["text"]] if value.get("type") == "mrkdwn" else []
        return own + [text for inner in value.values() if not isinstance(inner, str) for text in _mrkdwn(inner)]
    return [text for inner in value for text in _mrkdwn(inner)] if isinstance(value, list) else []


async def test_hostile_news_stay_words(world):
    notifier = world.notifier()
    thread = await notifier.send(kit.sending())
    news = tuple(News(f"{n} {kit.HOSTILE * 40}", failed=True) for n in range(12))
    world.seconds += 2
    await notifier.send(kit.sending(kit.notice(reason=Reason.UPDATED, news=news), thread=thread))
    reply = world.slack.messages[1]
    assert "<" not in reply.text
    assert len(reply.text) < 3_000
