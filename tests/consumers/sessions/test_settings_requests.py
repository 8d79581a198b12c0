import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bus.access.roles import Right, Roles
from bus.mqtt.requests import Requester
from bus.numbers.number import NumberProfile
from bus.panel_events import SettingsAnswerData, SettingsRequest, SettingsRequestData
from consumers.sessions.settings_requests import SettingsRequests, SiteDoctor, SiteNumbers
from consumers.users import User, Users
from runtime.secret_box import SecretBox, new_key
from starface.failures import UnsupportedByApi

_FOUND = """print('[{"check": "broker", "level": "ok", "text": "well"}]')"""
_DOCTOR = (sys.executable, "-c", _FOUND)


class AtOnce:
    """A pool without threads."""

    def submit(self, task: Any, then: Any) -> None:
        then(task())


class Client:
    """A client of a PBX that speaks v22."""

    api = "v22"

    def __init__(self) -> None:
        self.commands: list[tuple[str, ...]] = []

    def phones(self) -> list[str]:
        return ["SIP/11"]

    def hang_up(self, call_id: str) -> bool:
        self.commands.append(("hang-up", call_id))
        return True

    def hold(self, call_id: str) -> None:
        raise UnsupportedByApi("hold")

    def forward(self, call_id: str, extension: str) -> None:
        self.commands.append(("forward", call_id, extension))


class Clients:
    """One client, or none."""

    def __init__(self) -> None:
        self.client: Any = Client()

    def client_of(self, login: str) -> Any:
        return self.client


class Office:
    """The requests with all they need; answers are kept."""

    def __init__(self, users: Users, folder: Path) -> None:
        self.clients = Clients()
        self.changed: list[User] = []
        self.answers: list[SettingsAnswerData] = []
        workers: Any = AtOnce()
        logins: Any = None
        numbers = SiteNumbers(folder, b"k" * 32, NumberProfile(country="CH", area_code="44"))
        self.requests = SettingsRequests(
            users, logins, self.clients, workers, folder / "roles.json", numbers,
            self.changed.append, SiteDoctor(_DOCTOR),
        )  # fmt: skip
        self.requests._responder = self  # type: ignore[assignment]

    def answer(self, _requester: Requester, answer: Any) -> None:
        self.answers.append(answer.data)

    def ask(self, action: Any, **content: Any) -> SettingsAnswerData:
        request = SettingsRequest(data=SettingsRequestData(action=action, **content))
        at_once = self.requests.handle(request, Requester("0011", "topic", None))
        return at_once.data if at_once is not None else self.answers.pop()


@pytest.fixture
def users(tmp_path: Path) -> Iterator[Users]:
    with Users(tmp_path / "site.db", SecretBox(new_key())) as users:
        users.add(User(login="0011", name="Anna", extension="11"))
        users.add(User(login="0012", name="Bernd", extension="12"))
        yield users


@pytest.fixture
def office(users: Users, tmp_path: Path) -> Office:
    return Office(users, tmp_path)


def test_settings_are_what_the_user_chose_and_the_pbx_knows(office: Office) -> None:
    settings = office.ask("get").settings

    assert settings is not None
    assert (settings.name, settings.phones, settings.control) == ("Anna", ("SIP/11",), False)
    assert settings.triggers == ("ringing", "party-change")


def test_changes_are_kept_and_reported(office: Office, users: Users) -> None:
    until = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)
    changes = {
        "action": "dossier", "triggers": ["connected"], "internal": "notify", "delay": 2,
        "quiet_hours": ["18:00-07:00"], "do_not_disturb": until.isoformat(), "language": "fr",
        "opener": "desktop", "phone": "SIP/11", "autostart": False,
    }  # fmt: skip

    settings = office.ask("change", changes=changes).settings

    assert settings is not None
    assert (settings.action, settings.triggers) == ("dossier", ("connected",))
    assert (settings.quiet_hours, settings.delay) == (("18:00-07:00",), 2.0)
    assert settings.do_not_disturb == until
    assert (settings.language, settings.opener) == ("fr", "desktop")
    assert users.get("0011").autostart is False
    assert [one.login for one in office.changed] == ["0011"]


@pytest.mark.parametrize(
    "changes",
    [
        {"action": "explode"}, {"triggers": ["sometimes"]}, {"internal": "x"}, {"delay": 21},
        {"delay": True}, {"delay": "2"}, {"quiet_hours": ["late"]}, {"quiet_hours": 7},
        {"do_not_disturb": "2020-01-01T00:00:00Z"}, {"do_not_disturb": "soon"},
        {"language": "xx"}, {"opener": "nobody"}, {"admin": True}, {"login": "0012"},
        {"preferences": {"admin": True}}, {"panel_since": "2020-01-01T00:00:00Z"},
    ],
)  # fmt: skip
def test_what_is_no_setting_changes_nothing(
    office: Office, users: Users, changes: dict[str, Any]
) -> None:
    before = users.get("0011")

    answer = office.ask("change", changes=changes)

    assert answer.code == "invalid"
    assert answer.sentence is not None
    assert users.get("0011") == before


def test_private_numbers_are_counted_and_never_shown(office: Office, tmp_path: Path) -> None:
    settings = office.ask("private-add", number="044 123 45 67").settings

    assert settings is not None
    assert settings.private_numbers == 1
    assert not any(b"1234567" in one.read_bytes() for one in tmp_path.glob("private*"))
    assert office.ask("private-add", number="no number").code == "invalid"
    removed = office.ask("private-remove", number="+41 44 123 45 67").settings
    assert removed is not None
    assert removed.private_numbers == 0


def test_colleagues_are_those_whose_state_one_may_read(office: Office, tmp_path: Path) -> None:
    others = office.ask("colleagues")
    assert (others.colleagues, others.names.get("0012")) == ((), "Bernd")
    roles = Roles()
    roles.supervise("0011", Right(reads=("state",)), ["0012"], ())
    (tmp_path / "roles.json").write_text(roles.model_dump_json())

    [colleague] = office.ask("colleagues").colleagues

    assert (colleague.login, colleague.name, colleague.extension) == ("0012", "Bernd", "12")


def test_only_an_administrator_has_the_site_examined(office: Office, users: Users) -> None:
    assert office.ask("doctor").code == "not-admin"
    users.change("0011", preferences={"admin": True})

    assert [one.text for one in office.ask("doctor").findings] == ["well"]


def test_only_an_administrator_sees_the_users(office: Office, users: Users) -> None:
    assert office.ask("status").users == ()
    users.change("0011", preferences={"admin": True})

    assert [one.login for one in office.ask("status").users] == ["0011", "0012"]


def test_a_running_call_is_commanded_as_far_as_the_pbx_can(office: Office) -> None:
    assert office.ask("hang-up", call_id="c1").code is None
    assert office.ask("hold", call_id="c1").code == "needs-v30"
    assert office.ask("forward", call_id="c1", extension="12").code is None
    assert office.clients.client.commands == [("hang-up", "c1"), ("forward", "c1", "12")]
    office.clients.client = None
    assert office.ask("hang-up", call_id="c1").code == "no-session"
