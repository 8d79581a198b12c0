"""Answers on their way to the bus: the next call does not wait until the broker has confirmed.

What the broker could not take, or did not confirm, is sent again while it is young.
"""

import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from bus.events import CallerEvent
from bus.mqtt.connection import PublishRefused
from bus.mqtt.inbox import BrokerUnavailable

log = logging.getLogger(__name__)

_CAPACITY = 1_000  # answers; an older one is worth less than a newer one
_PATIENCE = 5.0  # seconds until an answer that is not confirmed is sent again
_UNCONFIRMED = 50  # answers on their way at once

Then = Callable[[], None]


class PendingDelivery(Protocol):
    """A message on its way to the broker."""

    def wait(self, timeout: float = ...) -> int:
        """Return once confirmed; raise BrokerUnavailable or PublishRefused."""


class AnswerOutbox:
    """Sends answers in their order and does what is to follow once the broker has them."""

    def __init__(
        self,
        send: Callable[[CallerEvent], PendingDelivery],
        max_age: float,
        clock: Callable[[], float],
    ) -> None:
        self._send = send
        self._max_age = max_age
        self._clock = clock
        self._sent: deque[tuple[float, PendingDelivery, float, CallerEvent, Then]] = deque()
        self._kept: deque[tuple[float, CallerEvent, Then]] = deque(maxlen=_CAPACITY)

    @property
    def busy(self) -> bool:
        """Whether an answer is still on its way."""
        return bool(self._sent)

    def send(self, event: CallerEvent, then: Then) -> None:
        """Send an answer, now or as soon as the broker is back."""
        if len(self._sent) >= _UNCONFIRMED:
            self.settle(_PATIENCE)
        self._begin(event, then, self._clock())

    def settle(self, patience: float = 0.0) -> None:
        """Look which answers have arrived; wait for the oldest as long as `patience` says."""
        while self._sent:
            began, underway, since, event, then = self._sent[0]
            try:
                underway.wait(patience)
            except BrokerUnavailable as error:
                if not patience and time.monotonic() - began < _PATIENCE:
                    return
                self._keep(event, then, since, error)
            except PublishRefused as error:  # a fault of the site's access rules
                log.error("answer refused event=%s reason=%s", event.id, error)
                then()
            else:
                then()
            self._sent.popleft()

    def send_kept(self) -> None:
        """Send what the broker could not take before, as far as it is young."""
        for since, event, then in [self._kept.popleft() for _ in range(len(self._kept))]:
            if self._clock() - since < self._max_age:
                self._begin(event, then, since)
            else:
                then()

    def _begin(self, event: CallerEvent, then: Then, since: float) -> None:
        try:
            underway = self._send(event)
        except BrokerUnavailable as error:
            self._keep(event, then, since, error)
        else:
            self._sent.append((time.monotonic(), underway, since, event, then))

    def _keep(self, event: CallerEvent, then: Then, since: float, error: Exception) -> None:
        log.debug("kept an answer event=%s reason=%s", event.id, error)
        self._kept.append((since, event, then))
