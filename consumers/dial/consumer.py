"""Places calls for people who ask over MQTT: each request at most once, and tells what comes of it.

The claim is on disk before the PBX is asked. The PBX is asked in a thread, so that one slow answer
holds up nobody else; everything else happens in the main thread.
"""

import functools
import logging
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from bus.mqtt.call_stream import CallStream, ConsumerOffsets
from bus.mqtt.connection import Connection
from bus.mqtt.inbox import ReceivedMessage
from bus.mqtt.presence import Presence
from bus.numbers.number import NumberProfile
from bus.numbers.private_numbers import PrivateNumbers
from bus.settings import BrokerSettings
from bus.topics import ANY_USER, Topics
from consumers.dial import texts as dial_words
from consumers.dial.number import NumberDecision, understand
from consumers.dial.placing import CallOrder, CallPlacer, Outcome
from consumers.dial.policy import Dialable
from consumers.dial.progress import DialTaskRunner, ProgressTracker
from consumers.dial.request import ParsedRequest, read_request
from consumers.dial.results import ResultPublisher
from consumers.dial.settings import DialSettings
from consumers.dial.store import DialEntry, DialRecord, DialStore, Rejected, Repeated
from consumers.dial.texts import DialAnswer
from consumers.users import User, Users
from runtime.files import private_folder
from runtime.process import stop_on_signals
from runtime.secret_box import SecretBox
from starface.api_version import ClientFactory
from starface.settings import StarfaceSettings

log = logging.getLogger(__name__)

_LAST_WORK = 3.5  # seconds in which a stopping process waits for the PBX
_PURGE = 3600.0  # seconds between two looks for requests older than the audit
T = TypeVar("T")


