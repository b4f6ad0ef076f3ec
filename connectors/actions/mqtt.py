"""A corrective call over MQTT: one message, made when the broker has acknowledged it.

MQTT 5, because only there a broker says why it does not take a message (3.4.2.1 of the standard); 3.1.1 where it knows
no other.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import orjson
from pydantic import AfterValidator, Field
from yarl import URL

from connectors import fields
from connectors.answers import shown
from connectors.base import Call, ConnectorError, Misconfigured, Refused, Services, Unreachable
from connectors.bodies import Path, strings
from connectors.calling import ActionConfig, JsonTemplate, Template, shown_json
from connectors.failures import failure
from connectors.template import TemplateError, render, render_json
from rules.model import SECOND

if TYPE_CHECKING:
    from paho.mqtt.client import Client, DisconnectFlags
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_TAGS = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_LOOK = 0.1  # seconds between two looks whether the call was given up
_LONGEST = 65_535  # bytes of a topic
_FAILS = 0x80
_NOT_THIS_VERSION = frozenset({1, 0x84})  # as 3.1.1 and as 5 say it
_TRANSIENT = frozenset({0x80, 0x83, 0x88, 0x89, 0x8B, 0x91, 0x93, 0x96, 0x97, 0x98, 0x9F, 0xA0})
_NOBODY = 0x10


def _check_url(value: fields.Token) -> fields.Token:
    try:
        url = URL(value.get_secret_value())
        if url.scheme in _PORTS and url.host and (url.port or url.explicit_port is None) and url.path in {"", "/"}:
            return value
    except ValueError:
        pass
    raise ValueError("has to be the address of a broker, such as mqtt://user:password@broker:1883 or mqtts://broker")


def _check_topic(text: str) -> str:
    literal = _TAGS.sub("", text)
    if not text or set(literal) & set("+#\0"):
        raise ValueError("is empty" if not text else "names one topic: + and # are for those who subscribe")
    return text


class MqttActionConfig(ActionConfig):
    """`json` or `payload`, not both; without either the message is empty.

    `topic`, `json` and `payload` are templates.
    """

    NOT_BOTH = (("json", "payload"),)
    type: Literal["mqtt"]
    url: Annotated[fields.Token, AfterValidator(_check_url)]
    topic: Annotated[Template, AfterValidator(_check_topic)]
    json_: JsonTemplate = Field(default=None, alias="json")
    payload: Template | None = None
    qos: Annotated[int, Field(ge=0, le=2)] = 1
    retain: bool = False
    timeout: fields.Span = 10 * SECOND

    @property
    def acts_on(self) -> str:
        """The topic."""
        return self.thing or self.topic

    def preview(self, context: Mapping[str, Any]) -> str:
        """The topic, the broker without its credentials, and the message if it is JSON."""
        said = f"PUBLISH {topic_of(self.topic, context)} at {shown(URL(self.url.get_secret_value()))}"
        if self.json_ is not None:
            return f"{said} {shown_json(self.json_, context)}"
        size = len(render(self.payload or "", context))
        return said + (f" with a message of {size} characters" if size else "")

    def templates(self) -> Iterator[tuple[Path, str]]:
        """Every template with the path of its key."""
        yield from super().templates()
        yield ("topic",), self.topic
        yield ("payload",), self.payload or ""
        yield from ((("json", *at), text) for at, text in strings(self.json_))


def topic_of(template: str, context: Mapping[str, Any]) -> str:
    """The topic a template makes. Raises TemplateError where a value would make it another one than was meant.

    A value may hold `/` only where the whole topic is one value: elsewhere it would lead to another level.
    """
    topic = render(template, context)
    literal, meant = _TAGS.sub("", template), _TAGS.sub("x", template)
    if not topic or (literal and topic.split("/").count("") > meant.split("/").count("")):
        raise TemplateError("a value in the topic is empty")
    if set(topic) & set("+#\0"):
        raise TemplateError("a value in the topic holds + or #, which a topic can't have")
    if literal and "{%" not in template and topic.count("/") != literal.count("/"):
        raise TemplateError("a value in the topic holds /, which leads to another topic")
    if topic.startswith("$") and not template.startswith("$"):
        raise TemplateError("a value makes the topic begin with $, which is the broker's own")
    if len(topic.encode()) > _LONGEST:
        raise TemplateError(f"the topic has more than {_LONGEST} bytes")
    return topic


class Message(NamedTuple):
    """What is published."""

    topic: str
    payload: bytes
    is_json: bool
    key: str


class MqttAction:
    """Publishes one message on a connection of its own. Its user property `key` stays the same when it is repeated."""

    Config = MqttActionConfig

    def __init__(self, name: str, config: MqttActionConfig, services: Services) -> None:
        self._name = name
        self._config = config
        self._services = services
        self._url = URL(config.url.get_secret_value())
        self._where = f"action {name}: {shown(self._url)}"
        self._seconds = config.timeout / SECOND

    async def call(self, call: Call) -> str:
        """Publishes; returns once the broker has taken the message, or with `qos` 0 once it is sent.

        Raises ConnectorError.
        """
        message = self._message(call)
        started = self._services.now()
        try:
            code = await _in_thread(lambda gone: self._deliver(message, gone), self._seconds)
        except ConnectorError:
            raise
        except (OSError, ValueError) as error:
            raise failure(error, self._where, self._seconds) from None
        took = max(self._services.now() - started, 0) // 1_000
        if not self._config.qos:
            return f"sent to {message.topic} in {took} ms"
        nobody = ", which nobody has subscribed to" if code == _NOBODY else ""
        return f"the broker took a message for {message.topic}{nobody} in {took} ms"

    async def close(self) -> None:
        """Nothing is held open."""

    def _message(self, call: Call) -> Message:
        config = self._config
        try:
            topic = topic_of(config.topic, call.context)
            if config.json_ is not None:
                return Message(topic, orjson.dumps(render_json(config.json_, call.context)), True, call.key)
            return Message(topic, render(config.payload or "", call.context).encode(), False, call.key)
        except (TemplateError, orjson.JSONEncodeError, UnicodeEncodeError) as error:
            raise Misconfigured(f"action {self._name}: {error}") from None

    def _deliver(self, message: Message, gone: threading.Event) -> int:
        """Publishes, in a thread; ends early when the call is `gone`. The broker's reason code."""
        from paho.mqtt.enums import MQTTProtocolVersion

        tried = _Try(self._config, self._url, message)
        tried.run(MQTTProtocolVersion.MQTTv5, gone)
        if tried.connected in _NOT_THIS_VERSION:
            tried = _Try(self._config, self._url, message)
            tried.run(MQTTProtocolVersion.MQTTv311, gone)
        if tried.taken is not None and tried.taken < _FAILS:
            return tried.taken
        if tried.code < _FAILS:
            raise Unreachable(
                f"{self._where}: the connection was closed before the message was acknowledged", unanswered=True
            )
        said = f"{self._where}: the broker refused {tried.what}: {tried.said.lower()}"
        raise Refused(said, status=tried.code, permanent=tried.code not in _TRANSIENT)


