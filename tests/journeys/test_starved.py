"""A whole site whose processes have no descriptor left for a while.

Each process waits, says so in a few lines, and does afterwards what was asked of it meanwhile.
"""

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from uuid import UUID, uuid4

import httpx
import psutil
import pytest

from bus.events import DialRequest, DialRequestData, now
from bus.mqtt.connection import Connection
from bus.mqtt.inbox import ReceivedMessage
from cli.demo.mosquitto import free_ports
from cli.demo.stage import Ports, Stage
from tests.conftest import wait_until

KNOWN = "+41441234567"
PROCESSES = ("gateway", "sessions", "caller", "dial", "journal", "panel")


class Site:
    """The running site, and somebody who reads and asks by MQTT."""

    def __init__(self, stage: Stage, person: Connection) -> None:
        self.stage = stage
        self.topics = person.topics
        self.messages: list[tuple[str, bytes]] = []
        self.states: dict[str, bytes] = {}
        self._person = person
        person.subscribe("starface/users/#", self._receive)
        person.subscribe("starface/processes/+", self._see)

    def wait(self, condition: Callable[[], object], timeout: float = 40) -> None:
        def received() -> object:
            self._person.work(0.02)
            return condition()

        wait_until(received, timeout)

    def received(self, topic: str, part: str) -> list[bytes]:
        return [
            payload for received, payload in self.messages
            if received == topic and part.encode() in payload
        ]  # fmt: skip

    def publish(self, topic: str, payload: bytes) -> None:
        self._person.publish_raw(topic, payload)

    def dial(self) -> UUID:
        data = DialRequestData(number="044 123 45 99", request_id=uuid4())
        self._person.publish(self.topics.dial("0011"), DialRequest(time=now(), data=data))
        return data.request_id

    def ring(self) -> str:
        ring = self.stage.at_the_phones("ring", user="0011", caller_number=KNOWN)
        return str(ring["call_id"])

    def hang_up(self, call: str) -> None:
        self.stage.at_the_phones("hangup", call_id=call)

    def log(self) -> list[str]:
        path = self.stage.folder / "processes.log"
        return path.read_text(errors="replace").splitlines()

    def processes(self, name: str) -> list[psutil.Process]:
        """Return a process and its children."""
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or []
            if words[-1:] == ["up"] and str(self.stage.settings.file) in words:
                children = [each for each in process.children() if each.name() == name]
                return [each for child in children for each in (child, *child.children(True))]
        return []

    def _receive(self, message: ReceivedMessage) -> None:
        self.messages.append((message.topic, message.payload))

    def _see(self, message: ReceivedMessage) -> None:
        self.states[message.topic.rpartition("/")[2]] = message.payload


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("starved") / "site"
    with (
        Stage(folder, Ports.chosen({"DEMO_PORTS": str(free_ports(7))})) as stage,
        Connection(stage.settings.broker, "cli-1", lasting=False) as person,
    ):
        person.wait_connected(10)
        site = Site(stage, person)
        site.wait(lambda: site.received(site.topics.state("0011"), '"active"'), 50)
        site.wait(lambda: _online(site), 50)
        yield site


def _online(site: Site) -> bool:
    return all(
        b"online" in (site.states.get(name), site.states.get(f"{name}-for-0011"))
        for name in PROCESSES
    )


@contextmanager
def without_descriptors(processes: list[psutil.Process], spare: int) -> Iterator[None]:
    limits = [(each.pid, resource.prlimit(each.pid, resource.RLIMIT_NOFILE)) for each in processes]
    for (pid, (_, hard)), process in zip(limits, processes, strict=True):
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (process.num_fds() + spare, hard))
    try:
        yield
    finally:
        for pid, limit in limits:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limit)


def _call(site: Site) -> Callable[[], bool]:
    call = site.ring()
    site.hang_up(call)
    return lambda: bool(
        site.received(site.topics.caller("0011"), call)
        and site.received(site.topics.records("0011"), call)
    )


def _dial(site: Site) -> Callable[[], bool]:
    request = str(site.dial())

    def is_over() -> bool:
        """Hang up what was placed, so that the request has its outcome."""
        results = site.received(site.topics.dial_result("0011"), request)
        if any(b'"accepted"' in result for result in results):
            with suppress(httpx.HTTPStatusError):  # it is over
                site.hang_up(request)
        return any(b'"final":true' in result for result in results)

    return is_over


def _switch(site: Site) -> Callable[[], bool]:
    for word in (b"off", b"on"):
        site.publish(site.topics.switch("0012"), word)
    before = len(site.messages)
    topic = site.topics.state("0012")
    return lambda: any(
        received == topic and b'"active"' in payload for received, payload in site.messages[before:]
    )


def _page(site: Site) -> Callable[[], bool]:
    def answers() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{site.stage.ports.panel}/", timeout=2).is_success
        except httpx.HTTPError:
            return False

    answers()
    return answers


@pytest.mark.parametrize("spare", [0, pytest.param(2, marks=pytest.mark.long)])
@pytest.mark.parametrize(
    ("name", "ask"),
    [("sessions", _switch), ("dial", _dial), ("journal", _call), ("caller", _call),
     ("panel", _page)],
)  # fmt: skip
def test_a_process_without_descriptors_waits_and_does_it_afterwards(
    site: Site, name: str, ask: Callable[[Site], Callable[[], bool]], spare: int
) -> None:
    logged = len(site.log())
    processes = site.processes(name)
    assert processes
    with without_descriptors(processes, spare):
        done = ask(site)
        for _ in range(50):
            site.wait(lambda: True)
        assert all(process.is_running() for process in processes)
    site.wait(done)

    assert len(site.log()) - logged < 60
    assert [each.pid for each in site.processes(name)] == [each.pid for each in processes]
