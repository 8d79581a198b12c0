"""The caller process: call events of some users in, answers and actions out."""

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from datetime import datetime
from functools import partial
from queue import SimpleQueue

from bus.events import CallerEvent, CallEvent, ChoiceRequest, DialResult, Opened
from bus.lease import lease_of
from bus.mqtt.call_stream import CallStream, ConsumerOffsets
from bus.mqtt.connection import Connection, Publication
from bus.mqtt.inbox import ReceivedMessage
from bus.mqtt.presence import Presence
from bus.numbers.number import NumberProfile, read_number
from bus.topics import ANY_USER, Topics
from consumers.actions.command import faults_of
from consumers.caller.answer import AnswerBuilder
from consumers.caller.consumer import ActionRunner, CallerConsumer, Dependencies
from consumers.caller.directory_requests import DirectoryRequests
from consumers.caller.executors import ActionResult, Executors
from consumers.caller.outbox import send_on
from consumers.caller.settings import CallerSite
from consumers.caller.shared_actions import Shard, SharedActions
from consumers.caller.store import CallerStore
from consumers.caller.trace_store import TraceStore, path_of
from consumers.caller.user_requests import UserRequests
from consumers.directory.digest import ContentsWatch
from consumers.directory.directory import Directory, DirectoryUnavailable
from consumers.directory.records import Dossier, Matter
from consumers.users import Users
from runtime import metrics
from runtime.files import private_folder
from runtime.outage import outlasting
from runtime.process import stop_on_signals
from texts import LANGUAGES, catalogue

log = logging.getLogger(__name__)

_SHARED = 0.5  # seconds between two looks where several machines serve a site


@outlasting("caller")
def run(
    site: CallerSite,
    users: Sequence[str] | None,
    account: str = "caller",
    books: str | None = None,
    on_finish: Callable[[Callable[[], None]], None] | None = None,
    shard: Shard | None = None,
) -> None:
    """Answer the calls of these users, or of all, until stopped.

    `books` names the files of what was done, if several processes share them; default: `account`.
    `shard` is the part of all users that is served here, where several processes serve them.
    `on_finish` has a function called when all that the broker has for us is to be done first.
    """
    private_folder(site.data_folder)
    warm(site.profile)
    with ExitStack() as files:
        served = shard if users is None else tuple(users)
        process = CallerProcess(site, served, account, books or account, files)
        process.subscribe()
        connection = process.connection
        metrics.keep_written("caller", site.data_folder, lambda: connection.connected)
        stop_on_signals(connection.stop)
        if on_finish is not None:
            on_finish(lambda: connection.post(lambda: _stop_after_all(connection)))
        process.run()


