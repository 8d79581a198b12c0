"""Calls in the words of two telephone systems that helpdesks and CRMs already understand.

`zammad`: its generic CTI events, as JSON. `sipgate`: the push of sipgate.io, as a form. A call has
one id for all whom it rings; a withheld number is `anonymous`. Pure.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode

from bus.events import Party
from bus.journal_events import CallRecordData, CallResult
from consumers.journal.settings import Format

Event = Literal["newCall", "answer", "hangup"]
_CAUSES: dict[CallResult, str] = {
    "answered": "normalClearing", "answered-elsewhere": "normalClearing", "missed": "cancel",
    "voicemail": "forwarded", "busy": "busy", "rejected": "busy", "not-reached": "noAnswer",
    "not-lifted": "cancel", "unknown": "cancel",
}  # fmt: skip


@dataclass
class AnnouncedCall:
    """What a listener already knows of a call, and whom it still concerns."""

    ringing: list[str] = field(default_factory=list)  # logins
    over: dict[str, CallResult] = field(default_factory=dict)
    sent: list[Event] = field(default_factory=list)
    answered_by: str = ""

    def note(self, record: CallRecordData) -> list[Event]:
        """Add what became of it for one user; return the events that are due."""
        due: list[Event] = []
        if record.user not in self.ringing:
            self.ringing.append(record.user)
        if "newCall" not in self.sent:
            due.append("newCall")
        if record.answered is not None and "answer" not in self.sent:
            self.answered_by = record.user
            due.append("answer")
        if record.ended is None:
            self.over.pop(record.user, None)
        else:
            self.over[record.user] = record.result
            if len(self.over) == len(self.ringing) and "hangup" not in self.sent:
                due.append("hangup")
        self.sent += due
        return due

    @property
    def result(self) -> CallResult:
        """What became of the call as a whole."""
        results = list(self.over.values())
        return "answered" if "answered" in results else results[0] if results else "unknown"


def body(
    form: Format,
    event: Event,
    record: CallRecordData,
    call: AnnouncedCall,
    call_id: str,
    names: Sequence[str],
) -> bytes:
    """Return what a listener of the other system is sent."""
    outward = record.direction == "out"
    far, near = _number(record.party), _number(record.called) or record.user
    if outward:
        near = record.user
    fields: dict[str, Any] = {
        "event": event,
        "from": near if outward else far,
        "to": far if outward else near,
        "direction": "out" if outward else "in",
        "callId": call_id,
    }
    if event == "hangup":
        fields["cause"] = _CAUSES[call.result]
    if event == "answer" or (event == "hangup" and call.answered_by):
        fields["answeringNumber"] = call.answered_by
    if event != "hangup":
        fields["user"] = list(names)
    if form == "zammad":
        if event == "answer":
            fields["user"] = names[0] if names else ""
        return json.dumps(fields, ensure_ascii=False).encode()
    users = fields.pop("user", [])
    pairs = [*fields.items()]
    if event == "newCall":
        pairs += [("user[]", name) for name in users]
        pairs += [("userId[]", login) for login in call.ringing]
        pairs += [("fullUserId[]", login) for login in call.ringing]
    elif event == "answer":
        pairs += [("user", name) for name in users[:1]]
        pairs += [("userId", call.answered_by), ("fullUserId", call.answered_by)]
    return urlencode(pairs).encode()


def _number(party: Party) -> str:
    """Return a number as these systems write it: international digits, no plus."""
    if party.kind == "withheld" or not (party.e164 or party.number):
        return "anonymous" if party.kind != "internal" else ""
    return party.e164.lstrip("+") if party.e164 else party.number