class DialConsumer:
    """Decides about each dial request, claims it, and has it placed."""

    def __init__(
        self,
        settings: DialSettings,
        decide: Callable[[str], NumberDecision],
        store: DialStore,
        results: ResultPublisher,
        tracker: ProgressTracker,
        place: Callable[[CallOrder], Outcome],
        users: Users,
        tasks: DialTaskRunner,
        *,
        topics: Topics,
        is_private: Callable[[str, str], bool] = lambda _login, _number: False,
        account: str = "dial",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._is_private = is_private
        self._settings = settings
        self._decide = decide
        self._store = store
        self._results = results
        self._progress = tracker
        self._place = place
        self._users = users
        self._tasks = tasks
        self._topics = topics
        self._account = account
        self._clock = clock
        self._purged = 0.0

    def take(self, arrived: ReceivedMessage) -> None:
        """Take in one dial request; whose it is says the topic."""
        if arrived.retained:
            log.warning("ignored a retained dial request topic=%s", arrived.topic)
            return
        request = read_request(arrived.payload)
        if request is None:
            log.error("unreadable dial request topic=%s", arrived.topic)
            return
        self._consider(self._topics.user_of(arrived.topic), request, arrived)
        self._results.flush()

    def tick(self) -> float:
        """Do what is due; return the seconds until the next time."""
        now = self._clock()
        self._progress.tick()
        self._results.flush()
        if now - self._purged > _PURGE:
            self._purged = now
            self._store.forget_before(now - self._settings.audit_days * 86_400)
        return 1.0

    def _consider(self, login: str, request: ParsedRequest, arrived: ReceivedMessage) -> None:
        understood = self._decide(request.number)
        user = self._users.find(login)
        record = self._record(login, request, understood, arrived)
        wanted = self._wanted(request, user, understood)
        with self._store.transaction():
            if isinstance(wanted, DialAnswer):
                taken = self._store.refuse(record)
            else:
                taken = self._store.claim(record, self._settings)
            if isinstance(taken, Rejected):
                self._results.note(taken.entry, self._barred(taken.reason))
            elif isinstance(taken, DialEntry) and isinstance(wanted, DialAnswer):
                self._results.note(taken, wanted)
        if isinstance(taken, Repeated):
            self._repeat(taken, record)
        elif isinstance(taken, DialEntry) and isinstance(wanted, CallOrder):
            self._have_placed(taken, wanted)
            self._warn_early(record.at)

    def _record(
        self,
        login: str,
        request: ParsedRequest,
        understood: NumberDecision,
        arrived: ReceivedMessage,
    ) -> DialRecord:
        reply = arrived.response_topic
        if reply and not self._topics.may_answer_on(login, reply):
            log.warning("no answer on a foreign topic request=%s", request.request_id)
            reply = None
        return DialRecord(
            user=login,
            request_id=str(request.request_id),
            message=request.message,
            number=understood.key,
            shown="" if self._is_private(login, request.number) else understood.shown,
            door=request.source,
            at=self._clock(),
            phone=request.phone,
            abroad=understood.abroad,
            reply=reply,
            correlation=arrived.correlation if reply else None,
        )

    def _wanted(
        self, request: ParsedRequest, user: User | None, understood: NumberDecision
    ) -> DialAnswer | CallOrder:
        """Return what the PBX is to be asked, or why it is not whatever the limits say."""
        if request.fault:
            return dial_words.refused(request.fault)
        age = self._clock() - request.time
        if age > self._settings.expiry:
            return dial_words.refused("expired", age=round(age))
        if age < -self._settings.expiry:
            return dial_words.refused("future", age=round(-age))
        if user is None:
            return dial_words.refused("unknown_user")
        if not isinstance(understood.decision, Dialable):
            return dial_words.by_policy(understood.decision)
        dialled = understood.decision.dialled
        if user.extension and dialled == user.extension:
            return dial_words.refused("own_number")
        if not user.on:
            return dial_words.refused("off")
        return CallOrder(user.login, dialled, request.phone or user.phone, str(request.request_id))

    def _barred(self, reason: str) -> DialAnswer:
        limits = {
            "minute": self._settings.per_minute,
            "hour": self._settings.per_hour,
            "site": self._settings.site_per_hour,
            "foreign": self._settings.foreign_per_day,
        }
        return dial_words.refused(reason, limit=limits.get(reason))

    def _repeat(self, repeated: Repeated, record: DialRecord) -> None:
        """Answer again, unless the same message also came to the process that placed the call."""
        entry = repeated.entry
        fresh = record.at - (entry.claimed or 0) < self._settings.expiry
        if repeated.same_message and entry.owner != self._account and fresh:
            return
        self._results.again(entry)

    def _warn_early(self, now: float) -> None:
        """Say it in the log once half of what the office may dial in an hour is used up."""
        limit = self._settings.site_per_hour
        if self._store.claims_since(now - 3600) * 2 == limit + limit % 2:
            log.warning("half of the calls an hour are dialled limit=%s", limit)

    def _have_placed(self, entry: DialEntry, order: CallOrder) -> None:
        self._tasks.run(
            lambda: self._place(order),
            lambda outcome: self._progress.placed(entry.serial, outcome),
        )


class TaskThreads:
    """DialTaskRunner in a thread each; the limits on dialling bound their number."""

    def __init__(self, post: Callable[[Callable[[], None]], None]) -> None:
        self._post = post
        self.running = 0

    def run(self, work: Callable[[], T], then: Callable[[T], None]) -> None:
        """Do `work` in a thread and hand what it returns to `then` in the main thread."""
        self.running += 1

        def finish(result: T) -> None:
            self.running -= 1
            then(result)

        def start() -> None:
            self._post(functools.partial(finish, work()))

        threading.Thread(target=start, name="errand", daemon=True).start()


def run(
    dial: DialSettings,
    starface: StarfaceSettings,
    broker: BrokerSettings,
    profile: NumberProfile,
    database: Path,
    seal: SecretBox,
    site_key: bytes,
    data_folder: Path,
    account: str = "dial",
) -> None:
    """Place calls until told to stop."""
    private_folder(data_folder)
    private = PrivateNumbers(data_folder, site_key)
    placing = CallPlacer(functools.partial(Users, database, seal), ClientFactory(starface))
    connection = Connection(broker, account, presence=Presence(account))
    with (
        Users(database, seal) as users,  # open all the time: SQLite tidies up at the last close
        closing(DialStore(data_folder / "dial.db", account)) as store,
        closing(ConsumerOffsets(data_folder / f"{account}-events.db")) as progress,
    ):
        stop_on_signals(connection.stop)
        threads = TaskThreads(connection.post)
        results = ResultPublisher(store, connection, f"dial/{account}")
        decide = functools.partial(understand, profile=profile, settings=dial, site_key=site_key)
        tracker = ProgressTracker(store, results, placing, threads, lambda text: decide(text).key)
        consumer = DialConsumer(
            dial, decide, store, results, tracker, placing.place, users, threads,
            topics=connection.topics, account=account,
            is_private=functools.partial(private.names, profile=profile),
        )  # fmt: skip
        # Before we are online: whoever sees us there may dial at once.
        for user in dial.users or (ANY_USER,):
            connection.subscribe(connection.topics.dial(user), consumer.take)
        CallStream(connection, progress, tracker.handle).follow(dial.users or (ANY_USER,))
        with connection:
            tracker.recover()
            connection.run(consumer.tick)
            _finish(connection, threads)


def _finish(connection: Connection, threads: TaskThreads) -> None:
    """Wait a little for the PBX's answers, so that they can be told."""
    limit = time.monotonic() + _LAST_WORK
    while threads.running and time.monotonic() < limit:
        connection.work(0.05)
