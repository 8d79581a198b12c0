"""The sessions process on a real broker, at a PBX that answers as it is set to."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from cryptography.fernet import Fernet

from bus.events import SessionReset, SessionResetData, UserState
from bus.lease import Unshared
from bus.mqtt.connection import Connection
from bus.mqtt.inbox import ReceivedMessage
from bus.settings import BrokerSettings
from consumers.sessions.consumer import SessionsConsumer
from consumers.sessions.resync_window import ResyncWindow, UserChanges
from consumers.users import User, Users
from runtime.secret_box import SecretBox
from starface.settings import StarfaceSettings
from tests.conftest import wait_until
from tests.consumers.sessions.fake_tasks import TOKEN, FakeTasks

Connect = Callable[..., Connection]


class Office:
    """The process in a thread of the test, and somebody who clicks and sees the icons."""

    def __init__(self, folder: Path, broker: BrokerSettings, connect: Connect) -> None:
        self.lease = Unshared()
        self.tasks = FakeTasks()
        self.database = folder / "site.db"
        self._folder = folder
        self._broker = broker
        self._box = SecretBox(Fernet.generate_key())
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._run)
        self.states: dict[str, str] = {}
        self.person = connect("panel")
        self.person.subscribe("starface/users/+/state", self._see)
        with self.users() as users:
            for login in ("0011", "0012"):
                users.add(User(login=login, extension=login), TOKEN)

    def users(self) -> Users:
        return Users(self.database, self._box)

    def start(self) -> None:
        self._thread.start()
        self.wait(lambda: self.states == {"0011": "active", "0012": "active"})

    def stop(self) -> None:
        if self._connection is not None:
            self._connection.stop()
        self.join()

    def join(self) -> None:
        self._thread.join(10)
        assert not self._thread.is_alive()

    def retained_states(self, reader: Connection) -> dict[str, str]:
        self.states.clear()
        reader.subscribe("starface/users/+/state", self._see)
        wait_until(lambda: reader.work(0.02) and len(self.states) == 2)
        return self.states

    def wait(self, condition: Callable[[], object]) -> None:
        def received() -> object:
            self.person.work(0.02)
            return condition()

        wait_until(received)

    def click(self, word: bytes, login: str = "0011", *, retain: bool = False) -> None:
        topic = self.person.topics.switch(login)
        self.person.publish_raw(topic, word, retain=retain)

    def logins(self, login: str = "0011") -> int:
        return self.tasks.asked.count(f"login {login}")

    def _run(self) -> None:
        window, changes = ResyncWindow(self._folder / "sessions.db"), UserChanges(self.database)
        with self.users() as users, Connection(self._broker, "sessions") as connection:
            self._connection = connection
            SessionsConsumer(
                connection, users, changes, window, cast("Any", self.tasks),
                StarfaceSettings(host="pbx.example.net"), lease=self.lease,
            ).run()  # fmt: skip
        changes.close()
        window.close()

    def _see(self, message: ReceivedMessage) -> None:
        login = self.person.topics.user_of(message.topic)
        if message.payload:
            self.states[login] = UserState.model_validate_json(message.payload).data.state
        else:
            self.states.pop(login, None)


@pytest.fixture
def office(tmp_path: Path, broker_settings: BrokerSettings, connect: Connect) -> Iterator[Office]:
    office = Office(tmp_path, broker_settings, connect)
    office.start()
    yield office
    office.stop()


def test_a_click_switches_one_user_and_counts_at_the_next_start(office: Office) -> None:
    office.click(b"off")
    office.wait(lambda: office.states["0011"] == "inactive")
    with office.users() as users:
        assert not users.get("0011").wanted
    office.wait(lambda: "logout" in office.tasks.asked)
    assert office.states["0012"] == "active"

    office.click(b" ON ")
    office.wait(lambda: office.states["0011"] == "active")
    assert office.logins() == 2
    assert office.logins("0012") == 1


def test_what_is_no_click_changes_nothing(office: Office) -> None:
    for login, word in (("0011", b"toggle"), ("0011", b"x" * 5000), ("0013", b"off")):
        office.click(word, login)
    office.click(b"off", "0012")
    office.wait(lambda: office.states["0012"] == "inactive")

    assert office.states["0011"] == "active"
    assert office.logins() == 1


def test_a_click_that_the_broker_kept_for_later_is_no_click(
    tmp_path: Path, broker_settings: BrokerSettings, connect: Connect
) -> None:
    office = Office(tmp_path, broker_settings, connect)
    office.click(b"off", retain=True)
    office.start()
    office.click(b"off", "0012")
    office.wait(lambda: office.states["0012"] == "inactive")

    assert office.states["0011"] == "active"
    office.stop()


def test_a_session_of_which_the_pbx_said_the_end_is_opened_again(
    office: Office, connect: Connect
) -> None:
    gateway = connect("gateway")
    reset = SessionReset(data=SessionResetData(user="0011"))
    gateway.publish(gateway.topics.session("0011"), reset)
    office.wait(lambda: office.logins() == 2)

    gateway.publish(gateway.topics.session("0012"), reset)  # another user's on this topic
    office.click(b"off", "0012")
    office.wait(lambda: office.states["0012"] == "inactive")
    assert office.logins("0012") == 1


def test_a_user_who_is_removed_is_logged_out_and_shown_no_more(office: Office) -> None:
    with office.users() as users:
        users.remove("0011")

    office.wait(lambda: "0011" not in office.states)
    office.wait(lambda: "logout" in office.tasks.asked)


def test_a_user_who_is_added_is_logged_in(office: Office) -> None:
    with office.users() as users:
        users.add(User(login="0013", extension="0013"), TOKEN)

    office.wait(lambda: office.states.get("0013") == "active")


def test_who_has_lost_the_lease_leaves_the_states_to_the_machine_that_acts(
    office: Office, connect: Connect
) -> None:
    office.lease.held = False
    office.click(b"off")
    with office.users() as users:
        wait_until(lambda: not users.get("0011").wanted)
    office.lease.lost = True
    office.join()

    assert office.retained_states(connect("gateway")) == {"0011": "active", "0012": "active"}
