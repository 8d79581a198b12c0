"""A message on its way to the broker, and what the broker said of it."""

import threading
from typing import TypedDict

from bus.mqtt.inbox import BrokerUnavailable

TIMEOUT = 5.0  # seconds a broker may take to acknowledge
LET_IN_WITHIN = 10.0  # seconds for a broker of several nodes, which agree on a session first
NO_SUBSCRIBERS = 0x10
_REFUSED = 0x80


class PublishRefused(Exception):
    """The broker took the message and threw it away; `code` is its reason code."""

    def __init__(self, topic: str, code: int) -> None:
        super().__init__(f"the broker refused to pass on {topic} (reason 0x{code:02x})")
        self.code = code


class Unconfirmed(BrokerUnavailable):
    """The broker did not confirm a message in time; it may be delivered all the same."""


class Publication:
    """A message on its way to the broker."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self._code: int | None = None
        self._unresolved = threading.Lock()  # an Event costs as much as the message
        self._unresolved.acquire()

    def resolve(self, code: int | None) -> None:
        """Note the broker's reason code; None says that the connection broke before it came."""
        self._code = code
        self._unresolved.release()

    @property
    def refusal(self) -> PublishRefused | None:
        """Why the broker threw it away; None where it did not, or has not answered yet."""
        if self._code is None or self._code < _REFUSED:
            return None
        return PublishRefused(self.topic, self._code)

    def wait(self, timeout: float = TIMEOUT) -> int:
        """Return the reason code (0x10: nobody subscribes); raise when it is not delivered."""
        resolved = self._unresolved.acquire(timeout=timeout)
        if resolved:
            self._unresolved.release()  # for who waits once more
        if not resolved or self._code is None:
            raise Unconfirmed(f"the broker did not confirm a message on {self.topic}")
        if (refusal := self.refusal) is not None:
            raise refusal
        return self._code


class Options(TypedDict, total=False):
    """What can be said about a message besides topic and payload."""

    retain: bool
    expiry: int | None  # seconds
    content_type: str | None
    correlation: bytes | None
    response_topic: str | None


class InFlight:
    """The deliveries of one life of a connection by the id of their confirmation."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._publications: dict[int, Publication] = {}
        self._early: dict[int, int] = {}  # confirmed before the delivery could be added
        self._over = False

    def add(self, mid: int, publication: Publication) -> None:
        """Have a delivery settled when its confirmation comes, or this life ends."""
        with self._lock:
            if not self._over and mid not in self._early:
                self._publications[mid] = publication
                return
            code = self._early.pop(mid, None)
        publication.resolve(code)

    def confirm(self, mid: int, code: int) -> None:
        """Note what the broker said of a message."""
        with self._lock:
            publication = self._publications.pop(mid, None)
            if publication is None:
                self._early[mid] = code
        if publication is not None:
            publication.resolve(code)

    def end(self) -> None:
        """Resolve all that wait: the connection broke."""
        with self._lock:
            self._over = True
            pending, self._publications = self._publications, {}
            self._early.clear()
        for publication in pending.values():
            publication.resolve(None)
