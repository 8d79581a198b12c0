"""The sessions process: the PBX on one side, people and what the bus says of them on the other."""

import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from bus.lease import Held, lease_of
from bus.mqtt.connection import Connection
from bus.mqtt.inbox import ReceivedMessage
from bus.mqtt.presence import Presence
from bus.numbers.number import NumberProfile
from bus.numbers.private_numbers import PrivateNumbers
from bus.panel_events import Access
from bus.settings import BrokerSettings
from bus.topics import ANY_USER
from consumers.sessions.callback_check import HttpGateway
from consumers.sessions.consumer import ACCOUNT, SAVE_EVERY, SessionsConsumer, switch
from consumers.sessions.enrolment import AccessPublisher, Enrolment, PanelLogins, adopt_access
from consumers.sessions.private_calls import WithoutPrivateCalls
from consumers.sessions.report import SiteReport
from consumers.sessions.resync_window import ResyncWindow, UserChanges
from consumers.sessions.settings_requests import SettingsRequests, SiteDoctor, SiteNumbers
from consumers.sessions.tasks import PbxTasks
from consumers.users import Users
from runtime.operations import OperationsServer
from runtime.outage import outlasting
from runtime.process import stop_on_signals
from runtime.secret_box import SecretBox
from runtime.worker_pool import AnsweringPool
from starface.client import StarfaceClient
from starface.credential import Credential
from starface.password_check import check_password
from starface.request import Callback
from starface.settings import StarfaceSettings, callback_host

log = logging.getLogger(__name__)

_FOR_PEOPLE = 4  # workers for what people ask of the PBX
_SIGN_OF_LIFE_WITHIN = 4.0  # seconds; with the silence before it less than 10
_STANDING_BY = 0.2  # seconds between two looks whether another machine still keeps the sessions
_HANDED_OVER = 60.0  # seconds; what happened since may have been missed by the one before


class Clients:
    """Clients for what people command: they use the sessions that are open."""

    def __init__(
        self,
        settings: StarfaceSettings,
        opened: Mapping[str, StarfaceClient],
        consumer: SessionsConsumer,
    ) -> None:
        self._settings = settings
        self._opened = opened
        self._consumer = consumer

    def client_of(self, login: str) -> StarfaceClient | None:
        """Return a client that shares a user's session, None for a user who has none."""
        callback, used = self._consumer.callback_of(login), self._opened.get(login)
        if callback is None or used is None:
            return None
        settings = self._settings.model_copy(update={"api": used.api})
        return StarfaceClient(settings, login, used.credential, callback)


@outlasting("sessions")
def run(
    starface: StarfaceSettings,
    broker: BrokerSettings,
    site_key: bytes,
    database: Path,
    seal: SecretBox,
    data_folder: Path,
    profile: NumberProfile,
    panel_key: bytes,
    enrolment: Enrolment = "listed",
    operations: str = "",
    doctor: Sequence[str] = (),
) -> None:
    """Keep all sessions until stopped."""
    private = PrivateNumbers(data_folder, site_key)

    opened: dict[str, StarfaceClient] = {}
    within = min(starface.read_timeout, _SIGN_OF_LIFE_WITHIN)
    impatient = starface.model_copy(update={"read_timeout": within})

    def open_pbx(login: str, credential: Credential, callback: Callback | None) -> StarfaceClient:
        settings = starface if login else impatient
        pbx = WithoutPrivateCalls(settings, login, credential, callback, private, profile)
        if callback is not None:
            opened[login] = pbx
        return pbx

    gateway = HttpGateway()
    tasks = PbxTasks(starface, site_key, open_pbx, gateway, callback_host)
    report = SiteReport(data_folder, gateway)

    def check(login: str, password: str, callback: Callback | None) -> Credential:
        return check_password(starface, login, password, callback)

    def serve() -> bool:
        """Keep the sessions until another machine has the lease; False once asked to stop."""
        account = broker.account_of(ACCOUNT)
        connection = Connection(broker, account, presence=Presence(account, machine=broker.machine))
        stop_on_signals(connection.stop)
        with (
            Users(database, seal) as users,
            closing(ResyncWindow(data_folder / "sessions.db")) as window,
            closing(UserChanges(database)) as changes,
            connection,
            lease_of(connection, broker, ACCOUNT) as lease,
            OperationsServer(operations, report.faults, report.metrics),
        ):
            stand_by(connection, lease, users, window)
            if connection.stopping.is_set():
                return False
            opened.clear()
            consumer = SessionsConsumer(
                connection, users, changes, window, tasks, starface, lease=lease
            )
            consumer.report = report if operations else None  # nobody else asks for it
            workers = AnsweringPool("person", _FOR_PEOPLE, connection.post)
            access = AccessPublisher(connection)
            consumer.on_user = access.show
            logins = PanelLogins(users, SecretBox(panel_key), check, consumer, workers, enrolment)
            logins.on_login = lambda user: access.show(user.login, user)
            SettingsRequests(
                users, logins, Clients(starface, opened, consumer), workers,
                broker.accounts_file.with_name("broker-roles.json"),
                SiteNumbers(data_folder, site_key, profile),
                lambda user: access.show(user.login, user), SiteDoctor(doctor),
            ).serve(connection)  # fmt: skip
            consumer.run()
            return not connection.stopping.is_set()

    while serve():
        log.warning("the sessions are kept by another machine now; standing by")


def stand_by(connection: Connection, lease: Held, users: Users, window: ResyncWindow) -> None:
    """Follow who is on and who may use the panel until the lease is held, or until stopped."""
    if lease.held:
        return

    def note_switch(received: ReceivedMessage) -> None:
        if not received.retained:
            switch(users, connection.topics.user_of(received.topic), received.payload)

    def note_access(received: ReceivedMessage) -> None:
        if received.payload:
            adopt_access(users, Access.model_validate_json(received.payload).data)

    connection.subscribe(connection.topics.switch(ANY_USER), note_switch)
    connection.subscribe(connection.topics.access(ANY_USER), note_access)
    noted = float("-inf")
    while not lease.held and not connection.stopping.is_set():
        if time.monotonic() - noted > SAVE_EVERY:
            noted = time.monotonic()
            for login in users.active():
                window.note(login, _HANDED_OVER)
            window.save()
        connection.work(_STANDING_BY)
    connection.unsubscribe(connection.topics.access(ANY_USER))
