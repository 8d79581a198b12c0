"""A client who is put through, from the telephone system to the file: every process as it runs."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest

from bus.events import CallerData, CallerEvent, DialResult, DialResultData, Sentence
from bus.mqtt.connection import Connection
from consumers.caller.settings import CallerSettings
from consumers.caller.texts import step_sentence
from consumers.caller.trace_store import find
from consumers.directory.changes import Change, Changes, ContactRecord
from consumers.directory.directory import Directory
from consumers.directory.records import ContactNumber, DossierRecord, MatterRecord
from starface.simulator import DEFAULT_USERS, Simulator
from starface.simulator.model.switches import Switches
from tests.conftest import wait_until
from tests.journeys.caller.caller_office import CALLER, running
from tests.journeys.sessions.sessions_running import Office, SessionsProcess, open_stage

LAWYER, SECRETARY, _ = (person.login for person in DEFAULT_USERS)
CLIENT, OTHER_CLIENT = "+41441234567", "+493023125123"
DEFAULT = ("ringing", "party-change")


@dataclass
class Firm:
    """A law firm at work, with what the lawyer got."""

    pbx: Simulator
    office: Office
    answers: list[CallerData]
    dialling: Connection
    earlier: set[str] = field(default_factory=set)  # calls of which something may still arrive

    def report_dialled(self, call_id: str) -> None:
        """Report that the lawyer had this call placed by a click."""
        reported = DialResultData(
            user=LAWYER, request_id=uuid4(), call_id=call_id, state="accepted",
            sentence=Sentence(de="", en=""),
        )  # fmt: skip
        topics = self.dialling.topics
        self.dialling.publish(topics.dial_result(LAWYER), DialResult(data=reported))

    def prefer(self, *triggers: str, **more: object) -> None:
        """Have the lawyer's files opened on these triggers."""
        with self.office.users() as users:
            users.change(LAWYER, **{"triggers": triggers, "actions": {}, **more})

    def settled(self) -> list[CallerData]:
        """Return what was reported for the lawyer, once a call that came last is over there too."""
        last = self.pbx.ring(LAWYER)
        self.pbx.hang_up(last)
        wait_until(
            lambda: any(one.trigger == "closed" and one.call_id == last for one in self.answers)
        )
        earlier = self.earlier | {last}
        return [one for one in self.answers if one.call_id not in earlier]

    def opened(self) -> list[tuple[str, str, str | None]]:
        """Return trigger, kind and number of everything that opened, once all is over."""
        opened = [one for one in self.settled() if one.opens != "nothing"]
        return [(one.trigger, one.opens, one.caller.e164) for one in opened]


@pytest.fixture(scope="module", params=["v30", "v22"])
def started(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Firm]:
    folder = tmp_path_factory.mktemp("firm")
    answers: list[CallerData] = []
    accounts = ["sessions", "caller", "cli-1", "dial"]
    with open_stage(folder, accounts) as stage, Simulator(switches=Switches(speed=20)) as pbx:
        port = stage.gateway.port
        office = Office(
            folder / "office", DEFAULT_USERS, pbx.port, port, api=request.param,
            keep_alive=30,  # seconds; more often, and a busy machine takes late calls for missed
        )  # fmt: skip
        with Directory(office.folder / "site.db") as directory:
            directory.apply(Changes(source="test", records=_clients()))
        settings = CallerSettings(matter="https://files.example/{id}", pops_per_minute=600)
        arguments = (
            settings.model_dump_json(), stage.broker.model_dump_json(),
            office.folder / "site.db", office.folder / "data", json.dumps(None),
        )  # fmt: skip
        with (
            SessionsProcess(office, stage.broker),
            running(CALLER, *arguments),
            Connection(stage.broker, "cli-1", lasting=False) as watching,
            Connection(stage.broker, "dial", lasting=False) as dialling,
        ):
            dialling.wait_connected()
            states: list[bytes] = []
            watching.subscribe(
                "starface/processes/caller", lambda arrived: states.append(arrived.payload)
            )
            watching.consume(
                f"starface/users/{LAWYER}/caller", CallerEvent,
                lambda message, _: answers.append(message.data),
            )  # fmt: skip
            thread = threading.Thread(target=watching.run)
            thread.start()
            logins = [person.login for person in DEFAULT_USERS]
            wait_until(lambda: all(stage.listener.state(one) == "active" for one in logins), 30)
            wait_until(lambda: states[-1:] == [b"online"], 30)
            firm = Firm(pbx, office, answers, dialling)
            _warm(firm)
            yield firm
            watching.stop()
            thread.join()


def _clients() -> list[Change]:
    records: list[Change] = []
    for place, number in enumerate((CLIENT, OTHER_CLIENT)):
        reported = (ContactNumber(raw=number, e164=number),)
        records += [
            ContactRecord(key=f"c{place}", name=f"Client {place}", numbers=reported),
            DossierRecord(key=f"d{place}", contact_key=f"c{place}", title=f"Client {place}"),
            MatterRecord(key=f"m{place}", dossier_key=f"d{place}", title="Will"),
        ]
    return records


