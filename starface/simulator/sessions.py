"""Who is logged in at the stand-in PBX, where to be called back, and until when."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from starface.simulator.switches import Switches


@dataclass(frozen=True)
class Callback:
    """Where a session wants to be told, as it said at its login."""

    scheme: str
    host: str
    port: int
    path: str


@dataclass(eq=False)
class Session:
    """One login: it lives as long as it asks for something now and then."""

    login: str
    version: str
    callback: Callback | None
    token: str = field(repr=False)
    under_jwt: bool
    last_seen: float
    services: set[str] = field(default_factory=set)
    deaf: bool = False
    """Half open: it looks well, but is told nothing."""


class Sessions:
    """The sessions of all users; those that have expired do not exist."""

    def __init__(self, switches: Switches, clock: Callable[[], float]) -> None:
        self._switches = switches
        self._clock = clock
        self._of: dict[str, list[Session]] = {}

    def __iter__(self) -> Iterator[Session]:
        """Go through the living sessions."""
        for login in list(self._of):
            yield from self.of(login)

    def of(self, login: str) -> list[Session]:
        """Return the living sessions of a user."""
        oldest = self._clock() - self._switches.session_seconds
        living = [each for each in self._of.get(login, []) if each.last_seen > oldest]
        self._of[login] = living
        return living

    def log_in(self, new: Session) -> None:
        """Open a session, or renew the one that is there."""
        living = self.of(new.login)
        habit = self._switches.second_login
        same = [each for each in living if each.callback == new.callback or habit != "adds"]
        if not same:
            living.append(new)
            return
        old = same[0]
        old.last_seen, old.version, old.token = new.last_seen, new.version, new.token
        old.under_jwt, old.deaf = new.under_jwt, False
        if habit != "keeps_first":
            old.callback = new.callback
        if self._switches.login_clears_subscriptions:
            old.services = set()

    def seen(self, login: str, callback: Callback | None) -> Session | None:
        """Return the session a request belongs to and let it live on."""
        living = self.of(login)
        found = [each for each in living if each.callback == callback] or living
        if not found:
            return None
        found[0].last_seen = self._clock()
        return found[0]

    def log_out(self, session: Session) -> None:
        """End a session, and by the switch the user's others."""
        if self._switches.logout_ends_others:
            self._of.pop(session.login, None)
        else:
            self.end(session)

    def end(self, session: Session) -> None:
        """End one session."""
        living = self.of(session.login)
        if session in living:
            living.remove(session)

    def clear(self) -> None:
        """End all."""
        self._of.clear()