class _Try:
    """One connection by one version of the protocol; the reason codes that the broker gave, None for none."""

    def __init__(self, config: MqttActionConfig, url: URL, message: Message) -> None:
        self.connected: int | None = None
        self.taken: int | None = None
        self.left: int | None = None
        self.said = ""
        self._config = config
        self._url = url
        self._message = message

    @property
    def code(self) -> int:
        """The reason code that says most of what went wrong."""
        found = (self.taken, self.connected, self.left)
        return next((code for code in found if code is not None and code >= _FAILS), 0)

    @property
    def what(self) -> str:
        """What was refused."""
        return "the connection" if self.connected is None or self.connected >= _FAILS else "the message"

    def run(self, version: int, gone: threading.Event) -> None:
        """Connects, publishes and waits for the acknowledgement. Raises OSError and ValueError."""
        client = self._client(version)
        try:
            client.connect(str(self._url.host), keepalive=0)
            while self.taken is None and not gone.is_set():
                if client.loop(_LOOK):
                    break
        finally:
            client.disconnect()

    def _client(self, version: int) -> Any:
        from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

        protocol = MQTTProtocolVersion(version)
        client = _client_class()(CallbackAPIVersion.VERSION2, protocol=protocol, reconnect_on_failure=False)
        if self._url.user is not None or self._url.password is not None:
            client.username_pw_set(self._url.user or "", self._url.password)
        client.on_connect = self._on_connect
        client.on_publish = self._on_publish
        client.on_disconnect = self._on_disconnect
        client.on_received = self._on_received
        client.connection = self._connection
        return client

    def _connection(self) -> socket.socket:
        """Paho's own would leave a socket open where TLS fails, and bound TLS by the time between signs of life."""
        host, port = str(self._url.host), self._url.port or _PORTS[self._url.scheme]
        plain = socket.create_connection((host, port), self._config.timeout / SECOND)
        if self._url.scheme == "mqtt":
            return plain
        try:
            return ssl.create_default_context().wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise

    def _on_connect(self, client: Client, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any) -> None:
        self.connected = self._heard(reason)
        if self.connected == 0:
            message, config = self._message, self._config
            client.publish(message.topic, message.payload, config.qos, config.retain, self._properties(client))

    def _on_publish(self, _client: Client, _data: Any, _id: int, reason: ReasonCode, _properties: Any) -> None:
        if self.taken is None:
            self.taken = self._heard(reason)

    def _on_received(self, reason: ReasonCode) -> None:
        if int(reason.value) >= _FAILS:
            self.taken = self._heard(reason)

    def _on_disconnect(
        self, _client: Client, _data: Any, flags: DisconnectFlags, reason: ReasonCode, _properties: Any
    ) -> None:
        if flags.is_disconnect_packet_from_server and self.taken is None:
            self.left = self._heard(reason)

    def _heard(self, reason: ReasonCode) -> int:
        self.said = str(reason)
        return int(reason.value)

    def _properties(self, client: Client) -> Properties | None:
        from paho.mqtt.enums import MQTTProtocolVersion
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        if client.protocol != MQTTProtocolVersion.MQTTv5:
            return None
        found = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        found.UserProperty = ("key", self._message.key)
        found.PayloadFormatIndicator = 1
        if self._message.is_json:
            found.ContentType = "application/json"
        return found


