"""What people ask from the panel: about contacts and running calls, about themselves, to log in."""

from typing import ClassVar, Literal

from pydantic import AwareDatetime, Field, JsonValue

from bus.events import (
    CallData,
    CallerData,
    CallId,
    Message,
    Part,
    RequestData,
    ResponseData,
    Text,
    TraceStep,
    UserName,
)


class MatterCard(Part):
    """A matter as a person sees it; `url` opens it."""

    id: Text
    reference: Text = ""
    title: Text = ""
    open: bool = True
    url: str | None = Field(default=None, max_length=2048)


class DossierCard(Part):
    """A dossier with its matters."""

    id: Text
    reference: Text = ""
    title: Text = ""
    active: bool = True
    url: str | None = Field(default=None, max_length=2048)
    matters: tuple[MatterCard, ...] = ()


class NumberCard(Part):
    """A number of a contact, as written and as it is dialled."""

    raw: Text
    e164: Text = ""
    label: Text = ""


class ContactCard(Part):
    """A contact with everything that is kept of it; in a list without dossiers."""

    id: Text
    source: Text
    key: Text = ""
    kind: Literal["person", "company"] = "person"
    name: str = Field(max_length=500)
    company: str = Field(default="", max_length=500)
    email: str = Field(default="", max_length=500)
    own: bool = False  # added here, so it can be changed here
    active: bool = True
    url: str | None = Field(default=None, max_length=2048)
    numbers: tuple[NumberCard, ...] = ()
    dossiers: tuple[DossierCard, ...] = ()
    employer: str = Field(default="", max_length=500)


class RememberedChoice(Part):
    """Whom a user means by a number that several have."""

    number: Text
    contact: ContactCard
    since: AwareDatetime


class RunningCall(Part):
    """A call that is not over: its last event, and who it was found to be."""

    call: CallData
    answer: CallerData | None = None
    started: AwareDatetime
    answered: AwareDatetime | None = None


class OwnContact(Part):
    """A contact that a user adds or changes; the source is `own`."""

    kind: Literal["person", "company"] = "person"
    name: str = Field(min_length=1, max_length=200)
    company: str = Field(default="", max_length=200)
    email: str = Field(default="", max_length=200)
    numbers: tuple[Text, ...] = Field(default=(), max_length=20)


class DirectoryRequestData(RequestData):
    """A question about contacts, choices and calls, or a change of an own contact."""

    action: Literal[
        "search",
        "contact",
        "number",
        "add",
        "edit",
        "remove",
        "choices",
        "forget",
        "why",
        "calls",
        "sources",
    ]
    text: Text | None = None  # to search for
    id: Text | None = None  # of a contact
    number: Text | None = None
    call_id: CallId | None = None
    contact: OwnContact | None = None
    limit: int = Field(default=20, ge=1, le=100)


class DirectoryRequest(Message):
    """A question to the directory; whose it is says the topic."""

    EXPIRY: ClassVar[int | None] = 15
    type: str = "starface.directory.request.v1"
    data: DirectoryRequestData


class SourceSummary(Part):
    """One source of contacts, as the status shows it."""

    name: Text
    imported: AwareDatetime | None = None
    contacts: int = 0
    numbers: int = 0


class DirectoryAnswerData(ResponseData):
    """What was found."""

    contacts: tuple[ContactCard, ...] = ()
    choices: tuple[RememberedChoice, ...] = ()
    calls: tuple[RunningCall, ...] = ()
    trace: tuple[TraceStep, ...] = ()
    sources: tuple[SourceSummary, ...] = ()
    new_contact: str | None = Field(default=None, max_length=2048)  # the site's own page for one


class DirectoryAnswer(Message):
    """The directory's answer, read by who asked alone."""

    EXPIRY: ClassVar[int | None] = 60
    type: str = "starface.directory.answer.v1"
    data: DirectoryAnswerData


class SettingsRequestData(RequestData):
    """A question of a user about himself, a change, or a command to his running call.

    `login` carries login and password, sealed with the site's panel key.
    """

    action: Literal[
        "login", "get", "change", "private-add", "private-remove", "colleagues", "status",
        "doctor", "hang-up", "hold", "forward",
    ]  # fmt: skip
    sealed: str | None = Field(default=None, max_length=4096, repr=False)
    changes: dict[str, JsonValue] = Field(default_factory=dict)
    number: Text | None = Field(default=None, repr=False)
    call_id: CallId | None = None
    extension: Text | None = None
    language: Text | None = None  # of what the doctor finds


class SettingsRequest(Message):
    """A request to the sessions process; whose it is says the topic."""

    EXPIRY: ClassVar[int | None] = 15
    type: str = "starface.settings.request.v1"
    data: SettingsRequestData


class UserSettings(Part):
    """What a user chose, as the panel shows and changes it."""

    name: Text = ""
    extension: Text = ""
    phone: Text = ""
    phones: tuple[Text, ...] = ()  # that the PBX knows of this user
    autostart: bool = True
    action: Text = ""
    triggers: tuple[Text, ...] = ()
    internal: Text = ""
    do_not_disturb: bool | AwareDatetime = False
    quiet_hours: tuple[Text, ...] | None = None  # None: as the office has them
    delay: float | None = None
    language: Text = ""
    opener: Literal["panel", "desktop"] = "desktop"  # who opens by itself
    private_numbers: int = 0
    admin: bool = False
    control: bool = False  # whether running calls can be held and forwarded here


class Colleague(Part):
    """Somebody whose state a user may see."""

    login: UserName
    name: Text = ""
    extension: Text = ""
    reads: tuple[Text, ...] = ()


class UserSummary(Part):
    """One user as an administrator sees him: no calls."""

    login: UserName
    name: Text = ""
    enrolled: bool = True
    on: bool = True


class DoctorFinding(Part):
    """What the doctor found at one place, and what to do about it."""

    check: Text
    level: Literal["ok", "warn", "fail"]
    text: str = Field(max_length=2000)
    fix: str = Field(default="", max_length=2000)


class SettingsAnswerData(ResponseData):
    """What was asked for."""

    settings: UserSettings | None = None
    colleagues: tuple[Colleague, ...] = ()
    names: dict[UserName, Text] = Field(default_factory=dict)  # of all users, with the colleagues
    users: tuple[UserSummary, ...] = ()
    findings: tuple[DoctorFinding, ...] = ()
    facts: dict[str, JsonValue] = Field(default_factory=dict)


class SettingsAnswer(Message):
    """The answer of the sessions process, read by who asked alone."""

    EXPIRY: ClassVar[int | None] = 60
    type: str = "starface.settings.answer.v1"
    data: SettingsAnswerData


class AccessData(Part):
    """Whose logins to the panel count: those that are not older than `since`."""

    user: UserName
    name: Text = ""
    since: AwareDatetime
    admin: bool = False
    language: Text = ""
    opener: Literal["panel", "desktop"] = "desktop"
    do_not_disturb: bool | AwareDatetime = False


class Access(Message):
    """Retained: who may use the panel; gone with the user."""

    type: str = "starface.access.v1"
    data: AccessData
