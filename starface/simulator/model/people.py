"""Who has a telephone at the stand-in PBX: users, groups and the contacts of its address book."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class SimulatedUser:
    """A user of the PBX: login ID and password, extension, name and registered phones."""

    login: str
    password: str = field(repr=False)
    extension: str
    name: str
    phones: tuple[str, ...] | None = None
    """None: one phone named after the extension. Empty: no phone is registered."""
    groups: tuple[str, ...] = ()
    email: str = ""
    allowed: bool = True
    """Whether the user has the right to use the call interface."""

    @property
    def registered(self) -> tuple[str, ...]:
        """The phones that can ring; the first is the primary one."""
        return (f"SIP/{self.extension}",) if self.phones is None else self.phones


@dataclass(frozen=True)
class SimulatedGroup:
    """A group of the PBX: a call to its number rings at every member."""

    id: str
    name: str
    number: str


@dataclass(frozen=True)
class SimulatedContact:
    """An entry of the PBX's own address book."""

    first_name: str = ""
    surname: str = ""
    company: str = ""
    office: str = ""
    mobile: str = ""
    tags: tuple[str, ...] = ()


DEFAULT_GROUPS = (SimulatedGroup("7", "Kanzlei", "20"),)
DEFAULT_USERS = (
    SimulatedUser("0011", "Geheim#2024", "11", "Anna Beispiel", groups=("7",)),
    SimulatedUser("0012", "Muster!12", "12", "Bernd Muster", groups=("7",)),
    SimulatedUser("0013", "Roth?1313", "13", "Clara Roth", groups=("7",)),
)
DEFAULT_CONTACTS = (
    SimulatedContact("Jörg", "Müller", "Musterbau GmbH", mobile="+491713920042", tags=("Kunden",)),
    SimulatedContact("Françoise", "Dupont", "", office="+41441234567", tags=("Kunden",)),
    SimulatedContact("", "", "Bezirksgericht Zürich", office="+41442481111", tags=("Gerichte",)),
    SimulatedContact("Ugo", "Rossi", "Studio Rossi", office="+390612345678"),
)


def many_users(count: int) -> tuple[SimulatedUser, ...]:
    """Return this many users with logins from 1001 on, for load."""
    return tuple(
        SimulatedUser(str(number), f"password-{number}", str(number), f"User {number}")
        for number in range(1001, 1001 + count)
    )
