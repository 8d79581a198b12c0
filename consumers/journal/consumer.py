"""Follows every call to its end and writes it down; what never ends is asked about."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from bus.events import CallerEvent, CallEvent, DialResult
from bus.journal_events import CallRecordData, ListedCall, PbxAnswerData
from bus.mqtt.inbox import ReceivedMessage
from consumers.journal.calls import (
    SETTLING,
    CallBook,
    Key,
    LegOutcome,
    handed_over_by,
    outcome,
    rings_elsewhere,
)
from consumers.journal.handling import Handling
from consumers.journal.leg import Leg
from consumers.journal.questions import PbxQuestions
from consumers.journal.record import found_in, record_of, same, with_handling
from consumers.journal.settings import JournalSettings
from consumers.journal.store import JournalStore

log = logging.getLogger(__name__)

ASK_AFTER = 30.0  # seconds without news until the PBX is asked
_ASK_AGAIN = 120.0  # seconds between two questions about one call, at most
_KEEP = 600.0  # seconds an ended call stays in memory
_LISTED_WITHIN = 120.0  # seconds between the beginning of a call and its entry in the call list
_LOOK_AGAIN = 0.5  # seconds between two looks at a call that is over and not decided
_CLEAN_EVERY = 60.0  # seconds


class Site(Protocol):
    """What the journal has to know of the users."""

    def extension_of(self, login: str) -> str:
        """Return a user's extension, empty for nobody."""

    def login_of(self, extension: str) -> str | None:
        """Return whose extension it is."""

    def is_private(self, login: str, *numbers: str) -> bool:
        """Return whether one of these is a private number of a user."""


class Observer(Protocol):
    """What follows calls while they last, for billing and for other programs."""

    def call_changed(
        self, before: CallRecordData | None, record: CallRecordData, call_id: str
    ) -> None:
        """Note a running call, or its record; `call_id`: one for all it rings."""


