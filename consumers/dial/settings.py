"""The section [dial] of the configuration, and what else a dial process is given."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from bus.events import UserName
from bus.numbers.number import NumberProfile
from bus.settings import BrokerSettings, Section
from consumers.dial.policy import DialPolicy
from starface.settings import StarfaceSettings

if TYPE_CHECKING:
    from runtime.secret_box import SecretBox

Mask = Literal["none", "end", "all"]


class DialSettings(Section):
    """What may be dialled, by whom and how often."""

    policy: DialPolicy = DialPolicy()
    users: tuple[UserName, ...] = ()  # only these users' requests; empty: everybody's
    expiry: float = Field(default=15, gt=0, le=300)  # seconds a request may be old
    double_click: float = Field(default=2, ge=0, le=60)  # seconds
    per_minute: int = Field(default=6, ge=0)  # calls of one user
    per_hour: int = Field(default=60, ge=0)  # calls of one user
    site_per_hour: int = Field(default=120, ge=0)  # calls of everybody together
    foreign_per_day: int = Field(default=10, ge=0)  # calls of one user to other countries
    audit_days: int = Field(default=90, ge=1)
    mask: Mask = "end"  # what the audit hides of a number: nothing, its last four digits, all


@dataclass(frozen=True)
class DialSite:
    """What every dial process of a site is given."""

    settings: DialSettings
    starface: StarfaceSettings
    broker: BrokerSettings
    profile: NumberProfile
    database: Path
    seal: "SecretBox"
    site_key: bytes
    data_folder: Path
