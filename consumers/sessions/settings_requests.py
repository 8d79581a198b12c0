"""Answers what people ask of themselves: settings, private numbers, colleagues, their calls."""

import logging
import subprocess
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, get_args

from pydantic import TypeAdapter, ValidationError

from bus.access.roles import Roles
from bus.events import Action, Sentence
from bus.mqtt.connection import Connection
from bus.mqtt.requests import Requester, Responder
from bus.numbers.number import NumberProfile, read_number
from bus.numbers.private_numbers import NAME, changing, entry, number_mark, read_list
from bus.panel_events import (
    Colleague,
    DoctorFinding,
    SettingsAnswer,
    SettingsAnswerData,
    SettingsRequest,
    SettingsRequestData,
    UserSettings,
    UserSummary,
)
from bus.topics import ANY_USER
from consumers.preferences import HoursRefused, Trigger, read_hours
from consumers.sessions.enrolment import ADMIN, LANGUAGE, OPENER, PanelLogins
from consumers.users import Internal, User, UserPreferences, Users
from runtime.worker_pool import AnsweringPool
from starface.client import StarfaceClient
from starface.failures import PbxFailure, UnsupportedByApi
from texts import LANGUAGES, Language, catalogue, sentence

log = logging.getLogger(__name__)

_LONGEST_DELAY = 20.0  # seconds
_DOCTOR_WITHIN = 55.0  # seconds
_FINDINGS = TypeAdapter(tuple[DoctorFinding, ...])
_FIELDS = {"phone", "autostart", "action", "internal"}


class ChangeRefused(Exception):
    """A setting cannot have this value; the message is the key of the setting."""


class SessionPort(Protocol):
    """The sessions at the PBX, as far as people command them."""

    def client_of(self, login: str) -> StarfaceClient | None:
        """Return a client with a user's credential, None for a user without a session."""


