from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from bus.events import (
    CallData,
    CallerData,
    CallerEvent,
    DialResult,
    DialResultData,
    DialState,
    Message,
    Reference,
    Sentence,
)
from bus.journal_events import (
    CallRecordData,
    ListedCall,
    PbxAnswer,
    PbxAnswerData,
    PbxRequest,
)
from bus.mqtt.inbox import BrokerUnavailable
from bus.topics import Topics
from consumers.journal.consumer import JournalConsumer, Observer
from consumers.journal.handling import Handling
from consumers.journal.questions import PbxQuestions
from consumers.journal.settings import JournalSettings
from consumers.journal.store import Filter, JournalStore
from tests.consumers.journal.call_events import (
    BEGIN,
    CLIENT,
    OTHER,
    START,
    WITHHELD,
    event,
    outgoing,
    said,
)

REQUEST = UUID("0b9f5a52-9a40-4a7e-8f0e-0d6a1c5e7b11")


class Pbx:
    """The sessions process, as far as it answers."""

    def __init__(self) -> None:
        self.running: tuple[str, ...] = ()
        self.listed: tuple[ListedCall, ...] | None = None
        self.away = False
        self.silent = False
        self.asked: list[tuple[str, PbxRequest]] = []

    def send(self, topic: str, request: Message) -> Future[bytes]:
        if self.away:
            raise BrokerUnavailable("away")
        assert isinstance(request, PbxRequest)
        self.asked.append((topic, request))
        answer: Future[bytes] = Future()
        if not self.silent:
            listed = self.listed if request.data.since else None
            data = PbxAnswerData(request_id="x", running=self.running, listed=listed)
            answer.set_result(PbxAnswer(data=data).encoded())
        return answer


