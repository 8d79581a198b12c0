"""Dialling put together without threads, network or waiting: what arrives, what is reported."""

import functools
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

from cryptography.fernet import Fernet

from bus.events import (
    CallData,
    CallEvent,
    CallStateName,
    DialRequest,
    DialRequestData,
    DialResult,
    call_event_type,
    now,
)
from bus.mqtt.connection import PublishRefused
from bus.mqtt.inbox import BrokerUnavailable, ReceivedMessage
from bus.numbers.number import NumberProfile
from bus.numbers.private_numbers import PrivateNumbers
from bus.topics import Topics
from consumers.dial.consumer import DialConsumer
from consumers.dial.number import NumberReader
from consumers.dial.placing import CallOrder, CallPlaced, PlacingOutcome
from consumers.dial.progress import ProgressTracker
from consumers.dial.results import ResultPublisher
from consumers.dial.settings import DialSettings
from consumers.dial.store import DialStore
from consumers.users import User, Users
from runtime.secret_box import SecretBox
from starface.failures import PbxUnreachable

PROFILE = NumberProfile(country="CH", area_code="44", internal_digits=2)
SITE_KEY = b"k" * 32
T = TypeVar("T")


class Clock:
    """A time that only moves when asked to."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class FakeBus:
    """Writes down what is published; may be away or forbid a topic."""

    def __init__(self) -> None:
        self.topics = Topics()
        self.published: list[tuple[str, DialResult, bytes | None]] = []
        self.away = False
        self.forbidden: set[str] = set()

    def publish_raw(
        self, topic: str, payload: bytes, *, expiry: int, content_type: str,
        correlation: bytes | None,
    ) -> int:  # fmt: skip
        if self.away:
            raise BrokerUnavailable("away")
        if topic in self.forbidden:
            raise PublishRefused(topic, 0x87)
        result = DialResult.model_validate_json(payload)
        self.published.append((topic, result, correlation))
        return 0


class FakePbx:
    """Places every call unless asked otherwise, and knows what it is set to know."""

    def __init__(self) -> None:
        self.asked: list[CallOrder] = []
        self.outcome: Callable[[CallOrder], PlacingOutcome] = lambda wish: CallPlaced(wish.call_id)
        self.states: dict[str, CallStateName] = {}
        self.reachable = True
        self.looked: list[str] = []

    def place(self, wish: CallOrder) -> PlacingOutcome:
        self.asked.append(wish)
        return self.outcome(wish)

    def state(self, user: str, call_id: str) -> CallStateName | None:
        self.looked.append(call_id)
        if not self.reachable:
            raise PbxUnreachable("away")
        return self.states.get(call_id)


@dataclass
class DialTaskRunner:
    """Done at once, or kept until `finish`."""

    at_once: bool = True
    kept: list[Callable[[], None]] = field(default_factory=list)

    def run(self, work: Callable[[], T], then: Callable[[T], None]) -> None:
        if self.at_once:
            then(work())
        else:
            self.kept.append(lambda: then(work()))

    def finish(self) -> None:
        for task in self.kept:
            task()
        self.kept.clear()


class Desk:
    """One dial process with everything around it; `again` starts it again on the same file."""

    def __init__(self, folder: Path, account: str = "dial", **settings: Any) -> None:
        self.folder = folder
        self.account = account
        self.settings = DialSettings.model_validate(settings)
        self.clock = Clock()
        self.bus = FakeBus()
        self.pbx = FakePbx()
        self.tasks = DialTaskRunner()
        self._seal = SecretBox(Fernet.generate_key())
        self.users = functools.partial(Users, folder / "users.db", self._seal)
        with self.users() as users:
            for login, extension in (("0011", "11"), ("0012", "12")):
                users.add(User(login=login, extension=extension))
        self.known = self.users()
        self.private = PrivateNumbers(folder, SITE_KEY)
        self.start()

    def start(self) -> None:
        self.book = DialStore(self.folder / "dial.db", self.account)
        results = ResultPublisher(self.book, self.bus, self.clock)
        numbers = NumberReader(
            PROFILE, self.settings, SITE_KEY,
            functools.partial(self.private.names, profile=PROFILE),
        )  # fmt: skip
        self.following = ProgressTracker(results, self.pbx, self.tasks, numbers.key, self.clock)
        self.consumer = DialConsumer(self.settings, numbers, self.following, self.known, self.clock)

    def again(self) -> None:
        """Start again after a kill: what was under way is lost, the file stays."""
        self.tasks.kept.clear()
        self.book.close()
        self.start()

    def another(self) -> "Desk":
        """Return a second process on the same file, bus, PBX and clock."""
        other = object.__new__(Desk)
        other.__dict__ |= self.__dict__ | {"account": "dial-2"}
        other.start()
        return other

    def dial(
        self,
        number: str = "044 123 45 67",
        *,
        login: str = "0011",
        request_id: UUID | None = None,
        age: float = 0.0,
        **arrived: Any,
    ) -> UUID:
        request_id = request_id or uuid4()
        self.consumer.handle(self.message(number, login, request_id, age, **arrived))
        return request_id

    def message(
        self, number: str, login: str, request_id: UUID, age: float = 0.0, **arrived: Any
    ) -> ReceivedMessage:
        request = DialRequest(
            time=datetime.fromtimestamp(self.clock() - age, UTC),
            source="test",
            data=DialRequestData(number=number, request_id=request_id),
        )
        return ReceivedMessage(self.bus.topics.dial(login), request.encoded(), **arrived)

    def receive(self, call_id: object, *states: CallStateName, login: str = "0011") -> None:
        for state in states:
            data = CallData(user=login, call_id=str(call_id), state=state, received_at=now())
            self.following.handle(CallEvent(type=call_event_type(state), data=data))

    def pass_time(self, seconds: float) -> None:
        """Let time pass, second by second."""
        for _ in range(int(seconds)):
            self.clock.now += 1
            self.consumer.tick()

    def reported(self, request_id: UUID | None = None) -> list[str]:
        """Return the states reported, without what the response topic got."""
        return [
            result.data.state
            for topic, result, _ in self.bus.published
            if topic.endswith("/dial/result") and request_id in (None, result.data.request_id)
        ]

    def last(self) -> DialResult:
        return self.bus.published[-1][1]

    def numbers(self) -> "itertools.count[int]":
        """Return endless different local numbers, to be put behind 044 12."""
        return itertools.count(10_000)
