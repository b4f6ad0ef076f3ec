"""One living message for each alert: its thread, its buttons, what it becomes when the alert fires again."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from agent.demo.slack import TOKEN, SlackServer
from agent.demo.slack_parts import Failure, Message
from connectors.base import Refused
from connectors.notifiers.slack import SlackNotifier
from rules.model import HOUR, MINUTE, SECOND, AsFired, News, Proposal, Reason
from tests.connectors.notifiers import kit

VERIFIED = News("Correction cool verified: back on target 3m after the call")
FAILED = News("Correction cool failed: not back on target within 10m", failed=True)


@pytest.fixture
async def slack():
    async with SlackServer(channels=["growth", "oncall"], now=lambda: kit.NOW) as server:
        yield server


@pytest.fixture
def notifier(slack, services):
    return made(slack, services)


def made(slack, services, *, clicks=True, **keys):
    config = SlackNotifier.Config.model_validate({"type": "slack", "channel": "#growth", **keys})
    there = {"slack_bot_token": TOKEN, "slack_api_url": slack.api_url, "slack_clicks": clicks}
    return SlackNotifier(config, dataclasses.replace(services, **there))


def after(minutes: float, **changes: Any) -> dict[str, Any]:
    """What a notice has that is made so many minutes later."""
    return {"at": kit.NOW + round(minutes * MINUTE), **changes}


def fired(minutes: float, **changes: Any) -> dict[str, Any]:
    return after(minutes, starts_at=kit.NOW + round(minutes * MINUTE), **changes)


def buttons(message: Message) -> list[str]:
    return [e["action_id"] for block in message.blocks if block["type"] == "actions" for e in block["elements"]]


def words(message: Message) -> str:
    return "\n".join([message.text, *_texts(message.blocks)])


def _texts(value: Any) -> Iterator[str]:
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from [inner] if isinstance(inner, str) else _texts(inner)


def answers(slack: SlackServer) -> list[tuple[str, bool]]:
    """What threads say, first lines, and whether the channel sees it."""
    return [(m.text.splitlines()[0], m.reply_broadcast) for m in slack.messages if m.thread_ts]


class TestThread:
    @pytest.mark.parametrize(
        ("notice", "said"),
        [
            (kit.notice(reason=Reason.UPDATED), []),
            (kit.notice(reason=Reason.UPDATED, acknowledged_by="ann"), []),
            (kit.notice(reason=Reason.FLAPPING), []),
            (kit.notice(reason=Reason.SETTLED), []),
            (kit.notice(reason=Reason.UPDATED, proposals=(Proposal("i", "a", "w", None),)), []),
            (kit.notice(reason=Reason.ESCALATED), [("🟠 Escalated: Unique visitors behind", True)]),
            (kit.notice(reason=Reason.RAISED, severity="critical"), [("🔴 Now critical: Unique visitors", True)]),
            (kit.notice(reason=Reason.REMINDER), [("🟠 Still firing: Unique visitors behind", True)]),
            (kit.notice(reason=Reason.UPDATED, news=(VERIFIED,)), [(f"✔️ {VERIFIED.words}", False)]),
            (kit.notice(reason=Reason.UPDATED, news=(FAILED,)), [(f"⚠️ {FAILED.words}", True)]),
            (kit.resolved(), [("✅ Resolved: Unique visitors back", False)]),
            (kit.resolved(ends_at=kit.NOW + HOUR), [("✅ Resolved: Unique visitors back", False)]),
            (kit.resolved(ends_at=kit.NOW + HOUR - SECOND), []),
            (kit.resolved(ends_at=kit.NOW + MINUTE, news=(VERIFIED,)), [(f"✔️ {VERIFIED.words}", False)]),
        ],
        ids=lambda value: str(getattr(value, "reason", ""))[:20],
    )
    async def test_it_tells_what_people_must_see_and_nothing_else(self, slack, notifier, notice, said):
        thread = await notifier.send(kit.sending())
        await notifier.send(kit.sending(notice, thread=thread))
        found = answers(slack)
        assert [loud for _, loud in found] == [loud for _, loud in said]
        for (text, _), (begins, _) in zip(found, said, strict=True):
            assert text.startswith(begins)
        assert sum(message.thread_ts is None for message in slack.messages) == 1

    async def test_each_once_however_often_it_is_said_and_tried(self, slack, notifier):
        thread = await notifier.send(kit.sending())
        for minute in range(3):
            updated = kit.sending(kit.notice(reason=Reason.UPDATED, news=(VERIFIED,), **after(minute)), thread=thread)
            thread = await notifier.send(updated)
        raised = kit.sending(kit.notice(reason=Reason.RAISED, severity="critical", news=(VERIFIED,)), thread=thread)
        thread = await notifier.send(raised)
        await notifier.send(dataclasses.replace(raised, thread=thread, attempt=2))
        ended = kit.sending(kit.resolved(news=(VERIFIED, FAILED)), thread=thread)
        thread = await notifier.send(ended)
        await notifier.send(dataclasses.replace(ended, thread=thread, attempt=2))
        assert [text.split(":")[0] for text, _ in answers(slack)] == [
            "✔️ Correction cool verified", "🔴 Now critical", "✅ Resolved",
        ]  # fmt: skip
        assert slack.messages[-1].text.endswith(f"(after 2h 5m)\n⚠️ {FAILED.words}")

    async def test_what_the_message_said_when_it_was_posted_is_no_news(self, slack, notifier):
        thread = await notifier.send(kit.sending(kit.notice(news=(FAILED,))))
        await notifier.send(kit.sending(kit.notice(reason=Reason.UPDATED, news=(FAILED,)), thread=thread))
        assert answers(slack) == []

    async def test_an_answer_that_is_tried_again_is_made_once(self, slack, notifier):
        thread = await notifier.send(kit.sending())
        slack.failures["chat.postMessage"] = Failure(status=503)
        escalated = kit.sending(kit.notice(reason=Reason.ESCALATED), thread=thread)
        with pytest.raises(Refused):
            await notifier.send(escalated)
        slack.failures.clear()
        await notifier.send(dataclasses.replace(escalated, attempt=2))
        assert len(answers(slack)) == 1

    @pytest.mark.parametrize("code", ["cannot_reply_to_message", "restricted_action_non_threadable_channel"])
    async def test_where_no_thread_is_allowed_it_stands_beside(self, slack, notifier, monkeypatch, code):
        thread = await notifier.send(kit.sending())
        post = slack._methods["chat.postMessage"]
        monkeypatch.setitem(
            slack._methods,
            "chat.postMessage",
            lambda given: {"ok": False, "error": code} if given.get("thread_ts") else post(given),
        )
        await notifier.send(kit.sending(kit.notice(reason=Reason.ESCALATED), thread=thread))
        assert [message.text.split(":")[0] for message in slack.messages] == ["🟠 Escalated", "🟠 Escalated"]

    async def test_that_another_receiver_could_not_be_told_leaves_the_message_as_it_is(self, slack, notifier):
        thread = await notifier.send(kit.sending())
        failed = kit.notice(reason=Reason.UNDELIVERABLE, details=("Receiver x could not be told: 410",))
        assert await notifier.send(kit.sending(failed, thread=thread)) == thread
        assert not slack.messages[0].history
        assert "Receiver x could not be told: 410" in words(slack.messages[1])
        assert answers(slack)[0][1]
        assert await notifier.send(kit.sending(failed)) is None
        assert slack.messages[-1].thread_ts is None


class TestAgain:
    async def test_within_an_hour_it_goes_on_in_its_message_and_later_begins_another(self, slack, notifier):
        thread = await notifier.send(kit.sending(kit.notice(title="T")))
        (message,) = slack.messages
        for times, minutes in (("2nd", 20), ("3rd", 40), ("4th", 59.9)):
            over = kit.resolved(ends_at=kit.NOW + round((minutes - 5) * MINUTE), **after(minutes - 5))
            await notifier.send(kit.sending(over, thread=thread))
            assert message.text.startswith("✅")
            refired = kit.sending(kit.notice(**fired(minutes)), earlier=thread)
            thread = await notifier.send(refired)
            assert thread["starts_at"] == refired.notice.starts_at
            assert f"Fired again: {times} time since 18:53" in words(message)
            assert message.text.startswith("🟠 Unique")
            again = await notifier.send(dataclasses.replace(refired, attempt=2))
            assert again["ts"] == message.ts
        assert slack.messages == [message]
        thread = await notifier.send(kit.sending(kit.notice(**fired(60)), earlier=thread))
        assert [one.thread_ts for one in slack.messages] == [None, None]
        assert "Fired again" not in words(slack.messages[1])

    async def test_what_it_shows_of_a_firing_is_of_the_last_one(self, slack, notifier):
        thread = await notifier.send(kit.sending())
        thread = await notifier.send(kit.sending(kit.notice(values={"value": 5.0}, **fired(10)), earlier=thread))
        await notifier.send(kit.sending(kit.resolved(starts_at=kit.NOW + 10 * MINUTE), thread=thread))
        assert "Value: 5" in words(slack.messages[0])
        assert "Value: 6,214" not in words(slack.messages[0])

    async def test_a_graver_one_is_seen(self, slack, notifier):
        thread = await notifier.send(kit.sending())
        thread = await notifier.send(kit.sending(kit.notice(**fired(10)), earlier=thread))
        assert answers(slack) == []
        thread = await notifier.send(kit.sending(kit.notice(severity="critical", **fired(20)), earlier=thread))
        thread = await notifier.send(kit.sending(kit.notice(severity="critical", **fired(30)), earlier=thread))
        assert [loud for _, loud in answers(slack)] == [True]

    async def test_the_news_of_another_firing_are_news(self, slack, notifier):
        thread = await notifier.send(kit.sending(kit.notice(news=(VERIFIED,))))
        await notifier.send(kit.sending(kit.notice(news=(VERIFIED,), **fired(10)), earlier=thread))
        assert len(answers(slack)) == 1

    async def test_a_group_goes_on_too(self, slack, notifier):
        thread = await notifier.send(kit.sending(kit.several()))
        later = kit.several(**after(30, group_since=kit.NOW + 30 * MINUTE))
        await notifier.send(kit.sending(later, earlier=thread))
        assert len(slack.messages) == 1

    async def test_a_deleted_message_is_posted_anew_and_still_counts(self, slack, notifier):
        thread = await notifier.send(kit.sending())
        slack.messages.clear()
        await notifier.send(kit.sending(kit.notice(**fired(10)), earlier=thread))
        assert "Fired again: 2nd time since 18:53" in words(slack.messages[0])

    async def test_a_receiver_that_has_another_channel_now_tells_it_there(self, slack, services, notifier):
        thread = await notifier.send(kit.sending())
        moved = made(slack, services, channel="#oncall")
        await moved.send(kit.sending(kit.resolved(), thread=thread))  # closes the message where it is
        await moved.send(kit.sending(kit.notice(**fired(10)), earlier=thread))
        begun = [message.channel for message in slack.messages if message.thread_ts is None]
        assert begun == [slack.channels[name].id for name in ("growth", "oncall")]

    async def test_what_an_earlier_version_remembered_is_edited_and_never_goes_on(self, slack, notifier):
        thread = await notifier.send(kit.sending())
        old = {name: thread[name] for name in ("starts_at", "fired", "channel", "ts")}
        await notifier.send(kit.sending(kit.resolved(), thread=old))
        assert slack.messages[0].text.startswith("✅")
        await notifier.send(kit.sending(kit.notice(**fired(10)), earlier=old))
        assert [m.thread_ts for m in slack.messages] == [None, slack.messages[0].ts, None]


class TestButtons:
    async def test_they_follow_the_alert(self, slack, notifier):
        thread = await notifier.send(kit.sending(chart=kit.PNG))
        (message,) = slack.messages
        assert buttons(message) == ["acknowledge", "silence", "why"]
        taken = kit.notice(reason=Reason.UPDATED, acknowledged_by="ann", details=())
        thread = await notifier.send(kit.sending(taken, thread=thread))
        assert buttons(message) == ["silence", "why"]
        assert "Taken by ann" in words(message)
        asked = Proposal("id", "cool", "Set the den to 22 °C", None)
        proposed = kit.notice(reason=Reason.UPDATED, proposals=(asked,))
        thread = await notifier.send(kit.sending(proposed, thread=thread))
        assert buttons(message) == ["approve", "reject", "acknowledge", "silence", "why"]
        await notifier.send(kit.sending(kit.resolved(proposals=(asked,)), thread=thread))
        assert buttons(message) == []

    async def test_there_are_none_where_clicks_are_not_heard(self, slack, services):
        deaf = made(slack, services, clicks=False)
        foreign = made(slack, services, token=TOKEN)
        hook = SlackNotifier(
            SlackNotifier.Config.model_validate({"type": "slack", "url": slack.webhook_url}),
            dataclasses.replace(services, slack_clicks=True),
        )
        for one in (deaf, foreign, hook):
            await one.send(kit.sending())
            assert "no buttons" in one.way
        assert made(slack, services).way == "with a bot token: edits, buttons and charts"
        assert [buttons(message) for message in slack.messages] == [[], [], []]

    async def test_answers_have_none(self, slack, notifier):
        asked = (Proposal("id", "cool", "", None),)
        thread = await notifier.send(kit.sending(kit.notice(proposals=asked)))
        await notifier.send(kit.sending(kit.notice(proposals=asked, reason=Reason.REMINDER), thread=thread))
        assert buttons(slack.messages[1]) == []
        assert "Proposed" not in words(slack.messages[1])


async def test_a_message_names_its_sending_and_links_to_the_page(slack, notifier):
    sending = kit.sending(kit.notice(external_url="https://setpoint.example.com/x|y"))
    await notifier.send(sending)
    (message,) = slack.messages
    assert message.metadata["event_payload"]["key"] == sending.key
    assert "<https://setpoint.example.com/x%7Cy/#alerts|Open>" in words(message)


async def test_so_do_answers_and_what_stands_beside(slack, notifier):
    thread = await notifier.send(kit.sending())
    await notifier.send(kit.sending(kit.notice(reason=Reason.ESCALATED), thread=thread, key="k2"))
    failed = kit.notice(reason=Reason.UNDELIVERABLE)
    await notifier.send(kit.sending(failed, thread=thread, key="k3"))
    await notifier.send(kit.sending(failed, key="k4"))
    assert [message.metadata["event_payload"]["key"] for message in slack.messages[1:]] == ["k2", "k3", "k4"]


class TestOneThatWasLeft:
    """Slack was away for hours: the end of a firing was not told, and the next one has a message of its own."""

    async def test_it_says_which_message_took_its_place(self, slack, notifier):
        kept = []

        async def keep(reference):
            kept.append(reference)

        first = await notifier.send(kit.sending())
        thread = await notifier.send(kit.sending(kit.notice(**fired(120)), earlier=first, keep=keep))
        left, living = slack.messages
        assert left.text.startswith("This message was replaced by <http://")
        assert "*When it fired*\nUnique visitors behind: 6,214 of 10,000" in words(left)
        assert living.ts.replace(".", "") in words(left)
        assert buttons(left) == []
        assert buttons(living)
        assert kept[-1]["ts"] == thread["ts"] == living.ts  # before anything else is done
        assert "left" not in thread

    async def test_one_that_said_its_end_stays(self, slack, notifier):
        thread = await notifier.send(kit.sending())
        thread = await notifier.send(kit.sending(kit.resolved(), thread=thread))
        await notifier.send(kit.sending(kit.notice(**fired(120)), earlier=thread))
        assert slack.messages[0].text.startswith("✅ Resolved")
        assert len(slack.messages[0].history) == 1

    async def test_what_slack_does_not_take_is_tried_with_the_next_sending(self, slack, notifier):
        thread = await notifier.send(kit.sending())
        slack.failures = {method: Failure(status=503) for method in ("chat.update", "chat.getPermalink")}
        with capture_logs() as logs:
            thread = await notifier.send(kit.sending(kit.notice(**fired(120)), earlier=thread))
        assert [line["event"] for line in logs] == ["message left"]
        assert slack.messages[0].history == []
        slack.failures = {"chat.getPermalink": Failure(error="message_not_found")}
        thread = await notifier.send(kit.sending(kit.resolved(**fired(120)), thread=thread))
        assert slack.messages[0].text.startswith("This message was replaced by a newer one")
        assert "left" not in thread

    @pytest.mark.parametrize("code", ["message_not_found", "edit_window_closed"])
    async def test_one_that_is_gone_is_forgotten(self, slack, notifier, code):
        thread = await notifier.send(kit.sending())
        slack.failures["chat.update"] = Failure(error=code)
        assert "left" not in await notifier.send(kit.sending(kit.notice(**fired(120)), earlier=thread))


async def test_how_it_fired_stays_although_it_is_heard_of_later(slack, notifier):
    began = AsFired("Unique visitors behind: 5 of 10,000", {"value": 5.0})
    thread = await notifier.send(kit.sending(kit.notice(fired=began)))
    await notifier.send(kit.sending(kit.resolved(), thread=thread))
    assert "*When it fired*\nUnique visitors behind: 5 of 10,000" in words(slack.messages[0])


async def test_the_chart_stays_through_edits_until_another_takes_its_place(slack, notifier):
    def chart():
        return [block["slack_file"]["id"] for block in slack.messages[0].blocks if block["type"] == "image"]

    thread = await notifier.send(kit.sending(chart=kit.PNG))
    first = chart()
    updated = kit.notice(reason=Reason.UPDATED)
    thread = await notifier.send(kit.sending(updated, thread=thread, chart=kit.PNG))  # it was acknowledged, say
    thread = await notifier.send(kit.sending(kit.notice(**fired(10)), earlier=thread))
    assert chart() == first
    assert len(slack.files) == 1
    thread = await notifier.send(kit.sending(kit.resolved(), thread=thread, chart=kit.PNG))
    assert chart() == [thread["file"]] != first
    assert slack.messages[0].blocks[-2]["alt_text"].startswith("Chart: ✅ Resolved")


@pytest.mark.parametrize("reason", [Reason.FIRING, Reason.ESCALATED])
async def test_a_process_that_ends_during_the_upload_posts_nothing_twice(slack, notifier, reason):
    class Ended(Exception):
        pass

    async def keep(reference):
        kept.append(reference)
        raise Ended

    kept: list[dict[str, Any]] = []
    thread = None if reason is Reason.FIRING else await notifier.send(kit.sending())
    begun = kit.sending(kit.notice(reason=reason), thread=thread, chart=kit.PNG, keep=keep)
    with pytest.raises(Ended):
        await notifier.send(begun)
    posted = len(slack.messages)
    assert not slack.files
    thread = await notifier.send(kit.sending(kit.notice(reason=reason), thread=kept[-1], chart=kit.PNG))
    assert (len(slack.messages), len(slack.files)) == (posted, 1)
    assert thread["file"] in words(slack.messages[0])


async def test_a_chart_that_hangs_does_not_hold_the_message_back(slack, services, monkeypatch):
    monkeypatch.setattr("connectors.notifiers.slack._CHART_BY", 0.05)
    async with kit.silent() as port:
        monkeypatch.setattr(slack, "port", port)  # where charts are uploaded to
        api = slack.api_url.replace(str(port), str(slack._runner.addresses[0][1]))
        there = dataclasses.replace(services, slack_bot_token=TOKEN, slack_api_url=api)
        config = SlackNotifier.Config.model_validate({"type": "slack", "channel": "#growth"})
        with capture_logs() as logs:
            thread = await SlackNotifier(config, there).send(kit.sending(chart=kit.PNG))
    assert [line["error"] for line in logs] == ["not there in time"]
    assert thread["ts"] == slack.messages[0].ts
    assert "file" not in thread
