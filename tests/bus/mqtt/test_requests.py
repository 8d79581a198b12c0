import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from bus.events import now
from bus.journal_events import (
    JournalAnswer,
    JournalAnswerData,
    JournalRequest,
    JournalRequestData,
)
from bus.mqtt.connection import Connection, PublishRefused
from bus.mqtt.inbox import BrokerUnavailable, ReceivedMessage
from bus.mqtt.requests import Requester, Requests, Responder, Unanswered
from bus.settings import BrokerSettings
from cli.demo.mosquitto import Mosquitto
from texts import sentence

Connect = Callable[..., Connection]
TOPIC = "starface/users/0011/journal"


def _request(**more: object) -> JournalRequest:
    return JournalRequest(data=JournalRequestData(action="list"), **more)


def _answer(request: JournalRequest, requester: Requester) -> JournalAnswer:
    if request.data.action == "unhandle":
        raise ZeroDivisionError
    return JournalAnswer(
        data=JournalAnswerData(request_id=request.data.request_id, cursor=requester.user)
    )


@pytest.fixture
def answering(connect: Connect) -> Iterator[Connection]:
    """A journal that answers who asked, in a thread of its own."""
    journal = connect("journal")
    Responder(journal, "process/journal", sentence).serve(
        "starface/users/+/journal", JournalRequest, _answer, JournalAnswer
    )
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(journal.run)
        yield journal
        journal.stop()
        running.result(5)


@pytest.mark.parametrize("account", ["0011", "panel", "cli-1"])
@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_who_asks_is_answered(
    answering: Connection, broker_settings: BrokerSettings, account: str, version: str
) -> None:
    settings = broker_settings.model_copy(update={"version": version})
    with Connection(settings, account, lasting=False) as person:
        requests = Requests(person)
        person.wait_connected()

        assert requests.ask(TOPIC, _request(), JournalAnswer).data.cursor == "0011"


def test_two_requests_at_once_get_each_its_own_answer(
    answering: Connection, connect: Connect
) -> None:
    panel = connect("panel")
    requests = Requests(panel)
    futures = [
        requests.send(f"starface/users/{user}/journal", _request()) for user in ("0011", "0012")
    ]
    while not all(future.done() for future in futures):
        panel.work(0.05)

    answers = [JournalAnswer.model_validate_json(future.result()) for future in futures]
    assert [answer.data.cursor for answer in answers] == ["0011", "0012"]


def test_no_answer_in_time_is_said(connect: Connect) -> None:
    person = connect("0011")

    with pytest.raises(Unanswered):
        Requests(person).ask(TOPIC, _request(), JournalAnswer, timeout=0.2)


def test_an_answer_is_read_by_who_asked_alone(answering: Connection, connect: Connect) -> None:
    person, stranger = connect("0011"), connect("0012")
    overheard: list[object] = []
    stranger.subscribe("starface/replies/0011/#", overheard.append)
    stranger.subscribe("starface/replies/#", overheard.append)

    Requests(person).ask(TOPIC, _request(), JournalAnswer)

    assert not stranger.work(0.2)
    assert overheard == []


def test_nobody_asks_for_another_user(answering: Connection, connect: Connect) -> None:
    person = connect("0011")
    with pytest.raises(PublishRefused):
        person.publish("starface/users/0012/journal", _request())


def test_no_answer_goes_to_a_topic_that_is_not_for_answers(
    answering: Connection, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    person = connect("0011")
    received: list[object] = []
    person.subscribe("starface/users/0011/#", received.append)
    with caplog.at_level(logging.WARNING):
        for foreign in ("starface/users/0011/records", "starface/replies/0011", "x/replies/0011/a"):
            person.publish_raw(TOPIC, _request().encoded(), response_topic=foreign)
        Requests(person).ask(TOPIC, _request(), JournalAnswer)

    assert caplog.text.count("no answer on a foreign topic") == 3


def test_a_request_that_waited_too_long_is_not_carried_out(
    answering: Connection, connect: Connect
) -> None:
    person = connect("0011")
    requests = Requests(person)
    with pytest.raises(Unanswered):
        requests.ask(TOPIC, _request(time=now() - timedelta(minutes=1)), JournalAnswer, 0.3)

    assert requests.ask(TOPIC, _request(), JournalAnswer)


@pytest.mark.parametrize(
    ("payload", "code", "named"),
    [
        (b'{"data": {"action": "list", "request_id": "a", "limit": 201}}', "invalid", "data.limit"),
        (b'{"data": {"action": "explode", "request_id": "a"}}', "invalid", "data.action"),
        (b'{"data": {"action": "unhandle", "request_id": "a"}}', "failed", "log"),
        (b'{"data": {"action": "list", "request_id": "/#"}}', "invalid", "data.request_id"),
        (b'{"data": ["a"]}', "invalid", "data"),
        (b'{"data"', "invalid", "JSON"),
        (b"", "invalid", "JSON"),
        (b"\xff\x00", "invalid", "JSON"),
    ],
)
def test_a_request_that_is_not_valid_is_answered_with_a_code_and_a_sentence(
    answering: Connection, connect: Connect, payload: bytes, code: str, named: str
) -> None:
    person = connect("0011")
    got: list[ReceivedMessage] = []
    person.subscribe("starface/replies/0011/#", got.append)

    person.publish_raw(TOPIC, payload, response_topic="starface/replies/0011/a", correlation=b"a-1")
    while not got:
        person.work(0.05)

    data = JournalAnswer.model_validate_json(got[0].payload).data
    assert (got[0].topic, got[0].correlation) == ("starface/replies/0011/a", b"a-1")
    assert data.request_id == ("a" if b'"request_id": "a"' in payload else "a-1")
    assert data.code == code
    assert data.sentence is not None
    assert named in data.sentence.en


def test_a_request_that_is_not_valid_is_answered_over_mqtt_3_too(
    answering: Connection, broker_settings: BrokerSettings
) -> None:
    settings = broker_settings.model_copy(update={"version": "3.1.1"})
    got: list[ReceivedMessage] = []
    with Connection(settings, "panel", lasting=False) as panel:
        panel.subscribe("starface/replies/panel/#", got.append)
        panel.wait_connected()
        panel.publish_raw(TOPIC, b'{"data": {"action": "list"}}')  # nobody could be answered
        panel.publish_raw(TOPIC, b'{"data": {"action": 1, "request_id": "b", "account": "panel"}}')
        while not got:
            panel.work(0.05)

    assert got[0].topic == "starface/replies/panel/b"
    assert JournalAnswer.model_validate_json(got[0].payload).data.code == "invalid"


def test_the_broker_that_is_away_is_said_at_once(broker: Mosquitto, connect: Connect) -> None:
    person = connect("0011")
    requests = Requests(person)
    broker.stop()
    while person.connected:
        person.work(0.05)

    with pytest.raises(BrokerUnavailable):
        requests.send(TOPIC, _request())
