from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from bus.seal import Seal, SealBroken, new_key, read_seal
from bus.settings import SettingsRefused
from consumers.users import User, Users, UserUnknown
from starface.token import Credential, derive

TOKEN = derive("sha512", "0011", "Geheim#2024")


@pytest.fixture
def seal() -> Seal:
    return Seal(new_key())


@pytest.fixture
def users(tmp_path: Path, seal: Seal) -> Iterator[Users]:
    with Users(tmp_path / "site.db", seal) as users:
        yield users


def test_a_user_is_kept_with_what_he_chose(users: Users) -> None:
    anna = User(login="0011", name="Anna", triggers=("ringing", "outgoing"), preferences={"a": 1})

    users.add(anna, TOKEN)

    assert users.get("0011") == anna
    assert users.credential("0011") == TOKEN


def test_a_token_lies_sealed_and_a_password_nowhere(users: Users, tmp_path: Path) -> None:
    users.add(User(login="0011"), TOKEN)

    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())

    assert TOKEN.secret.get_secret_value().encode() not in stored
    assert b"Geheim" not in stored


def test_a_token_opens_with_its_own_seal_only(users: Users, tmp_path: Path) -> None:
    users.add(User(login="0011"), TOKEN)

    with Users(tmp_path / "site.db", Seal(new_key())) as others, pytest.raises(SealBroken):
        others.credential("0011")


def test_a_change_keeps_the_token(users: Users) -> None:
    users.add(User(login="0011"), TOKEN)

    users.change("0011", wanted=False)

    assert users.get("0011").on is False
    assert users.credential("0011") == TOKEN


def test_the_last_click_counts_and_before_any_the_autostart(users: Users) -> None:
    assert User(login="1").on
    assert not User(login="1", autostart=False).on
    assert User(login="1", autostart=False, wanted=True).on


def test_a_refreshed_token_replaces_the_old_one(users: Users) -> None:
    users.add(User(login="0011"), TOKEN)
    fresh = Credential("oauth", SecretStr("refresh"))

    users.keep_credential("0011", fresh)

    assert users.credential("0011") == fresh


def test_a_removed_user_is_unknown(users: Users) -> None:
    users.add(User(login="0011"), TOKEN)
    users.remove("0011")

    with pytest.raises(UserUnknown, match="user add 0011"):
        users.get("0011")


@pytest.mark.parametrize("login", ["gateway", "caller-2", "cli-1", "+", "a#", "", "x" * 49])
def test_a_login_that_would_open_foreign_topics_is_refused(login: str) -> None:
    with pytest.raises(ValidationError):
        User(login=login)


def test_a_database_others_may_read_is_refused(users: Users, tmp_path: Path) -> None:
    users.add(User(login="0011"))
    (tmp_path / "site.db").chmod(0o640)

    with pytest.raises(SettingsRefused, match="chmod 600"):
        Users(tmp_path / "site.db")


def test_a_missing_seal_key_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match="starface2mqtt init"):
        read_seal(tmp_path / "seal.key")
