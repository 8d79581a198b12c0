"""The caller process: call events of some users in, answers and actions out."""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue

from bus.events import CONTENT_TYPE, CallerEvent, CallEvent, ChoiceRequest, DialResult, Opened
from bus.lease import lease_of
from bus.mqtt.call_stream import CallStream, ConsumerOffsets
from bus.mqtt.connection import Connection, Publication
from bus.mqtt.inbox import ReceivedMessage
from bus.mqtt.presence import Presence
from bus.numbers.number import NumberProfile, read_number
from bus.settings import BrokerSettings
from bus.topics import ANY_USER, Topics
from consumers.actions.command import faults_of
from consumers.caller.answer import AnswerBuilder
from consumers.caller.consumer import CallerConsumer
from consumers.caller.dependencies import Dependencies
from consumers.caller.directory_requests import DirectoryRequests, RunningCalls
from consumers.caller.executors import ActionResult, Executors
from consumers.caller.settings import CallerSettings
from consumers.caller.shared_actions import Shard, SharedActions
from consumers.caller.store import CallerStore
from consumers.caller.trace_store import TraceStore, path_of
from consumers.caller.user_requests import UserRequests, note_opened
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


@outlasting("caller")
def run(
    users: Sequence[str] | None,
    caller: CallerSettings,
    broker: BrokerSettings,
    profile: NumberProfile,
    database: Path,
    data_folder: Path,
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
    private_folder(data_folder)
    books = books or account
    role, account = account, broker.account_of(account)
    file = data_folder / f"{books}.db"
    warm(profile)
    settings = _with_numbers(caller, profile)
    faults = faults_of(settings.commands)
    for fault in faults:
        log.error("an executor cannot work, all others do name=%s", fault)
    with ExitStack() as stack:
        people = stack.enter_context(Users(database))
        directory = stack.enter_context(Directory(database, suffix_digits=settings.suffix_digits))
        habits = stack.enter_context(Directory(database))  # writes wait without holding up a look
        store = stack.enter_context(closing(CallerStore(file, users)))
        traces = stack.enter_context(closing(TraceStore(path_of(data_folder, books))))
        progress = stack.enter_context(closing(ConsumerOffsets(file)))
        connection = Connection(
            broker,
            account,
            presence=Presence(account, faults=faults, machine=broker.machine),
            dead_letter=store.dead_letter,
        )
        lease = lease_of(connection, broker, role)

        ended: SimpleQueue[ActionResult] = SimpleQueue()

        def finished(result: ActionResult) -> None:
            ended.put(result)
            connection.post(note_ended)

        def note_ended() -> None:
            while not ended.empty():
                consumer.finished(ended.get())

        executors = Executors(settings, file, finished, users)
        shared = SharedActions(lease, executors, settings.max_age)

        def forget_choices(before: float) -> None:
            executors.do(lambda: habits.forget_choices_before(before))

        running = RunningCalls(time.time)
        dependencies = Dependencies(
            people.find, shared.sender(_sender(connection, running)), _user_of(habits, executors),
            forget_choices=forget_choices,
            users=shard if users is None else frozenset(users),
            connected=lambda: connection.connected,
        )  # fmt: skip
        consumer = CallerConsumer(
            settings, AnswerBuilder(directory, settings), store, traces, shared, dependencies
        )
        on_opened = note_opened(consumer, connection.topics)
        choices = UserRequests(consumer, habits, connection.topics, executors.do, connection.post)

        def handle(event: CallEvent) -> None:
            running.observe(event)
            if shard is None or event.data.user in shard:
                consumer.handle(event)
            else:
                consumer.observe_group_call(event)

        events = CallStream(connection, progress, handle)
        requests = DirectoryRequests(
            database, data_folder, settings, profile, running, executors.do
        )
        requests.serve(
            connection,
            users if users is not None else (ANY_USER,),
            lambda user: lease.held and (shard is None or user in shard),
        )
        stack.callback(requests.close)
        if users is None:
            events.follow_all()
        else:
            events.follow(users)
            others = _others(consumer, frozenset(users))
            connection.consume(connection.topics.calls(ANY_USER), CallEvent, others)
        if broker.machine is not None:

            def note_answer(event: CallerEvent, received: ReceivedMessage) -> None:
                running.answered(event)
                shared.note_answer(event, received)

            connection.consume(connection.topics.caller(ANY_USER), CallerEvent, note_answer)
            lease.on_change(shared.lease_changed)
        for user in users if users is not None else (ANY_USER,):
            results = connection.topics.dial_result(user)
            connection.consume(results, DialResult, consumer.note_dialling)
            connection.consume(connection.topics.choose(user), ChoiceRequest, choices.handle)
            connection.consume(connection.topics.opened(user), Opened, on_opened)
        contents = ContentsWatch(
            database, executors.do,
            lambda digest: connection.post(lambda: connection.describe(directory=digest)),
        )  # fmt: skip

        def tick() -> float:
            if broker.machine is not None:
                contents.tick()
            return consumer.tick()

        metrics.keep_written("caller", data_folder, lambda: connection.connected)
        stop_on_signals(connection.stop)
        if on_finish is not None:
            on_finish(lambda: connection.post(lambda: _stop_after_all(connection, account)))
        with connection, lease:
            executors.start()
            connection.run(tick)
            consumer.finish()
            executors.stop()
            note_ended()  # else the next process would do it again
            consumer.finish()


def _stop_after_all(connection: Connection, account: str) -> None:
    """Stop once all is handled that the broker has for us: it sends what it retains after that."""

    def stop(arrived: ReceivedMessage) -> None:
        if arrived.retained:
            connection.stop()

    connection.subscribe(connection.topics.process(account), stop)


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


def _others(
    consumer: CallerConsumer, own: frozenset[str]
) -> Callable[[CallEvent, ReceivedMessage], None]:
    """Return what observes the calls of those this process does not serve; missed ones stay so."""

    def observe(event: CallEvent, _arrived: ReceivedMessage) -> None:
        if event.data.user not in own:
            consumer.observe_group_call(event)

    return observe


def _sender(connection: Connection, running: RunningCalls) -> Callable[[CallerEvent], Publication]:
    def send(event: CallerEvent) -> Publication:
        running.answered(event)
        return connection.send(
            connection.topics.caller(event.data.user), event.encoded(),
            expiry=event.expiry(), content_type=CONTENT_TYPE,
        )  # fmt: skip

    return send


def _user_of(
    habits: Directory, executors: Executors
) -> Callable[[str, Matter | Dossier, datetime], None]:
    """Note in the background what a user works on: writing to the file may wait for an import."""

    def used(user: str, record: Matter | Dossier, at: datetime) -> None:
        matter = record.id if isinstance(record, Matter) else None
        dossier = record.id if isinstance(record, Dossier) else None

        def note() -> None:
            try:
                habits.used(user, at=at, matter_id=matter, dossier_id=dossier)
            except DirectoryUnavailable as error:
                log.warning("use not noted user=%s reason=%s", user, error)

        executors.do(note)

    return used


def _with_numbers(settings: CallerSettings, profile: NumberProfile) -> CallerSettings:
    """Return the settings with the called lines of rules as the events write them."""
    rules = tuple(
        rule.model_copy(
            update={
                "called": tuple(
                    line for one in rule.called
                    for line in (one, read_number(one, profile).e164) if line
                )
            }
        )
        for rule in settings.rules
    )  # fmt: skip
    return settings.model_copy(update={"rules": rules})
