"""What the PBX was acknowledged, what came of it on the bus, and when somebody was not active."""

import random
import threading
import time
from types import TracebackType
from typing import Self
from uuid import UUID, uuid4

from bus.events import (
    CallerEvent,
    DialRequest,
    DialRequestData,
    DialResult,
    UserState,
    now,
)
from bus.journal_events import CallRecord
from bus.mqtt.connection import Connection
from bus.mqtt.inbox import BrokerUnavailable, ReceivedMessage
from bus.topics import ANY_USER
from starface.simulator import Simulator
from tests.estate.site import Machine

NUMBER = "+41 44 123 45 67"
_SAMPLE = 0.2  # seconds
_CALLS_EVERY = 1.0  # seconds
_TALK = 4.0  # seconds from dialling until somebody hangs up


class Bookkeeping:
    """Watches a site over the bus, and has calls made there; use it in a `with` block."""

    def __init__(self, connection: Connection, simulator: Simulator) -> None:
        self._connection = connection
        self._simulator = simulator
        self.answers: dict[str, float] = {}  # when a call was first answered
        self.records: set[tuple[str, str]] = set()
        self.dialled: dict[UUID, float] = {}  # requests that the broker confirmed
        self._asked: dict[UUID, float] = {}  # all requests: others may be dialled too
        self.results: dict[UUID, list[str]] = {}
        self._unwell: list[tuple[float, str]] = []  # when somebody was not active, and who
        self.states: dict[str, str] = {}
        self.holders: dict[str, bytes] = {}
        self._calling = threading.Event()
        self._stopping = threading.Event()
        self._call_at = 0.0
        topics = connection.topics
        connection.consume(topics.caller(ANY_USER), CallerEvent, self._answered)
        connection.consume(topics.records(ANY_USER), CallRecord, self._recorded)
        connection.consume(topics.dial_result(ANY_USER), DialResult, self._dial_result)
        connection.subscribe(topics.state(ANY_USER), self._state)
        connection.subscribe(topics.process(ANY_USER), self._process)
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def traffic(self, *, on: bool) -> None:
        """Have somebody dial and somebody called now and then, or stop it."""
        (self._calling.set if on else self._calling.clear)()

    @property
    def well(self) -> bool:
        """Whether the telephones of all users are active, and somebody keeps them so."""
        return not self._not_active()

    def _not_active(self) -> list[str]:
        away = [] if self.holders.get("sessions") == b"online" else ["sessions"]
        return away + [
            login for login in self._simulator.pbx.users if self.states.get(login) != "active"
        ]

    def online(self, machine: Machine) -> bool:
        """Whether every process of a machine has connected."""
        return all(
            self.holders.get(f"{name}-{machine.name}") == b"online" for name in machine.programs
        )

    def acknowledged(self) -> dict[tuple[str, str], float]:
        """Return user and call of every call that a gateway acknowledged, and when it began."""
        found: dict[tuple[str, str], float] = {}
        for attempt in self._simulator.notifications:
            if attempt.status is not None and attempt.status < 300 and attempt.state:
                found.setdefault((attempt.user, attempt.call_id), attempt.at.timestamp())
        return found

    def answered_after(self, moment: float) -> float | None:
        """Return after how many seconds a call that came later than a moment was answered."""
        began = {call: at for (_, call), at in self.acknowledged().items()}
        after = [at for call, at in self.answers.items() if began.get(call, 0.0) >= moment]
        return min(after) - moment if after else None

    def dialled_after(self, moment: float) -> bool:
        """Whether a telephone rang that somebody had dialled after a moment."""
        return any(
            at > moment and "remote-ringing" in self.results.get(request, ())
            for request, at in self.dialled.items()
        )

    def not_answered(self, since: float, until: float) -> list[str]:
        """Return the calls that came in between two moments and for which nothing opened."""
        dialled = {str(request) for request in self._asked}
        return [
            call
            for (_, call), at in self.acknowledged().items()
            if since <= at < until and call not in self.answers.keys() | dialled
        ]

    def unwell_after(self, moment: float, until: float) -> tuple[float, str]:
        """Return how many seconds after a moment somebody was not active for the last time."""
        at, who = max(
            (each for each in self._unwell if moment <= each[0] < until), default=(moment, "")
        )
        return at - moment, who

    def _work(self) -> None:
        while not self._stopping.is_set():
            until = time.monotonic() + _SAMPLE
            while (left := until - time.monotonic()) > 0:
                self._connection.work(left)
            if away := self._not_active():
                self._unwell.append((time.time(), f"{len(away)}: {away[0]} and others"))
            self._end_dialled_calls()
            if self._calling.is_set() and time.time() > self._call_at:
                self._call_at = time.time() + _CALLS_EVERY
                self._ring()
                self._dial()

    def _ring(self) -> None:
        login = random.choice(list(self._simulator.pbx.users))
        self._simulator.ring(login, NUMBER, answered_after=1, ended_after=_TALK)

    def _dial(self) -> None:
        request, logins = uuid4(), list(self._simulator.pbx.users)
        login = logins[len(self._asked) % len(logins)]
        self._asked[request] = time.time()
        message = DialRequest(time=now(), data=DialRequestData(number=NUMBER, request_id=request))
        try:
            self._connection.publish(self._connection.topics.dial(login), message)
        except BrokerUnavailable:
            return
        self.dialled[request] = time.time()

    def _end_dialled_calls(self) -> None:
        running, long_ago = self._simulator.pbx.calls, time.time() - _TALK
        for request, at in self._asked.items():
            if at < long_ago and str(request) in running:
                self._simulator.hang_up(str(request))

    def _answered(self, event: CallerEvent, _: ReceivedMessage) -> None:
        if event.data.opens != "nothing":
            self.answers.setdefault(event.data.call_id, time.time())

    def _recorded(self, record: CallRecord, _: ReceivedMessage) -> None:
        self.records.add((record.data.user, record.data.call_id))

    def _dial_result(self, result: DialResult, _: ReceivedMessage) -> None:
        self.results.setdefault(result.data.request_id, []).append(result.data.state)

    def _state(self, received: ReceivedMessage) -> None:
        if received.payload:
            state = UserState.model_validate_json(received.payload)
            self.states[state.data.user] = state.data.state

    def _process(self, received: ReceivedMessage) -> None:
        self.holders[received.topic.rpartition("/")[2]] = received.payload
