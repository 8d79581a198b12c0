import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from bus.settings import SettingsRefused
from consumers.users import User, Users, UserUnknown
from runtime.secret_box import SealBroken, SecretBox, new_key, read_secret_box
from starface.credential import Credential, derive

TOKEN = derive("sha512", "0011", "Geheim#2024")


@pytest.fixture
def seal() -> SecretBox:
    return SecretBox(new_key())


@pytest.fixture
def users(tmp_path: Path, seal: SecretBox) -> Iterator[Users]:
    with Users(tmp_path / "site.db", seal) as users:
        yield users


def test_a_user_is_kept_with_what_he_chose(users: Users) -> None:
    anna = User(login="0011", name="Anna", triggers=("ringing", "outgoing"), preferences={"a": 1})

    users.add(anna, TOKEN)

    assert users.get("0011") == anna
    assert users.credential("0011") == TOKEN


def test_a_user_is_read_again_when_another_process_has_changed_him(
    users: Users, tmp_path: Path
) -> None:
    users.add(User(login="0011", name="Anna"))
    read = users.find("0011")

    assert users.find("0011") is read
    with Users(tmp_path / "site.db") as others:
        others.change("0011", name="Anna Muster")
    assert users.get("0011").name == "Anna Muster"


def test_an_action_of_a_trigger_is_kept(users: Users) -> None:
    anna = User(login="0011", triggers=("connected", "click"), actions={"click": "dossier"})

    users.add(anna)

    assert users.get("0011") == anna


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("ringing", ("ringing", "party-change")),
        ("connected,ended", ("connected", "ended", "party-change")),
        ("outgoing", ("outgoing", "party-change")),
        ("ended", ("ended",)),
        ("", ()),
    ],
)
def test_a_user_of_an_earlier_release_keeps_what_opened_on_a_change_of_party(
    tmp_path: Path, seal: SecretBox, before: str, now: tuple[str, ...]
) -> None:
    path = tmp_path / "site.db"
    with Users(path, seal) as users:
        users.add(User(login="0011"), TOKEN)
    with closing(sqlite3.connect(path)) as db:
        db.execute("ALTER TABLE users DROP COLUMN plan")
        db.execute("UPDATE users SET triggers = ?", [before])
        db.commit()

    with Users(path, seal) as users, Users(path, seal) as others:
        assert users.get("0011").triggers == now
        users.change("0011", triggers=("ringing",))
        assert others.get("0011").triggers == ("ringing",)
        assert others.credential("0011") == TOKEN


@pytest.mark.parametrize(
    ("triggers", "back", "now", "actions"),
    [
        (("ringing", "party-change"), "connected", ("party-change", "connected"), {}),
        (("ringing", "click"), "ringing,ended", ("ringing", "click", "ended"), {}),
        (("ringing", "connected"), "connected", ("connected",), {"connected": "dossier"}),
        (("connected", "ringing"), "connected,ringing", ("connected", "ringing"),
         {"connected": "dossier"}),
        (("ringing",), "", (), {}),
    ],
)  # fmt: skip
def test_what_an_earlier_release_set_that_was_put_back_for_a_while_counts(
    users: Users, tmp_path: Path, triggers: tuple[str, ...], back: str, now: tuple[str, ...],
    actions: dict[str, str],
) -> None:  # fmt: skip
    own = {"connected": "dossier"} if "connected" in triggers else {}
    users.add(User.model_validate({"login": "0011", "triggers": triggers, "actions": own}))
    with closing(sqlite3.connect(tmp_path / "site.db")) as db:
        db.execute("UPDATE users SET triggers = ?", [back])
        db.commit()

    assert users.get("0011").triggers == now
    assert users.get("0011").actions == actions


def test_a_trigger_of_a_later_release_is_passed_over(users: Users, tmp_path: Path) -> None:
    users.add(User(login="0011"))
    with closing(sqlite3.connect(tmp_path / "site.db")) as db:
        db.execute("""UPDATE users SET plan = '{"ringing": "", "sneezing": "dossier"}'""")
        db.commit()

    assert users.get("0011").triggers == ("ringing",)
    assert users.get("0011").actions == {}


@pytest.mark.parametrize("column", ["plan", "preferences", "action", "internal"])
def test_what_one_person_chose_may_be_damaged_and_everybody_works(
    users: Users, tmp_path: Path, column: str
) -> None:
    users.add(User(login="0011", action="none"))
    users.add(User(login="0012", extension="12", action="none"))
    with closing(sqlite3.connect(tmp_path / "site.db")) as db, db:
        db.execute(f"UPDATE users SET {column} = '{{\"a' WHERE login = '0012'")  # noqa: S608

    anna, bernd = users.all()
    assert (anna.login, anna.action) == ("0011", "none")
    assert (bernd.login, bernd.extension, bernd.action) == ("0012", "12", User(login="x").action)


def test_a_token_lies_sealed_and_a_password_nowhere(users: Users, tmp_path: Path) -> None:
    users.add(User(login="0011"), TOKEN)

    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())

    assert TOKEN.secret.get_secret_value().encode() not in stored
    assert b"Geheim" not in stored


def test_a_token_opens_with_its_own_seal_only(users: Users, tmp_path: Path) -> None:
    users.add(User(login="0011"), TOKEN)

    with Users(tmp_path / "site.db", SecretBox(new_key())) as others, pytest.raises(SealBroken):
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


@pytest.mark.parametrize("login", ["gateway", "caller-2", "cli-1", "+", "", "x" * 49])
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
        read_secret_box(tmp_path / "seal.key")