class CallerProcess:
    """The parts of one process and the threads between them: only the main one answers calls."""

    def __init__(
        self,
        site: CallerSite,
        served: tuple[str, ...] | Shard | None,
        role: str,
        books: str,
        files: ExitStack,
    ) -> None:
        file = site.data_folder / f"{books}.db"
        settings = site.settings.with_numbers(site.profile)
        faults = faults_of(settings.commands)
        for fault in faults:
            log.error("an executor cannot work, all others do name=%s", fault)
        self._served = served
        users = served if isinstance(served, tuple) else None
        self._users = users if users is not None else (ANY_USER,)
        people = files.enter_context(Users(site.database))
        directory = files.enter_context(
            Directory(site.database, suffix_digits=settings.suffix_digits)
        )
        # Writes wait without holding up a look.
        self._habits = files.enter_context(Directory(site.database))
        store = files.enter_context(closing(CallerStore(file)))
        traces = files.enter_context(closing(TraceStore(path_of(site.data_folder, books))))
        progress = files.enter_context(closing(ConsumerOffsets(file)))
        account = site.broker.account_of(role)
        self.connection = Connection(
            site.broker, account, dead_letter=store.dead_letter,
            presence=Presence(account, faults=faults, machine=site.broker.machine),
        )  # fmt: skip
        self._lease = lease_of(self.connection, site.broker, role)
        self._ended: SimpleQueue[ActionResult] = SimpleQueue()
        self._executors = Executors(settings, file, self._finished, users)
        send: Callable[[CallerEvent], Publication] = partial(send_on, self.connection)
        actions: ActionRunner = self._executors
        self._shared: SharedActions | None = None
        if site.broker.machine is not None:
            self._shared = SharedActions(self._lease, self._executors, settings.max_age)
            send, actions = self._shared.sender(send), self._shared
            self._contents = ContentsWatch(site.database, self._executors.do, self._describe)
        dependencies = Dependencies(
            people.find, send, self._note_use, actions, self.connection,
            forget_choices=self._forget_choices, users=served,
        )  # fmt: skip
        self._consumer = CallerConsumer(
            settings, AnswerBuilder(directory, settings), store, traces, dependencies
        )
        self._requests = DirectoryRequests(site, self._consumer.running, self._executors.do)
        files.callback(self._requests.close)
        self._serves = dependencies.serves
        self._user_requests = UserRequests(
            self._consumer, self._habits, self.connection.topics, self._executors.do,
            self.connection.post,
        )  # fmt: skip
        handle = self._consumer.handle
        self._events = CallStream(
            self.connection, progress, self._shared.noting(handle) if self._shared else handle
        )

    def subscribe(self) -> None:
        """Subscribe to all that concerns our users."""
        connection, topics = self.connection, self.connection.topics
        self._requests.serve(
            connection, self._users, lambda user: self._lease.held and self._serves(user)
        )
        self._events.follow(self._users)
        if isinstance(self._served, tuple):
            connection.consume(topics.calls(ANY_USER), CallEvent, self._observe)
        if self._shared is not None:
            connection.consume(topics.caller(ANY_USER), CallerEvent, self._note_answer)
            connection.after_connect(self._shared.note_connected)
            self._lease.on_change(self._shared.lease_changed)
        for user in self._users:
            connection.consume(topics.dial_result(user), DialResult, self._consumer.note_dialling)
            connection.consume(topics.choose(user), ChoiceRequest, self._user_requests.choose)
            connection.consume(topics.opened(user), Opened, self._user_requests.note_opened)

    def run(self) -> None:
        """Answer calls until stopped, and note what became of the last ones."""
        with self.connection, self._lease:
            self._executors.start()
            self.connection.run(self._tick)
            self._consumer.finish()
            self._executors.stop()
            self._note_ended()  # else the next process would do it again
            self._consumer.finish()

    def _tick(self) -> float:
        pause = self._consumer.tick()
        if self._shared is None:
            return pause
        self._contents.tick()
        return min(pause, _SHARED)  # what another machine leaves to us comes without a message

    def _describe(self, digest: str) -> None:
        """Say which contents the directory has on this machine."""
        self.connection.post(lambda: self.connection.describe(directory=digest))

    def _observe(self, event: CallEvent, _arrived: ReceivedMessage) -> None:
        """Observe the calls of those this process does not serve; missed ones stay so."""
        self._consumer.observe_group_call(event)

    def _note_answer(self, event: CallerEvent, arrived: ReceivedMessage) -> None:
        """Note what another machine has answered."""
        self._consumer.running.answered(event)
        if self._shared is not None:
            self._shared.note_answer(event, arrived)

    def _finished(self, result: ActionResult) -> None:
        """Note in the main thread what became of an executor's work."""
        self._ended.put(result)
        self.connection.post(self._note_ended)

    def _note_ended(self) -> None:
        while not self._ended.empty():
            self._consumer.finished(self._ended.get())

    def _forget_choices(self, before: float) -> None:
        self._executors.do(lambda: self._habits.forget_choices_before(before))

    def _note_use(self, user: str, record: Matter | Dossier, at: datetime) -> None:
        """Note in the background what a user works on: writing may wait for an import."""
        self._executors.do(lambda: self._keep_use(user, record, at))

    def _keep_use(self, user: str, record: Matter | Dossier, at: datetime) -> None:
        matter = record.id if isinstance(record, Matter) else None
        dossier = record.id if isinstance(record, Dossier) else None
        try:
            self._habits.used(user, at=at, matter_id=matter, dossier_id=dossier)
        except DirectoryUnavailable as error:
            log.warning("use not noted user=%s reason=%s", user, error)


def _stop_after_all(connection: Connection) -> None:
    """Stop once all is handled that the broker has for us: it sends what it retains after that."""

    def stop(arrived: ReceivedMessage) -> None:
        if arrived.retained:
            connection.stop()

    connection.subscribe(connection.topics.process(connection.account), stop)


def warm(profile: NumberProfile) -> None:
    """Bring into memory what every process reads sooner or later, to be shared by those forked."""
    read_number("0", profile)
    read_number("044 668 18 00", profile)
    Presence("caller").online(Topics())
    "localhost".encode("idna")  # connecting does this, with modules of its own
    for language in LANGUAGES:
        catalogue(language)


def followed(topics: Topics, users: Sequence[str] | None) -> list[str]:
    """Return all a process of these users, or of all, subscribes to."""
    if users is None:
        return _of_user(topics, ANY_USER)
    return [topics.calls(ANY_USER), *(one for user in users for one in _of_user(topics, user))]


def _of_user(topics: Topics, user: str) -> list[str]:
    return [
        topics.calls(user), topics.heads(user), topics.dial_result(user), topics.choose(user),
        topics.opened(user), topics.directory(user),
    ]  # fmt: skip
