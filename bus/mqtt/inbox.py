"""What arrived and is still to be done: the main thread's half of a connection.

Acknowledged means handled: a message is handed to its handler first and acknowledged after. Where
the disk takes nothing, messages and results wait, those of one topic in their order.
"""

import json
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pydantic import ValidationError

from bus.events import Message
from bus.topics import matches
from runtime.outage import StorageOutage
from runtime.sqlite import is_damage, is_unavailable

log = logging.getLogger(__name__)

ATTEMPTS = 3  # how often a handler may fail before a message is a dead letter
CAPACITY = 10_000  # messages; the broker keeps what does not fit
PER_TOPIC = 1_000  # messages of QoS 0 waiting of one topic; only one that is flooded has so many
_IDLE = 30.0  # seconds without a tick at most
_REPORT = 5.0  # seconds between two reactions to messages there is no room for


class BrokerUnavailable(Exception):
    """The broker cannot be reached, does not let us in, or did not confirm in time."""


@dataclass(frozen=True)
class ReceivedMessage:
    """A message as it came from the broker."""

    topic: str
    payload: bytes
    retained: bool = False
    redelivered: bool = False  # the broker sent it before, and nobody acknowledged it
    response_topic: str | None = None
    correlation: bytes | None = None
    qos: int = 0
    at: float = 0.0  # monotonic seconds
    acknowledge: Callable[[], bool] = bool  # False: the connection it came by is gone


Handler = Callable[[ReceivedMessage], None]
OnDeadLetter = Callable[[ReceivedMessage], None]
M = TypeVar("M", bound=Message)


class Inbox:
    """A queue filled by the network thread and worked through by the main thread."""

    def __init__(
        self,
        dead_letter: Callable[[ReceivedMessage, str], None] | None = None,
        ask_again: Callable[[], None] = lambda: None,
    ) -> None:
        # SimpleQueue, because a signal handler may put into it while the main thread gets.
        self._queue: queue.SimpleQueue[ReceivedMessage | Callable[[], None] | None] = (
            queue.SimpleQueue()
        )
        self._counting = threading.Lock()
        self._waiting: dict[str, int] = {}
        self._dropped = 0
        self._reported = float("-inf")
        self._handlers: dict[str, tuple[Handler, OnDeadLetter | None]] = {}
        self._dead_letter = dead_letter
        self._ask_again = ask_again
        self._outage = StorageOutage("what arrived")
        self._deferred: deque[ReceivedMessage | Callable[[], None]] = deque()
        self._deferred_topics: set[str] = set()

    def route(
        self, topic_filter: str, handle: Handler, on_dead_letter: OnDeadLetter | None = None
    ) -> None:
        """Hand the messages of a topic to a handler."""
        self._handlers[topic_filter] = (handle, on_dead_letter)

    def unroute(self, topic_filter: str) -> None:
        """Hand the messages of a topic to nobody."""
        self._handlers.pop(topic_filter, None)

    def filters(self) -> tuple[str, ...]:
        """Return the topics that have a handler."""
        return tuple(self._handlers)

    def put(self, received: ReceivedMessage) -> None:
        """Take in a message; called by the network thread, never blocks.

        One of QoS 1 that finds no room is sent again after a new connection, so nothing newer may
        come before that; of QoS 0 it is gone, and a flood of it may not end every connection.
        """
        with self._counting:
            waiting = self._waiting.get(received.topic, 0)
            room = self._queue.qsize() + len(self._deferred) < CAPACITY
            if room and (received.qos or waiting < PER_TOPIC):
                self._waiting[received.topic] = waiting + 1
                self._queue.put(received)
                return
        self._dropped += 1
        if time.monotonic() - self._reported > _REPORT:
            log.error("too much arrived topic=%s count=%s", received.topic, self._dropped)
            self._reported, self._dropped = time.monotonic(), 0
        elif not received.qos:
            return
        self._ask_again()  # the broker then forgets what it has not passed on of a flood

    def post(self, work: Callable[[], None] | None) -> None:
        """Have work done in the main thread; None only wakes it."""
        self._queue.put(work)

    def reader(self, kind: type[M], handle: Callable[[M, ReceivedMessage], None]) -> Handler:
        """Return a handler of live messages as models; retained and unreadable ones end here."""

        def read(received: ReceivedMessage) -> None:
            if received.retained:
                log.debug("ignored a retained message topic=%s", received.topic)
                return
            try:
                message = kind.model_validate_json(received.payload)
            except ValidationError as error:
                if not kind.foreign(type_in(received.payload)):
                    self.reject(received, why(error))
                return
            if kind.foreign(message.type):
                log.debug("ignored an unknown type topic=%s", received.topic)
            else:
                handle(message, received)

        return read

    def work(self, timeout: float) -> bool:
        """Handle one thing that arrived; False if nothing did within the time."""
        if self._deferred:
            timeout = min(timeout, self._outage.pause)
            if not self._outage.pause:
                self._work_deferred()
        try:
            received = self._queue.get(timeout=timeout) if timeout > 0 else self._queue.get_nowait()
        except queue.Empty:
            return False
        if received is not None and (self._is_behind_deferred(received) or not self._do(received)):
            self._deferred.append(received)
            if isinstance(received, ReceivedMessage):
                self._deferred_topics.add(received.topic)
        return received is not None  # else only the waiting was to end

    def reject(self, received: ReceivedMessage, reason: str) -> None:
        """Keep a message that cannot be handled where somebody can look at it."""
        log.error("dead letter topic=%s reason=%s", received.topic, reason)
        if self._dead_letter is not None:
            self._dead_letter(received, reason)
        _, on_dead_letter = self._handler(received.topic)
        if on_dead_letter is not None:
            on_dead_letter(received)

    def _work_deferred(self) -> None:
        while self._deferred:
            if not self._do(self._deferred[0]):
                return
            self._deferred.popleft()
        self._deferred_topics.clear()
        self._outage.over()

    def _is_behind_deferred(self, received: ReceivedMessage | Callable[[], None]) -> bool:
        return isinstance(received, ReceivedMessage) and received.topic in self._deferred_topics

    def _do(self, received: ReceivedMessage | Callable[[], None]) -> bool:
        """Handle a message or do posted work; False if the disk did not take it."""
        try:
            if isinstance(received, ReceivedMessage):
                self._attempt(received)
                with self._counting:
                    self._waiting[received.topic] -= 1
                    if not self._waiting[received.topic]:
                        del self._waiting[received.topic]
            else:
                _last_resort(received)
        except Exception as error:
            if not self._outage.failed(error):
                raise
            return False
        return True

    def _attempt(self, received: ReceivedMessage) -> None:
        handle, _ = self._handler(received.topic)
        for attempt in range(1, ATTEMPTS + 1):
            if handle is None:
                break
            try:
                handle(received)
            except BrokerUnavailable as error:
                log.warning("interrupted topic=%s reason=%s", received.topic, error)
                self._ask_again()  # it was not acknowledged, so it comes again
                return
            except Exception as error:
                if is_unavailable(error) or is_damage(error):
                    raise
                log.error(
                    "handler failed topic=%s attempt=%s reason=%s",
                    received.topic, attempt, type(error).__name__,
                )  # fmt: skip
                log.debug("handler failed topic=%s", received.topic, exc_info=True)
            else:
                break
        else:
            self.reject(received, "the handler failed")
        received.acknowledge()

    def _handler(self, topic: str) -> tuple[Handler | None, OnDeadLetter | None]:
        found = self._handlers.get(topic)
        if found is not None:
            return found
        fitting = (pair for wanted, pair in self._handlers.items() if matches(wanted, topic))
        return next(fitting, (None, None))


