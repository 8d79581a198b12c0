import json
from typing import Any

import pytest

from bus.events import now
from bus.mqtt.inbox import ReceivedMessage
from bus.panel_events import Access, AccessData
from bus.topics import Topics
from panel.bus_feed import NEEDED, BusFeed, one_line
from panel.login import AccessList

TOPICS = Topics()


class Bus:
    """A broker one speaks for by hand."""

    topics = TOPICS

    def __init__(self) -> None:
        self.connected = True
        self.handlers: dict[str, Any] = {}

    def subscribe(self, topic_filter: str, handle: Any) -> None:
        self.handlers[topic_filter] = handle

    def consume(self, topic_filter: str, kind: Any, handle: Any) -> None:
        self.handlers[topic_filter] = handle

    def after_connect(self, work: Any) -> None:
        self.reconnect = work

    def say(self, topic_filter: str, topic: str, payload: bytes, *, retained: bool = False) -> None:
        self.handlers[topic_filter](ReceivedMessage(topic, payload, retained=retained))


class Browsers:
    """The streams of those who look, as far as they are known here."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, str]] = []
        self.to_all: list[tuple[str, Any]] = []
        self.watched: set[str] = set()
        self.ended = 0

    def follows(self, user: str) -> bool:
        return user == "0011"

    def is_watched(self, user: str) -> bool:
        return user in self.watched

    def publish(self, user: str, name: str, payload: str) -> None:
        self.sent.append((user, name, payload))

    def publish_to_watchers(self, user: str, name: str, payload: str) -> None:
        self.sent.append((f"watchers of {user}", name, payload))

    def publish_to_all(self, name: str, content: Any) -> None:
        self.to_all.append((name, content))

    def end_streams_of(self, user: str) -> None:
        self.ended += 1

    def end_all(self) -> None:
        self.ended += 1


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
def browsers() -> Browsers:
    return Browsers()


@pytest.fixture
def feed(bus: Bus, browsers: Browsers) -> BusFeed:
    feed = BusFeed(bus, AccessList(TOPICS), browsers)  # type: ignore[arg-type]
    feed.subscribe(lambda result, message: None)
    return feed


def _process(bus: Bus, name: str, word: bytes = b"online") -> None:
    bus.say(TOPICS.processes(), TOPICS.process(name), word, retained=True)


def test_what_does_not_run_is_missing_and_a_caller_of_several_is_enough(
    feed: BusFeed, bus: Bus, browsers: Browsers
) -> None:
    assert feed.links().items() >= {"broker": True, "missing": list(NEEDED)}.items()
    for name in ("gateway", "sessions", "caller-2", "dial", "journal"):
        _process(bus, name)
    assert feed.links()["missing"] == []

    _process(bus, "dial", b"offline")

    name, links = browsers.to_all[-1]
    assert name == "links"
    assert links["missing"] == ["dial"]


def test_what_fails_says_since_when_until_something_else_does(feed: BusFeed, bus: Bus) -> None:
    failing = feed.links()
    assert feed.links() == failing

    _process(bus, "dial")

    assert feed.links()["since"] > failing["since"]


def test_the_panel_itself_is_among_the_processes(feed: BusFeed, bus: Bus) -> None:
    _process(bus, "gateway", b"offline")
    detail = b'{"data": {"since": "2026-11-23T09:00:00Z", "version": "0.1.0"}}'
    bus.say(TOPICS.processes(), TOPICS.process_detail("panel"), detail, retained=True)

    assert feed.processes() == [
        {"name": "gateway", "online": False},
        {"name": "panel", "online": True, "since": "2026-11-23T09:00:00Z", "version": "0.1.0"},
    ]


def test_of_several_machines_one_that_stands_by_does_not_act(feed: BusFeed, bus: Bus) -> None:
    for name in ("gateway-a", "sessions-a", "caller-a", "dial-a", "journal-a", "sessions", "dial"):
        _process(bus, name)
        detail = b'{"data": {"since": "2026-11-23T09:00:00Z", "machine": "a"}}'
        bus.say(TOPICS.processes(), TOPICS.process_detail(name), detail, retained=True)

    assert feed.links()["missing"] == ["caller", "journal"]
    assert {each["name"]: each.get("machine") for each in feed.processes()}["dial"] == "a"


def test_without_the_broker_only_that_is_said(feed: BusFeed, bus: Bus, browsers: Browsers) -> None:
    bus.reconnect()
    bus.connected = False
    feed.tick()
    feed.tick()

    [(name, links)] = browsers.to_all
    assert name == "links"
    assert links["broker"] is False
    assert links["missing"] == []


def test_only_those_who_look_get_their_own_events(
    feed: BusFeed, bus: Bus, browsers: Browsers
) -> None:
    for user in ("0011", "0012"):
        bus.say(TOPICS.records("+"), TOPICS.records(user), b'{"data":\n{}}')

    assert browsers.sent == [("0011", "record", '{"data": {}}')]


def test_a_state_is_kept_for_streams_that_open_later_until_it_is_cleared(
    feed: BusFeed, bus: Bus
) -> None:
    state = b'{"data": {"state": "active"}}'
    bus.say(TOPICS.state("+"), TOPICS.state("0012"), state, retained=True)
    assert feed.state("0012") == state.decode()
    assert feed.colleague("0012")["state"] == "active"

    bus.say(TOPICS.state("+"), TOPICS.state("0012"), b"")

    assert feed.state("0012") is None
    assert feed.colleague("0012")["state"] == "unknown"


def test_who_is_watched_is_on_the_phone_as_long_as_one_of_his_calls_is_talked(
    feed: BusFeed, bus: Bus, browsers: Browsers
) -> None:
    browsers.watched.add("0012")

    def call(call_id: str, state: str, **more: str) -> None:
        content = {"data": {"call_id": call_id, "state": state} | more}
        bus.say(TOPICS.calls("+"), TOPICS.calls("0012"), json.dumps(content).encode())

    call("c-1", "ringing")
    assert not feed.is_busy("0012")
    call("c-1", "connected")
    call("c-2", "connected", previous_call_id="c-1")
    assert feed.is_busy("0012")
    call("c-2", "ended")
    assert not feed.is_busy("0012")


def test_json_of_several_lines_becomes_one() -> None:
    assert one_line(b'{"a":\n1}') == '{"a": 1}'
    assert one_line(b'{"a":1}') == '{"a":1}'


def test_colleagues_see_until_when_somebody_is_not_to_be_disturbed(
    feed: BusFeed, bus: Bus, browsers: Browsers
) -> None:
    browsers.watched.add("0012")
    for until in (False, True):
        access = AccessData(user="0012", name="Bernd", since=now(), do_not_disturb=until)
        bus.say(TOPICS.access("+"), TOPICS.access("0012"), Access(data=access).encoded())

    watchers, name, payload = browsers.sent[-1]
    assert (watchers, name) == ("watchers of 0012", "colleague")
    assert json.loads(payload)["undisturbed"] is True
