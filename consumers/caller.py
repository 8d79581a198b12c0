"""The caller process: call events of some users in, answers and actions out."""

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path

from bus.birth import Birth
from bus.connection import Connection, Delivery
from bus.delivery import CallEvents, Progress
from bus.events import CONTENT_TYPE, CallerEvent, CallEvent, ChoiceRequest, DialResult
from bus.inbox import Arrived
from bus.numbers import NumberProfile, read_number
from bus.process import private_folder, stop_on_signals
from bus.settings import BrokerSettings
from bus.topics import ANY_USER
from consumers.actions.dispatch import Executors, Finished
from consumers.answering import Answering
from consumers.caller_consumer import CallerConsumer
from consumers.caller_doors import Doors
from consumers.caller_settings import CallerSettings
from consumers.caller_store import CallerStore
from consumers.choosing import Choosing
from consumers.contacts import Dossier, Matter
from consumers.look_ups import DirectoryUnavailable, LookUps
from consumers.trace import Traces, path_of
from consumers.users import Users

log = logging.getLogger(__name__)


def run(
    users: Sequence[str] | None,
    caller: CallerSettings,
    broker: BrokerSettings,
    profile: NumberProfile,
    database: Path,
    data_folder: Path,
    account: str = "caller",
) -> None:
    """Answer the calls of these users, or of all, until told to stop."""
    private_folder(data_folder)
    file = data_folder / f"{account}.db"
    settings = _with_numbers(caller, profile)
    with ExitStack() as stack:
        people = stack.enter_context(Users(database))
        directory = stack.enter_context(LookUps(database, suffix_digits=settings.suffix_digits))
        habits = stack.enter_context(LookUps(database))  # writes wait without holding up a look
        store = stack.enter_context(closing(CallerStore(file)))
        traces = stack.enter_context(closing(Traces(path_of(data_folder, account))))
        progress = stack.enter_context(closing(Progress(file)))
        connection = Connection(broker, account, birth=Birth(account), put_aside=store.set_aside)

        def finished(told: Finished) -> None:
            connection.post(lambda: consumer.finished(told))

        executors = Executors(settings, file, finished)
        doors = Doors(people.find, _sender(connection), _user_of(habits, executors))
        consumer = CallerConsumer(
            settings, Answering(directory, settings), store, traces, executors, doors
        )
        choices = Choosing(consumer, habits, connection.topics, executors.do, connection.post)
        events = CallEvents(connection, progress, consumer.handle)
        if users is None:
            events.follow_all()
        else:
            events.follow(users)
            others = _others(consumer, frozenset(users))
            connection.consume(connection.topics.calls(ANY_USER), CallEvent, others)
        for user in users if users is not None else (ANY_USER,):
            results = connection.topics.dial_result(user)
            connection.consume(results, DialResult, consumer.note_dialling)
            connection.consume(connection.topics.choose(user), ChoiceRequest, choices.handle)
        stop_on_signals(connection.stop)
        with connection:
            executors.start()
            connection.run(consumer.tick)
            consumer.finish()
            executors.stop()


def _others(consumer: CallerConsumer, own: frozenset[str]) -> Callable[[CallEvent, Arrived], None]:
    """Return what hears the calls of those this process does not serve; missed ones stay so."""

    def hear(event: CallEvent, _arrived: Arrived) -> None:
        if event.data.user not in own:
            consumer.overhear(event, own)

    return hear


def _sender(connection: Connection) -> Callable[[CallerEvent], Delivery]:
    def send(event: CallerEvent) -> Delivery:
        return connection.send(
            connection.topics.caller(event.data.user), event.encoded(),
            expiry=event.expiry(), content_type=CONTENT_TYPE,
        )  # fmt: skip

    return send


def _user_of(
    habits: LookUps, executors: Executors
) -> Callable[[str, Matter | Dossier, datetime], None]:
    """Note in the background what a user works on: an import may hold the file for long."""

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
                    told for one in rule.called
                    for told in (one, read_number(one, profile).e164) if told
                )
            }
        )
        for rule in settings.rules
    )  # fmt: skip
    return settings.model_copy(update={"rules": rules})
