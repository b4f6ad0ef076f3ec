"""What each command says and does, asked over HTTP with real signatures."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from agent.slack import commands
from agent.slack.asking import parse
from agent.slack.visit import Visit
from rules.model import (
    DAY,
    HOUR,
    SOURCES,
    Assessment,
    Health,
    InstanceKey,
    Muted,
    MutedBy,
    SourceState,
    Standing,
    Trouble,
)
from tests.agent.web.kit import NOW

BEHIND = Assessment(
    Standing.BEHIND, value=6214, at_least=10_000, start=NOW - 15 * DAY, end=NOW + 16 * DAY, required_rate=412.4
)
IN_BAND = Assessment(Standing.IN_BAND, value=21, at_least=20, at_most=23)
OUT = Assessment(Standing.OUT_OF_BAND, value=30, at_least=20, at_most=23)
ANN, BOB = "U0ANN0001", "U0BOB0001"


async def ask(slack, text, user=ANN):
    said = await slack.command(text, user)
    assert said["response_type"] == "ephemeral", said
    return said["text"]


async def test_status_says_how_everything_stands(door, daemon):
    daemon.stands("monthly", BEHIND, site="www")
    daemon.alert("behind", severity="warning")
    daemon.health["csv"] = SourceState("csv", Health.DOWN, last_error="no such file")
    text = await ask(door, "status")
    assert "2 targets: 1 behind" in text
    assert "firing warning · behind is on · behind for 0s" in text
    assert "Source csv is down, never read: no such file" in text
    assert "Problem" not in text
    daemon.sick = "the database can't be written"
    daemon.in_trouble = [Trouble(SOURCES, NOW, "team", "3 of 4 sources can't be read: a, b, c")]
    text = await ask(door, "status")
    assert "Problem: the database can't be written" in text
    assert "Blind: 3 of 4 sources can't be read: a, b, c" in text


async def test_status_of_one_target_has_its_facts_and_its_chart(door, daemon):
    daemon.stands("monthly", BEHIND, site="www")
    daemon.picture = b"PNG"
    text = await ask(door, "status unique visitors")
    assert "Unique visitors (www) behind: 6,214 of 10,000 visits, needs 412 a day" in text
    assert "Required rate: 412 visits a day" in text
    assert "The chart comes as a direct message." in text
    await asyncio.wait_for(door.until(lambda: door.files and door.messages and "image" in str(door.messages)), 5)
    (message,) = door.messages
    assert message.channel == "D0ANN0001"
    assert message.blocks[-1]["slack_file"]["id"] in door.files
    assert daemon.drawn[0].labels == {"site": "www"}


async def test_a_chart_that_slack_takes_in_late_goes_below_the_words(door, daemon):
    daemon.stands("monthly", BEHIND, site="www")
    daemon.picture, door.files_ready = b"PNG", False
    await ask(door, "status monthly")
    await asyncio.wait_for(door.until(lambda: len(door.messages) == 2), 5)
    words, chart = door.messages
    assert (chart.channel, chart.thread_ts, len(chart.files)) == (words.channel, words.ts, 1)


async def test_a_chart_waits_until_slack_has_taken_it_in(door, daemon):
    daemon.stands("monthly", BEHIND, site="www")
    daemon.picture, door.files_take = b"PNG", 2.0
    await ask(door, "status monthly")
    await asyncio.wait_for(door.until(lambda: "image" in str(door.messages)), 5)
    assert len(door.messages) == len(door.files) == 1


@pytest.mark.parametrize("seconds", [0, 2.0])
async def test_a_chart_for_all_waits_too_where_the_app_is_no_member(door, daemon, seconds):
    daemon.stands("monthly", BEHIND, site="www")
    daemon.picture, door.files_take = b"PNG", seconds
    door.channels["growth"].member = False
    await door.command("public status monthly")
    await asyncio.wait_for(door.until(lambda: "image" in str(door.messages)), 5)
    assert door.ephemerals == []


async def test_a_chart_for_all_that_can_not_be_shown_is_said_to_the_one_who_asked(door, daemon):
    daemon.stands("monthly", BEHIND, site="www")
    daemon.picture, door.files_ready = b"PNG", False
    door.channels["growth"].member = False
    await door.command("public status monthly")
    await asyncio.wait_for(door.until(lambda: door.ephemerals), 5)
    assert door.ephemerals[0].text.startswith("The chart could not be shown here: Slack has not taken it in.")
    assert "image" not in str(door.messages)


async def test_charts_that_are_asked_for_at_once_come_one_after_another(door, daemon):
    daemon.stands("monthly", BEHIND, site="www")
    daemon.picture = b"PNG"
    door.rates["chat.postMessage"] = (1, 5)
    for _ in range(3):
        await ask(door, "status monthly")
    await asyncio.wait_for(door.until(lambda: str(door.messages).count("'image'") == 3), 5)
    assert "could not be sent" not in str(door.ephemerals)


async def test_a_chart_for_all_is_shared_in_the_channel(door, daemon):
    daemon.stands("monthly", BEHIND, site="www")
    daemon.picture = b"PNG"
    said = await door.command("status monthly public")
    assert said["response_type"] == "in_channel"
    assert "direct message" not in said["text"]
    await asyncio.wait_for(door.until(lambda: len(door.messages) == 2), 5)
    assert door.messages[1].files
    assert {message.channel for message in door.messages} == {"C0DEMO0001"}


async def test_a_chart_for_all_where_the_app_is_no_member(door, daemon):
    daemon.stands("monthly", BEHIND, site="www")
    daemon.picture = b"PNG"
    door.channels["growth"].member = False
    await door.command("public status monthly")
    await asyncio.wait_for(door.until(lambda: len(door.messages) == 2), 5)
    assert door.messages[1].blocks[-1]["type"] == "image"


@pytest.mark.parametrize("failing", ["chat.postMessage", "files.getUploadURLExternal"])
async def test_a_chart_that_can_not_be_sent_is_said_to_be_so(door, daemon, failing):
    from agent.demo.slack_parts import Failure

    daemon.stands("monthly", BEHIND, site="www")
    daemon.picture = b"PNG"
    door.failures[failing] = Failure(error="missing_scope")
    await ask(door, "status monthly")
    await asyncio.wait_for(door.until(lambda: "could not be sent" in str(door.ephemerals)), 5)


async def test_a_chart_that_can_not_be_drawn_is_said_to_be_so(door, daemon):
    daemon.stands("monthly", BEHIND, site="www")
    await ask(door, "status monthly")
    await asyncio.wait_for(door.until(lambda: "could not be drawn" in str(door.ephemerals)), 5)


async def test_status_of_many_instances_has_the_worst_first_and_draws_it(door, daemon):
    daemon.stands("room", IN_BAND, room="hall")
    daemon.stands("room", OUT, room="kitchen")
    daemon.holding[daemon.stands("room", IN_BAND, room="attic")] = "csv"
    text = await ask(door, "status room")
    assert text.index("kitchen") < text.index("attic") < text.index("hall")
    assert "held by csv, which is off" in text
    assert daemon.drawn[0].labels == {"room": "kitchen"}


async def test_a_near_name_will_do_for_looking_and_is_said(door, daemon):
    daemon.stands("room", IN_BAND, room="hall")
    assert "There is no 'rom'; this is room." in await ask(door, "status rom")
    assert "There is no 'zebra'. `/setpoint targets` lists" in await ask(door, "status zebra")
    assert "Source csv is unknown, never read" in await ask(door, "status csv")


async def test_targets_are_listed_and_filtered(door, daemon):
    daemon.stands("monthly", BEHIND, site="www")
    daemon.stands("room", OUT, room="a")
    daemon.stands("room", IN_BAND, room="b")
    text = await ask(door, "targets")
    assert text.splitlines()[0] == "2 targets"
    assert text.splitlines()[1] == "room · out of band, in band · 2 instances"
    assert "Unique visitors (www) behind" in text.splitlines()[2]
    assert (await ask(door, "targets behind")).startswith("1 target\nmonthly")
    assert (await ask(door, "targets UNIQUE")).startswith("1 target\nmonthly")
    assert "No target has 'zebra'" in await ask(door, "targets zebra")


async def test_ack_takes_what_is_named_exactly(door, daemon):
    daemon.alert("behind")
    text = await ask(door, 'ack behind "on it"')
    assert "Taken by you: behind of monthly" in text
    assert daemon.taken == [("behind", "Ann Lee", "on it")]
    await ask(door, "ack unique visitors I call the team", BOB)
    assert daemon.taken[1] == ("monthly", "Bob", "I call the team")
    await ask(door, "ack f-behind")
    assert daemon.taken[2] == ("f-behind", "Ann Lee", "")


async def test_who_takes_over_is_told_from_whom(door, daemon):
    one = daemon.alert("behind")
    daemon.open[:] = [replace(one, acknowledged_by="Bob")]
    assert "Taken by you: behind of monthly; Bob had it" in await ask(door, "ack behind")


async def test_ack_of_a_near_name_asks_and_does_nothing(door, daemon):
    daemon.alert("behind")
    text = await ask(door, "ack behnd")
    assert "Did you mean behind? `/setpoint ack behind`" in text
    assert 'ack "Unique visitors"`' in await ask(door, 'ack "unique visitor"')
    assert "There is no open alert 'zebra'. Nothing was done." in await ask(door, "ack zebra")
    assert daemon.taken == []
    assert "behind of monthly: `/setpoint ack f-behind`" in await ask(door, "ack")
    daemon.open = []
    assert "Nothing fires" in await ask(door, "ack")


async def test_a_pending_alert_can_not_be_taken(door, daemon):
    daemon.alert("behind", "pending")
    assert "There is no open alert 'behind'" in await ask(door, "ack behind")
    assert daemon.taken == []


def made(daemon):
    (silence,) = daemon.silenced.values()
    return [(m.name, m.op, m.value) for m in silence.matchers], silence


@pytest.mark.parametrize(
    ("text", "matchers", "length", "reason"),
    [
        ("room 2h windows are open", [("target", "=", "room")], 2 * HOUR, "windows are open"),
        ("Room 2h x", [("target", "=", "room")], 2 * HOUR, "x"),
        ('"unique visitors" 1d "a move"', [("target", "=", "monthly")], DAY, "a move"),
        ("unique visitors 1d a move", [("target", "=", "monthly")], DAY, "a move"),
        ("room for 2H x", [("target", "=", "room")], 2 * HOUR, "x"),
        ("room 1.5h x", [("target", "=", "room")], HOUR + HOUR // 2, "x"),
        ("room 30min x", [("target", "=", "room")], HOUR // 2, "x"),
        ("room for 2 hours because", [("target", "=", "room")], 2 * HOUR, "because"),
        ("room 1 Day x", [("target", "=", "room")], DAY, "x"),
        ("severity=warning 1h x", [("severity", "=", "warning")], HOUR, "x"),
        ('team!~"a|b" target=room 1h x', [("team", "!~", "a|b"), ("target", "=", "room")], HOUR, "x"),
        ("severity=“warning” team!=x 1h x", [("severity", "=", "warning"), ("team", "!=", "x")], HOUR, "x"),
        (
            '{severity="warning", team=~"a|b, c"} 1h30m it’s late',
            [("severity", "=", "warning"), ("team", "=~", "a|b, c")],
            HOUR + HOUR // 2,
            "it's late",
        ),
    ],
)
async def test_silence(door, daemon, text, matchers, length, reason):
    said = await ask(door, f"silence {text}")
    found, silence = made(daemon)
    assert (found, silence.ends - NOW, silence.reason, silence.author) == (matchers, length, reason, "Ann Lee")
    assert f"`/setpoint unsilence {silence.id}`" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("silence", "For how long?"),
        ("silence room 2M x", "Understood are 30m, 2h, 1h30m"),
        ("silence room 2 x", "For how long?"),
        ("silence room", "For how long?"),
        ("silence 2h", "For how long?"),
        ("silence room 2h", "Why? Others will see it."),
        ("silence rom 2h x", "Did you mean room? `/setpoint silence room 2h …`"),
        ("silence zebra 2h x", "There is no target 'zebra'"),
        ("silence severity=~( 2h x", "Nothing was silenced"),
        ("silence severity=~.* 2h x", "it would silence everything"),
        ("silence room 0s x", "longer than nothing"),
        ("silence room 5y x", "at most a year"),
        ("mute", "Mute what, for how long?"),
        ("mute csv", "Mute what, for how long?"),
        ("mute csvv 2h", "Did you mean csv? `/setpoint mute csv 2h`"),
        ("mute csv later", "'later' begins with no duration. Understood are 30m"),
        ("unsilence nothing", "There is no silence 'nothing'"),
        ("unsilence room", "No silence names target room."),
        ("unsilence", "No silences"),
    ],
)
async def test_what_is_not_clear_is_asked_for_and_nothing_is_done(door, daemon, text, said):
    assert said in await ask(door, text)
    assert daemon.silenced == {}


async def test_a_silence_that_matches_nothing_open_says_so(door, daemon):
    daemon.alert("behind", target="monthly", severity="warning")
    assert "No alert that is open now matches it." in await ask(door, "silence nosuchlabel=x 1h y")
    assert "No alert that is open now" not in await ask(door, "silence severity=~warn.* 1h *y*")


async def test_matchers_are_shown_letter_by_letter(door, daemon):
    said = (await door.command("silence team=~.*a.* 1h x"))["blocks"][0]["text"]["text"]
    assert '`{team=~".*a.*"}`' in said


async def test_an_instance_has_the_name_that_its_label_has(door, daemon):
    for room in ("hall", "kitchen"):
        daemon.stands("room", OUT, room=room)
        one = daemon.alert(f"oob-{room}")
        daemon.open[-1] = replace(one, key=InstanceKey("room", (("room", room),)))
    for text in ("status kitchen", "status room kitchen", "status Room-Kitchen", 'status room{room="kitchen"}'):
        said = await ask(door, text)
        assert "kitchen" in said
        assert "hall" not in said
    assert "did you mean room kitchen" in await ask(door, "status kitchn")
    assert "Did you mean kitchen?" in await ask(door, "ack kitchn")
    assert "Taken by you: oob-kitchen" in await ask(door, "ack kitchen on it")
    assert daemon.taken == [("f-oob-kitchen", "Ann Lee", "on it")]
    await ask(door, "ack room hall")
    await ask(door, 'ack room{room="hall"}')
    assert [one[0] for one in daemon.taken] == ["f-oob-kitchen", "f-oob-hall", "f-oob-hall"]


@pytest.mark.parametrize("named", ["living room", "room living room", '"Living Room"', "monthly living room"])
async def test_an_instance_is_silenced_by_its_name(door, daemon, named):
    daemon.stands("room", OUT, room="living room")
    daemon.stands("room", OUT, room="hall")
    if "monthly" in named:
        daemon.stands("monthly", OUT, site="living room")
    await ask(door, f"silence {named} 2h windows are open")
    target, label = ("monthly", "site") if "monthly" in named else ("room", "room")
    found, silence = made(daemon)
    assert found == [("target", "=", target), (label, "=", "living room")]
    assert silence.reason == "windows are open"


async def test_what_several_targets_have_is_only_offered(door, daemon):
    daemon.stands("room", OUT, room="hall")
    daemon.stands("monthly", OUT, site="hall")
    said = await ask(door, "silence hall 2h x")
    assert "There is no target 'hall'. Did you mean " in said
    assert 'hall" 2h …`' in said
    assert daemon.silenced == {}


async def test_of_many_alerts_some_are_listed_and_the_rest_is_counted(door, daemon):
    for number in range(20):
        daemon.alert(f"late-{number}")
    said = await ask(door, "ack")
    assert said.count("/setpoint ack f-late-") == 15
    assert said.endswith("and 5 more")


async def test_mute_is_a_silence_of_the_label_source(door, daemon):
    await ask(door, "mute csv 30m")
    found, silence = made(daemon)
    assert (found, silence.reason) == ([("source", "=", "csv")], "muted from Slack")


async def test_unsilence_ends_by_id_or_target_and_lists_with_buttons(door, daemon):
    for target in ("room", "monthly"):
        await ask(door, f"silence {target} 2h x")
    first, second = daemon.silenced
    said = await door.command("unsilence")
    assert first in said["text"]
    assert second in said["text"]
    assert [one["action_id"] for one in said["blocks"][-1]["elements"]] == [f"unsilence:{first}", f"unsilence:{second}"]
    assert f'Ended: `{{target="room"}}` ({first})' in await ask(door, f"unsilence {first.upper()}")
    assert f"({second})" in await ask(door, "unsilence unique visitors")
    assert all(silence.ends == NOW for silence in daemon.silenced.values())
    assert "No silence names target room." in await ask(door, "unsilence room")


@pytest.mark.parametrize("named", ['room="kitchen", severity=critical', "kitchen", '{room="kitchen"}'])
async def test_unsilence_takes_what_it_was_silenced_by(door, daemon, named):
    daemon.stands("room", BEHIND, room="kitchen")
    await ask(door, f"silence {named} 2h x")
    await ask(door, "silence severity=critical 2h x")
    first, second = daemon.silenced
    assert f"({first})" in await ask(door, f"unsilence {named}")
    assert [name for name, one in daemon.silenced.items() if one.ends > NOW] == [second]
    assert "There is no silence" in await ask(door, "unsilence room=~(")


async def test_oncall_names_receivers_and_kinds_without_secrets(door):
    text = await ask(door, "oncall")
    assert "Receiver oncall: webhook" in text
    assert "Critical alerts go to oncall: webhook" in text
    assert "secret" not in text
    assert "hooks.example.com" not in text


async def test_oncall_without_a_route_says_who_is_named(door, daemon, tmp_path):
    from tests.agent.web.kit import configuration

    daemon.use(configuration(tmp_path, (tmp_path / "setpoint.yaml").read_text().partition("route:")[0]))
    text = await ask(door, "oncall")
    assert "There is no route" in text
    assert "console hears of missed of monthly: console" in text


async def test_help_lists_every_command(door):
    text = await ask(door, "")
    for verb in commands.TABLE:
        assert f"`/setpoint {verb}" in text
    assert text == await ask(door, "HELP") == await ask(door, "?")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("statsu room", "`/setpoint status room`"),
        ("acknowlege behind", "`/setpoint ack behind`"),
        ("room", "`/setpoint status room`"),
        ("unsilense", "`/setpoint unsilence`"),
    ],
)
async def test_an_unknown_verb_gets_what_may_have_been_meant_and_help(door, typed, meant):
    text = await ask(door, typed)
    assert f"Did you mean {meant}?" in text.splitlines()[0]
    assert "`/setpoint help` this list" in text


async def test_the_command_is_called_as_the_workspace_calls_it(door):
    said = await door.command("zebra", command="/kpi")
    assert "`/kpi help`" in said["text"]


async def test_words_from_outside_do_nothing(door, daemon):
    daemon.alert("behind")
    said = await door.command("ack &lt;!channel&gt;")
    assert "<!channel>" not in str(said)
    assert "&lt;!channel&gt;" in said["text"]


async def test_muted_and_taken_are_said(door, daemon):
    from dataclasses import replace

    one = daemon.alert("behind", by="Bob")
    daemon.open = [replace(one, muted=Muted(MutedBy.SILENCE, "ab12"), muted_words="silence ab12 by Bob")]
    text = await ask(door, "status")
    assert "taken by Bob · muted: silence ab12 by Bob" in text


async def test_why_of_a_target_that_was_never_read(door):
    assert "Nothing was read yet" in await ask(door, "why room")
    assert "Why what?" in await ask(door, "why")


def test_one_table_says_who_may(daemon):
    acts = {verb for verb, command in commands.TABLE.items() if command.acts}
    assert acts == {"ack", "silence", "unsilence", "mute", "approve", "reject", "run"}
    visit = Visit(daemon, None, None, parse("status"))
    assert visit.hint("status") == "`/setpoint status`"
