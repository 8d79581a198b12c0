"""The newest number of each user, announced so that a consumer can see what it lacks."""

import logging
import time

from bus.events import CONTENT_TYPE, Head, HeadData
from bus.mqtt.connection import Connection, Publication, PublishRefused
from bus.mqtt.inbox import BrokerUnavailable
from gateway.eventlog.reader import EventReader, SequenceRange
from gateway.publishing.turns import AnnouncementSchedule

log = logging.getLogger(__name__)

_LASTS = 7 * 86_400  # seconds; what an older head speaks of is not kept anyway
_AFTER_A_FAULT = 1.0  # seconds


class SequenceHeads:
    """Which users' numbers have changed and are to be announced."""

    def __init__(self, connection: Connection, reader: EventReader, gateway: str) -> None:
        self._connection = connection
        self._reader = reader
        self._gateway = gateway
        self._schedule = AnnouncementSchedule()
        self._seq: dict[str, int] = {}

    def changed(self, user: str, seq: int) -> None:
        """Note that a user's events are settled up to a number."""
        self._seq[user] = max(seq, self._seq.get(user, 0))
        self._schedule.changed(user, time.monotonic())

    def announce_all(self) -> None:
        """Have every user announced, because the broker may have forgotten."""
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
        """Announce some users; tell whether the broker was there."""
        under_way: list[Publication] = []
        try:
            for user in users:
                under_way.append(self._send(user))
                self._schedule.announced(user)
            for delivery in reversed(under_way):  # once the last is there, nobody waits any more
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
