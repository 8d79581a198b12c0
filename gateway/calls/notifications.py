"""Notifications: what the PBX sends, in its words, and what those words mean in ours.

Pure. Members and states this page does not know are no fault: another release of the PBX may
send them, and a strange notification is still a call.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from uuid import uuid4

from pydantic import BaseModel, ConfigDict

from bus.events import CallId, CallStateName, Direction, Party, Text, UserName
from bus.numbers.number import NumberProfile, read_number
from bus.pbx_states import notified_state
from starface.xmlrpc.reading import Value

CHECK = "starface2mqtt.callback.check"
RESYNC = "starface2mqtt.resync.receiveCallState"
_LONGEST = 256  # characters of a text; longer names are cut, longer numbers refused


class NotificationRefused(Exception):
    """The notification makes no sense; the message names the fault, not the value."""


class Notification(BaseModel):
    """A call state as it was sent."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    user: UserName
    call_id: CallId | None  # None: by URL, which knows no ids
    state: CallStateName
    pbx_state: Text = ""
    caller: Text = ""
    caller_name: Text = ""
    called: Text = ""
    called_name: Text = ""
    group: Text | None = None
    pbx_time: Text | None = None
    replayed: bool = False
    previous_call_id: CallId | None = None

    @property
    def direction(self) -> Direction:
        """What the state alone says about the direction."""
        return _DIRECTIONS.get(self.state, "unknown")


@dataclass(frozen=True)
class ResolvedNotification:
    """A notification with its parties, as their numbers are read at this site."""

    notification: Notification
    caller: Party
    called: Party
    at: float  # seconds since the epoch


@dataclass(frozen=True)
class ResetNotification:
    """The PBX will send nothing more in this session."""


@dataclass(frozen=True)
class SelfTest:
    """Our own question whether this callback can be reached."""


@dataclass(frozen=True)
class IgnoredMethod:
    """A method that has nothing to do with calls; it is answered all the same."""


_DIRECTIONS: dict[CallStateName, Direction] = {
    "incoming": "in",
    "ringing": "in",
    "dialing": "out",
    "ringback": "out",
}
_URL_STATES: dict[str, CallStateName] = {
    "ringing": "ringing",
    "answered": "connected",
    "outgoing": "dialing",
    "ended": "ended",
}
_CALL_ID = re.compile(r"[\x21-\x7e]{1,128}\Z")
_OF_SOMETHING_ELSE = re.compile(r"group|user|account|phone")
_OLDER = re.compile(r"old|prev|former|from|source|first|before")
_NEWER = re.compile(r"new|next|target|second|after|current|\Ato(?:call)?id")


def read_notification(
    user: str, method: str, params: Sequence[Value]
) -> Notification | ResetNotification | SelfTest | IgnoredMethod:
    """Read what was called by XML-RPC; raise NotificationRefused."""
    if method == CHECK:
        return SelfTest()
    name = method.rpartition(".")[2]
    if name == "receiveCallState":
        return _call_state(user, _members(params), replayed=method == RESYNC)
    if name == "callChangesIdEvent":
        return _changed_id(user, params)
    if name == "reset":
        return ResetNotification()
    return IgnoredMethod()


def read_url(user: str, notification: Mapping[str, str]) -> Notification:
    """Read the second dialect: `event`, `number` and `name` of a URL; raise NotificationRefused."""
    event = notification.get("event", "").strip()
    state = _URL_STATES.get(event.lower())
    if state is None:
        raise NotificationRefused(f"event: one of {', '.join(_URL_STATES)}")
    # The PBX's app puts a number into a URL as it is, where a plus means a space.
    number = _number(re.sub(r"\A (?=[1-9])", "+", notification.get("number", "")), "number")
    name = notification.get("name", "")[:_LONGEST]
    outgoing = state == "dialing"
    return Notification(
        user=user,
        call_id=None,
        state=state,
        pbx_state=event,
        caller="" if outgoing else number,
        caller_name="" if outgoing else name,
        called=number if outgoing else "",
        called_name=name if outgoing else "",
    )


