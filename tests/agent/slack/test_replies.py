"""Answers stay within Slack's limits whatever they say, and nothing in them acts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.demo.slack_blocks import MAX_TOTAL, problems, total_text
from agent.slack.replies import Button, Reply, cut, lines

TEXTS = st.lists(st.text(max_size=2_000), max_size=80)


@given(TEXTS, st.text(max_size=500))
def test_every_answer_can_be_shown(texts, title):
    buttons = [Button("unsilence", str(number), f"End {number}") for number in range(len(texts))]
    reply = Reply(texts, title=title, buttons=buttons)
    message = reply.message()
    assert [one for one in problems(message["blocks"], lambda _: True) if "must be" in one or "no more" in one] == []
    assert total_text(message["blocks"]) <= MAX_TOTAL
    assert len(message["text"]) <= 3_000


def test_what_is_cut_is_counted():
    reply = Reply(["x" * 500] * 100)
    assert "more lines" in reply.blocks()[-1]["text"]["text"]
    assert cut("abcde", 3) == ["a", "b", "c", "and 2 more"]
    assert cut("abc", 3) == ["a", "b", "c"]


def test_nothing_from_outside_acts():
    (block,) = lines("<!channel> <https://evil.example|click> & <@U1>").blocks()
    assert block["text"]["text"] == "&lt;!channel&gt; &lt;https://evil.example|click&gt; &amp; &lt;@U1&gt;"
    assert block["text"]["verbatim"] is True


def test_who_sees_it():
    assert lines("a").answer()["response_type"] == "ephemeral"
    assert lines("a").answer()["replace_original"] is False
    assert "replace_original" not in lines("a").direct()
    assert lines("a", public=True).answer()["response_type"] == "in_channel"
    assert Reply(["a"], replaces=True).answer()["replace_original"] is True


def test_a_picture_and_buttons():
    reply = Reply(["a"], title="The chart", picture="F0DEMO00001", buttons=[Button("unsilence", "ab12", "End it")])
    section, image, actions = reply.blocks()
    assert section["text"]["text"] == "*The chart*\na"
    assert (image["slack_file"], image["alt_text"]) == ({"id": "F0DEMO00001"}, "The chart")
    assert actions["elements"][0]["action_id"] == "unsilence:ab12"
    assert actions["elements"][0]["value"] == "ab12"
