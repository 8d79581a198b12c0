import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import pytest

from bus.mqtt.inbox import Handler, ReceivedMessage
from bus.mqtt.presence import Presence
from bus.topics import Topics
from consumers.sessions.callback_check import Proof
from consumers.sessions.schedule import Timetable
from consumers.sessions.site_health import (
    CALLBACK,
    PBX,
    BrokerSubscriptions,
    Probing,
    Services,
    SiteHealth,
)

T = TypeVar("T")
TOPICS = Topics()
WELL = Proof(None)


class AtOnce:
    """Workers that need no threads."""

    def submit(self, task: Callable[[], T], then: Callable[[T | None], None]) -> None:
        then(task())


@dataclass
class Found(Probing):
    """What the tasks find out."""

    proof: Proof = WELL
    pbx: str | None = None

    def prove(self, user: str) -> Proof:
        return self.proof

    def probe(self) -> str | None:
        return self.pbx


@dataclass
class FakeCrowd:
    done: list[str] = field(default_factory=list)

    def somebody(self) -> str | None:
        return "0011"

    def show_all(self) -> None:
        self.done.append("show")

    def resync_all(self) -> None:
        self.done.append("resync")

    def pbx_went(self) -> None:
        self.done.append("went")

    def pbx_back(self) -> None:
        self.done.append("back")

    def page_gone(self) -> None:
        self.done.append("page gone")


@dataclass
class FakeBus(BrokerSubscriptions):
    """A bus one speaks on by hand."""

    handlers: dict[str, Handler] = field(default_factory=dict)

    @property
    def topics(self) -> Topics:
        return TOPICS

    def subscribe(self, topic_filter: str, handle: Handler) -> None:
        self.handlers[topic_filter] = handle

    def report(self, presence: Presence, *, online: bool) -> None:
        reported = presence.online(TOPICS) if online else presence.offline(TOPICS)
        for topic, payload in reported:
            self.say(topic, payload)

    def say(self, topic: str, payload: bytes) -> None:
        detail = topic.endswith("detail")
        kind = TOPICS.process_detail("+") if detail else TOPICS.process("+")
        self.handlers[kind](ReceivedMessage(topic, payload))


@pytest.fixture
def found() -> Found:
    return Found()


@pytest.fixture
def crowd() -> FakeCrowd:
    return FakeCrowd()


@pytest.fixture
def timetable() -> Timetable:
    return Timetable()


@pytest.fixture
def bus() -> FakeBus:
    return FakeBus()


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def site(
    found: Found, crowd: FakeCrowd, timetable: Timetable, bus: FakeBus, clock: Clock
) -> SiteHealth:
    services = Services(timetable, AtOnce(), AtOnce(), found, random.Random(1), clock)
    site = SiteHealth(services, crowd, 30.0)
    site.follow(bus)
    return site


def test_the_first_check_says_what_can_be_shown(site: SiteHealth, crowd: FakeCrowd) -> None:
    site.check_callback()

    assert crowd.done == ["show", "resync"]
    assert site.callback.code is None


def test_a_check_that_finds_nothing_new_disturbs_nobody(site: SiteHealth, crowd: FakeCrowd) -> None:
    site.check_callback()
    crowd.done.clear()
    site.check_callback()

    assert crowd.done == []


def test_a_way_that_works_again_hands_in_what_was_missed(
    site: SiteHealth, crowd: FakeCrowd, found: Found
) -> None:
    site.check_callback()
    found.proof = Proof("callback-refused")
    site.check_callback()
    crowd.done.clear()
    found.proof = Proof(None)
    site.check_callback()

    assert crowd.done == ["show", "resync"]


def test_a_gateway_that_started_again_may_have_missed_calls(
    site: SiteHealth, crowd: FakeCrowd, bus: FakeBus, timetable: Timetable
) -> None:
    bus.report(Presence("gateway"), online=True)
    assert crowd.done == []
    bus.report(Presence("gateway"), online=True)

    assert crowd.done == ["resync"]
    assert timetable.pop(100.0) == CALLBACK


