import json
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bus.mqtt.requests import Requester
from bus.panel_events import SettingsAnswer, SettingsRequest, SettingsRequestData
from consumers.sessions.enrolment import SINCE, Enrolment, PanelLogins, access_of, adopt_access
from consumers.users import User, Users
from runtime.secret_box import SecretBox, new_key
from starface.credential import Credential, derive
from starface.failures import LoginRefused, PbxUnreachable
from starface.request import Callback

KEY = new_key()
RIGHT = "Geheim#2024"
CALLBACK = Callback("http", "127.0.0.1", 8080, "/starface/x")


class Pbx:
    """Checks passwords as a PBX does, and counts."""

    def __init__(self) -> None:
        self.checked: list[tuple[str, Callback | None]] = []
        self.away = False

    def check(self, login: str, password: str, callback: Callback | None) -> Credential:
        self.checked.append((login, callback))
        if self.away:
            raise PbxUnreachable("away")
        if password != RIGHT:
            raise LoginRefused("refused")
        return derive("sha512", login, password)


class Keeper:
    """The session of everybody."""

    def __init__(self) -> None:
        self.reopened: list[str] = []

    def callback_of(self, login: str) -> Callback | None:
        return CALLBACK

    def reopen(self, login: str) -> None:
        self.reopened.append(login)


class AtOnce:
    """A pool without threads."""

    def submit(self, task: Any, then: Any) -> None:
        then(task())


@pytest.fixture
def pbx() -> Pbx:
    return Pbx()


@pytest.fixture
def keeper() -> Keeper:
    return Keeper()


@pytest.fixture
def users(tmp_path: Path) -> Iterator[Users]:
    with Users(tmp_path / "site.db", SecretBox(new_key())) as users:
        users.add(User(login="0011", name="Anna"))
        yield users


def logins(users: Users, pbx: Pbx, keeper: Keeper, enrolment: Enrolment = "listed") -> PanelLogins:
    workers: Any = AtOnce()
    return PanelLogins(users, SecretBox(KEY), pbx.check, keeper, workers, enrolment)


def log_in(
    to: PanelLogins, login: str = "0011", password: str = RIGHT, **content: Any
) -> str | None:
    sealed_content = {"login": login, "password": password, "at": time.time()} | content
    sealed = SecretBox(KEY).close(SecretStr(json.dumps(sealed_content)))
    return ask(to, login, sealed)


def ask(to: PanelLogins, login: str, sealed: str) -> str | None:
    answers: list[SettingsAnswer] = []
    request = SettingsRequest(data=SettingsRequestData(action="login", sealed=sealed))
    to.handle(request, Requester(login, "topic", None), answers.append)
    [answer] = answers
    return answer.data.code


def test_who_is_listed_becomes_active_by_logging_in(
    users: Users, pbx: Pbx, keeper: Keeper, tmp_path: Path
) -> None:
    assert users.credential("0011") is None

    assert log_in(logins(users, pbx, keeper)) is None

    assert users.credential("0011") == derive("sha512", "0011", RIGHT)
    assert access_of(users.get("0011")) is not None
    assert not any(RIGHT.encode() in one.read_bytes() for one in tmp_path.glob("site.db*"))


def test_the_check_names_the_sessions_callback_and_the_session_is_opened_again(
    users: Users, pbx: Pbx, keeper: Keeper
) -> None:
    log_in(logins(users, pbx, keeper))

    assert pbx.checked == [("0011", CALLBACK)]
    assert keeper.reopened == ["0011"]


def test_a_changed_password_is_put_right(users: Users, pbx: Pbx, keeper: Keeper) -> None:
    users.add(users.get("0011"), derive("sha512", "0011", "old"))

    assert log_in(logins(users, pbx, keeper)) is None

    assert users.credential("0011") == derive("sha512", "0011", RIGHT)


