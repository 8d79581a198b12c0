"""What the process holds of one user."""

from dataclasses import dataclass

from consumers.sessions.missed_calls import HeardCalls
from consumers.sessions.session import Errand, UserSession
from consumers.sessions.tasks import Pbx
from consumers.users import User
from starface.client import Callback
from starface.credential import Credential


@dataclass
class Person:
    """A user and everything that is held for him."""

    user: User
    session: UserSession
    heard: HeardCalls
    credential: Credential | None = None
    pbx: Pbx | None = None
    callback: Callback | None = None
    errand: Errand | None = None
    plan: int = 0  # counts plans
    busy: bool = False
    admitted: bool = False  # has had its turn to log in
    beats: int = 0
    owes: bool = True  # something may have been missed and not been handed in yet
    asked_at: float = 0.0  # of the clock; the last keepAlive
    sure_at: float = 0.0  # of the clock; when we last knew that the PBX tells us of calls
