"""What arrived and is still to be done: the main thread's half of a connection.

Acknowledged means handled: a message is handed to its handler first and acknowledged after.
"""

import logging
import queue
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pydantic import ValidationError

from bus.events import Message
from bus.topics import matches

log = logging.getLogger(__name__)

ATTEMPTS = 3  # how often a handler may fail before a message is put aside
CAPACITY = 10_000  # messages; the broker keeps what does not fit


class BrokerUnavailable(Exception):
    """The broker cannot be reached, does not let us in, or did not confirm in time."""


@dataclass(frozen=True)
class Arrived:
    """A message as it came from the broker."""

    topic: str
    payload: bytes
    retained: bool = False
    response_topic: str | None = None
    correlation: bytes | None = None
    at: float = 0.0  # monotonic seconds
    acknowledge: Callable[[], bool] = bool  # False: the connection it came by is gone


Handler = Callable[[Arrived], None]
M = TypeVar("M", bound=Message)


class Inbox:
    """A queue filled by the network thread and worked through by the main thread."""

    def __init__(self, put_aside: Callable[[Arrived, str], None] | None = None) -> None:
        self.handlers: dict[str, Handler] = {}
        self._queue: queue.Queue[Arrived | Callable[[], None] | None] = queue.Queue(CAPACITY)
        self._put_aside = put_aside

    def put(self, arrived: Arrived) -> None:
        """Take in a message; called by the network thread, never blocks."""
        try:
            self._queue.put_nowait(arrived)
        except queue.Full:  # it stays unacknowledged, so the broker keeps it
            log.error("too much arrived at once topic=%s", arrived.topic)

    def post(self, work: Callable[[], None] | None) -> None:
        """Have work done in the main thread; None only wakes it."""
        self._queue.put(work)

    def reader(self, kind: type[M], handle: Callable[[M, Arrived], None]) -> Handler:
        """Return a handler of live messages as models; retained and unreadable ones end here."""

        def read(arrived: Arrived) -> None:
            if arrived.retained:
                log.debug("ignored a retained message topic=%s", arrived.topic)
                return
            try:
                message = kind.model_validate_json(arrived.payload)
            except ValidationError as error:
                self._set_aside(arrived, why(error))
            else:
                handle(message, arrived)

        return read

    def work(self, timeout: float) -> bool:
        """Handle one thing that arrived; False if nothing did within the time."""
        try:
            arrived = self._queue.get(timeout=timeout) if timeout > 0 else self._queue.get_nowait()
        except queue.Empty:
            return False
        if isinstance(arrived, Arrived):
            self._attempt(arrived)
        elif arrived is not None:
            _last_resort(arrived)
        return True

    def _attempt(self, arrived: Arrived) -> None:
        handle = self._handler(arrived.topic)
        for attempt in range(1, ATTEMPTS + 1):
            if handle is None:
                break
            try:
                handle(arrived)
            except BrokerUnavailable as error:
                log.warning("interrupted topic=%s reason=%s", arrived.topic, error)
                return  # not acknowledged, so the broker sends it again
            except Exception as error:
                log.error(
                    "handler failed topic=%s attempt=%s reason=%s",
                    arrived.topic, attempt, type(error).__name__,
                )  # fmt: skip
                log.debug("handler failed topic=%s", arrived.topic, exc_info=True)
            else:
                break
        else:
            self._set_aside(arrived, "the handler failed")
        arrived.acknowledge()

    def _set_aside(self, arrived: Arrived, reason: str) -> None:
        log.error("put aside a message topic=%s reason=%s", arrived.topic, reason)
        if self._put_aside is not None:
            self._put_aside(arrived, reason)

    def _handler(self, topic: str) -> Handler | None:
        found = self.handlers.get(topic)
        if found is not None:
            return found
        return next(
            (handle for wanted, handle in self.handlers.items() if matches(wanted, topic)), None
        )


class Rhythm:
    """When a tick is due: it says itself how many seconds until the next one."""

    def __init__(self, tick: Callable[[], float] | None) -> None:
        self._tick = tick
        self._due = time.monotonic()

    def beat(self) -> float:
        """Tick if it is time; return how long one may wait for something else, 1 s at most."""
        if self._tick is None:
            return 1.0
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + self._tick()
        return min(1.0, max(0.0, self._due - time.monotonic()))


def why(error: ValidationError) -> str:
    """Return a validation error in one line, without the values."""
    return "; ".join(
        f"{'.'.join(str(part) for part in fault['loc']) or 'payload'}: {fault['msg']}"
        for fault in error.errors(include_url=False, include_input=False, include_context=False)
    )


def _last_resort(work: Callable[[], None]) -> None:
    try:
        work()
    except Exception:
        log.exception("posted work failed")