def test_a_login_leaves_settings_and_earlier_logins_as_they_are(
    users: Users, pbx: Pbx, keeper: Keeper
) -> None:
    to = logins(users, pbx, keeper)
    users.change("0011", action="dossier", preferences={"delay": 2.0})
    log_in(to)
    first = access_of(users.get("0011"))

    log_in(to)

    assert users.get("0011").action == "dossier"
    assert users.get("0011").preferences["delay"] == 2.0
    assert access_of(users.get("0011")) == first


def test_after_two_rejections_the_pbx_is_not_asked_any_more(
    users: Users, pbx: Pbx, keeper: Keeper
) -> None:
    to = logins(users, pbx, keeper)

    answers = [log_in(to, password="wrong") for _ in range(4)]

    assert answers == ["refused", "refused", "wait", "wait"]
    assert len(pbx.checked) == 2
    assert users.credential("0011") is None


def test_an_unknown_login_is_answered_as_a_known_one_and_the_pbx_not_asked(
    users: Users, pbx: Pbx, keeper: Keeper
) -> None:
    to = logins(users, pbx, keeper)

    assert [log_in(to, "9999", "wrong") for _ in range(3)] == ["refused", "refused", "wait"]
    assert pbx.checked == []


@pytest.mark.parametrize(
    ("enrolment", "login", "code"),
    [
        ("off", "0011", "refused"), ("listed", "0014", "refused"), ("any PBX user", "0014", None),
        ("any PBX user", "gateway", "refused"),
    ],
)  # fmt: skip
def test_who_may_enrol_is_the_sites_choice(
    users: Users, pbx: Pbx, keeper: Keeper, enrolment: Enrolment, login: str, code: str | None
) -> None:
    assert log_in(logins(users, pbx, keeper, enrolment), login) == code
    assert (users.find(login) is not None) == (code is None or login == "0011")


def test_who_is_enrolled_logs_in_where_enrolment_is_off(
    users: Users, pbx: Pbx, keeper: Keeper
) -> None:
    users.add(users.get("0011"), derive("sha512", "0011", RIGHT))

    assert log_in(logins(users, pbx, keeper, "off")) is None


def test_a_pbx_that_is_away_is_no_rejection(users: Users, pbx: Pbx, keeper: Keeper) -> None:
    to = logins(users, pbx, keeper)
    pbx.away = True

    assert [log_in(to) for _ in range(3)] == ["pbx"] * 3

    pbx.away = False
    assert log_in(to) is None


@pytest.mark.parametrize("content", [{"at": 0.0}, {"login": "0012"}])
def test_an_old_or_foreign_login_is_not_taken(
    users: Users, pbx: Pbx, keeper: Keeper, content: dict[str, Any]
) -> None:
    assert log_in(logins(users, pbx, keeper), **content) == "refused"
    assert pbx.checked == []


def test_another_key_is_said(users: Users, pbx: Pbx, keeper: Keeper) -> None:
    sealed = SecretBox(new_key()).close(SecretStr("{}"))

    assert ask(logins(users, pbx, keeper), "0011", sealed) == "other-key"


def test_who_logged_in_at_one_machine_stays_so_when_another_takes_over(
    users: Users, pbx: Pbx, keeper: Keeper, tmp_path: Path
) -> None:
    log_in(logins(users, pbx, keeper))
    published = access_of(users.get("0011"))
    assert published is not None

    with Users(tmp_path / "other.db") as others:
        others.add(User(login="0011", name="Anna", preferences={"delay": 2.0}))
        for user in ("0011", "0099"):
            adopt_access(others, published.model_copy(update={"user": user}))

        assert access_of(others.get("0011")) == published
        assert others.get("0011").preferences["delay"] == 2.0
        assert others.find("0099") is None


def test_a_logout_is_not_undone_by_what_another_machine_has_published_before(
    users: Users, pbx: Pbx, keeper: Keeper
) -> None:
    log_in(logins(users, pbx, keeper))
    published = access_of(users.get("0011"))
    assert published is not None
    logged_out = published.since + timedelta(hours=1)
    users.change("0011", preferences={SINCE: logged_out.isoformat()})

    adopt_access(users, published)

    now = access_of(users.get("0011"))
    assert now is not None
    assert now.since == logged_out
