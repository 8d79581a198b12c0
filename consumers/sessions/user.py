"""What the process holds of one user."""

from dataclasses import dataclass

from consumers.sessions.missed_calls import KnownCalls
from consumers.sessions.session import Task, UserSession
from consumers.users import User
from starface.client import StarfaceClient
from starface.credential import Credential
from starface.request import Callback


@dataclass
class UserContext:
    """A user and everything that is held for him."""

    user: User
    session: UserSession
    known_calls: KnownCalls
    credential: Credential | None = None
    pbx: StarfaceClient | None = None
    callback: Callback | None = None
    task: Task | None = None
    plan: int = 0  # counts plans
    busy: bool = False
    admitted: bool = False  # has had its turn to log in
    keep_alives: int = 0
    resync_owed: bool = True  # something may have been missed and not been handed in yet
    asked_at: float = 0.0  # of the clock; the last keepAlive
    sure_at: float = 0.0  # of the clock; when we last knew that the PBX reports calls
