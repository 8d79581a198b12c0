"""The newest number of each user, announced so that a consumer can see what it lacks."""

import logging
import time

from bus.connection import IN_FLIGHT, Connection, Delivery, PublishRefused
from bus.events import CONTENT_TYPE, Head, HeadData
from bus.inbox import BrokerUnavailable
from gateway.outbox import Heading, Outbox

log = logging.getLogger(__name__)

_PAUSE = 1.0  # seconds without a change until a user is announced; the next event tells as much,
_LONGEST = 10.0  # but nobody waits longer than this
_BEAT = 0.25  # seconds between two looks at all users at least, so that a look costs nothing
_AT_ONCE = 10 * IN_FLIGHT  # a client keeps as many
_LASTS = 7 * 86_400  # seconds; what an older head speaks of is not kept anyway


class Heads:
    """Which users' numbers have changed and are to be announced."""

    def __init__(self, connection: Connection, outbox: Outbox, gateway: str) -> None:
        self._connection = connection
        self._outbox = outbox
        self._gateway = gateway
        self._due: dict[str, float] = {}
        self._since: dict[str, float] = {}
        self._seq: dict[str, int] = {}

    def changed(self, user: str, seq: int) -> None:
        """Note that a user's events are settled up to a number."""
        self._seq[user] = max(seq, self._seq.get(user, 0))
        now = time.monotonic()
        self._due[user] = min(now + _PAUSE, self._since.setdefault(user, now) + _LONGEST)

    def announce_all(self) -> None:
        """Have every user announced, because the broker may have forgotten."""
        for heading in self._outbox.headings():
            self._seq[heading.user] = max(heading.seq, self._seq.get(heading.user, 0))
            self._due[heading.user] = 0.0

    def tell(self, now: float) -> float:
        """Announce what is due; return the seconds until more will be."""
        due = [user for user, at in self._due.items() if at <= now][:_AT_ONCE]
        under_way: list[Delivery] = []
        try:
            for user in due:
                under_way.append(self._send(user))
                del self._due[user]
                self._since.pop(user, None)
            for delivery in reversed(under_way):  # once the last is there, nobody waits any more
                self._wait(delivery)
        except BrokerUnavailable as error:
            log.warning("numbers not announced reason=%s", error)
        if len(due) == _AT_ONCE:
            return 0.0
        return min(1.0, max(_BEAT, min(self._due.values(), default=now + 1) - now))

    def _send(self, user: str) -> Delivery:
        seq = self._seq[user]
        heading = Heading(user, seq, self._outbox.oldest(user, seq))
        head = Head(
            source=f"gateway/{self._gateway}",
            data=HeadData(user=user, gateway=self._gateway, seq=seq, oldest=heading.oldest),
        )
        return self._connection.send(
            self._connection.topics.head(user, self._gateway), head.encoded(),
            retain=True, expiry=_LASTS, content_type=CONTENT_TYPE,
        )  # fmt: skip

    def _wait(self, delivery: Delivery) -> None:
        try:
            delivery.wait()
        except PublishRefused as error:
            log.error("a number could not be announced reason=%s", error)
