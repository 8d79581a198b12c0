"""The telephone icon of each user, as retained on the bus: published when it changes."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from bus.events import CONTENT_TYPE, UserState, UserStateData, now
from bus.mqtt.connection import PublishRefused
from bus.mqtt.inbox import BrokerUnavailable
from bus.topics import Topics
from consumers.sessions.session import Health

log = logging.getLogger(__name__)

_BATCH = 50  # messages on their way at a time


class Confirmed(Protocol):
    """A message on its way."""

    def wait(self, timeout: float) -> int:
        """Return the broker's reason code; raise BrokerUnavailable or PublishRefused."""


class Broker(Protocol):
    """What of a connection the icons need."""

    @property
    def topics(self) -> Topics:
        """The names of the topics."""

    @property
    def connected(self) -> bool:
        """Whether the broker is connected."""

    def send(
        self, topic: str, payload: bytes, *, retain: bool, content_type: str | None
    ) -> Confirmed:
        """Start to publish; raise BrokerUnavailable."""


@dataclass(frozen=True)
class _Shown:
    health: Health
    since: datetime
    callback_since: datetime | None


class StatePublisher:
    """What is shown of each user, and what the broker does not know yet."""

    def __init__(self, connection: Broker, clock: Callable[[], float] = time.monotonic) -> None:
        self._connection = connection
        self._clock = clock
        self._shown: dict[str, _Shown] = {}
        self._pending: dict[str, None] = {}
        self._sent: dict[str, Confirmed] = {}  # of those pending, on this connection

    def show(self, user: str, health: Health, callback_since: datetime | None = None) -> None:
        """Show a user's state; nothing happens when it is shown already.

        Gateways refuse callback addresses made before `callback_since`; None leaves that as it is.
        """
        before = self._shown.get(user)
        since = callback_since or (before.callback_since if before else None)
        if before is not None and before.health == health:
            shown = replace(before, callback_since=since)
        else:
            shown = _Shown(health, now(), since)
            log.info("user is %s user=%s code=%s", health.state, user, health.code or "-")
        if shown != before:
            self._shown[user] = shown
            self._owe(user)

    def shown(self) -> list[Health]:
        """Return how all users are."""
        return [each.health for each in self._shown.values()]

    def forget(self, user: str) -> None:
        """Show nothing more of a user who is gone."""
        self._shown.pop(user, None)
        self._owe(user)

    def show_all_again(self) -> None:
        """Publish everything once more: a broker that comes back may have lost it."""
        self._sent.clear()
        self._pending.update(dict.fromkeys(self._shown))

    @property
    def pending(self) -> bool:
        """Whether something is to be published or confirmed, and the broker is connected."""
        return bool(self._pending) and self._connection.connected

    def publish_pending(self, patience: float = 0.0) -> None:
        """Bring what is pending to the broker, as much as it takes now or within the patience.

        A broker of several nodes may take a while to confirm, and who logs in must not wait for it.
        """
        if not self._connection.connected:
            return
        unsent = [user for user in self._pending if user not in self._sent]
        try:
            for user in unsent[: _BATCH - len(self._sent)]:
                self._sent[user] = self._send(user)
        except BrokerUnavailable as error:
            log.warning("states not published reason=%s", error)
        limit = self._clock() + patience
        for user, delivery in list(self._sent.items()):
            if _confirmed(user, delivery, max(0.0, limit - self._clock())):
                del self._sent[user], self._pending[user]

    def _owe(self, user: str) -> None:
        self._pending[user] = None
        self._sent.pop(user, None)

    def _send(self, user: str) -> Confirmed:
        shown = self._shown.get(user)
        payload = b"" if shown is None else self._message(user, shown).encoded()
        kind = None if shown is None else CONTENT_TYPE
        topic = self._connection.topics.state(user)
        return self._connection.send(topic, payload, retain=True, content_type=kind)

    def _message(self, user: str, shown: _Shown) -> UserState:
        health = shown.health
        return UserState(
            source="process/sessions",
            subject=user,
            data=UserStateData(
                user=user,
                state=health.state,
                since=shown.since,
                link=health.link,
                code=health.code,
                sentence=health.sentence,
                detail=health.detail,
                callback_since=shown.callback_since,
            ),
        )


def _confirmed(user: str, delivery: Confirmed, patience: float) -> bool:
    try:
        delivery.wait(patience)
    except PublishRefused as error:
        log.error("state refused user=%s reason=%s", user, error)
    except BrokerUnavailable:
        return False
    return True
