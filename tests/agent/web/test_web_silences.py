"""Silences over the API and on the page."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.runtime import OpenAlert
from agent.store.store import Store
from rules.model import HOUR, SECOND, InstanceKey, Muted, MutedBy
from tests.agent.web.kit import NOW, error_of

ASKED = {"matchers": ["room"], "for": "2h", "by": "ann", "reason": "windows are open"}


async def test_a_silence_is_made_listed_and_ended(client, daemon):
    response = await client.post("/api/v1/silences", json={**ASKED, "matchers": ["room", "severity=~warn.*"]})
    made = (await response.json())["silence"]
    assert (response.status, made["state"], made["matchers"]) == (200, "active", '{severity=~"warn.*",target="room"}')
    assert (made["starts"], made["ends"]) == ("2026-01-01T00:00:00Z", "2026-01-01T02:00:00Z")
    assert (await (await client.get("/api/v1/silences")).json())["silences"] == [made]
    assert "severity=~&#34;warn.*&#34;" in await (await client.get("/")).text()
    daemon.clock.time += SECOND
    ended = (await (await client.delete(f"/api/v1/silences/{made['id']}")).json())["silence"]
    assert (ended["state"], ended["ends"]) == ("expired", "2026-01-01T00:00:01Z")
    assert "windows are open" not in await (await client.get("/")).text()
    assert (await error_of(await client.delete("/api/v1/silences/none")))[:2] == (404, "not_found")


async def test_one_can_start_later(client):
    asked = {key: value for key, value in ASKED.items() if key != "for"}
    times = {"starts": "2026-01-02T22:00:00Z", "ends": "2026-01-03T02:00:00Z"}
    made = (await (await client.post("/api/v1/silences", json={**asked, **times})).json())["silence"]
    assert (made["state"], made["starts"], made["ends"]) == ("pending", *times.values())
    assert "from 2026-01-02 22:00 UTC" in await (await client.get("/")).text()


@pytest.mark.parametrize("said", ['severity!="critical"', 'site!~"www|shop"', '{site!="www", severity=""}'])
async def test_one_that_says_what_it_leaves_out_is_one(client, said):
    assert (await client.post("/api/v1/silences", json={**ASKED, "matchers": [said]})).status == 200


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"matchers": []}, "matchers has to be a list"),
        ({"matchers": [1]}, "matchers has to be a list"),
        ({"matchers": ["rom"]}, "did you mean room?"),
        ({"matchers": ["room", "a==b"]}, "is not a matcher"),
        ({"matchers": ['severity=~".*"']}, "it would silence everything"),
        ({"by": " "}, "by has to be a text"),
        ({"reason": None}, "reason has to be a text"),
        ({"for": "2 hours"}, "is not a duration"),
        ({"for": 5}, "for has to be a duration"),
        ({"for": "0s"}, "it would be over before it begins"),
        ({"ends": "2026-01-02"}, "give either ends"),
        ({"for": None}, "give either ends"),
        ({"for": None, "ends": "2025-01-01"}, "it would be over before it begins"),
        ({"for": None, "ends": "soon"}, "is not a time"),
        ({"for": "99999999y"}, "has to end within 100 years"),
        ({"for": None, "ends": "9999-12-31"}, "has to end within 100 years"),
        ({"starts": "9999-12-31"}, "has to end within 100 years"),
        ({"forr": "1h"}, "did you mean for?"),
    ],
)
async def test_what_makes_no_silence_is_refused(client, daemon, changes, says):
    status, _, message = await error_of(await client.post("/api/v1/silences", json={**ASKED, **changes}))
    assert (status, daemon.silenced) == (422, {})
    assert says in message
    assert (await error_of(await client.post("/api/v1/silences", json=[])))[0] == 422


async def test_what_mutes_an_alert_and_holds_an_instance_is_said(client, daemon, tmp_path):
    from tests.agent.web.test_web_api import BEHIND

    key = daemon.stands("monthly", BEHIND, site="www")
    daemon.holding[key] = "engagement"
    muted = Muted(MutedBy.DEPENDENCY, "engagement")
    alert = OpenAlert(key, "behind", "f", {}, "behind is on", "firing", NOW, NOW, None, muted, "engagement is off")
    daemon.open = [
        alert,
        replace(alert, name="other", muted=Muted(MutedBy.SILENCE, "s", NOW + HOUR), muted_words="s by ann"),
    ]
    said = (await (await client.get("/api/v1/alerts")).json())["alerts"]
    assert [(one["state"], one["muted"]) for one in said] == [
        ("held", {"by": "dependency", "words": "engagement is off"}),
        ("firing", {"by": "silence", "words": "s by ann"}),
    ]
    (instance,) = (await (await client.get("/api/v1/targets/monthly")).json())["instances"]
    assert (instance["standing"], instance["held_by"]) == ("behind", "engagement")
    daemon.store = await Store.open(f"sqlite:///{tmp_path}/s.db", NOW)
    assert (await (await client.get("/api/v1/status")).json())["alerts"]["held"] == 1
    await daemon.store.close()
    page = await (await client.get("/")).text()
    assert "by engagement, which is off" in page
    assert "muted: silence s until 01:00 UTC" in page
    assert "1 held" in page
    assert InstanceKey("monthly", (("site", "www"),)) == key
