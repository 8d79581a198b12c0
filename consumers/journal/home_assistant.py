"""Makes users' telephones known to Home Assistant by its MQTT discovery.

Retained, and published again when Home Assistant says that it has started. No name and no number
of anybody is in it: a telephone is known by its login, and what a caller is called stays in the
call events, of which only the state is read.
"""

import json
import logging
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from bus.mqtt.connection import PublishRefused
from bus.mqtt.inbox import BrokerUnavailable, ReceivedMessage
from bus.topics import Topics, level

log = logging.getLogger(__name__)

_CALL_STATE = (
    "{% set state = value_json.data.state %}"
    "{{ 'ringing' if state in ('incoming', 'ringing') else 'dialling' if state in ('dialing',"
    " 'ringback') else 'talking' if state in ('connected', 'held') else 'idle' if state == 'ended'"
    " else this.state }}"
)


class AnnouncementBroker(Protocol):
    """What of a connection is needed here."""

    topics: Topics

    @property
    def connected(self) -> bool:
        """Whether the broker is connected."""

    def republish(self, work: Callable[[], None]) -> None:
        """Have work done after each connect."""

    def subscribe(self, topic_filter: str, handle: Callable[[ReceivedMessage], None]) -> None:
        """Hand each message of a topic over."""

    def publish_raw(self, topic: str, payload: bytes, *, retain: bool) -> int:
        """Publish bytes; raise BrokerUnavailable or PublishRefused."""


class HomeAssistant:
    """The telephones as Home Assistant knows them."""

    def __init__(self, connection: AnnouncementBroker, logins: Callable[[], Iterable[str]]) -> None:
        self._connection = connection
        self._logins = logins
        self.known: frozenset[str] = frozenset()
        connection.republish(self.announce)
        connection.subscribe(connection.topics.home_assistant_status(), self._started)

    def announce(self) -> None:
        """Publish every telephone, and take back those of users who are gone."""
        topics, logins = self._connection.topics, frozenset(self._logins())
        messages = {
            topic: json.dumps(payload, ensure_ascii=False).encode()
            for login in sorted(logins)
            for topic, payload in configurations(topics, login).items()
        }
        for login in self.known - logins:
            messages |= dict.fromkeys(configurations(topics, login), b"")
        try:
            for topic, payload in messages.items():
                self._connection.publish_raw(topic, payload, retain=True)
        except (BrokerUnavailable, PublishRefused) as error:
            log.warning("telephones not announced to Home Assistant reason=%s", error)
        else:
            self.known = logins

    def tick(self) -> None:
        """Publish again when users have come or gone."""
        if self._connection.connected and frozenset(self._logins()) != self.known:
            self.announce()

    def _started(self, message: ReceivedMessage) -> None:
        if message.payload == b"online":
            self.announce()


def configurations(topics: Topics, login: str) -> dict[str, dict[str, Any]]:
    """Return the announcements of one telephone, by topic."""
    node = f"starface_{''.join(sign if sign.isalnum() else '_' for sign in level(login))}"
    device = {
        "identifiers": [f"{topics.base}/{level(login)}"], "name": f"Telephone {login}",
        "manufacturer": "starface2mqtt",
    }  # fmt: skip

    def entity(name: str, key: str, process: str, **more: Any) -> dict[str, Any]:
        return {
            "name": name, "unique_id": f"{node}_{key}", "object_id": f"{node}_{key}",
            "device": device, "qos": 1, "availability_topic": topics.process(process), **more,
        }  # fmt: skip

    entities = {
        ("sensor", "missed"): entity(
            "Missed calls", "missed", "journal", state_topic=topics.missed(login),
            value_template="{{ value_json.data.open }}", icon="mdi:phone-missed",
            state_class="measurement",
        ),
        ("sensor", "call"): entity(
            "Call", "call", "gateway", state_topic=topics.calls(login),
            value_template=_CALL_STATE, icon="mdi:phone",
        ),
        ("binary_sensor", "failing"): entity(
            "Fault", "failing", "sessions", state_topic=topics.state(login),
            value_template="{{ 'ON' if value_json.data.state == 'failing' else 'OFF' }}",
            device_class="problem",
        ),
        ("switch", "interface"): entity(
            "Interface", "interface", "sessions", state_topic=topics.state(login),
            value_template="{{ 'off' if value_json.data.state == 'inactive' else 'on' }}",
            command_topic=topics.switch(login), payload_on="on", payload_off="off",
            state_on="on", state_off="off", icon="mdi:phone-classic",
        ),
        ("text", "dial"): entity(
            "Dial", "dial", "dial", command_topic=topics.dial_number(login), max=64,
            icon="mdi:phone-dial",
        ),
    }  # fmt: skip
    return {
        topics.home_assistant(kind, node, key): config for (kind, key), config in entities.items()
    }
