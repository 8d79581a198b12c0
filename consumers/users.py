"""The users of the PBX: who they are, what they chose, and their sealed tokens."""

import json
import logging
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

from bus.events import Action, UserName
from bus.settings import SettingsRefused
from consumers.preferences import Actions, Hours, HoursRefused, Trigger, read_hours
from runtime.bounded_dict import Recent
from runtime.sqlite import open_database
from starface.credential import Credential

if TYPE_CHECKING:
    from runtime.secret_box import SecretBox

log = logging.getLogger(__name__)

Internal = Literal["ignore", "notify", "pop"]

RESERVED = ("gateway", "sessions", "caller", "dial", "journal", "panel", "cli", "desktop", "admin")
_LONGEST = 48  # bytes of a login; more does not fit into a callback path
_BEFORE: tuple[Trigger, ...] = ("ringing", "connected", "ended", "outgoing")  # of old releases
_WITH_ANY: frozenset[Trigger] = frozenset({"ringing", "connected", "outgoing"})
REMEDY = (
    "it holds users, their tokens and contacts: restore it from a backup, or begin without"
    " (mv {path} {path}.damaged), then add users and import contacts again"
)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS users (login TEXT PRIMARY KEY, name TEXT, extension TEXT, phone TEXT,
    autostart INTEGER, wanted INTEGER, action TEXT, triggers TEXT, internal TEXT, preferences TEXT,
    plan TEXT, token_kind TEXT, token_sealed TEXT, changed_at TEXT);
"""


class UserUnknown(Exception):
    """There is no user with this login."""


class User(BaseModel):
    """A person whose telephone it is; `wanted` is the last click on the icon, None before any."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    login: UserName
    name: str = Field(default="", max_length=256)
    extension: str = Field(default="", max_length=32)
    phone: str = Field(default="", max_length=128)  # phone id at the PBX; empty: the primary one
    autostart: bool = True
    wanted: bool | None = None
    action: Action = "matter-or-dossier"
    triggers: tuple[Trigger, ...] = ("ringing", "party-change")
    actions: Actions = {}  # of triggers that have another action than the user's
    internal: Internal = "ignore"
    preferences: dict[str, Any] = {}

    @field_validator("login")
    @classmethod
    def _fits(cls, login: str) -> str:
        if login in RESERVED or login.startswith(tuple(f"{name}-" for name in RESERVED)):
            raise ValueError("this login is the name of a broker account of starface2mqtt")
        if len(login.encode()) > _LONGEST:
            raise ValueError(f"a login may have {_LONGEST} bytes at most")
        return login

    @property
    def on(self) -> bool:
        """Whether the interface is to run: the last choice, before any the autostart."""
        return self.autostart if self.wanted is None else self.wanted

    def action_on(self, trigger: Trigger) -> Action:
        """Return what opens on a trigger."""
        return self.actions.get(trigger, self.action)


@dataclass(frozen=True)
class UserPreferences:
    """What a user prefers beyond action and trigger."""

    do_not_disturb: bool | datetime = False
    quiet_hours: tuple[Hours, ...] | None = None  # None: the office's
    delay: float | None = None  # seconds; None: the office's

    @classmethod
    def of(cls, user: User) -> "UserPreferences":
        """Read a user's preferences; what cannot be read counts as not said."""
        preferences = user.preferences
        return cls(
            _disturbance(preferences.get("do_not_disturb")),
            _quiet(preferences.get("quiet_hours")),
            _seconds(preferences.get("delay")),
        )

    def undisturbed(self, now: datetime) -> bool:
        """Return whether the user wants to be left alone."""
        if isinstance(self.do_not_disturb, datetime):
            return now < self.do_not_disturb
        return self.do_not_disturb

    def hours_or(self, office: tuple[str, ...]) -> tuple[Hours, ...]:
        """Return the user's quiet hours, or the office's."""
        if self.quiet_hours is not None:
            return self.quiet_hours
        return tuple(read_hours(hours) for hours in office)


def _disturbance(value: Any) -> bool | datetime:
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value).astimezone()
        except ValueError:
            return value.strip().lower() in ("on", "true", "yes")
    return bool(value)


def _quiet(value: Any) -> tuple[Hours, ...] | None:
    if value is None:
        return None
    spans = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    try:
        return tuple(read_hours(str(span)) for span in spans)
    except HoursRefused:
        log.warning("quiet hours of a user cannot be read, the office's count")
        return None


