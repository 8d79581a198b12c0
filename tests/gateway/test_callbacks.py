from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bus.events import UserState, UserStateData
from bus.mqtt.connection import Connection
from bus.mqtt.inbox import ReceivedMessage
from bus.topics import Topics
from cli.demo.mosquitto import free_port
from gateway.callbacks import (
    NAME,
    OVERLAP,
    CallbackListener,
    CallbackValidity,
    Validity,
    read_validities,
)
from starface.callback import CallbackIdentity, callback_path, issued_at, read_path
from tests.conftest import wait_until
from tests.gateway.running import KEY, GatewayProcess, call_state, notify, path_of

NOON = 1_790_000_000_000  # milliseconds


def _path(issued: int, *, is_link: bool = False) -> CallbackIdentity:
    return CallbackIdentity("0011", "", b"", issued, is_link)


def test_a_path_says_when_and_for_what_it_was_made() -> None:
    before = datetime.now(UTC).timestamp()
    path = callback_path("0011", KEY, is_link=True)
    _, _, who, session, mac = path.split("/")
    identity = read_path(who, session, mac, KEY)

    assert identity.is_link
    who, session, mac = callback_path("0011", KEY).split("/")[2:]
    assert not read_path(who, session, mac, KEY).is_link
    assert before - 0.001 <= identity.issued / 1000 == issued_at(path).timestamp()


@pytest.mark.parametrize(
    ("validity", "issued", "is_link", "now", "holds"),
    [
        (Validity(session=NOON), NOON, False, NOON, True),
        (Validity(session=NOON), NOON - 1, False, NOON + OVERLAP - 1, True),
        (Validity(session=NOON), NOON - 1, False, NOON + OVERLAP, False),
        (Validity(session=NOON, revoked=NOON - 9), NOON - 10, False, NOON, False),
        (Validity(revoked=NOON), NOON - 1, False, NOON, False),
        (Validity(revoked=NOON), NOON, False, NOON, True),
        (Validity(session=NOON, revoked=NOON), 0, True, NOON + OVERLAP, True),
        (Validity(link=NOON), NOON - 1, True, NOON, False),
    ],
)
def test_a_path_counts_as_long_as_its_session_does(
    validity: Validity, issued: int, is_link: bool, now: int, holds: bool
) -> None:
    assert validity.holds(_path(issued, is_link=is_link), now) is holds


@pytest.mark.parametrize(("age", "holds"), [(3_600_000, True), (90_000_000, False)])
def test_of_a_user_nothing_is_known_of_only_a_young_path_counts(
    tmp_path: Path, age: int, holds: bool
) -> None:
    assert CallbackValidity(tmp_path, lambda: NOON / 1000).holds(_path(NOON - age))

    (tmp_path / NAME).write_text('{"0012": {"session": 1}}')

    assert CallbackValidity(tmp_path, lambda: NOON / 1000).holds(_path(NOON - age)) is holds


@pytest.mark.parametrize("damage", ["", "[]", "{", '{"0011": 1}', '{"0011": {"link": "x"}}'])
def test_a_damaged_file_loses_no_call(tmp_path: Path, damage: str) -> None:
    (tmp_path / NAME).write_text(damage)

    assert CallbackValidity(tmp_path).holds(_path(1))


class _Bus:
    """A connection of which only the subscription counts."""

    topics = Topics()

    def subscribe(self, topic_filter: str, handle: object) -> None:
        assert topic_filter == "starface/users/+/state"


def test_a_removed_user_is_forgotten_when_no_path_of_his_can_count_any_more(
    tmp_path: Path,
) -> None:
    now = [NOON / 1000]
    listener = CallbackListener(_Bus(), tmp_path, lambda: now[0])  # type: ignore[arg-type]

    def written() -> bool:
        listener.write()
        return not listener.unwritten

    def receive(user: str, payload: bytes) -> None:
        listener.receive(ReceivedMessage(Topics().state(user), payload))
        wait_until(written)

    receive("0011", b"")
    receive("0012", _state("failing", datetime.now(UTC)).encoded())  # by a release without times
    assert read_validities(tmp_path / NAME) == {
        "0011": Validity(revoked=NOON, link=NOON), "0012": Validity(),
    }  # fmt: skip

    now[0] += 90_000
    receive("0013", b"")

    assert read_validities(tmp_path / NAME).keys() == {"0012", "0013"}
    count = CallbackValidity(tmp_path, lambda: now[0])
    assert not count.holds(_path(NOON - 1))
    assert not count.holds(_path(NOON - 1, is_link=True))
    assert count.holds(CallbackIdentity("0012", "", b"", 1, is_link=False))


def _state(state: str, since: datetime, callback: datetime | None = None) -> UserState:
    data = {"user": "0011", "state": state, "since": since, "callback_since": callback}
    return UserState(data=UserStateData.model_validate(data))


def _known(gateway: GatewayProcess) -> Validity:
    path = gateway.folder / NAME
    return read_validities(path).get("0011", Validity()) if path.exists() else Validity()


def test_off_and_remove_end_a_path_at_every_process_of_every_gateway(
    tmp_path: Path, gateway_of: Callable[..., GatewayProcess], connect: Callable[..., Connection]
) -> None:
    sessions = connect("sessions")
    topic = sessions.topics.state("0011")
    one = gateway_of(tmp_path / "one", processes=2)
    path, link = path_of("0011"), callback_path("0011", KEY, is_link=True)

    def status(which: str) -> int:
        suffix = "/call?event=ringing&number=1" if which is link else ""
        return notify(one.port, which + suffix, b"" if which is link else call_state("c"))

    def ends(which: str) -> bool:  # at both processes, whichever answers
        return {status(which) for _ in range(6)} <= {404, 429}

    sessions.publish(topic, _state("active", issued_at(path), issued_at(path)), retain=True)
    wait_until(lambda: _known(one).session)
    assert status(path) == 200

    sessions.publish(topic, _state("inactive", datetime.now(UTC)), retain=True)
    wait_until(lambda: ends(path))
    assert status(path_of("0011")) == 200  # the next login is not kept waiting
    assert status(link) == 200

    sessions.publish_raw(topic, b"", retain=True)
    wait_until(lambda: ends(link))
    sessions.publish(topic, _state("inactive", datetime.now(UTC)), retain=True)
    other = gateway_of(tmp_path / "other", account="gateway-2")  # begins later, and learns it
    wait_until(lambda: notify(other.port, path, call_state("c")) != 200)


@pytest.fixture
def gateway_of(broker_settings, request: pytest.FixtureRequest):  # type: ignore[no-untyped-def]
    started: list[GatewayProcess] = []

    def start(folder: Path, **settings: object) -> GatewayProcess:
        gateway = GatewayProcess(folder, broker_settings, free_port(), **settings)
        started.append(gateway)
        gateway.start()
        return gateway

    yield start
    for gateway in started:
        gateway.stop()


@pytest.mark.parametrize("damage", [b"", b'{"0011": {"ses', b"\xff\x00\xfe", bytes(50), b"[1]"])
def test_a_damaged_file_is_named_once_and_what_was_known_stays_in_force(
    tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "callbacks.json"
    path.write_bytes(damage)
    counts = CallbackValidity(tmp_path)

    for _ in range(2):
        assert counts.holds(_path(1))
        counts._looked = 0.0

    [line] = caplog.messages
    assert str(path) in line
    assert "remove it" in line
