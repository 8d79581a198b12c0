"""What the commands on rights result in at a real broker, started from mosquitto.conf."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from bus.events import CallData, CallEvent, Party, UserState, UserStateData, call_event_type, now
from bus.mqtt.connection import Connection
from bus.mqtt.inbox import BrokerUnavailable
from bus.mqtt.paho_client import PahoClient
from bus.mqtt.presence import Presence
from bus.mqtt.publication import PublishRefused
from bus.settings import read_accounts
from bus.topics import Topics
from cli.app import app
from cli.demo.mosquitto import Mosquitto, free_port
from cli.site.files import add_user_account, broker_folder, make_site
from cli.site.settings import Settings
from consumers.users import User, Users
from tests.conftest import ROOT, wait_until

LOGINS = ("0010", "0011", "0012", "0013")
EVERY_KIND = "calls,caller,state,dial/result,head"
T = Topics()


class Office:
    """Users, a broker, and the processes that publish everything of everybody."""

    def __init__(self, folder: Path) -> None:
        self._port = free_port()
        self.site: Settings = make_site(
            folder / "office", {"broker": {"port": self._port}, "site": {"language": "en"}}
        )
        with Users(self.site.database) as users:
            for login in LOGINS:
                users.add(User(login=login))
                add_user_account(self.site, login)
        self.broker = Mosquitto(ROOT / "mosquitto.conf", broker_folder(self.site), self._port)
        self._newest = 1

    def type(self, *words: str, account: str | None = None) -> str:
        """Type a command on the server, or where only this account is known."""
        known = {}
        if account:
            password = read_accounts(self.site.broker.accounts_file)[account]
            known = {
                "STARFACE2MQTT_BROKER__ACCOUNT": account,
                "STARFACE2MQTT_BROKER__PASSWORD": password,
            }
        done = CliRunner().invoke(app, ["--config", str(self.site.file), *words], env=known)
        assert done.exit_code == 0, done.exception
        return done.stdout

    def reload(self) -> None:
        """Have the broker read its files again, and wait until it has: it lets a new one in."""
        self._newest += 1
        newest = f"gateway-{self._newest}"
        self.type("broker", "account", newest)
        self.broker.reload()
        wait_until(lambda: self._let_in(newest))

    def _let_in(self, account: str) -> bool:
        with Connection(self.site.broker, account, lasting=False) as connection:
            try:
                connection.wait_connected()
            except BrokerUnavailable:
                return False
        return True

    @contextmanager
    def listening(self, account: str, *filters: str, **options: Any) -> Iterator["Received"]:
        with Connection(self.site.broker, account, **{"lasting": False} | options) as connection:
            received = Received(connection)
            for topic_filter in filters or ("#",):
                connection.subscribe(
                    topic_filter, lambda message: received.topics.add(message.topic)
                )
            connection.wait_connected()
            yield received

    def publish_everything(self) -> None:
        """Let each process say of each user what it has to say."""
        reported: dict[str, list[Callable[[str], str]]] = {
            "gateway": [T.calls, T.session, lambda login: T.head(login, "g")],
            "sessions": [T.state, T.replay],
            "caller": [T.caller],
            "dial": [T.dial_result, lambda login: f"{T.dial_result(login)}/mine"],
            "cli-1": [T.dial, T.switch, T.choose],
        }
        for process, topics in reported.items():
            with Connection(self.site.broker, process, lasting=False) as connection:
                connection.wait_connected()
                for login in LOGINS:
                    for topic in topics:
                        name = topic(login)
                        retain = "/state" in name or "/head/" in name
                        connection.publish_raw(name, b"x", retain=retain)


class Received:
    """The topics on which something arrived."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.topics: set[str] = set()

    def so_far(self) -> set[str]:
        """Return what arrived, once all that was sent before has."""
        while self.connection.work(0.3):
            pass
        return self.topics


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path)
    with office.broker:
        yield office


def test_a_reader_receives_what_was_named_and_nothing_else_whatever_it_asks_for(
    office: Office,
) -> None:
    office.type("account", "add", "wallboard", "--user", "0011", "--topics", "calls,state")
    office.type("account", "add", "wallboard", "--user", "0012", "--topics", "state")
    office.reload()

    with office.listening(
        "wallboard", "#", "starface/#", "starface/users/+/calls", "starface/users/0012/#", "$SYS/#"
    ) as received:
        office.publish_everything()
        wait_until(lambda: T.state("0012") in received.so_far())

        assert received.so_far() == {T.calls("0011"), T.state("0011"), T.state("0012")}


def test_what_is_retained_reaches_those_only_who_may_read_it(office: Office) -> None:
    office.type("account", "add", "script", "--user", "0011", "--topics", "calls")
    office.type("account", "add", "board", "--user", "0011", "--topics", "state,head")
    office.reload()
    office.publish_everything()

    with office.listening("script") as script, office.listening("board") as board:
        wait_until(lambda: len(board.so_far()) == 2)

        assert board.so_far() == {T.state("0011"), T.head("0011", "g")}
        assert script.so_far() == set()