def test_a_gateway_that_only_came_back_to_the_broker_is_no_new_one(
    site: SiteHealth, crowd: FakeCrowd, bus: FakeBus
) -> None:
    presence = Presence("gateway")
    bus.report(presence, online=True)
    bus.report(presence, online=True)

    assert crowd.done == []


def test_other_processes_are_no_gateways(
    site: SiteHealth, bus: FakeBus, timetable: Timetable
) -> None:
    for _ in range(2):
        bus.report(Presence("caller"), online=True)

    assert timetable.pop(100.0) is None


def test_an_offline_gateway_is_named(site: SiteHealth, bus: FakeBus, found: Found) -> None:
    presence = Presence("gateway")
    bus.report(presence, online=True)
    bus.say(TOPICS.process("gateway"), b"offline")
    found.proof = Proof("callback-unreachable")
    site.check_callback()

    assert site.callback.code == "gateway-offline"


def test_a_gateway_without_the_broker_is_not_well(site: SiteHealth, bus: FakeBus) -> None:
    presence = Presence("gateway")
    bus.report(presence, online=True)
    bus.say(TOPICS.process("gateway"), b"offline")
    site.check_callback()

    assert site.callback.code == "gateway-without-broker"


def test_one_gateway_of_two_is_enough(site: SiteHealth, bus: FakeBus) -> None:
    bus.report(Presence("gateway"), online=True)
    bus.report(Presence("gateway-2"), online=True)
    bus.say(TOPICS.process("gateway"), b"offline")
    site.check_callback()

    assert site.callback.code is None


def test_a_pbx_that_goes_and_comes_back_is_reported_to_everybody(
    site: SiteHealth, crowd: FakeCrowd, found: Found
) -> None:
    site.failed("pbx-unreachable")
    found.pbx = "pbx-unreachable"
    site.probe_pbx()
    assert crowd.done == ["went"]
    found.pbx = None
    site.probe_pbx()

    assert crowd.done == ["went", "back"]


def test_a_pbx_that_falls_silent_is_noticed_before_its_users_were_asked(
    site: SiteHealth, crowd: FakeCrowd, found: Found, timetable: Timetable, clock: Clock
) -> None:
    site.served()
    site.probe_pbx()
    found.pbx = "pbx-silent"
    clock.now += 4.0
    assert timetable.pop(clock.now) == PBX
    site.probe_pbx()

    assert crowd.done == ["went"]
    assert site.pbx.away == "pbx-silent"


def test_a_pbx_that_serves_its_users_is_not_asked(
    site: SiteHealth, found: Found, timetable: Timetable, clock: Clock
) -> None:
    found.pbx = "pbx-silent"
    for _ in range(10):
        site.served()
        site.probe_pbx()
        clock.now += 3.0

    assert site.pbx.away is None
    assert timetable.pop(clock.now + 4.0) == PBX


def test_what_a_pbx_says_to_strangers_is_no_outage(site: SiteHealth, found: Found) -> None:
    for found.pbx in ("pbx-unreadable", "login-unclear"):
        site.probe_pbx()

    assert site.pbx.away is None


def test_a_login_page_is_watched_until_it_is_gone(
    site: SiteHealth, crowd: FakeCrowd, found: Found, timetable: Timetable
) -> None:
    site.failed("login-unclear")
    assert timetable.pop(100.0) == PBX
    found.pbx = "login-unclear"
    site.probe_pbx()
    assert timetable.pop(104.0) == PBX
    assert crowd.done == []
    found.pbx = None
    site.probe_pbx()

    assert crowd.done == ["page gone"]


def test_a_pbx_that_serves_users_need_not_speak_to_strangers(
    site: SiteHealth, crowd: FakeCrowd, found: Found
) -> None:
    site.served()
    found.pbx = "pbx-unreadable"
    site.probe_pbx()

    assert crowd.done == []
    assert site.pbx.away is None


def test_a_pbx_that_comes_back_with_a_login_page_is_reachable(
    site: SiteHealth, crowd: FakeCrowd, found: Found
) -> None:
    site.failed("pbx-unreachable")
    found.pbx = "login-unclear"
    site.probe_pbx()

    assert crowd.done == ["went", "back"]
