"""The panel with a bus, a feed and a dial port that write down what they are asked."""

from datetime import UTC, datetime, timedelta
from typing import Any

import falcon.testing
import pytest

from bus.events import Message
from bus.mqtt.inbox import BrokerUnavailable, ReceivedMessage
from bus.panel_events import Access, AccessData
from bus.topics import Topics
from panel.api import PeoplePorts, create_app
from panel.applications import Applications
from panel.login import AccessList, LoginCookies
from panel.settings import PanelSettings
from panel.streams import Streams
from panel.visitors import COOKIE
from runtime.secret_box import SecretBox, new_key
from tests.panel.test_api import FakeDialPort

HOST = "falconframework.org"
KEY = new_key()
TOPICS = Topics()


class FakeBus:
    """Writes down what is published, and answers at once, never, or not at all."""

    topics = TOPICS

    def __init__(self) -> None:
        self.published: list[tuple[str, Any]] = []
        self.answers: dict[str, dict[str, Any]] = {}
        self.away = False
        self.silent = False

    async def publish(self, topic: str, message: Message) -> None:
        if self.away:
            raise BrokerUnavailable("away")
        self.published.append((topic, message))

    async def publish_word(self, topic: str, word: str) -> None:
        self.published.append((topic, word))

    async def ask(self, topic: str, request: Message, within: float) -> dict[str, Any]:
        if self.away:
            raise BrokerUnavailable("away")
        if self.silent:
            raise TimeoutError
        self.published.append((topic, request))
        return self.answers.get(topic, {})


class FakeFeed:
    """A broker that runs, and states nobody has published."""

    settled = True

    def __init__(self) -> None:
        self.broker = True

    def links(self) -> dict[str, Any]:
        return {"broker": self.broker, "missing": []}

    def state(self, user: str) -> None:
        return None

    def processes(self) -> list[dict[str, Any]]:
        return [{"name": "gateway", "online": True}]


@pytest.fixture
def bus() -> FakeBus:
    return FakeBus()


@pytest.fixture
def feed() -> FakeFeed:
    return FakeFeed()


@pytest.fixture
def dial_port() -> FakeDialPort:
    return FakeDialPort()


@pytest.fixture
def known() -> AccessList:
    return AccessList(TOPICS)


def enter(known: AccessList, user: str = "0011", *, admin: bool = False) -> None:
    since = datetime.now(UTC) - timedelta(seconds=1)
    message = Access(data=AccessData(user=user, name="Anna", since=since, admin=admin))
    known.receive(ReceivedMessage(TOPICS.access(user), message.encoded(), retained=True))


@pytest.fixture
def client(
    bus: FakeBus, feed: FakeFeed, known: AccessList, dial_port: FakeDialPort, tmp_path: Any
) -> falcon.testing.TestClient:
    people: Any = PeoplePorts(
        bus, feed, Streams(), LoginCookies(KEY, known), SecretBox(KEY), 0.0,  # type: ignore[arg-type]
    )  # fmt: skip
    settings = PanelSettings(hosts=(HOST,), patience=1)
    app = create_app(dial_port, Applications(tmp_path / "applications.db"), settings, people)
    return falcon.testing.TestClient(app)


@pytest.fixture
def cookies(known: AccessList) -> dict[str, str]:
    enter(known)
    return {COOKIE: LoginCookies(KEY, known).issue("0011")}
