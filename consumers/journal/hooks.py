"""Reports calls to programs as they proceed and end: for billing, for helpdesks and CRMs.

What is sent waits on disk until the program has taken it, in order for each call.
"""

import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Self

from pydantic import TypeAdapter

from bus.events import Party, Reference
from bus.journal_events import CallRecord, CallRecordData
from consumers.actions.command import ActionFailed, Command
from consumers.actions.webhook import Webhooks
from consumers.journal.other_systems import AnnouncedCall, Event, body
from consumers.journal.settings import (
    NAMING,
    PLACEHOLDERS,
    JournalCommand,
    JournalSettings,
    JournalWebhook,
    Trigger,
)
from runtime.bounded_dict import Recent
from runtime.sqlite import open_database, write
from runtime.worker_pool import WorkerPool

log = logging.getLogger(__name__)

FILE = "journal-hooks.db"
_GATHER = 0.3  # seconds in which all telephones of a group begin to ring
_WAITING = 1_000  # commands; more would be older than any call
_KNOWN = 5_000  # calls that were reported to a listener
_KEPT = 86_400.0  # seconds what a listener knows of a call is kept for the next process
_SCHEMA = """
CREATE TABLE IF NOT EXISTS announced (webhook TEXT, call_id TEXT, call TEXT NOT NULL,
    at REAL NOT NULL, PRIMARY KEY (webhook, call_id));
"""
_CALL = TypeAdapter(AnnouncedCall)


