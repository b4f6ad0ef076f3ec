from __future__ import annotations

import pytest
from pydantic import ValidationError

from connectors.base import Inbound, Refused, Services
from connectors.http import HttpClient
from connectors.sources.checkin import CheckinSource, CheckinSourceConfig
from rules.model import MINUTE
from tests.connectors.conformance import NOW


@pytest.fixture
def source() -> CheckinSource:
    config = CheckinSourceConfig.model_validate({"type": "checkin", "schedule": "0 3 * * *"})
    return CheckinSource("backup", config, Services(http=HttpClient(lambda: NOW), now=lambda: NOW))


def call(path: str = "", method: str = "POST", body: bytes = b"") -> Inbound:
    return Inbound(method, path, {}, {}, body)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize(
    ("path", "kind", "status", "readings"),
    [
        ("", "success", None, {"checkin": 1.0}),
        ("start", "start", None, {"checkin_start": 1.0}),
        ("fail", "fail", None, {"checkin": 0.0}),
        ("log", "log", None, {}),
        ("0", "exit", 0, {"checkin": 1.0, "checkin_exit_status": 0.0}),
        ("137", "exit", 137, {"checkin": 0.0, "checkin_exit_status": 137.0}),
        ("/255/", "exit", 255, {"checkin": 0.0, "checkin_exit_status": 255.0}),
    ],
)
def test_every_call(source, method, path, kind, status, readings):
    made = source.accept(call(path, method), NOW)
    assert {reading.series.name: reading.value for reading in made} == readings
    assert all(reading.series.labels == (("source", "backup"),) and reading.time == NOW for reading in made)
    assert source.ping(call(path, method)) == (kind, status, "")


@pytest.mark.parametrize("path", ["256", "-1", "1.5", "stop", "start/now", "٣", "0x1", "../other"])
def test_unknown_paths(source, path):
    with pytest.raises(Refused) as caught:
        source.accept(call(path), NOW)
    assert (caught.value.status, caught.value.permanent) == (404, True)


def test_other_methods(source):
    with pytest.raises(Refused) as caught:
        source.accept(call(method="DELETE"), NOW)
    assert caught.value.status == 405


def test_the_body_is_kept_as_text_and_cut(source):
    assert source.ping(call("log", body=b"done \xff"))[2] == "done \ufffd"
    assert len(source.ping(call("log", body=b"x" * 50_000))[2]) == 10_000


def test_what_is_expected():
    config = CheckinSourceConfig.model_validate({"type": "checkin", "every": "1h"})
    assert (config.every, config.grace) == (60 * MINUTE, 5 * MINUTE)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "give schedule"),
        ({"schedule": "0 3 * * *", "every": "1h"}, "not both"),
        ({"schedule": "0 3 * *"}, "five fields"),
        ({"schedule": "61 3 * * *"}, "not a cron"),
        ({"every": "1h", "timezone": "Mars/Base"}, "not a time zone"),
        ({"every": "0"}, "longer than nothing"),
    ],
)
def test_what_can_not_be_expected(keys, message):
    with pytest.raises(ValidationError, match=message):
        CheckinSourceConfig.model_validate({"type": "checkin", **keys})
