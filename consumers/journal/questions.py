"""Asks the PBX, by way of the sessions process, about calls of which nothing more is said."""

import logging
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from typing import Protocol

from bus.events import Message
from bus.journal_events import PbxAnswer, PbxAnswerData, PbxRequest, PbxRequestData
from bus.mqtt.inbox import BrokerUnavailable
from bus.mqtt.requests import TIMEOUT, Unanswered, read_answer
from bus.topics import Topics

log = logging.getLogger(__name__)

_AT_ONCE = 10  # questions under way
Then = Callable[[PbxAnswerData | None], None]


class Sender(Protocol):
    """What publishes a request that is answered."""

    def send(self, topic: str, request: Message) -> Future[bytes]:
        """Publish a request; raise BrokerUnavailable."""


class PbxQuestions:
    """Questions under way; each is answered once, with None when no answer came in time."""

    def __init__(self, sender: Sender, topics: Topics, clock: Callable[[], float]) -> None:
        self._sender = sender
        self._topics = topics
        self._clock = clock
        self._under_way: dict[str, tuple[Future[bytes], float]] = {}

    def may_ask(self, user: str) -> bool:
        """Return whether another question about a user can be put now."""
        return user not in self._under_way and len(self._under_way) < _AT_ONCE

    def ask(self, user: str, then: Then, since: datetime | None = None) -> None:
        """Ask for a user's running calls, and with `since` for the call list from then on."""
        request = PbxRequest(data=PbxRequestData(since=since))
        try:
            answer = self._sender.send(self._topics.pbx(user), request)
        except BrokerUnavailable:
            then(None)
            return
        self._under_way[user] = (answer, self._clock() + TIMEOUT)
        answer.add_done_callback(lambda future: self._answered(user, future, then))

    def tick(self) -> None:
        """Await no longer what takes too long."""
        now = self._clock()
        for answer, limit in list(self._under_way.values()):
            if now >= limit:
                answer.cancel()

    def _answered(self, user: str, future: Future[bytes], then: Then) -> None:
        self._under_way.pop(user, None)
        then(None if future.cancelled() else _read(future.result()))


def _read(payload: bytes) -> PbxAnswerData | None:
    try:
        data = read_answer(payload, PbxAnswer).data
    except Unanswered as error:
        log.warning("the PBX's answer is not understood reason=%s", error)
        return None
    return None if data.code else data
