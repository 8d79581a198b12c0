"""What a connection asks of a library that speaks MQTT, and what it reports.

A client lives from one connect to the loss of that connection, and is never used again.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from bus.mqtt.presence import Presence
from bus.mqtt.publication import Options
from bus.settings import BrokerSettings

IN_FLIGHT = 20  # messages under way in each direction: Mosquitto's Receive Maximum
QUEUED = 200  # messages that may wait for one of these places
SESSION_TAKEN = 0x8E
UNSUPPORTED_VERSION = "Unsupported protocol version"  # as paho says it


class PublishQueueFull(Exception):
    """The client cannot take a message now; it is not kept."""


@dataclass(frozen=True)
class Login:
    """As whom, and with what, a client presents itself."""

    settings: BrokerSettings
    account: str
    password: str
    lasting: bool
    presence: Presence | None

    def will_topic(self, presence: Presence) -> str:
        """Return the topic of the last will."""
        topics = self.settings.topics()
        return topics.to_wire(topics.process(presence.name))


@dataclass(frozen=True)
class InboundPublish:
    """A message as it came; `mid` is 0 when it needs no acknowledgement."""

    topic: str
    payload: bytes
    retained: bool
    response_topic: str | None
    correlation: bytes | None
    mid: int
    redelivered: bool = False  # the broker sent it before, and nobody acknowledged it


class Client(Protocol):
    """One life at the broker. `live` belongs to one thread, the rest may be called from any."""

    def run(self) -> None:
        """Connect and stay until the connection is lost or ended; raise OSError."""

    def publish(self, topic: str, payload: bytes, options: Options) -> int:
        """Send a message with QoS 1; return the id of its confirmation; raise PublishQueueFull."""

    def together(self) -> AbstractContextManager[None]:
        """Send what is published in the block together, where that is cheaper."""

    def subscribe(self, topic_filter: str, qos: int = 1) -> int | None:
        """Ask for a topic; return the id of the answer."""

    def unsubscribe(self, topic_filter: str) -> None:
        """Unsubscribe from a topic."""

    def acknowledge(self, mid: int) -> None:
        """Acknowledge a message that has been handled."""

    def disconnect(self) -> None:
        """End this life in an orderly way."""


class Listener(Protocol):
    """Callbacks of a client, in the thread of `run`."""

    def on_connect(self, client: Client) -> None:
        """Note that the broker has accepted the connection."""

    def on_refused(self, client: Client, reason: str) -> None:
        """Note that the broker refused the account."""

    def on_subscribe(self, client: Client, mid: int, codes: Sequence[int]) -> None:
        """Note the answer to a subscription."""

    def on_publish(self, client: Client, mid: int, code: int) -> None:
        """Note that a message was confirmed, and with which reason code."""

    def on_message(self, client: Client, message: InboundPublish) -> None:
        """Receive a message."""

    def on_disconnect(self, client: Client, reason: str, *, session_taken: bool) -> None:
        """Note the end of the connection; `session_taken`: another one uses the account now."""


class ClientFactory(Protocol):
    """How a client is made."""

    def __call__(self, login: Login, listener: Listener) -> Client:
        """Return a client that is not connected yet; raise OSError for an unreadable file."""
