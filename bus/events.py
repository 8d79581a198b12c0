"""What travels on the bus: CloudEvents 1.0 in structured JSON.

A message is written by one process and read by another, perhaps by an older release of it.
So fields are added, never renamed, and a reader ignores what it does not know.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal, get_args
from uuid import UUID, uuid4

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

CONTENT_TYPE = "application/cloudevents+json"
CONTRACT = "1.0"

# Any login of a STARFACE but the bare `+`, which stands for every user.
UserName = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=64, pattern=r"^([^\x00-\x1f\x7f+]|[^\x00-\x1f\x7f]{2,})$"
    ),
]
CallId = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+$")]
Text = Annotated[str, StringConstraints(max_length=256)]

CallStateName = Literal[
    "incoming", "ringing", "dialing", "ringback", "connected", "held", "ended", "other"
]
Direction = Literal["in", "out", "internal", "unknown"]
PartyKind = Literal["external", "internal", "withheld", "unknown"]
Quality = Literal["exact", "switchboard", "suffix", "several", "none"]  # of a match
Action = Literal["matter-or-dossier", "dossier", "business-card", "none"]  # that a user has chosen
OpeningKind = Literal["matter", "dossier", "card", "new-contact", "nothing"]


def known_word(words: Any, otherwise: str) -> BeforeValidator:
    """Read a word of a later release as one this release knows."""
    known = get_args(words)
    return BeforeValidator(lambda word: word if word in known else otherwise)


_UNANSWERED: frozenset[CallStateName] = frozenset(
    {"incoming", "ringing", "dialing", "ringback", "other"}
)
UNANSWERED_EXPIRY = 60  # seconds
ANSWERED_EXPIRY = 86_400  # seconds
# Seconds; a request is refused long before, but it is answered however long a restart takes.
DIAL_EXPIRY = 300


def now() -> datetime:
    """Return the time in UTC."""
    return datetime.now(UTC)


class Part(BaseModel):
    """A piece of a message: read leniently, never changed, never echoed in an error."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Message(Part):
    """The attributes of CloudEvents that every message carries."""

    EXPIRY: ClassVar[int | None] = None  # seconds a broker should keep it
    FAMILY: ClassVar[str] = "starface."  # how the types begin that this model can read

    specversion: Literal["1.0"] = "1.0"
    id: str = Field(default_factory=lambda: str(uuid4()), min_length=1, max_length=128)
    source: str = Field(default="starface2mqtt", max_length=256)
    type: str = Field(max_length=128)
    time: AwareDatetime = Field(default_factory=now)
    subject: str | None = Field(default=None, max_length=128)
    datacontenttype: Literal["application/json"] = "application/json"

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Learn the family from a type of one's own."""
        kind = cls.model_fields["type"].default
        if isinstance(kind, str):
            cls.FAMILY = kind.removesuffix("v1")

    @classmethod
    def foreign(cls, kind: str) -> bool:
        """Return whether a type is one that this release does not know, and so ignores."""
        return bool(kind) and not (kind.startswith(cls.FAMILY) and kind.endswith(".v1"))

    def expiry(self) -> int | None:
        """Return the seconds after which the message is worth nothing, None if it keeps."""
        return self.EXPIRY

    def encoded(self) -> bytes:
        """Return the payload; attributes that are not set are left out."""
        absent = {name for name in ("subject", "seq") if getattr(self, name, "") is None}
        return self.model_dump_json(exclude=absent).encode()


class Party(Part):
    """One end of a call; `number` is always what the PBX sent."""

    number: Text = ""
    e164: str | None = Field(default=None, max_length=16)
    name: Text = ""
    kind: Annotated[PartyKind, known_word(PartyKind, "unknown")] = "unknown"


class CallData(Part):
    """What is known about a call at one moment, for one user."""

    user: UserName
    call_id: CallId
    state: Annotated[CallStateName, known_word(CallStateName, "other")]
    pbx_state: Text = ""
    direction: Annotated[Direction, known_word(Direction, "unknown")] = "unknown"
    caller: Party = Party()
    called: Party = Party()
    group: Text | None = None
    pbx_time: Text | None = None
    received_at: AwareDatetime
    replayed: bool = False
    previous_call_id: CallId | None = None


