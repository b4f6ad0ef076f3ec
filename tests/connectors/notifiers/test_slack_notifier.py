from __future__ import annotations

import dataclasses
import itertools
import logging
import re
from dataclasses import replace

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from agent.demo.slack import TOKEN, SlackServer
from agent.demo.slack_parts import Failure
from connectors.base import BadAnswer, Misconfigured, Refused, Services, TimedOut, Unreachable
from connectors.facts import facts
from connectors.http import HttpClient
from connectors.notifiers.slack import SlackNotifier
from rules.model import DAY, MINUTE, SECOND, AsFired, Reason
from tests.connectors.notifiers import kit

SECRETS = (TOKEN, "DemoWebhookSecret01")


@pytest.fixture
async def slack():
    async with SlackServer(channels=["growth", "oncall"], now=lambda: kit.NOW) as server:
        yield server


@pytest.fixture
def notifier(slack, services):
    return connected(slack, services)


class Clock:
    """Time that passes only while somebody waits; in seconds."""

    def __init__(self):
        self.time = 0.0

    async def sleep(self, seconds):
        self.time += seconds


def connected(slack, services, **keys):
    config = SlackNotifier.Config.model_validate({"type": "slack", "channel": "#growth", **keys})
    return SlackNotifier(config, dataclasses.replace(services, slack_bot_token=TOKEN, slack_api_url=slack.api_url))


def hook(url, services, **keys):
    config = SlackNotifier.Config.model_validate({"type": "slack", "url": url, **keys})
    return SlackNotifier(config, services)


def words(message):
    """Every text of a message, as one."""
    return " ".join([message.text, *_texts(message.blocks)])


