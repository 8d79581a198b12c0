"""Plain numbers to dial, as home automation and simple programs publish them.

A plain number has neither id nor time. So it is received on a connection of its own that does
not last: what is published while nobody listens is lost, and nothing old is ever dialled. From here
on it is a dial request like any other, and its answer comes on `dial/result`.
"""

import logging
import threading
from collections.abc import Callable
from typing import Self
from uuid import uuid4

from bus.events import DialRequest, DialRequestData, now
from bus.mqtt.connection import Connection
from bus.mqtt.inbox import ReceivedMessage
from bus.settings import BrokerSettings
from bus.topics import ANY_USER

log = logging.getLogger(__name__)

ACCOUNT = "dial-number"
_LONGEST = 64  # characters


class PlainNumbers:
    """Hands plain numbers to the dial consumer, by `post`; use it in a `with` block."""

    def __init__(
        self,
        broker: BrokerSettings,
        post: Callable[[Callable[[], None]], None],
        handle: Callable[[ReceivedMessage], None],
        users: tuple[str, ...] = (),
    ) -> None:
        self._post = post
        self._handle = handle
        self._connection = Connection(broker, ACCOUNT, lasting=False)
        for user in users or (ANY_USER,):
            self._connection.subscribe(self._connection.topics.dial_number(user), self._received)
        self._thread = threading.Thread(target=self._connection.run, name="numbers", daemon=True)

    def __enter__(self) -> Self:
        self._connection.__enter__()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.stop()
        self._thread.join(1.0)
        self._connection.__exit__()

    def wait_connected(self) -> None:
        """Return once numbers are received; raise BrokerUnavailable."""
        self._connection.wait_connected()

    def _received(self, message: ReceivedMessage) -> None:
        topics = self._connection.topics
        if message.retained:
            log.warning("ignored a retained number topic=%s", message.topic)
            return
        number = message.payload[: _LONGEST + 1].decode(errors="replace").strip()
        if not number or len(number) > _LONGEST:
            log.warning("not a number topic=%s", message.topic)
            return
        request = DialRequest(
            source="number", time=now(), data=DialRequestData(number=number, request_id=uuid4())
        )
        topic = topics.dial(topics.user_of(message.topic))
        self._post(lambda: self._handle(ReceivedMessage(topic, request.encoded())))