def _seconds(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return min(max(float(value), 0.0), 20.0)


class Users:
    """The users in the site's database; use it in a `with` block, from one thread."""

    def __init__(self, path: Path, seal: "SecretBox | None" = None) -> None:
        self._seal = seal
        self._db = open_database(
            path, _SCHEMA, durable=True, only_owner=True, irreplaceable=True, remedy=REMEDY
        )
        self._db.row_factory = sqlite3.Row
        self._read: Recent[str, tuple[sqlite3.Row, User]] = Recent()  # as long as it is stored so
        _add_plan(self._db)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def find(self, login: str) -> User | None:
        """Return the user with this login, None if there is none."""
        row = self._db.execute("SELECT * FROM users WHERE login = ?", [login]).fetchone()
        if row is None:
            return None
        stored, found = self._read.get(login, (None, None))
        if found is None or stored != row:
            found = _user(row)
            self._read[login] = row, found
        return found

    def get(self, login: str) -> User:
        """Return the user with this login; raise UserUnknown."""
        user = self.find(login)
        if user is None:
            raise UserUnknown(
                f"there is no user {login!r}; add one with: starface2mqtt user add {login}"
            )
        return user

    def all(self) -> list[User]:
        """Return every user, in the order of their logins."""
        return [_user(row) for row in self._db.execute("SELECT * FROM users ORDER BY login")]

    def active(self) -> list[str]:
        """Return the logins of those whose interface is to run, without reading more of them."""
        rows = self._db.execute(
            "SELECT login FROM users WHERE ifnull(wanted, autostart) ORDER BY login"
        )
        return [row["login"] for row in rows]

    def add(self, user: User, credential: Credential | None = None) -> None:
        """Keep a user by login; without a credential the old one stays."""
        row: dict[str, Any] = {
            "login": user.login,
            "name": user.name,
            "extension": user.extension,
            "phone": user.phone,
            "autostart": int(user.autostart),
            "wanted": None if user.wanted is None else int(user.wanted),
            "action": user.action,
            "triggers": ",".join(one for one in user.triggers if one in _BEFORE),
            "plan": json.dumps({one: user.actions.get(one, "") for one in user.triggers}),
            "internal": user.internal,
            "preferences": json.dumps(user.preferences),
            "changed_at": datetime.now(UTC).isoformat(),
        }
        if credential is not None:
            row |= self._sealed(credential)
        names = ", ".join(row)
        changes = ", ".join(f"{name} = excluded.{name}" for name in row if name != "login")
        self._db.execute(
            f"INSERT INTO users ({names}) VALUES ({', '.join('?' * len(row))}) "  # noqa: S608
            f"ON CONFLICT (login) DO UPDATE SET {changes}",
            list(row.values()),
        )

    def change(self, login: str, **changes: Any) -> User:
        """Change some fields of a user; raise UserUnknown or ValidationError."""
        user = User.model_validate(self.get(login).model_dump() | changes)
        self.add(user)
        return user

    def remove(self, login: str) -> None:
        """Forget a user and the token; raise UserUnknown."""
        self.get(login)
        self._db.execute("DELETE FROM users WHERE login = ?", [login])

    def credential(self, login: str) -> Credential | None:
        """Return what a user logs in with, None if it is not known; raise SealBroken."""
        row = self._db.execute(
            "SELECT token_kind, token_sealed FROM users WHERE login = ?", [login]
        ).fetchone()
        if not row or not row["token_sealed"] or self._seal is None:
            return None
        return Credential(kind=row["token_kind"], secret=self._seal.open(row["token_sealed"]))

    def keep_credential(self, login: str, credential: Credential) -> None:
        """Replace what a user logs in with, such as a refreshed OAuth token."""
        row = self._sealed(credential)
        self._db.execute(
            "UPDATE users SET token_kind = ?, token_sealed = ? WHERE login = ?",
            [row["token_kind"], row["token_sealed"], login],
        )

    def _sealed(self, credential: Credential) -> dict[str, str]:
        if self._seal is None:
            raise SettingsRefused("without the seal key no token can be kept")
        return {"token_kind": credential.kind, "token_sealed": self._seal.close(credential.secret)}


def _add_plan(db: sqlite3.Connection) -> None:
    """Let a database of an earlier release hold an action for each trigger."""
    if not any(row["name"] == "plan" for row in db.execute("PRAGMA table_info(users)")):
        try:
            db.execute("ALTER TABLE users ADD COLUMN plan TEXT")
        except sqlite3.OperationalError as error:
            if "duplicate column" not in str(error):  # another process was faster
                raise


def _user(row: sqlite3.Row) -> User:
    stored = {key: row[key] for key in row.keys() if not key.startswith("token_")}  # noqa: SIM118
    stored["wanted"] = None if row["wanted"] is None else bool(row["wanted"])
    try:
        triggers, actions = _plan(row["plan"], row["triggers"])
        preferences = json.loads(row["preferences"] or "{}")
        return User.model_validate(
            stored | {"triggers": triggers, "actions": actions, "preferences": preferences}
        )
    except ValueError:  # a wrong octet in what one person chose keeps nobody from working
        log.error("choices cannot be read, so the usual ones count user=%s", row["login"])
        who = ("login", "name", "extension", "phone", "wanted")
        return User.model_validate({key: stored[key] for key in who})


def _plan(plan: str | None, triggers: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return triggers and their own actions, as they are kept now or by an earlier release.

    There a change of the party was answered by whatever trigger the call had reached. An earlier
    release that was put back for a while knows its own triggers only, and has the last word there.
    """
    before = tuple(part for part in triggers.split(",") if part)
    if plan is None:
        return ((*before, "party-change") if _WITH_ANY.intersection(before) else before), {}
    plan_of = {
        key: action
        for key, action in json.loads(plan).items()
        if key in get_args(Trigger) and (key in before or key not in _BEFORE)
    }
    plan_of |= {key: "" for key in before if key not in plan_of}
    return tuple(plan_of), {key: action for key, action in plan_of.items() if action}
