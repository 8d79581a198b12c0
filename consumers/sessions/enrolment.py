"""People log in by themselves: the PBX checks a password once, and what stays is the sealed token.

The check replaces the callback of the user's session at the PBX, so the session is opened again at
once; the check itself names the same callback, so that no call is lost between the two.
"""

import json
import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol

from pydantic import ValidationError

from bus.events import CONTENT_TYPE
from bus.mqtt.connection import Connection
from bus.mqtt.inbox import BrokerUnavailable
from bus.mqtt.requests import Requester
from bus.panel_events import Access, AccessData, SettingsAnswer, SettingsAnswerData, SettingsRequest
from consumers.users import User, UserPreferences, Users
from runtime.failed_attempts import FailedAttempts
from runtime.secret_box import SealBroken, SecretBox
from runtime.worker_pool import AnsweringPool
from starface.credential import Credential
from starface.failures import LoginRefused, PbxFailure, RequestForbidden
from starface.request import Callback

log = logging.getLogger(__name__)

Enrolment = Literal["listed", "any PBX user", "off"]
CheckPassword = Callable[[str, str, Callback | None], Credential]

_FRESH = 30.0  # seconds; an older login is not taken
_REJECTIONS = 2  # of the PBX, then it is not asked for this login any more
_REJECTIONS_LAST = 600.0  # seconds
ADMIN, LANGUAGE, OPENER = "admin", "panel_language", "panel_opener"  # preferences
SINCE = "panel_since"  # preference: logins to the panel before this moment do not count


class SessionKeeper(Protocol):
    """What of the sessions a login concerns."""

    def callback_of(self, login: str) -> Callback | None:
        """Return the callback of a user's session."""

    def reopen(self, login: str) -> None:
        """Open a user's session again."""


class PanelLogins:
    """Checks logins to the panel at the PBX and keeps what they prove."""

    def __init__(
        self,
        users: Users,
        box: SecretBox,
        check_password: CheckPassword,
        keeper: SessionKeeper,
        workers: AnsweringPool,
        enrolment: Enrolment,
    ) -> None:
        self._users = users
        self._box = box
        self._check_password = check_password
        self._keeper = keeper
        self._workers = workers
        self._enrolment = enrolment
        self._rejections = FailedAttempts(_REJECTIONS, _REJECTIONS_LAST)
        self.on_login: Callable[[User], None] = lambda user: None

    def handle(
        self,
        request: SettingsRequest,
        requester: Requester,
        answer: Callable[[SettingsAnswer], None],
    ) -> None:
        """Check a login and answer; the password is neither kept nor logged."""
        request_id = request.data.request_id

        def finish(code: str | None) -> None:
            log.info("panel login user=%s result=%s", requester.user, code or "ok")
            answer(SettingsAnswer(data=SettingsAnswerData(request_id=request_id, code=code)))

        try:
            password = self._unsealed(request.data.sealed or "", requester.user)
        except SealBroken:
            finish("other-key")
            return
        login = requester.user
        if password is None:
            finish("refused")
        elif self._rejections.reached(login):
            finish("wait")
        elif not self._may_ask(login):
            self._rejections.note(login)  # so that an unknown login is answered as a known one
            finish("refused")
        else:
            callback = self._keeper.callback_of(login)
            self._workers.submit(
                lambda: self._checked(login, password, callback),
                lambda outcome: finish(self._keep(login, outcome)),
            )

    def _unsealed(self, sealed: str, login: str) -> str | None:
        """Return the password; None for what is old or another's. Raises SealBroken."""
        content: Mapping[str, object] = json.loads(self._box.open_text(sealed))
        fresh = abs(time.time() - float(str(content["at"]))) <= _FRESH
        return str(content["password"]) if fresh and content["login"] == login else None

    def _may_ask(self, login: str) -> bool:
        user = self._users.find(login)
        if user is None:
            return self._enrolment == "any PBX user" and _possible(login)
        return self._enrolment != "off" or self._users.credential(login) is not None

    def _checked(self, login: str, password: str, callback: Callback | None) -> Credential | str:
        try:
            return self._check_password(login, password, callback)
        except (LoginRefused, RequestForbidden):
            return "refused"
        except PbxFailure as failure:
            log.warning("password not checked user=%s reason=%s", login, type(failure).__name__)
            return "pbx"

    def _keep(self, login: str, outcome: Credential | str | None) -> str | None:
        if not isinstance(outcome, Credential):
            if outcome == "refused":
                self._rejections.note(login)
            return outcome or "pbx"
        self._rejections.forget(login)
        user = self._users.find(login) or User(login=login)
        # A moment earlier: the cookie that follows counts, an older one of another person not.
        since = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
        preferences = {SINCE: since} | user.preferences
        user = user.model_copy(update={"preferences": preferences})
        self._users.add(user, outcome)
        self.on_login(user)
        self._keeper.reopen(login)
        return None


def _possible(login: str) -> bool:
    try:
        User(login=login)
    except ValidationError:
        return False
    return True


class AccessPublisher:
    """Publishes each user's entry when it changes, and all of them after a reconnect."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._shown: dict[str, AccessData | None] = {}
        connection.republish(self._publish_all)

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
            do_not_disturb=UserPreferences.of(user).do_not_disturb,
        )  # fmt: skip
    except (KeyError, ValueError, ValidationError):
        return None


def adopt_access(users: Users, access: AccessData) -> None:
    """Note since when logins of a user count, unless only later ones count here already."""
    user = users.find(access.user)
    if user is None:
        return
    own = access_of(user)
    if own is None or own.since < access.since:
        since = {SINCE: access.since.isoformat()}
        users.change(access.user, preferences=user.preferences | since)


def _message(access: AccessData) -> Access:
    return Access(source="process/sessions", subject=access.user, data=access)
