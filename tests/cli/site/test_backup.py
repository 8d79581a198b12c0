import sqlite3
import tarfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bus.settings import SettingsRefused, read_accounts
from cli.app import app
from cli.commands.site.backup import UNITS
from cli.site.backup import restore_backup, write_backup
from cli.site.files import add_user_account, broker_folder, make_site
from cli.site.settings import Settings
from consumers.users import User, Users
from gateway.eventlog.file import NAME, identity, open_log
from tests.conftest import ROOT


@pytest.fixture
def site(tmp_path: Path) -> Settings:
    settings = make_site(tmp_path / "old", {"site": {"language": "en"}})
    with Users(settings.database) as users:
        users.add(User(login="0011"))
    add_user_account(settings, "0011")
    open_log(settings.site.data_folder, durable=True).close()
    return settings


def _identity(settings: Settings) -> str:
    with closing(open_log(settings.site.data_folder, durable=False)) as db:
        return identity(db)


@pytest.mark.parametrize("passphrase", [None, "correct horse"])
def test_a_site_comes_back_on_another_machine(
    site: Settings, tmp_path: Path, passphrase: str | None
) -> None:
    write_backup(site, tmp_path / "backup", passphrase)
    restored = restore_backup(tmp_path / "backup", tmp_path / "new", passphrase)

    with Users(restored.database) as users:
        assert [user.login for user in users.all()] == ["0011"]
    assert restored.site_key() == site.site_key()
    assert read_accounts(restored.broker.accounts_file) == read_accounts(site.broker.accounts_file)
    for name in ("acl", "passwords", "mosquitto.conf"):
        assert (broker_folder(restored) / name).exists()
    assert restored.site.data_folder == tmp_path / "new" / "data"


def test_a_restored_event_log_never_uses_a_number_twice(site: Settings, tmp_path: Path) -> None:
    write_backup(site, tmp_path / "backup")
    restored = restore_backup(tmp_path / "backup", tmp_path / "new")

    assert _identity(restored) != _identity(site)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    stopped = threading.Event()
    begun = threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=20)) as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("CREATE TABLE pairs (a, b)")
            number = 0
            while not stopped.is_set():
                db.execute("BEGIN IMMEDIATE")
                db.execute("INSERT INTO pairs VALUES (?, NULL)", (number,))
                db.execute("UPDATE pairs SET b = a WHERE b IS NULL")
                db.execute("COMMIT")
                number += 1
                begun.set()

    thread = threading.Thread(target=write)
    thread.start()
    assert begun.wait(20)
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def test_a_backup_taken_while_others_write_holds_whole_transactions(
    site: Settings, tmp_path: Path
) -> None:
    with _writing(site.site.data_folder / "busy.db"):
        write_backup(site, tmp_path / "backup")
    restored = restore_backup(tmp_path / "backup", tmp_path / "new")

    with closing(sqlite3.connect(restored.site.data_folder / "busy.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        found = db.execute("SELECT count(*), count(b) FROM pairs").fetchone()
    assert found[0] == found[1] > 0


def test_the_broker_reads_its_files_where_they_were_put_back_and_begins_without_sessions(
    site: Settings, tmp_path: Path
) -> None:
    (broker_folder(site) / "mosquitto.db").write_bytes(b"sessions, as only Mosquitto reads them")

    write_backup(site, tmp_path / "backup")
    broker = broker_folder(restore_backup(tmp_path / "backup", tmp_path / "new"))

    assert not (broker / "mosquitto.db").exists()
    conf = (broker / "mosquitto.conf").read_text()
    assert f"\npassword_file {broker}/passwords\n" in conf
    assert str(tmp_path / "old") not in conf


def test_an_existing_site_or_backup_is_never_overwritten(site: Settings, tmp_path: Path) -> None:
    write_backup(site, tmp_path / "backup")

    with pytest.raises(SettingsRefused, match="already"):
        write_backup(site, tmp_path / "backup")
    with pytest.raises(SettingsRefused, match="already"):
        restore_backup(tmp_path / "backup", None)


@pytest.mark.parametrize(
    ("passphrase", "said"), [(None, "sealed"), ("another", "another passphrase")]
)
def test_a_sealed_backup_needs_its_passphrase(
    site: Settings, tmp_path: Path, passphrase: str | None, said: str
) -> None:
    write_backup(site, tmp_path / "backup", "correct horse")

    with pytest.raises(SettingsRefused, match=said):
        restore_backup(tmp_path / "backup", tmp_path / "new", passphrase)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("passphrase", [None, "correct horse"])
def test_a_backup_that_was_cut_restores_nothing(
    site: Settings, tmp_path: Path, passphrase: str | None
) -> None:
    write_backup(site, tmp_path / "backup", passphrase)
    whole = (tmp_path / "backup").read_bytes()
    (tmp_path / "backup").write_bytes(whole[: len(whole) // 2])

    with pytest.raises(SettingsRefused, match="nothing was restored"):
        restore_backup(tmp_path / "backup", tmp_path / "new", passphrase)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["../outside", "/etc/outside"])
def test_a_backup_that_leads_out_of_its_folder_restores_nothing(tmp_path: Path, name: str) -> None:
    with tarfile.open(tmp_path / "backup", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo(name))

    with pytest.raises(SettingsRefused, match="nothing was restored"):
        restore_backup(tmp_path / "backup", tmp_path / "new")
    assert not (tmp_path / "outside").exists()


def test_a_backup_is_for_its_owner_alone_and_a_sealed_one_shows_no_key(
    site: Settings, tmp_path: Path
) -> None:
    write_backup(site, tmp_path / "backup", "correct horse")

    assert (tmp_path / "backup").stat().st_mode & 0o077 == 0
    assert site.site_key() not in (tmp_path / "backup").read_bytes()


def test_every_database_of_the_data_folder_is_in_it(site: Settings, tmp_path: Path) -> None:
    write_backup(site, tmp_path / "backup")
    restored = restore_backup(tmp_path / "backup", tmp_path / "new")

    names = {path.name for path in site.site.data_folder.glob("*.db")}
    assert NAME in names
    assert {path.name for path in restored.site.data_folder.glob("*.db")} == names


def test_the_command_that_restores_names_what_comes_next(site: Settings, tmp_path: Path) -> None:
    write_backup(site, tmp_path / "backup", None)
    words = ["restore", str(tmp_path / "backup"), str(tmp_path / "new")]

    said = CliRunner().invoke(app, words).output
    assert "Now: start the broker and the processes, then: starface2mqtt doctor" in said


def test_what_a_packaged_site_is_to_start_stands_in_the_document() -> None:
    assert UNITS in (ROOT / "docs" / "backup.md").read_text()
