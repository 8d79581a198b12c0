"""What the journal knows of the office: users, extensions, rights, private numbers."""

import time
from collections.abc import Callable

from bus.access.roles import Roles
from bus.numbers.private_numbers import PrivateNumbers
from consumers.users import Users

_LOOK_AGAIN = 5.0  # seconds


class JournalSite:
    """The users of the site, read again after some seconds."""

    def __init__(
        self,
        users: Users,
        private: PrivateNumbers,
        roles: Callable[[], Roles],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._users = users
        self._private = private
        self._roles = roles
        self._clock = clock
        self._looked = -_LOOK_AGAIN
        self._extensions: dict[str, str] = {}
        self._logins: dict[str, str] = {}
        self._names: dict[str, str] = {}

    def extension_of(self, login: str) -> str:
        """Return a user's extension, empty for nobody."""
        self._look()
        return self._extensions.get(login, "")

    def login_of(self, extension: str) -> str | None:
        """Return whose extension it is."""
        self._look()
        return self._logins.get(extension)

    def logins(self) -> frozenset[str]:
        """Return all users."""
        self._look()
        return frozenset(self._extensions)

    def name_of(self, login: str) -> str:
        """Return what a user is called, the login where nobody said it."""
        self._look()
        return self._names.get(login) or login

    def is_user(self, login: str) -> bool:
        """Return whether somebody is a user."""
        return self._users.find(login) is not None

    def is_private(self, login: str, *numbers: str) -> bool:
        """Return whether one of these is a private number of a user."""
        if not self._private.concerns(login):
            return False
        return any(self._private.holds(login, number) for number in numbers)

    def may_read(self, login: str, colleague: str) -> bool:
        """Return whether a user may read a colleague's records."""
        roles = self._roles()
        return any(
            holder == login and "records" in kinds for holder, kinds in roles.readers_of(colleague)
        )

    def _look(self) -> None:
        now = self._clock()
        if now - self._looked < _LOOK_AGAIN:
            return
        self._looked = now
        users = self._users.all()
        self._extensions = {user.login: user.extension or user.login for user in users}
        self._names = {user.login: user.name for user in users}
        self._logins = {extension: login for login, extension in self._extensions.items()}