def _warm(firm: Firm) -> None:
    """Ring until a file opens: then the caller process has looked through what waited for it."""
    call = firm.pbx.ring(LAWYER, CLIENT)
    wait_until(lambda: any(one.opens == "matter" for one in firm.answers), 30)
    firm.pbx.hang_up(call)


@pytest.fixture
def firm(started: Firm) -> Firm:
    started.prefer(*DEFAULT)
    started.earlier |= {one.call_id for one in started.answers}
    started.answers.clear()
    return started


def _play(name: str) -> Callable[[Firm], None]:
    def play(firm: Firm) -> None:
        assert firm.pbx.run(name, user=SECRETARY, other=LAWYER).wait(20)

    return play


def _pick_up(firm: Firm) -> None:
    """Take a call that rings at the secretary."""
    pbx = firm.pbx.pbx
    call = firm.pbx.ring(SECRETARY, CLIENT)
    with pbx.lock:
        pbx.hand_over(call, SECRETARY, LAWYER, ringing=False)
    firm.pbx.hang_up(call)


def _have_put_through(firm: Firm, *, by_click: bool = False) -> None:
    """Ask the secretary, by telephone, for a client she has on the line."""
    pbx = firm.pbx.pbx
    held = firm.pbx.ring(SECRETARY, CLIENT)
    firm.pbx.answer(held)
    with pbx.lock:
        pbx.hold(held, SECRETARY)
        asking = pbx.place(LAWYER, "12")
        if by_click:
            firm.report_dialled(asking)
        pbx.lift(asking)
        pbx.answer(asking, SECRETARY)
        pbx.join(held, asking, SECRETARY, LAWYER)
    firm.pbx.hang_up(held)


def _have_put_through_after_a_click(firm: Firm) -> None:
    _have_put_through(firm, by_click=True)


@pytest.mark.parametrize(
    "happens",
    [_play("attended-transfer"), _pick_up, _have_put_through, _have_put_through_after_a_click],
    ids=["asked first", "picked up", "asked for", "asked for by a click"],
)
@pytest.mark.parametrize(
    "triggers",
    [DEFAULT, ("party-change",), ("connected", "party-change"), ("outgoing", "party-change")],
    ids=",".join,
)
def test_a_client_who_comes_by_a_colleague_opens_once(
    firm: Firm, happens: Callable[[Firm], None], triggers: tuple[str, ...]
) -> None:
    firm.prefer(*triggers)
    happens(firm)

    [(trigger, kind, number)] = firm.opened()
    assert trigger in triggers
    assert (kind, number) == ("matter", CLIENT)


@pytest.mark.parametrize("triggers", [DEFAULT, ("party-change",), ("connected",)], ids=",".join)
def test_a_client_handed_over_without_a_word_opens_once_for_each_call_that_is_reported(
    firm: Firm, triggers: tuple[str, ...]
) -> None:
    firm.prefer(*triggers)
    _play("blind-transfer")(firm)

    opened = [one for one in firm.settled() if one.opens != "nothing"]
    assert {one.caller.e164 for one in opened} == {CLIENT}
    # v22 cannot report that the ringing call has another id, and reports a second call.
    assert len(opened) == len({one.call_id for one in opened})


@pytest.mark.parametrize("happens", [_play("attended-transfer"), _have_put_through])
def test_without_triggers_the_client_is_reported_and_nothing_opens(
    firm: Firm, happens: Callable[[Firm], None]
) -> None:
    firm.prefer("outgoing")
    happens(firm)

    reported = firm.settled()
    assert {one.opens for one in reported} == {"nothing"}
    assert CLIENT in {one.caller.e164 for one in reported}


def test_an_ordinary_call_opens_nothing_for_whom_only_a_change_counts(firm: Firm) -> None:
    firm.prefer("party-change")
    call = firm.pbx.ring(LAWYER, CLIENT)
    firm.pbx.answer(call)
    firm.pbx.hang_up(call)

    assert firm.opened() == []


def test_a_transfer_whose_events_come_several_times_opens_once(firm: Firm) -> None:
    firm.pbx.set(repeat=3)
    try:
        _play("attended-transfer")(firm)
        assert [number for _, _, number in firm.opened()] == [CLIENT]
    finally:
        firm.pbx.set(repeat=1)


def test_a_number_reported_late_is_no_change_of_party(firm: Firm) -> None:
    firm.pbx.set(details_late=True)
    try:
        call = firm.pbx.ring(LAWYER, CLIENT)
        firm.pbx.answer(call)
        firm.pbx.hang_up(call)
        assert [trigger for trigger, _, _ in firm.opened()] == ["ringing"]
    finally:
        firm.pbx.set(details_late=False)


def test_a_trigger_opens_what_was_chosen_for_it_and_the_story_says_so(firm: Firm) -> None:
    more: dict[str, Any] = {"actions": {"party-change": "business-card"}}
    firm.prefer("party-change", **more)
    _play("attended-transfer")(firm)

    assert firm.opened() == [("party-change", "card", CLIENT)]
    stories = find(firm.office.folder / "data", user=LAWYER, last=2)
    said = [step_sentence(step, "de") for story in stories for step in story.steps]
    assert any("wenn die andere Seite wechselt Visitenkarte. Hier gilt: V" in one for one in said)
