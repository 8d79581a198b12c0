"""The dial process: dial requests in, calls placed at the PBX and results out."""

import functools
import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from pathlib import Path
from typing import TypeVar

from bus.events import DialResult
from bus.lease import lease_of
from bus.mqtt.call_stream import CallStream, ConsumerOffsets
from bus.mqtt.connection import Connection
from bus.mqtt.presence import Presence
from bus.numbers.number import NumberProfile
from bus.numbers.private_numbers import PrivateNumbers
from bus.settings import BrokerSettings, SettingsRefused
from bus.topics import ANY_USER
from consumers.dial.consumer import DialConsumer
from consumers.dial.number import NumberReader
from consumers.dial.plain_numbers import PlainNumbers
from consumers.dial.progress import ProgressTracker
from consumers.dial.results import ResultPublisher
from consumers.dial.settings import DialSettings
from consumers.dial.standby import ClaimingPlacer, HolderBus, SharedRequests
from consumers.dial.store import DialStore
from consumers.users import Users
from runtime import metrics
from runtime.files import private_folder
from runtime.outage import outlasting
from runtime.process import stop_on_signals
from runtime.secret_box import SecretBox
from starface.api_version import PbxClients
from starface.settings import StarfaceSettings

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

        def start() -> None:
            self._post(functools.partial(finish, work()))

        threading.Thread(target=start, name="dial", daemon=True).start()


@outlasting("dial")
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
    """Place calls until stopped."""
    private_folder(data_folder)
    private = PrivateNumbers(data_folder, site_key)
    numbers = NumberReader(
        profile, dial, site_key, functools.partial(private.names, profile=profile)
    )
    account = broker.account_of(account)
    pbx = ClaimingPlacer(functools.partial(Users, database, seal), PbxClients(starface))
    connection = Connection(broker, account, presence=Presence(account, machine=broker.machine))
    pbx.lease = lease = lease_of(connection, broker, ROLE)
    with (
        Users(database, seal) as users,  # open all the time: SQLite tidies up at the last close
        closing(DialStore(data_folder / "dial.db", account)) as store,
        closing(ConsumerOffsets(data_folder / f"{account}-events.db")) as offsets,
    ):
        metrics.keep_written("dial", data_folder, lambda: connection.connected)
        stop_on_signals(connection.stop)
        tasks = TaskThreads(connection.post)
        results = ResultPublisher(store, HolderBus(connection, lease))
        tracker = ProgressTracker(results, pbx, tasks, numbers.key)
        consumer = DialConsumer(dial, numbers, tracker, users)
        topics, logins = connection.topics, dial.users or (ANY_USER,)
        requests = SharedRequests(lease, consumer, tracker)
        plain = ExitStack()

        def lease_changed() -> None:
            requests.lease_changed()
            plain.close()
            if lease.held:
                plain.enter_context(
                    _plain_numbers(broker, account, connection, consumer, dial.users)
                )

        shared = broker.machine is not None
        # Before we are online: who sees us there may dial at once.
        for user in logins:
            connection.subscribe(topics.dial(user), (requests if shared else consumer).handle)
            if shared:
                connection.consume(topics.dial_result(user), DialResult, requests.note_result)
        lease.on_claim(requests.note_claim)
        lease.on_change(lease_changed)
        CallStream(
            connection, offsets, lambda event: tracker.handle(event) if lease.held else None
        ).follow(logins)
        with connection, plain, lease:
            lease_changed()
            tracker.recover()
            connection.run(requests.tick)
            limit = time.monotonic() + _LAST_WORK
            while tasks.running and time.monotonic() < limit:
                connection.work(0.05)


def _plain_numbers(
    broker: BrokerSettings,
    account: str,
    connection: Connection,
    consumer: DialConsumer,
    users: tuple[str, ...],
) -> AbstractContextManager[object]:
    """Return what receives plain numbers: in one process only, else each would be dialled twice."""
    if account not in (ROLE, broker.account_of(ROLE)):
        return nullcontext()
    try:
        return PlainNumbers(broker, connection.post, consumer.handle, users)
    except SettingsRefused as error:  # a site of an earlier release has no account for it yet
        log.warning("plain numbers are not received reason=%s", error)
        return nullcontext()
