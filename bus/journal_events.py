"""What the journal publishes and is asked: records of finished calls, missed calls, messages."""

from typing import Annotated, ClassVar, Literal

from pydantic import AliasChoices, AwareDatetime, Field, StringConstraints

from bus.events import (
    CallId,
    Direction,
    Message,
    Part,
    Party,
    Reference,
    RequestData,
    ResponseData,
    Text,
    UserName,
    known_word,
)

Note = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]
CallResult = Literal[
    "answered", "missed", "answered-elsewhere", "voicemail", "not-reached", "busy", "rejected",
    "not-lifted", "unknown",
]  # fmt: skip
EntryKind = Literal["call", "message"]
HandledHow = Literal["call-back", "later-call", "click", "note"]
Wish = Literal["call-back", "calls-again", "urgent"]


class RecordNote(Part):
    """What somebody wrote about a call."""

    id: Text
    text: Note
    by: UserName | None = None  # None: a user who is gone
    at: AwareDatetime


class ColleagueMessage(Part):
    """What a colleague took down for a user: about whom, what is wanted."""

    text: str = Field(default="", max_length=4000)
    by: UserName | None = None
    wishes: tuple[Wish, ...] = ()


class CallRecordData(Part):
    """One finished call of one user, or a message that a colleague left for him."""

    user: UserName
    call_id: CallId
    revision: int = Field(ge=1)
    kind: Annotated[EntryKind, known_word(EntryKind, "call")] = "call"
    direction: Direction = "unknown"
    party: Party = Party()
    called: Party = Party()
    group: Text | None = None
    contact: Reference | None = None
    candidates: tuple[Reference, ...] = ()  # who it may be, where several have the number
    company: Text | None = None
    matter: Reference | None = None
    dossier: Reference | None = None
    started: AwareDatetime
    answered: AwareDatetime | None = None
    ended: AwareDatetime | None = None
    pbx_started: Text | None = None  # as the PBX says it
    ring_seconds: int = 0
    talk_seconds: int = 0
    result: Annotated[CallResult, known_word(CallResult, "unknown")]
    answered_by: Text | None = None  # login of the colleague; None also where nobody can know
    handed_over_by: UserName | None = None
    inferred: bool = False  # the end was never reported
    replayed: bool = False
    open: bool = False  # missed, and nobody has seen to it
    handled: bool = False
    handled_by: UserName | None = None
    handled_at: AwareDatetime | None = None
    handled_how: HandledHow | None = None
    note: str | None = Field(default=None, max_length=4000)  # the newest one
    notes: tuple[RecordNote, ...] = ()
    message: ColleagueMessage | None = None


class CallRecord(Message):
    """A finished call; published again with a higher revision whenever it changes."""

    type: str = "starface.record.v1"
    data: CallRecordData


class MissedData(Part):
    """How many missed calls and messages wait for a user; nothing about whom."""

    user: UserName
    open: int = Field(default=0, ge=0)  # all together
    group: int = Field(default=0, ge=0)  # calls of a group among them
    messages: int = Field(default=0, ge=0)
    since: AwareDatetime | None = None  # the oldest


class MissedCounts(Message):
    """Retained: the open missed calls of a user."""

    type: str = "starface.missed.v1"
    data: MissedData


class JournalRequestData(RequestData):
    """What is asked of the journal, and about which calls."""

    action: Literal["list", "get", "handle", "unhandle", "note", "message"]
    of: UserName | None = None  # a colleague, for who may read his records; else the own ones
    call_id: CallId | None = None
    missed: bool = False
    open: bool = False
    number: Text | None = None
    contact: Text | None = None  # id or key of the directory
    matter: Text | None = None  # id, key or reference
    since: AwareDatetime | None = Field(
        default=None, validation_alias=AliasChoices("since", "from")
    )
    until: AwareDatetime | None = Field(default=None, validation_alias=AliasChoices("until", "to"))
    text: str | None = Field(default=None, max_length=4000)  # to search for, or to write
    limit: int = Field(default=50, ge=1, le=200)
    cursor: Text | None = None  # where the last answer stopped
    messages: bool = False  # only those colleagues have left
    sent: bool = False  # the messages one has left for colleagues
    handled: bool = False  # with a note: it says that the call is seen to
    colleague: UserName | None = None  # whom a message is for
    name: Text | None = None  # of who is to be called back, where there was no call
    wishes: tuple[Wish, ...] = ()


class JournalRequest(Message):
    """A question to the journal, or a change; whose it is says the topic."""

    EXPIRY: ClassVar[int | None] = 15
    type: str = "starface.journal.request.v1"
    data: JournalRequestData


class JournalAnswerData(ResponseData):
    """The records asked for, or the one that was changed."""

    records: tuple[CallRecordData, ...] = ()
    cursor: Text | None = None  # to ask for what follows; None: there is no more


class JournalAnswer(Message):
    """The journal's answer, read by who asked alone."""

    EXPIRY: ClassVar[int | None] = 60
    type: str = "starface.journal.answer.v1"
    data: JournalAnswerData


class PbxRequestData(RequestData):
    """What the journal wants to know of a user's calls; `since` asks for the call list too."""

    since: AwareDatetime | None = None


class PbxRequest(Message):
    """A question to the sessions process, which asks the PBX as this user."""

    EXPIRY: ClassVar[int | None] = 15
    type: str = "starface.pbx.request.v1"
    data: PbxRequestData


class ListedCall(Part):
    """A past call as the PBX's call list has it."""

    call_id: Text = ""
    number: Text = ""
    group: Text = ""
    answered: bool = False
    started: AwareDatetime | None = None


class PbxAnswerData(ResponseData):
    """What the PBX said; `listed` is None where its interface has no call list."""

    running: tuple[Text, ...] = ()
    listed: tuple[ListedCall, ...] | None = None


class PbxAnswer(Message):
    """The running calls of a user, and past ones."""

    EXPIRY: ClassVar[int | None] = 60
    type: str = "starface.pbx.answer.v1"
    data: PbxAnswerData
