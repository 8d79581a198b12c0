"""What the demo shows, step by step: each waits until it has really happened, or fails."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from uuid import uuid4

from rich.console import Console

from bus.events import (
    CallerEvent,
    CallEvent,
    DialRequest,
    DialRequestData,
    DialResult,
    Message,
    UserState,
    now,
)
from bus.journal_events import CallRecord, MissedCounts
from bus.mqtt.connection import Connection
from bus.mqtt.inbox import ReceivedMessage
from cli.demo.stage import Stage
from starface.simulator.model.people import DEFAULT_USERS

PATIENCE = 25.0  # seconds a step may take
KNOWN, UNKNOWN, DIALLED = "+41441234567", "+41445556677", "+41443334455"
ANNA, BERND = DEFAULT_USERS[:2]
_KINDS: dict[str, type[Message]] = {
    "calls": CallEvent,
    "caller": CallerEvent,
    "state": UserState,
    "dial/result": DialResult,
    "records": CallRecord,
    "missed": MissedCounts,
}


class StepFailed(Exception):
    """A step of the demo did not happen in time."""


class ReceivedEvents:
    """What came over the bus, kept until a step looks for it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._messages: list[tuple[str, Message]] = []
        self.online: set[str] = set()
        connection.subscribe(connection.topics.everything_of("+"), self._note_event)
        connection.subscribe(connection.topics.processes(), self._note_process)

    def find(self, kind: type[Message], fits: Callable[..., bool]) -> Message | None:
        """Return the first message that fits, None if there is none yet."""
        return next(
            (
                message
                for _, message in self._messages
                if isinstance(message, kind) and fits(message)
            ),
            None,
        )

    def is_online(self, process: str) -> bool:
        """Return whether a process, or one of several such as `caller-…`, is running."""
        return any(one == process or one.startswith(f"{process}-") for one in self.online)

    def ask(self, login: str, request: DialRequest) -> None:
        """Publish a dial request, as any application would."""
        self._connection.publish(self._connection.topics.dial(login), request)

    def wait(self, condition: Callable[[], object], stage: Stage) -> None:
        """Listen until the condition holds; raise StepFailed."""
        limit = time.monotonic() + PATIENCE
        while not condition():
            if ended := stage.ended():
                raise StepFailed(f"a process has ended; {ended} says why")
            if time.monotonic() > limit:
                raise StepFailed(f"nothing came within {PATIENCE:.0f} s; see {stage.folder}/*.log")
            self._connection.work(0.02)

    def _note_event(self, arrived: ReceivedMessage) -> None:
        kind = _KINDS.get(arrived.topic.split("/", 3)[-1])
        if kind is not None and arrived.payload:
            self._messages.append((arrived.topic, kind.model_validate_json(arrived.payload)))

    def _note_process(self, arrived: ReceivedMessage) -> None:
        name = arrived.topic.rpartition("/")[2]
        if arrived.payload == b"online":
            self.online.add(name)


