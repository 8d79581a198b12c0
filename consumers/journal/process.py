"""The journal process: call events of all users in, records out, requests answered."""

import logging
import time
from collections.abc import Callable
from contextlib import closing, nullcontext
from pathlib import Path

from bus.access.roles import Roles
from bus.events import CallerEvent, DialResult
from bus.journal_events import CallRecord, CallRecordData, JournalAnswer, JournalRequest
from bus.lease import Held, lease_of
from bus.mqtt.call_stream import CallStream, ConsumerOffsets
from bus.mqtt.connection import Connection
from bus.mqtt.inbox import ReceivedMessage
from bus.mqtt.presence import Presence
from bus.mqtt.requests import Requester, Requests, Responder
from bus.numbers.number import NumberProfile
from bus.numbers.private_numbers import PrivateNumbers
from bus.settings import BrokerSettings
from bus.topics import ANY_USER
from consumers.journal.consumer import JournalConsumer
from consumers.journal.erasure import erase_again
from consumers.journal.home_assistant import HomeAssistant
from consumers.journal.hooks import CallHooks
from consumers.journal.publisher import RecordPublisher
from consumers.journal.questions import PbxQuestions
from consumers.journal.requests import JournalRequests
from consumers.journal.settings import JournalSettings
from consumers.journal.site import JournalSite
from consumers.journal.store import FILE, JournalStore
from consumers.users import Users
from runtime import metrics
from runtime.files import private_folder
from runtime.outage import outlasting
from runtime.process import stop_on_signals
from texts import sentence

log = logging.getLogger(__name__)

ACCOUNT = "journal"
_AT_ONCE = 0.1  # seconds until more that waits is published
_SOON = 0.2  # seconds until what a message brought is published


@outlasting("journal")
def run(
    journal: JournalSettings,
    broker: BrokerSettings,
    profile: NumberProfile,
    database: Path,
    data_folder: Path,
    site_key: bytes,
    roles: Callable[[], Roles],
) -> None:
    """Keep the journal until a signal stops it."""
    private_folder(data_folder)
    source = f"process/{ACCOUNT}"
    private = PrivateNumbers(data_folder, site_key)
    account = broker.account_of(ACCOUNT)
    presence = Presence(account, machine=broker.machine)
    connection = Connection(broker, account, presence=presence)
    lease = lease_of(connection, broker, ACCOUNT)
    topics = connection.topics
    with (
        Users(database) as users,
        closing(JournalStore(data_folder / FILE)) as store,
        closing(ConsumerOffsets(data_folder / FILE)) as offsets,
    ):
        if erased := erase_again(store, data_folder, site_key):
            log.warning("erased again after a restore records=%s", erased)
        site = JournalSite(users, private, roles)
        questions = PbxQuestions(Requests(connection), topics, time.time)
        hooks = None
        if journal.webhooks or journal.commands:
            hooks = CallHooks(journal, data_folder, source, site.name_of)
        observer = HolderObserver(hooks, lease) if hooks else None
        consumer = JournalConsumer(journal, store, site, questions, time.time, observer)
        noted = hooks.noted if hooks else lambda _: None
        requests = JournalRequests(store, site, profile, noted)
        publisher = RecordPublisher(store, connection, site, source)
        CallStream(connection, offsets, consumer.handle).follow_all()
        connection.consume(topics.caller(ANY_USER), CallerEvent, consumer.note_found)
        connection.consume(topics.dial_result(ANY_USER), DialResult, consumer.note_dialled)

        def answer(request: JournalRequest, requester: Requester) -> JournalAnswer | None:
            return requests.handle(request, requester) if lease.held else None

        def adopt(record: CallRecord, _: ReceivedMessage) -> None:
            if not lease.held:
                store.adopt(record.data)

        Responder(connection, source, sentence, answers=lambda: lease.held).serve(
            topics.journal(ANY_USER), JournalRequest, answer, JournalAnswer
        )
        if broker.machine is not None:
            connection.consume(topics.records(ANY_USER), CallRecord, adopt)

        home = HomeAssistant(connection, site.logins) if journal.home_assistant else None

        def count_again() -> None:
            """Have all counts published: a broker that comes back may have lost them."""
            with store.changing():
                for login in site.logins():
                    store.counts_changed(login)

        def tick() -> float:
            pause = consumer.tick()
            if hooks is not None:
                hooks.tick()
            if home is not None:
                home.tick()
            more = lease.held and publisher.publish()
            waits = hooks is not None or broker.machine is not None
            return min(pause, _AT_ONCE if more else _SOON if waits else pause)

        connection.republish(count_again)
        lease.on_change(count_again)
        metrics.keep_written("journal", data_folder, lambda: connection.connected)
        stop_on_signals(connection.stop)
        with connection, hooks or nullcontext(), lease:
            connection.run(tick, _SOON)
            if lease.held:
                publisher.publish()


class HolderObserver:
    """Has calls reported by the machine that has the lease alone."""

    def __init__(self, hooks: CallHooks, lease: Held) -> None:
        self._hooks = hooks
        self._lease = lease

    def call_changed(
        self, before: CallRecordData | None, record: CallRecordData, call_id: str
    ) -> None:
        """Report a running call, or its record."""
        if self._lease.held:
            self._hooks.call_changed(before, record, call_id)
