import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Unpack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.events import (
    CallData,
    CallEvent,
    Head,
    HeadData,
    ReplayRequest,
    call_event_type,
    now,
)
from bus.mqtt.call_stream import CallStream, ConsumerOffsets
from bus.mqtt.connection import Connection, Publication
from bus.mqtt.inbox import ReceivedMessage
from bus.mqtt.publication import Options
from bus.mqtt.requests import Requester, Responder
from bus.settings import BrokerSettings
from tests.conftest import wait_until

Connect = Callable[..., Connection]
SOURCE = "gateway/gateway-00000001"


def _event(seq: int, user: str = "0011") -> CallEvent:
    return CallEvent(
        source=SOURCE,
        type=call_event_type("ringing"),
        seq=seq,
        data=CallData(user=user, call_id=f"c-{seq}", state="ringing", received_at=now()),
    )


def _head(seq: int, oldest: int = 1) -> Head:
    data = HeadData(user="0011", gateway="gateway-00000001", seq=seq, oldest=oldest)
    return Head(source=SOURCE, data=data)


@pytest.fixture
def offsets(tmp_path: Path) -> ConsumerOffsets:
    return ConsumerOffsets(tmp_path / "progress.db")


def test_what_is_marked_is_done_after_a_restart(tmp_path: Path) -> None:
    offsets = ConsumerOffsets(tmp_path / "progress.db")
    for seq in (1, 2, 5):
        offsets.mark("0011", SOURCE, seq)
    offsets.close()

    again = ConsumerOffsets(tmp_path / "progress.db")

    assert again.watermark("0011", SOURCE) == 2
    assert [seq for seq in range(1, 7) if again.done("0011", SOURCE, seq)] == [1, 2, 5]


@given(order=st.permutations(range(1, 12)))
def test_progress_is_whole_whatever_the_order(
    tmp_path_factory: pytest.TempPathFactory, order: list[int]
) -> None:
    offsets = ConsumerOffsets(tmp_path_factory.mktemp("progress") / "progress.db")
    for seq in order:
        assert not offsets.done("0011", SOURCE, seq)
        offsets.mark("0011", SOURCE, seq)

    assert offsets.watermark("0011", SOURCE) == 11
    offsets.close()


def test_what_the_gateway_no_longer_keeps_is_given_up(offsets: ConsumerOffsets) -> None:
    offsets.mark("0011", SOURCE, 1)
    offsets.forget_before("0011", SOURCE, 10)

    assert offsets.watermark("0011", SOURCE) == 9


def test_an_event_is_handed_over_once_and_a_gap_is_asked_for(
    connect: Connect, offsets: ConsumerOffsets
) -> None:
    handed: list[int | None] = []
    asked: list[ReplayRequest] = []
    gateway, journal = connect("gateway"), connect("journal")
    gateway.consume(
        "starface/users/+/replay", ReplayRequest, lambda message, _: asked.append(message)
    )
    CallStream(journal, offsets, lambda event: handed.append(event.seq)).follow_all()

    for seq in (1, 1, 4):
        gateway.publish("starface/users/0011/calls", _event(seq))
    wait_until(lambda: journal.work(0.02) and len(handed) == 2)
    wait_until(lambda: gateway.work(0.05) and asked)

    assert handed == [1, 4]
    assert (asked[0].data.after, asked[0].data.gateway) == (1, "gateway-00000001")


def test_a_head_names_events_that_never_came(connect: Connect, offsets: ConsumerOffsets) -> None:
    asked: list[ReplayRequest] = []
    gateway = connect("gateway")
    gateway.consume(
        "starface/users/+/replay", ReplayRequest, lambda message, _: asked.append(message)
    )
    gateway.publish("starface/users/0011/head/gateway-00000001", _head(7, 3), retain=True)

    journal = connect("journal")
    CallStream(journal, offsets, lambda _: None, on_the_way=0.05).follow_all()
    wait_until(lambda: _worked(journal, gateway) and asked)

    assert asked[0].data.after == 2


