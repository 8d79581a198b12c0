import random
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from bus.events import (
    CallData,
    CallerData,
    CallerEvent,
    CallEvent,
    DialResult,
    DialResultData,
    Outcome,
    Party,
    Sentence,
    call_event_type,
)
from bus.mqtt.inbox import BrokerUnavailable, ReceivedMessage
from consumers.actions.executors import ActionResult
from consumers.caller.answer import AnswerBuilder, UserChoice
from consumers.caller.calls import Call
from consumers.caller.consumer import CallerConsumer
from consumers.caller.dependencies import Dependencies
from consumers.caller.settings import CallerSettings
from consumers.caller.store import CallerStore
from consumers.caller.texts import step_sentence
from consumers.caller.trace_store import TraceStore, find
from consumers.directory.directory import DirectoryUnavailable
from consumers.directory.records import Contact, Dossier, Match, Matter, Use
from consumers.users import User

ADA = Party(number="0441234567", e164="+41441234567", kind="external")
GRACE = Party(number="0449999999", e164="+41449999999", kind="external")
_CONTACT = Contact(id=7, source="test", key="c/7", name="Ada Lovelace")
_MATTER = Matter(id=70, dossier_id=17, key="m 70", reference="2026-1", title="Will")
_DOSSIER = Dossier(id=17, contact_id=7, key="d-17", title="Lovelace", matters=(_MATTER,))


class Shelf:
    """A directory with one contact."""

    def __init__(self) -> None:
        self.numbers: dict[str, Match] = {
            "+41441234567": Match(quality="exact", contact=_CONTACT),
            "+41445555555": Match(
                quality="several", candidates=(_CONTACT, _CONTACT.model_copy(update={"id": 8}))
            ),
        }
        self.kept: tuple[Dossier, ...] = (_DOSSIER,)
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
        return [("+41441234567", _CONTACT)]

    def inactive(self, e164: str) -> list[Contact]:
        return [_CONTACT.model_copy(update={"active": False})] if e164 in self.left else []