@pytest.mark.parametrize("kind", EVERY_KIND.split(","))
def test_each_kind_is_received_alone(office: Office, kind: str) -> None:
    office.type("account", "add", "app", "--user", "0011", "--topics", kind)
    office.reload()

    with office.listening("app") as received:
        office.publish_everything()
        wait_until(received.so_far)

        assert received.so_far() == {
            T.head("0011", "g") if kind == "head" else f"starface/users/0011/{kind}"
        }


def test_everybody_is_received_only_by_the_option_that_says_so(office: Office) -> None:
    office.type("account", "add", "journalist", "--all", "--topics", "caller")
    office.reload()

    with office.listening("journalist") as received:
        office.publish_everything()
        wait_until(lambda: len(received.so_far()) == len(LOGINS))

        assert received.so_far() == {T.caller(login) for login in LOGINS}


@pytest.mark.parametrize(
    "topic",
    [
        *(T.calls("0011"), T.state("0011"), T.dial("0012"), T.switch("0011"), T.replay("0011")),
        *(T.choose("0011"), T.dial_result("0011"), T.process("gateway"), T.info(), "anything"),
    ],
)
def test_a_reader_writes_nothing_but_what_it_may(office: Office, topic: str) -> None:
    office.type("account", "add", "app", "--user", "0011", "--topics", EVERY_KIND, "--may", "dial")
    office.reload()

    with office.listening("app") as received:
        assert received.connection.publish_raw(T.dial("0011"), b"x") < 128
        with pytest.raises(PublishRefused):
            received.connection.publish_raw(topic, b"x")


def test_a_supervisor_sees_of_colleagues_what_was_given_and_dials_for_none(
    office: Office,
) -> None:
    office.type("group", "add", "Secretariat", "0011", "0012")
    office.type("supervisor", "add", "0010", "--group", "Secretariat")
    office.reload()

    with office.listening("0010") as received:
        office.publish_everything()
        wait_until(lambda: T.state("0012") in received.so_far())

        of_colleagues = {topic for topic in received.so_far() if T.user_of(topic) != "0010"}
        assert of_colleagues == {T.state("0011"), T.state("0012")}
        for topic in (T.dial("0011"), T.switch("0011"), T.state("0011")):
            with pytest.raises(PublishRefused):
                received.connection.publish_raw(topic, b"x")


def test_a_supervisors_own_command_reports_how_the_colleagues_are(office: Office) -> None:
    office.type("supervisor", "add", "0010", "--user", "0011")
    office.reload()
    presence = Presence("sessions")
    with Connection(office.site.broker, "sessions", presence=presence) as sessions:
        sessions.wait_connected()
        for login in LOGINS:
            data = UserStateData(user=login, state="active", since=now())
            sessions.publish(T.state(login), UserState(data=data), retain=True)

        result = office.type("status", "--json", account="0010")
        switched = office.type("off", "0010", account="0010")

    looks = {login: look["state"] for login, look in json.loads(result)["users"].items()}
    assert looks == {"0010": "active", "0011": "active"}
    assert switched == "0010: switch-off requested.\n"


def test_a_supervisor_from_another_device_sees_the_same(office: Office) -> None:
    office.type("supervisor", "add", "0010", "--user", "0011", "--topics", "calls")
    office.type("user", "device", "0010", "laptop")
    office.reload()

    with office.listening("0010~laptop", "starface/users/+/calls") as received:
        office.publish_everything()
        wait_until(lambda: len(received.so_far()) == 2)

        assert received.so_far() == {T.calls("0010"), T.calls("0011")}


def test_who_joins_a_group_is_received_after_the_reload(office: Office) -> None:
    office.type("group", "add", "Secretariat", "0011")
    office.type("account", "add", "app", "--group", "Secretariat", "--topics", "calls")
    office.reload()

    with office.listening("app") as received:
        office.type("group", "add", "Secretariat", "0013")
        office.reload()
        office.publish_everything()
        wait_until(lambda: T.calls("0013") in received.so_far())

        assert received.so_far() == {T.calls("0011"), T.calls("0013")}


REVOCATIONS = [
    (("group", "remove", "Secretariat", "0011"), {"0012"}),
    (("group", "remove", "Secretariat"), set()),
    (("user", "remove", "0011"), {"0012"}),
    (("supervisor", "remove", "0010", "--group", "Secretariat"), set()),
    (("supervisor", "remove", "0010"), set()),
]


