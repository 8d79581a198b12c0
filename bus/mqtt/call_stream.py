"""Call events without gaps and without repeats, whatever the broker forgot.

A broker's acknowledgement is not durable. So events are numbered per user and gateway, a
consumer notes on disk what it has done, and asks the gateway again for what it lacks.
"""

import logging
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from bus.events import CONTENT_TYPE, CallEvent, Head, Part, ReplayRequest, ReplayRequestData
from bus.mqtt.connection import Connection, Publication
from bus.mqtt.inbox import BrokerUnavailable, ReceivedMessage
from bus.topics import ANY_USER
from runtime.sqlite import open_database, transaction

log = logging.getLogger(__name__)

ASK_AGAIN = 5.0  # seconds until the same gap is asked for once more
_ON_THE_WAY = 2.0  # seconds; after a connect a broker sends what is retained before what waits
_REPLAYED = "calls"  # below the account's replies: always the same, so a lasting session keeps it

_SCHEMA = """
CREATE TABLE IF NOT EXISTS upto (user TEXT, source TEXT, seq INTEGER NOT NULL,
    PRIMARY KEY (user, source)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ahead (user TEXT, source TEXT, seq INTEGER NOT NULL,
    PRIMARY KEY (user, source, seq)) WITHOUT ROWID;
"""


class _Numbered(Part):
    """As much of a call event as says which it is."""

    source: str
    seq: int
    data: Mapping[str, object] = MappingProxyType({})


class ConsumerOffsets:
    """What a consumer has done, on disk: all up to a number, and single ones ahead of a gap."""

    def __init__(self, path: Path) -> None:
        # A repeat after a power cut is borne.
        self._db = open_database(
            path, _SCHEMA, expendable="what was done until now", secondary=True
        )
        self._upto: dict[tuple[str, str], int] = {
            (user, source): seq
            for user, source, seq in self._db.execute("SELECT user, source, seq FROM upto")
        }

    def watermark(self, user: str, source: str) -> int:
        """Return the number up to which everything is done."""
        return self._upto.get((user, source), 0)

    def done(self, user: str, source: str, seq: int) -> bool:
        """Return whether an event has been handled before."""
        if seq <= self.watermark(user, source):
            return True
        found = self._db.execute(
            "SELECT 1 FROM ahead WHERE user = ? AND source = ? AND seq = ?", (user, source, seq)
        )
        return found.fetchone() is not None

    def mark(self, user: str, source: str, seq: int) -> None:
        """Note that an event has been handled."""
        watermark = self.watermark(user, source)
        if seq == watermark + 1:
            self._advance(user, source, seq)
        elif seq > watermark:
            self._db.execute("INSERT OR IGNORE INTO ahead VALUES (?, ?, ?)", (user, source, seq))

    def forget_before(self, user: str, source: str, oldest: int) -> None:
        """Skip numbers the gateway no longer keeps."""
        if oldest - 1 > self.watermark(user, source):
            self._advance(user, source, oldest - 1)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _advance(self, user: str, source: str, seq: int) -> None:
        key = (user, source)
        with transaction(self._db):
            seq = self._joined(key, seq)
        self._upto[key] = seq

    def _joined(self, key: tuple[str, str], seq: int) -> int:
        """Note a number and return how far all is done, with what was done ahead of it."""
        for (ahead,) in self._db.execute(
            "SELECT seq FROM ahead WHERE user = ? AND source = ? AND seq > ? ORDER BY seq",
            (*key, seq),
        ).fetchall():
            if ahead != seq + 1:
                break
            seq = ahead
        self._db.execute(
            "DELETE FROM ahead WHERE user = ? AND source = ? AND seq <= ?", (*key, seq)
        )
        self._db.execute("INSERT OR REPLACE INTO upto VALUES (?, ?, ?)", (*key, seq))
        return seq


