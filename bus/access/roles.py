"""Who may read and write of whom beyond a user's own topics: groups, supervisors, applications.

A right is given for a user, for a group or, to an application alone, for everybody; a group is
looked up when the broker's files are written, so who joins it is covered. A person never has a
right for everybody.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, field_validator

from bus.events import UserName
from bus.topics import ANY_USER, Topics

Kind = Literal[
    "calls", "caller", "state", "dial/result", "head", "records", "missed", "home-assistant"
]
Act = Literal[
    "dial", "dial/number", "set", "choose", "replay", "journal", "directory", "home-assistant"
]
KINDS: tuple[Kind, ...] = get_args(Kind)
ACTS: tuple[Act, ...] = get_args(Act)

_TOPICS: Mapping[str, Callable[[Topics, str], str]] = {
    "calls": Topics.calls,
    "caller": Topics.caller,
    "state": Topics.state,
    "dial/result": Topics.dial_result,
    "head": Topics.heads,
    "records": Topics.records,
    "missed": Topics.missed,
    "dial": Topics.dial,
    "set": Topics.switch,
    "choose": Topics.choose,
    "dial/number": Topics.dial_number,
    "replay": Topics.replay,
    "journal": Topics.journal,
    "directory": Topics.directory,
}
_HOME = "home-assistant"  # its own topics, which are of no user


class RightsRefused(Exception):
    """Rights cannot be given or taken as asked; the message is for the person who typed it."""


class Right(BaseModel):
    """What may be read and written of one user."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    reads: tuple[Kind, ...] = ()
    may: tuple[Act, ...] = ()

    @field_validator("reads", mode="before")
    @classmethod
    def _known(cls, granted: Iterable[str]) -> tuple[str, ...]:
        """Leave out what another release of this program lets be read; it is no right here."""
        return tuple(kind for kind in granted if kind in KINDS)


