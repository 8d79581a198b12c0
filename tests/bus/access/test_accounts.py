from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bus.access.accounts import (
    PROCESS_ACCOUNTS,
    Accounts,
    accounts_of,
    accounts_of_machines,
    acl_file,
    caller_account,
    device_account,
    login_of,
    process_rights,
    rights_of,
    user_account,
    write_broker_files,
)
from bus.access.roles import Roles
from bus.mqtt.connection import Connection
from bus.mqtt.paho_client import PahoClient
from bus.mqtt.publication import PublishRefused
from bus.settings import BrokerSettings
from bus.topics import Topics
from tests.conftest import wait_until

Connect = Callable[..., Connection]


def test_an_account_keeps_its_password() -> None:
    accounts = Accounts()

    assert accounts.add("gateway") == accounts.add("gateway")
    assert accounts.add("gateway") != accounts.add("dial")


def test_the_files_are_for_their_owner_only(tmp_path: Path) -> None:
    accounts = Accounts()
    accounts.add("0011")

    write_broker_files(tmp_path, Topics(), accounts.passwords)
    accounts.write(tmp_path / "accounts.json")

    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    assert accounts.passwords["0011"] not in (tmp_path / "passwords").read_text()


def test_a_file_is_written_only_where_it_differs(tmp_path: Path) -> None:
    accounts = Accounts()
    accounts.add("0011")
    write_broker_files(tmp_path, Topics(), accounts.passwords)
    before = {path.name: path.stat().st_ino for path in tmp_path.iterdir()}
    (tmp_path / "acl").write_text("edited by hand")

    write_broker_files(tmp_path, Topics(), accounts.passwords)

    assert (tmp_path / "passwords").stat().st_ino == before["passwords"]
    assert "user 0011" in (tmp_path / "acl").read_text()


def test_the_password_file_changes_only_with_the_passwords() -> None:
    accounts = Accounts()
    accounts.add("0011")

    assert accounts.password_file() == accounts.password_file()


@pytest.mark.parametrize("account", PROCESS_ACCOUNTS)
def test_no_process_may_write_everything(account: str) -> None:
    rights = process_rights(Topics(), account)

    assert rights is not None
    assert not any(topic in ("#", "starface/#") for topic in (*rights.read, *rights.write))


def test_a_users_rules_name_only_his_own_topics() -> None:
    rules = acl_file(Topics(), ["0011"]).split("user 0011\n")[1].split()

    assert {f"starface/users/0011/{one}" for one in ("set", "choose", "opened", "dial")} < set(
        rules
    )
    assert not any("0012" in word or "+" in word for word in rules)


@pytest.mark.parametrize("login", ["0011", "anna/é", "a+b"])
def test_the_process_of_one_user_writes_of_that_user_only(login: str) -> None:
    topics = Topics()
    rights = process_rights(topics, caller_account(login))

    assert rights is not None
    assert {topics.caller(login), topics.replay(login)} < set(rights.write)
    assert [topic for topic in rights.write if "+" in topic or "#" in topic] == [
        topics.replies_to("+")  # who asks about the user
    ]
    assert [topic for topic in rights.read if "/users/+/" in topic] == [topics.calls("+")]


def test_the_process_of_one_user_cannot_answer_for_another(connect: Connect) -> None:
    answering = connect(caller_account("0011"))

    assert answering.publish_raw("starface/users/0011/caller", b"{}") < 128
    with pytest.raises(PublishRefused):
        answering.publish_raw("starface/users/0012/caller", b"{}")


def test_a_further_device_has_the_rights_of_its_user() -> None:
    user, device = (
        acl_file(Topics(), [one]).partition("user ")[2].partition("\n")
        for one in ("Anna%20B", device_account("Anna B", "laptop"))
    )

    assert device[0] == "Anna%20B~laptop"
    assert device[2] == user[2]
    assert login_of("Anna%20B~laptop") == login_of("Anna%20B") == "Anna B"


def test_no_login_is_taken_for_a_device() -> None:
    assert login_of(user_account("a~b")) == "a~b"


def test_a_users_accounts_are_his_own_his_devices_and_that_of_his_process() -> None:
    names = ["0011", "0011~laptop", "00112~laptop", "caller-for-0011", "caller-for-00112", "caller"]

    assert accounts_of("0011", names) == ["0011", "0011~laptop", "caller-for-0011"]