class SettingsRequests:
    """Answers `users/{user}/settings`."""

    def __init__(
        self,
        users: Users,
        logins: PanelLogins,
        sessions: SessionPort,
        workers: AnsweringPool,
        roles_file: Path,
        site: "SiteNumbers",
        on_change: Callable[[User], None],
        doctor: "SiteDoctor",
    ) -> None:
        self._users = users
        self._doctor = doctor
        self._logins = logins
        self._sessions = sessions
        self._workers = workers
        self._roles_file = roles_file
        self._site = site
        self._on_change = on_change
        self._responder: Responder

    def serve(self, connection: Connection) -> None:
        """Subscribe to the requests of all users."""
        self._responder = Responder(connection, "process/sessions", sentence)
        topic = connection.topics.settings(ANY_USER)
        self._responder.serve(topic, SettingsRequest, self.handle, SettingsAnswer)

    def handle(self, request: SettingsRequest, requester: Requester) -> SettingsAnswer | None:
        """Answer a request at once, or later when the PBX is asked."""
        data = request.data

        def answer(message: SettingsAnswer) -> None:
            self._responder.answer(requester, message)

        if data.action == "login":
            self._logins.handle(request, requester, answer)
            return None
        user = self._users.find(requester.user)
        if user is None:
            return _refusal(data, "unknown-user")
        if data.action in ("hang-up", "hold", "forward"):
            self._workers.submit(
                lambda: self._command(user.login, data),
                lambda code: answer(_refusal(data, code) if code else _done(data)),
            )
            return None
        if data.action == "doctor":
            if not user.preferences.get(ADMIN):
                return _refusal(data, "not-admin")
            self._workers.submit(
                lambda: self._examined(data),
                lambda found: answer(found or _refusal(data, "doctor-failed")),
            )
            return None
        if data.action == "get":
            self._workers.submit(
                lambda: self._at_the_pbx(user.login),
                lambda known: answer(
                    _done(data, settings=self._settings(user, *(known or ((), False))))
                ),
            )
            return None
        return self._now(user, data)

    def _examined(self, data: SettingsRequestData) -> SettingsAnswer:
        language: Language = next((one for one in LANGUAGES if one == data.language), "en")
        try:
            return _done(data, findings=self._doctor.examine(language))
        except DoctorRefused as refused:
            return _refusal(data, str(refused))

    def _now(self, user: User, data: SettingsRequestData) -> SettingsAnswer:
        try:
            if data.action == "change":
                user = self._change(user, data.changes)
                return _done(data, settings=self._settings(user, (), False))
            if data.action in ("private-add", "private-remove"):
                self._site.change(user.login, data)
                return _done(data, settings=self._settings(user, (), False))
        except ChangeRefused as refused:
            return _refusal(data, "invalid", field=str(refused))
        if data.action == "colleagues":
            names = {one.login: one.name for one in self._users.all() if one.name}
            return _done(data, colleagues=self._colleagues(user.login), names=names)
        return _done(data, users=self._everybody(user))

    def _settings(self, user: User, phones: tuple[str, ...], control: bool) -> UserSettings:
        preferences = user.preferences
        wishes = UserPreferences.of(user)
        peace = wishes.undisturbed(datetime.now(UTC)) and wishes.do_not_disturb
        quiet = preferences.get("quiet_hours")
        return UserSettings(
            name=user.name, extension=user.extension, phone=user.phone, phones=phones,
            autostart=user.autostart, action=user.action, triggers=user.triggers,
            internal=user.internal, do_not_disturb=peace,
            quiet_hours=(quiet,) if isinstance(quiet, str) else quiet,
            delay=preferences.get("delay"), language=preferences.get(LANGUAGE) or "",
            opener=preferences.get(OPENER) or "desktop", admin=bool(preferences.get(ADMIN)),
            private_numbers=self._site.count(user.login), control=control,
        )  # fmt: skip

    def _change(self, user: User, changes: dict[str, Any]) -> User:
        preferences = dict(user.preferences)
        fields: dict[str, Any] = {}
        for key, value in changes.items():
            if key in _FIELDS:
                fields[key] = value
            elif key == "triggers":
                fields["triggers"] = tuple(value) if isinstance(value, list) else ()
            elif key in _PREFERENCES:
                name, read = _PREFERENCES[key]
                preferences[name] = read(key, value)
            else:
                raise ChangeRefused(key)
        kept = {key: value for key, value in preferences.items() if value not in (None, False, "")}
        try:
            changed = self._users.change(user.login, **fields, preferences=kept)
        except ValidationError as error:
            raise ChangeRefused(str(error.errors()[0]["loc"][0])) from error
        self._on_change(changed)
        return changed

    def _colleagues(self, login: str) -> tuple[Colleague, ...]:
        roles = self._roles()
        if login not in roles.supervisors:
            return ()
        found = []
        for user in self._users.all():
            reads = dict(roles.readers_of(user.login)).get(login, ())
            if "state" in reads:
                found.append(
                    Colleague(
                        login=user.login, name=user.name or user.login, extension=user.extension,
                        reads=reads,
                    )
                )  # fmt: skip
        return tuple(found)

    def _everybody(self, user: User) -> tuple[UserSummary, ...]:
        if not user.preferences.get(ADMIN):
            return ()
        return tuple(
            UserSummary(
                login=one.login, name=one.name or one.login, on=one.on,
                enrolled=self._users.credential(one.login) is not None,
            )
            for one in self._users.all()
        )  # fmt: skip

    def _roles(self) -> Roles:
        try:
            return Roles.model_validate_json(self._roles_file.read_bytes())
        except (OSError, ValidationError):
            return Roles()

    def _at_the_pbx(self, login: str) -> tuple[tuple[str, ...], bool]:
        """Return the user's phones, and whether calls can be held and forwarded."""
        client = self._sessions.client_of(login)
        if client is None:
            return (), False
        try:
            return tuple(client.phones()), client.api == "v30"
        except PbxFailure:
            return (), False

    def _command(self, login: str, data: SettingsRequestData) -> str | None:
        client = self._sessions.client_of(login)
        if client is None or data.call_id is None:
            return "no-session"
        try:
            if data.action == "hang-up":
                client.hang_up(data.call_id)
            elif data.action == "hold":
                client.hold(data.call_id)
            else:
                client.forward(data.call_id, data.extension or "")
        except UnsupportedByApi:
            return "needs-v30"
        except PbxFailure as failure:
            log.warning("call not changed user=%s reason=%s", login, type(failure).__name__)
            return "pbx"
        return None


class DoctorRefused(Exception):
    """The doctor did not examine the site; the argument is a code."""