def _texts(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from [inner] if key in {"text", "alt_text"} and isinstance(inner, str) else _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def images(message):
    return [block["slack_file"]["id"] for block in message.blocks if block["type"] == "image"]


async def test_one_message_is_posted_then_edited_and_keeps_what_fired(slack, notifier):
    thread = await notifier.send(kit.sending())
    (message,) = slack.messages
    assert (thread["channel"], thread["ts"]) == (slack.channels["growth"].id, message.ts)
    for _, text in facts(kit.notice()):
        assert text in words(message)
    assert "<https://wiki.example.com/behind?a=1&amp;b=2|Runbook>" in words(message)
    assert message.text.startswith("🟠 Unique visitors behind: 6,214 of 10,000")

    updated = kit.notice(reason=Reason.UPDATED, details=("Taken by Bob",))
    thread = await notifier.send(kit.sending(updated, thread=thread))
    assert "Taken by Bob" in words(message)
    thread = await notifier.send(kit.sending(kit.resolved(), thread=thread))
    assert [one.thread_ts for one in slack.messages] == [None, message.ts]
    assert len(message.history) == 2
    said = words(message)
    assert message.text.startswith("✅ Resolved: Unique visitors back, on track: 7,400 of 10,000")
    assert "2h 5m" in said
    assert "*When it fired*" in said
    assert "Value: 6,214" in said
    assert "Required rate: 412 a day" in said


async def test_a_new_firing_is_a_new_message_although_the_old_one_is_known(slack, notifier):
    thread = await notifier.send(kit.sending())
    thread = await notifier.send(kit.sending(kit.resolved(), thread=thread))
    again = kit.notice(starts_at=kit.NOW + DAY, at=kit.NOW + DAY)
    second = await notifier.send(kit.sending(again, thread=thread))
    assert len([message for message in slack.messages if not message.thread_ts]) == 2
    assert second["ts"] != thread["ts"]
    assert len(slack.messages[0].history) == 1


async def test_a_repeated_sending_of_the_same_firing_edits(slack, notifier):
    thread = await notifier.send(kit.sending())
    assert await notifier.send(kit.sending(thread=thread, attempt=2)) == thread
    assert len(slack.messages) == 1


async def test_a_deleted_message_is_posted_anew(slack, notifier):
    thread = await notifier.send(kit.sending())
    slack.messages.clear()
    thread = await notifier.send(kit.sending(kit.resolved(), thread=thread))
    (message,) = slack.messages
    assert thread["ts"] == message.ts
    assert "Value: 6,214" in words(message)


async def test_an_escalation_answers_in_the_thread_and_shows_in_the_channel(slack, notifier):
    thread = await notifier.send(kit.sending())
    escalated = kit.notice(reason=Reason.ESCALATED, details=("set-thermostat failed 3 times",))
    assert (await notifier.send(kit.sending(escalated, thread=thread)))["ts"] == thread["ts"]
    first, answer = slack.messages
    assert answer.thread_ts == first.ts
    assert answer.reply_broadcast
    assert "Escalated" in words(answer)
    assert "set-thermostat failed 3 times" in words(answer)
    assert first.text.startswith("🟠 Escalated")
    slack.messages.clear()
    renewed = await notifier.send(kit.sending(escalated, thread=thread))
    assert slack.messages[0].thread_ts is None
    assert renewed["ts"] == slack.messages[0].ts


async def test_an_escalation_to_a_channel_that_did_not_hear_before_is_posted(slack, services):
    await connected(slack, services, channel="oncall").send(kit.sending(kit.notice(reason=Reason.ESCALATED)))
    (message,) = slack.messages
    assert message.channel == slack.channels["oncall"].id
    assert message.thread_ts is None


async def test_an_escalation_where_only_an_earlier_firing_was_heard_of_is_posted(slack, notifier):
    thread = await notifier.send(kit.sending())
    later = kit.notice(reason=Reason.ESCALATED, starts_at=kit.NOW + DAY, at=kit.NOW + DAY)
    assert (await notifier.send(kit.sending(later, thread=thread)))["ts"] != thread["ts"]
    assert [message.thread_ts for message in slack.messages] == [None, None]


async def test_a_graver_severity_is_shown_in_the_message_and_said_in_its_thread(slack, notifier):
    thread = await notifier.send(kit.sending())
    raised = kit.notice(reason=Reason.RAISED, severity="critical", details=("Now critical, was warning",))
    assert (await notifier.send(kit.sending(raised, thread=thread)))["ts"] == thread["ts"]
    first, answer = slack.messages
    assert first.text.startswith("🔴 Now critical: Unique visitors behind")
    assert (answer.thread_ts, answer.reply_broadcast) == (first.ts, True)
    slack.messages.clear()
    await notifier.send(kit.sending(raised, thread=thread))
    assert [message.thread_ts for message in slack.messages] == [None]


async def test_an_alert_that_flaps_is_said_where_it_fired_or_anew(slack, notifier):
    thread = await notifier.send(kit.sending())
    flaps = kit.notice(reason=Reason.FLAPPING, details=("Changed 9 times in the last 21 readings",))
    await notifier.send(kit.sending(flaps, thread=thread))
    (message,) = slack.messages
    assert message.text.startswith("🟠 Flapping: Unique visitors behind")
    assert "Changed 9 times in the last 21 readings" in words(message)
    await notifier.send(kit.sending(kit.notice(reason=Reason.SETTLED), thread=thread))
    assert message.text.startswith("🟠 Settled: Unique visitors behind")
    later = kit.notice(reason=Reason.FLAPPING, starts_at=kit.NOW + DAY, at=kit.NOW + DAY)
    await notifier.send(kit.sending(later, thread=thread))
    assert len(slack.messages) == 2


async def test_the_chart_is_shown_in_the_message_and_stays_there(slack, notifier):
    thread = await notifier.send(kit.sending(chart=kit.PNG))
    (message,) = slack.messages
    (file,) = slack.files.values()
    assert (file.content, file.complete, file.shared) == (kit.PNG, True, [])
    assert "Unique visitors behind" in file.alt_text
    assert images(message) == [file.id] == [thread["file"]]
    await notifier.send(kit.sending(kit.notice(reason=Reason.UPDATED), thread=thread))
    assert images(message) == [file.id]
    thread = await notifier.send(kit.sending(kit.resolved(), thread=thread, chart=kit.PNG))
    assert images(message) == [thread["file"]] != [file.id]


async def test_a_chart_slack_is_not_ready_to_show_goes_to_the_thread(slack, notifier):
    slack.files_ready = False
    thread = await notifier.send(kit.sending(chart=kit.PNG))
    message, shared = slack.messages
    assert images(message) == []
    assert shared.thread_ts == message.ts
    assert slack.files[shared.files[0]].content == kit.PNG
    assert "file" not in thread


class TestTakingIn:
    """Slack says that a file is complete, and shows it some time later."""

    @pytest.fixture
    async def clock(self):
        return Clock()

    @pytest.fixture
    async def slack(self, clock):
        async with SlackServer(channels=["growth"], now=lambda: kit.NOW + round(clock.time * SECOND)) as server:
            yield server

    @pytest.fixture
    async def services(self, clock):
        http = HttpClient(now=lambda: kit.NOW, monotonic=itertools.count(step=10.0).__next__, sleep=clock.sleep)
        yield Services(http=http, now=lambda: kit.NOW)
        await http.close()

    @pytest.mark.parametrize("seconds", [0.3, 1, 2, 5])
    async def test_the_message_waits_for_its_chart(self, slack, notifier, clock, seconds):
        slack.files_take = seconds
        thread = await notifier.send(kit.sending(chart=kit.PNG))
        (message,) = slack.messages
        (file,) = slack.files
        assert images(message) == [file] == [thread["file"]]
        assert seconds <= clock.time <= seconds + 4

    async def test_one_that_takes_too_long_goes_into_the_thread_once(self, slack, notifier, clock):
        slack.files_take = 3_600
        thread = await notifier.send(kit.sending(chart=kit.PNG))
        message, shared = slack.messages
        assert (images(message), shared.thread_ts) == ([], message.ts)
        assert clock.time <= 10
        uploaded = len(slack.files)
        for number in range(5):
            edit = kit.notice(reason=Reason.UPDATED, details=(f"edit {number}",))
            thread = await notifier.send(kit.sending(edit, thread=thread, chart=kit.PNG))
        assert len(slack.files) == uploaded
        thread = await notifier.send(kit.sending(kit.notice(reason=Reason.REMINDER), thread=thread, chart=kit.PNG))
        thread = await notifier.send(kit.sending(kit.resolved(), thread=thread, chart=kit.PNG))
        assert [one.files and one.thread_ts for one in slack.messages if one.files] == [message.ts] * 2  # both states

    async def test_a_file_shared_with_a_thread_has_no_alternative_text(self, slack, notifier):
        slack.files_take = 3_600
        await notifier.send(kit.sending(chart=kit.PNG))
        assert [file.alt_text == "" for file in slack.files.values()] == [False, True]
        assert len(slack.messages) == 2

    async def test_the_time_of_the_sending_bounds_it(self, slack, notifier, clock, monkeypatch):
        monkeypatch.setattr("connectors.notifiers.slack._CHART_BY", 3.5)
        slack.files_take = 3_600
        await notifier.send(kit.sending(chart=kit.PNG))
        assert clock.time == 0
        assert len(slack.messages) == 2


async def test_a_chart_deleted_at_slack_does_not_hold_up_the_resolve(slack, notifier):
    thread = await notifier.send(kit.sending(chart=kit.PNG))
    slack.files.clear()
    await notifier.send(kit.sending(kit.resolved(), thread=thread))
    assert slack.messages[0].text.startswith("✅")
    assert images(slack.messages[0]) == []


@pytest.mark.parametrize(
    ("method", "failure"),
    [
        ("files.getUploadURLExternal", Failure(error="missing_scope")),
        ("files.getUploadURLExternal", Failure(status=429, retry_after=30)),
        ("upload", Failure(status=500)),
        ("files.completeUploadExternal", Failure(status=503)),
        ("chat.update", Failure(status=500)),
    ],
)
async def test_a_failed_chart_never_loses_the_message(slack, notifier, method, failure):
    slack.failures[method] = failure
    with capture_logs() as logs:
        thread = await notifier.send(kit.sending(chart=kit.PNG))
    assert thread["ts"] == slack.messages[0].ts
    assert len(slack.messages) == 1
    (line,) = logs
    assert line["event"] == "chart not attached"
    assert TOKEN not in str(line)


class Once(dict[str, Failure]):
    """Failures of one call each."""

    def get(self, method: str, _: object = None) -> Failure | None:
        return self.pop(method, None)


@pytest.mark.parametrize("method", ["files.getUploadURLExternal", "files.completeUploadExternal", "chat.update"])
async def test_one_call_too_many_does_not_cost_the_chart(slack, notifier, method):
    slack.failures = Once({method: Failure(status=429, retry_after=1)})
    thread = await notifier.send(kit.sending(chart=kit.PNG))
    assert thread["file"] in str(slack.messages[0].blocks)
    assert len(slack.messages) == 1


ERRORS = [
    # failure, permanent, what the message says
    (Failure(error="channel_not_found"), True, "/invite"),
    (Failure(error="not_in_channel"), True, "/invite"),
    (Failure(error="is_archived"), True, "archived"),
    (Failure(error="invalid_auth"), False, "SETPOINT_SLACK_BOT_TOKEN"),
    (Failure(error="not_authed"), False, "SETPOINT_SLACK_BOT_TOKEN"),
    (Failure(error="token_revoked"), False, "install the app again"),
    (Failure(error="account_inactive"), False, "install it again"),
    (Failure(error="missing_scope"), False, "chat:write"),
    (Failure(error="restricted_action"), True, "workspace"),
    (Failure(error="an_error_of_tomorrow"), True, "an_error_of_tomorrow"),
    (Failure(error="ratelimited"), False, "ratelimited"),
    (Failure(error="internal_error"), False, "internal_error"),
    (Failure(error="fatal_error"), False, "fatal_error"),
    (Failure(error="service_unavailable"), False, "service_unavailable"),
    (Failure(error="request_timeout"), False, "request_timeout"),
    *[(Failure(status=status), permanent, str(status)) for status, permanent in kit.HTTP_STATUSES if status != 429],
]


@pytest.mark.parametrize(("failure", "permanent", "said"), ERRORS, ids=lambda value: str(value)[:50])
async def test_errors_say_whether_to_try_again_and_what_to_do(slack, notifier, failure, permanent, said):
    slack.failures["*"] = failure
    error = await kit.refusal(notifier, kit.sending(), SECRETS)
    assert isinstance(error, Refused)
    assert error.permanent is permanent
    assert said in str(error)
    assert slack.messages == []


async def test_the_scope_that_slack_says_is_the_one_to_add(slack, notifier):
    slack.scopes.discard("files:write")
    with capture_logs() as logs:
        await notifier.send(kit.sending(chart=kit.PNG))
    said = "Slack refused: missing_scope: add the scope files:write to the app, then install it again"
    assert [line["error"] for line in logs] == [said]


async def test_a_rate_limit_says_when(slack, notifier):
    slack.failures["chat.postMessage"] = Failure(status=429, retry_after=31)
    error = await kit.refusal(notifier, kit.sending(), SECRETS)
    assert (error.permanent, error.retry_after) == (False, 31)


async def test_what_the_server_checks_by_itself_is_told_the_same(slack, services):
    for token, state in {"xoxb-unknown": None, "xoxb-gone": "token_revoked", "xoxb-off": "account_inactive"}.items():
        if state:
            slack.tokens[token] = state
        error = await kit.refusal(connected(slack, services, token=token), kit.sending(), (token,))
        assert (error.permanent, error.until_mended) == (False, True)
        assert (state or "invalid_auth") in str(error)
    assert "channel_not_found" in str(await kit.refusal(connected(slack, services, channel="#none"), kit.sending()))
    slack.channels["oncall"].member = False
    assert "not_in_channel" in str(await kit.refusal(connected(slack, services, channel="#oncall"), kit.sending()))
    slack.scopes.clear()
    error = await kit.refusal(connected(slack, services), kit.sending())
    assert "missing_scope: add the scope chat:write" in str(error)


async def test_timeout_and_refused_connection_are_transient(slack, services):
    async with kit.silent() as port:
        there = dataclasses.replace(services, slack_bot_token=TOKEN, slack_api_url=f"http://127.0.0.1:{port}/api/")
        config = SlackNotifier.Config.model_validate({"type": "slack", "channel": "#growth", "timeout": "50ms"})
        error = await kit.refusal(SlackNotifier(config, there), kit.sending(), SECRETS)
    assert isinstance(error, TimedOut)
    assert not error.permanent
    there = dataclasses.replace(there, slack_api_url=f"http://127.0.0.1:{kit.closed_port()}/api/")
    error = await kit.refusal(SlackNotifier(config, there), kit.sending(), SECRETS)
    assert isinstance(error, Unreachable)
    assert not error.permanent


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "text/html"])
async def test_an_answer_that_is_no_api_is_an_error_to_try_again(services, kind):
    async with kit.sink(headers={"Content-Type": kind}) as sink:
        there = dataclasses.replace(services, slack_bot_token=TOKEN, slack_api_url=sink.url)
        config = SlackNotifier.Config.model_validate({"type": "slack", "channel": "#growth"})
        error = await kit.refusal(SlackNotifier(config, there), kit.sending(), SECRETS)
    assert isinstance(error, BadAnswer)
    assert not error.permanent
    assert "is not Slack's API: is SETPOINT_SLACK_API_URL right, or a proxy with a page of its own" in str(error)