class CallEvent(Message):
    """One notification of the PBX about one call of one user."""

    FAMILY: ClassVar[str] = "starface.call."
    seq: int | None = Field(default=None, ge=1)
    data: CallData

    def expiry(self) -> int:
        """Return 60 s while nobody talks, a day otherwise."""
        return call_event_expiry(self.data.state)


def call_event_expiry(state: CallStateName) -> int:
    """Return the seconds a call event of this state is worth keeping."""
    return UNANSWERED_EXPIRY if state in _UNANSWERED else ANSWERED_EXPIRY


def call_event_type(state: CallStateName) -> str:
    """Return the CloudEvents type of a call event."""
    return f"starface.call.{state}.v1"


class Sentence(Part):
    """One sentence for a person, in the languages an office reads."""

    de: str = Field(max_length=500)
    en: str = Field(max_length=500)
    fr: str = Field(default="", max_length=500)  # empty from an earlier release
    it: str = Field(default="", max_length=500)


class RequestData(Part):
    """What every request that is answered carries."""

    request_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")] = Field(
        default_factory=lambda: str(uuid4())
    )
    account: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._@%~-]{1,256}$")] | None = None
    """Who reads the answer, where MQTT 3.1.1 has no Response Topic; None: the user's account."""


class ResponseData(Part):
    """What every answer carries; without a code the request was carried out."""

    request_id: Text
    code: Text | None = None  # stable: why it was not
    sentence: Sentence | None = None


class Reference(Part):
    """A contact, dossier or matter as others may show it."""

    kind: Literal["contact", "dossier", "matter"]
    id: Text  # the directory's own
    key: Text | None = None  # the source's
    title: Text = ""
    company: Text | None = None
    reference: Text | None = None


class TraceStep(Part):
    """One step between a notification and an action: a code, and what its sentence is made of.

    An earlier release wrote the sentences themselves.
    """

    step: Text
    code: Text
    at: AwareDatetime
    values: dict[str, str] = {}
    de: str = Field(default="", max_length=500)
    en: str = Field(default="", max_length=500)
    fr: str = Field(default="", max_length=500)
    it: str = Field(default="", max_length=500)


class Outcome(Part):
    """What one executor made of an action."""

    executor: Text
    state: Literal["done", "failed", "queued", "skipped"]
    reason: Text | None = None


class CallerData(Part):
    """Who is calling, what was opened or why not."""

    user: UserName
    call_id: CallId
    event_id: Text
    trigger: Text
    caller: Party
    called: Party = Party()
    direction: Direction = "unknown"
    outward: bool = False  # the user placed it, internal ones too: the other party is the called
    group: Text | None = None
    quality: Quality = "none"
    remembered: bool = False
    contact: Reference | None = None
    employer: Reference | None = None
    candidates: tuple[Reference, ...] = ()
    rule: Text = "user"  # by which rule of the office the action counts, else "user"
    action: Action = "none"
    opens: OpeningKind = "nothing"
    opened: Reference | None = None
    on_click: OpeningKind = "nothing"
    found: Reference | None = None  # what a click opens, asked for by a choice of kind "found"
    offered: tuple[Reference, ...] = ()
    url: str | None = Field(default=None, max_length=2048)
    reason: Text = ""
    sentence: Sentence | None = None
    discreet: bool = False  # a notification shows name and number only after a click
    answered_by: Text | None = None  # the colleague's login, where one has taken the call
    outcomes: tuple[Outcome, ...] = ()
    trace: tuple[TraceStep, ...] = ()


class CallerEvent(Message):
    """The caller consumer's answer to a call event."""

    EXPIRY: ClassVar[int | None] = 60
    type: str = "starface.caller.v1"
    data: CallerData


Link = Literal["login", "subscription", "keep-alive", "callback", "broker", "pbx", "settings"]


class UserStateData(Part):
    """The look of a user's telephone icon and, when it fails, what to do."""

    user: UserName
    state: Literal["active", "inactive", "failing"]
    since: AwareDatetime
    link: Link | None = None
    code: Text | None = None
    sentence: Sentence | None = None  # for the user
    detail: Sentence | None = None  # for who looks after the site
    callback_since: AwareDatetime | None = None  # older callback addresses count no longer