@cache
def _client_class() -> Any:
    """A client on our own connection that hears why a broker does not take a message of QoS 2; paho does not look.

    Both need methods that paho keeps for itself. The tests of refused messages and of TLS say when they are gone.
    """
    from paho.mqtt.client import Client
    from paho.mqtt.enums import MQTTErrorCode, MQTTProtocolVersion
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.reasoncodes import ReasonCode

    class Hearing(Client):
        on_received: Callable[[ReasonCode], None]
        connection: Callable[[], socket.socket]

        def _create_socket(self) -> socket.socket:
            return self.connection()

        def _handle_pubrec(self) -> MQTTErrorCode:
            packet = self._in_packet["packet"]
            if self.protocol == MQTTProtocolVersion.MQTTv5 and len(packet) > 2:
                self.on_received(ReasonCode(PacketTypes.PUBREC, identifier=packet[2]))
            return super()._handle_pubrec()

    return Hearing


async def _in_thread(work: Callable[[threading.Event], int], seconds: float) -> int:
    """What `work` gives, in a thread that keeps no process from ending. Raises TimeoutError, and tells `work` so."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[int] = loop.create_future()
    gone = threading.Event()

    def tell(result: int, error: Exception | None) -> None:
        if done.done():
            return
        done.set_result(result) if error is None else done.set_exception(error)

    def run() -> None:
        result, failed = 0, None
        try:
            result = work(gone)
        except Exception as error:
            failed = error
        with suppress(RuntimeError):  # the loop has ended, and nobody waits any more
            loop.call_soon_threadsafe(tell, result, failed)

    threading.Thread(target=run, name="mqtt", daemon=True).start()
    try:
        async with asyncio.timeout(seconds):
            return await done
    finally:
        gone.set()
