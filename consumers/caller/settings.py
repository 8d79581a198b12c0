"""The section [caller] of the configuration, and what else a caller process is given."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from bus.events import Action
from bus.numbers.number import NumberProfile, read_number
from bus.settings import BrokerSettings, Section
from consumers.actions.settings import CommandTarget, Name, WebhookTarget
from consumers.actions.url_templates import Host, check, hosts_of
from consumers.preferences import Actions, Trigger, read_hours

When = Literal["opening", "call"]
Processes = Literal["auto", "per-user", "pooled"]


def _is_hours(value: str) -> str:
    read_hours(value)
    return value


Hours = Annotated[str, AfterValidator(_is_hours)]


class WebhookSettings(WebhookTarget):
    """A program elsewhere that receives calls by HTTP."""

    on: When = "opening"  # or every call event of a user


class CommandSettings(CommandTarget):
    """A program on this machine that is started for calls."""

    on: When = "opening"


class RuleSettings(Section):
    """Another action for some calls; what is left empty fits every call, the first rule counts."""

    name: Name
    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()  # names, numbers or ids of groups at the PBX
    called: tuple[str, ...] = ()  # numbers as +41… or as the PBX sends them
    hours: Hours | None = None
    action: Action | None = None
    actions: Actions = Field(default_factory=dict)  # of triggers that have another one

    def action_on(self, trigger: Trigger) -> Action | None:
        """Return what opens on a trigger, None if the rule leaves that to the user."""
        return self.actions.get(trigger, self.action)


class CallerSettings(Section):
    """What an office opens when somebody calls."""

    processes: Processes = "auto"  # one for each active user, or pooled, one for all
    matter: str = ""  # addresses with {placeholders}; empty: the record's own, else none
    dossier: str = ""
    card: str = ""
    new_contact: str = ""  # for an unknown caller; empty: nothing opens
    internal: str = ""  # for an internal call of a user who wants those to pop
    schemes: tuple[str, ...] = ("https",)
    hosts: tuple[Host, ...] = ()  # of the records' own addresses, beside those above
    max_age: float = Field(default=30.0, ge=1, le=60)  # seconds; an older call never opens
    clock_tolerance: float = Field(default=5.0, ge=0, le=600)  # seconds between two machines
    shards: int = Field(default=1, ge=1, le=64)  # parts of the users, each with its process
    delay: float = Field(default=0.0, ge=0, le=20)  # seconds; spares calls blocked at once
    pops_per_minute: int = Field(default=10, ge=1, le=600)  # for one user
    quiet_hours: tuple[Hours, ...] = ()
    suffix_digits: int = Field(default=0, ge=0, le=15)  # last digits that only offer; 0 = off
    trace_days: int = Field(default=30, ge=1, le=3650)
    choice_days: int = Field(default=0, ge=0, le=3650)  # 0: as long as the contact has the number
    set_aside_days: int = Field(default=14, ge=1, le=365)  # messages that could not be handled
    discreet: bool = False  # notifications show name and number only after a click
    webhooks: tuple[WebhookSettings, ...] = ()
    commands: tuple[CommandSettings, ...] = ()
    rules: tuple[RuleSettings, ...] = ()

    @model_validator(mode="after")
    def _usable(self) -> Self:
        for key, template in self.templates().items():
            if template:
                try:
                    check(template, self.schemes)
                except ValueError as error:
                    raise ValueError(f"{key}: {error}") from None
        names = [one.name for one in self.executors()]
        if len(names) != len(set(names)) or "mqtt" in names:
            raise ValueError("webhooks and commands need names of their own")
        return self

    def templates(self) -> dict[str, str]:
        """Return the template of each thing that can open."""
        return {
            "matter": self.matter,
            "dossier": self.dossier,
            "card": self.card,
            "new-contact": self.new_contact,
            "internal": self.internal,
        }

    def executors(self) -> tuple[WebhookSettings | CommandSettings, ...]:
        """Return all that may be asked to act on a call."""
        return (*self.webhooks, *self.commands)

    def allowed_hosts(self) -> frozenset[str]:
        """Return the hosts an opened address may have."""
        return hosts_of(self.templates().values()) | set(self.hosts)

    def with_numbers(self, profile: NumberProfile) -> Self:
        """Return the settings with the called lines of rules as the events write them."""
        rules = tuple(
            rule.model_copy(
                update={
                    "called": tuple(
                        line for one in rule.called
                        for line in (one, read_number(one, profile).e164) if line
                    )
                }
            )
            for rule in self.rules
        )  # fmt: skip
        return self.model_copy(update={"rules": rules})


@dataclass(frozen=True)
class CallerSite:
    """What every caller process of a site is given, whomever it serves."""

    settings: CallerSettings
    broker: BrokerSettings
    profile: NumberProfile
    database: Path
    data_folder: Path
