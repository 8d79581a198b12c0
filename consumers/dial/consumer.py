"""Decides about dial requests: each is claimed on disk at most once, and answered.

The claim is on disk before the PBX is asked.
"""

import logging
import time
from collections.abc import Callable

from bus.events import DialRequest
from bus.mqtt.inbox import ReceivedMessage
from consumers.dial import texts
from consumers.dial.limits import RequestShare
from consumers.dial.number import NumberDecision, NumberReader
from consumers.dial.placing import CallOrder
from consumers.dial.policy import Dialable
from consumers.dial.progress import ProgressTracker
from consumers.dial.request import read_request
from consumers.dial.settings import DialSettings
from consumers.dial.store import DialRecord, Rejected, Repeated
from consumers.dial.texts import DialAnswer
from consumers.users import Users

log = logging.getLogger(__name__)

_PURGE = 3600.0  # seconds between two looks for requests older than the audit


class DialConsumer:
    """Decides about each dial request, claims it, and has it placed."""

    def __init__(
        self,
        settings: DialSettings,
        numbers: NumberReader,
        tracker: ProgressTracker,
        users: Users,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._numbers = numbers
        self._tracker = tracker
        self._results = tracker.results
        self._store = tracker.results.store
        self._users = users
        self._clock = clock
        self._share = RequestShare(settings, clock)
        self._purged = 0.0

    def handle(self, received: ReceivedMessage) -> None:
        """Decide about one dial request; whose it is says the topic."""
        if received.retained:
            log.debug("ignored a retained dial request topic=%s", received.topic)
            return
        login = self._results.topics.user_of(received.topic)
        admitted = self._share.admits(login)
        if not admitted and not self._share.answers(login):
            return
        found = read_request(received.payload)
        if found is None:
            return
        request, fault = found
        if not admitted:
            self._results.refuse_unstored(login, request.data.request_id, texts.refused("flood"))
            return
        number = self._numbers.read(request.data.number, login)
        self._consider(
            self._record(login, request, number, received),
            self._wanted(login, request, number, fault),
            received,
        )
        self._results.flush()

    def tick(self) -> float:
        """Do what is due; return the seconds until the next time."""
        self._tracker.tick()
        self._results.flush()
        self.forget_old()
        return 1.0

    def forget_old(self) -> None:
        """Delete once an hour what is older than the audit is kept."""
        now = self._clock()
        if now - self._purged > _PURGE:
            self._purged = now
            self._store.forget_before(now - self._settings.audit_days * 86_400)

    def adopt(self, received: ReceivedMessage) -> None:
        """Note a request that another machine's process has claimed."""
        found = read_request(received.payload)
        if found is not None:
            request, _ = found
            login = self._results.topics.user_of(received.topic)
            number = self._numbers.read(request.data.number, login)
            self._store.adopt(self._record(login, request, number, received))

    def _consider(
        self, record: DialRecord, wanted: DialAnswer | CallOrder, received: ReceivedMessage
    ) -> None:
        with self._store.transaction():
            if isinstance(wanted, DialAnswer):
                stored = self._store.refuse(record)
            else:
                stored = self._store.claim(record, self._settings)
            if isinstance(stored, Rejected):
                self._results.note(stored.record, self._rejected(stored.reason))
            elif isinstance(stored, DialRecord) and isinstance(wanted, DialAnswer):
                self._results.note(stored, wanted)
        if isinstance(stored, Repeated):
            self._repeat(stored, record, received)
        elif isinstance(stored, DialRecord) and isinstance(wanted, CallOrder):
            self._tracker.place(stored, wanted)
            self._warn_early(record.at)

    def _record(
        self, login: str, request: DialRequest, number: NumberDecision, received: ReceivedMessage
    ) -> DialRecord:
        reply = received.response_topic
        if reply and not self._results.topics.may_answer_on(login, reply):
            log.warning("no answer on a foreign topic request=%s", request.data.request_id)
            reply = None
        return DialRecord(
            user=login,
            request_id=str(request.data.request_id),
            message=request.id,
            number=number.key,
            shown=number.shown,
            door=_printable(request.source[:64]),
            at=self._clock(),
            phone=_phone(request),
            abroad=number.abroad,
            reply=reply,
            correlation=received.correlation if reply else None,
        )

    def _wanted(
        self, login: str, request: DialRequest, number: NumberDecision, fault: str
    ) -> DialAnswer | CallOrder:
        """Return what the PBX is to be asked, or why it is not whatever the limits say."""
        if fault:
            return texts.refused(fault)
        user = self._users.find(login)
        age = self._clock() - request.time.timestamp()
        if age > self._settings.expiry:
            return texts.refused("expired", age=round(age))
        if age < -self._settings.expiry:
            return texts.refused("future", age=round(-age))
        if user is None:
            return texts.refused("unknown_user")
        if not isinstance(number.decision, Dialable):
            return texts.by_policy(number.decision)
        dialled = number.decision.dialled
        if user.extension and dialled == user.extension:
            return texts.refused("own_number")
        if not user.on:
            return texts.refused("off")
        phone = _phone(request) or user.phone
        return CallOrder(user.login, dialled, phone, str(request.data.request_id))

    def _rejected(self, reason: str) -> DialAnswer:
        limits = {
            "minute": self._settings.per_minute,
            "hour": self._settings.per_hour,
            "site": self._settings.site_per_hour,
            "foreign": self._settings.foreign_per_day,
        }
        return texts.refused(reason, limit=limits.get(reason))

    def _repeat(self, repeated: Repeated, record: DialRecord, received: ReceivedMessage) -> None:
        """Answer again, unless it is the same message: for another process, or after a kill."""
        known = repeated.record
        fresh = record.at - (known.claimed or 0) < self._settings.expiry
        elsewhere = known.owner != self._store.owner and fresh
        if not (repeated.same_message and (elsewhere or received.redelivered)):
            self._results.repeat(known)

    def _warn_early(self, now: float) -> None:
        """Say it in the log once half of what the office may dial in an hour is used up."""
        limit = self._settings.site_per_hour
        if self._store.claims_since(now - 3600) * 2 == limit + limit % 2:
            log.warning("half of the calls an hour are dialled limit=%s", limit)


def _phone(request: DialRequest) -> str:
    return _printable(request.data.phone or "")[:128]


def _printable(text: str) -> str:
    return "".join(sign for sign in text if sign.isprintable())
