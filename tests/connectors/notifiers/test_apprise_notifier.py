"""Apprise's services: those that post JSON are real ones here, of the others only their addresses are read."""

from __future__ import annotations

import base64
import json
import logging
import re
import tempfile
from pathlib import Path

import pytest
from pydantic import ValidationError

from connectors.base import Refused, TimedOut
from connectors.facts import facts
from connectors.notifiers.apprise import AppriseNotifier, body_of, kind_of, title_of
from rules.model import Reason
from tests.connectors.notifiers import kit

SECRETS = ("Pa55w0rdOfUser", "T0kenInThePath")
TELEGRAM = "tgram://123456789:abcdefg_hijklmnop/12345/"
DISCORD = "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js/"
TWILIO = f"twilio://AC{'1' * 32}:{'a' * 32}@15551234567/15557654321"


def address(port: int, path: str = "in") -> str:
    return f"json://ann:{SECRETS[0]}@127.0.0.1:{port}/{path}/{SECRETS[1]}"


@pytest.fixture
async def made(services):
    found = []

    def make(*urls, **keys):
        config = {"type": "apprise", "urls": list(urls), **keys}
        found.append(AppriseNotifier(AppriseNotifier.Config.model_validate(config), services))
        return found[-1]

    yield make
    for one in found:
        await one.close()


async def test_a_message_has_title_body_kind_and_chart(made):
    async with kit.sink() as sink:
        await made(address(sink.port)).send(kit.sending(chart=kit.PNG, ack_url="https://s/ack/x"))
    ((request, body),) = sink.requests
    said = json.loads(body)
    assert request.path == f"/in/{SECRETS[1]}"
    assert said["title"] == f"🟠 {kit.notice().headline}"
    assert said["type"] == "warning"
    lines = said["message"].splitlines()
    assert lines[:3] == ["Ask growth", "Taken by Ann at 18:53", "Acknowledge: https://s/ack/x"]
    assert all(f"{label}: {text}" in lines for label, text in facts(kit.notice()))
    assert "Runbook: https://wiki.example.com/behind?a=1&b=2" in lines
    (attachment,) = said["attachments"]
    assert base64.b64decode(attachment["base64"]) == kit.PNG
    assert list(Path(tempfile.gettempdir()).glob("setpoint-*")) == []


@pytest.mark.parametrize(
    ("notice", "kind"),
    [
        (kit.notice(severity="critical"), "failure"),
        (kit.notice(severity="error"), "failure"),
        (kit.notice(), "warning"),
        (kit.notice(severity="page"), "warning"),
        (kit.notice(severity="info"), "info"),
        (kit.resolved(severity="critical"), "success"),
        (kit.notice(reason=Reason.TEST, severity="critical"), "info"),
        (kit.several(reason=Reason.RESOLVED), "warning"),
    ],
)
def test_the_kind_says_how_it_stands(notice, kind):
    assert kind_of(notice) == kind


def test_a_group_is_a_list():
    lines = body_of(kit.several(30, 1)).splitlines()
    assert lines[0] == "🟠 Room (room-0) is too <hot> & dry"
    assert lines[20] == "and 11 more"


@pytest.mark.parametrize("of", [*kit.ALL_REASONS, kit.several(), kit.several(0, 2)], ids=lambda n: n.headline)
async def test_every_notice_can_be_sent(made, of):
    async with kit.sink() as sink:
        assert await made(address(sink.port)).send(kit.sending(of)) is None
    assert of.headline in json.loads(sink.requests[0][1])["title"]


@pytest.mark.parametrize("text", ["@everyone", "mail @ann", "<@U01> <!channel> <#C01>", "(@here)"])
def test_nobody_is_called_by_what_a_label_says(text):
    said = body_of(kit.notice(labels={"l": text}, details=(text,), why=(text,)))
    for mention in ("@everyone", "@ann", "<@U", "<!c", "<#C", "@here"):
        assert mention not in said
    assert "ops@example.com" in body_of(kit.notice(details=("ops@example.com",)))
    assert "@everyone" not in title_of(kit.notice(headline="@everyone"))


