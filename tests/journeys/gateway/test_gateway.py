import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bus.events import CallEvent, Head, Party, ReplayRequest, ReplayRequestData, SessionReset
from bus.mqtt.connection import Connection
from bus.numbers.number import NumberProfile
from bus.numbers.private_numbers import NAME as PRIVATE
from bus.settings import BrokerSettings, SettingsRefused
from cli.demo.mosquitto import Mosquitto, free_port
from gateway.calls.notifications import Notification, ResolvedNotification
from gateway.eventlog.counters import Counters
from gateway.eventlog.erasure import erase
from gateway.eventlog.identity import MARK
from gateway.eventlog.writer import EventLog
from gateway.process import run
from gateway.settings import GatewaySettings
from starface.xmlrpc.reading import write_call
from tests.conftest import wait_until
from tests.gateway.running import KEY, GatewayProcess, call_state, notify, path_of

Connect = Callable[..., Connection]


@pytest.fixture
def gateway(tmp_path: Path, broker_settings: BrokerSettings) -> Iterator[GatewayProcess]:
    with GatewayProcess(tmp_path / "data", broker_settings, free_port()) as process:
        yield process


def test_a_notification_becomes_an_event_on_the_topic_of_its_user(
    gateway: GatewayProcess, connect: Connect
) -> None:
    user = connect("0011")
    received = _follow(user, "0011")

    assert notify(gateway.port, path_of("0011"), call_state("c-1"), "0011") == 200

    _work_until(user, lambda: received)
    [event] = received
    assert event.type == "starface.call.ringing.v1"
    assert event.seq == 1
    assert event.subject == event.data.call_id == "c-1"
    assert event.data.caller.e164 == "+41441234567"
    assert event.data.direction == "in"


def _follow(connection: Connection, user: str) -> list[CallEvent]:
    received: list[CallEvent] = []
    topic = connection.topics.calls(user)
    connection.consume(topic, CallEvent, lambda event, _: received.append(event))
    return received


def _work_until(
    connection: Connection, condition: Callable[[], object], timeout: float = 10
) -> None:
    wait_until(lambda: (connection.work(0.005) and condition()) or condition(), timeout)


def test_several_processes_keep_each_users_order_and_numbers(
    tmp_path: Path, broker_settings: BrokerSettings, connect: Connect
) -> None:
    user = connect("0011")
    received = _follow(user, "0011")
    with GatewayProcess(tmp_path / "data", broker_settings, free_port(), processes=2) as gateway:
        path = path_of("0011")
        for number in range(100):
            assert notify(gateway.port, path, call_state(f"c-{number}")) == 200

        _work_until(user, lambda: len(received) == 100)
        assert gateway.stop() == 0

    assert [event.data.call_id for event in received] == [f"c-{number}" for number in range(100)]
    assert [event.seq for event in received] == list(range(1, 101))


def test_two_gateways_on_one_machine_share_log_and_numbers(
    tmp_path: Path, broker_settings: BrokerSettings, connect: Connect
) -> None:
    user = connect("0011")
    received = _follow(user, "0011")
    folder, path = tmp_path / "data", path_of("0011")
    first = GatewayProcess(folder, broker_settings, free_port())
    second = GatewayProcess(folder, broker_settings, free_port())
    with first, second:
        for number in range(20):
            port = (first, second)[number % 2].port
            assert notify(port, path, call_state(f"c-{number}")) == 200
        _work_until(user, lambda: len(received) == 20)

        first.kill()
        assert notify(second.port, path, call_state("c-20")) == 200
        _work_until(user, lambda: 21 in {event.seq for event in received})

    # What was under way when the first was killed may come once more, as the same event.
    once = list({event.id: event for event in received}.values())
    assert [event.seq for event in once] == list(range(1, 22))
    assert [event.data.call_id for event in once] == [f"c-{number}" for number in range(21)]


NAMES = {"gateway 1", "gateway 2", "publisher"}


def test_a_process_that_dies_is_replaced_and_all_is_published(
    tmp_path: Path, broker_settings: BrokerSettings, connect: Connect
) -> None:
    user = connect("0011")
    received = _follow(user, "0011")
    with GatewayProcess(tmp_path / "data", broker_settings, free_port(), processes=2) as gateway:
        for number in range(6):
            wait_until(lambda: {*gateway.children().values()} == NAMES)
            _kill(gateway, [*gateway.workers(), gateway.publisher()][number % 3])
            assert notify(gateway.port, path_of("0011"), call_state(f"c-{number}")) == 200

        _work_until(user, lambda: {event.seq for event in received} == {1, 2, 3, 4, 5, 6}, 20)


def _kill(gateway: GatewayProcess, child: int) -> None:
    os.kill(child, signal.SIGKILL)
    wait_until(lambda: child not in gateway.children())


