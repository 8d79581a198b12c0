"""The section [journal] of the configuration."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from bus.events import UserName
from bus.settings import Section
from consumers.actions.settings import CommandTarget, WebhookTarget

Trigger = Literal["ringing", "answered", "ended", "note"]
Format = Literal["cloudevents", "zammad", "sipgate"]
PLACEHOLDERS = frozenset(
    {
        "user", "call_id", "trigger", "direction", "number", "e164", "name", "company", "group",
        "contact", "dossier", "matter", "started", "ended", "ring_seconds", "talk_seconds",
        "result", "answered_by", "note",
    }
)  # fmt: skip
NAMING = frozenset({"name", "company", "note"})  # placeholders that name somebody, or may
_CONTENT_TYPES: dict[Format, str] = {
    "zammad": "application/json",
    "sipgate": "application/x-www-form-urlencoded",
}


class JournalWebhook(WebhookTarget):
    """A program elsewhere that follows calls: one of ours, or one that knows another system."""

    on: tuple[Trigger, ...] = ("ended",)
    format: Format = "cloudevents"
    users: tuple[UserName, ...] = ()  # with `groups`: whose calls; empty: everybody's
    groups: tuple[str, ...] = ()  # names, numbers or ids of groups at the PBX
    internal: bool = False  # internal calls too

    @property
    def signed(self) -> bool:
        """Whether the receiver checks our signature; listeners to other systems cannot."""
        return self.format == "cloudevents"

    @property
    def content_type(self) -> str:
        """What is sent."""
        return _CONTENT_TYPES.get(self.format, super().content_type)


class JournalCommand(CommandTarget):
    """A program on this machine that is started for calls."""

    PLACES: ClassVar[frozenset[str]] = PLACEHOLDERS

    on: tuple[Trigger, ...] = ("ended",)
    users: tuple[UserName, ...] = ()
    groups: tuple[str, ...] = ()
    internal: bool = False


class JournalSettings(Section):
    """What is kept of finished calls, and which programs follow them."""

    keep: int = Field(default=730, ge=1, le=36_500)  # days of records, with notes and messages
    longest_call: int = Field(default=14_400, ge=60)  # seconds; ends a call that never ends
    other_telephones: bool = False  # groups have members who are no users here
    home_assistant: bool = False  # make telephones known by its MQTT discovery
    webhooks: tuple[JournalWebhook, ...] = ()
    commands: tuple[JournalCommand, ...] = ()

    @model_validator(mode="after")
    def _named(self) -> Self:
        names = [one.name for one in self.webhooks] + [one.name for one in self.commands]
        if len(names) != len(set(names)):
            raise ValueError("webhooks and commands need names of their own")
        return self