class Ticker:
    """When a tick is due: it says itself how many seconds until the next one."""

    def __init__(self, tick: Callable[[], float] | None) -> None:
        self._tick = tick
        self._due = time.monotonic()
        self._outage = StorageOutage("what is due")

    def due(self) -> float:
        """Tick if it is time; return how long one may wait for something else."""
        if self._tick is None:
            return _IDLE
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + self._tick_or_wait(self._tick)
        return min(_IDLE, max(0.0, self._due - time.monotonic()))

    def hasten(self, within: float) -> None:
        """Tick within so many seconds: something happened since the last tick said when."""
        self._due = min(self._due, time.monotonic() + within)

    def _tick_or_wait(self, tick: Callable[[], float]) -> float:
        try:
            pause = tick()
        except Exception as error:
            if not self._outage.failed(error):
                raise
            return self._outage.pause
        self._outage.over()
        return pause


def type_in(payload: bytes) -> str:
    """Return the CloudEvents type of a payload that could not be read, empty if it has none."""
    try:
        content = json.loads(payload)
    except (ValueError, RecursionError):  # the latter for what is nested too deeply
        return ""
    return str(content.get("type", "")) if isinstance(content, dict) else ""


def why(error: ValidationError) -> str:
    """Return a validation error in one line, without the values."""
    return "; ".join(
        f"{'.'.join(str(part) for part in fault['loc']) or 'payload'}: {_plain(fault['msg'])}"
        for fault in error.errors(include_url=False, include_input=False, include_context=False)
    )


def _plain(message: str) -> str:
    """Return a message as it was raised, without pydantic's words in front."""
    return message.removeprefix("Value error, ").removeprefix("Assertion failed, ")


def _last_resort(work: Callable[[], None]) -> None:
    try:
        work()
    except Exception as error:
        if is_unavailable(error) or is_damage(error):
            raise
        log.exception("posted work failed")
