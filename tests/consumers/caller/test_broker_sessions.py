from collections.abc import Callable
from pathlib import Path

import pytest

from bus.access.accounts import caller_account, process_rights
from bus.mqtt.connection import Connection
from bus.mqtt.inbox import BrokerUnavailable
from bus.settings import BrokerSettings
from bus.topics import Topics, matches
from consumers.caller.broker_sessions import BrokerSessions, begin_sessions, drop_sessions
from consumers.caller.process import followed

ANNA = caller_account("0011")
Connect = Callable[..., Connection]


@pytest.mark.parametrize(("account", "users"), [("caller", None), (ANNA, ("0011",))])
def test_an_account_may_read_all_that_its_process_follows(
    account: str, users: tuple[str, ...] | None
) -> None:
    rights = process_rights(Topics(), account)

    assert rights is not None
    topics = followed(Topics(), users)
    assert [topic for topic in topics if not any(matches(may, topic) for may in rights.read)] == []


def received_by(connection: Connection) -> list[bytes]:
    """Return what the broker kept for an account that has just connected."""
    received: list[bytes] = []
    connection.subscribe(
        "starface/users/0011/calls", lambda message: received.append(message.payload)
    )
    while connection.work(0.5):
        pass
    return received


def test_what_is_reported_before_the_process_runs_is_kept_for_it(
    broker_settings: BrokerSettings, connect: Connect
) -> None:
    gateway = connect("gateway")
    begin_sessions({ANNA: broker_settings}, {ANNA: ("0011",)})
    gateway.publish_raw("starface/users/0011/calls", b"meanwhile")

    assert b"meanwhile" in received_by(connect(ANNA))


def test_what_is_dropped_is_kept_no_more_and_its_process_is_no_longer_shown(
    broker_settings: BrokerSettings, connect: Connect
) -> None:
    gateway, panel = connect("gateway"), connect("panel")
    begin_sessions({ANNA: broker_settings}, {ANNA: ("0011",)})
    with Connection(broker_settings, ANNA) as process:
        process.wait_connected()
        process.publish_raw(f"starface/processes/{ANNA}", b"offline", retain=True)
    drop_sessions({ANNA: broker_settings})
    gateway.publish_raw("starface/users/0011/calls", b"meanwhile")
    shown: list[bytes] = []
    panel.subscribe("starface/processes/+", lambda reported: shown.append(reported.payload))
    while panel.work(0.5):
        pass

    assert received_by(connect(ANNA)) == []
    assert shown == []


def test_one_account_the_broker_refuses_does_not_keep_the_others(
    broker_settings: BrokerSettings, connect: Connect
) -> None:
    gateway = connect("gateway")
    begin_sessions({ANNA: broker_settings}, {ANNA: ("0011",)})
    wrong = broker_settings.model_validate(
        broker_settings.model_dump() | {"account": "caller-for-0012", "password": "wrong"}
    )
    with pytest.raises(BrokerUnavailable, match="caller-for-0012"):
        drop_sessions({"caller-for-0012": wrong, ANNA: broker_settings})
    gateway.publish_raw("starface/users/0011/calls", b"meanwhile")

    assert received_by(connect(ANNA)) == []


def test_who_may_have_a_session_outlives_the_process(tmp_path: Path) -> None:
    path = tmp_path / "sessions.json"
    first = BrokerSessions(path, ["caller"])
    assert first.besides([]) == {"caller"}
    first.add([ANNA])
    first.remove(["caller"])

    assert BrokerSessions(path, ["caller"]).besides(["caller-for-0012"]) == {ANNA}


def test_a_file_nobody_can_read_is_as_none(tmp_path: Path) -> None:
    path = tmp_path / "sessions.json"
    path.write_text("{")

    assert BrokerSessions(path, ["caller"]).besides([]) == {"caller"}