class JournalConsumer:
    """One record for each call of each user."""

    def __init__(
        self,
        settings: JournalSettings,
        store: JournalStore,
        site: Site,
        questions: PbxQuestions,
        clock: Callable[[], float],
        observer: Observer | None = None,
    ) -> None:
        self._settings = settings
        self._store = store
        self._site = site
        self._questions = questions
        self._clock = clock
        self._observer = observer
        self._handling = Handling(store)
        self._book = CallBook(store.legs_of)
        self._due: dict[Key, float] = {}  # when to look at what is not decided
        self._cleaned = clock()
        self._clearings = store.clearings()
        for leg in store.recent_legs(clock() - _KEEP):
            self._book.keep(leg)
        for leg in store.pending_legs():
            self._book.keep(leg)
            self._due[leg.key] = clock() + SETTLING

    def handle(self, event: CallEvent) -> None:
        """Apply an event to its call, and record what is over."""
        data, now = event.data, self._clock()
        numbers = [
            one for party in (data.caller, data.called) for one in (party.e164, party.number)
        ]
        if self._site.is_private(data.user, *filter(None, numbers)):
            return
        with self._store.changing():
            known = self._book.find(data.user, data.call_id)
            if known is None and self._store.get(data.user, data.call_id) is not None:
                log.info("too late for the journal event=%s", event.id)
                return
            before = self._running(known)
            applied = self._book.apply(data, now, self._site.extension_of(data.user))
            inherited = None
            for key in applied.merged:
                inherited = inherited or self._store.get(*key)
                self._store.drop_leg(*key)
                self._store.remove(*key)
                self._due.pop(key, None)
            self._report(before, applied.leg)
            self._settle_all(applied.leg, now, inherited)

    def note_found(self, event: CallerEvent, _message: ReceivedMessage | None = None) -> None:
        """Note who it is, as the caller process found out, and what was opened."""
        data = event.data
        if not (data.contact or data.candidates or data.opened or data.found):
            return
        at, found = event.time.timestamp(), found_in(data)
        with self._store.changing():
            leg = self._leg(data.user, data.call_id)
            if leg is None:
                return
            before = leg.found
            merged = {key: found[key] or (before[1].get(key) if before else None) for key in found}
            if before is None or (at >= before[0] and merged != before[1]):
                leg.found = (at, merged)
                self._settle_all(leg, self._clock())

    def note_dialled(self, result: DialResult, _message: ReceivedMessage | None = None) -> None:
        """Note that a call was placed by a click, and whether the own telephone was lifted."""
        data = result.data
        if data.call_id is None or data.state == "refused":
            return
        word = "unlifted" if data.state == "own-phone-not-lifted" else "placed"
        with self._store.changing():
            leg = self._leg(data.user, data.call_id)
            if leg is not None and max(leg.dialled, word) != leg.dialled:
                leg.dialled = word
                self._settle_all(leg, self._clock())

    def tick(self) -> float:
        """Do what is due; return the seconds until the next time."""
        now = self._clock()
        self._questions.tick()
        self._forget_erased()
        for key in [key for key, due in self._due.items() if due <= now]:
            leg = self._book.find(*key)
            if leg is None:
                self._due.pop(key, None)
            elif leg.over:
                with self._store.changing():
                    self._settle_all(leg, now)
            else:
                self._ask(leg, now)
        if now - self._cleaned >= _CLEAN_EVERY:
            self._cleaned = now
            self._clean(now)
        return _LOOK_AGAIN if self._due else 1.0

    # -- what became of it --------------------------------------------------------------------

    def _settle_all(self, leg: Leg, now: float, inherited: CallRecordData | None = None) -> None:
        self._keep(leg, self._settle(leg, now, inherited), now)
        for other in self._book.other_legs(leg):
            if other.over:
                pending = self._settle(other, now)
                if pending != (other.key in self._due):
                    self._keep(other, pending, now)

    def _keep(self, leg: Leg, pending: bool, now: float) -> None:
        self._store.keep_leg(leg, pending=pending, now=now)
        if pending:
            self._due[leg.key] = now + _LOOK_AGAIN if leg.over else leg.news_at + ASK_AFTER
        else:
            self._due.pop(leg.key, None)

    def _settle(self, leg: Leg, now: float, inherited: CallRecordData | None = None) -> bool:
        """Write a leg down if it is over and decided; return whether that is still to come."""
        if not leg.begun:
            return False
        open_here = not leg.over
        leg = self._book.whole(leg)
        if not leg.over:
            self._revise_running(leg)
            return open_here
        other_legs = self._book.other_legs(leg)
        found = outcome(leg, other_legs, not_lifted=leg.dialled == "unlifted")
        if found.result == "missed" and rings_elsewhere(other_legs):
            return True
        if found.doubtful:
            if not leg.listed:
                self._ask_list(leg, other_legs, now)
            if not leg.listed:
                return True
            found = self._by_list(leg, found)
        self._write(leg, other_legs, found, inherited)
        return False

    def _revise_running(self, leg: Leg) -> None:
        """Take back that a call was missed which is talked after all, under an id or once more."""
        record = self._store.get(leg.user, leg.call_id)
        if record is not None and record.open and leg.answered:
            running = record_of(leg, LegOutcome("answered"), record.handed_over_by)
            self._store.put(with_handling(running.model_copy(update={"ended": None}), record))

    def _by_list(self, leg: Leg, found: LegOutcome) -> LegOutcome:
        if leg.listed == "answered":
            return LegOutcome("answered-elsewhere")
        if leg.listed == "unknown" and self._settings.other_telephones:
            return LegOutcome("unknown")
        return found

    def _write(
        self, leg: Leg, other_legs: list[Leg], found: LegOutcome, inherited: CallRecordData | None
    ) -> None:
        colleague = handed_over_by(leg, other_legs, self._site.login_of)
        before = self._store.get(leg.user, leg.call_id)
        record = with_handling(record_of(leg, found, colleague), before or inherited)
        if before is not None and same(before, record):
            return
        of_group = leg.group is not None and not leg.outward
        record = self._store.put(record, shared=_shared(leg, other_legs) if of_group else None)
        log.info(
            "recorded user=%s call=%s result=%s revision=%s",
            leg.user, leg.call_id, record.result, record.revision,
        )  # fmt: skip
        if before is None or before.result != record.result:  # else what was undone by hand stays
            self._handling.after(record)
        if self._observer is not None:
            self._observer.call_changed(before, record, _shared(leg, other_legs))

    def _running(self, leg: Leg | None) -> CallRecordData | None:
        """Return a running call, for its observer."""
        if self._observer is None or leg is None or not leg.begun or leg.over:
            return None
        running = record_of(leg, LegOutcome("unknown"), None)
        return running.model_copy(update={"ended": None})

    def _report(self, before: CallRecordData | None, leg: Leg) -> None:
        if self._observer is not None and (record := self._running(leg)) is not None:
            self._observer.call_changed(before, record, _shared(leg, self._book.other_legs(leg)))

    def _leg(self, user: str, call_id: str) -> Leg | None:
        """Return the leg of a call, also before its first event; None if it is long over."""
        leg = self._book.find(user, call_id)
        if leg is None and self._store.get(user, call_id) is None:
            leg = Leg(user)
            leg.link(call_id)
            self._book.keep(leg)
        return leg

    # -- calls of which nothing more is said ---------------------------------------------------

    def _ask(self, leg: Leg, now: float) -> None:
        """Ask the PBX whether a call continues; what it never answers ends after some hours."""
        if self._questions.may_ask(leg.user):
            self._questions.ask(leg.user, lambda answer: self._answered(leg.user, now, answer))

    def _answered(self, user: str, asked: float, answer: PbxAnswerData | None) -> None:
        now = self._clock()
        for key in [key for key in self._due if key[0] == user]:
            leg = self._book.find(*key)
            if leg is None or leg.over or asked - leg.news_at < ASK_AFTER:
                continue
            if answer is not None and leg.ids.isdisjoint(answer.running):
                self._end(leg, asked, now)
            elif answer is None and now - leg.news_at >= self._settings.longest_call:
                self._end(leg, leg.news_at, now)
            else:
                self._due[key] = now + min(_ASK_AGAIN, max(ASK_AFTER, now - leg.news_at))

    def _end(self, leg: Leg, at: float, now: float) -> None:
        with self._store.changing():
            leg.end_inferred(at)
            log.info("end inferred user=%s call=%s", leg.user, leg.call_id)
            self._settle_all(leg, now)

    def _ask_list(self, leg: Leg, other_legs: list[Leg], now: float) -> None:
        """Ask the PBX's call list whether somebody unknown to us took a group's call."""
        group = [
            one for one in (leg, *other_legs)
            if one.group is not None and not one.outward and not one.answered
        ]  # fmt: skip
        if now - leg.news_at > ASK_AFTER:
            leg.listed = "unknown"
        if (
            leg.user != min(one.user for one in group)  # one asks for all
            or now - max(one.news_at for one in group) < SETTLING
            or not self._questions.may_ask(leg.user)
        ):
            return
        started = leg.segments()[0].started
        since = datetime.fromtimestamp(started - _LISTED_WITHIN, UTC)
        self._questions.ask(
            leg.user, lambda answer: self._listed(group, started, answer), since=since
        )

    def _listed(self, group: list[Leg], started: float, answer: PbxAnswerData | None) -> None:
        listed = None if answer is None else answer.listed
        entry = _entry(group[0], started, listed or ())
        word = "unknown" if entry is None else "answered" if entry.answered else "missed"
        with self._store.changing():
            for leg in group:
                leg.listed = word
                self._keep(leg, self._settle(leg, self._clock()), self._clock())

    def _forget_erased(self) -> None:
        """Drop from memory what another process has erased on disk."""
        if (clearings := self._store.clearings()) == self._clearings:
            return
        self._clearings = clearings
        for leg in self._book.legs():
            if not self._store.has_leg(*leg.key):
                self._book.forget(leg)
                self._due.pop(leg.key, None)

    def _clean(self, now: float) -> None:
        for leg in self._book.legs():
            if leg.key not in self._due and now - leg.news_at > _KEEP:
                self._book.forget(leg)
        limit = now - timedelta(days=self._settings.keep).total_seconds()
        while self._store.forget_before(limit, now):
            log.info("forgot records that are older than %s days", self._settings.keep)


def _shared(leg: Leg, other_legs: list[Leg]) -> str:
    """Return one id for a call that several users or ids had."""
    return min(one.call_id for one in (leg, *other_legs))


def _entry(leg: Leg, started: float, listed: tuple[ListedCall, ...]) -> ListedCall | None:
    """Return a call's entry in the call list: by its id, else by time and number."""
    by_id = next((one for one in listed if one.call_id in leg.ids), None)
    if by_id is not None:
        return by_id
    number = leg.party.number
    near = [
        one
        for one in listed
        if not one.call_id
        and one.started is not None
        and abs(one.started.timestamp() - started) <= _LISTED_WITHIN
        and number
        and one.number == number
    ]
    return near[0] if len(near) == 1 else None