def resolve(notification: Notification, profile: NumberProfile, at: float) -> ResolvedNotification:
    """Return a notification of a moment with its parties read."""
    caller, called = _caller(notification, profile), _called(notification, profile)
    return ResolvedNotification(notification, caller, called, at)


def number_key(party: Party) -> str:
    """Return what two tellings of one number have in common, "" for none."""
    if party.kind == "withheld":
        return "withheld"
    if party.e164:
        return party.e164
    return "".join(sign for sign in party.number if sign.isalnum())


def made_call_id() -> str:
    """Return an id for a call that came without one."""
    return str(uuid4())


def _call_state(user: str, members: Mapping[str, Value], *, replayed: bool) -> Notification:
    pbx_state = _text(members, "state").strip()[:_LONGEST]
    return Notification(
        user=user,
        call_id=_call_id(_text(members, "id") or _text(members, "callid")),
        state=notified_state(pbx_state),
        pbx_state=pbx_state,
        caller=_number(_text(members, "callernumber"), "callerNumber"),
        caller_name=_text(members, "callername")[:_LONGEST],
        called=_number(_text(members, "callednumber"), "calledNumber"),
        called_name=_text(members, "calledname")[:_LONGEST],
        group=_text(members, "groupid")[:_LONGEST] or None,
        pbx_time=_text(members, "timestamp")[:_LONGEST] or None,
        replayed=replayed,
    )


def _changed_id(user: str, params: Sequence[Value]) -> Notification:
    if len(params) == 2 and all(isinstance(value, str) for value in params):
        ids = [str(value) for value in params]
    else:
        members = _members(params)
        names = sorted(filter(_names_a_call, members), key=_age)
        ids = [text for name in names if (text := _text(members, name))]
    if len(ids) < 2:
        raise NotificationRefused("an old and a new call id are expected")
    return Notification(
        user=user,
        call_id=_call_id(ids[-1]),
        state="other",
        pbx_state="callChangesIdEvent",
        previous_call_id=_call_id(ids[0]),
    )


def _names_a_call(member: str) -> bool:
    is_id = member.endswith(("id", "idold", "idnew")) or member in ("old", "new")
    return is_id and not _OF_SOMETHING_ELSE.search(member)


def _age(member: str) -> tuple[int, int]:
    """Return what sorts the ids of one call, the oldest first."""
    age = 0 if _OLDER.search(member) else 2 if _NEWER.search(member) else 1
    return age, {"callid": 0, "id": 1}.get(member, 2)


def _members(params: Sequence[Value]) -> dict[str, Value]:
    if len(params) != 1 or not isinstance(params[0], dict):
        raise NotificationRefused("exactly one struct is expected")
    members: dict[str, Value] = {}
    for spelled, value in params[0].items():  # the first spelling that says something counts
        name = spelled.lower()
        members[name] = members.get(name) or value
    return members


def _text(members: Mapping[str, Value], name: str) -> str:
    value = members.get(name, "")
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, str | int | float) else ""


def _number(text: str, name: str) -> str:
    if len(text) > _LONGEST:
        raise NotificationRefused(f"{name}: longer than {_LONGEST} characters")
    return text


def _call_id(text: str) -> str:
    if not _CALL_ID.match(text := text.strip()):
        raise NotificationRefused("call id: 1 to 128 characters without spaces are expected")
    return text


def _caller(notification: Notification, profile: NumberProfile) -> Party:
    """Return who calls; without a number he is withheld only where numbers are named at all."""
    party = _party(notification.caller, notification.caller_name, profile)
    named = notification.caller or notification.called or notification.call_id is None
    return party if named else party.model_copy(update={"kind": "unknown"})


def _called(notification: Notification, profile: NumberProfile) -> Party:
    """Return who is called; a called number is never withheld, at most missing."""
    party = _party(notification.called, notification.called_name, profile)
    return party.model_copy(update={"kind": "unknown"}) if party.kind == "withheld" else party


@lru_cache(maxsize=256)  # the states of a call follow one another
def _party(number: str, name: str, profile: NumberProfile) -> Party:
    read = read_number(number, profile)
    return Party(number=number, e164=read.e164, name=name, kind=read.kind)
