"""The dial process: dial requests in, calls placed at the PBX and results out."""

import functools
import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from typing import TypeVar

from bus.events import CallEvent, DialResult
from bus.lease import lease_of
from bus.mqtt.call_stream import CallStream, ConsumerOffsets
from bus.mqtt.connection import Connection
from bus.mqtt.presence import Presence
from bus.numbers.private_numbers import PrivateNumbers
from bus.settings import SettingsRefused
from bus.topics import ANY_USER
from consumers.dial.consumer import DialConsumer
from consumers.dial.number import NumberReader
from consumers.dial.plain_numbers import PlainNumbers
from consumers.dial.progress import ProgressTracker
from consumers.dial.results import ResultPublisher
from consumers.dial.settings import DialSite
from consumers.dial.standby import ClaimingPlacer, HolderBus, SharedRequests
from consumers.dial.store import DialStore
from consumers.users import Users
from runtime import metrics
from runtime.files import private_folder
from runtime.outage import outlasting
from runtime.process import stop_on_signals
from starface.api_version import PbxClients

log = logging.getLogger(__name__)

ROLE = "dial"
_LAST_WORK = 3.5  # seconds in which a stopping process waits for the PBX
T = TypeVar("T")


class TaskThreads:
    """A thread for each task, so that a slow PBX holds up nobody; the limits bound their number."""

    def __init__(self, post: Callable[[Callable[[], None]], None]) -> None:
        self._post = post
        self.running = 0

    def run(self, work: Callable[[], T], then: Callable[[T], None]) -> None:
        """Do `work` in a thread and hand what it returns to `then` in the main thread."""
        self.running += 1

        def finish(result: T) -> None:
            then(result)  # is done again where the disk did not take it
            self.running -= 1

        def fail() -> None:  # what it was about is asked at the PBX later
            self.running -= 1

        def start() -> None:
            finished: Callable[[], None] = fail
            try:
                finished = functools.partial(finish, work())
            except Exception:
                log.exception("a task failed")
            self._post(finished)

        threading.Thread(target=start, name="dial", daemon=True).start()


@outlasting("dial")
def run(site: DialSite, account: str = ROLE) -> None:
    """Place calls until stopped."""
    private_folder(site.data_folder)
    account = site.broker.account_of(account)
    connection = Connection(
        site.broker, account, presence=Presence(account, machine=site.broker.machine)
    )
    with (
        Users(site.database, site.seal) as users,  # SQLite tidies up at the last close
        closing(DialStore(site.data_folder / "dial.db", account)) as store,
        closing(ConsumerOffsets(site.data_folder / f"{account}-events.db")) as offsets,
    ):
        metrics.keep_written("dial", site.data_folder, lambda: connection.connected)
        stop_on_signals(connection.stop)
        process = DialProcess(site, connection, users, store)
        process.subscribe(offsets)
        process.run()


class DialProcess:
    """The parts of one process; of several machines only the holder of the lease dials."""

    def __init__(
        self, site: DialSite, connection: Connection, users: Users, store: DialStore
    ) -> None:
        self._site = site
        self._connection = connection
        self._plain = ExitStack()
        self._lease = lease_of(connection, site.broker, ROLE)
        private = PrivateNumbers(site.data_folder, site.site_key)
        numbers = NumberReader(
            site.profile, site.settings, site.site_key,
            functools.partial(private.names, profile=site.profile),
        )  # fmt: skip
        pbx = ClaimingPlacer(
            functools.partial(Users, site.database, site.seal), PbxClients(site.starface)
        )
        pbx.lease = self._lease
        self._tasks = TaskThreads(connection.post)
        results = ResultPublisher(store, HolderBus(connection, self._lease))
        self._tracker = ProgressTracker(results, pbx, self._tasks, numbers.key)
        self._consumer = DialConsumer(site.settings, numbers, self._tracker, users)
        self._requests = SharedRequests(self._lease, self._consumer, self._tracker)

    def subscribe(self, offsets: ConsumerOffsets) -> None:
        """Subscribe to all that concerns our users, before we are seen online and dialled at."""
        connection, topics = self._connection, self._connection.topics
        logins = self._site.settings.users or (ANY_USER,)
        shared = self._site.broker.machine is not None
        for user in logins:
            handle = (self._requests if shared else self._consumer).handle
            connection.subscribe(topics.dial(user), handle)
            if shared:
                connection.consume(topics.dial_result(user), DialResult, self._requests.note_result)
        self._lease.on_claim(self._requests.note_claim)
        self._lease.on_change(self._lease_changed)
        CallStream(connection, offsets, self._handle).follow(logins)

    def run(self) -> None:
        """Place calls until stopped; what is under way at the PBX has a moment to end."""
        with self._connection, self._plain, self._lease:
            self._lease_changed()
            self._tracker.recover()
            self._connection.run(self._requests.tick)
            limit = time.monotonic() + _LAST_WORK
            while self._tasks.running and time.monotonic() < limit:
                self._connection.work(0.05)

    def _handle(self, event: CallEvent) -> None:
        if self._lease.held:
            self._tracker.handle(event)

    def _lease_changed(self) -> None:
        self._requests.lease_changed()
        self._plain.close()
        if self._lease.held:
            self._receive_plain_numbers()

    def _receive_plain_numbers(self) -> None:
        """Receive plain numbers: in one process only, else each would be dialled twice."""
        connection, broker = self._connection, self._site.broker
        if connection.account not in (ROLE, broker.account_of(ROLE)):
            return
        try:
            self._plain.enter_context(
                PlainNumbers(
                    broker, connection.post, self._consumer.handle, self._site.settings.users
                )
            )
        except SettingsRefused as error:  # a site of an earlier release has no account for it yet
            log.warning("plain numbers are not received reason=%s", error)