def test_events_that_come_after_their_number_are_not_asked_for(
    connect: Connect, offsets: ConsumerOffsets
) -> None:
    handed: list[int | None] = []
    asked: list[str] = []
    gateway, journal = connect("gateway"), connect("journal")
    gateway.consume(
        "starface/users/+/replay", ReplayRequest, lambda message, _: asked.append(message.data.user)
    )
    events = CallStream(journal, offsets, lambda event: handed.append(event.seq), on_the_way=0.5)
    events.follow_all()
    for user in ("0011", "0012"):
        head = _head(1).model_copy(update={"data": _head(1).data.model_copy(update={"user": user})})
        gateway.publish(f"starface/users/{user}/head/gateway-00000001", head, retain=True)
    gateway.publish("starface/users/0011/calls", _event(1))

    wait_until(lambda: journal.work(0.02) and handed)
    wait_until(lambda: not journal.work(0.02) and gateway.work(0.05) and asked)

    assert asked == ["0012"]


class SlowBroker(Connection):
    """A broker that confirms nothing for a long time."""

    def __init__(self, settings: BrokerSettings, account: str) -> None:
        super().__init__(settings, account)
        self.sent: list[str] = []

    def send(self, topic: str, payload: bytes, **options: Unpack[Options]) -> Publication:
        self.sent.append(topic)
        return UnconfirmedPublication(topic)


class UnconfirmedPublication(Publication):
    def wait(self, timeout: float = 0.0) -> int:
        raise AssertionError("waited for the broker")


def test_what_is_missing_is_asked_for_without_waiting_for_the_broker(
    broker_settings: BrokerSettings, offsets: ConsumerOffsets
) -> None:
    connection = SlowBroker(broker_settings, "journal")
    events = CallStream(connection, offsets, lambda _: None)

    for user in ("0011", "0012"):
        events.take(_event(4, user), ReceivedMessage(f"starface/users/{user}/calls", b""))

    assert connection.sent == ["starface/users/0011/replay", "starface/users/0012/replay"]


class RefusingBroker(SlowBroker):
    """A broker with which the account may ask for nothing."""

    def send(self, topic: str, payload: bytes, **options: Unpack[Options]) -> Publication:
        publication = super().send(topic, payload, **options)
        publication.resolve(0x87)
        return publication


def test_that_the_broker_refuses_to_ask_for_what_is_missing_is_logged_once(
    broker_settings: BrokerSettings, offsets: ConsumerOffsets, caplog: pytest.LogCaptureFixture
) -> None:
    times = iter(range(0, 1000, 10))
    connection = RefusingBroker(broker_settings, "journal")
    events = CallStream(connection, offsets, lambda _: None, clock=lambda: next(times))

    for seq in (4, 6, 8):
        events.take(_event(seq), ReceivedMessage("starface/users/0011/calls", b""))

    [refused] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "starface/users/0011/replay" in refused.getMessage()
    assert "0x87" in refused.getMessage()
    assert len(connection.sent) == 3


def test_every_event_is_handed_over_once_whatever_is_lost_or_repeated(
    connect: Connect, offsets: ConsumerOffsets
) -> None:
    handed: list[int | None] = []
    chance = random.Random(7)
    gateway, journal = connect("gateway"), connect("journal")

    def repeat(request: ReplayRequest, _: object) -> None:
        for seq in range(request.data.after + 1, 41):
            if chance.random() > 0.3:
                topic = gateway.topics.reply(str(request.data.account), request.data.request_id)
                gateway.send(topic, _event(seq).encoded()).wait()

    gateway.consume("starface/users/+/replay", ReplayRequest, repeat)
    events = CallStream(
        journal,
        offsets,
        lambda event: handed.append(event.seq),
        clock=iter(range(0, 10**6, 10)).__next__,
        on_the_way=0.05,
    )
    events.follow_all()
    gateway.publish("starface/users/0011/head/gateway-00000001", _head(40), retain=True)

    def all_handed() -> bool:
        if not (journal.work(0.01) or gateway.work(0.01)):
            gateway.publish("starface/users/0011/head/gateway-00000001", _head(40), retain=True)
        return len(handed) >= 40

    wait_until(all_handed, 20)
    assert sorted(seq for seq in handed if seq) == list(range(1, 41))


