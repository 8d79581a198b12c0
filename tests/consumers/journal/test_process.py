import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bus.access.roles import Grants, Right, Roles
from bus.events import CallData, now
from bus.journal_events import (
    CallRecord,
    JournalAnswer,
    JournalRequest,
    JournalRequestData,
    MissedCounts,
    PbxAnswer,
    PbxAnswerData,
    PbxRequest,
)
from bus.mqtt.connection import Connection
from bus.mqtt.inbox import ReceivedMessage
from bus.mqtt.requests import Requests, Responder
from bus.settings import BrokerSettings
from bus.topics import Topics
from cli.demo.mosquitto import Mosquitto
from consumers.users import User, Users
from tests.conftest import wait_until
from tests.consumers.journal.call_events import event, said
from tests.forked_program import ForkedProgram

Connect = Callable[..., Connection]
TOPICS = Topics()

_PROGRAM = """
import sys
from pathlib import Path
from bus.access.roles import Roles
from bus.numbers.number import NumberProfile
from bus.settings import BrokerSettings
from consumers.journal.process import run
from consumers.journal.settings import JournalSettings
from runtime.process import configure_logging
configure_logging("INFO", "text")
folder = Path(sys.argv[1])
roles = lambda: Roles.model_validate_json((folder / "roles.json").read_text())
run(JournalSettings(), BrokerSettings.model_validate_json(sys.argv[2]), NumberProfile(country="CH"),
    folder / "users.db", folder / "data", b"k" * 32, roles)
"""


class Running:
    """The journal as a process of its own."""

    def __init__(self, folder: Path, broker: BrokerSettings) -> None:
        self._folder = folder
        self._broker = broker
        self.start()

    def start(self) -> None:
        self.process = ForkedProgram(_PROGRAM, self._folder, self._broker.model_dump_json())

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def office(tmp_path: Path, broker_settings: BrokerSettings) -> Iterator[Running]:
    with Users(tmp_path / "users.db") as users:
        for login in ("0011", "0012"):
            users.add(User(login=login, extension=login.removeprefix("00")))
    roles = Roles()
    roles.supervisors["0011"] = Grants(users={"0012": Right(reads=("records",))})
    (tmp_path / "roles.json").write_text(roles.model_dump_json())
    running = Running(tmp_path, broker_settings)
    yield running
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(10) == 0


def _now(data: CallData) -> CallData:
    return data.model_copy(update={"received_at": now()})


class Gateway:
    """Publishes call events as the gateway numbers them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._seq: dict[str, int] = {}

    def report(self, *calls: CallData) -> None:
        for data in calls:
            seq = self._seq[data.user] = self._seq.get(data.user, 0) + 1
            self._connection.publish(
                self._connection.topics.calls(data.user), event(_now(data), seq=seq)
            )


def _online(connection: Connection) -> None:
    states: list[bytes] = []
    connection.subscribe(TOPICS.process("journal"), lambda message: states.append(message.payload))
    while b"online" not in states[-1:]:
        connection.work(0.1)


def test_a_missed_call_is_recorded_counted_listed_and_seen_to(
    office: Running, connect: Connect, broker: Mosquitto
) -> None:
    watch, person = connect("panel"), connect("0011")
    records: list[CallRecord] = []
    counts: list[MissedCounts] = []

    def count(message: ReceivedMessage) -> None:
        counts.append(MissedCounts.model_validate_json(message.payload))

    watch.consume(TOPICS.records("+"), CallRecord, lambda record, _: records.append(record))
    watch.subscribe(TOPICS.missed("0011"), count)
    _online(watch)
    gateway = Gateway(connect("gateway"))
    gateway.report(said("0011", "ringing", 0), said("0011", "ended", 20))
    while not (records and counts and counts[-1].data.open):
        watch.work(0.1)

    assert (records[0].data.result, records[0].data.revision) == ("missed", 1)
    assert b"0041" not in counts[-1].encoded()

    requests = Requests(person)
    listed = requests.ask(
        TOPICS.journal("0011"),
        JournalRequest(data=JournalRequestData(action="list", open=True)), JournalAnswer,
    )  # fmt: skip
    assert [record.call_id for record in listed.data.records] == ["c-1"]
    handled = requests.ask(
        TOPICS.journal("0011"),
        JournalRequest(data=JournalRequestData(action="handle", call_id="c-1")), JournalAnswer,
    )  # fmt: skip
    assert handled.data.records[0].handled_by == "0011"
    while counts[-1].data.open or records[-1].data.revision != 2:
        watch.work(0.1)


def test_a_supervisor_reads_of_a_colleague_and_nobody_else_does(
    office: Running, connect: Connect
) -> None:
    first, second = connect("0011"), connect("0012")
    _online(connect("panel"))
    Gateway(connect("gateway")).report(said("0012", "ringing", 0), said("0012", "ended", 20))
    ask = JournalRequest(data=JournalRequestData(action="list", of="0012"))
    requests = Requests(first)
    while not requests.ask(TOPICS.journal("0011"), ask, JournalAnswer).data.records:
        ask = JournalRequest(data=JournalRequestData(action="list", of="0012"))

    curious = JournalRequest(data=JournalRequestData(action="list", of="0011"))
    answer = Requests(second).ask(TOPICS.journal("0012"), curious, JournalAnswer)
    assert (answer.data.code, answer.data.records) == ("not-allowed", ())
    assert answer.data.sentence is not None


@pytest.mark.parametrize("lose", ["journal", "broker"])
def test_what_ends_while_the_journal_or_the_broker_is_away_is_recorded_once(
    office: Running, connect: Connect, broker: Mosquitto, lose: str
) -> None:
    watch = connect("panel")
    records: list[CallRecord] = []
    watch.consume(TOPICS.records("+"), CallRecord, lambda record, _: records.append(record))
    _online(watch)
    gateway = Gateway(connect("gateway"))
    gateway.report(said("0011", "ringing", 0))
    if lose == "journal":
        office.kill()
        gateway.report(said("0011", "connected", 5), said("0011", "ended", 20))
        office.start()
    else:
        gateway.report(said("0011", "connected", 5), said("0011", "ended", 20))
        while not records:
            watch.work(0.1)
        broker.kill()
        broker.start()
    while not records:
        watch.work(0.1)

    assert [record.data.result for record in records] == ["answered"]


def test_the_sessions_process_is_asked_for_a_call_that_does_not_end(
    office: Running, connect: Connect
) -> None:
    sessions = connect("sessions")
    asked: list[str] = []

    def answer(request: PbxRequest, requester: object) -> PbxAnswer:
        asked.append(request.data.request_id)
        return PbxAnswer(data=PbxAnswerData(request_id=request.data.request_id))

    Responder(sessions, "process/sessions").serve(TOPICS.pbx("+"), PbxRequest, answer)
    watch = connect("panel")
    records: list[CallRecord] = []
    watch.consume(TOPICS.records("+"), CallRecord, lambda record, _: records.append(record))
    _online(watch)
    gateway = Gateway(connect("gateway"))
    users = ("0011", "0012")  # a group's call: the list is asked as soon as it is over
    gateway.report(*(said(user, "ringing", 0, group="7") for user in users))
    gateway.report(*(said(user, "ended", 0, group="7") for user in users))

    def recorded() -> bool:
        sessions.work(0.02)
        watch.work(0.02)
        return len(records) == 2

    wait_until(recorded)
    assert len(asked) == 1
    assert {record.data.result for record in records} == {"missed"}
