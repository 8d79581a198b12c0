"""The PBX's words about calls and users, as models; what we make of them stands elsewhere.

Names and numbers may be missing, members may be spelled in two ways and be more than we know:
such answers are read, with empty strings for what is missing. Too long a text is cut.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Annotated, TypeVar

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from starface.xmlrpc.reading import DateTime, Unreadable, Value

_LONGEST = 512


def _text(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, str):
        return str(value[:_LONGEST])
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value


Text = Annotated[str, BeforeValidator(_text)]
_Group = Field(default="", validation_alias=AliasChoices("groupId", "groupID", "group"))


class WireModel(BaseModel):
    """A struct of the PBX; members we do not know are ignored."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        alias_generator=to_camel,
        populate_by_name=True,
    )


class CallState(WireModel):
    """The state of one call for one user."""

    id: Text = Field(min_length=1, max_length=_LONGEST)
    pbx_state: Text = Field(default="", validation_alias="state")  # as sent
    timestamp: Text = ""  # as sent; local time or UTC, nobody says
    caller_number: Text = ""
    caller_name: Text = ""
    called_number: Text = ""
    called_name: Text = ""
    group: Text = _Group

    @property
    def state(self) -> str:
        """The state in upper case; empty in some first notifications of a call."""
        return self.pbx_state.strip().upper()


class CallListEntry(WireModel):
    """One call of the past; the duration includes the ringing."""

    id: Text = Field(
        default="", validation_alias=AliasChoices("id", "callId", "callListEntryId", "uuid")
    )
    direction: Text = ""  # INBOUND, OUTBOUND
    result: Text = ""  # ANSWERED, MISSED
    caller_number: Text = ""
    called_number: Text = ""
    call_description: Text = ""
    start_time: Text = ""
    duration: int = 0  # seconds
    group: Text = _Group

    @property
    def started_at(self) -> datetime | None:
        """When the call began; without a zone it is UTC, as the PBX's other clients read it."""
        return moment(self.start_time)


@dataclass(frozen=True)
class CallListPage:
    """Some entries of the call list, and how many there are in all."""

    entries: list[CallListEntry]
    total_count: int


class UserPresence(WireModel):
    """What the PBX shows of a user to colleagues."""

    telephony_state: Text = ""  # UNAVAILABLE AVAILABLE RINGING ACTIVE QUEUE_PAUSE
    chat_presence: Text = ""
    chat_presence_message: Text = ""
    redirect_always_active: bool = False
    avatar_hash: Text = ""


class Group(WireModel):
    """A group the user belongs to."""

    id: Text = Field(default="", validation_alias=AliasChoices("id", "groupId", "groupID"))
    name: Text = ""
    phone_numbers: tuple[Text, ...] = ()


class FunctionKey(WireModel):
    """A key of the user's telephone; BUSY_LAMP_FIELD keys show a colleague."""

    id: Text = Field(default="", validation_alias=AliasChoices("id", "functionKeyId", "keyId"))
    name: Text = Field(default="", validation_alias=AliasChoices("name", "displayName", "label"))
    type: Text = Field(
        default="", validation_alias=AliasChoices("type", "functionKeyType", "keyType")
    )


T = TypeVar("T", bound=WireModel)
R = TypeVar("R")


def read(kind: type[T], value: Value) -> T:
    """Read one struct; raise Unreadable, which names the member."""
    if not isinstance(value, dict):
        raise Unreadable("not a struct")
    try:
        return kind.model_validate(value)
    except ValidationError as fault:
        member = ".".join(str(step) for step in fault.errors(include_input=False)[0]["loc"])
        raise Unreadable(f"member {member}") from None


def truth(value: Value) -> bool:
    """Read a yes or no, which may come as boolean, number or text; nothing at all is a yes."""
    if value is None or value == "":
        return True
    if isinstance(value, int):
        return value != 0
    if isinstance(value, str) and value.strip().lower() in _WORDS:
        return _WORDS[value.strip().lower()]
    raise Unreadable("not a boolean")


_WORDS = {"1": True, "true": True, "0": False, "false": False}


def text(value: Value) -> str:
    """Read a text; no value is an empty one."""
    if value is None:
        return ""
    if isinstance(value, str):
        return str(value)
    raise Unreadable("not a text")


def texts(value: Value) -> list[str]:
    """Read a list of texts."""
    return [text(item) for item in items(value)]


def items(value: Value) -> list[Value]:
    """Read a list; no value is an empty one."""
    if value is None or value == "":
        return []
    if isinstance(value, list):
        return value
    raise Unreadable("not a list")


def struct(value: Value) -> dict[str, Value]:
    """Read a struct; no value is an empty one."""
    if value is None or value == "":
        return {}
    if isinstance(value, dict):
        return value
    raise Unreadable("not a struct")


def reader(kind: type[T]) -> Callable[[Value], T]:
    """Return the function that reads a struct of this kind."""
    return lambda value: read(kind, value)


def list_of(read_one: Callable[[Value], R]) -> Callable[[Value], list[R]]:
    """Return the function that reads a list of what `read_one` reads."""
    return lambda value: [read_one(item) for item in items(value)]


def call_list_page(value: Value) -> CallListPage:
    """Read one page of the call list."""
    members = struct(value)
    entries = list_of(reader(CallListEntry))(members.get("entries"))
    total = members.get("totalCount")
    return CallListPage(entries, total if isinstance(total, int) else len(entries))


def moment(members: str, *, zone: tzinfo = UTC) -> datetime | None:
    """Read a time of the PBX; without a zone of its own it is in `zone`; None if it is no time."""
    try:
        at = datetime.fromisoformat(members.strip().replace(",", "."))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=zone)


def utc(at: datetime) -> DateTime:
    """Write a time as the PBX's call list wants it: UTC without a zone."""
    return DateTime(at.astimezone(UTC).strftime("%Y%m%dT%H:%M:%S"))
