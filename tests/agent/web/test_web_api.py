"""What the API says and does, each answer held against the shape its description promises."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jsonschema
import pytest

from agent.store.records import Attempt, Commit, Delivery, DeliveryKind, ReceiverState
from agent.web.openapi import document
from agent.web.routes import TABLE
from agent.web.views import iso
from connectors.base import Unreachable
from rules.model import (
    DAY,
    SECOND,
    Acknowledgement,
    AlertState,
    AlertStatus,
    Assessment,
    Correction,
    Event,
    Health,
    InstanceKey,
    InstanceState,
    Projection,
    Reading,
    RunState,
    Series,
    SourceState,
    Standing,
    Transition,
    labels_of,
)
from tests.agent.web.kit import NOW, error_of

DESCRIPTION = document(TABLE, "")
BEHIND = Assessment(
    Standing.BEHIND,
    value=6214,
    time=NOW - DAY,
    at_least=10_000,
    start=NOW - 15 * DAY,
    end=NOW + 16 * DAY,
    expected=7000,
    pace=0.89,
    progress=0.6214,
    required_rate=412.4,
    projection=Projection(8950.5, 8700, 9200, 0.12),
)


def check(schema: str, said: Any) -> Any:
    """The answer itself, if it has the shape of that name."""
    wanted = {"$ref": f"#/components/schemas/{schema}", "components": DESCRIPTION["components"]}
    jsonschema.Draft202012Validator(wanted, format_checker=jsonschema.FormatChecker()).validate(said)
    return said


async def get(client, path, schema):
    response = await client.get(f"/api/v1/{path}")
    assert response.status == 200, await response.text()
    return check(schema, await response.json())


async def test_status_counts(client, daemon, store):
    daemon.clock.time += 5 * SECOND
    daemon.stands("monthly", BEHIND, site="www")
    daemon.stands("monthly", Assessment(Standing.MET, value=1), site="shop")
    daemon.alert("behind")
    daemon.alert("late", "pending")
    daemon.health = {"csv": SourceState("csv", Health.UP), "backup": SourceState("backup", Health.DOWN)}
    said = await get(client, "status", "Status")
    assert (said["uptime_seconds"], said["time"]) == (5, "2026-01-01T00:00:05Z")
    assert (said["targets"], said["instances"]) == (4, 2)
    assert (said["standings"]["behind"], said["standings"]["met"], said["standings"]["missed"]) == (1, 1, 0)
    assert said["alerts"] == {"firing": 1, "pending": 1, "recovering": 0, "held": 0}
    assert said["sources"] == {"up": 1, "down": 1, "unknown": 4}
    assert said["outbox"] == {"depth": 0, "oldest": None}
    assert (said["healthy"], said["ready"], said["problems"]) == (True, True, [])
    assert said["failing_receivers"] == []


async def test_status_names_the_receivers_that_fail(client, daemon, store):
    name = next(iter(daemon.config.receivers))
    kind = daemon.config.receivers[name][0].kind
    daemon.reached = [ReceiverState("other", 0), ReceiverState(name, 0, NOW - SECOND, "Slack refused: token_revoked")]
    (said,) = (await get(client, "status", "Status"))["failing_receivers"]
    assert said["since"] == "2025-12-31T23:59:59Z"
    assert (said["name"], said["position"], said["type"]) == (name, 0, kind)
    assert said["error"] == "Slack refused: token_revoked"


async def test_status_without_a_database_says_what_it_can(client, daemon, store):
    await store.close()
    daemon.sick = "the database can't be written"
    said = await get(client, "status", "Status")
    assert (said["healthy"], said["outbox"]) == (False, None)
    assert said["problems"] == ["the database can't be written"]


async def test_an_instance_says_how_it_stands_and_why(client, daemon):
    key = daemon.stands("monthly", BEHIND, site="www")
    alert = AlertStatus(
        AlertState.FIRING, NOW - DAY, NOW - DAY, 1, Acknowledgement("ann", NOW, "on it"), fingerprint="f1"
    )
    daemon.states[key] = InstanceState(key, BEHIND, since=NOW - 2 * DAY, created=NOW, alerts={"behind": alert})
    said = await get(client, "targets/monthly", "Target")
    (instance,) = said["instances"]
    assert (said["title"], said["goal"], said["unit"]) == (
        "Unique visitors",
        "sum at least 10,000 per month",
        "visits",
    )
    assert (instance["labels"], instance["standing"]) == ({"site": "www"}, "behind")
    assert instance["headline"] == (
        "Unique visitors (www) behind: 6,214 of 10,000 visits, needs 412 a day, projected 8,950"
    )
    assert instance["goal"] == {"at_least": 10_000, "at_most": None}
    assert (instance["value"], instance["progress"], instance["pace"]) == (6214, 0.6214, 0.89)
    assert instance["required_rate"] == 412.4
    assert instance["projection"] == {"value": 8950.5, "low": 8700, "high": 9200, "chance": 0.12}
    assert instance["period"] == {"start": "2025-12-17T00:00:00Z", "end": "2026-01-17T00:00:00Z"}
    assert instance["since"] == "2025-12-30T00:00:00Z"
    (told,) = instance["alerts"]
    assert (told["name"], told["state"], told["fingerprint"]) == ("behind", "firing", "f1")
    assert told["acknowledged"] == {"by": "ann", "at": "2026-01-01T00:00:00Z", "note": "on it"}


async def test_targets_are_all_there_with_or_without_instances(client, daemon):
    daemon.stands("room", Assessment(Standing.NO_DATA, reason="no reading yet"), room="lab")
    daemon.stands("room", Assessment(Standing.OUT_OF_BAND, value=25.5, at_least=20, at_most=23), room="attic")
    daemon.stands("nightly", Assessment(Standing.MET, value=1, time=NOW, due=NOW + DAY))
    daemon.stands("engagement", Assessment(Standing.IN_BAND, inputs=(("last(dau)", "1,200"),)))
    daemon.stands("gone", Assessment(Standing.MET))
    said = (await get(client, "targets", "Targets"))["targets"]
    assert [target["name"] for target in said] == ["monthly", "room", "engagement", "nightly"]
    by_name = {target["name"]: target["instances"] for target in said}
    assert by_name["monthly"] == []
    assert [instance["labels"]["room"] for instance in by_name["room"]] == ["attic", "lab"]
    assert by_name["engagement"][0]["inputs"] == {"last(dau)": "1,200"}
    assert by_name["nightly"][0]["due"] == "2026-01-02T00:00:00Z"


async def test_a_number_that_is_none_is_null(client, daemon):
    daemon.stands("monthly", Assessment(Standing.NO_DATA, progress=float("nan"), pace=float("inf")), site="www")
    (instance,) = (await get(client, "targets/monthly", "Target"))["instances"]
    assert (instance["progress"], instance["pace"]) == (None, None)


async def test_an_unknown_target_offers_a_near_one(client):
    assert await error_of(await client.get("/api/v1/targets/montly")) == (
        404,
        "not_found",
        "no target 'montly'; did you mean monthly?",
    )


async def test_sources(client, daemon):
    daemon.health["csv"] = SourceState("csv", Health.DOWN, NOW, 3, NOW - DAY, "v.csv: no such file")
    said = {source["name"]: source for source in (await get(client, "sources", "Sources"))["sources"]}
    assert set(said) == set(daemon.config.sources)
    assert (said["csv"]["schedule"], said["csv"]["polled"], said["csv"]["series"]) == ("every 5m", True, ["visitors"])
    assert (said["csv"]["health"], said["csv"]["failures"]) == ("down", 3)
    assert (said["csv"]["last_success"], said["csv"]["last_error"]) == ("2025-12-31T00:00:00Z", "v.csv: no such file")
    assert {one["next_poll"] for one in said.values()} == {"2026-01-01T00:01:00Z", None}  # None: it waits to be called
    assert (said["free"]["health"], said["free"]["since"], said["free"]["polled"]) == ("unknown", None, False)


async def test_a_poll_shows_what_came(client, daemon):
    series = Series("visitors", labels_of({"site": "www", "source": "csv"}))
    daemon.polls["csv"] = [Reading(series, NOW + at, float(at)) for at in range(30)]
    response = await client.post("/api/v1/sources/csv/poll")
    said = check("Polled", await response.json())
    assert (response.status, said["readings"], len(said["sample"])) == (200, 30, 10)
    assert said["sample"][1] == {
        "series": "visitors",
        "labels": {"site": "www", "source": "csv"},
        "time": "2026-01-01T00:00:00.000001Z",
        "value": 1,
    }
    daemon.polls["csv"] = Unreachable("http://x/: connection refused")
    failed = await error_of(await client.post("/api/v1/sources/csv/poll"))
    assert failed == (502, "source_failed", "http://x/: connection refused")
    assert (await error_of(await client.post("/api/v1/sources/free/poll")))[0] == 404


async def test_alerts_and_their_acknowledgement(client, daemon):
    daemon.alert("behind", severity="warning")
    (said,) = (await get(client, "alerts", "Alerts"))["alerts"]
    assert (said["name"], said["state"], said["headline"]) == ("behind", "firing", "behind is on")
    taken = daemon.open.pop()
    daemon.open.append(replace(taken, acknowledged_by="ann"))
    response = await client.post("/api/v1/alerts/f-behind/ack", json={"by": " ann ", "note": "on it"})
    (said,) = check("Alerts", await response.json())["alerts"]
    assert (response.status, said["acknowledged_by"]) == (200, "ann")
    assert daemon.taken == [("f-behind", "ann", "on it")]
    assert (await error_of(await client.post("/api/v1/alerts/other/ack", json={"by": "ann"})))[:2] == (404, "not_found")


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"by": ""},
        {"by": "  "},
        {"by": 5},
        {"by": "x" * 201},
        {"by": "a", "note": 1},
        {"by": "a", "why": "x"},
        [],
        1,
    ],
)
async def test_an_acknowledgement_says_by_whom(client, daemon, sent):
    assert (await error_of(await client.post("/api/v1/alerts/x/ack", json=sent)))[:2] == (422, "invalid")
    assert daemon.taken == []


def delivery(number: int, kind: DeliveryKind = DeliveryKind.NOTICE) -> Delivery:
    about = b'{"fingerprint": "f%d", "starts_at": 1, "alert": "behind", "headline": "h", "reason": "firing"}' % number
    payload = about if kind is DeliveryKind.NOTICE else b'{"run": "r", "context": %s}' % about
    return Delivery(f"k{number}", kind, "growth", 0, f"l{number}", payload, NOW, NOW, NOW + DAY)


async def test_deliveries_with_their_attempts(client, store):
    await store.commit(Commit(NOW, deliveries=[delivery(1), delivery(2, DeliveryKind.CALL), delivery(3)]))
    (first,) = [one for one in await store.claim(NOW, SECOND, 10) if one.key == "k1"]
    failed = Attempt(first.id, 1, NOW, 250_000, "refused", permanent=False)
    await store.settle(first, failed, now=NOW, sent=False, retry_at=NOW + SECOND)
    said = (await get(client, "deliveries", "Deliveries"))["deliveries"]
    assert [one["key"] for one in said] == ["k3", "k2", "k1"]
    assert said[2]["attempts"] == [
        {
            "number": 1,
            "at": "2026-01-01T00:00:00Z",
            "took_seconds": 0.25,
            "error": "refused",
            "permanent": False,
        }
    ]
    assert (said[2]["state"], said[2]["next_at"], said[2]["error"]) == ("queued", "2026-01-01T00:00:01Z", "refused")
    assert (said[1]["kind"], said[1]["about"]["alert"]) == ("call", "behind")
    assert [one["key"] for one in (await get(client, "deliveries?limit=1", "Deliveries"))["deliveries"]] == ["k3"]
    only = (await get(client, "deliveries?fingerprint=f2", "Deliveries"))["deliveries"]
    assert [one["key"] for one in only] == ["k2"]


async def test_transitions_and_corrections_newest_first(client, store):
    changes = [
        Transition(
            InstanceKey(target, labels_of({"site": "www"})),
            "behind",
            f"f{number}",
            1,
            Event.FIRING,
            NOW + number * SECOND,
            AlertState.INACTIVE,
            AlertState.FIRING,
            labels_of({"alertname": "behind"}),
            assessment=BEHIND,
        )
        for number, target in enumerate(["monthly", "room", "monthly"])
    ]
    runs = [
        Correction(f"r{n}", InstanceKey("room"), "cold", "f", 1, "heat", RunState.CALLED, 1, NOW + n, NOW + n)
        for n in range(2)
    ]
    await store.commit(Commit(NOW, transitions=changes, corrections=runs))
    said = (await get(client, "transitions", "Transitions"))["transitions"]
    assert [one["fingerprint"] for one in said] == ["f2", "f1", "f0"]
    assert (said[0]["event"], said[0]["before"], said[0]["after"]) == ("firing", "inactive", "firing")
    for query, found in [
        ("target=room", ["f1"]),
        ("fingerprint=f0", ["f0"]),
        ("since=2026-01-01T00:00:01Z", ["f2", "f1"]),
        (f"since={NOW // SECOND + 2}", ["f2"]),
        ("since=2026-01-01T01:00:01%2B01:00&limit=1", ["f2"]),
    ]:
        said = (await get(client, f"transitions?{query}", "Transitions"))["transitions"]
        assert [one["fingerprint"] for one in said] == found, query
    said = (await get(client, "corrections?target=room", "Corrections"))["corrections"]
    assert [(one["id"], one["state"]) for one in said] == [("r1", "called"), ("r0", "called")]
    assert (await get(client, "corrections?target=none", "Corrections"))["corrections"] == []


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("limit=0", "limit has to be a number from 1 to 1,000"),
        ("limit=1001", "limit has to be a number from 1 to 1,000"),
        ("limit=-1", "limit has to be a number from 1 to 1,000"),
        ("limit=x", "limit has to be a number from 1 to 1,000"),
        ("limit=" + "9" * 5_000, "limit has to be a number from 1 to 1,000"),
        ("since=yesterday", "since: 'yesterday' is not a time: ISO 8601 or Unix time"),
        ("limt=1", "unknown parameter 'limt'; did you mean limit?"),
    ],
)
async def test_parameters_that_cannot_be_used(client, store, query, words):
    assert await error_of(await client.get(f"/api/v1/transitions?{query}")) == (422, "invalid", words)


async def test_a_database_that_does_not_work_is_unavailable(client, store):
    await store.close()
    said = await error_of(await client.get("/api/v1/transitions"))
    assert said == (503, "unavailable", "the database can't be used at the moment")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/api/v1/nothing", 404, "not_found"),
        ("POST", "/api/v1/status", 405, "method_not_allowed"),
        ("DELETE", "/api/v1/targets/monthly", 405, "method_not_allowed"),
        ("GET", "/api/v1/readings", 405, "method_not_allowed"),
    ],
)
async def test_errors_are_always_json(client, method, path, status, code):
    response = await client.request(method, path)
    assert (await error_of(response))[:2] == (status, code)
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    assert ("Allow" in response.headers) == (status == 405)


def test_times_are_said_in_utc_to_the_microsecond():
    assert (iso(None), iso(NOW), iso(NOW + 1_500)) == (None, "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.001500Z")