def _worked(*connections: Connection) -> bool:
    for connection in connections:
        connection.work(0.01)
    return True


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_what_is_repeated_reaches_the_asker_alone(
    broker_settings: BrokerSettings, connect: Connect, offsets: ConsumerOffsets, version: str
) -> None:
    handed: list[int | None] = []
    others: list[bytes] = []
    gateway, other = connect("gateway"), connect("0011")
    other.subscribe("starface/users/0011/calls", lambda received: others.append(received.payload))
    other.subscribe("starface/replies/#", lambda received: others.append(received.payload))

    def repeat(request: ReplayRequest, requester: Requester) -> None:
        for seq in range(request.data.after + 1, 4):
            gateway.send(requester.topic, _event(seq).encoded()).wait()

    Responder(gateway, "gateway").serve("starface/users/+/replay", ReplayRequest, repeat)
    settings = broker_settings.model_copy(update={"version": version})
    with Connection(settings, "journal") as journal:
        CallStream(journal, offsets, lambda event: handed.append(event.seq)).follow(["0011"])
        journal.wait_connected()
        gateway.publish("starface/users/0011/calls", _event(3))
        wait_until(lambda: _worked(journal, gateway) and handed == [3, 1, 2])
        wait_until(lambda: other.work(0.05) and others)

    assert handed == [3, 1, 2]
    assert len(others) == 1


def test_an_event_on_another_users_topic_is_dropped(
    connect: Connect, offsets: ConsumerOffsets
) -> None:
    handed: list[int | None] = []
    gateway, journal = connect("gateway"), connect("journal")
    CallStream(journal, offsets, lambda event: handed.append(event.seq)).follow_all()

    gateway.publish("starface/users/0012/calls", _event(1, "0011"))
    gateway.publish("starface/users/0011/calls", _event(2, "0011"))

    wait_until(lambda: journal.work(0.05) and handed)
    assert handed == [2]


@pytest.mark.parametrize("payload", ["state", "handler"])
def test_an_event_nobody_can_handle_is_not_asked_for_again(
    connect: Connect, offsets: ConsumerOffsets, payload: str
) -> None:
    handed: list[int | None] = []
    asked: list[ReplayRequest] = []

    def handle(event: CallEvent) -> None:
        if event.seq == 2 and payload == "handler":
            raise ZeroDivisionError
        handed.append(event.seq)

    gateway, journal = connect("gateway"), connect("journal")
    gateway.consume(
        "starface/users/+/replay", ReplayRequest, lambda message, _: asked.append(message)
    )
    CallStream(journal, offsets, handle).follow_all()
    poison = _event(2).encoded()
    if payload == "state":
        poison = poison.replace(b'"user":"0011"', b'"user":17')

    gateway.publish("starface/users/0011/calls", _event(1))
    gateway.publish_raw("starface/users/0011/calls", poison)
    gateway.publish("starface/users/0011/calls", _event(3))

    wait_until(lambda: journal.work(0.02) and handed == [1, 3])
    gateway.work(0.3)
    assert asked == []
    assert offsets.watermark("0011", SOURCE) == 3


def test_a_disk_that_fails_once_does_not_spoil_what_follows(tmp_path: Path) -> None:
    offsets = ConsumerOffsets(tmp_path / "progress.db")
    other = sqlite3.connect(tmp_path / "progress.db", isolation_level=None)
    other.execute("CREATE TRIGGER full BEFORE INSERT ON upto BEGIN SELECT RAISE(FAIL, 'full'); END")
    with pytest.raises(sqlite3.Error):
        offsets.mark("0011", SOURCE, 1)
    other.execute("DROP TRIGGER full")

    offsets.mark("0011", SOURCE, 1)

    assert offsets.watermark("0011", SOURCE) == 1
    other.close()
