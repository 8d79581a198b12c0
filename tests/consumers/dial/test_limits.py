import json
import logging
from pathlib import Path

import pytest

from bus.mqtt.inbox import ReceivedMessage
from tests.consumers.dial_desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_flood_of_one_user_leaves_all_others_served(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        for _ in range(5_000):
            desk.dial()
        lines = len(caplog.records)
        other = desk.dial("044 765 43 21", login="0012")

    assert desk.reported(other) == ["accepted"]
    assert lines < 300
    assert len(desk.book.audit("0011", 10_000)) <= 120
    assert len(desk.bus.published) < 130


def test_a_flood_is_answered_once_a_second_and_named_once_a_minute(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(130):
        desk.dial()
    before = len(desk.bus.published)
    with caplog.at_level(logging.WARNING):
        for _ in range(30):
            for _ in range(50):
                desk.dial()
            desk.clock.now += 1

    flood = [result for _, result, _ in desk.bus.published[before:] if result.data.code == "rate"]
    assert 20 <= len(flood) <= 31 * 4
    assert all(result.data.final for result in flood)
    assert len([one for one in caplog.records if "too many dial requests" in one.message]) <= 1


def test_after_a_flood_the_user_is_served_again(desk: Desk) -> None:
    for _ in range(130):
        desk.dial()
    desk.pass_time(120)

    assert desk.reported(desk.dial("044 765 43 21")) == ["accepted"]


def test_a_flood_of_what_cannot_be_read_is_bounded_too(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    topic = desk.bus.topics.dial("0011")
    with caplog.at_level(logging.INFO):
        for number in range(2_000):
            desk.consumer.handle(ReceivedMessage(topic, json.dumps({"n": number}).encode()))
            desk.consumer.handle(ReceivedMessage(topic, b"{}", retained=True))

    assert len(caplog.records) < 400
    assert len(desk.bus.published) <= 121


def test_who_may_dial_more_may_ask_more(tmp_path: Path) -> None:
    busy = Desk(tmp_path, per_minute=200, per_hour=1_000, site_per_hour=1_000, double_click=0)
    for number in range(200):
        request = busy.dial(f"044 123 {number:04}")
        busy.receive(request, "dialing", "ended")

    assert busy.reported().count("accepted") == 200