class CallStream:
    """The call events of some users, each handed over once.

    They come in order, except that what was missing comes after what was not.
    """

    def __init__(
        self,
        connection: Connection,
        offsets: ConsumerOffsets,
        handle: Callable[[CallEvent], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        on_the_way: float = _ON_THE_WAY,
    ) -> None:
        self._connection = connection
        self._offsets = offsets
        self._handle = handle
        self._clock = clock
        self._on_the_way = on_the_way
        self._announced: dict[tuple[str, str], tuple[int, float]] = {}  # lacking, and since when
        self._asked: dict[tuple[str, str], tuple[int, float, Publication]] = {}
        self._refused = False  # and logged
        self._replayed = connection.topics.reply(connection.account, _REPLAYED)

    def follow(self, users: Iterable[str]) -> None:
        """Subscribe to the calls of these users."""
        topics = self._connection.topics
        self._connection.consume(self._replayed, CallEvent, self.take, self._give_up)
        for user in users:
            self._connection.consume(topics.calls(user), CallEvent, self.take, self._give_up)
            self._connection.subscribe(topics.heads(user), self._take_head)

    def follow_all(self) -> None:
        """Subscribe to the calls of every user."""
        self.follow([ANY_USER])

    def leave(self, users: Iterable[str]) -> None:
        """Unsubscribe from the calls of these users."""
        topics = self._connection.topics
        for user in users:
            self._connection.unsubscribe(topics.calls(user))
            self._connection.unsubscribe(topics.heads(user))

    def take(self, event: CallEvent, received: ReceivedMessage) -> None:
        """Hand over an event unless it was done before; ask for what is missing before it."""
        user = self._user_of(received, event.data.user)
        if event.data.user != user:
            log.error("an event on another user's topic event=%s", event.id)
            return
        if event.seq is None:
            self._handle(event)
            return
        if self._offsets.done(user, event.source, event.seq):
            log.debug("repeated event=%s", event.id)
            return
        missing = event.seq > self._offsets.watermark(user, event.source) + 1
        self._handle(event)
        self._mark(user, event.source, event.seq)
        if missing:
            self._ask(user, event.source)

    def _give_up(self, received: ReceivedMessage) -> None:
        """Count an event that cannot be handled as done: else it would be asked for for ever."""
        try:
            event = _Numbered.model_validate_json(received.payload)
        except ValueError:
            return
        user = self._user_of(received, str(event.data.get("user")))
        self._mark(user, event.source, event.seq)

    def _user_of(self, received: ReceivedMessage, user: str) -> str:
        """Return whose event it is: the topic says so, except where repeats reach us alone."""
        topic = received.topic
        return user if topic == self._replayed else self._connection.topics.user_of(topic)

    def _mark(self, user: str, source: str, seq: int) -> None:
        try:
            self._offsets.mark(user, source, seq)
        except sqlite3.Error as error:  # it was handled; a repeat after a restart is borne
            log.error("progress not noted user=%s reason=%s", user, error)

    def _take_head(self, received: ReceivedMessage) -> None:
        if not received.payload:
            return
        try:
            head = Head.model_validate_json(received.payload)
        except ValueError:
            log.error("unreadable head topic=%s", received.topic)
            return
        user = self._connection.topics.user_of(received.topic)
        source = head.source
        self._offsets.forget_before(user, source, head.data.oldest)
        if head.data.seq > self._offsets.watermark(user, source):
            if not self._announced:
                self._connection.post_later(self._on_the_way, self._ask_for_announced)
            _, since = self._announced.get((user, source), (0, self._clock()))
            self._announced[user, source] = (head.data.seq, since)

    def _ask_for_announced(self) -> None:
        """Ask for what was announced and has not come by itself meanwhile."""
        for (user, source), (seq, since) in list(self._announced.items()):
            if not self._connection.connected:
                break
            came = seq <= self._offsets.watermark(user, source)
            due = self._clock() - since >= self._on_the_way
            if came or (due and self._ask(user, source)):
                del self._announced[user, source]
        if self._announced:
            self._connection.post_later(self._on_the_way, self._ask_for_announced)

    def _ask(self, user: str, source: str) -> bool:
        """Ask for what is missing; return False where that is to be tried again."""
        after = self._offsets.watermark(user, source)
        asked_after, asked_at, asked = self._asked.get((user, source), (-1, 0.0, None))
        if asked_after == after and self._clock() - asked_at < ASK_AGAIN:
            return False
        if asked is not None and asked.refusal is not None and not self._refused:
            log.error("missed events cannot be asked for reason=%s", asked.refusal)
            self._refused = True
        data = ReplayRequestData(
            user=user, gateway=source.rpartition("/")[2], after=after,
            account=self._connection.account, request_id=_REPLAYED,
        )  # fmt: skip
        request = ReplayRequest(data=data)
        try:  # nothing is waited for: there may be hundreds to ask for
            publication = self._connection.send(
                self._connection.topics.replay(user), request.encoded(), expiry=request.expiry(),
                content_type=CONTENT_TYPE, response_topic=self._replayed,
            )  # fmt: skip
        except BrokerUnavailable as error:
            log.warning("could not ask for missed events user=%s reason=%s", user, error)
            return False
        log.info("asking for missed events user=%s after=%s", user, after)
        self._asked[user, source] = (after, self._clock(), publication)
        return True
