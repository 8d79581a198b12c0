import logging

import pytest

from bus.mqtt.inbox import CAPACITY, PER_TOPIC, Inbox, ReceivedMessage


def test_a_flooded_topic_leaves_room_for_all_others(caplog: pytest.LogCaptureFixture) -> None:
    reconnects: list[None] = []
    handled: list[str] = []
    inbox = Inbox(ask_again=lambda: reconnects.append(None))
    inbox.route("dial/+", lambda received: handled.append(received.topic))

    for _ in range(20 * PER_TOPIC):
        inbox.put(ReceivedMessage("dial/flood", b""))
    inbox.put(ReceivedMessage("dial/other", b""))
    while inbox.work(0):
        pass

    assert handled[-1] == "dial/other"
    assert len(handled) == PER_TOPIC + 1
    assert len(caplog.records) == 1
    assert len(reconnects) == 1


def test_there_is_room_again_once_a_topic_is_worked_through(
    caplog: pytest.LogCaptureFixture,
) -> None:
    handled: list[str] = []
    inbox = Inbox()
    inbox.route("dial/+", lambda received: handled.append(received.topic))

    with caplog.at_level(logging.WARNING):
        for _ in range(3 * PER_TOPIC):
            inbox.put(ReceivedMessage("dial/0011", b""))
            inbox.work(0)

    assert len(handled) == 3 * PER_TOPIC
    assert caplog.records == []


def test_a_backlog_the_broker_keeps_is_taken_in_order_however_long() -> None:
    reconnects: list[None] = []
    handled: list[bytes] = []
    inbox = Inbox(ask_again=lambda: reconnects.append(None))
    inbox.route("calls", lambda received: handled.append(received.payload))

    for number in range(5 * PER_TOPIC):
        inbox.put(ReceivedMessage("calls", b"%d" % number, qos=1))
    while inbox.work(0):
        pass

    assert handled == [b"%d" % number for number in range(5 * PER_TOPIC)]
    assert reconnects == []


def test_what_found_no_room_and_is_kept_by_the_broker_is_asked_for_every_time() -> None:
    reconnects: list[None] = []
    inbox = Inbox(ask_again=lambda: reconnects.append(None))

    for _ in range(CAPACITY + 3):
        inbox.put(ReceivedMessage("calls", b"", qos=1))

    assert len(reconnects) == 3
