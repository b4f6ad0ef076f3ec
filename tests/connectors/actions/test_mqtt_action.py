"""Messages to a real broker, and what becomes of brokers that refuse, stay silent or know an old protocol only."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from pydantic import ValidationError

from connectors.actions.mqtt import MqttAction, topic_of
from connectors.base import Call, ConnectorError, Misconfigured, Refused, Services, TimedOut, Unreachable
from connectors.template import TemplateError
from tests.connectors.actions.test_webhook_action import CONTEXT, KEY, call
from tests.connectors.notifiers import kit
from tests.servers import CERTIFICATE, Mosquitto, free_port

SECRETS = (Mosquitto.password, "wr0ng-S3cret")


class Subscriber:
    """Takes in what arrives below a topic."""

    def __init__(self, port: int, topic: str, **credentials: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[MQTTMessage] = asyncio.Queue()
        self.ready = asyncio.Event()
        self.client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        if credentials:
            self.client.username_pw_set(**credentials)
        self.client.on_connect = lambda client, *_: client.subscribe(topic, 2)
        self.client.on_subscribe = lambda *_: self._loop.call_soon_threadsafe(self.ready.set)
        self.client.on_message = lambda _c, _d, message: self._loop.call_soon_threadsafe(
            self._queue.put_nowait, message
        )
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    async def next(self) -> MQTTMessage:
        async with asyncio.timeout(10):
            return await self._queue.get()

    @property
    def silent(self) -> bool:
        return self._queue.empty()


@asynccontextmanager
async def subscribed(port: int, topic: str, **credentials: str) -> AsyncIterator[Subscriber]:
    one = Subscriber(port, topic, **credentials)
    try:
        async with asyncio.timeout(10):
            await one.ready.wait()
        yield one
    finally:
        one.client.disconnect()
        one.client.loop_stop()


def action(services: Services, url: str, **keys: Any) -> MqttAction:
    config = {"type": "mqtt", "url": url, "topic": "home/{{ labels.room }}/set", **keys}
    return MqttAction("heat", MqttAction.Config.model_validate(config), services)


async def failed(made: MqttAction, what: Call | None = None) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        await made.call(what or call())
    kit.leaks_nothing(caught.value, SECRETS)
    assert len(str(caught.value)) < 400
    return caught.value


@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_what_is_published_arrives_with_its_key(services: Services, broker: Mosquitto, qos: int) -> None:
    async with subscribed(broker.port, "home/+/set") as subscriber:
        made = action(
            services,
            f"mqtt://127.0.0.1:{broker.port}",
            json={"setpoint": "{{ at_least + 1 }}", "why": "{{ headline }}"},
            qos=qos,
        )
        said = await made.call(call())
        message = await subscriber.next()
        assert message.topic == "home/den/set"
        assert json.loads(message.payload) == {"setpoint": 21, "why": CONTEXT["headline"]}
        assert (message.qos, message.retain) == (qos, False)
        assert message.properties.UserProperty == [("key", KEY)]
        assert message.properties.ContentType == "application/json"
    verb = "sent to" if qos == 0 else "the broker took a message for"
    assert said == f"{verb} home/den/set in 0 ms"


async def test_text_letters_beyond_ascii_and_no_text(services: Services, broker: Mosquitto) -> None:
    url = f"mqtt://127.0.0.1:{broker.port}"
    async with subscribed(broker.port, "home/#") as subscriber:
        await action(services, url, payload="{{ value }} °C in {{ labels.room }}").call(call(room="会議室"))
        message = await subscriber.next()
        assert (message.topic, message.payload.decode()) == ("home/会議室/set", "18.4 °C in 会議室")
        await action(services, url).call(call())
        assert (await subscriber.next()).payload == b""


async def test_a_retained_message_waits_for_who_comes_later(services: Services, broker: Mosquitto) -> None:
    url = f"mqtt://127.0.0.1:{broker.port}"
    made = action(services, url, topic="kept/{{ labels.room }}", payload="22", retain=True)
    assert "which nobody has subscribed to" in await made.call(call())
    async with subscribed(broker.port, "kept/#") as subscriber:
        message = await subscriber.next()
        assert (message.payload, message.retain) == (b"22", True)


async def test_who_has_a_password_is_let_in(services: Services, broker: Mosquitto) -> None:
    url = f"mqtt://{broker.user}:{broker.password}@127.0.0.1:{broker.closed}"
    async with subscribed(broker.closed, "home/#", username=broker.user, password=broker.password) as subscriber:
        await action(services, url, payload="22").call(call())
        assert (await subscriber.next()).payload == b"22"


@pytest.mark.parametrize("credentials", ["", "house:wr0ng-S3cret@", "nobody:wr0ng-S3cret@"])
async def test_who_has_none_is_refused_for_good(services: Services, broker: Mosquitto, credentials: str) -> None:
    error = await failed(action(services, f"mqtt://{credentials}127.0.0.1:{broker.closed}"))
    assert isinstance(error, Refused)
    assert error.permanent
    assert f"mqtt://127.0.0.1:{broker.closed}: the broker refused the connection: not authorized" in str(error)


@pytest.mark.parametrize("qos", [1, 2])
async def test_what_may_not_be_written_is_refused_for_good(services: Services, broker: Mosquitto, qos: int) -> None:
    url = f"mqtt://{broker.user}:{broker.password}@127.0.0.1:{broker.closed}"
    error = await failed(action(services, url, topic="forbidden/{{ labels.room }}", payload="22", qos=qos))
    assert isinstance(error, Refused)
    assert error.permanent
    assert "the broker refused the message: not authorized" in str(error)


async def test_tls_with_a_certificate_that_is_trusted(
    services: Services, broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = await failed(action(services, f"mqtts://127.0.0.1:{broker.tls}"))
    assert isinstance(error, Unreachable)
    assert "TLS refused: self-signed certificate" in str(error)
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    async with subscribed(broker.port, "home/#") as subscriber:
        await action(services, f"mqtts://localhost:{broker.tls}", payload="22").call(call())
        assert (await subscriber.next()).payload == b"22"


async def test_one_speaks_tls_and_the_other_does_not(services: Services, broker: Mosquitto) -> None:
    error = await failed(action(services, f"mqtts://127.0.0.1:{broker.port}", timeout="2s"))
    assert isinstance(error, Unreachable)
    error = await failed(action(services, f"mqtt://127.0.0.1:{broker.tls}", timeout="2s"))
    assert isinstance(error, Unreachable)
    assert "closed before the message was acknowledged" in str(error)


async def test_nobody_there_and_no_such_name(services: Services) -> None:
    error = await failed(action(services, f"mqtt://me:wr0ng-S3cret@127.0.0.1:{free_port()}"))
    assert isinstance(error, Unreachable)
    assert "connection refused" in str(error)
    error = await failed(action(services, "mqtt://me:wr0ng-S3cret@broker.invalid"))
    assert isinstance(error, Unreachable)
    assert "broker.invalid: name not found" in str(error)


@pytest.mark.parametrize("scheme", ["mqtt", "mqtts"])
async def test_a_broker_that_never_answers(services: Services, scheme: str) -> None:
    async with kit.silent() as port:
        error = await failed(action(services, f"{scheme}://me:wr0ng-S3cret@127.0.0.1:{port}", timeout="250ms"))
        assert isinstance(error, TimedOut)
        assert "within 0.25 s" in str(error)
    for thread in threading.enumerate():  # it hears that nobody waits any more
        if thread.name == "mqtt":
            await asyncio.to_thread(thread.join, 10)
            assert not thread.is_alive()


@asynccontextmanager
async def broker_of(answers: dict[int, list[bytes]]) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A broker that answers each packet of a protocol version with the next of some bytes; without any it hangs up."""
    got: list[bytes] = []
    talks: list[asyncio.Task[None] | None] = []

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.append(asyncio.current_task())
        first = await reader.read(4_096)
        got.append(first)
        version = first[8]
        for index, answer in enumerate(answers[version]):
            if index:
                got.append(await reader.read(4_096))
            writer.write(answer)
            await writer.drain()
        if answers[version]:
            got.append(await reader.read())  # until the other side has closed
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], got
        async with asyncio.timeout(10):
            await asyncio.gather(*(talk for talk in talks if talk))