def test_an_older_broker_carries_the_same_events(
    tmp_path: Path, broker_settings: BrokerSettings, connect: Connect
) -> None:
    user = connect("0011")
    received = _follow(user, "0011")
    older = broker_settings.model_copy(update={"version": "3.1.1"})
    with GatewayProcess(tmp_path / "data", older, free_port()) as gateway:
        assert notify(gateway.port, path_of("0011"), call_state("c-1")) == 200
        _work_until(user, lambda: received)
    assert received[0].seq == 1


def test_a_head_is_announced_and_a_replay_repeats_the_very_same_events(
    gateway: GatewayProcess, connect: Connect
) -> None:
    journal = connect("journal")
    payloads: list[bytes] = []
    heads: list[Head] = []
    topics = journal.topics
    repeated: list[bytes] = []
    foreign: list[bytes] = []
    user = connect("0011")
    for topic in (topics.calls("0011"), topics.replies_to("0011")):
        user.subscribe(topic, lambda arrived: foreign.append(arrived.payload))
    journal.subscribe(topics.calls("0011"), lambda arrived: payloads.append(arrived.payload))
    journal.subscribe(
        topics.replies_to("journal"), lambda arrived: repeated.append(arrived.payload)
    )
    journal.subscribe(
        topics.heads("0011"),
        lambda arrived: heads.append(Head.model_validate_json(arrived.payload)),
    )
    for number in range(5):
        assert notify(gateway.port, path_of("0011"), call_state(f"c-{number}")) == 200
    _work_until(journal, lambda: len(payloads) == 5 and heads and heads[-1].data.seq == 5)
    head = heads[-1]
    assert CallEvent.model_validate_json(payloads[0]).source == head.source
    assert head.source == f"gateway/{head.data.gateway}"
    assert head.data.oldest == 1

    for name in ("another", head.data.gateway):
        data = ReplayRequestData(user="0011", gateway=name, after=2, account="journal")
        journal.publish(topics.replay("0011"), ReplayRequest(data=data))

    _work_until(journal, lambda: len(repeated) == 3)
    assert repeated == payloads[2:]
    assert notify(gateway.port, path_of("0011"), call_state("last")) == 200
    _work_until(user, lambda: len(foreign) == 6)
    _work_until(journal, lambda: len(payloads) == 6)
    assert foreign == payloads  # each once, in order, for who did not ask


@pytest.mark.parametrize("broker_away", [False, True])
def test_a_log_set_back_by_a_snapshot_gives_no_number_twice(
    gateway: GatewayProcess, broker: Mosquitto, connect: Connect, broker_away: bool
) -> None:
    user = connect("0011")
    received = _follow(user, "0011")

    def calls(*names: str) -> None:
        for name in names:
            assert notify(gateway.port, path_of("0011"), call_state(name)) == 200

    calls("a", "b")
    _work_until(user, lambda: len(received) == 2)
    gateway.stop()
    snapshot = {path: path.read_bytes() for path in gateway.folder.glob("events.*[dbk]")}
    gateway.start()
    calls("c", "d")
    _work_until(user, lambda: len(received) == 4)
    gateway.stop()
    for path, content in snapshot.items():
        if path.name == MARK:  # the system does not know that it was written a second time
            content = json.dumps(json.loads(content) | {"at": time.time()}).encode()
        path.write_bytes(content)
    if broker_away:
        broker.stop()
    gateway.start()
    calls("e", "f", "g")
    if broker_away:  # a second start before anything could be compared
        gateway.stop()
        gateway.start()
        broker.start()
    calls("h")
    _work_until(user, lambda: len({event.id for event in received}) == 8)

    once = list({event.id: event for event in received}.values())
    assert [event.data.call_id for event in once] == list("abcdefgh")
    assert [event.seq for event in once] == [1, 2, 3, 4, 1, 2, 3, 4]
    assert len({event.source for event in once[:4]}) == 1
    assert {event.source for event in once[4:]}.isdisjoint({once[0].source})
    assert len({event.source for event in once[4:]}) == 1
    before = len(received)
    gateway.stop()
    gateway.start()
    calls("i")
    _work_until(user, lambda: len(received) > before)
    assert (received[-1].source, received[-1].seq) == (once[-1].source, 5)


def test_the_end_of_a_session_is_reported_even_when_the_broker_was_away(
    gateway: GatewayProcess, broker: Mosquitto, connect: Connect
) -> None:
    sessions = connect("sessions")
    received: list[bytes] = []
    sessions.subscribe(
        sessions.topics.session("0011"), lambda arrived: received.append(arrived.payload)
    )
    broker.stop()
    body = write_call("ucp.v20.client.connection.reset")
    assert notify(gateway.port, path_of("0011"), body) == 200
    broker.start()

    _work_until(sessions, lambda: received)
    assert SessionReset.model_validate_json(received[0]).data.user == "0011"


