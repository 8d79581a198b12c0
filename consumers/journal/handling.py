"""Who has seen to a missed call: in a group, one handles it for all."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from bus.journal_events import CallRecordData, HandledHow
from consumers.journal.record import number_key, opened
from consumers.journal.store import JournalStore


class Handling:
    """Marks missed calls as seen to, by hand or because of another call."""

    def __init__(self, store: JournalStore) -> None:
        self._store = store

    def handle(
        self, record: CallRecordData, by: str | None, how: HandledHow, at: datetime
    ) -> CallRecordData:
        """Mark a record, and those of all others whom the same call of a group reached."""
        return self._all(
            record,
            {"handled": True, "handled_by": by, "handled_at": at.astimezone(UTC),
             "handled_how": how},
        )  # fmt: skip

    def unhandle(self, record: CallRecordData) -> CallRecordData:
        """Take the mark away again."""
        nothing = {"handled": False, "handled_by": None, "handled_at": None, "handled_how": None}
        return self._all(record, nothing)

    def after(self, record: CallRecordData) -> None:
        """Mark what a call has settled, or this one if another has settled it already."""
        if record.open:
            self._settled_already(record)
        key = number_key(record.party)
        if not key or record.kind != "call":
            return
        taken = record.result == "answered"
        by_group = record.result == "answered-elsewhere" and record.group is not None
        if not taken and not by_group:
            return
        how: HandledHow = "call-back" if taken and record.direction == "out" else "later-call"
        for missed in self._store.open_of_number(key, record.started.timestamp()):
            same_group = record.group is not None and missed.group == record.group
            if missed.user == record.user or (same_group and record.direction == "in"):
                self.handle(missed, record.answered_by, how, record.answered or record.started)

    def _settled_already(self, record: CallRecordData) -> None:
        for other in self._store.sharing(record.user, record.call_id):
            if other.handled and other.handled_how and other.handled_at:
                self.handle(record, other.handled_by, other.handled_how, other.handled_at)
                return
        key = number_key(record.party)
        if not key or record.kind != "call":
            return
        for later in self._store.later_of_number(record.user, key, record.started.timestamp()):
            if later.result == "answered":
                how: HandledHow = "call-back" if later.direction == "out" else "later-call"
                self.handle(record, later.user, how, later.answered or later.started)
                return

    def _all(self, record: CallRecordData, changes: Mapping[str, object]) -> CallRecordData:
        changed = record
        for one in self._concerned(record):
            after = opened(one.model_copy(update=changes))
            if after != one:
                after = self._store.put(after)
            if one.user == record.user:
                changed = after
        return changed

    def _concerned(self, record: CallRecordData) -> Iterable[CallRecordData]:
        own = self._store.get(record.user, record.call_id)
        shared = [
            other
            for other in self._store.sharing(record.user, record.call_id)
            if other.user != record.user and (other.open or other.handled)
        ]
        return [*([own] if own else []), *shared]
