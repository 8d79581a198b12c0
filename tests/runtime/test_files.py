import os
import stat
from contextlib import closing
from pathlib import Path

import pytest

from bus.access.accounts import Accounts, write_broker_files
from bus.topics import Topics
from consumers.directory.changes import Changes, ContactRecord
from consumers.directory.directory import Directory
from consumers.users import User, Users
from runtime.configuration import SettingsRefused
from runtime.files import matching, private_file, private_folder, replace
from runtime.lock import LockTaken, locked
from runtime.sqlite import open_database

SOMEBODY = 65_534  # any account that is not ours


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """A site of another account, in which root types commands."""
    if os.geteuid():
        pytest.skip("only root can leave files that others cannot read: run it as root")
    folder = tmp_path / "site"
    folder.mkdir(mode=0o700)
    os.chown(folder, SOMEBODY, SOMEBODY)
    return folder


def owners(folder: Path) -> set[tuple[int, int]]:
    return {(one.stat().st_uid, one.stat().st_gid) for one in folder.rglob("*")}


def test_what_root_makes_belongs_to_the_owner_of_the_folder(theirs: Path) -> None:
    private_file(theirs / "data" / "deep" / "file")
    replace(theirs / "new.json", "{}")
    with locked(theirs / "data" / "one.lock", 0):
        pass
    with closing(
        open_database(theirs / "data" / "words.db", "CREATE TABLE IF NOT EXISTS words (word)")
    ) as db:
        db.execute("INSERT INTO words VALUES ('a')")
        assert (theirs / "data" / "words.db-wal").exists()
        assert owners(theirs) == {(SOMEBODY, SOMEBODY)}


def test_root_s_commands_leave_nothing_of_root_in_a_site(theirs: Path) -> None:
    database = theirs / "data" / "starface2mqtt.db"
    with Users(database) as users:
        users.add(User(login="0011"))
    with Directory(database) as directory:
        directory.apply(Changes("crm", [ContactRecord(key="1", name="Ada")]))
    accounts = Accounts()
    accounts.add("gateway")
    accounts.write(theirs / "broker-accounts.json")
    write_broker_files(private_folder(theirs / "mosquitto"), Topics(), accounts.passwords)

    assert owners(theirs) == {(SOMEBODY, SOMEBODY)}
    assert all(mode(one) & 0o077 == 0 for one in theirs.rglob("*"))


def test_a_file_that_is_replaced_keeps_its_owner_group_and_mode(theirs: Path) -> None:
    path = theirs / "passwords"
    path.write_text("old")
    os.chown(path, SOMEBODY, 1)
    path.chmod(0o640)

    replace(path, "new")

    assert path.read_text() == "new"
    assert (path.stat().st_uid, path.stat().st_gid, mode(path)) == (SOMEBODY, 1, 0o640)


def test_a_file_is_replaced_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "file"
    replace(path, "old")

    with pytest.raises(UnicodeEncodeError):
        replace(path, "\ud800")

    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]
    assert mode(path) == 0o600


def test_a_folder_that_cannot_be_made_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(SettingsRefused, match=str(tmp_path / "file")):
        private_folder(tmp_path / "file" / "folder")
    with pytest.raises(SettingsRefused, match=str(tmp_path / "file")):
        private_folder(tmp_path / "file")


def test_files_are_found_by_name_and_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    for name in ("traces-b.db", "traces-a.db", "other"):
        (tmp_path / name).touch()

    assert [one.name for one in matching(tmp_path, "traces-*.db")] == [
        "traces-a.db", "traces-b.db",
    ]  # fmt: skip
    assert matching(tmp_path / "missing", "*") == []
    with pytest.raises(SettingsRefused, match="other"):
        matching(tmp_path / "other", "*")


def test_a_lock_is_held_by_one_and_free_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with locked(path, 0), pytest.raises(LockTaken, match=str(path)), locked(path, 0.05):
        pass
    with locked(path, 0):
        pass