@pytest.mark.parametrize(("words", "still"), REVOCATIONS, ids=lambda reported: " ".join(reported))
def test_after_it_is_taken_back_nothing_more_arrives(
    office: Office, words: tuple[str, ...], still: set[str]
) -> None:
    office.type("group", "add", "Secretariat", "0011", "0012")
    office.type("supervisor", "add", "0010", "--group", "Secretariat", "--topics", "calls,state")
    office.reload()
    office.publish_everything()
    own = T.calls("0010")

    with office.listening("0010", "starface/users/+/calls", "starface/users/+/state") as received:
        office.publish_everything()
        wait_until(lambda: {T.calls("0011"), T.state("0012")} <= received.so_far())

        office.type(*words)
        office.reload()
        received.topics.clear()
        office.publish_everything()
        wait_until(lambda: own in received.so_far())
        assert {T.user_of(topic) for topic in received.so_far()} == {"0010", *still}

    with office.listening("0010", "starface/users/+/state") as again:
        wait_until(lambda: T.state("0010") in again.so_far())
        assert {T.user_of(topic) for topic in again.so_far()} == {"0010", *still}


def test_what_the_broker_kept_is_not_reported_after_the_right_was_taken(office: Office) -> None:
    office.type("account", "add", "app", "--user", "0011", "--user", "0012", "--topics", "calls")
    office.reload()
    with office.listening("app", "starface/users/+/calls", lasting=True):
        pass
    office.publish_everything()

    office.type("account", "remove", "app", "--user", "0011")
    office.reload()

    with office.listening("app", "starface/users/+/calls", lasting=True) as received:
        wait_until(received.so_far)
        assert received.so_far() == {T.calls("0012")}


def test_an_account_that_is_removed_is_not_let_in_again(office: Office) -> None:
    office.type("account", "add", "app", "--user", "0011", "--topics", "calls")
    office.reload()

    with office.listening("app"):
        pass
    password = read_accounts(office.site.broker.accounts_file)["app"]
    office.type("account", "remove", "app")
    office.reload()

    former = {"account": "app", "password": SecretStr(password)}
    broker = office.site.broker.model_copy(update=former)
    with Connection(broker, "app", lasting=False) as app, pytest.raises(BrokerUnavailable):
        app.wait_connected()


def test_a_reader_cannot_take_the_session_of_another(office: Office) -> None:
    office.type("account", "add", "app", "--user", "0011", "--topics", "calls")
    office.reload()

    class Thief(PahoClient):
        def _new(self) -> Any:
            client = super()._new()
            client._client_id = b"0012"
            return client

    with office.listening("0012", T.calls("0012")) as victim:
        with office.listening("app", clients=Thief) as thief:
            office.publish_everything()
            wait_until(lambda: victim.so_far() and thief.so_far())

            assert (victim.topics, thief.topics) == ({T.calls("0012")}, {T.calls("0011")})
        assert victim.connection.connected


def test_the_consumer_of_the_documents_receives_a_ringing_call(
    office: Office, tmp_path: Path
) -> None:
    page = (ROOT / "docs" / "contract.md").read_text()
    program = page.partition("```python\n")[2].partition("```")[0]
    for remote, here in (
        ("client.tls_set()", "#"),
        ('"mqtt.office.example", 8883', f'"127.0.0.1", {office.site.broker.port}'),
    ):
        assert remote in program
        program = program.replace(remote, here)
    made = re.search(r"^starface2mqtt (account add .*)$", page, re.MULTILINE)
    assert made
    password = office.type(*made[1].split()).splitlines()[0].partition("\t")[2]
    office.reload()
    caller = Party(number="0441234567", e164="+41441234567", kind="external")
    data = CallData(
        user="0011", call_id="c1", state="ringing", pbx_state="RINGING", direction="in",
        caller=caller, called=Party(), received_at=now(),
    )  # fmt: skip
    event = CallEvent(source="gateway/g", type=call_event_type("ringing"), subject="c1", data=data)
    printed = tmp_path / "printed"

    def ring() -> str:
        gateway.publish(T.calls("0011"), event)  # nobody knows when the program listens
        return printed.read_text()

    with printed.open("wb") as out, Connection(office.site.broker, "gateway") as gateway:
        gateway.wait_connected()
        running = subprocess.Popen(
            [sys.executable, "-c", program],
            env={**os.environ, "PASSWORD": password},
            stdout=out,
        )
        try:
            wait_until(ring)
        finally:
            running.kill()
            running.wait()

    assert printed.read_text().startswith("0011 is called by +41441234567\n")


def test_a_login_with_the_signs_of_wildcards_reads_its_own_and_nothing_else(
    office: Office,
) -> None:
    login, account = "a+b#c", "a%2Bb%23c"
    office.type("user", "add", login, "--password", "x", "--no-check")
    office.reload()

    with office.listening(account, "starface/users/+/calls", T.calls(login)) as received:
        with Connection(office.site.broker, "gateway", lasting=False) as gateway:
            gateway.wait_connected()
            for user in ("0011", "a", login):
                gateway.publish_raw(T.calls(user), b"x")
        wait_until(received.so_far)
        assert received.so_far() == {f"starface/users/{account}/calls"}
        assert received.connection.publish_raw(T.dial(login), b"x") < 128
        with pytest.raises(PublishRefused):
            received.connection.publish_raw(T.dial("0011"), b"x")
