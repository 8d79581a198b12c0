"""Who is logged in: a signed cookie, checked against what `sessions` publishes of each user."""

import time
from collections.abc import Callable
from typing import NamedTuple

from itsdangerous import BadData, URLSafeTimedSerializer

from bus.events import UserName
from bus.mqtt.inbox import ReceivedMessage
from bus.panel_events import Access, AccessData
from bus.topics import Topics

LASTS = 12 * 3600  # seconds


class LoggedIn(NamedTuple):
    """Whose request it is."""

    user: UserName
    at: float  # when he logged in
    access: AccessData


class AccessList:
    """Who may use the panel, as retained on the bus; another thread keeps it up to date."""

    def __init__(self, topics: Topics) -> None:
        self._topics = topics
        self._access: dict[str, AccessData] = {}
        self.on_change: Callable[[str], None] = lambda user: None
        self.on_names: Callable[[dict[str, str]], None] = lambda names: None

    def receive(self, message: ReceivedMessage) -> None:
        """Take in a user's entry, or its end."""
        user = self._topics.user_of(message.topic)
        before = self._access.pop(user, None)
        if message.payload:
            data = Access.model_validate_json(message.payload).data
            if data.user == user:
                self._access[user] = data
        after = self._access.get(user)
        if before is not None and after != before:
            self.on_change(user)
        if (before and before.name) != (after and after.name):
            self.on_names(self.names())

    def find(self, user: str) -> AccessData | None:
        """Return a user's entry, None for one who may not use the panel."""
        return self._access.get(user)

    def names(self) -> dict[str, str]:
        """Return what the users are called."""
        return {user: access.name for user, access in list(self._access.items())}


class LoginCookies:
    """Cookies that say who logged in and when; nobody else can make them."""

    def __init__(self, key: bytes, access: AccessList) -> None:
        self._serializer = URLSafeTimedSerializer(key, salt="panel login")
        self._access = access

    def issue(self, user: str) -> str:
        """Return the value of a cookie for a user who has just logged in."""
        return str(self._serializer.dumps({"user": user, "at": time.time()}))

    def read(self, cookie: str) -> LoggedIn | None:
        """Return whose cookie it is; None for a forged, old or revoked one."""
        try:
            content = self._serializer.loads(cookie, max_age=LASTS)
            user, at = str(content["user"]), float(content["at"])
        except (BadData, KeyError, TypeError, ValueError):
            return None
        access = self._access.find(user)
        if access is None or at < access.since.timestamp():
            return None
        return LoggedIn(user, at, access)