class UserState(Message):
    """Retained: whether the interface of a user works."""

    type: str = "starface.user.state.v1"
    data: UserStateData


class DialRequestData(Part):
    """A number a user wants to be connected with."""

    user: UserName | None = None
    number: Text
    phone: Text | None = None
    request_id: UUID


class DialRequest(Message):
    """A wish to dial; whose it is says the topic, never the payload."""

    EXPIRY: ClassVar[int | None] = DIAL_EXPIRY
    type: str = "starface.dial.request.v1"
    time: AwareDatetime
    data: DialRequestData


class ChoiceRequestData(Part):
    """Which of the offered records a user means; without `id` the choice is revoked.

    `found` takes no id: what the rules found opens, and nothing is remembered.
    """

    user: UserName | None = None
    call_id: CallId
    kind: Literal["contact", "dossier", "matter", "found"] = "contact"
    id: Text | None = None  # as the answer to the call offered it


class ChoiceRequest(Message):
    """A choice among what was offered for a call; whose it is says the topic."""

    EXPIRY: ClassVar[int | None] = 30
    type: str = "starface.choice.request.v1"
    time: AwareDatetime
    data: ChoiceRequestData


class OpenedData(Part):
    """What a workstation made of what was to open there; `reason` is a stable code."""

    user: UserName | None = None
    call_id: CallId
    state: Literal["done", "failed"]
    reason: str = Field(default="", max_length=64)


class Opened(Message):
    """A workstation has opened what an answer named, or could not; whose it is says the topic."""

    EXPIRY: ClassVar[int | None] = 30
    type: str = "starface.opened.v1"
    data: OpenedData


DialState = Literal[
    "accepted", "refused", "own-phone-ringing", "remote-ringing", "connected",
    "not-reached", "own-phone-not-lifted", "ended", "unknown",
]  # fmt: skip


class DialResultData(Part):
    """One stage of a dial request; `final` when nothing more follows."""

    user: UserName
    request_id: UUID
    call_id: CallId | None = None
    state: DialState
    code: Text | None = None
    sentence: Sentence
    final: bool = False


class DialResult(Message):
    """What became of a dial request, stage by stage."""

    EXPIRY: ClassVar[int | None] = DIAL_EXPIRY
    type: str = "starface.dial.result.v1"
    data: DialResultData


class HeadData(Part):
    """The newest number of a user at one gateway, and the oldest it can still repeat."""

    user: UserName
    gateway: Text
    seq: int = Field(ge=0)
    oldest: int = Field(ge=1)


class Head(Message):
    """Retained: how far a gateway has numbered the events of a user."""

    type: str = "starface.head.v1"
    data: HeadData


class ReplayRequestData(RequestData):
    """From which number on a consumer wants a user's events again, for itself alone."""

    user: UserName
    gateway: Text | None = None
    after: int = Field(ge=0)


class ReplayRequest(Message):
    """A consumer that has seen a gap asks for what it lacks."""

    EXPIRY: ClassVar[int | None] = 30
    type: str = "starface.replay.request.v1"
    data: ReplayRequestData


class SessionResetData(Part):
    """Whose session at the PBX has ended."""

    user: UserName


class SessionReset(Message):
    """The PBX said it will send nothing more."""

    EXPIRY: ClassVar[int | None] = 60
    type: str = "starface.session.reset.v1"
    data: SessionResetData


class ProcessDetailData(Part):
    """Which start of a process is meant by its `online`."""

    name: Text
    start_id: Text
    state: Literal["online", "offline"]
    since: AwareDatetime
    version: Text
    faults: tuple[Text, ...] = ()  # what cannot work there, each with its name; the rest does
    machine: Text | None = None  # on which it runs, where a site has several
    directory: Text | None = None  # digest of the contacts it looks callers up in, likewise


class ProcessDetail(Message):
    """Retained: detail of a process."""

    type: str = "starface.process.v1"
    data: ProcessDetailData


class InfoData(Part):
    """What another program needs to know before it subscribes."""

    version: Text
    contract: Text = CONTRACT
    base: Text
    schemas: dict[str, Any] = {}
    documentation: Text = ""


class Info(Message):
    """Retained: version of the software and of the contract."""

    type: str = "starface.info.v1"
    data: InfoData
