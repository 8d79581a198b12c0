"""Dial requests from HTTP onto the bus, and their results back to who waits."""

import threading
from collections import defaultdict
from concurrent.futures import Future
from typing import Protocol
from uuid import UUID, uuid4

from pydantic import Field

from bus.events import (
    DialRequest,
    DialRequestData,
    DialResult,
    DialResultData,
    Message,
    Part,
    Text,
    now,
)
from bus.mqtt.connection import NO_SUBSCRIBERS
from bus.mqtt.inbox import ReceivedMessage
from bus.topics import Topics
from runtime.bounded_dict import Recent

_KEPT = 2_000  # requests whose last stage can be asked for

RequestKey = tuple[str, UUID]


class DialNotRunning(Exception):
    """No dial process runs that takes a request."""


class DialBus(Protocol):
    """As much of the broker's connection as dialling needs."""

    topics: Topics

    def publish(self, topic: str, message: Message) -> int:
        """Publish and wait for the broker."""


class DialOrder(Part):
    """What an application asks for; the same `request_id` is never dialled twice."""

    number: Text = Field(min_length=1, description="As written: +41 44 123 45 67, tel:+41441234567")
    phone: Text | None = Field(default=None, description="Phone id at the PBX, such as SIP/16")
    request_id: UUID = Field(default_factory=uuid4, description="Made here when left out")


class DialPort(Protocol):
    """Dial requests on the bus, as far as HTTP needs them."""

    def ask(self, user: str, wish: DialOrder, application: str) -> Future[DialResultData]:
        """Publish a dial request."""

    def cancel(self, key: RequestKey, answer: Future[DialResultData]) -> None:
        """Wait no longer."""

    def find(self, user: str, request_id: UUID) -> DialResultData | None:
        """Return the last stage of a request."""


class DialRequests:
    """Asks the dial process over the bus; may be used from several threads."""

    def __init__(self, bus: DialBus) -> None:
        self._bus = bus
        self._lock = threading.Lock()
        self._last: Recent[RequestKey, DialResultData] = Recent(_KEPT)
        self._waiting: dict[RequestKey, list[Future[DialResultData]]] = defaultdict(list)

    def ask(self, user: str, wish: DialOrder, application: str) -> Future[DialResultData]:
        """Publish a dial request; the future is its next result.

        Raises BrokerUnavailable or DialNotRunning.
        """
        key = (user, wish.request_id)
        answer: Future[DialResultData] = Future()
        with self._lock:
            self._waiting[key].append(answer)
        request = DialRequest(
            source=f"application/{application}",
            time=now(),
            data=DialRequestData(number=wish.number, phone=wish.phone, request_id=wish.request_id),
        )
        try:
            code = self._bus.publish(self._bus.topics.dial(user), request)
        except BaseException:
            self.cancel(key, answer)
            raise
        if code == NO_SUBSCRIBERS:
            self.cancel(key, answer)
            raise DialNotRunning("no dial process is running")
        return answer

    def cancel(self, key: RequestKey, answer: Future[DialResultData]) -> None:
        """Wait no longer for a result."""
        with self._lock:
            waiting = self._waiting.get(key, [])
            if answer in waiting:
                waiting.remove(answer)
            if not waiting:
                self._waiting.pop(key, None)

    def receive(self, result: DialResult, arrived: ReceivedMessage) -> None:
        """Take in a result; what stands on another user's topic is not his."""
        data = result.data
        if self._bus.topics.user_of(arrived.topic) != data.user:
            return
        key = (data.user, data.request_id)
        with self._lock:
            self._last[key] = data
            waiting = self._waiting.pop(key, [])
        for answer in waiting:
            answer.set_result(data)

    def find(self, user: str, request_id: UUID) -> DialResultData | None:
        """Return the last stage of a request, None when nothing is known of it."""
        with self._lock:
            return self._last.get((user, request_id))