class SiteDoctor:
    """One examination at a time; `command` prints its findings as JSON."""

    def __init__(self, command: Sequence[str], within: float = _DOCTOR_WITHIN) -> None:
        self._command = command
        self._within = within
        self._running = threading.Lock()

    def examine(self, language: Language) -> tuple[DoctorFinding, ...]:
        """Return what was found, in a language; raise DoctorRefused."""
        if not self._running.acquire(blocking=False):
            raise DoctorRefused("doctor-running")
        try:
            done = subprocess.run(
                [*self._command, "--lang", language],
                stdin=subprocess.DEVNULL, capture_output=True, timeout=self._within, check=False,
            )  # fmt: skip
            findings = _FINDINGS.validate_json(done.stdout)
        except (OSError, subprocess.TimeoutExpired, ValidationError) as error:
            log.warning("doctor did not examine the site reason=%s", type(error).__name__)
            raise DoctorRefused("doctor-failed") from None
        finally:
            self._running.release()
        words = catalogue(language)
        return tuple(
            one.model_copy(
                update={
                    "check": words.get(f"doctor.check.{one.check.replace(' ', '-')}", one.check)
                }
            )
            for one in findings
        )


class SiteNumbers:
    """The private numbers of the site's users; of a number only a keyed mark is kept."""

    def __init__(self, folder: Path, site_key: bytes, profile: NumberProfile) -> None:
        self._folder = folder
        self._key = site_key
        self._profile = profile

    def count(self, login: str) -> int:
        """Return how many private numbers a user has."""
        return sum(one.user == login for one in read_list(self._folder / NAME))

    def change(self, login: str, data: SettingsRequestData) -> None:
        """Add or remove a private number; raise ChangeRefused for what is no number."""
        read = read_number(data.number or "", self._profile)
        number = read.e164 or read.short
        if not number:
            raise ChangeRefused("number")
        with changing(self._folder) as numbers:
            if data.action == "private-add":
                one = entry(self._key, login, number, f"{datetime.now().astimezone():%Y-%m-%d}")
                numbers.setdefault(one.mark, one)
            elif numbers.pop(number_mark(self._key, login, number), None) is None:
                raise ChangeRefused("number")


def _read_peace(key: str, value: Any) -> bool | str:
    if isinstance(value, bool):
        return value
    try:
        end = datetime.fromisoformat(str(value)).astimezone()
    except ValueError:
        raise ChangeRefused(key) from None
    if end <= datetime.now(UTC):
        raise ChangeRefused(key)
    return end.isoformat(timespec="seconds")


def _read_quiet(key: str, value: Any) -> list[str] | None:
    if value is None:
        return None
    try:
        for span in value:
            read_hours(str(span))
    except (HoursRefused, TypeError):
        raise ChangeRefused(key) from None
    return [str(span) for span in value]


def _read_delay(key: str, value: Any) -> float | None:
    if value is None:
        return None
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not 0 <= value <= _LONGEST_DELAY
    ):
        raise ChangeRefused(key)
    return float(value)


def _word(*words: str) -> Callable[[str, Any], str]:
    def read(key: str, value: Any) -> str:
        if value not in words:
            raise ChangeRefused(key)
        return str(value)

    return read


_PREFERENCES: dict[str, tuple[str, Callable[[str, Any], Any]]] = {
    "do_not_disturb": ("do_not_disturb", _read_peace),
    "quiet_hours": ("quiet_hours", _read_quiet),
    "delay": ("delay", _read_delay),
    "language": (LANGUAGE, _word("", *LANGUAGES)),
    "opener": (OPENER, _word("panel", "desktop")),
}


def _done(data: SettingsRequestData, **content: Any) -> SettingsAnswer:
    facts = {
        "actions": list(get_args(Action)), "triggers": list(get_args(Trigger)),
        "internals": list(get_args(Internal)),
    }  # fmt: skip
    return SettingsAnswer(
        data=SettingsAnswerData(request_id=data.request_id, facts=facts, **content)
    )


def _refusal(data: SettingsRequestData, code: str, **values: str) -> SettingsAnswer:
    said: Sentence = sentence(f"panel.refused.{code}", **values)
    return SettingsAnswer(
        data=SettingsAnswerData(request_id=data.request_id, code=code, sentence=said)
    )
