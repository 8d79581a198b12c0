"""What becomes of an account's session at a real Mosquitto when the account goes.

Mosquitto 2.0 is crashed by a reload that meets an offline client without an account, so no command
may leave one: each such client shows in the log as disconnected though it was not connected.
"""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from pydantic import SecretStr

from bus.mqtt.connection import Connection
from bus.mqtt.inbox import BrokerUnavailable
from bus.mqtt.publication import PublishRefused
from bus.settings import read_accounts
from bus.topics import Topics
from tests.conftest import wait_until
from tests.journeys.test_rights import Office

T = Topics()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path)
    with office.broker:
        yield office


def _leave_sessions(office: Office) -> list[str]:
    """Connect with each account of a person or program once, and leave a session behind."""
    accounts = read_accounts(office.site.broker.accounts_file)
    with ExitStack() as stack:
        for account in accounts:
            connection = stack.enter_context(Connection(office.site.broker, account))
            connection.subscribe(T.calls("0011"), lambda _: None)
            connection.wait_connected()
    wait_until(lambda: not _online(office))
    return list(accounts)


def _online(office: Office) -> Counter[str]:
    """Return who is connected, by the broker's log; below zero: ended though it was offline."""
    log = office.broker.log.read_text()
    found: Counter[str] = Counter(re.findall(r"New client connected from \S+ as (\S+)", log))
    found.subtract(re.findall(r"Client (\S+) (?:disconnected|already connected)", log))
    return Counter({name: count for name, count in found.items() if count})


COMMANDS: tuple[tuple[str, ...], ...] = (
    ("user", "add", "0014", "--password", "x", "--no-check"),
    ("user", "set", "0011", "--name", "Anna"),
    ("user", "device", "0012", "tablet"),
    ("user", "remove", "0012"),
    ("user", "remove", "0013"),
    ("user", "add", "0013", "--password", "x", "--no-check"),
    ("account", "password", "crm"),
    ("account", "add", "crm", "--all", "--topics", "state"),
    ("account", "remove", "wallboard"),
    ("account", "add", "wallboard", "--all", "--topics", "state"),
    ("group", "add", "Secretariat", "0010", "0011"),
    ("supervisor", "add", "0010", "--user", "0011", "--topics", "calls"),
    ("broker", "account", "gateway-7"),
    ("broker", "files"),
)


def test_no_command_lets_a_reload_meet_a_session_without_its_account(office: Office) -> None:
    for name in ("crm", "wallboard"):
        office.type("account", "add", name, "--user", "0011", "--topics", "calls")
    office.type("user", "device", "0012", "laptop")
    office.reload()
    accounts = _leave_sessions(office)
    assert {"0012~laptop", "crm", "caller-for-0013", "cli-1"} <= set(accounts)

    for words in COMMANDS:
        office.type(*words)
        office.reload()
        office.broker.reload()  # the first makes the second dangerous
        wait_until(lambda: not [name for name, count in _online(office).items() if count > 0])
        assert _online(office) == {}, words
    office.reload()
    wait_until(lambda: not _online(office))


def test_where_the_broker_is_away_the_line_stays_without_any_right(office: Office) -> None:
    old = read_accounts(office.site.broker.accounts_file)["0011"]
    _leave_sessions(office)
    office.broker.stop()
    office.type("user", "remove", "0011")
    office.broker.start()

    broker = office.site.broker.model_copy(update={"account": "0011", "password": SecretStr(old)})
    with Connection(broker, "0011") as former:
        received: list[str] = []
        former.subscribe("#", lambda message: received.append(message.topic))
        former.wait_connected()
        with pytest.raises(PublishRefused):
            former.publish_raw(T.dial("0011"), b"x")
        office.publish_everything()
        while former.work(0.3):
            pass
        assert received == []


def test_a_login_that_is_used_again_is_no_way_in_for_its_former_owner(office: Office) -> None:
    old = read_accounts(office.site.broker.accounts_file)["0011"]
    _leave_sessions(office)
    office.broker.stop()
    office.type("user", "remove", "0011")
    added = office.type("user", "add", "0011", "--password", "x", "--no-check")
    office.broker.start()

    [(account, password)] = re.findall(r"account is (\S+), password (\S+)", added)
    assert account != "0011"
    assert password != old
    with office.listening(account, T.calls("0011")) as received:
        office.publish_everything()
        wait_until(lambda: received.so_far() == {T.calls("0011")})
    again = office.type("user", "add", "0011", "--password", "x", "--no-check")
    assert f"{account}, password {password}" in again


def test_the_session_of_a_removed_user_is_ended_and_his_account_gone(office: Office) -> None:
    old = read_accounts(office.site.broker.accounts_file)["0011"]
    _leave_sessions(office)

    office.type("user", "remove", "0011")
    office.reload()

    broker = office.site.broker.model_copy(update={"account": "0011", "password": SecretStr(old)})
    with Connection(broker, "0011", lasting=False) as former, pytest.raises(BrokerUnavailable):
        former.wait_connected()
    added = office.type("user", "add", "0011", "--password", "x", "--no-check")
    assert "account is 0011," in added
    assert old not in added


def test_what_waited_for_a_former_user_is_not_delivered_to_the_next(office: Office) -> None:
    _leave_sessions(office)
    office.publish_everything()

    office.type("user", "remove", "0011")
    office.type("user", "add", "0011", "--password", "x", "--no-check")
    office.reload()

    with office.listening("0011", T.state("0011"), lasting=True) as received:
        assert T.calls("0011") not in received.so_far()


def test_an_account_that_is_in_use_is_left_without_a_right(office: Office) -> None:
    office.type("account", "add", "app", "--user", "0011", "--topics", "calls")
    office.reload()

    with office.listening("app", T.calls("0011"), lasting=True) as received:
        office.type("account", "remove", "app")
        office.reload()
        office.publish_everything()
        assert received.so_far() == set()
    office.reload()
    assert _online(office)["app"] >= 0


def test_a_new_password_for_an_account_that_is_in_use_comes_with_a_new_name(
    office: Office,
) -> None:
    office.type("account", "add", "app", "--user", "0011", "--topics", "calls")
    office.reload()

    with office.listening("app", T.calls("0011"), lasting=True) as received:
        result = office.type("account", "password", "app")
        office.reload()
        account, password = result.splitlines()[0].split("\t")
        assert account != "app"
        assert read_accounts(office.site.broker.accounts_file)[account] == password
        with office.listening(account, T.calls("0011")) as renewed:
            office.publish_everything()
            wait_until(lambda: renewed.so_far() == {T.calls("0011")})
        assert received.so_far() == set()
