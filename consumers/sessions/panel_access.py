"""Who may use the panel, as retained on the bus: who has logged in there once, until removed."""

import logging
from collections.abc import Callable
from datetime import datetime

from pydantic import ValidationError

from bus.events import CONTENT_TYPE
from bus.mqtt.connection import Connection
from bus.mqtt.inbox import BrokerUnavailable
from bus.panel_events import Access, AccessData
from consumers.sessions.enrolment import SINCE
from consumers.users import User

log = logging.getLogger(__name__)

ADMIN, LANGUAGE, OPENER = "admin", "panel_language", "panel_opener"  # preferences


class AccessPublisher:
    """Publishes each user's entry when it changes, and all of them after a reconnect."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._shown: dict[str, AccessData | None] = {}
        connection.after_connect(self._publish_all)

    def show(self, login: str, user: User | None) -> None:
        """Publish what is so of a user, or that he is gone."""
        access = access_of(user) if user is not None else None
        if login in self._shown and self._shown[login] == access:
            return
        self._shown[login] = access
        self._publish(login)

    def _publish_all(self) -> None:
        for login in list(self._shown):
            self._publish(login)

    def _publish(self, login: str) -> None:
        access = self._shown[login]
        payload = b"" if access is None else _message(access).encoded()
        kind = None if access is None else CONTENT_TYPE
        topic = self._connection.topics.access(login)
        try:
            self._connection.send(topic, payload, retain=True, content_type=kind)
        except BrokerUnavailable:
            log.debug("published after the next connect topic=%s", topic)
        else:
            if access is None:
                del self._shown[login]


def access_of(user: User) -> AccessData | None:
    """Return a user's entry, None for one who has never logged in to the panel."""
    preferences = user.preferences
    try:
        since = datetime.fromisoformat(str(preferences[SINCE]))
        return AccessData(
            user=user.login, name=user.name or user.login, since=since,
            admin=bool(preferences.get(ADMIN)), language=preferences.get(LANGUAGE) or "",
            opener=preferences.get(OPENER) or "desktop",
        )  # fmt: skip
    except (KeyError, ValueError, ValidationError):
        return None


def _message(access: AccessData) -> Access:
    return Access(source="process/sessions", subject=access.user, data=access)


OnUser = Callable[[str, User | None], None]
