"""Readings pushed to the API: all of a request or none."""

from __future__ import annotations

import asyncio
import io

import orjson
import pytest

from agent.web.errors import Failure
from agent.web.push import Push
from rules.model import DAY, SECOND, Reading, Series, labels_of
from tests.agent.web.kit import NOW, error_of

PUSH = "/api/v1/readings"
JSON = {"Content-Type": "application/json"}


def reading(value, time=NOW, name="sales", **labels):
    return Reading(Series(name, labels_of({"source": "push", **labels})), time, value)


@pytest.mark.parametrize(
    ("row", "taken"),
    [
        ({"series": "sales", "value": 12}, reading(12)),
        ({"series": "sales", "value": "1,582.5", "labels": {"shop": "a"}}, reading(1582.5, shop="a")),
        ({"series": "sales", "value": None}, reading(None)),
        ({"series": "sales", "value": 1, "labels": None}, reading(1)),
        (
            {"series": "sales", "value": 1, "labels": {"a": 3, "b": True, "c": "", "d": None}},
            reading(1, a="3", b="true"),
        ),
        ({"series": "sales", "value": 1, "time": "2025-12-31"}, reading(1, NOW - DAY)),
        ({"series": "sales", "value": 1, "time": "2026-01-01T01:00:00+01:00"}, reading(1)),
        ({"series": "sales", "value": 1, "time": NOW // SECOND - 1}, reading(1, NOW - SECOND)),
        ({"series": "sales", "value": 1, "time": NOW / SECOND - 0.5}, reading(1, NOW - SECOND // 2)),
        ({"series": "sales", "value": 1, "time": None}, reading(1)),
        ({"series": "dau", "value": 1}, reading(1, name="dau")),
    ],
)
async def test_what_is_taken(client, daemon, row, taken):
    response = await client.post(PUSH, json=row)
    assert (response.status, await response.json()) == (200, {"readings": 1})
    assert daemon.received == [("push", [taken], ())]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            {"series": "sales", "value": 1, "labels": {"source": "till"}},
            "the label source is not for senders: what is pushed has source='push'",
        ),
        ({"series": "sale", "value": 1}, "no source gives a series 'sale'; did you mean sales?"),
        ({"series": "unlike_all", "value": 1}, "no source gives a series 'unlike_all'"),
        ({"value": 1}, "it has no series"),
        ({"series": 5, "value": 1}, "it has no series"),
        ({"series": "sales"}, "it has no value"),
        ({"series": "sales", "value": "many"}, "'many' is not a number"),
        ({"series": "sales", "value": [1]}, "a list is not a number"),
        ({"series": "sales", "value": 1, "time": "noon"}, "'noon' is not a time: ISO 8601 or Unix time"),
        ({"series": "sales", "value": 1, "time": True}, "'True' is not a time: ISO 8601 or Unix time"),
        ({"series": "sales", "value": 1, "time": "2026-01-03"}, "its time is in the future: 2026-01-03"),
        ({"series": "sales", "value": 1, "labels": "a"}, 'labels are an object such as {"shop": "berlin"}'),
        (
            {"series": "sales", "value": 1, "labels": {"a-b": "x"}},
            "'a-b' is not the name of a label: letters, digits and _",
        ),
        ({"series": "sales", "value": 1, "labels": {"a": {}}}, "label 'a' is not a single value"),
        ({"series": "sales", "value": 1, "tme": 5}, "unknown key 'tme'; did you mean time?"),
        ("sales 5", 'a reading is an object such as {"series": "sales", "value": 12}'),
    ],
)
async def test_what_is_not(client, daemon, row, words):
    good = {"series": "sales", "value": 1}
    response = await client.post(PUSH, json=[good, row, good])
    said = (await response.json())["error"]
    assert (response.status, said["code"], said["details"]) == (422, "invalid", [f"row 2: {words}"])
    assert daemon.received == []


async def test_every_wrong_row_is_named_up_to_a_bound(client, daemon):
    rows = [{"series": f"unknown{number}", "value": 1} for number in range(200)]
    response = await client.post(PUSH, json=rows)
    said = (await response.json())["error"]
    assert said["message"].startswith("200 of 200 readings can't be taken, so none was: row 1: ")
    assert len(said["details"]) == 51
    assert said["details"][-1] == "and 150 more"


async def test_nothing_is_nothing(client, daemon):
    response = await client.post(PUSH, json=[])
    assert (response.status, await response.json()) == (200, {"readings": 0})


async def test_a_request_has_bounds(client, daemon):
    rows = orjson.dumps([{"series": "sales", "value": 1}] * 10_001)
    assert (await error_of(await client.post(PUSH, data=rows, headers=JSON)))[:2] == (413, "too_large")
    large = io.BytesIO(b'"' + b"x" * 6_000_000 + b'"')
    assert (await error_of(await client.post(PUSH, data=large, headers=JSON)))[:2] == (413, "too_large")
    assert daemon.received == []


@pytest.mark.parametrize("sent", [b"", b"{", b'{"series": "sales", "value": NaN}', b'"\\ud800"', b"\xff"])
async def test_what_is_not_json(client, daemon, sent):
    response = await client.post(PUSH, data=sent, headers=JSON)
    assert (await error_of(response))[:2] == (400, "bad_request")


async def test_other_kinds_of_bodies(client, daemon):
    response = await client.post(PUSH, data=b"series,value\nsales,1\n", headers={"Content-Type": "text/csv"})
    assert (await error_of(response))[:2] == (415, "unsupported_media_type")


async def test_the_answer_comes_after_the_commit(client, daemon):
    daemon.may_commit.clear()
    pushing = asyncio.create_task(client.post(PUSH, json={"series": "sales", "value": 1}))
    await daemon.arrived.wait()
    assert not pushing.done()
    assert daemon.received == []
    daemon.may_commit.set()
    assert (await pushing).status == 200
    assert len(daemon.received) == 1


async def test_a_repetition_by_its_key_takes_nothing(client, daemon):
    row = {"series": "sales", "value": 1}
    for said in ({"readings": 1}, {"readings": 0, "repeated": True}):
        response = await client.post(PUSH, json=row, headers={"Idempotency-Key": "k1"})
        assert (response.status, await response.json()) == (200, said)
    assert len(daemon.received) == 1


def test_a_plan_may_lie_ahead():
    push = Push({"plan": 30 * DAY, "sales": DAY}, NOW)
    ahead = {"value": 1, "time": (NOW + 30 * DAY) // SECOND}
    assert push.readings({"series": "plan", **ahead}) == [reading(1, NOW + 30 * DAY, "plan")]
    with pytest.raises(Failure, match="its time is in the future"):
        push.readings({"series": "sales", **ahead})


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({f"l{number}": "x" for number in range(51)}, "it has 51 labels; at most 50 can be sent"),
        ({"shop": "x" * 501}, "label 'shop' or its value has more than 500 characters"),
        ({"s" * 501: "x"}, "or its value has more than 500 characters"),
    ],
)
def test_labels_are_few_and_short(labels, said):
    with pytest.raises(Failure, match=said):
        Push({"sales": 0}, NOW).readings({"series": "sales", "value": 1, "labels": labels})