class Steps:
    """Prints each step with the time it took."""

    def __init__(self, console: Console, stage: Stage, received: ReceivedEvents) -> None:
        self._console = console
        self._stage = stage
        self._received = received

    def show(self) -> None:
        """Show everything once; raise StepFailed at the first step that does not happen."""
        for text, condition in self._all():
            self._step(text, condition)

    def _all(self) -> Iterator[tuple[str, Callable[[], object]]]:
        yield from self._start()
        yield from self._known_caller()
        yield from self._unknown_caller()
        yield from self._dial()

    def _start(self) -> Iterator[tuple[str, Callable[[], object]]]:
        yield "the stand-in STARFACE answers", self._stage.pbx_answers
        for name in ("gateway", "sessions", "caller", "dial", "journal", "panel"):
            yield f"process {name} is online", partial(self._received.is_online, name)
        for user in (ANNA, BERND):
            yield (
                f"{user.name} ({user.login}) is logged in at the PBX and subscribed to its calls",
                self._user_is(user.login, "active"),
            )

    def _known_caller(self) -> Iterator[tuple[str, Callable[[], object]]]:
        call = self._ring(ANNA.login, KNOWN)
        yield f"{KNOWN} rings at {ANNA.name}: the gateway publishes the event", call("ringing")
        opened = self._find(
            CallerEvent,
            lambda event: (
                event.data.user == ANNA.login
                and event.data.opens == "matter"
                and event.data.caller.e164 == KNOWN
            ),
        )
        yield "the caller consumer finds the contact and opens the matter", opened
        event = opened()
        assert isinstance(event, CallerEvent)  # noqa: S101 - the step before has found it
        contact, matter = event.data.contact, event.data.opened
        self._console.print(
            f"             {contact.title if contact else ''} → {matter.title if matter else ''}"
            f"\n             {event.data.url}",
            style="cyan", highlight=False, soft_wrap=True,
        )  # fmt: skip
        self._stage.at_the_phones("answer", call_id=call.call_id)
        yield f"{ANNA.name} answers", call("connected")
        self._stage.at_the_phones("hangup", call_id=call.call_id)
        yield "the call ends", call("ended")
        yield (
            "the journal has a record of it",
            self._find(
                CallRecord,
                lambda record: (
                    record.data.call_id == call.call_id and record.data.result == "answered"
                ),
            ),
        )

    def _unknown_caller(self) -> Iterator[tuple[str, Callable[[], object]]]:
        call = self._ring(BERND.login, UNKNOWN)
        yield f"{UNKNOWN} rings at {BERND.name}", call("ringing")
        yield (
            "nobody knows this number: nothing opens on a guess",
            self._find(
                CallerEvent,
                lambda event: event.data.user == BERND.login and event.data.quality == "none"
                and event.data.caller.e164 == UNKNOWN,
            ),
        )  # fmt: skip
        self._stage.at_the_phones("hangup", call_id=call.call_id)
        yield "the caller gives up", call("ended")
        yield (
            f"the journal counts a missed call of {BERND.name}",
            self._find(
                MissedCounts,
                lambda counts: counts.data.user == BERND.login and counts.data.open == 1,
            ),
        )

    def _dial(self) -> Iterator[tuple[str, Callable[[], object]]]:
        request = uuid4()
        self._received.ask(
            ANNA.login,
            DialRequest(time=now(), data=DialRequestData(number=DIALLED, request_id=request)),
        )
        for state, text in (
            ("accepted", f"{ANNA.name} asks on MQTT for {DIALLED}: STARFACE takes the call"),
            ("own-phone-ringing", f"{ANNA.name}'s own phone rings"),
            ("remote-ringing", f"she lifts; {DIALLED} rings"),
            ("connected", "they talk"),
        ):
            yield text, self._result(request, state)
        placed = self._result(request, "accepted")()
        assert isinstance(placed, DialResult)  # noqa: S101 - the step before has found it
        self._stage.at_the_phones("hangup", call_id=placed.data.call_id)
        yield "the result says that the call is over", self._result(request, "ended")

    def _result(self, request: object, state: str) -> Callable[[], Message | None]:
        return self._find(
            DialResult,
            lambda message: message.data.request_id == request and message.data.state == state,
        )

    def _user_is(self, login: str, state: str) -> Callable[[], Message | None]:
        return self._find(
            UserState, lambda message: message.data.user == login and message.data.state == state
        )

    def _find(self, kind: type[Message], fits: Callable[..., bool]) -> Callable[[], Message | None]:
        return lambda: self._received.find(kind, fits)

    def _ring(self, login: str, number: str) -> "_Call":
        answer = self._stage.at_the_phones("ring", user=login, caller_number=number)
        return _Call(str(answer["call_id"]), login, self._received)

    def _step(self, text: str, condition: Callable[[], object]) -> None:
        started = time.monotonic()
        try:
            self._received.wait(condition, self._stage)
        except StepFailed as failed:
            self._console.print(f"  [red]FAILED[/red]     {text}: {failed}", soft_wrap=True)
            raise
        took = (time.monotonic() - started) * 1000
        self._console.print(
            f"  [green]ok[/green] {took:6.0f} ms  {text}", highlight=False, soft_wrap=True
        )


class _Call:
    def __init__(self, call_id: str, login: str, received: ReceivedEvents) -> None:
        self.call_id = call_id
        self._login = login
        self._received = received

    def __call__(self, state: str) -> Callable[[], Message | None]:
        def is_published() -> Message | None:
            return self._received.find(
                CallEvent,
                lambda event: (
                    event.data.call_id == self.call_id
                    and event.data.user == self._login
                    and event.data.state == state
                ),
            )

        return is_published
