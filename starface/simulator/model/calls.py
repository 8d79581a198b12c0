"""What a call of the stand-in PBX consists of, and how its participants are notified."""

from dataclasses import dataclass, field
from datetime import datetime

WAITING = frozenset({"INCOMING", "RINGING"})


class NoSuchCall(Exception):
    """There is no running call with this id."""


class NoSuchUser(Exception):
    """There is no user with this login."""


class NoSuchGroup(Exception):
    """There is no group with this id."""


@dataclass(frozen=True)
class CallParty:
    """One end of a call."""

    number: str = ""
    name: str = ""


@dataclass(frozen=True)
class LegNotification:
    """What one participant is notified of about one call."""

    login: str
    call_id: str
    state: str
    caller: CallParty
    called: CallParty
    group: str
    at: datetime
    new_id: str = ""
    rejected: bool = False
    """Part of a call that was refused before the phone rang."""
    placed: bool = False
    """The user is the one who calls."""


@dataclass
class CallLeg:
    """The part of one user in a call."""

    login: str
    outgoing: bool
    caller: CallParty
    called: CallParty
    started: datetime
    state: str = ""
    connected: datetime | None = None
    rejected: bool = False


@dataclass
class SimulatedCall:
    """One call with the users who take part."""

    id: str
    caller: CallParty
    called: CallParty
    started: datetime
    group: str = ""
    legs: dict[str, CallLeg] = field(default_factory=dict)
    answered: bool = False
    scripted: bool = False
    """A scenario decides what happens, not the habits of the people."""

    @property
    def placed_by(self) -> str | None:
        """The user who dials, if it is one of ours."""
        return next((leg.login for leg in self.legs.values() if leg.outgoing), None)


@dataclass(frozen=True)
class PlacedCall:
    """One request to place a call, also when it was refused."""

    call_id: str
    login: str
    number: str
    phone: str
    asked_id: str
    at: datetime

    @property
    def accepted(self) -> bool:
        """Whether the PBX began to place it."""
        return self.call_id != ""
