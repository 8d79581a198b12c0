"""Whether the event log was set back: the broker then knows greater numbers of it than the log.

A snapshot of the machine takes log, marks and all back to an earlier day; what the gateway had
announced is still kept by the broker. So nothing is published after a start until both agree.
"""

import logging
from functools import partial
from typing import Final

from pydantic import ValidationError

from bus.events import Head
from bus.mqtt.connection import Connection
from bus.mqtt.inbox import ReceivedMessage
from bus.topics import ANY_USER
from gateway.eventlog.reader import EventReader

log = logging.getLogger(__name__)


class LogPutBack(Exception):
    """The log was set back and has a new identity now."""


class RollbackCheck:
    """Compares, once after each start of the gateway, what the broker keeps with the log."""

    PAUSE: Final = 0.2  # seconds without another number after which all have come

    def __init__(self, connection: Connection, reader: EventReader, gateway: str) -> None:
        self._connection = connection
        self._reader = reader
        self._numbers = reader.start_numbers()
        self._filter = connection.topics.head(ANY_USER, gateway)
        self._seen = 0  # heads and connects
        self._all_seen = False
        self._put_back = False
        if self._numbers is not None:
            connection.subscribe(self._filter, self._look, qos=0)
            connection.after_connect(self._begin)

    @property
    def passed(self) -> bool:
        """Whether both agree, so that events may be published."""
        return self._numbers is None

    def compare(self) -> bool:
        """Return whether both agree by now; raise LogPutBack, with the log renewed, if not.

        Raises LogUnavailable.
        """
        if self._put_back:
            self._reader.renew()
            raise LogPutBack
        if not self._all_seen:
            return False
        self._reader.forget_start()
        self._connection.unsubscribe(self._filter)
        self._numbers = None
        return True

    def _begin(self) -> None:
        self._seen += 1
        self._wait_for_more()

    def _wait_for_more(self) -> None:
        # The end of the pause comes through the inbox too, behind all that had arrived by then.
        self._connection.post_later(self.PAUSE, partial(self._end_pause, self._seen))

    def _end_pause(self, seen: int) -> None:
        if not self._connection.connected:
            return  # it begins again with the next connect
        if seen == self._seen:
            self._all_seen = True
        else:
            self._wait_for_more()

    def _look(self, received: ReceivedMessage) -> None:
        self._seen += 1
        try:
            head = Head.model_validate_json(received.payload).data
        except ValidationError:
            return
        if head.seq > (self._numbers or {}).get(head.user, 0):
            self._put_back = True
