"""The newest number of each user, announced so that a consumer can see what it lacks."""

import logging
import time
from dataclasses import dataclass, field
from typing import Final

from bus.events import CONTENT_TYPE, Head, HeadData
from bus.mqtt.connection import IN_FLIGHT, Connection, Publication, PublishRefused
from bus.mqtt.inbox import BrokerUnavailable
from gateway.eventlog.reader import EventReader, SequenceRange

log = logging.getLogger(__name__)

_LASTS = 7 * 86_400  # seconds; what an older head speaks of is not kept anyway
_AFTER_A_FAULT = 1.0  # seconds

AT_ONCE: Final = 10 * IN_FLIGHT  # a client keeps as many
BEAT = 0.25  # seconds between two looks at all users at least, so that a look costs nothing
BESIDE: Final = 25  # announced at a look while events flow: each would cost a second message else
_PAUSE = 1.0  # seconds without a change until a user is announced; the next event says as much,
_LONGEST = 10.0  # and nobody waits longer than this, unless many do while events flow
_FLOW = 50  # events between two looks


@dataclass
class AnnouncementSchedule:
    """Whose number has changed and is to be announced; pure, times are handed in."""

    _due: dict[str, float] = field(default_factory=dict)
    _since: dict[str, float] = field(default_factory=dict)
    _forgotten: dict[str, None] = field(default_factory=dict)  # a set that keeps its order
    _events: int = 0  # since the last look

    def changed(self, user: str, now: float) -> None:
        """Note an event of a user."""
        self._events += 1
        self._due[user] = min(now + _PAUSE, self._since.setdefault(user, now) + _LONGEST)

    def forgotten(self, user: str) -> None:
        """Note that the broker may not know a user's number any more."""
        self._forgotten[user] = None

    def next(self, now: float) -> list[str]:
        """Return who is to be announced at this look, those whom the broker forgot first."""
        flowing, self._events = self._events >= _FLOW, 0
        if self._forgotten:
            return list(self._forgotten)[:AT_ONCE]
        due = [user for user, at in self._due.items() if at <= now]
        return due[: BESIDE if flowing else AT_ONCE]

    def left(self) -> list[str]:
        """Return who is not announced yet, due or not."""
        return list({**self._forgotten, **dict.fromkeys(self._due)})[:AT_ONCE]

    def announced(self, user: str) -> None:
        """Note that a user has had his turn."""
        self._forgotten.pop(user, None)
        self._due.pop(user, None)
        self._since.pop(user, None)

    def pause(self, now: float) -> float:
        """Return the seconds until the next look."""
        if self._forgotten:
            return 0.0
        first = min(self._due.values(), default=now + 1.0)
        return min(1.0, max(BEAT, first - now))


class SequenceHeads:
    """Which users' numbers have changed and are to be announced."""

    def __init__(self, connection: Connection, reader: EventReader, gateway: str) -> None:
        self._connection = connection
        self._reader = reader
        self._gateway = gateway
        self._schedule = AnnouncementSchedule()
        self._seq: dict[str, int] = {}

    def changed(self, user: str, seq: int) -> None:
        """Note that a user's events are settled up to a number of this log."""
        if seq <= 0:  # it goes out under the log's earlier identity
            return
        self._seq[user] = max(seq, self._seq.get(user, 0))
        self._schedule.changed(user, time.monotonic())

    def announce_all(self) -> None:
        """Announce every user again, because the broker may have forgotten."""
        for heading in self._reader.sequence_ranges():
            self._seq[heading.user] = max(heading.seq, self._seq.get(heading.user, 0))
            self._schedule.forgotten(heading.user)

    def announce_due(self, now: float) -> float:
        """Announce what is due; return the seconds until more will be."""
        return (
            self._schedule.pause(now)
            if self._announce(self._schedule.next(now))
            else _AFTER_A_FAULT
        )

    def announce_remaining(self, limit: float) -> None:
        """Announce every number before the process ends, as far as it can be done until then."""
        while (users := self._schedule.left()) and time.monotonic() < limit:
            if not self._announce(users):
                return

    def _announce(self, users: list[str]) -> bool:
        """Announce some users; return whether the broker could be reached."""
        under_way: list[Publication] = []
        try:
            for user in users:
                under_way.append(self._send(user))
                self._schedule.announced(user)
            for delivery in reversed(under_way):  # once the last has arrived, nobody waits any more
                self._wait(delivery)
        except BrokerUnavailable as error:
            log.warning("numbers not announced reason=%s", error)
            return False
        return True

    def _send(self, user: str) -> Publication:
        seq = self._seq[user]
        heading = SequenceRange(user, seq, self._reader.oldest(user, seq))
        head = Head(
            source=f"gateway/{self._gateway}",
            data=HeadData(user=user, gateway=self._gateway, seq=seq, oldest=heading.oldest),
        )
        return self._connection.send(
            self._connection.topics.head(user, self._gateway), head.encoded(),
            retain=True, expiry=_LASTS, content_type=CONTENT_TYPE,
        )  # fmt: skip

    def _wait(self, delivery: Publication) -> None:
        try:
            delivery.wait()
        except PublishRefused as error:
            log.error("a number could not be announced reason=%s", error)
