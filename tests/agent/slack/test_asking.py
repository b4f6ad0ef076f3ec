"""What people type, in the forms in which Slack's clients send it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.slack.asking import cleaned, parse


def said(typed):
    asked = parse(typed)
    return asked.verb, [word.text for word in asked.words]


@pytest.mark.parametrize(
    ("typed", "verb", "words"),
    [
        ("", "", []),
        ("   ", "", []),
        ("status", "status", []),
        ("  STATUS   room ", "status", ["room"]),
        ("status\troom\u00a0x", "status", ["room", "x"]),
        ('status "Unique visitors"', "status", ["Unique visitors"]),
        ("status “Unique visitors”", "status", ["Unique visitors"]),
        ("status ‘Unique visitors’", "status", ["Unique visitors"]),
        ("status `room`", "status", ["room"]),
        ("ack room it's fine, don't worry", "ack", ["room", "it's", "fine,", "don't", "worry"]),
        ("ack room 'tis Ann's turn", "ack", ["room", "'tis", "Ann's", "turn"]),
        ("ack room it’s fine", "ack", ["room", "it's", "fine"]),
        ('ack room "half open', "ack", ["room", '"half', "open"]),
        (r'ack "a \"quoted\" name" x', "ack", ['a "quoted" name', "x"]),
        (r"ack C:\temp", "ack", ["C:\\temp"]),
        ('silence severity="warning" 2h why', "silence", ["severity=warning", "2h", "why"]),
        ("silence severity=“warning” 2h", "silence", ["severity=warning", "2h"]),
        ('silence {severity="warning",team=~"a|b"} 1d', "silence", ["{severity=warning,team=~a|b}", "1d"]),
        ("status a &lt;b&gt; &amp;amp;", "status", ["a", "<b>", "&amp;"]),
        ("ack room ask <@U024BE7LH|ann> in <#C024BE7LR|general>", "ack", ["room", "ask", "@ann", "in", "#general"]),
        ("ack room ask <@U024BE7LH>", "ack", ["room", "ask", "@U024BE7LH"]),
        ("ack room <!subteam^S024|@oncall> <!here>", "ack", ["room", "@oncall", "@here"]),
        ("ack room <https://x.example/a?b=1&amp;c|the page>", "ack", ["room", "the", "page"]),
        ("ack room <https://x.example/a?b=1&amp;c>", "ack", ["room", "https://x.example/a?b=1&c"]),
        ("status <mailto:ann@example.com|ann@example.com>", "status", ["ann@example.com"]),
    ],
)
def test_words(typed, verb, words):
    assert said(typed) == (verb, words)


def test_the_rest_is_as_it_was_typed():
    asked = parse('ack room  call "Ann Lee"  first')
    assert asked.rest(1) == 'call "Ann Lee"  first'
    assert asked.rest() == 'room  call "Ann Lee"  first'
    assert asked.rest(9) == ""
    assert parse('ack room "one note"').rest(1) == "one note"


@pytest.mark.parametrize(
    ("typed", "public", "words"),
    [
        ("public status room", True, ["room"]),
        ("PUBLIC status", True, []),
        ("status room public", False, ["room", "public"]),
        ("public", False, []),
        ('"public" status', False, ["status"]),
    ],
)
def test_public_before_the_verb(typed, public, words):
    asked = parse(typed)
    assert (asked.public, [word.text for word in asked.words]) == (public, words)


def test_public_after_a_command_without_free_text():
    asked = parse("status unique visitors Public").shared()
    assert (asked.public, asked.rest()) == (True, "unique visitors")
    kept = parse('status "public"').shared()
    assert (kept.public, kept.rest()) == (False, "public")
    assert not parse("status").shared().public


@given(st.text(max_size=200))
def test_anything_can_be_parsed(typed):
    asked = parse(typed)
    for word in (*asked.words, *asked.shared().words):
        assert asked.text[word.start :].startswith(word.written)
        assert word.text or word.quoted
    assert asked.verb == asked.verb.casefold()


PLAIN = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="\"'`“”„‟‘’‚‛<>&\\"), min_size=1)


@given(st.lists(PLAIN, max_size=5))
def test_plain_words_stay_what_they_are(words):
    assert said(" ".join(["why", *words])) == ("why", words)


@given(st.text(st.characters(exclude_categories=["C"], exclude_characters="“”„‟‘’‚‛<>|&"), min_size=1))
def test_whatever_is_quoted_is_one_word(text):
    inside = text.replace("\\", "\\\\").replace('"', '\\"')
    assert said(f'why "{inside}"') == ("why", [text])


@given(st.text(alphabet="ab<>&; ", max_size=40))
def test_escaping_as_slack_does_is_undone(text):
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert cleaned(escaped) == text.strip()
