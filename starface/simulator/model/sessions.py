"""Who is logged in at the stand-in PBX, where to be called back, and until when."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from starface.simulator.model.switches import Switches


@dataclass(frozen=True)
class SessionCallback:
    """Where a session wants its notifications, as it said at its login."""

    scheme: str
    host: str
    port: int
    path: str


@dataclass(eq=False)
class SimulatedSession:
    """One login: it lives as long as it asks for something now and then."""

    login: str
    version: str
    callback: SessionCallback | None
    token: str = field(repr=False)
    under_jwt: bool
    last_seen: float
    services: set[str] = field(default_factory=set)
    silence: str = ""
    """Why it gets nothing: half open, though it looks well, or over."""


class SimulatedSessions:
    """The sessions of all users; those that have expired do not exist."""

    def __init__(self, switches: Switches, clock: Callable[[], float]) -> None:
        self._switches = switches
        self._clock = clock
        self._of: dict[str, list[SimulatedSession]] = {}

    def __iter__(self) -> Iterator[SimulatedSession]:
        """Go through the living sessions."""
        for login in list(self._of):
            yield from self.of(login)

    def of(self, login: str) -> list[SimulatedSession]:
        """Return the living sessions of a user."""
        oldest = self._clock() - self._switches.session_seconds
        living = [each for each in self._of.get(login, []) if each.last_seen > oldest]
        self._of[login] = living
        return living

    def log_in(self, new: SimulatedSession) -> None:
        """Open a session, or renew the one that is open."""
        living = self.of(new.login)
        habit = self._switches.second_login
        same = [each for each in living if each.callback == new.callback or habit != "adds"]
        if not same:
            living.append(new)
            return
        old = same[0]
        old.last_seen, old.version, old.token = new.last_seen, new.version, new.token
        old.under_jwt, old.silence = new.under_jwt, ""
        if habit != "keeps_first":
            old.callback = new.callback
        if self._switches.login_clears_subscriptions:
            old.services = set()

    def seen(self, login: str, callback: SessionCallback | None) -> SimulatedSession | None:
        """Return the session a request belongs to and let it live on."""
        living = self.of(login)
        found = [each for each in living if each.callback == callback] or living
        if not found:
            return None
        found[0].last_seen = self._clock()
        return found[0]

    def log_out(self, session: SimulatedSession) -> None:
        """End a session, and by the switch the user's others."""
        for each in self.of(session.login):
            if each is session or self._switches.logout_ends_others:
                self.end(each)

    def end(self, session: SimulatedSession, *, with_a_last_word: bool = False) -> None:
        """End one session; what waits for it is dropped, but for a last word."""
        if not with_a_last_word:
            session.silence = "session over"
        self._of[session.login] = [each for each in self.of(session.login) if each is not session]