class Office:
    """A journal whose clock is turned by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = START
        self.pbx = Pbx()
        self.private: set[tuple[str, str]] = set()
        self.settings = JournalSettings()
        self.observer: Observer | None = None
        self.start()

    def start(self) -> None:
        self.store = JournalStore(self.folder / "journal.db")
        questions = PbxQuestions(self.pbx, Topics(), lambda: self.now)
        self.journal = JournalConsumer(
            self.settings, self.store, self, questions, lambda: self.now, self.observer
        )  # fmt: skip

    def restart(self) -> None:
        self.store.close()
        self.start()

    def extension_of(self, login: str) -> str:
        return login.removeprefix("00")

    def login_of(self, extension: str) -> str | None:
        return f"00{extension}"

    def is_private(self, login: str, *numbers: str) -> bool:
        return any((login, number) in self.private for number in numbers)

    def report(self, *calls: CallData) -> None:
        for data in calls:
            self.now = max(self.now, data.received_at.timestamp())
            self.journal.handle(event(data))

    def wait(self, seconds: float) -> None:
        limit = self.now + seconds
        while self.now < limit:
            self.now = min(limit, self.now + 1.0)
            self.journal.tick()

    def record(self, user: str = "0011", call_id: str = "c-1") -> CallRecordData:
        found = self.store.get(user, call_id)
        assert found is not None
        return found

    def open(self, user: str = "0011") -> int:
        return self.store.missed(user).open

    def all(self, user: str | None = None) -> list[CallRecordData]:
        return self.store.select(Filter(user=user), 200)[0]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path)
    yield office
    office.store.close()


def _missed(
    user: str = "0011", at: float = 0, call_id: str = "c-1", **more: object
) -> list[CallData]:
    return [said(user, "ringing", at, call_id=call_id, **more),  # type: ignore[arg-type]
            said(user, "ended", at + 20, call_id=call_id, **more)]  # type: ignore[arg-type]  # fmt: skip


def _talked(at: float, call_id: str, *, out: bool = False, **more: object) -> list[CallData]:
    report: Callable[..., CallData] = outgoing if out else said
    states = ("dialing", "connected", "ended") if out else ("ringing", "connected", "ended")
    return [
        report("0011", state, at + 10 * place, call_id=call_id, **more)
        for place, state in enumerate(states)
    ]


def test_a_finished_call_is_recorded_once_however_often_its_end_comes(office: Office) -> None:
    office.report(*_talked(0, "c-1"), said("0011", "ended", 21))

    assert office.record().result == "answered"
    assert office.record().revision == 1
    assert len(office.all()) == 1


def test_a_missed_call_waits_and_a_withheld_one_too(office: Office) -> None:
    office.report(*_missed(), *_missed(at=60, call_id="c-2", caller=WITHHELD))

    assert office.open() == 2
    assert office.store.missed("0011").since == BEGIN


@pytest.mark.parametrize(("out", "how"), [(True, "call-back"), (False, "later-call")])
def test_a_later_call_with_the_same_number_settles_a_missed_one(
    office: Office, out: bool, how: str
) -> None:
    office.report(*_missed(), *_missed(at=60, call_id="c-2", caller=OTHER))
    office.report(*_talked(100, "c-3", out=out))

    record = office.record()
    assert (record.handled, record.handled_by, record.handled_how) == (True, "0011", how)
    assert not record.open
    assert record.revision == 2
    assert office.open() == 1


@pytest.mark.parametrize("out", [True, False])
def test_a_later_call_that_nobody_answered_settles_nothing(office: Office, out: bool) -> None:
    office.report(*_missed())
    report = outgoing if out else said
    office.report(report("0011", "ringback" if out else "ringing", 60, call_id="c-2"),
                report("0011", "ended", 80, call_id="c-2"))  # fmt: skip

    assert office.record().open


def test_what_was_opened_again_by_hand_stays_open(office: Office) -> None:
    office.report(*_missed(), *_talked(100, "c-3"))
    Handling(office.store).unhandle(office.record())
    contact = Reference(kind="contact", id="9", title="Muster AG")
    office.journal.note_found(
        CallerEvent(
            data=CallerData(
                user="0011", call_id="c-3", event_id="e", trigger="ringing", caller=CLIENT,
                contact=contact,
            )
        )
    )  # fmt: skip

    assert office.record(call_id="c-3").contact == contact
    assert office.open() == 1


def test_who_it_may_have_been_is_kept_until_somebody_chooses(office: Office) -> None:
    both = tuple(Reference(kind="contact", id=one, title=f"{one} Frei") for one in ("Hans", "Ida"))
    office.report(*_missed())

    for contact in (None, both[1]):
        data = CallerData(
            user="0011", call_id="c-1", event_id="e", trigger="chosen" if contact else "ringing",
            caller=CLIENT, candidates=both, contact=contact,
        )  # fmt: skip
        office.journal.note_found(CallerEvent(data=data))
        assert office.record().candidates == (() if contact else both)

    assert office.record().contact == both[1]


def test_a_missed_call_that_comes_after_the_later_one_is_settled_too(office: Office) -> None:
    office.report(*_talked(100, "c-3"))
    office.report(*_missed(replayed=True))

    assert office.record().handled_how == "later-call"


def test_an_earlier_call_settles_nothing(office: Office) -> None:
    office.report(*_talked(0, "c-0"), *_missed(at=60))

    assert office.open() == 1


def _group_missed(office: Office, at: float = 0, call_id: str = "g-1") -> None:
    for user in ("0011", "0012"):
        office.report(said(user, "ringing", at, call_id=call_id, group="7"))
    for user in ("0011", "0012"):
        office.report(said(user, "ended", at + 30, call_id=call_id, group="7"))
    office.wait(4)


def test_a_groups_missed_call_is_everybodys_until_one_sees_to_it(office: Office) -> None:
    _group_missed(office)
    assert [office.store.missed(user).group for user in ("0011", "0012")] == [1, 1]

    office.report(*_talked(100, "c-2", out=True))

    for user in ("0011", "0012"):
        record = office.record(user, "g-1")
        assert (record.handled_by, record.handled_how, record.open) == ("0011", "call-back", False)
    assert [office.open(user) for user in ("0011", "0012")] == [0, 0]


def test_a_later_call_that_the_group_answers_settles_it_for_all(office: Office) -> None:
    _group_missed(office)
    office.report(
        said("0012", "ringing", 200, call_id="g-2", group="7"),
        said("0012", "connected", 205, call_id="g-2", group="7"),
        said("0012", "ended", 260, call_id="g-2", group="7"),
    )

    assert [office.record(user, "g-1").handled_by for user in ("0011", "0012")] == ["0012", "0012"]


def test_nobody_misses_a_groups_call_that_one_of_them_answered(office: Office) -> None:
    office.report(
        said("0011", "ringing", 0, group="7"), said("0012", "ringing", 0, group="7"),
        said("0011", "ended", 9.9, group="7"), said("0012", "connected", 10, group="7"),
        said("0012", "ended", 60, group="7"),
    )  # fmt: skip

    assert (office.record().result, office.record().answered_by) == ("answered-elsewhere", "0012")
    assert office.record().revision == 1  # it was never called missed meanwhile
    assert office.open() == 0


def test_a_call_of_the_group_still_rings_with_one_and_is_missed_by_nobody_yet(
    office: Office,
) -> None:
    office.pbx.running = ("c-1",)
    office.report(said("0011", "ringing", 0, group="7"), said("0012", "ringing", 0, group="7"),
                said("0011", "ended", 5, group="7"))  # fmt: skip
    office.wait(20)

    assert office.all() == []


@pytest.mark.parametrize(
    ("answered", "result", "waiting"), [(True, "answered-elsewhere", 0), (False, "missed", 1)]
)
def test_the_call_list_says_whether_somebody_unknown_took_a_groups_call(
    office: Office, answered: bool, result: str, waiting: int
) -> None:
    office.pbx.listed = (ListedCall(call_id="g-1", answered=answered),)
    _group_missed(office)

    assert {record.result for record in office.all()} == {result}
    assert [office.open(user) for user in ("0011", "0012")] == [waiting, waiting]
    assert len([1 for _, asked in office.pbx.asked if asked.data.since]) == 1  # one asks for all


@pytest.mark.parametrize(
    ("others", "result", "waiting"), [(True, "unknown", 0), (False, "missed", 1)]
)
@pytest.mark.parametrize("trouble", ["no list", "away", "silent"])
def test_without_a_call_list_the_site_says_whether_others_may_have_taken_it(
    office: Office, others: bool, result: str, waiting: int, trouble: str
) -> None:
    office.settings = JournalSettings(other_telephones=others)
    office.restart()
    office.pbx.away, office.pbx.silent = trouble == "away", trouble == "silent"
    _group_missed(office)
    office.wait(8)

    assert {record.result for record in office.all()} == {result}
    assert office.open() == waiting


def test_an_end_that_never_comes_is_asked_about(office: Office) -> None:
    office.pbx.running = ("c-1",)
    office.report(said("0011", "ringing", 0), said("0011", "connected", 5))
    office.wait(300)
    assert office.all() == []

    office.pbx.running = ()
    office.wait(130)

    assert (office.record().result, office.record().inferred) == ("answered", True)
    assert 3 <= len(office.pbx.asked) <= 8


def test_a_pbx_that_never_answers_ends_no_call_before_four_hours(office: Office) -> None:
    office.pbx.away = True
    office.report(said("0011", "ringing", 0))
    office.wait(3 * 3600)
    assert office.all() == []

    office.wait(3700)
    assert (office.record().result, office.record().inferred) == ("missed", True)


def test_the_real_end_corrects_the_one_that_was_inferred(office: Office) -> None:
    office.report(said("0011", "ringing", 0), said("0011", "connected", 5))
    office.wait(40)
    assert office.record().inferred

    office.report(said("0011", "ended", 65))

    assert (office.record().inferred, office.record().talk_seconds) == (False, 60)


def test_who_it_was_comes_from_the_caller_process_before_or_after_the_end(office: Office) -> None:
    matter = Reference(kind="matter", id="4", key="2026-017", title="Muster / Meier")
    contact = Reference(kind="contact", id="9", title="Muster AG", company="Muster Holding")
    answer = CallerEvent(
        time=BEGIN,
        data=CallerData(
            user="0011", call_id="c-1", event_id="e", trigger="ringing", caller=CLIENT,
            contact=contact, opened=matter,
        ),
    )  # fmt: skip
    office.journal.note_found(answer)
    office.report(*_missed())
    assert (office.record().contact, office.record().matter) == (contact, matter)
    assert office.record().company == "Muster Holding"

    chosen = answer.model_copy(
        update={
            "time": BEGIN + timedelta(seconds=60),
            "data": answer.data.model_copy(
                update={"opened": matter.model_copy(update={"title": "Other"})}
            ),
        }
    )
    office.journal.note_found(chosen)

    record = office.record()
    assert record.matter is not None
    assert (record.revision, record.matter.title) == (2, "Other")


def _dialled(state: DialState) -> DialResult:
    return DialResult(
        data=DialResultData(
            user="0011", request_id=REQUEST, call_id=str(REQUEST), state=state,
            sentence=Sentence(de="", en=""),
        )
    )  # fmt: skip


def test_a_click_whose_own_telephone_rings_in_vain_is_not_lifted_and_never_missed(
    office: Office,
) -> None:
    office.journal.note_dialled(_dialled("accepted"))
    own = {"caller": outgoing("0011", "dialing", 0).caller, "called": CLIENT}
    office.report(said("0011", "ringing", 0, call_id=str(REQUEST), **own))  # type: ignore[arg-type]
    office.journal.note_dialled(_dialled("own-phone-not-lifted"))
    office.report(said("0011", "ended", 20, call_id=str(REQUEST), **own))  # type: ignore[arg-type]

    record = office.record(call_id=str(REQUEST))
    assert (record.result, record.party) == ("not-lifted", CLIENT)
    assert office.open() == 0


def test_a_private_call_makes_no_record(office: Office) -> None:
    office.private.add(("0011", "+41443334455"))
    office.report(*_missed())

    assert office.all() == []


@pytest.mark.parametrize("cut", range(9))
def test_a_restart_anywhere_changes_no_record(office: Office, cut: int) -> None:
    events = [
        said("0011", "ringing", 0, group="7"), said("0012", "ringing", 0, group="7"),
        said("0011", "connected", 5, group="7"), said("0012", "ended", 5, group="7"),
        said("0011", "other", 20, call_id="c-2", previous_call_id="c-1", group="7"),
        said("0011", "ended", 65, call_id="c-2", group="7"),
        said("0012", "ringing", 65, group="7"), said("0012", "ended", 95, group="7"),
    ]  # fmt: skip
    office.report(*events[:cut])
    office.restart()
    office.report(*events[cut:], *events[:cut])
    office.wait(5)

    first, second = office.record("0011"), office.record("0012")
    assert len(office.all()) == 2
    assert (first.result, first.talk_seconds, first.handed_over_by) == ("answered", 60, None)
    assert (second.result, second.handed_over_by) == ("missed", "0011")


def test_ids_that_turn_out_to_be_one_call_leave_one_record_with_its_note(office: Office) -> None:
    office.report(*_missed(call_id="c-2"))
    assert office.record(call_id="c-2").open
    office.report(said("0011", "ringing", 0, call_id="c-1"),
                said("0011", "other", 5, call_id="c-2", previous_call_id="c-1"))  # fmt: skip

    assert [record.call_id for record in office.all()] == ["c-1"]
    assert office.open() == 1


@pytest.mark.parametrize("restart", [False, True])
def test_a_transfer_that_gets_a_new_id_without_a_word_is_one_record(
    office: Office, restart: bool
) -> None:
    office.report(*_talked(0, "c-1"))
    office.report(said("0012", "ringing", 20.1), said("0012", "ended", 20.2))
    assert office.record("0012").open
    if restart:
        office.restart()
    office.report(said("0012", "connected", 22, call_id="c-2"))
    assert not office.record("0012").open
    office.report(said("0012", "ended", 52, call_id="c-2"))

    [record] = office.all("0012")
    assert (record.call_id, record.result, record.talk_seconds) == ("c-1", "answered", 30)
    assert record.handed_over_by == "0011"
    assert office.open("0012") == 0


def test_who_calls_again_is_another_call(office: Office) -> None:
    office.report(*_missed(), *_talked(22, "c-2"))
    office.report(said("0011", "connected", 200, call_id="c-3", caller=OTHER),
                said("0011", "ended", 210, call_id="c-3", caller=OTHER))  # fmt: skip

    assert len(office.all()) == 3


def test_what_is_long_over_is_never_written_again(office: Office) -> None:
    office.report(*_talked(0, "c-1"))
    office.wait(700)
    office.store.forget_before(0.0, office.now + 2 * 86_400)
    before = office.record()

    office.report(said("0011", "ringing", office.now - START))

    assert office.record() == before
    assert office.all() == [before]


def test_records_are_kept_as_long_as_the_site_says(office: Office) -> None:
    office.settings = JournalSettings(keep=30)
    office.restart()
    office.report(*_missed())
    office.now += 31 * 86_400
    office.wait(61)

    assert office.all() == []
    assert "0011" in office.store.counts_due()


def test_a_journal_of_an_earlier_process_is_continued(tmp_path: Path) -> None:
    office = Office(tmp_path)
    with closing(office.store):
        office.report(said("0011", "ringing", 0))
        office.restart()
        office.wait(31)

        assert office.record().inferred