class Programs:
    """Executors that only count."""

    def __init__(self) -> None:
        self.begun: list[CallerEvent] = []
        self.marks: list[str] = []
        self.under_way = False
        self.crash = False

    def planned(self, data: CallerData) -> tuple[Outcome, ...]:
        return (Outcome(executor="command", state="queued"),) if data.opens != "nothing" else ()

    def hand_over(self, event: CallerEvent, values: Mapping[str, str], mark: str) -> bool:
        if self.crash:
            raise KeyboardInterrupt
        if event.data.opens != "nothing":
            self.begun.append(event)
            self.marks.append(mark)
        return self.under_way and event.data.opens != "nothing"


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
    settings: CallerSettings = CallerSettings(matter="https://files.example/m/{id}")  # noqa: RUF009
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
            self.programs,
            Dependencies(
                self.users.get,
                self._send,
                self._use,
                lambda: self.moment,
                self.forgotten.append,
                self.own,
                lambda: self.connected,
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

    def tell(self, state: Any = "ringing", **more: Any) -> CallEvent:
        event = self.event(state, **more)
        self.consumer.handle(event)
        return event

    def opened(self) -> list[CallerData]:
        return [one for one in self.sent if one.opens != "nothing"]

    def pass_time(self, seconds: float) -> None:
        self.moment += seconds
        self.consumer.tick()


@pytest.fixture
def new_desk(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    made: list[Desk] = []

    def new(**options: Any) -> Desk:
        made.append(Desk(tmp_path, **options))
        return made[-1]

    yield new
    for desk in made:
        desk.close()


@pytest.fixture
def desk(new_desk: Callable[..., Desk]) -> Desk:
    return new_desk()


def test_a_known_caller_opens_the_only_open_matter(desk: Desk) -> None:
    desk.tell()

    [answer] = desk.sent
    assert answer.opens == "matter"
    assert answer.url == "https://files.example/m/m%2070"
    assert answer.reason == "only-open-matter"
    assert answer.opened is not None
    assert (answer.opened.id, answer.opened.reference) == ("70", "2026-1")
    assert [one.executor for one in answer.outcomes] == ["mqtt", "command"]
    assert desk.used == [("0011", 70)]


def test_the_story_of_an_answer_leads_from_the_number_to_the_matter(desk: Desk) -> None:
    desk.tell()

    [story] = find(desk.folder)
    assert [f"{step.step}.{step.code}" for step in story.steps] == [
        "received.ringing", "normalised.external", "matched.exact", "rule.user",
        "action.only-open-matter", "executor.done", "executor.queued",
    ]  # fmt: skip
    assert "Ada Lovelace" in step_sentence(story.steps[2], "de")


def test_a_story_is_headed_by_who_the_directory_says_it_is(desk: Desk) -> None:
    desk.tell(caller=ADA.model_copy(update={"name": "as the PBX says"}))
    desk.tell("ended")

    assert find(desk.folder)[0].name == "Ada Lovelace"


def test_the_story_of_an_internal_call_explains_the_number_of_the_colleague(desk: Desk) -> None:
    desk.tell(
        "dialing", direction="internal", caller=Party(number="11", kind="internal"),
        called=Party(number="12", kind="internal"),
    )  # fmt: skip

    [told] = [
        step_sentence(step, "en")
        for step in find(desk.folder)[0].steps
        if step.step == "normalised"
    ]
    assert told == "12 is an internal extension."


def test_a_story_explains_each_number_once(desk: Desk) -> None:
    for state, caller in (("ringing", ADA), ("ringing", GRACE), ("connected", GRACE)):
        desk.tell(state, caller=caller)

    told = [
        step_sentence(step, "en")
        for step in find(desk.folder)[0].steps
        if step.step == "normalised"
    ]
    assert told == [f"The number {one.number} is {one.e164}." for one in (ADA, GRACE)]


def test_the_story_of_a_service_number_says_what_it_is(desk: Desk) -> None:
    desk.tell(caller=Party(number="163", kind="external"))

    assert "163 is a service or an emergency number." in [
        step_sentence(step, "en") for step in find(desk.folder)[0].steps
    ]


def test_a_story_says_how_a_withheld_number_rang(desk: Desk) -> None:
    desk.tell(caller=Party(kind="withheld"))

    assert "a call from a withheld number to 0011" in step_sentence(
        find(desk.folder)[0].steps[0], "en"
    )


def test_an_event_that_comes_again_is_answered_once(desk: Desk) -> None:
    event = desk.tell()
    desk.consumer.handle(event)
    desk.tell()

    assert len(desk.sent) == 1


def test_several_contacts_are_offered_and_nothing_opens(desk: Desk) -> None:
    desk.tell(caller=Party(number="x", e164="+41445555555", kind="external"))

    [answer] = desk.sent
    assert answer.opens == "nothing"
    assert answer.reason == "several-contacts"
    assert [one.id for one in answer.candidates] == ["7", "8"]


def _several(desk: Desk) -> Call:
    desk.tell(caller=Party(number="x", e164="+41445555555", kind="external"))
    call = desk.consumer.find_call("0011", "c-1")
    assert call is not None
    return call


def test_a_chosen_contact_opens_though_the_call_is_old(desk: Desk) -> None:
    call = _several(desk)
    desk.moment += 100
    desk.consumer.choose(call, UserChoice("contact", "7"), "click-1")

    answer = desk.sent[-1]
    assert (answer.trigger, answer.opens, answer.event_id) == ("chosen", "matter", "click-1")
    assert answer.contact is not None
    assert answer.contact.id == "7"
    assert desk.used == [("0011", 70)]


def test_a_second_click_opens_again_and_later_events_do_not(desk: Desk) -> None:
    call = _several(desk)
    for click in ("click-1", "click-2"):
        desk.consumer.choose(call, UserChoice("contact", "7"), click)
    desk.tell(caller=call.caller.model_copy(update={"name": "Ada"}))

    assert [one.event_id for one in desk.opened()] == ["click-1", "click-2"]
    assert len({one.id for one in desk.events}) == len(desk.events)


def test_nobody_but_those_offered_can_be_chosen(desk: Desk) -> None:
    desk.consumer.choose(_several(desk), UserChoice("contact", "99"), "click-1")

    assert desk.opened() == []
    assert desk.sent[-1].reason == "several-contacts"


@pytest.mark.parametrize(
    ("choice", "opens", "reason"),
    [
        (UserChoice("matter", "71"), "matter", "chosen"),
        (UserChoice("dossier", "18"), "dossier", "chosen"),
        (UserChoice("matter", "18"), "nothing", "choice-gone"),
        (None, "nothing", "several-dossiers"),
    ],
)
def test_an_offered_dossier_or_matter_opens_when_it_is_chosen(
    desk: Desk, choice: UserChoice | None, opens: str, reason: str
) -> None:
    other = Matter(id=71, dossier_id=18, key="m 71", title="House")
    desk.shelf.kept = (_DOSSIER, Dossier(id=18, contact_id=7, key="d 18", matters=(other,)))
    desk.tell()
    call = desk.consumer.find_call("0011", "c-1")
    assert call is not None
    desk.consumer.choose(call, choice, "click-1")

    assert (desk.sent[-1].opens, desk.sent[-1].reason) == (opens, reason)


def test_an_unknown_caller_is_told_with_the_nearest_entries(desk: Desk) -> None:
    desk.tell(caller=GRACE)

    [answer] = desk.sent
    assert answer.reason == "unknown-caller"
    [story] = find(desk.folder)
    nearest = next(step for step in story.steps if step.code == "nearest")
    assert "+41441234567 Ada Lovelace" in step_sentence(nearest, "en")


def test_an_inactive_entry_with_the_number_is_named(desk: Desk) -> None:
    desk.shelf.left = ("+41449999999",)
    desk.tell(caller=GRACE)

    [story] = find(desk.folder)
    told = next(step for step in story.steps if step.code == "inactive")
    assert "does not count: Ada Lovelace (test)." in step_sentence(told, "en")
    assert story.reason == "unknown-caller"


def test_an_unknown_caller_opens_the_page_for_new_contacts(new_desk: Callable[..., Desk]) -> None:
    desk = new_desk(
        settings=CallerSettings(new_contact="https://files.example/new?n={e164}&name={name?}")
    )
    desk.tell(caller=GRACE)

    [answer] = desk.sent
    assert answer.opens == "new-contact"
    assert answer.url == "https://files.example/new?n=%2B41449999999&name="


@pytest.mark.parametrize(
    ("direction", "called", "line"),
    [
        ("in", Party(number="20", kind="internal", name="Kanzlei & Notariat"), "Kanzlei+%26"),
        ("out", GRACE.model_copy(update={"name": "Grace"}), ""),
    ],
)
def test_the_name_of_the_line_that_was_called_is_known_to_addresses(
    new_desk: Callable[..., Desk], direction: str, called: Party, line: str
) -> None:
    page = "https://files.example/new?line={called_name?}"
    desk = new_desk(settings=CallerSettings(new_contact=page))
    desk.users["0011"] = User(login="0011", triggers=("ringing", "outgoing"))
    state = "ringing" if direction == "in" else "dialing"
    desk.tell(state, direction=direction, caller=GRACE, called=called, group="7")

    [answer] = desk.opened()
    assert (answer.url or "").replace("%20", "+").startswith(page.partition("{")[0] + line)
    assert bool(line) is not (answer.url or "").endswith("=")


def test_a_withheld_number_opens_no_page_for_new_contacts(new_desk: Callable[..., Desk]) -> None:
    desk = new_desk(settings=CallerSettings(new_contact="https://files.example/new"))
    desk.tell(caller=Party(number="", kind="withheld"))

    [answer] = desk.sent
    assert (answer.opens, answer.reason, answer.url) == ("nothing", "withheld", None)


def test_details_in_a_second_event_make_a_match_of_an_unknown(desk: Desk) -> None:
    desk.tell(caller=Party())
    desk.tell()

    assert [one.reason for one in desk.sent] == ["no-number", "only-open-matter"]


def test_a_name_left_over_from_a_caller_is_not_shown_for_the_next(desk: Desk) -> None:
    desk.tell()
    desk.tell(call_id="c-2", caller=GRACE)

    assert desk.sent[-1].contact is None


def test_a_contact_made_while_it_rings_opens_when_the_call_is_answered(desk: Desk) -> None:
    desk.tell(caller=GRACE)
    desk.shelf.numbers[GRACE.e164 or ""] = Match(quality="exact", contact=_CONTACT)
    desk.tell("connected", caller=GRACE)
    desk.tell("held", caller=GRACE)

    assert [(one.reason, one.opens) for one in desk.sent] == [
        ("unknown-caller", "nothing"),
        ("only-open-matter", "matter"),
    ]


def test_a_contact_made_on_the_page_for_new_ones_is_shown_and_opens_nothing_more(
    new_desk: Callable[..., Desk],
) -> None:
    desk = new_desk(settings=CallerSettings(new_contact="https://files.example/new"))
    desk.tell(caller=GRACE)
    desk.shelf.numbers[GRACE.e164 or ""] = Match(quality="exact", contact=_CONTACT)
    desk.tell("connected", caller=GRACE)

    page, card = desk.sent
    assert (page.opens, page.contact) == ("new-contact", None)
    assert (card.opens, card.reason) == ("nothing", "already-opened")
    assert card.contact is not None


def test_a_caller_who_stays_unknown_is_told_once(desk: Desk) -> None:
    desk.tell(caller=GRACE)
    desk.tell("connected", caller=GRACE)

    assert [one.reason for one in desk.sent] == ["unknown-caller"]


def test_two_withheld_callers_never_share_a_person(desk: Desk) -> None:
    withheld = Party(number="", kind="withheld")
    desk.tell()
    desk.tell(call_id="c-2", caller=withheld)
    desk.tell(call_id="c-3", caller=withheld)

    told = [(one.call_id, one.contact, one.candidates, one.reason) for one in desk.sent[1:]]
    assert told == [("c-2", None, (), "withheld"), ("c-3", None, (), "withheld")]
    assert [one.name for one in find(desk.folder, last=3)] == ["", "", "Ada Lovelace"]


def test_other_details_after_the_opening_inform_and_open_nothing(desk: Desk) -> None:
    desk.tell()
    desk.tell("connected", caller=ADA.model_copy(update={"name": "Ada"}))

    assert [one.reason for one in desk.sent] == ["only-open-matter", "already-opened"]
    assert len(desk.programs.begun) == 1


SECRETARY = Party(number="12", kind="internal")
LAWYER = Party(number="11", kind="internal")


def _put_through(desk: Desk) -> None:
    """Have a colleague ask and then hand over a client, as STARFACE tells it."""
    inside = {"call_id": "c-2", "caller": SECRETARY, "called": LAWYER, "direction": "internal"}
    desk.tell(**inside)
    desk.tell("connected", **inside)
    desk.tell("other", caller=Party(), direction="internal", previous_call_id="c-2")
    desk.tell("connected", called=LAWYER)


def _prefers(desk: Desk, *triggers: Any, **more: Any) -> None:
    desk.users["0011"] = User.model_validate(
        {"login": "0011", "extension": "11", "triggers": triggers, **more}
    )


@pytest.mark.parametrize(
    ("triggers", "opened"),
    [
        (("ringing", "party-change"), ["party-change"]),
        (("party-change",), ["party-change"]),
        (("connected", "party-change"), ["party-change"]),
        (("ringing",), []),
        (("ended",), []),
    ],
)
def test_a_client_who_is_put_through_opens_for_whom_wants_it(
    desk: Desk, triggers: tuple[str, ...], opened: list[str]
) -> None:
    _prefers(desk, *triggers)
    _put_through(desk)

    assert [one.trigger for one in desk.opened()] == opened
    assert desk.sent[-1].caller == ADA  # told in any case
    assert desk.sent[-1].trigger == "party-change"


def test_a_colleague_who_may_pop_does_not_use_up_the_opening_of_the_client(desk: Desk) -> None:
    _prefers(desk, "ringing", "party-change", internal="pop")
    desk.settings = CallerSettings(
        matter="https://files.example/m/{id}", internal="https://files.example/in/{number}"
    )
    desk.start()
    _put_through(desk)

    assert [(one.trigger, one.opens) for one in desk.opened()] == [
        ("ringing", "card"), ("party-change", "matter"),
    ]  # fmt: skip


@pytest.mark.parametrize("triggers", [("ringing", "party-change"), ("connected", "party-change")])
def test_each_party_of_a_call_opens_once_though_it_comes_back(
    desk: Desk, triggers: tuple[str, ...]
) -> None:
    _prefers(desk, *triggers)
    desk.shelf.numbers[GRACE.e164 or ""] = Match(quality="exact", contact=_CONTACT)
    desk.tell()
    for party in (ADA, SECRETARY, ADA, GRACE, ADA, GRACE, GRACE, SECRETARY):
        desk.tell("connected", caller=party)

    assert [one.caller for one in desk.opened()] == [ADA, GRACE]
    assert len(desk.programs.begun) == 2
    desk.start()  # a process that knows nothing of all this but the claims
    for party in (GRACE, ADA, GRACE):
        desk.tell("connected", caller=party)
    assert len(desk.programs.begun) == 2


@pytest.mark.parametrize(
    ("triggers", "rings", "opened"),
    [
        (("ringing", "party-change"), True, "ringing"),
        (("ringing", "party-change"), False, "party-change"),
        (("ringing",), False, "ringing"),
        (("connected", "party-change"), True, "connected"),
        (("connected", "party-change"), False, "connected"),
        (("party-change",), True, "party-change"),
        (("party-change",), False, "party-change"),
    ],
)
def test_a_call_taken_from_a_colleague_opens_once(
    desk: Desk, triggers: tuple[str, ...], rings: bool, opened: str
) -> None:
    """Handed over without a word, it rings; picked up, it does not."""
    _prefers(desk, *triggers)
    desk.tell(user="0012")
    desk.tell("connected", user="0012")
    desk.sent.clear()
    if rings:
        desk.tell()
    desk.tell("connected")
    desk.tell("held")
    desk.tell("connected")

    assert [one.trigger for one in desk.opened()] == [opened]


@pytest.mark.parametrize("new_id", [False, True])
@pytest.mark.parametrize(
    ("triggers", "told"),
    [
        (("connected",), [("ringing", "opens-later"), ("connected", "only-open-matter")]),
        (("ringing", "party-change"), [("ringing", "opened-before")]),
        (("party-change",), [("ringing", "not-chosen"), ("party-change", "only-open-matter")]),
    ],
)
def test_a_group_call_handed_over_later_is_told_and_opens_once_for_its_party(
    desk: Desk, triggers: tuple[str, ...], told: list[tuple[str, str]], new_id: bool
) -> None:
    _prefers(desk, *triggers)
    for user in ("0011", "0012"):
        desk.tell(user=user, group="Sales")
    desk.tell("connected", user="0012", group="Sales")
    desk.tell("ended", group="Sales")
    desk.pass_time(60)
    before = len(desk.sent)
    more = {"call_id": "c-2", "previous_call_id": "c-1"} if new_id else {}
    for state in ("ringing", "ringing", "connected", "held"):
        desk.tell(state, **more)

    assert [(one.trigger, one.reason) for one in desk.sent[before:]] == told
    begun = [one.data.user for one in desk.programs.begun]
    assert begun.count("0011") == 1
    desk.tell("ended", **more)
    assert (desk.sent[-1].trigger, desk.sent[-1].reason) == ("closed", "ended")


def test_a_click_opens_what_had_opened_before_a_colleague_had_the_call(desk: Desk) -> None:
    for user in ("0011", "0012"):
        desk.tell(user=user)
        desk.tell("connected", user=user)
    desk.tell("ended")
    desk.pass_time(60)
    desk.tell()
    told = desk.sent[-1]
    call = desk.consumer.find_call("0011", "c-1")
    assert call is not None

    assert (told.reason, told.opens, told.url, told.on_click) == (
        "opened-before", "nothing", None, "matter",
    )  # fmt: skip
    desk.consumer.choose(call, UserChoice("found", ""), "click-1")
    assert (desk.sent[-1].trigger, desk.sent[-1].opens) == ("chosen", "matter")
    desk.start()
    desk.tell("ended")
    assert desk.sent[-1].reason == "ended"


def test_an_ordinary_call_opens_nothing_where_only_a_change_of_party_does(desk: Desk) -> None:
    _prefers(desk, "party-change")
    for state in ("incoming", "ringing", "connected", "ended"):
        desk.tell(state)

    assert desk.opened() == []
    assert desk.sent[0].reason == "not-chosen"


def test_a_change_of_party_cut_off_by_a_crash_is_taken_up_while_it_is_still_so(desk: Desk) -> None:
    desk.shelf.numbers[GRACE.e164 or ""] = Match(quality="exact", contact=_CONTACT)
    desk.tell()
    desk.crash = True
    with pytest.raises(KeyboardInterrupt):
        desk.tell("connected", caller=GRACE)
    desk.crash = False
    desk.start()
    desk.pass_time(1)
    desk.pass_time(1)

    assert [one.caller for one in desk.opened()] == [ADA, GRACE]
    assert desk.store.open_claims() == []


def test_a_change_of_party_that_waits_is_dropped_when_the_party_changes_again(desk: Desk) -> None:
    desk.tell()
    desk.shelf.broken = True
    desk.tell("connected", caller=GRACE)
    desk.shelf.broken = False
    desk.shelf.numbers[GRACE.e164 or ""] = Match(quality="exact", contact=_CONTACT)
    desk.tell("connected", caller=SECRETARY)
    desk.pass_time(3)

    assert [one.caller for one in desk.opened()] == [ADA]


def test_each_trigger_has_its_own_action(desk: Desk) -> None:
    _prefers(
        desk, "ringing", "connected", action="business-card",
        actions={"connected": "matter-or-dossier"},
    )  # fmt: skip
    desk.tell()
    desk.tell("connected")

    told = [(one.trigger, one.action, one.opens) for one in desk.opened()]
    assert told == [
        ("ringing", "business-card", "card"), ("connected", "matter-or-dossier", "matter"),
    ]  # fmt: skip
    [story] = find(desk.folder)
    said = [step for step in story.steps if step.step == "rule"]
    assert "beim Klingeln Visitenkarte, beim Annehmen Akte oder Dossier" in step_sentence(
        said[0], "de"
    )
    assert step_sentence(said[1], "en").endswith("What counts here: matter or dossier.")


def test_a_click_opens_what_was_found_and_nothing_does_by_itself(desk: Desk) -> None:
    _prefers(desk, "click")
    desk.tell()
    told = desk.sent[-1]
    call = desk.consumer.find_call("0011", "c-1")
    assert call is not None

    assert (told.opens, told.on_click, told.reason) == ("nothing", "matter", "opens-on-click")
    assert told.found is not None
    assert told.found.title == "Will"
    assert desk.programs.begun == []
    desk.consumer.choose(call, UserChoice("found", ""), "click-1")
    assert [(one.opens, one.reason) for one in desk.opened()] == [("matter", "only-open-matter")]
    desk.tell("connected", caller=ADA.model_copy(update={"name": "Ada"}))
    assert len(desk.opened()) == 1


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize(
    ("triggers", "actions", "opened"),
    [
        (("click", "connected"), {}, ["chosen"]),
        (("click", "connected"), {"click": "business-card"}, ["chosen", "connected"]),
        (("click", "outgoing", "connected", "party-change"), {}, ["chosen"]),
    ],
)
def test_what_was_opened_by_a_click_opens_not_again_when_the_call_is_answered(
    desk: Desk,
    triggers: tuple[str, ...],
    actions: dict[str, str],
    opened: list[str],
    restart: bool,
) -> None:
    _prefers(desk, *triggers, actions=actions)
    desk.tell()
    call = desk.consumer.find_call("0011", "c-1")
    assert call is not None
    desk.consumer.choose(call, UserChoice("found", ""), "click-1")
    if restart:
        desk.start()
    desk.tell("connected")

    # An earlier process does not tell what it opened, so nothing opens twice for the party.
    assert [one.trigger for one in desk.opened()] == (["chosen"] if restart else opened)


def test_a_contact_chosen_while_it_rings_opens_not_again_when_the_call_is_answered(
    desk: Desk,
) -> None:
    _prefers(desk, "connected", "party-change")
    call = _several(desk)
    desk.consumer.choose(call, UserChoice("contact", "7"), "click-1")
    desk.shelf.numbers[call.caller.e164 or ""] = Match(quality="exact", contact=_CONTACT)
    desk.tell("connected", caller=call.caller)

    assert [one.trigger for one in desk.opened()] == ["chosen"]


def test_a_click_for_one_party_leaves_the_next_its_opening(desk: Desk) -> None:
    _prefers(desk, "click", "connected")
    desk.shelf.numbers[GRACE.e164 or ""] = Match(quality="exact", contact=_CONTACT)
    desk.tell()
    call = desk.consumer.find_call("0011", "c-1")
    assert call is not None
    desk.consumer.choose(call, UserChoice("found", ""), "click-1")
    desk.tell("connected", caller=GRACE)

    assert [(one.trigger, one.caller) for one in desk.opened()] == [
        ("chosen", ADA), ("connected", GRACE),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("actions", "opened"),
    [
        ({"party-change": "business-card"}, ["party-change", "connected"]),
        ({}, ["party-change"]),
    ],
)
def test_a_party_that_came_while_it_rang_opens_again_on_answering_only_for_another_action(
    desk: Desk, actions: dict[str, str], opened: list[str]
) -> None:
    _prefers(desk, "connected", "party-change", actions=actions)
    desk.tell(caller=SECRETARY, direction="internal")
    desk.tell()
    desk.tell("connected")

    assert [one.trigger for one in desk.opened()] == opened


def test_an_answer_tells_that_the_user_placed_an_internal_call(desk: Desk) -> None:
    inside = {"direction": "internal", "caller": LAWYER, "called": SECRETARY}
    desk.tell("dialing", **inside)
    desk.tell("connected", **inside | {"called": SECRETARY.model_copy(update={"name": "Bernd"})})
    desk.tell(call_id="c-2", **inside | {"caller": SECRETARY, "called": LAWYER})

    assert {(one.call_id, one.outward) for one in desk.sent} == {("c-1", True), ("c-2", False)}


_OUT = {"direction": "out", "caller": LAWYER}


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize(
    ("triggers", "outward"),
    [
        (("connected", "party-change"), False),
        (("ringing", "connected", "party-change"), False),
        (("ringing", "party-change"), False),
        (("ringing", "party-change"), True),
        (("outgoing", "party-change"), True),
    ],
)
def test_the_next_party_opens_though_the_process_was_started_again_meanwhile(
    desk: Desk, triggers: tuple[str, ...], outward: bool, restart: bool
) -> None:
    _prefers(desk, *triggers)
    desk.shelf.numbers[GRACE.e164 or ""] = Match(quality="exact", contact=_CONTACT)
    side = "called" if outward else "caller"
    more = _OUT if outward else {}
    for state in ("dialing" if outward else "ringing", "connected"):
        desk.tell(state, **{**more, side: ADA})
    desk.pass_time(1)
    if restart:
        desk.start()
    before = len(desk.opened())
    desk.tell("connected", **{**more, side: GRACE})
    desk.tell("held", **{**more, side: GRACE})

    [opened] = desk.opened()[before:]
    assert (opened.called if outward else opened.caller) == GRACE


def test_whoever_was_dialled_before_a_restart_is_no_change_of_party(desk: Desk) -> None:
    for state in ("dialing", "connected"):
        desk.tell(state, called=ADA, **_OUT)
    desk.start()
    desk.tell("held", called=ADA, **_OUT)

    assert desk.opened() == []


def test_a_click_may_open_more_than_what_opened_by_itself(desk: Desk) -> None:
    _prefers(
        desk, "ringing", "click", action="business-card", actions={"click": "matter-or-dossier"}
    )
    desk.tell()
    call = desk.consumer.find_call("0011", "c-1")
    assert call is not None
    desk.consumer.choose(call, UserChoice("found", ""), "click-1")

    assert [(one.opens, one.on_click) for one in desk.sent] == [
        ("card", "matter"), ("matter", "nothing"),
    ]  # fmt: skip


def test_a_caller_nobody_knows_is_told_as_such_though_a_click_would_open(desk: Desk) -> None:
    _prefers(desk, "click")
    desk.tell(caller=GRACE)

    assert (desk.sent[-1].reason, desk.sent[-1].on_click) == ("unknown-caller", "nothing")


def test_an_old_event_is_told_as_too_old_and_opens_nothing(desk: Desk) -> None:
    desk.tell(age=60)

    [answer] = desk.sent
    assert answer.reason == "too-old"
    assert answer.contact is not None


def test_when_a_colleague_answers_the_cards_of_the_others_close(desk: Desk) -> None:
    for user in ("0011", "0012", "0013"):
        desk.tell(user=user, group="Sales")
    desk.sent.clear()

    desk.tell("connected", user="0012", group="Sales")

    closed = [(one.user, one.trigger, one.reason) for one in desk.sent]
    assert closed == [
        ("0011", "closed", "answered-elsewhere"),
        ("0013", "closed", "answered-elsewhere"),
    ]


def test_a_card_closes_when_the_call_ends(desk: Desk) -> None:
    desk.tell()
    desk.tell("ended")

    assert (desk.sent[-1].trigger, desk.sent[-1].reason) == ("closed", "ended")


def test_a_call_on_the_own_telephone_after_a_click_opens_nothing(desk: Desk) -> None:
    desk.consumer.note_dialling(_dialled("0011", "c-1"), ReceivedMessage("", b""))
    desk.tell()

    [answer] = desk.sent
    assert (answer.opens, answer.reason) == ("nothing", "own-dialling")


def test_the_same_id_dialled_by_a_colleague_is_an_ordinary_call(desk: Desk) -> None:
    desk.consumer.note_dialling(_dialled("0012", "c-1"), ReceivedMessage("", b""))
    desk.tell()

    assert desk.opened()


def test_a_call_from_the_own_extension_opens_nothing(desk: Desk) -> None:
    desk.tell(caller=Party(number="11", e164="+41441234567", kind="external"))

    assert desk.sent[0].reason == "own-dialling"


@pytest.mark.parametrize("told_again", [False, True])
@pytest.mark.parametrize("before", [(), ("dialing",), ("dialing", "connected")])
def test_a_client_put_through_by_a_colleague_who_was_dialled_by_a_click_opens(
    desk: Desk, before: tuple[str, ...], told_again: bool
) -> None:
    desk.consumer.note_dialling(_dialled("0011", "c-1"), ReceivedMessage("", b""))
    inside = {"direction": "internal", "caller": LAWYER, "called": SECRETARY}
    for state in ("ringing", *before):
        desk.tell(state, **inside)
    if told_again:
        desk.consumer.note_dialling(_dialled("0011", "c-1"), ReceivedMessage("", b""))
    assert desk.opened() == []

    desk.tell("connected", called=LAWYER)

    assert [one.caller for one in desk.opened()] == [ADA]


def test_a_delay_spares_a_call_that_is_blocked_at_once(new_desk: Callable[..., Desk]) -> None:
    desk = new_desk(settings=CallerSettings(matter="https://a.example/{id}", delay=1.0))
    desk.tell()
    desk.pass_time(0.5)
    desk.tell("ended")
    desk.pass_time(5)

    assert desk.opened() == []
    [story] = find(desk.folder)
    assert story.reason == "ended"
    assert "Nothing opened: the call was already over." in [
        step_sentence(step, "en") for step in story.steps
    ]


def test_a_delayed_action_uses_the_details_that_came_meanwhile(
    new_desk: Callable[..., Desk],
) -> None:
    desk = new_desk(settings=CallerSettings(matter="https://a.example/{id}", delay=1.0))
    desk.tell(caller=Party())
    desk.tell()
    assert desk.sent == []
    desk.pass_time(1.1)

    [answer] = desk.sent
    assert answer.opens == "matter"


@pytest.mark.parametrize("later", [("ended",), ("connected", "ended")])
def test_what_ended_while_it_waited_at_the_broker_opens_nothing(
    desk: Desk, later: tuple[str, ...]
) -> None:
    desk.tell(age=20)
    for place, state in enumerate(later):
        desk.tell(state, age=15 - place)
    desk.pass_time(2)

    assert desk.opened() == []
    assert [one.trigger for one in desk.sent] == ["closed"]
    [story] = find(desk.folder)
    assert story.reason == "ended"


def test_what_still_rings_after_it_waited_at_the_broker_opens(desk: Desk) -> None:
    desk.tell(age=20)
    desk.tell("ended", call_id="c-other", age=15)
    assert desk.opened() == []
    desk.pass_time(0.6)

    [opened] = desk.opened()
    assert opened.call_id == "c-1"


def test_a_colleague_who_answered_while_it_waited_at_the_broker_has_it(desk: Desk) -> None:
    desk.tell(age=20, group="Sales")
    desk.tell("connected", user="0012", age=18, group="Sales")
    desk.pass_time(1)

    assert [one.user for one in desk.opened()] == ["0012"]


def test_nothing_opens_while_the_broker_is_away(new_desk: Callable[..., Desk]) -> None:
    desk = new_desk()
    desk.connected = False
    desk.tell()
    desk.pass_time(5)
    assert desk.sent == []

    desk.connected = True
    desk.consumer.tick()
    desk.tell("ended")
    desk.pass_time(1)
    assert desk.opened() == []


def test_clocks_that_differ_delay_nothing_once_that_is_known(desk: Desk) -> None:
    for number in range(60):
        desk.tell("ended", call_id=f"c-{number}", age=3)
        desk.moment += 1
    desk.tell(call_id="c-live", age=3)

    assert [one.call_id for one in desk.opened()] == ["c-live"]


def test_an_action_taken_up_after_a_restart_waits_until_the_broker_is_there(desk: Desk) -> None:
    desk.tell()
    desk.crash = True
    with pytest.raises(KeyboardInterrupt):
        desk.tell(call_id="c-2")
    desk.crash, desk.connected = False, False
    desk.start()
    desk.pass_time(5)
    desk.connected = True
    desk.consumer.tick()
    desk.tell("ended", call_id="c-2")
    desk.pass_time(1)

    assert [one.call_id for one in desk.opened()] == ["c-1"]


@pytest.mark.parametrize("states", [("ended",), ("ended", "ringing"), ("ended", "connected")])
def test_why_gives_a_reason_where_the_end_came_first(desk: Desk, states: tuple[str, ...]) -> None:
    for state in states:
        desk.tell(state)
    desk.pass_time(1)

    [story] = find(desk.folder)
    assert (story.opens, story.reason) == ("nothing", "ended")
    assert "Nothing opened: the call was already over." in [
        step_sentence(step, "en") for step in story.steps
    ]


def test_the_reason_of_a_call_that_opened_stays(desk: Desk) -> None:
    desk.tell()
    desk.tell("ended")

    [story] = find(desk.folder)
    assert (story.opens, story.reason) == ("matter", "only-open-matter")


def test_a_process_of_one_user_publishes_nothing_for_the_colleagues(
    new_desk: Callable[..., Desk],
) -> None:
    desk = new_desk(own=frozenset({"0012"}))
    for login in ("0011", "0013"):
        desk.consumer.observe_group_call(desk.event(user=login, group="Sales"))
    desk.tell(user="0012", group="Sales")
    desk.tell("connected", user="0012", group="Sales")
    desk.tell("ended", user="0012", group="Sales")

    assert {one.user for one in desk.sent} == {"0012"}
    assert {story.user for story in find(desk.folder, last=9)} == {"0012"}


def test_who_answered_elsewhere_is_named(desk: Desk) -> None:
    desk.users["0012"] = User(login="0012", extension="12", name="Anna Muster")
    desk.tell(group="Sales")
    desk.tell("connected", user="0012", group="Sales")

    closed = next(one for one in desk.sent if one.trigger == "closed")
    assert (closed.user, closed.answered_by) == ("0011", "0012")
    assert closed.sentence is not None
    assert closed.sentence.de == "Den Anruf hat Anna Muster angenommen."
    [story] = find(desk.folder, user="0011")
    assert "The call was answered by Anna Muster." in step_sentence(story.steps[-1], "en")


def test_a_delayed_action_does_not_open_what_a_colleague_answered(
    new_desk: Callable[..., Desk],
) -> None:
    desk = new_desk(settings=CallerSettings(matter="https://a.example/{id}", delay=1.0))
    desk.tell(group="Sales")
    desk.tell(user="0012", state="connected", group="Sales")
    desk.pass_time(2)

    assert [one.user for one in desk.opened()] == ["0012"]
    [story] = find(desk.folder, user="0011")
    assert story.reason == "answered-elsewhere"
    assert "Nothing opened: the call was answered by 0012." in [
        step_sentence(step, "en") for step in story.steps
    ]


@pytest.mark.parametrize("restart", [False, True])
def test_what_waits_since_it_rang_gives_way_to_what_opens_on_answering(
    new_desk: Callable[..., Desk], restart: bool
) -> None:
    desk = new_desk(settings=CallerSettings(matter="https://a.example/{id}", delay=3.0))
    _prefers(desk, "ringing", "connected")
    desk.tell()
    desk.pass_time(1)
    if restart:
        desk.start()
    desk.tell("connected")
    desk.pass_time(3)

    assert [(one.trigger, one.reason) for one in desk.sent] == [("connected", "only-open-matter")]
    [story] = find(desk.folder)
    assert (story.opens, story.reason) == ("matter", "only-open-matter")
    assert desk.store.open_claims() == []


@pytest.mark.parametrize(
    ("triggers", "opened"),
    [(("ringing", "party-change"), "party-change"), (("ringing",), "ringing")],
)
def test_what_waits_since_it_rang_gives_way_to_a_change_of_party_that_opens(
    new_desk: Callable[..., Desk], triggers: tuple[str, ...], opened: str
) -> None:
    desk = new_desk(settings=CallerSettings(matter="https://a.example/{id}", delay=3.0))
    desk.shelf.numbers[GRACE.e164 or ""] = Match(quality="exact", contact=_CONTACT)
    _prefers(desk, *triggers)
    desk.tell()
    desk.tell(caller=GRACE)
    desk.pass_time(4)

    assert [(one.trigger, one.caller) for one in desk.opened()] == [(opened, GRACE)]
    assert "already-opened" not in [one.reason for one in desk.sent]


def test_what_waits_when_the_process_dies_is_done_once_by_the_next(
    new_desk: Callable[..., Desk],
) -> None:
    desk = new_desk(settings=CallerSettings(matter="https://a.example/{id}", delay=2.0))
    desk.tell(caller=Party())
    desk.tell()
    desk.start()
    desk.pass_time(1)
    assert desk.opened() == []
    desk.pass_time(1.5)
    assert len(desk.opened()) == 1
    desk.pass_time(0.1)
    desk.start()
    desk.tell()
    desk.pass_time(5)

    assert len(desk.opened()) == 1


def test_what_waited_when_the_process_died_is_not_done_for_a_call_that_is_over(
    new_desk: Callable[..., Desk],
) -> None:
    desk = new_desk(settings=CallerSettings(matter="https://a.example/{id}", delay=2.0))
    desk.tell()
    desk.start()
    desk.tell("ended")
    desk.pass_time(5)
    desk.start()
    desk.pass_time(5)

    assert desk.opened() == []
    assert desk.store.open_claims() == []


def test_what_waited_too_long_without_a_process_is_told_and_not_done(
    new_desk: Callable[..., Desk],
) -> None:
    desk = new_desk(settings=CallerSettings(matter="https://a.example/{id}", delay=2.0))
    desk.tell()
    desk.pass_time(0)
    desk.moment += 60
    desk.start()
    desk.pass_time(5)

    assert desk.opened() == []
    [story] = find(desk.folder)
    assert story.reason == "interrupted"


def test_too_many_calls_in_a_minute_open_nothing_more(new_desk: Callable[..., Desk]) -> None:
    desk = new_desk(settings=CallerSettings(matter="https://a.example/{id}", pops_per_minute=3))
    for number in range(5):
        desk.tell(call_id=f"c-{number}")
    desk.pass_time(61)
    desk.tell(call_id="later")

    assert [one.reason == "too-many" for one in desk.sent] == [
        False, False, False, True, True, False,
    ]  # fmt: skip


def test_a_directory_that_cannot_be_read_is_asked_again(desk: Desk) -> None:
    desk.shelf.broken = True
    desk.tell()
    desk.shelf.broken = False
    desk.pass_time(3)

    assert [one.reason for one in desk.sent] == ["directory-unavailable", "only-open-matter"]
    first, later = desk.sent
    assert (first.contact, first.caller) == (None, ADA)
    assert later.contact is not None
    assert later.call_id == first.call_id


def test_a_directory_that_cannot_be_read_holds_up_no_other_call(desk: Desk) -> None:
    desk.shelf.broken = True
    desk.tell()
    desk.tell(call_id="c-2", caller=GRACE)

    assert [one.call_id for one in desk.sent] == ["c-1", "c-2"]


def test_an_answer_waits_for_the_broker_and_the_others_do_not(desk: Desk) -> None:
    desk.broker_gone = True
    desk.tell()
    assert len(desk.programs.begun) == 1
    desk.broker_gone = False
    desk.pass_time(0)

    assert desk.opened()


def test_an_answer_that_waited_too_long_is_not_sent(desk: Desk) -> None:
    desk.broker_gone = True
    desk.tell()
    desk.broker_gone = False
    desk.pass_time(31)

    assert desk.sent == []


def test_an_action_is_done_when_the_broker_has_the_answer(desk: Desk) -> None:
    desk.broker_silent = True
    desk.tell()
    desk.consumer.tick()
    assert len(desk.store.open_claims()) == 1

    desk.broker_silent = False
    desk.consumer.tick()

    assert desk.store.open_claims() == []


@pytest.mark.parametrize("answer", ["broker_silent", "broker_gone"])
def test_an_action_is_not_done_before_the_broker_has_the_answer_though_the_command_ended(
    desk: Desk, answer: str
) -> None:
    setattr(desk, answer, True)
    desk.programs.under_way = True
    desk.tell()
    desk.consumer.finished(ActionResult("command", "0011", "c-1", "ringing", True, "", True))
    assert len(desk.store.open_claims()) == 1

    setattr(desk, answer, False)
    desk.pass_time(1)
    desk.pass_time(1)

    assert desk.opened()
    assert desk.store.open_claims() == []


@pytest.mark.parametrize("first", [0, 1])
def test_each_of_two_changes_of_party_is_done_when_its_own_command_has_ended(
    desk: Desk, first: int
) -> None:
    desk.shelf.numbers[GRACE.e164 or ""] = Match(quality="exact", contact=_CONTACT)
    desk.programs.under_way = True
    for party in (SECRETARY, ADA, GRACE):
        desk.tell("connected", caller=party)
    desk.pass_time(1)
    marks = desk.programs.marks
    assert [one.data.caller for one in desk.programs.begun] == [ADA, GRACE]

    for mark, left in ((marks[first], [marks[1 - first]]), (marks[1 - first], [])):
        desk.consumer.finished(
            ActionResult("command", "0011", "c-1", "party-change", True, "", True, mark=mark)
        )
        assert [one.trigger for one in desk.store.open_claims()] == left


def test_what_the_broker_did_not_confirm_at_the_end_is_repeated_after_a_restart(
    desk: Desk,
) -> None:
    desk.broker_silent = True
    desk.tell()
    desk.consumer.finish()
    desk.broker_silent = False
    desk.start()
    desk.pass_time(1)

    first, again = desk.events
    assert first.id == again.id


def test_an_executor_that_failed_is_told(desk: Desk) -> None:
    desk.programs.under_way = True
    desk.tell()
    desk.consumer.finished(ActionResult("command", "0011", "c-1", "ringing", False, "exit-1", True))

    assert desk.sent[-1].reason == "executor-failed"
    assert desk.sent[-1].outcomes[0].reason == "exit-1"
    assert desk.sent[-1].sentence is not None
    assert "program reports an error (exit-1)" in desk.sent[-1].sentence.en
    [story] = find(desk.folder)
    assert "exit-1" in step_sentence(story.steps[-1], "en")
    assert (story.opens, story.reason) == ("matter", "executor-failed")
    assert desk.store.open_claims() == []


@pytest.mark.parametrize("done", [True, False])
def test_what_a_receiver_answered_stands_in_the_story_alone(desk: Desk, done: bool) -> None:
    desk.tell()
    words = "no such client " * 15
    desk.consumer.finished(
        ActionResult("webhook", "0011", "c-1", "", done, "status-422", answer=words.strip())
    )

    [story] = find(desk.folder)
    assert story.steps[-1].code == "answered"
    assert step_sentence(story.steps[-1], "en") == f"webhook: answered “{words.strip()}”."
    assert all("no such client" not in one.model_dump_json() for one in desk.sent)


@pytest.mark.parametrize("place", ["bus", "executor"])
def test_an_action_cut_off_by_a_crash_is_done_while_the_call_is_young(
    desk: Desk, place: str
) -> None:
    desk.crash, desk.programs.crash = place == "bus", place == "executor"
    with pytest.raises(KeyboardInterrupt):
        desk.tell()
    desk.crash = desk.programs.crash = False
    before = [one.id for one in desk.events]

    desk.start()
    desk.pass_time(1)

    assert len(desk.programs.begun) == 1
    assert desk.opened()[-1].url == "https://files.example/m/m%2070"
    assert before in ([], [desk.events[-1].id])
    desk.consumer.tick()
    assert desk.store.open_claims() == []


def test_an_action_cut_off_by_a_crash_is_only_told_when_the_call_is_old(desk: Desk) -> None:
    desk.crash = True
    with pytest.raises(KeyboardInterrupt):
        desk.tell()
    desk.crash = False
    desk.moment += 31

    desk.start()
    desk.pass_time(1)

    assert desk.sent == []
    assert find(desk.folder)[0].reason == "interrupted"
    assert desk.store.open_claims() == []


def test_an_action_taken_up_again_does_not_open_a_call_that_ended_meanwhile(desk: Desk) -> None:
    desk.crash = True
    with pytest.raises(KeyboardInterrupt):
        desk.tell()
    desk.crash = False

    desk.start()
    desk.tell("ended")
    desk.pass_time(1)

    assert desk.opened() == []
    assert desk.store.open_claims() == []


def test_an_action_that_was_done_is_not_done_again_after_a_restart(desk: Desk) -> None:
    event = desk.tell()
    desk.consumer.tick()
    desk.start()
    desk.consumer.handle(event)
    desk.pass_time(1)

    assert len(desk.programs.begun) == 1


def test_an_ended_call_stays_ended_after_a_restart(desk: Desk) -> None:
    desk.tell("ended")
    desk.start()
    desk.tell()

    assert desk.opened() == []


@pytest.mark.parametrize("over", [False, True])
def test_a_choice_for_a_call_of_an_earlier_process_is_told_as_no_longer_known(
    desk: Desk, over: bool
) -> None:
    desk.tell()
    if over:
        desk.tell("ended")
    desk.start()
    call = desk.consumer.find_call("0011", "c-1")
    assert call is None or call.restored
    desk.consumer.refuse("0011", "c-1", "click-1")

    told = desk.sent[-1]
    assert (told.trigger, told.event_id, told.call_id) == ("chosen", "click-1", "c-1")
    assert (told.reason, told.opens) == ("call-forgotten", "nothing")
    assert told.sentence is not None
    assert told.sentence.en.endswith("starface2mqtt why --user 0011")


def test_a_late_detail_makes_an_ended_call_known_again_to_a_choice(desk: Desk) -> None:
    desk.tell("ended")
    desk.start()
    desk.tell("connected")
    call = desk.consumer.find_call("0011", "c-1")

    assert call is not None
    assert (call.restored, call.over, call.caller) == (False, True, ADA)


def test_a_changed_id_is_known_after_a_restart(desk: Desk) -> None:
    desk.tell()
    desk.tell("connected", call_id="c-2", previous_call_id="c-1")
    desk.start()
    desk.tell(call_id="c-2")

    assert len(desk.opened()) == 1
    assert find(desk.folder, call_id="c-2")[0].call_id == "c-1"


def test_an_event_that_could_not_be_handled_is_answered_when_it_comes_again(desk: Desk) -> None:
    event = desk.event()
    desk.shelf.fault = sqlite3.OperationalError("disk I/O error")
    with pytest.raises(sqlite3.OperationalError):
        desk.consumer.handle(event)
    desk.shelf.fault = None

    desk.consumer.handle(event)

    assert desk.opened()


def test_nobody_here_is_told_nothing(desk: Desk) -> None:
    desk.tell(user="nobody")

    assert desk.sent == []


def test_events_in_disorder_open_each_call_once_and_none_after_its_end(
    desk: Desk,
) -> None:
    """300 calls, each event one to three times, shuffled, details arriving late."""
    dice = random.Random(48)
    calls: dict[str, list[CallEvent]] = {}
    for number in range(300):
        way = ["incoming", "ringing", "connected", "ended"]
        told = [
            desk.event(
                state, call_id=f"c-{number}", user=dice.choice(["0011", "0012"]),
                caller=dice.choice([ADA, ADA, Party()]),
            )
            for state in way
        ]  # fmt: skip
        calls[f"c-{number}"] = [event for event in told for _ in range(dice.randint(1, 3))]
        dice.shuffle(calls[f"c-{number}"])

    ended: set[tuple[str, str]] = set()
    for number, (call_id, events) in enumerate(calls.items()):
        desk.moment += 10 if number % 5 == 0 else 0
        for event in events:
            before = len(desk.opened()) if (event.data.user, call_id) in ended else None
            fresh = event.data.model_copy(
                update={"received_at": datetime.fromtimestamp(desk.moment, UTC)}
            )
            desk.sent = desk.sent[-20:] if before is None else desk.sent
            desk.consumer.handle(event.model_copy(update={"data": fresh}))
            assert before is None or len(desk.opened()) == before
            if event.data.state == "ended":
                ended.add((event.data.user, call_id))

    begun = [(one.data.user, one.data.call_id, one.data.trigger) for one in desk.programs.begun]
    assert len(begun) > 100
    assert len(begun) == len(set(begun))


@pytest.mark.parametrize("seed", range(3))
def test_parties_that_change_in_disorder_open_once_each_whenever_a_process_dies(
    desk: Desk, seed: int
) -> None:
    dice = random.Random(seed)
    desk.settings = CallerSettings(matter="https://files.example/m/{id}", pops_per_minute=600)
    desk.start()
    desk.shelf.numbers[GRACE.e164 or ""] = Match(quality="exact", contact=_CONTACT)
    for number in range(60):
        desk.users["0011"] = desk.users["0011"].model_copy(
            update={"triggers": dice.choice([("ringing", "party-change"), ("party-change",)])}
        )
        way = ["incoming", "ringing", *["connected"] * 6, "held", "connected", "ended"]
        told = [
            desk.event(
                state, call_id=f"c-{number}",
                caller=dice.choice([ADA, GRACE, SECRETARY, Party(), Party(kind="withheld")]),
            )
            for state in way
        ]  # fmt: skip
        for event in [event for event in told for _ in range(dice.randint(1, 2))]:
            desk.consumer.handle(event)
            if dice.random() < 0.05:
                desk.start()
            if dice.random() < 0.1:
                desk.consumer.handle(dice.choice(told))  # late, or a repeat

    begun = [(one.data.call_id, one.data.caller.e164) for one in desk.programs.begun]
    assert len(begun) > 60
    assert len(begun) == len(set(begun))


def _dialled(user: str, call_id: str) -> DialResult:
    return DialResult(
        data=DialResultData(
            user=user, request_id=uuid4(), call_id=call_id, state="accepted",
            sentence=Sentence(de="", en=""),
        )
    )  # fmt: skip


@pytest.mark.parametrize(("days", "back"), [(0, None), (365, 365 * 86_400.0)])
def test_choices_are_forgotten_after_the_days_of_the_office(
    new_desk: Callable[..., Desk], days: int, back: float | None
) -> None:
    desk = new_desk(settings=CallerSettings(choice_days=days))
    desk.pass_time(7200)

    assert [desk.moment - before for before in desk.forgotten][-1:] == ([back] if back else [])


@pytest.mark.parametrize("discreet", [True, False])
def test_an_answer_says_whether_notifications_are_to_be_discreet(
    new_desk: Callable[..., Desk], discreet: bool
) -> None:
    desk = new_desk(settings=CallerSettings(discreet=discreet))
    desk.tell()

    assert [one.discreet for one in desk.sent] == [discreet]