@pytest.mark.parametrize("status", [301, 400, 401, 404, 410, 413, 429, 500, 503])
async def test_a_refusal_names_the_service_and_nothing_secret(made, status, caplog, capsys):
    caplog.set_level(0)
    async with kit.sink(status=status, echo=True, headers={"Location": "http://127.0.0.1:9/"}) as sink:
        error = await kit.refusal(made(address(sink.port)), kit.sending(), SECRETS)
    assert isinstance(error, Refused)
    assert not error.permanent
    assert str(error).startswith("json:// did not take it")
    assert (f"(answered {status})" in str(error)) is (status != 301)
    for secret in SECRETS:
        assert secret not in caplog.text
        assert secret not in "".join(capsys.readouterr())


async def test_nobody_there_and_silence_are_worth_another_try(made, caplog):
    caplog.set_level(0)
    error = await kit.refusal(made(address(kit.closed_port())), kit.sending(), SECRETS)
    assert not error.permanent
    async with kit.silent() as port:
        error = await kit.refusal(made(address(port), timeout="50ms"), kit.sending(), SECRETS)
    assert type(error) is TimedOut
    assert not error.permanent
    assert str(error) == "json:// gave no answer within 0.05 s"
    assert all(secret not in caplog.text for secret in SECRETS)


async def test_who_took_it_is_not_told_again_when_another_has_to_be(made):
    async with kit.sink() as good, kit.sink(status=503) as bad:
        notifier = made(address(good.port, "good"), address(bad.port, "bad"))
        error = await kit.refusal(notifier, kit.sending(), SECRETS)
        assert str(error) == "json:// did not take it (answered 503) (1 of 2 took it)"
        bad.status = 200
        await notifier.send(kit.sending(attempt=2))
        assert (len(good.requests), len(bad.requests)) == (1, 2)
        await notifier.send(kit.sending(key="another"))
        assert (len(good.requests), len(bad.requests)) == (2, 3)


async def test_what_a_service_can_not_take_is_cut(made):
    long = kit.notice(headline="x" * 5_000, details=("y" * 9_000,) * 100)
    async with kit.sink() as sink:
        await made(address(sink.port)).send(kit.sending(long))
    said = json.loads(sink.requests[0][1])
    assert len(said["title"]) == 250
    assert len(said["message"]) < 40_000


def test_the_library_says_nothing_in_the_log():
    AppriseNotifier.Config.model_validate({"type": "apprise", "urls": [DISCORD]})
    assert logging.getLogger("apprise").propagate is False
    assert not logging.getLogger("apprise").isEnabledFor(logging.INFO)


@pytest.mark.parametrize("url", [TELEGRAM, DISCORD, TWILIO, "json://localhost/", "mailto://ann:pw@example.com"])
def test_addresses_that_apprise_knows(url):
    made = AppriseNotifier.Config.model_validate({"type": "apprise", "urls": [url]})
    assert url.partition("://")[2] not in repr(made)


@pytest.mark.parametrize(
    ("urls", "says"),
    [
        ([], "at least 1"),
        (["T0kenInThePath"], "is not an address such as tgram://"),
        ([TELEGRAM, "tgrm://T0kenInThePath/1"], "no service tgrm://; did you mean tgram://"),
        (["nothinglikeit://T0kenInThePath"], "no service nothinglikeit://$"),
        (["tgram://T0kenInThePath"], "is not an address as Apprise has it for tgram://"),
        (["discord://T0kenInThePath"], "for discord://"),
    ],
)
def test_addresses_that_it_does_not_know_are_mistakes(urls, says, capsys, caplog):
    caplog.set_level(0)
    with pytest.raises(ValidationError) as caught:
        AppriseNotifier.Config.model_validate({"type": "apprise", "urls": urls})
    (error,) = caught.value.errors(include_url=False)
    assert re.search(says, error["msg"])
    assert error["loc"] == (("urls", len(urls) - 1) if urls else ("urls",))
    assert "T0kenInThePath" not in f"{caught.value}{caplog.text}{''.join(capsys.readouterr())}"


def test_a_file_has_one_address_a_line(tmp_path):
    (tmp_path / "urls").write_text(f"{TELEGRAM}\n\n{DISCORD}\n", encoding="utf-8")
    config = AppriseNotifier.Config.model_validate(
        {"type": "apprise", "urls_file": "urls"}, context={"folder": tmp_path}
    )
    assert [url.get_secret_value() for url in config.urls] == [TELEGRAM, DISCORD]
    with pytest.raises(ValidationError, match="can't read"):
        AppriseNotifier.Config.model_validate({"type": "apprise", "urls_file": "none"}, context={"folder": tmp_path})