async def test_a_broker_that_knows_only_the_old_protocol(services: Services) -> None:
    """It says so as 3.1.1 does (3.2.2.3); the first message of a connection has the number 1."""
    old = {5: [b"\x20\x02\x00\x01"], 4: [b"\x20\x02\x00\x00", b"\x40\x02\x00\x01"]}
    async with broker_of(old) as (port, got):
        said = await action(services, f"mqtt://127.0.0.1:{port}", payload="22").call(call())
    assert said.startswith("the broker took a message for home/den/set")
    assert [packet[8] for packet in got if packet[:1] == b"\x10"] == [5, 4]
    assert got[-2].endswith(b"home/den/set\x00\x0122")
    assert got[-1] == b"\xe0\x00"  # it takes its leave, so that the broker takes it for no failure


async def test_a_broker_that_hangs_up_or_talks_nonsense(services: Services) -> None:
    for answers in ([], [b"HTTP/1.1 400 Bad Request\r\n\r\n"]):
        async with broker_of({5: answers}) as (port, _):
            error = await failed(action(services, f"mqtt://127.0.0.1:{port}", payload="22", timeout="1s"))
            assert isinstance(error, Unreachable | TimedOut)
            assert not error.permanent


@pytest.mark.parametrize(
    ("code", "permanent"), [(0x88, False), (0x89, False), (0x97, False), (0x9F, False), (0x8A, True)]
)
async def test_a_broker_that_is_busy_is_tried_again(services: Services, code: int, permanent: bool) -> None:
    async with broker_of({5: [bytes([0x20, 3, 0, code, 0])]}) as (port, _):
        error = await failed(action(services, f"mqtt://127.0.0.1:{port}", payload="22"))
    assert isinstance(error, Refused)
    assert (error.status, error.permanent) == (code, permanent)


