"""The demo's servers tell the truth, refuse strangers, and its message looks like a message."""

import io
from datetime import date, timedelta

import aiohttp
import pytest
from PIL import Image

from agent.config.load import load
from agent.demo.picture import message_png
from agent.demo.room import SECRET, RoomServer
from agent.demo.setup import DAYS, GOAL, configuration, environment
from agent.demo.slack_view import columns, in_terminal, parts
from agent.demo.traffic import TOKEN, TrafficServer, moved_visitors, real_visitors
from connectors.signing import headers
from rules.model import DAY, SECOND, FixedPeriod

NOW = 20_781 * DAY + 9 * 3600 * SECOND  # 2026-11-24, a Tuesday
BLOCKS = [
    {"type": "header", "text": {"type": "plain_text", "text": "🔴 Room temperature (den) out of band: 19.4 °C"}},
    {
        "type": "section",
        "fields": [{"type": "mrkdwn", "text": "*Value*\n19.4 °C"}, {"type": "mrkdwn", "text": "*Goal*\n20 to 23 °C"}],
    },
    {"type": "section", "text": {"type": "mrkdwn", "text": "a &lt;b&gt; &amp; <https://example.com|the runbook>"}},
    {"type": "image", "slack_file": {"id": "F1"}, "alt_text": "Chart"},
    {"type": "context", "elements": [{"type": "mrkdwn", "text": "out-of-band"}]},
]


def test_the_data_are_all_days_of_the_real_site():
    visitors = real_visitors()
    assert len(visitors) == 2_167
    assert (min(visitors), max(visitors)) == (date(2014, 9, 14), date(2020, 8, 19))
    assert visitors[date(2014, 9, 14)] == 1_582
    assert visitors[date(2020, 8, 19)] == 1_564


@pytest.mark.parametrize("ahead", range(0, 400, 9))
def test_on_any_day_weekdays_match_and_the_month_falls_behind(ahead):
    today = date(2026, 11, 24) + timedelta(days=ahead)
    moved = moved_visitors(today)
    real = real_visitors()
    assert [moved[day] for day in sorted(moved)] == [real[day] for day in sorted(real)]
    assert (min(moved) - min(real)).days % 7 == 0
    gone = sum(moved[today - timedelta(days=ago)] for ago in range(1, DAYS // 2))
    assert gone / (DAYS // 2 - 1) * DAYS < 0.95 * GOAL


async def test_the_traffic_api_tells_whole_days_to_those_with_the_token():
    async with TrafficServer(lambda: NOW) as server, aiohttp.ClientSession() as session:
        async with session.get(server.url) as answer:
            assert answer.status == 401
        async with session.get(server.url, headers={"Authorization": f"Bearer {TOKEN}"}) as answer:
            rows = (await answer.json())["data"]
    assert (rows[0]["date"], rows[-1]["date"], len(rows)) == ("2026-09-25", "2026-11-23", 60)
    assert (server.told, server.refused) == (60, 1)


async def test_the_room_cools_by_the_window_and_warms_by_a_signed_call_only():
    now = NOW

    def clock() -> int:
        return now

    async with RoomServer(clock) as room, aiohttp.ClientSession() as session:
        room.open_window()
        now += 4 * SECOND
        assert 19 < room.celsius() < 20
        body = b'{"setpoint": 22}'
        async with session.post(room.url, data=body) as answer:
            assert answer.status == 401
        async with session.post(room.url, data=body, headers=headers("other", "m", now // SECOND, body)) as answer:
            assert answer.status == 401
        assert room.calls == []
        async with session.post(room.url, data=body, headers=headers(SECRET, "m", now // SECOND, body)) as answer:
            assert answer.status == 200
        async with session.post(room.url, data=b"{}", headers=headers(SECRET, "m", now // SECOND, b"{}")) as answer:
            assert answer.status == 422
        now += 6 * SECOND
        async with session.get(room.url) as answer:
            assert 20.5 < (await answer.json())["celsius"] < 22.5
    assert [call.setpoint for call in room.calls] == [22.0]
    assert room.refused == 2


def test_the_configuration_is_whole_and_today_is_in_the_middle(tmp_path):
    file = tmp_path / "setpoint.yaml"
    file.write_text(configuration("http://127.0.0.1:1/daily", "http://127.0.0.1:2/rooms/den", date(2026, 11, 24)))
    environ = environment(tmp_path, "127.0.0.1:3", "http://127.0.0.1:4/api/", {"SETPOINT_API_KEY": "own", "HOME": "h"})
    assert "SETPOINT_API_KEY" not in environ
    assert environ["HOME"] == "h"
    found = load(file, environ)
    per = found.targets["visitors"].goal.per
    assert per == FixedPeriod(20_767 * DAY, 20_797 * DAY)
    assert (per.start + per.end) // 2 - 20_781 * DAY == DAY


def test_a_message_is_taken_apart_as_slack_shows_it():
    taken = list(parts(BLOCKS))
    assert [part.kind for part in taken] == ["header", "fields", "text", "image", "context"]
    assert taken[1].fields == (("Value", "19.4 °C"), ("Goal", "20 to 23 °C"))
    assert taken[2].text == "a <b> & the runbook"
    assert taken[3].file == "F1"


def test_the_frame_in_the_terminal_is_straight():
    long = {"type": "header", "text": {"type": "plain_text", "text": "✅ " + "back " * 15 + "x"}}
    shown = in_terminal("facilities", "09:12", [*BLOCKS, long])
    assert "Value             19.4 °C" in shown
    assert len({columns(line) for line in shown.splitlines()}) == 1


def test_the_picture_holds_the_chart_and_grows_with_the_text():
    chart = io.BytesIO()
    Image.new("RGB", (1600, 800), "#123456").save(chart, format="png")
    with_chart = Image.open(io.BytesIO(message_png("facilities", "09:12", BLOCKS, {"F1": chart.getvalue()})))
    without = Image.open(io.BytesIO(message_png("facilities", "09:12", BLOCKS, {})))
    assert with_chart.width == without.width == 1400
    assert with_chart.height > without.height + 500
    assert (0x12, 0x34, 0x56) in {color for _, color in with_chart.getcolors(1 << 24)}
