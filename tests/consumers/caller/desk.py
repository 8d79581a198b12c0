"""A consumer of calls on files of its own, with everything around it in hand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bus.events import CallData, CallerData, CallerEvent, CallEvent, Party, call_event_type
from bus.mqtt.inbox import BrokerUnavailable
from consumers.caller.answer import AnswerBuilder
from consumers.caller.calls import Call
from consumers.caller.consumer import CallerConsumer, Dependencies
from consumers.caller.pending_actions import Claim, PendingActions
from consumers.caller.settings import CallerSettings, CommandSettings
from consumers.caller.store import CallerStore
from consumers.caller.trace_store import TraceStore
from consumers.directory.directory import DirectoryUnavailable
from consumers.directory.records import Contact, Dossier, Match, Matter, Use
from consumers.users import User

ADA = Party(number="0441234567", e164="+41441234567", kind="external")
GRACE = Party(number="0449999999", e164="+41449999999", kind="external")
CONTACT = Contact(id=7, source="test", key="c/7", name="Ada Lovelace")
MATTER = Matter(id=70, dossier_key="d-17", key="m 70", reference="2026-1", title="Will")
DOSSIER = Dossier(id=17, contact_key="c/7", key="d-17", title="Lovelace", matters=(MATTER,))


class Shelf:
    """A directory with one contact."""

    def __init__(self) -> None:
        self.numbers: dict[str, Match] = {
            "+41441234567": Match(quality="exact", contact=CONTACT),
            "+41445555555": Match(
                quality="several", candidates=(CONTACT, CONTACT.model_copy(update={"id": 8}))
            ),
        }
        self.kept: tuple[Dossier, ...] = (DOSSIER,)
        self.left: tuple[str, ...] = ()
        self.broken = False
        self.fault: Exception | None = None

    def find(self, e164: str, *, user: str) -> Match:
        if self.fault is not None:
            raise self.fault
        if self.broken:
            raise DirectoryUnavailable("locked")
        return self.numbers.get(e164, Match())

    def dossiers(self, contact_id: int) -> tuple[Dossier, ...]:
        return self.kept

    def uses(self, user: str, contact_id: int) -> tuple[Use, ...]:
        return ()

    def nearest(self, e164: str, limit: int = 3) -> list[tuple[str, Contact]]:
        return [("+41441234567", CONTACT)]

    def inactive(self, e164: str) -> list[Contact]:
        return [CONTACT.model_copy(update={"active": False})] if e164 in self.left else []


class Programs:
    """Executors that only count."""

    def __init__(self) -> None:
        self.begun: list[CallerEvent] = []
        self.marks: list[str] = []
        self.under_way = 0  # commands that an action begins
        self.crash = False
        self.stands_by = False

    def hand_over(self, event: CallerEvent, values: Mapping[str, str], mark: str) -> int:
        if self.crash:
            raise KeyboardInterrupt
        if event.data.opens != "nothing":
            self.begun.append(event)
            self.marks.append(mark)
        return self.under_way if event.data.opens != "nothing" else 0


@dataclass
class Taken:
    """An answer the broker has, or has not confirmed."""

    desk: "Desk"

    def wait(self, timeout: float = 0.0) -> int:
        if self.desk.broker_silent:
            raise BrokerUnavailable("silent")
        return 0


@dataclass
class Desk:
    """A consumer on files of its own, with everything around it in hand."""

    folder: Path
    settings: CallerSettings = CallerSettings(  # noqa: RUF009
        matter="https://files.example/m/{id}", commands=(CommandSettings(arguments=("note",)),)
    )
    users: dict[str, User] = field(
        default_factory=lambda: {
            login: User(login=login, extension=login[2:]) for login in ("0011", "0012", "0013")
        }
    )
    shelf: Shelf = field(default_factory=Shelf)
    programs: Programs = field(default_factory=Programs)
    sent: list[CallerData] = field(default_factory=list)
    events: list[CallerEvent] = field(default_factory=list)
    used: list[tuple[str, int]] = field(default_factory=list)
    forgotten: list[float] = field(default_factory=list)
    moment: float = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()
    broker_gone: bool = False
    connected: bool = True
    own: frozenset[str] | None = None
    broker_silent: bool = False
    crash: bool = False

    def __post_init__(self) -> None:
        self._files: list[CallerStore | TraceStore] = []
        self.start()

    def start(self) -> None:
        """Start a process on the same files, as after a crash."""
        self.store, traces = (
            CallerStore(self.folder / "caller.db"),
            TraceStore(self.folder / "traces-caller.db"),
        )
        self._files += [self.store, traces]
        self.consumer = CallerConsumer(
            self.settings,
            AnswerBuilder(self.shelf, self.settings),
            self.store,
            traces,
            Dependencies(
                self.users.get,
                self._send,
                self._use,
                self.programs,
                self,
                lambda: self.moment,
                self.forgotten.append,
                self.own,
            ),
        )

    def close(self) -> None:
        for file in self._files:
            file.close()

    def _send(self, event: CallerEvent) -> "Taken":
        if self.crash:
            raise KeyboardInterrupt
        if self.broker_gone:
            raise BrokerUnavailable("gone")
        self.events.append(event)
        self.sent.append(event.data)
        return Taken(self)

    def _use(self, user: str, record: Matter | Dossier, at: datetime) -> None:
        self.used.append((user, record.id))

    def event(self, state: Any = "ringing", age: float = 0.0, **more: Any) -> CallEvent:
        data = {
            "user": "0011", "call_id": "c-1", "state": state, "direction": "in", "caller": ADA,
            "received_at": datetime.fromtimestamp(self.moment, UTC) - timedelta(seconds=age),
            **more,
        }  # fmt: skip
        return CallEvent(type=call_event_type(state), data=CallData.model_validate(data))

    def report(self, state: Any = "ringing", **more: Any) -> CallEvent:
        event = self.event(state, **more)
        self.consumer.handle(event)
        return event

    def unfinished(self) -> list[Claim]:
        """Return what another process would find on disk."""
        clock = lambda: self.moment  # noqa: E731
        return PendingActions(self.store.db, self.settings, self, clock).unfinished()

    def opened(self) -> list[CallerData]:
        return [one for one in self.sent if one.opens != "nothing"]

    def pass_time(self, seconds: float) -> None:
        self.moment += seconds
        self.consumer.tick()


def several(desk: Desk) -> Call:
    desk.report(caller=Party(number="x", e164="+41445555555", kind="external"))
    call = desk.consumer.find_call("0011", "c-1")
    assert call is not None
    return call


SECRETARY = Party(number="12", kind="internal")
LAWYER = Party(number="11", kind="internal")


def prefers(desk: Desk, *triggers: Any, **more: Any) -> None:
    desk.users["0011"] = User.model_validate(
        {"login": "0011", "extension": "11", "triggers": triggers, **more}
    )