class CallHooks:
    """The webhooks and commands of [journal]."""

    def __init__(
        self,
        settings: JournalSettings,
        folder: Path,
        source: str,
        name_of: Callable[[str], str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._source = source
        self._name_of = name_of
        self._clock = clock
        self._own = [one for one in settings.webhooks if one.format == "cloudevents"]
        self._foreign = [one for one in settings.webhooks if one.format != "cloudevents"]
        self._commands = [(one, Command(one)) for one in settings.commands]
        self._webhooks = Webhooks(folder / FILE, settings.webhooks, lambda _: None)
        self._db = open_database(
            folder / FILE, _SCHEMA, secondary=True,
            expendable="what programs have not taken yet",
        )  # fmt: skip
        self._db.execute("DELETE FROM announced WHERE at < ?", (clock() - _KEPT,))
        self._calls: Recent[tuple[str, str], AnnouncedCall] = Recent(_KNOWN)
        self._gathering: dict[tuple[str, str], tuple[float, CallRecordData]] = {}
        self._workers = WorkerPool("commands", 1, capacity=_WAITING)

    def __enter__(self) -> Self:
        """Begin with what an earlier process left."""
        self._webhooks.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Finish what is in hand; what waits stays on disk."""
        self.tick(everything=True)
        self._workers.close(1.0)
        self._webhooks.stop(1.5)
        self._db.close()

    @property
    def waiting(self) -> int:
        """How many messages no program has taken yet."""
        return self._webhooks.waiting()

    def call_changed(
        self, before: CallRecordData | None, record: CallRecordData, call_id: str
    ) -> None:
        """Report what is new about a call; `call_id` is one for all whom it rings."""
        for trigger in _triggers(before, record):
            self._report(trigger, record)
        for webhook in self._foreign:
            if _concerns(webhook, record) and record.kind == "call":
                self._report_foreign(webhook, record, call_id)

    def noted(self, record: CallRecordData) -> None:
        """Report a note."""
        self._report("note", record)

    def tick(self, *, everything: bool = False) -> None:
        """Report calls for which all telephones ring by now."""
        now = self._clock()
        for key, (due, record) in list(self._gathering.items()):
            if everything or now >= due:
                webhook = next(one for one in self._foreign if one.name == key[0])
                self._send(webhook, record, key[1], "newCall")

    # -- our own form ------------------------------------------------------------------------

    def _report(self, trigger: Trigger, record: CallRecordData) -> None:
        for webhook in self._own:
            if trigger in webhook.on and _concerns(webhook, record):
                shown = record if webhook.names else nameless(record)
                event = CallRecord(
                    id=f"{record.user}:{record.call_id}:{trigger}:{record.revision}"[:128],
                    source=self._source, subject=record.call_id,
                    type=f"starface.record.{trigger}.v1", data=shown,
                )  # fmt: skip
                self._webhooks.add(
                    webhook.name, event.id, record.user, record.call_id, event.encoded()
                )
        for settings, command in self._commands:
            if trigger in settings.on and _concerns(settings, record):
                values = values_of(trigger, record)
                if not settings.names:
                    values |= dict.fromkeys(NAMING, "")
                self._workers.do(partial(_run, command, values))

    # -- the forms of other systems ----------------------------------------------------------

    def _report_foreign(
        self, webhook: JournalWebhook, record: CallRecordData, call_id: str
    ) -> None:
        key = (webhook.name, call_id)
        call = self._call(key)
        self._calls[key] = call
        for event in call.note(record):
            if event == "newCall":
                self._gathering[key] = (self._clock() + _GATHER, record)
            else:
                self._send(webhook, record, call_id, event)
        if key not in self._gathering:
            self._save(key, call)

    def _send(
        self, webhook: JournalWebhook, record: CallRecordData, call_id: str, event: Event
    ) -> None:
        key = (webhook.name, call_id)
        call = self._call(key)
        if event != "newCall" and key in self._gathering:
            self._send(webhook, self._gathering[key][1], call_id, "newCall")
        self._gathering.pop(key, None)
        shown = record if webhook.names else nameless(record)
        users = [call.answered_by] if event == "answer" else call.ringing
        names = [self._name_of(one) if webhook.names else one for one in users]
        payload = body(webhook.format, event, shown, call, call_id, names)
        self._webhooks.add(webhook.name, f"{call_id}:{event}"[:128], record.user, call_id, payload)
        self._save(key, call)

    def _call(self, key: tuple[str, str]) -> AnnouncedCall:
        """Return what a listener knows of a call, from an earlier process too."""
        if (call := self._calls.get(key)) is not None:
            return call
        row = self._db.execute(
            "SELECT call FROM announced WHERE webhook = ? AND call_id = ?", key
        ).fetchone()
        return _CALL.validate_json(row[0]) if row else AnnouncedCall()

    def _save(self, key: tuple[str, str], call: AnnouncedCall) -> None:
        write(
            self._db, "INSERT OR REPLACE INTO announced VALUES (?, ?, ?, ?)",
            (*key, _CALL.dump_json(call).decode(), self._clock()),
        )  # fmt: skip


def _run(command: Command, values: Mapping[str, str]) -> None:
    try:
        command.run(values)
    except ActionFailed as error:
        log.error("command failed name=%s reason=%s", command.name, error)


def values_of(trigger: Trigger, record: CallRecordData) -> dict[str, str]:
    """Return the placeholders of a command."""
    values: dict[str, Any] = {name: getattr(record, name, None) for name in PLACEHOLDERS}
    for name in ("contact", "dossier", "matter"):
        reference: Reference | None = values[name]
        values[name] = reference and (reference.key or reference.id)
    for name in ("started", "ended"):
        values[name] = values[name].isoformat(timespec="seconds") if values[name] else None
    party = record.party
    values |= {
        "trigger": trigger, "number": party.number, "e164": party.e164,
        "name": record.contact.title if record.contact else party.name,
    }  # fmt: skip
    return {name: "" if value is None else str(value) for name, value in values.items()}


def nameless(record: CallRecordData) -> CallRecordData:
    """Return a record in which ids and numbers stand, and no names and nothing written."""

    def bare(party: Party) -> Party:
        return party.model_copy(update={"name": ""})

    def untitled(reference: Reference | None) -> Reference | None:
        nothing = {"title": "", "company": None, "reference": None}
        return reference and reference.model_copy(update=nothing)

    return record.model_copy(
        update={
            "party": bare(record.party), "called": bare(record.called), "company": None,
            "contact": untitled(record.contact), "matter": untitled(record.matter),
            "dossier": untitled(record.dossier), "candidates": (),
            "note": None, "notes": (), "message": None,
        }
    )  # fmt: skip


def _triggers(before: CallRecordData | None, record: CallRecordData) -> list[Trigger]:
    """Return what is new: an end is due again when it turns out to have been another one."""
    due: list[Trigger] = []
    if record.kind != "call":
        return due
    if record.ended is None:
        if before is None and record.answered is None:
            due.append("ringing")
        if record.answered is not None and (before is None or before.answered is None):
            due.append("answered")
        return due
    members = ("result", "talk_seconds", "ended", "matter")
    if before is None or any(getattr(before, name) != getattr(record, name) for name in members):
        due.append("ended")
    return due


def _concerns(target: JournalWebhook | JournalCommand, record: CallRecordData) -> bool:
    if record.direction == "internal" and not target.internal:
        return False
    if not target.users and not target.groups:
        return True
    groups = {record.group, record.called.name, record.called.number} if record.group else set()
    return record.user in target.users or not groups.isdisjoint(target.groups)
