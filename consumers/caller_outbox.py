"""Answers on their way to the bus; what the broker could not take is sent while it is young."""

import logging
from collections import deque
from collections.abc import Callable

from bus.events import CallerEvent
from bus.inbox import BrokerUnavailable

log = logging.getLogger(__name__)

_CAPACITY = 1_000  # answers; an older one is worth less than a newer one


class Outbox:
    """Sends answers, and keeps the young ones while the broker is away."""

    def __init__(
        self, send: Callable[[CallerEvent], None], max_age: float, clock: Callable[[], float]
    ) -> None:
        self._send = send
        self._max_age = max_age
        self._clock = clock
        self._unsent: deque[tuple[float, CallerEvent]] = deque(maxlen=_CAPACITY)

    def send(self, event: CallerEvent) -> None:
        """Send an answer, now or as soon as the broker is back."""
        try:
            self._send(event)
        except BrokerUnavailable as error:
            log.warning("kept an answer event=%s reason=%s", event.id, error)
            self._unsent.append((self._clock(), event))

    def send_kept(self) -> None:
        """Send what the broker could not take before."""
        while self._unsent:
            since, event = self._unsent[0]
            if self._clock() - since < self._max_age:
                try:
                    self._send(event)
                except BrokerUnavailable:
                    return
            self._unsent.popleft()