def test_what_waits_for_the_broker_goes_out_without_an_erased_number(
    gateway: GatewayProcess, broker: Mosquitto, connect: Connect
) -> None:
    journal = connect("journal")
    received = _follow(journal, "0011")
    broker.stop()
    for state in ("CONNECTED", "HANGUP"):
        assert notify(gateway.port, path_of("0011"), call_state("c", state)) == 200

    done = erase(gateway.folder, "+41441234567")
    wait_until(lambda: b"1234567" not in _on_disk(gateway.folder))
    broker.start()
    _work_until(journal, lambda: len(received) == 2)

    assert done is not None
    assert (done.events, done.clean) == (2, True)
    assert [event.data.state for event in received] == ["connected", "ended"]
    assert [event.data.caller for event in received] == [Party(), Party()]


def _on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("events.db*"))


def test_ringing_that_is_too_old_is_not_reported_late_but_can_be_asked_for(
    tmp_path: Path, broker_settings: BrokerSettings, connect: Connect
) -> None:
    folder = tmp_path / "data"
    events = EventLog(folder, "gateway", Counters(), lambda: None, greatest=100_000_000)
    for state, name in (("ringing", "old"), ("connected", "kept")):
        note = Notification.model_validate({"user": "0011", "call_id": name, "state": state})
        events.append(ResolvedNotification(note, Party(), Party(), time.time() - 120))
    events.close()
    journal = connect("journal")
    received = _follow(journal, "0011")

    with GatewayProcess(folder, broker_settings, free_port()):
        _work_until(journal, lambda: received)
        assert [event.data.call_id for event in received] == ["kept"]

        repeated: list[CallEvent] = []
        journal.consume(
            journal.topics.reply("journal", "again"),
            CallEvent,
            lambda event, _: repeated.append(event),
        )
        data = ReplayRequestData(user="0011", after=0, account="journal", request_id="again")
        journal.publish(journal.topics.replay("0011"), ReplayRequest(data=data))
        _work_until(journal, lambda: len(repeated) == 2)
    assert [event.data.call_id for event in repeated] == ["old", "kept"]
    assert len(received) == 1


def test_birth_and_information_are_retained_and_the_end_is_reported(
    tmp_path: Path, broker_settings: BrokerSettings, connect: Connect
) -> None:
    watch = connect("cli-1")
    reported: dict[str, bytes] = {}
    for topic in (watch.topics.processes(), watch.topics.info()):
        watch.subscribe(topic, lambda arrived: reported.update({arrived.topic: arrived.payload}))
    with GatewayProcess(tmp_path / "data", broker_settings, free_port()):
        _work_until(watch, lambda: reported.get(watch.topics.process("gateway")) == b"online")
        _work_until(watch, lambda: watch.topics.info() in reported)
    _work_until(watch, lambda: reported[watch.topics.process("gateway")] == b"offline")


def test_logs_hold_nothing_of_what_was_reported(gateway: GatewayProcess, connect: Connect) -> None:
    user = connect("0011")
    received = _follow(user, "0011")
    path = path_of("0011", "0011:planted-token")
    body = call_state("c", callerName="Planted Name", callerNumber="0791112233")
    query = "?de.vertico.starface.user=0011&de.vertico.starface.auth=0011%3A"
    for given, sent in (
        ("planted-token", body),
        ("planted-wrong", body),
        ("planted-token", b"<x>"),
    ):
        notify(gateway.port, f"{path}{query}{given}", sent)
    notify(gateway.port, f"{path}/call?event=ringing&number=0791112233&name=Planted", b"")
    _work_until(user, lambda: received)
    gateway.stop()

    log = gateway.log.read_text()
    assert "refused status=403" in log
    for planted in ("planted", "Planted", "0791112233", "791112233", path.split("/")[3]):
        assert planted not in log
    gateway.start()


def test_private_numbers_that_cannot_be_read_are_named_and_nothing_is_taken(
    broker_settings: BrokerSettings, tmp_path: Path
) -> None:
    settings = GatewaySettings(listen=(f"127.0.0.1:{free_port()}",), operations="")
    (tmp_path / PRIVATE).write_text("[")
    (tmp_path / PRIVATE).chmod(0o600)

    with pytest.raises(SettingsRefused, match=f"{tmp_path / PRIVATE}: .*restore the file"):
        run(settings, broker_settings, NumberProfile(), KEY, tmp_path)


def test_a_port_that_is_taken_is_named(
    gateway: GatewayProcess, broker_settings: BrokerSettings, tmp_path: Path
) -> None:
    settings = GatewaySettings(listen=(f"127.0.0.1:{gateway.port}",), operations="")

    with pytest.raises(SettingsRefused, match=f"port {gateway.port} is taken"):
        run(settings, broker_settings, NumberProfile(), KEY, tmp_path / "other")
