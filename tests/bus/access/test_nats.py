import bcrypt
import pytest

from bus.access.accounts import Accounts
from bus.access.nats import accounts_file, subjects
from bus.access.roles import Roles
from bus.topics import Topics


@pytest.mark.parametrize(
    ("topic_filter", "expected"),
    [
        ("starface/users/0011/calls", ("starface.users.0011.calls",)),
        ("starface/users/anna.b@x.example/calls", ("starface.users.anna//b@x//example.calls",)),
        ("starface/users/+/calls", ("starface.users.*.calls",)),
        ("starface/users/0011/#", ("starface.users.0011", "starface.users.0011.>")),
        ("star.face/zurich/info", ("star//face.zurich.info",)),
    ],
)
def test_a_topic_is_a_subject(topic_filter: str, expected: tuple[str, ...]) -> None:
    assert subjects(topic_filter) == expected


def test_accounts_speak_mqtt_only_and_their_passwords_are_hashed() -> None:
    written = accounts_file(Topics(), Accounts({"0011": "secret"}), Roles())

    assert '"allowed_connection_types": ["MQTT", "MQTT_WS"]' in written
    assert "secret" not in written
    hashed = written.partition('"password": "')[2].partition('"')[0]
    assert bcrypt.checkpw(b"secret", hashed.encode())


def test_the_file_changes_only_with_the_accounts() -> None:
    accounts = Accounts({"0011": "secret", "0012": "other"})

    assert accounts_file(Topics(), accounts, Roles()) == accounts_file(Topics(), accounts, Roles())


def test_a_retired_account_is_no_account_any_more() -> None:
    accounts = Accounts({"0011": "secret"})
    accounts.remove(["0011"])

    assert "0011" not in accounts_file(Topics(), accounts, Roles())