async def test_without_a_token_it_says_what_to_set(slack, services):
    bare = SlackNotifier(SlackNotifier.Config.model_validate({"type": "slack", "channel": "#x"}), services)
    error = await kit.refusal(bare, kit.sending())
    assert isinstance(error, Misconfigured)
    assert (error.permanent, error.until_mended) == (False, True)
    assert "SETPOINT_SLACK_BOT_TOKEN" in str(error)


@pytest.mark.parametrize("of", kit.ALL_REASONS, ids=lambda n: n.reason)
async def test_every_reason_is_said(slack, notifier, of):
    await notifier.send(kit.sending(of))
    assert of.headline in words(slack.messages[0])


async def test_nothing_from_outside_mentions_links_or_breaks_limits(slack, notifier):
    long = kit.HOSTILE * 300
    await notifier.send(
        kit.sending(
            kit.notice(
                headline=long,
                title=long,
                alert=long,
                unit=long,
                severity=long,
                labels={f"l{n}": long for n in range(40)},
                annotations={"summary": long, "runbook_url": "https://x/" + "y" * 5_000, long: long},
                details=(long,) * 20,
            )
        )
    )
    (message,) = slack.messages
    assert not re.search(r"<[!@#]", words_of_mrkdwn(message))
    assert "<https" not in words_of_mrkdwn(message)
    for block in message.blocks:
        for text in [block.get("text"), *block.get("fields", []), *block.get("elements", [])]:
            assert text is None or text["type"] == "plain_text" or text["verbatim"] is True


