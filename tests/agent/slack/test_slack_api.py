"""Response URLs: only Slack's, and never shown."""

from __future__ import annotations

import pytest

from agent.slack.api import Api, may_respond
from connectors.base import ConnectorError, Misconfigured
from connectors.http import HttpClient

SLACK = "https://slack.com/api/"
LOCAL = "http://127.0.0.1:9000/api/"


@pytest.mark.parametrize(
    ("url", "api", "good"),
    [
        ("https://hooks.slack.com/commands/T1/2/x", SLACK, True),
        ("https://hooks.slack.com/actions/T1/2/x", SLACK, True),
        ("https://slack.com/x", SLACK, True),
        ("https://hooks.slack-gov.com/x", "https://slack-gov.com/api/", True),
        ("http://hooks.slack.com/commands/T1", SLACK, False),
        ("https://hooks.slack.com:8443/x", SLACK, False),
        ("https://hooks.slack.com.evil.example/x", SLACK, False),
        ("https://evilslack.com/x", SLACK, False),
        ("https://ann:pw@hooks.slack.com/x", SLACK, False),
        ("https://evil.example/slack.com", SLACK, False),
        ("http://127.0.0.1:9000/x", SLACK, False),
        ("http://169.254.169.254/latest/meta-data", SLACK, False),
        ("file:///etc/passwd", SLACK, False),
        ("", SLACK, False),
        ("//hooks.slack.com/x", SLACK, False),
        ("https://[half", SLACK, False),
        ("http://127.0.0.1:9000/commands/x", LOCAL, True),
        ("http://localhost:9001/commands/x", LOCAL, True),
        ("http://10.0.0.1:9000/x", LOCAL, False),
        ("http://proxy.example:9000/x", "http://proxy.example:9000/api/", True),
        ("http://proxy.example:9001/x", "http://proxy.example:9000/api/", False),
    ],
)
def test_where_answers_may_go(url, api, good):
    assert may_respond(url, api) is good


async def test_a_refusal_does_not_show_the_address(daemon, slack):
    http = HttpClient(daemon.clock.now)
    api = Api(daemon.settings, http, daemon.clock.now)
    try:
        url = slack.response_url("U0ANN0001", "C0DEMO0001")
        for _ in range(5):
            await api.respond(url, {"text": "x", "response_type": "ephemeral"})
        with pytest.raises(ConnectorError, match="404") as caught:
            await api.respond(url, {"text": "x"})
        assert "demoResponseSecret" not in str(caught.value)
        with pytest.raises(ConnectorError, match="refused: invalid_blocks"):
            await api.respond(slack.response_url("U0ANN0001", "C0DEMO0001"), {"text": ""})
        with pytest.raises(ConnectorError, match="not one of Slack's"):
            await api.respond("https://evil.example/x", {"text": "x"})
    finally:
        await http.close()


async def test_without_a_token_nothing_is_asked(daemon, slack):
    http = HttpClient(daemon.clock.now)
    api = Api(daemon.settings.model_copy(update={"slack_bot_token": ""}), http, daemon.clock.now)
    with pytest.raises(Misconfigured, match="SETPOINT_SLACK_BOT_TOKEN"):
        await api.call("auth_test")
    assert slack.calls == []
    await http.close()
