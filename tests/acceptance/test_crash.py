"""kill -9 and SIGSTOP in real time; `tests/crash` kills at every kind of instant."""

from __future__ import annotations

import signal
from collections.abc import Iterable

from tests.acceptance.configs import house
from tests.acceptance.daemon import Daemon
from tests.acceptance.servers import Api, Message, Receiver
from tests.acceptance.waiting import passed


def sequences(messages: Iterable[Message]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for message in messages:
        found.setdefault(message.alert["labels"]["room"], []).append(message.json["status"])
    return found


async def test_nothing_began_or_ended_unnoticed_while_it_was_away(daemon: Daemon, api: Api, sink: Receiver):
    """One alert goes on through the kill, one ended and one began while nobody looked."""
    api.values["house"] = {"goes-on": 30.0, "ended": 30.0, "began": 21.0, "calm": 21.0}
    daemon.configure(house(api, sink))
    await daemon.start()
    await daemon.happenings.until(lambda: len(daemon.said("delivery.sent")) == 2, "both told")
    await daemon.kill()
    api.values["house"] |= {"ended": 21.0, "began": 10.0}
    await daemon.start()
    await daemon.happenings.until(lambda: len(daemon.said("delivery.sent")) == 4, "told what changed meanwhile")
    await api.asked_again("house")
    assert sequences(sink.arrived.messages) == {
        "goes-on": ["firing"],
        "ended": ["firing", "resolved"],
        "began": ["firing"],
    }
    assert {alert["instance"]["room"] for alert in (await daemon.get("alerts"))["alerts"]} == {"goes-on", "began"}


async def test_stopped_for_a_while_it_goes_on_where_it_was(daemon: Daemon, api: Api, sink: Receiver):
    api.values["house"] = {"goes-on": 30.0, "ended": 30.0, "began": 21.0}
    daemon.configure(house(api, sink))
    await daemon.start()
    await daemon.happenings.until(lambda: len(daemon.said("delivery.sent")) == 2, "both told")
    daemon.signal(signal.SIGSTOP)
    api.values["house"] |= {"ended": 21.0, "began": 10.0}
    await passed(4)
    daemon.signal(signal.SIGCONT)
    await daemon.happenings.until(lambda: len(sink.taken()) >= 4, "told what changed meanwhile", 5)
    await api.asked_again("house", 3)
    assert sequences(sink.arrived.messages) == {
        "goes-on": ["firing"],
        "ended": ["firing", "resolved"],
        "began": ["firing"],
    }
    assert not daemon.rows("SELECT 1 FROM transitions WHERE target = ''")  # its own pause is no failure of the source
    assert await daemon.status("/-/healthy") == 200