def test_a_removed_account_keeps_its_password_and_no_right() -> None:
    accounts = Accounts({"0011": "x", "0012": "y"})
    before = accounts.password_file()

    accounts.remove(["0011"])

    assert accounts.passwords == {"0012": "y"}
    assert sorted(accounts.password_file().splitlines()) == sorted(before.splitlines())
    assert "user 0011" not in acl_file(Topics(), accounts.passwords)


def test_an_account_whose_session_has_ended_goes_at_once() -> None:
    accounts = Accounts({"0011": "x"})
    accounts.forget({"0011"})

    accounts.remove(["0011"])

    assert accounts.password_file() == ""


def test_who_gets_a_former_users_login_does_not_get_his_account() -> None:
    accounts = Accounts({"0011": "x"})
    accounts.remove(["0011"])

    name = accounts.name_of("0011")

    assert name != "0011"
    assert accounts.add(name) != "x"
    assert rights_of(Topics(), name, Roles()) == rights_of(Topics(), "0011", Roles())
    assert accounts.name_of("0011") == name


def test_a_process_that_comes_back_has_its_old_password() -> None:
    accounts = Accounts({"caller-for-0011": "x"})
    accounts.remove(["caller-for-0011"])

    assert accounts.add("caller-for-0011") == "x"
    assert accounts.retired == {}


def test_a_user_receives_only_his_own_calls(connect: Connect) -> None:
    received: list[str] = []
    gateway, person = connect("gateway"), connect("0011")
    for topic_filter in ("#", "starface/#", "starface/users/+/calls", "starface/users/0012/calls"):
        person.subscribe(topic_filter, lambda message: received.append(message.topic))

    gateway.publish_raw("starface/users/0012/calls", b"x")
    gateway.publish_raw("starface/users/0011/calls", b"x")

    wait_until(lambda: person.work(0.05) and "starface/users/0011/calls" in received)
    assert set(received) == {"starface/users/0011/calls"}


@pytest.mark.parametrize(
    ("account", "topic"),
    [
        ("0011", "starface/users/0012/dial"),
        ("0011", "starface/users/0012/set"),
        ("0011", "starface/users/0012/choose"),
        ("0011", "starface/users/0012/opened"),
        ("0011", "starface/users/0011/calls"),
        ("0011", "starface/users/0011/dial/result"),
        ("0011", "starface/users/0011/state"),
        ("0011", "starface/processes/gateway"),
        ("caller", "starface/users/0011/dial"),
        ("dial", "starface/users/0011/dial"),
        ("dial", "starface/users/0011/calls"),
        ("sessions", "starface/users/0011/calls"),
        ("gateway", "starface/users/0011/dial"),
        ("journal", "starface/users/0011/set"),
    ],
)
def test_nobody_writes_what_is_not_his(connect: Connect, account: str, topic: str) -> None:
    with pytest.raises(PublishRefused) as refused:
        connect(account).publish_raw(topic, b"x")

    assert refused.value.code == 0x87


def test_a_stolen_client_id_steals_nothing(
    connect: Connect, broker_settings: BrokerSettings
) -> None:
    received: list[bytes] = []
    stolen: list[bytes] = []
    victim, gateway = connect("0012"), connect("gateway")
    victim.subscribe("starface/users/0012/calls", lambda message: received.append(message.payload))

    class Thief(PahoClient):
        def _new(self) -> Any:
            client = super()._new()
            client._client_id = b"0012"
            return client

    with Connection(broker_settings, "0011", clients=Thief) as thief:
        thief.subscribe("starface/users/0012/calls", lambda message: stolen.append(message.payload))
        thief.wait_connected()
        gateway.publish_raw("starface/users/0012/calls", b"mine")

        wait_until(lambda: victim.work(0.05) and received)
        thief.work(0.2)
        assert victim.connected
    assert (received, stolen) == ([b"mine"], [])


def test_every_process_of_every_machine_has_an_account_with_the_rights_of_its_kind() -> None:
    topics = Topics()
    accounts = accounts_of_machines(("a", "b"), shards=2)

    assert {"dial-a", "dial-b", "caller-1of2", "caller-2of2-b", "gateway-a"} < set(accounts)
    assert accounts_of_machines(()) == []
    for account in accounts:
        rights = process_rights(topics, account)
        assert rights is not None
        assert topics.process(account) in rights.write
        leased = account.partition("-")[0] in ("sessions", "caller", "dial", "journal")
        assert (topics.leases(account.partition("-")[0]) in rights.write) == leased
