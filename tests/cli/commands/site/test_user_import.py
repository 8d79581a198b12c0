from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bus.settings import read_accounts
from cli.app import app
from cli.commands.site.user_import import ListedUser, from_table, plan
from cli.site.context import CommandFailed
from cli.site.files import make_site, read_roles, seal
from cli.site.settings import Settings
from consumers.users import User, Users
from starface.simulator import SimulatedUser, Simulator

PEOPLE = (
    SimulatedUser("21", "Geheim#2024", "21", "Anna Beispiel", groups=("7",)),
    SimulatedUser("22", "Muster!12", "22", "Bernd Muster", groups=("7",)),
    SimulatedUser("23", "Roth?1313", "23", "Clara Roth"),
)


@pytest.fixture
def pbx() -> Iterator[Simulator]:
    with Simulator(PEOPLE) as pbx:
        yield pbx


@pytest.fixture
def site(tmp_path: Path, pbx: Simulator) -> Settings:
    fields = {"host": "127.0.0.1", "port": pbx.port, "scheme": "http"}
    return make_site(tmp_path / "site", {"starface": fields, "site": {"language": "en"}})


def _run(site: Settings, *words: str, typed: str = "") -> Result:
    return CliRunner().invoke(
        app, ["--config", str(site.file), *words], input=typed,
        env={"STARFACE_PASSWORD": PEOPLE[0].password},
    )  # fmt: skip


def _logins(site: Settings) -> list[str]:
    with Users(site.database) as users:
        return [user.login for user in users.all()]


def test_users_come_from_the_pbx_without_anybodys_password(site: Settings) -> None:
    done = _run(site, "user", "import", "--as", "21", "--yes")

    assert done.exit_code == 0, done.output
    assert "3 new, 0 changed" in done.output
    with Users(site.database, seal(site)) as users:
        assert [(u.login, u.extension, u.name) for u in users.all()] == [
            (each.login, each.extension, each.name) for each in PEOPLE
        ]
        assert users.credential("21") is None
    accounts = read_accounts(site.broker.accounts_file)
    assert {"21", "caller-for-21", "23", "caller-for-23"} <= set(accounts)
    again = _run(site, "user", "import", "--as", "21", "--yes")
    assert "0 new, 0 changed, 3 unchanged" in again.output


def test_what_changes_is_shown_before_it_counts(site: Settings) -> None:
    shown = _run(site, "user", "import", "--as", "21", "--dry-run")
    refused = _run(site, "user", "import", "--as", "21", typed="n\n")

    assert "+ 21  21  Anna Beispiel" in shown.output
    assert refused.exit_code != 0
    assert _logins(site) == []


def test_choices_stay_and_who_left_is_removed_on_request(site: Settings, tmp_path: Path) -> None:
    with Users(site.database) as users:
        users.add(User(login="21", extension="21", action="dossier"))
        users.add(User(login="99", extension="99"))
    file = tmp_path / "users.csv"
    file.write_text("Login;Name;Nebenstelle\n21;Anna Neu;21\n", encoding="utf-8-sig")

    kept = _run(site, "user", "import", str(file), "--yes")
    assert "- 99  is not listed any more" in kept.output
    assert _logins(site) == ["21", "99"]
    removed = _run(site, "user", "import", str(file), "--remove", "--yes")

    assert removed.exit_code == 0, removed.output
    assert _logins(site) == ["21"]
    with Users(site.database) as users:
        assert (users.get("21").name, users.get("21").action) == ("Anna Neu", "dossier")


def test_who_cannot_be_a_user_is_named_and_the_others_come(tmp_path: Path) -> None:
    listed = [
        ListedUser("gateway"), ListedUser("x" * 60), ListedUser("31", extension="32"),
        ListedUser("33"), ListedUser("33"),
    ]  # fmt: skip
    with Users(tmp_path / "site.db") as users:
        wanted = plan(users, listed, may_differ=False)

    assert [user.login for user in wanted.added] == ["33"]
    assert [line.partition(":")[0] for line in wanted.refused] == ["gateway", "x" * 60, "31", "33"]


def test_a_table_without_logins_is_refused_with_what_is_known(tmp_path: Path) -> None:
    file = tmp_path / "users.csv"
    file.write_text("a,b\n1,2\n")

    with pytest.raises(CommandFailed, match="'login'; known"):
        from_table(file)


def test_a_table_of_windows_is_read(tmp_path: Path) -> None:
    file = tmp_path / "users.csv"
    file.write_bytes("Benutzer;Anzeigename;Gruppen\r\n21;Jörg Weiß;A|B\r\n\r\n".encode("cp1252"))

    assert from_table(file) == [ListedUser("21", "Jörg Weiß", "", ("A", "B"))]


def test_groups_follow_those_of_the_pbx_once_that_is_confirmed(site: Settings) -> None:
    _run(site, "user", "import", "--as", "21", "--yes")
    _run(site, "group", "add", "Own", "23")

    shown = _run(site, "group", "sync", "--as", "21", "--dry-run")
    assert "Kanzlei: +21 +22" in shown.output
    assert "Kanzlei" not in read_roles(site).groups
    _run(site, "group", "sync", "--as", "21", "--yes")

    assert read_roles(site).groups == {"Own": ("23",), "Kanzlei": ("21", "22")}
    assert "as STARFACE has them" in _run(site, "group", "sync", "--as", "21").output


def test_the_groups_of_a_table_are_filled_and_nobody_leaves_them(
    site: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "users.csv"
    file.write_text("login,groups\n21,Office|Law\n22,Office\n31 ,\ngateway,Office\n")
    _run(site, "user", "import", str(file), "--yes")
    file.write_text("login,groups\n21,\n22,Law\n")
    again = _run(site, "user", "import", str(file), "--yes")

    assert "group Law: +22" in again.output
    assert read_roles(site).groups == {"Office": ("21", "22"), "Law": ("21", "22")}


def test_many_users_are_set_at_once(site: Settings, tmp_path: Path) -> None:
    _run(site, "user", "import", "--as", "21", "--yes")
    _run(site, "group", "add", "Partners", "21", "22")
    (tmp_path / "some.txt").write_text("23\n\n")

    _run(site, "user", "set", "--group", "Partners", "--action", "dossier")
    _run(site, "user", "set", "--file", str(tmp_path / "some.txt"), "--action", "none")
    assert "users changed: 3" in _run(site, "user", "set", "--all", "--internal", "notify").output

    with Users(site.database) as users:
        assert [(u.action, u.internal) for u in users.all()] == [
            ("dossier", "notify"), ("dossier", "notify"), ("none", "notify"),
        ]  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [[], ["21", "--all"], ["--all", "--name", "X"], ["--all", "--phone", "SIP/1"]],
)
def test_whose_settings_are_meant_has_to_be_clear(site: Settings, words: list[str]) -> None:
    _run(site, "user", "import", "--as", "21", "--yes")

    assert isinstance(_run(site, "user", "set", *words).exception, CommandFailed)


def test_one_unknown_user_in_a_file_changes_nobody(site: Settings, tmp_path: Path) -> None:
    _run(site, "user", "import", "--as", "21", "--yes")
    (tmp_path / "some.txt").write_text("21\n99\n")

    done = _run(site, "user", "set", "--file", str(tmp_path / "some.txt"), "--action", "none")

    assert "99" in str(done.exception)
    with Users(site.database) as users:
        assert users.get("21").action != "none"
