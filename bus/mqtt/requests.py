"""Requests that are answered: published with a Response Topic, answered to who asked alone.

Who asks reads the answers below `replies/` of its own account. MQTT 3.1.1 has no Response Topic:
there the request names its account, and the answer's topic follows from it.
"""

import json
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

from pydantic import ValidationError

from bus.events import CONTENT_TYPE, Message, RequestData, Sentence, now
from bus.mqtt.connection import Connection, PublishRefused
from bus.mqtt.inbox import BrokerUnavailable, ReceivedMessage, why
from bus.topics import level

log = logging.getLogger(__name__)

TIMEOUT = 5.0  # seconds an answer may take
_SKEW = 15.0  # seconds by which the clock of who asks may be wrong
_STEP = 0.05  # seconds
_LONGEST_ID = 256  # characters of a request id in an answer


class Unanswered(Exception):
    """No answer came in time: who would answer does not run, or may not."""


R = TypeVar("R", bound=Message)
A = TypeVar("A", bound=Message)


class Requests:
    """Publishes requests and awaits their answers, over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._account = connection.account
        self._waiting: dict[str, Future[bytes]] = {}
        connection.subscribe(connection.topics.replies_to(self._account), self._answered)

    def send(self, topic: str, request: Message) -> Future[bytes]:
        """Publish a request; the future gets the answer's payload. May be called in any thread.

        Raises BrokerUnavailable. Cancel the future to await it no longer.
        """
        data = getattr(request, "data", None)
        if not isinstance(data, RequestData):
            raise TypeError("a request that is answered has a request id")
        key, answer = data.request_id, Future[bytes]()
        self._waiting[key] = answer
        answer.add_done_callback(lambda _: self._waiting.pop(key, None))
        addressed = request.model_copy(
            update={"data": data.model_copy(update={"account": self._account})}
        )
        try:
            self._connection.send(
                topic, addressed.encoded(), expiry=request.expiry(), content_type=CONTENT_TYPE,
                response_topic=self._connection.topics.reply(self._account, key),
                correlation=key.encode(),
            )  # fmt: skip
        except BrokerUnavailable:
            answer.cancel()
            raise
        return answer

    def ask(self, topic: str, request: Message, kind: type[A], timeout: float = TIMEOUT) -> A:
        """Return the answer, working through what arrives meanwhile; for the main thread.

        Raises BrokerUnavailable, or Unanswered when none comes in time that can be read.
        """
        answer = self.send(topic, request)
        limit = time.monotonic() + timeout
        while not answer.done():
            if time.monotonic() >= limit:
                answer.cancel()
                raise Unanswered(f"no answer on a request within {timeout:g} s")
            self._connection.work(_STEP)
        return read_answer(answer.result(), kind)

    def _answered(self, message: ReceivedMessage) -> None:
        key = (message.correlation or b"").decode(errors="replace")
        answer = self._waiting.get(key or message.topic.rpartition("/")[2])
        if answer is None:
            log.debug("an answer nobody awaits topic=%s", message.topic)
        elif answer.set_running_or_notify_cancel():
            answer.set_result(message.payload)


def read_answer(payload: bytes, kind: type[A]) -> A:
    """Return an answer as a model; raise Unanswered when it cannot be read."""
    try:
        return kind.model_validate_json(payload)
    except ValidationError as error:
        raise Unanswered("the answer cannot be read; are both sides of one release?") from error


@dataclass(frozen=True)
class Requester:
    """Whose topic a request came on, and where its answers go."""

    user: str
    topic: str
    correlation: bytes | None

    @property
    def account(self) -> str:
        """The account that reads the answers."""
        return self.topic.partition("/replies/")[2].partition("/")[0]


class Responder:
    """Answers requests over one connection; an answer may also follow later, or be several."""

    def __init__(
        self,
        connection: Connection,
        source: str,
        sentence: Callable[..., Sentence] | None = None,
        clock: Callable[[], float] = time.time,
        answers: Callable[[], bool] = lambda: True,
    ) -> None:
        self._connection = connection
        self._source = source
        self._answers = answers  # whether this process is the one that answers
        self._sentence = sentence
        self._clock = clock

    def serve(
        self,
        topic_filter: str,
        kind: type[R],
        handle: Callable[[R, Requester], Message | None],
        answers: type[Message] | None = None,
    ) -> None:
        """Hand each request that is not too old to `handle`, and send what it returns.

        One that is not valid, or that `handle` fails on, is refused in an answer of `answers`.
        """

        def respond(request: R, message: ReceivedMessage) -> None:
            age = self._clock() - request.time.timestamp()
            if age > (request.expiry() or TIMEOUT) + _SKEW:
                log.info("a request came too late topic=%s", message.topic)
                return
            data = getattr(request, "data", None)
            requester = self._requester(data, message)
            if requester is not None and (answer := handle(request, requester)) is not None:
                self.answer(requester, answer)

        def refuse(message: ReceivedMessage) -> None:
            data = _readable(message.payload)
            if answers is not None and (requester := self._requester(data, message)) is not None:
                self.answer(requester, self._refusal(kind, answers, data, message))

        self._connection.consume(topic_filter, kind, respond, refuse)

    def answer(self, requester: Requester, answer: Message) -> None:
        """Send an answer; when the broker cannot be reached nobody waits for it either."""
        if not self._answers():
            return
        sourced = answer.model_copy(update={"source": self._source, "time": now()})
        try:
            self._connection.send(
                requester.topic, sourced.encoded(), expiry=answer.expiry(),
                content_type=CONTENT_TYPE, correlation=requester.correlation,
            )  # fmt: skip
        except (BrokerUnavailable, PublishRefused) as error:
            log.warning("a request could not be answered reason=%s", error)

    def _refusal(
        self,
        kind: type[Message],
        answers: type[Message],
        data: RequestData | None,
        message: ReceivedMessage,
    ) -> Message:
        """Return the answer that says why a request was not carried out."""
        code, reason = "failed", ""
        try:
            kind.model_validate_json(message.payload)
        except ValidationError as error:
            code, reason = "invalid", why(error)
        said = self._sentence and self._sentence(f"request.{code}", reason=reason)
        key = (message.correlation or b"").decode(errors="replace")
        key = data.request_id if data else key or str(message.response_topic).rpartition("/")[2]
        return answers.model_validate(
            {"data": {"request_id": key[:_LONGEST_ID], "code": code, "sentence": said}}
        )

    def _requester(self, data: object, message: ReceivedMessage) -> Requester | None:
        topics = self._connection.topics
        user = topics.user_of(message.topic)
        if message.response_topic is not None:
            if topics.is_reply(message.response_topic):
                return Requester(user, message.response_topic, message.correlation)
            log.warning("no answer on a foreign topic topic=%s", message.topic)
            return None
        if not isinstance(data, RequestData):
            return None
        topic = topics.reply(data.account or level(user), data.request_id)
        return Requester(user, topic, data.request_id.encode())


def _readable(payload: bytes) -> RequestData | None:
    """Return id and account of a request that is otherwise not valid, None without an id."""
    try:
        data = RequestData.model_validate(json.loads(payload)["data"])
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
    return data if "request_id" in data.model_fields_set else None
