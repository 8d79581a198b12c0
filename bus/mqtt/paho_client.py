"""MQTT by paho, in both versions; no other module imports it.

Each connection gets a new client: paho's own queue would send again, after a reconnect, what
was reported as not delivered.
"""

import contextlib
import socket
import ssl
import time
from functools import lru_cache
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from bus.mqtt.client import (
    IN_FLIGHT,
    QUEUED,
    SESSION_TAKEN,
    InboundPublish,
    Listener,
    Login,
    PublishQueueFull,
)
from bus.mqtt.presence import Presence
from bus.mqtt.publication import LET_IN_WITHIN, TIMEOUT, Options
from bus.settings import BrokerSettings
from bus.topics import escaped


class _PatientClient(mqtt.Client):
    """A client that grants a broker more time to let it in than for a sign of life later.

    By itself paho gives up after the interval of the keep-alive; a broker that takes longer then
    has the next attempt to work off as well, and lets in nobody any more.
    """

    patient_until = 0.0

    def loop_misc(self) -> MQTTErrorCode:
        """Look whether the broker is silent, once it has answered or should have."""
        if not self.is_connected() and time.monotonic() < self.patient_until:
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        return super().loop_misc()


class PahoClient:
    """One life at the broker, with paho."""

    def __init__(self, login: Login, listener: Listener) -> None:
        self._login = login
        self._listener = listener
        self._five = login.settings.version == "5"
        self._mqtt = self._new()

    def run(self) -> None:
        """Connect and stay until the connection is lost or ended; raise OSError."""
        settings = self._login.settings
        # paho takes two intervals to notice a silent broker, and a second to send a ping.
        keep_alive = max(4, settings.keep_alive * 2 // 3)
        self._mqtt.patient_until = time.monotonic() + LET_IN_WITHIN
        self._mqtt.connect(
            settings.host, settings.port, keepalive=keep_alive,
            **_connect_options(settings, lasting=self._login.lasting),
        )  # fmt: skip
        self._mqtt.loop_forever(retry_first_connection=False)

    def publish(self, topic: str, payload: bytes, options: Options) -> int:
        """Send a message with QoS 1; return the id of its confirmation; raise PublishQueueFull."""
        info = self._mqtt.publish(
            topic, payload, qos=1, retain=options.get("retain", False),
            properties=_publish_properties(
                options.get("expiry"), options.get("content_type"),
                options.get("correlation"), options.get("response_topic"),
            ) if self._five else None,
        )  # fmt: skip
        if info.rc != mqtt.MQTT_ERR_SUCCESS:
            raise PublishQueueFull(mqtt.error_string(info.rc))
        return info.mid

    def together(self) -> contextlib.AbstractContextManager[None]:
        """Do nothing: paho sends each message by itself."""
        return contextlib.nullcontext()

    def subscribe(self, topic_filter: str, qos: int = 1) -> int | None:
        """Ask for a topic; return the id of the answer."""
        if self._five:
            return self._mqtt.subscribe(topic_filter, options=SubscribeOptions(qos))[1]
        # RabbitMQ keeps a queue for QoS 1 at the node of a lost connection, and lets nobody in
        # with its client id at another node; nothing waits there for a session that does not last.
        return self._mqtt.subscribe(topic_filter, qos if self._login.lasting else 0)[1]

    def unsubscribe(self, topic_filter: str) -> None:
        """Unsubscribe from a topic."""
        self._mqtt.unsubscribe(topic_filter)

    def acknowledge(self, mid: int) -> None:
        """Acknowledge a message that has been handled."""
        self._mqtt.ack(mid, 1)

    def disconnect(self) -> None:
        """End this life in an orderly way."""
        self._mqtt.disconnect()

    def _new(self) -> _PatientClient:
        login = self._login
        client = _PatientClient(
            CallbackAPIVersion.VERSION2,
            client_id=escaped(login.account),
            clean_session=None if self._five else not login.lasting,
            protocol=mqtt.MQTTv5 if self._five else mqtt.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.username_pw_set(login.account, login.password)
        client.max_inflight_messages_set(IN_FLIGHT)
        client.max_queued_messages_set(QUEUED)
        client.connect_timeout = TIMEOUT
        if login.settings.tls:
            client.tls_set_context(ssl.create_default_context(cafile=login.settings.ca_file))
        if login.presence is not None:
            client.will_set(
                login.will_topic(login.presence), b"offline",
                qos=1, retain=True,
                properties=_start_id(login.presence) if self._five else None,
            )  # fmt: skip
        client.on_socket_open = _without_delay
        client.on_connect = self._connect_answered
        client.on_disconnect = self._disconnected
        client.on_message = self._message_came
        client.on_publish = self._publish_answered
        client.on_subscribe = self._subscribe_answered
        return client

    def _connect_answered(
        self, _client: mqtt.Client, _data: Any, _flags: Any, reason: ReasonCode, _more: Any
    ) -> None:
        if reason.is_failure:
            self._listener.on_refused(self, str(reason))
            self._mqtt.disconnect()
        else:
            self._listener.on_connect(self)

    def _subscribe_answered(
        self, _client: mqtt.Client, _data: Any, mid: int, reasons: list[ReasonCode], _more: Any
    ) -> None:
        self._listener.on_subscribe(self, mid, [reason.value for reason in reasons])

    def _publish_answered(
        self, _client: mqtt.Client, _data: Any, mid: int, reason: ReasonCode, _more: Any
    ) -> None:
        self._listener.on_publish(self, mid, reason.value)

    def _message_came(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        properties = message.properties
        self._listener.on_message(
            self,
            InboundPublish(
                topic=message.topic,
                payload=bytes(message.payload),
                retained=message.retain,
                response_topic=getattr(properties, "ResponseTopic", None),
                correlation=getattr(properties, "CorrelationData", None),
                mid=message.mid if message.qos else 0,
                redelivered=message.dup,
            ),
        )

    def _disconnected(
        self, _client: mqtt.Client, _data: Any, _flags: Any, reason: ReasonCode, _more: Any
    ) -> None:
        self._listener.on_disconnect(self, str(reason), session_taken=reason.value == SESSION_TAKEN)


def _without_delay(_client: mqtt.Client, _data: Any, opened: Any) -> None:
    """Send small messages at once: else each may wait 40 ms for what is said to the one before."""
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _connect_options(settings: BrokerSettings, *, lasting: bool) -> dict[str, Any]:
    if settings.version != "5":
        return {}
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.ReceiveMaximum = IN_FLIGHT
    if lasting:
        properties.SessionExpiryInterval = settings.session_expiry
    return {"clean_start": not lasting, "properties": properties}


def _start_id(presence: Presence) -> Properties:
    properties = Properties(PacketTypes.WILLMESSAGE)  # type: ignore[no-untyped-call]
    properties.UserProperty = ("start_id", presence.start_id)
    return properties


class _Packed(Properties):
    """Properties that are put into bytes once: paho does it again for each message, slowly."""

    def pack(self) -> bytes:
        """Return the bytes."""
        if "packed" not in self.__dict__:
            self.__dict__["packed"] = super().pack()  # type: ignore[no-untyped-call]
        return bytes(self.__dict__["packed"])


@lru_cache(maxsize=256)
def _publish_properties(
    expiry: int | None,
    content_type: str | None,
    correlation: bytes | None,
    response_topic: str | None,
) -> Properties:
    properties = _Packed(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    if expiry:
        properties.MessageExpiryInterval = expiry
    if content_type:
        properties.ContentType = content_type
        properties.PayloadFormatIndicator = 1
    if correlation:
        properties.CorrelationData = correlation
    if response_topic:
        properties.ResponseTopic = response_topic
    return properties