class Grants(BaseModel):
    """The rights of one holder, by user and by group; `everybody` has a wildcard in it."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    users: dict[UserName, Right] = {}
    groups: dict[str, Right] = {}
    everybody: Right | None = None

    def give(
        self, right: Right, users: Iterable[str], groups: Iterable[str], *, everybody: bool = False
    ) -> None:
        """Grant a right; what these were given for before is replaced."""
        self.users.update(dict.fromkeys(users, right))
        self.groups.update(dict.fromkeys(groups, right))
        if everybody:
            self.everybody = right

    def take(self, users: Iterable[str], groups: Iterable[str], *, everybody: bool = False) -> None:
        """Take rights away; what was not given is no fault."""
        for login in users:
            self.users.pop(login, None)
        for group in groups:
            self.groups.pop(group, None)
        if everybody:
            self.everybody = None

    def revoke(
        self, users: Collection[str], groups: Collection[str], *, everybody: bool = False
    ) -> None:
        """Take rights away; raise RightsRefused, and take none, for what was not given."""
        strange = [login for login in users if login not in self.users]
        strange += [f"group {group}" for group in groups if group not in self.groups]
        if everybody and self.everybody is None:
            strange.append("every user")
        if strange:
            raise RightsRefused(f"no right was given for {', '.join(strange)}; nothing was taken")
        self.take(users, groups, everybody=everybody)

    @property
    def none(self) -> bool:
        """Whether nothing is left."""
        return not self.users and not self.groups and self.everybody is None


class Roles(BaseModel):
    """The groups of users, and who beyond a user himself may read and write of him."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    groups: dict[str, tuple[UserName, ...]] = {}
    supervisors: dict[UserName, Grants] = {}
    applications: dict[str, Grants] = {}

    def join(self, group: str, logins: Iterable[str]) -> None:
        """Put users into a group, making it if it is new."""
        self.groups[group] = tuple(dict.fromkeys((*self.groups.get(group, ()), *logins)))

    def leave(self, group: str, logins: Iterable[str]) -> None:
        """Take users out of a group; raise RightsRefused for one who is not in it."""
        gone = tuple(logins)
        members = self.members(group)
        if strangers := [login for login in gone if login not in members]:
            raise RightsRefused(f"{', '.join(strangers)}: not in the group {group}")
        self.groups[group] = tuple(login for login in members if login not in gone)

    def dissolve(self, group: str) -> list[str]:
        """Forget a group with all rights by it; return who had one."""
        self.members(group)
        del self.groups[group]
        holders = [
            holder
            for holder, grants in (*self.supervisors.items(), *self.applications.items())
            if group in grants.groups
        ]
        for grants in (*self.supervisors.values(), *self.applications.values()):
            grants.take((), (group,))
        self._without_the_empty()
        return holders

    def members(self, group: str) -> tuple[str, ...]:
        """Return who is in a group; raise RightsRefused when there is none of this name."""
        if group not in self.groups:
            known = ", ".join(sorted(self.groups)) or "none"
            raise RightsRefused(f"there is no group {group!r}; known: {known}")
        return self.groups[group]

    def application(self, name: str) -> Grants:
        """Return the rights of an application's account; raise RightsRefused."""
        if name not in self.applications:
            known = ", ".join(sorted(self.applications)) or "none"
            raise RightsRefused(f"there is no account {name!r} of an application; known: {known}")
        return self.applications[name]

    def supervise(
        self, login: str, right: Right, users: Iterable[str], groups: Iterable[str]
    ) -> None:
        """Let a user read of colleagues."""
        for group in groups:
            self.members(group)
        self.supervisors.setdefault(login, Grants()).give(right, users, groups)

    def release(
        self, login: str, users: Collection[str] = (), groups: Collection[str] = ()
    ) -> None:
        """Let a user no longer read of these colleagues, of all when none is named."""
        if login not in self.supervisors:
            raise RightsRefused(f"{login} reads of no colleague")
        if users or groups:
            self.supervisors[login].revoke(users, groups)
        else:
            del self.supervisors[login]
        self._without_the_empty()

    def forget(self, login: str) -> None:
        """Take a user out of every group and every right, of his and for him."""
        self.groups = {
            group: tuple(one for one in members if one != login)
            for group, members in self.groups.items()
        }
        self.supervisors.pop(login, None)
        for grants in (*self.supervisors.values(), *self.applications.values()):
            grants.take((login,), ())
        self._without_the_empty()

    def readers_of(self, login: str) -> Iterator[tuple[str, tuple[Kind, ...]]]:
        """Yield who beside the user himself reads of him, and what."""
        for holder, grants in (*self.supervisors.items(), *self.applications.items()):
            found = [right for whom, right in self._spread(grants) if whom in (login, ANY_USER)]
            kinds = {kind for right in found for kind in right.reads}
            if kinds and holder != login:
                yield holder, tuple(kind for kind in KINDS if kind in kinds)

    def read(self, grants: Grants, topics: Topics) -> tuple[str, ...]:
        """Return the topics these rights let read."""
        granted = [
            topics.home_assistant_all() if kind == _HOME else _TOPICS[kind](topics, whom)
            for whom, right in self._spread(grants)
            for kind in right.reads
        ]
        if any("state" in right.reads for _, right in self._spread(grants)):
            # The broker keeps the last state; it counts while the process that published it runs.
            granted.append(topics.process("sessions"))
        return tuple(dict.fromkeys(granted))

    def write(self, grants: Grants, topics: Topics) -> tuple[str, ...]:
        """Return the topics these rights let write."""
        granted = [
            topics.home_assistant_status() if one == _HOME else _TOPICS[one](topics, whom)
            for whom, right in self._spread(grants)
            for act in right.may
            for one in ((act, "dial/number") if act == "dial" else (act,))
        ]
        return tuple(dict.fromkeys(granted))

    def _spread(self, grants: Grants) -> Iterator[tuple[str, Right]]:
        yield from grants.users.items()
        for group, right in grants.groups.items():
            for login in self.groups.get(group, ()):
                yield login, right
        if grants.everybody is not None:
            yield ANY_USER, grants.everybody

    def _without_the_empty(self) -> None:
        # An application without rights stays: its account is still there.
        self.supervisors = {
            login: grants for login, grants in self.supervisors.items() if not grants.none
        }
