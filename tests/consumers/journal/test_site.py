from collections.abc import Iterator
from pathlib import Path

import pytest

from bus.access.roles import Right, Roles
from bus.numbers.private_numbers import PrivateNumbers
from consumers.journal.site import JournalSite
from consumers.users import User, Users
from runtime.secret_box import SecretBox, new_key


@pytest.fixture
def users(tmp_path: Path) -> Iterator[Users]:
    with Users(tmp_path / "site.db", SecretBox(new_key())) as users:
        users.add(User(login="0011", name="Anna", extension="11"))
        users.add(User(login="0012"))
        yield users


def _site(users: Users, folder: Path, roles: Roles, time: list[float]) -> JournalSite:
    return JournalSite(users, PrivateNumbers(folder, b"k" * 32), lambda: roles, lambda: time[0])


def test_users_are_known_by_login_and_extension(users: Users, tmp_path: Path) -> None:
    site = _site(users, tmp_path, Roles(), [0.0])

    assert (site.extension_of("0011"), site.login_of("11"), site.name_of("0011")) == (
        "11", "0011", "Anna",
    )  # fmt: skip
    assert (site.extension_of("0012"), site.name_of("0012")) == ("0012", "0012")
    assert (site.extension_of("0099"), site.login_of("99")) == ("", None)
    assert not site.is_private("0011", "+41441234567")


def test_a_new_user_is_known_after_some_seconds(users: Users, tmp_path: Path) -> None:
    time = [0.0]
    site = _site(users, tmp_path, Roles(), time)
    assert site.logins() == {"0011", "0012"}
    users.add(User(login="0013"))
    assert site.is_user("0013")

    time[0] = 10.0

    assert "0013" in site.logins()


def test_who_may_read_records_is_a_role(users: Users, tmp_path: Path) -> None:
    roles = Roles()
    roles.supervise("0011", Right(reads=("records",)), ["0012"], ())
    site = _site(users, tmp_path, roles, [0.0])

    assert site.may_read("0011", "0012")
    assert not site.may_read("0012", "0011")