EVIL = ["+", "#", "a+", "kit#chen", "\0", "den\0", "..//", "den/set", "/", "", "a/b/c"]


@pytest.mark.parametrize("room", EVIL)
async def test_a_label_leads_to_no_other_topic(services: Services, broker: Mosquitto, room: str) -> None:
    async with subscribed(broker.port, "home/#") as subscriber:
        error = await failed(action(services, f"mqtt://127.0.0.1:{broker.port}", payload="22"), call(room=room))
        assert isinstance(error, Misconfigured)
        assert "a value in the topic" in str(error)
        assert subscriber.silent


@given(st.text(max_size=20), st.text(max_size=20))
def test_no_text_changes_the_levels_of_a_topic(one: str, two: str) -> None:
    try:
        topic = topic_of("home/{{ a }}/{{ b }}/set", {"a": one, "b": two})
    except (TemplateError, UnicodeEncodeError):
        return
    assert topic.split("/")[0::3] == ["home", "set"]
    assert len(topic.split("/")) == 4
    assert not set(topic) & set("+#\0")


def test_a_topic_that_is_one_value() -> None:
    assert topic_of("{{ labels.topic }}", {"labels": {"topic": "home/den/set"}}) == "home/den/set"
    for evil in ("$SYS/x", "a/#", "a" * 70_000):
        with pytest.raises(TemplateError):
            topic_of("{{ labels.topic }}", {"labels": {"topic": evil}})


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"url": "http://broker"}, "mqtt://user:password@broker:1883"),
        ({"url": "mqtt://"}, "mqtt://user:password@broker:1883"),
        ({"url": "mqtt://me:wr0ng-S3cret@broker:port"}, "mqtt://user:password@broker:1883"),
        ({"url": "mqtt://broker/topic"}, "mqtt://user:password@broker:1883"),
        ({"topic": ""}, "is empty"),
        ({"topic": "home/+/set"}, "names one topic"),
        ({"topic": "home/#"}, "names one topic"),
        ({"topic": "home/{{ labls.room }}"}, "did you mean labels?"),
        ({"payload": "{{ vlaue }}"}, "did you mean value?"),
        ({"json": {"a": "{{ vlaue }}"}}, "did you mean value?"),
        ({"json": {}, "payload": "x"}, "json or payload, not both"),
        ({"qos": 3}, "less than or equal to 2"),
        ({"retries": 3}, "retries"),
    ],
)
def test_mistakes_are_found_when_it_is_loaded(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        MqttAction.Config.model_validate({"type": "mqtt", "url": "mqtt://h", "topic": "x", **keys})
    assert words in str(refused.value)
    assert "wr0ng-S3cret" not in str(refused.value)


def test_what_would_be_called_is_said_without_secrets() -> None:
    keys = {"type": "mqtt", "url": f"mqtts://me:{SECRETS[1]}@broker", "topic": "home/{{ labels.room }}"}
    made = MqttAction.Config.model_validate({**keys, "json": {"setpoint": "{{ at_least }}", "token": "wr0ng-S3cret"}})
    assert made.preview(CONTEXT) == 'PUBLISH home/den at mqtts://broker {"setpoint":20,"token":"***"}'
    made = MqttAction.Config.model_validate({**keys, "payload": "{{ value }}"})
    assert made.preview(CONTEXT) == "PUBLISH home/den at mqtts://broker with a message of 4 characters"
    assert SECRETS[1] not in repr(made)
    assert made.acts_on == "home/{{ labels.room }}"
    assert [path for path, _ in made.templates()] == [("thing",), ("topic",), ("payload",)]
