import json
import re

import pytest

from bus.access.accounts import Accounts
from bus.access.rabbitmq import definitions, pattern
from bus.access.roles import Roles
from bus.topics import Topics


@pytest.mark.parametrize(
    ("topic_filter", "fits", "fits_not"),
    [
        (
            "starface/info",
            ["starface.info"],
            ["starface.info.x", "starfaceXinfo", "x.starface.info"],
        ),
        (
            "starface/users/+/calls",
            ["starface.users.0011.calls", "starface.users.*.calls", "starface.users.a%2Eb.calls"],
            ["starface.users.#.calls", "starface.users.a.b.calls", "starface.users.0011.calls.x"],
        ),
        (
            "starface/users/a.b/#",
            ["starface.users.a%2Eb", "starface.users.a%2Eb.calls", "starface.users.a%2Eb.#"],
            ["starface.users.a.b.calls", "starface.users.a%2Ebc", "starface.users.#"],
        ),
    ],
)
def test_a_filter_is_a_pattern_of_routing_keys(
    topic_filter: str, fits: list[str], fits_not: list[str]
) -> None:
    found = re.compile(pattern([topic_filter]))

    assert all(map(found.search, fits))
    assert not any(map(found.search, fits_not))


def test_who_has_no_right_fits_no_routing_key() -> None:
    assert not re.search(pattern([]), "starface.info")


def test_passwords_are_hashed() -> None:
    assert "secret" not in definitions(Topics(), Accounts({"0011": "secret"}), Roles())


def test_an_account_uses_the_queues_of_its_own_name_only() -> None:
    written = json.loads(definitions(Topics(), Accounts({"0011": "x", "a.b": "y"}), Roles()))
    rights = {each["user"]: each for each in written["permissions"]}

    for kind in ("configure", "write", "read"):
        assert re.search(rights["a.b"][kind], "mqtt-subscription-a%2Ebqos1")
        assert not re.search(rights["a.b"][kind], "mqtt-subscription-a%2Ebcqos1")
        assert not re.search(rights["0011"][kind], "mqtt-subscription-a%2Ebqos1")


def test_a_retired_account_has_no_right_left() -> None:
    accounts = Accounts({"0011": "secret"})
    accounts.remove(["0011"])
    written = json.loads(definitions(Topics(), accounts, Roles()))

    (queues,) = written["permissions"]
    (topics,) = written["topic_permissions"]
    assert {queues[kind] for kind in ("configure", "write", "read")} == {"^$"}
    assert {topics[kind] for kind in ("write", "read")} == {"^$"}
