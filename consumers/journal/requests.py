"""Answers what people ask the journal: their records, marks, notes, messages for colleagues."""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol

import texts
from bus.events import Party
from bus.journal_events import (
    CallRecordData,
    ColleagueMessage,
    JournalAnswer,
    JournalAnswerData,
    JournalRequest,
    JournalRequestData,
    RecordNote,
)
from bus.mqtt.requests import Requester
from bus.numbers.number import NumberProfile, read_number
from consumers.journal.handling import Handling
from consumers.journal.record import number_keys, opened
from consumers.journal.store import Filter, JournalStore

log = logging.getLogger(__name__)

_MOST_NOTES = 50  # of one record


class People(Protocol):
    """Who there is, and who may read of whom."""

    def is_user(self, login: str) -> bool:
        """Return whether somebody is a user."""

    def may_read(self, login: str, colleague: str) -> bool:
        """Return whether a user may read a colleague's records."""


class JournalRefused(Exception):
    """A request cannot be carried out; the message is its code."""


class JournalRequests:
    """Carries out one request at a time."""

    def __init__(
        self,
        store: JournalStore,
        people: People,
        profile: NumberProfile,
        noted: Callable[[CallRecordData], None] = lambda _: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._people = people
        self._profile = profile
        self._noted = noted
        self._clock = clock
        self._handling = Handling(store)

    def handle(self, request: JournalRequest, requester: Requester) -> JournalAnswer:
        """Return the answer; whose request it is says the topic."""
        data, user = request.data, requester.user
        changes: dict[str, Callable[[JournalRequestData, str], CallRecordData]] = {
            "handle": self._handle, "unhandle": self._unhandle, "note": self._note,
            "message": self._message,
        }  # fmt: skip
        cursor: str | None = None
        try:
            if data.action == "list":
                records, cursor = self._list(data, user)
            elif data.action == "get":
                records = [self._record(data, self._whose(data, user))]
            else:
                with self._store.changing():
                    records = [changes[data.action](data, user)]
        except JournalRefused as refused:
            code = str(refused)
            log.info("refused action=%s user=%s code=%s", data.action, user, code)
            return JournalAnswer(
                data=JournalAnswerData(
                    request_id=data.request_id, code=code,
                    sentence=texts.sentence(f"journal.refused.{code}"),
                )
            )  # fmt: skip
        return JournalAnswer(
            data=JournalAnswerData(
                request_id=data.request_id, records=tuple(records), cursor=cursor
            )
        )

    def _list(self, data: JournalRequestData, user: str) -> tuple[list[CallRecordData], str | None]:
        sent = data.sent and data.of is None
        wanted = Filter(
            user=None if sent else self._whose(data, user),
            missed=data.missed,
            open=data.open,
            numbers=self._numbers(data.number),
            contact=data.contact,
            matter=data.matter,
            since=data.since.timestamp() if data.since else None,
            until=data.until.timestamp() if data.until else None,
            text=data.text,
            messages=data.messages,
            sender=user if sent else None,
        )
        try:
            return self._store.select(wanted, data.limit, data.cursor)
        except ValueError:
            raise JournalRefused("cursor-unknown") from None

    def _handle(self, data: JournalRequestData, user: str) -> CallRecordData:
        record = self._record(data, user)
        if record.handled:
            return record
        return self._handling.handle(record, user, "click", self._now())

    def _unhandle(self, data: JournalRequestData, user: str) -> CallRecordData:
        return self._handling.unhandle(self._record(data, user))

    def _note(self, data: JournalRequestData, user: str) -> CallRecordData:
        record = self._record(data, user)
        text = (data.text or "").strip()
        if not text:
            raise JournalRefused("text-missing")
        if self._store.is_new_request(f"{user} {data.request_id}"):
            note = RecordNote(id=data.request_id, text=text, by=user, at=self._now())
            notes = (*record.notes, note)[-_MOST_NOTES:]
            record = self._store.put(record.model_copy(update={"notes": notes, "note": text}))
            if data.handled and not record.handled:
                record = self._handling.handle(record, user, "note", self._now())
            self._noted(record)
        return record

    def _message(self, data: JournalRequestData, user: str) -> CallRecordData:
        if data.colleague is None or not self._people.is_user(data.colleague):
            raise JournalRefused("no-such-user")
        about = self._record(data, user) if data.call_id else None
        text = (data.text or "").strip()
        if not (text or data.wishes):
            raise JournalRefused("text-missing")
        call_id = f"message-{data.request_id}"
        if (known := self._store.get(data.colleague, call_id)) is not None:
            return known
        record = CallRecordData(
            user=data.colleague,
            call_id=call_id,
            revision=1,
            kind="message",
            direction="in",
            party=about.party if about else self._party(data),
            called=about.called if about else Party(),
            contact=about and about.contact,
            candidates=about.candidates if about else (),
            company=about and about.company,
            matter=about and about.matter,
            dossier=about and about.dossier,
            started=self._now(),
            result="unknown",
            message=ColleagueMessage(text=text, by=user, wishes=data.wishes),
        )
        return self._store.put(opened(record))

    def _whose(self, data: JournalRequestData, user: str) -> str:
        if data.of is None or data.of == user:
            return user
        if not self._people.may_read(user, data.of):
            raise JournalRefused("not-allowed")
        return data.of

    def _record(self, data: JournalRequestData, user: str) -> CallRecordData:
        record = self._store.get(user, data.call_id) if data.call_id else None
        if record is None:
            raise JournalRefused("no-such-record")
        return record

    def _numbers(self, text: str | None) -> Sequence[str]:
        if not text:
            return ()
        read = read_number(text, self._profile)
        return number_keys(read.e164 or read.short or text.strip())

    def _party(self, data: JournalRequestData) -> Party:
        read = read_number(data.number or "", self._profile)
        return Party(
            number=data.number or "", e164=read.e164, name=data.name or "",
            kind=read.kind if data.number else "unknown",
        )  # fmt: skip

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)