def words_of_mrkdwn(message):
    def inside(value):
        if isinstance(value, dict):
            if value.get("type") == "mrkdwn":
                yield value["text"]
            for inner in value.values():
                yield from inside(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from inside(inner)

    return " ".join([message.text, *inside(message.blocks)])


async def test_a_link_can_not_be_left_early(slack, notifier):
    await notifier.send(kit.sending(kit.notice(annotations={"runbook_url": "https://x/a|b><!channel>&c"})))
    assert "<https://x/a%7Cb&gt;&lt;!channel&gt;&amp;c|Runbook>" in words(slack.messages[0])


async def test_nothing_secret_is_logged_even_at_debug_level(slack, notifier, services, caplog):
    caplog.set_level(logging.DEBUG)
    await notifier.send(kit.sending(chart=kit.PNG))
    await hook(slack.webhook_url, services).send(kit.sending())
    for secret in SECRETS:
        assert secret not in caplog.text


async def test_a_hook_posts_firing_and_resolve_and_leaves_updates_out(slack, services):
    notifier = hook(slack.webhook_url, services)
    assert not notifier.wants_chart
    thread = await notifier.send(kit.sending())
    assert await notifier.send(kit.sending(kit.notice(reason=Reason.UPDATED), thread=thread)) == thread
    await notifier.send(kit.sending(kit.resolved(), thread=thread))
    fired, back = slack.messages
    assert fired.by_hook
    assert "6,214 of 10,000" in words(fired)
    assert "*When it fired*" in words(back)
    assert "Value: 6,214" in words(back)


@pytest.mark.parametrize(("status", "permanent"), kit.HTTP_STATUSES)
async def test_the_status_of_a_hook_says_whether_to_try_again(services, status, permanent):
    async with kit.sink(status=status, echo=True) as sink:
        error = await kit.refusal(
            hook(f"{sink.url}/services/T1/B1/DemoWebhookSecret01", services), kit.sending(), SECRETS
        )
    assert error.permanent is permanent


async def test_a_hook_that_was_removed_is_permanent(slack, services):
    error = await kit.refusal(hook(slack.webhook_url + "x", services), kit.sending(), SECRETS)
    assert error.permanent
    assert "no_service" in str(error)
    slack.channels["growth"].archived = True
    assert (await kit.refusal(hook(slack.webhook_url, services), kit.sending(), SECRETS)).permanent


async def test_what_a_hook_remembers_does_not_confuse_a_channel(slack, services, notifier):
    thread = await hook(slack.webhook_url, services).send(kit.sending())
    await notifier.send(kit.sending(kit.resolved(), thread=thread))
    assert [m.by_hook for m in slack.messages] == [True, False]


@pytest.mark.parametrize(
    "keys",
    [{}, {"channel": "#x", "url": "https://hooks.slack.com/x"}, {"url": "hooks"}, {"url": "https://x", "token": "t"}],
)
def test_configuration_names_one_way(keys):
    with pytest.raises(ValidationError):
        SlackNotifier.Config.model_validate({"type": "slack", **keys})


class TestSlack:
    async def test_the_numbers_of_a_firing_that_was_not_said_stay_too(self, slack, notifier):
        thread = await notifier.send(kit.sending())
        thread = await notifier.send(kit.sending(kit.resolved(), thread=thread))
        later = {"starts_at": kit.NOW + SECOND, "at": kit.NOW + MINUTE, "unsaid": 1, "unsaid_since": kit.NOW + SECOND}
        over = kit.resolved(**later, fired=AsFired("It was too hot", {"value": 4711.0}))
        await notifier.send(kit.sending(over, thread=thread))
        assert "When it fired*\nIt was too hot\nValue: 4,711" in words(slack.messages[0])

    async def test_another_alert_of_the_group_edits_its_message_and_is_seen_in_the_channel(self, slack, notifier):
        thread = await notifier.send(kit.sending(kit.several(1, 0, alerts=(kit.alert(0),))))
        assert (await notifier.send(kit.sending(kit.several(2, 0), thread=thread)))["ts"] == thread["ts"]
        first, answer = slack.messages
        assert (answer.thread_ts, answer.reply_broadcast) == (first.ts, True)
        assert "room-1" in words(first)

    async def test_what_joins_is_said_alone(self, slack, notifier):
        thread = await notifier.send(kit.sending(kit.several(60, 0)))
        new = replace(kit.alert(60), fresh=True)
        joined = kit.several(61, 0, alerts=(new, *(kit.alert(n) for n in range(60))))
        await notifier.send(kit.sending(joined, thread=thread))
        first, answer = slack.messages
        assert set(re.findall(r"room-\d+", words(answer))) == {"room-60"}
        assert "One more: 61 alerts fire now" in words(answer)
        assert answer.text.startswith("🟠 New: Room (room-60)")
        assert words(first).index("room-60") < words(first).index("room-0")

    async def test_what_was_muted_till_now_is_not_called_new(self, slack, notifier):
        thread = await notifier.send(kit.sending(kit.several(3, 0)))
        known = (kit.alert(0), replace(kit.alert(1), again=True), kit.alert(2))
        await notifier.send(kit.sending(kit.several(3, 0, alerts=known), thread=thread))
        answer = slack.messages[-1]
        assert set(re.findall(r"room-\d+", words(answer))) == {"room-1"}
        assert "One no longer muted: 3 alerts fire now" in words(answer)
        assert answer.text.startswith("🟠 No longer muted: Room (room-1)")

    @pytest.mark.parametrize("joins", [False, True])
    async def test_what_fired_and_ended_unsaid_is_named_in_the_thread(self, slack, notifier, joins):
        thread = await notifier.send(kit.sending(kit.several(60, 0)))
        missed = replace(kit.alert(60, "resolved"), fresh=True)
        firing = [*([replace(kit.alert(61), fresh=True)] if joins else []), *(kit.alert(n) for n in range(1, 60))]
        alerts = (*firing, missed, kit.alert(0, "resolved"))
        reason = Reason.FIRING if joins else Reason.RESOLVED
        for _ in range(2):  # the second time it was answered already
            now = kit.several(len(firing), 2, alerts=alerts, reason=reason)
            thread = await notifier.send(kit.sending(now, thread=thread))
        first, answer = slack.messages
        assert set(re.findall(r"room-\d+", words(answer))) == {"room-60"} | ({"room-61"} if joins else set())
        assert "Fired and ended before it could be said" in words(answer)
        assert (answer.thread_ts, answer.reply_broadcast) == (first.ts, joins)
        assert answer.text.startswith("🟠 New: Room (room-61)") == joins

    async def test_a_reminder_is_seen_too(self, slack, notifier):
        thread = await notifier.send(kit.sending())
        await notifier.send(kit.sending(kit.notice(reason=Reason.REMINDER), thread=thread))
        first, answer = slack.messages
        assert (answer.thread_ts, answer.reply_broadcast) == (first.ts, True)
        assert "Still firing" in words(answer)

    async def test_a_partial_resolve_only_edits(self, slack, notifier):
        thread = await notifier.send(kit.sending(kit.several(2, 0)))
        await notifier.send(kit.sending(kit.several(1, 1, reason=Reason.RESOLVED), thread=thread))
        (only,) = slack.messages
        assert "1 firing, 1 resolved" in words(only)

    async def test_the_next_episode_is_a_new_message(self, slack, notifier):
        thread = await notifier.send(kit.sending(kit.several(2, 0)))
        later = kit.several(2, 0, group_since=kit.NOW + DAY, at=kit.NOW + DAY)
        second = await notifier.send(kit.sending(later, thread=thread))
        assert second["ts"] != thread["ts"]
        assert [message.thread_ts for message in slack.messages] == [None, None]
