"""Every notifier says why, in the same lines, and nothing in them acts."""

import pytest

from connectors.mail_message import html_of, text_of
from connectors.notifiers.console import layout
from connectors.payload import payload
from connectors.slack_message import message
from tests.connectors.notifiers import kit

WHY = (
    'Read visitors{site="<www>"} = 6,214, 3m old',
    "Found value 6,214 >= 10,000 does not hold",
    "If nothing else comes in: behind fires at 18:53\x1b[2J",
)


@pytest.fixture
def notice():
    return kit.notice(why=WHY)


def test_console_and_mail(notice):
    for said in (layout(notice), text_of(notice)):
        assert 'Read visitors{site="<www>"} = 6,214, 3m old' in said
        assert "\x1b[2J" not in said
    assert "Why\n- Read visitors" in text_of(notice)
    assert "Read visitors{site=&#34;&lt;www&gt;&#34;} = 6,214, 3m old" in html_of(notice)


def test_webhook(notice):
    assert payload(notice)["why"] == list(WHY)


def test_slack(notice):
    (block,) = [one for one in message(notice)["blocks"] if "Read visitors" in str(one)]
    assert block["type"] == "context"
    assert block["elements"][0]["text"].startswith('Read visitors{site="&lt;www&gt;"} = 6,214, 3m old\nFound ')
    assert block["elements"][0]["verbatim"] is True


def test_without_reasons_nothing_is_said():
    bare = kit.notice()
    assert payload(bare)["why"] == []
    assert "Why" not in text_of(bare) + html_of(bare)
