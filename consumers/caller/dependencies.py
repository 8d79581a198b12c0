"""What the caller process reaches the outside by; a test hands in others."""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bus.events import CallerData, CallerEvent, Outcome
from consumers.caller.outbox import PendingDelivery
from consumers.directory.records import Dossier, Matter
from consumers.users import User


class ActionRunner(Protocol):
    """What is asked of the executors beside MQTT."""

    def planned(self, data: CallerData) -> tuple[Outcome, ...]:
        """Return what `hand_over` is going to begin."""

    def hand_over(self, event: CallerEvent, values: Mapping[str, str], mark: str) -> bool:
        """Begin every executor's work, which is claimed by `mark`; True if a command runs."""


@dataclass(frozen=True)
class Dependencies:
    """What the consumer reaches the outside by."""

    find_user: Callable[[str], User | None]
    send: Callable[[CallerEvent], PendingDelivery]  # raises BrokerUnavailable
    used: Callable[[str, Matter | Dossier, datetime], None]
    clock: Callable[[], float] = time.time
    forget_choices: Callable[[float], object] = float  # those made before a moment
    users: Collection[str] | None = None  # whom this process serves; None: everybody
    connected: Callable[[], bool] = lambda: True  # to the broker
