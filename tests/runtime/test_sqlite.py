"""Every database file of a site: whole, private, or named with the way out."""

import logging
import os
import sqlite3
import subprocess
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bus.mqtt.call_stream import ConsumerOffsets
from consumers.actions.webhook import Webhooks
from consumers.caller.store import CallerStore
from consumers.caller.trace_store import TraceStore, find
from consumers.dial.store import DialStore
from consumers.directory.directory import Directory
from consumers.journal.store import JournalStore
from consumers.sessions.resync_window import ResyncWindow
from consumers.users import User, Users
from gateway.eventlog.file import open_log
from panel.applications import Applications
from runtime import sqlite
from runtime.sqlite import (
    DatabaseDamaged,
    open_database,
    open_to_read,
    transaction,
)

SCHEMA = "CREATE TABLE IF NOT EXISTS words (word TEXT PRIMARY KEY);\n"

Open = Callable[[Path], Any]


def users(path: Path) -> Any:
    return Users(path).__enter__()._db


def directory(path: Path) -> Any:
    return Directory(path)._connection


def stories(path: Path) -> Any:
    return TraceStore(path)


def applications(path: Path) -> Any:
    with Applications(path)._opened():
        return open_to_read(path)


@pytest.fixture(autouse=True)
def _nothing_looked_through() -> None:
    """Forget what was looked through: another test's file may have had this one's inode."""
    sqlite._checked.clear()


KEPT: dict[str, Open] = {
    "starface2mqtt.db of users": users,
    "starface2mqtt.db of contacts": directory,
    "events.db": lambda path: open_log(path.parent, durable=True),
    "dial.db": lambda path: DialStore(path, "dial"),
    "applications.db": applications,
    "journal.db": lambda path: JournalStore(path).db,
}
MADE_AGAIN: dict[str, Open] = {
    "caller.db": CallerStore,
    "traces-caller.db": stories,
    "dial-events.db": ConsumerOffsets,
    "sessions.db": ResyncWindow,
    "webhooks.db": lambda path: Webhooks(path, (), lambda _: None)._db,
}
DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut in half": lambda whole: whole[: len(whole) // 2],
    "cut to one page": lambda whole: whole[:4096],
    "cut within its header": lambda whole: whole[:60],
    "another first byte": lambda whole: b"X" + whole[1:],
    "another schema": lambda whole: whole[:100] + bytes(8) + whole[108:],
    "a schema that is no text": lambda whole: whole.replace(b" TABLE ", b" T\xaaBLE "),
    "a format of the future": lambda whole: whole[:44] + b"\xff" * 4 + whole[48:],
    "other pages": lambda whole: whole[:4096] + b"\xff" * (len(whole) - 4096),
    "noise": lambda whole: bytes(os.urandom(len(whole))),
}


def damaged(tmp_path: Path, kind: str, opened: Open, damage: str) -> Path:
    path = tmp_path / kind.split()[0]
    with closing(opened(path)):
        pass
    whole = path.read_bytes()
    assert len(whole) > 4096
    fresh = path.with_suffix(".fresh")  # another file, as one is that was put back
    fresh.write_bytes(DAMAGE[damage](whole))
    fresh.chmod(0o600)
    fresh.replace(path)
    for rest in ("-wal", "-shm"):
        path.with_name(f"{path.name}{rest}").unlink(missing_ok=True)
    return path


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("kind", KEPT)
def test_a_damaged_file_is_named_with_the_way_out_and_left_alone(
    tmp_path: Path, kind: str, damage: str
) -> None:
    path = damaged(tmp_path, kind, KEPT[kind], damage)
    before = path.read_bytes()

    with pytest.raises(Exception, match=rf"{path}: .*mv {path} ") as refused:
        KEPT[kind](path)

    assert any(
        isinstance(error, DatabaseDamaged) for error in (refused.value, refused.value.__cause__)
    )
    assert path.read_bytes() == before


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("kind", MADE_AGAIN)
def test_a_damaged_file_that_can_do_without_is_set_aside_and_that_is_said(
    tmp_path: Path, kind: str, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = damaged(tmp_path, kind, MADE_AGAIN[kind], damage)
    before = path.read_bytes()

    with closing(MADE_AGAIN[kind](path)):
        pass

    [line] = [
        one.getMessage()
        for one in caplog.records
        if one.levelno == logging.ERROR and one.name == "runtime.sqlite"  # not of other threads
    ]
    assert line.startswith(f"{path}: the file is ")
    [aside] = path.parent.glob(f"{path.name}.damaged-*")
    assert aside.read_bytes() == before
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_wrong_octet_in_a_text_is_one_wrong_character(tmp_path: Path) -> None:
    path = tmp_path / "words.db"
    with closing(open_database(path, SCHEMA)) as db:
        db.execute("INSERT INTO words VALUES (CAST(? AS TEXT))", [b"Gr\xfcn"])

    with closing(open_database(path, SCHEMA)) as db:
        assert db.execute("SELECT word FROM words").fetchall() == [("Gr\ufffdn",)]


@pytest.mark.parametrize("kind", [kind for kind in MADE_AGAIN if kind != "caller.db"])
def test_what_is_secondary_is_kept_in_memory_where_it_cannot_be_opened(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / kind).mkdir()

    with closing(MADE_AGAIN[kind](tmp_path / kind)):
        pass

    assert "kept in memory only" in caplog.text
    assert kind in caplog.text


def test_why_says_which_file_is_damaged(tmp_path: Path) -> None:
    damaged(tmp_path, "traces-caller.db", stories, "noise")

    with pytest.raises(DatabaseDamaged, match=r"traces-caller\.db: the file is damaged"):
        find(tmp_path)


def test_an_empty_file_of_users_loses_nobody_silently(tmp_path: Path) -> None:
    path = tmp_path / "starface2mqtt.db"
    with Users(path) as kept:
        kept.add(User(login="0011"))
    path.write_bytes(b"")

    for _ in range(2):
        with pytest.raises(DatabaseDamaged, match=r"is empty; it holds users.*backup"):
            Users(path)
    assert path.stat().st_size == 0


@pytest.mark.parametrize("kind", ["starface2mqtt.db of users", "starface2mqtt.db of contacts"])
def test_users_and_contacts_that_were_here_are_not_made_again_when_they_are_missing(
    tmp_path: Path, kind: str
) -> None:
    path, opened = tmp_path / "starface2mqtt.db", KEPT[kind]
    with closing(opened(path)):
        pass
    lost = path.rename(tmp_path / "elsewhere")

    for _ in range(2):
        with pytest.raises(Exception, match=rf"{path}: .* missing.*backup.*rm {path}\.begun"):
            opened(path)
    assert not path.exists()

    lost.rename(path)
    with closing(opened(path)):
        pass


@pytest.mark.parametrize("begin_without", ["rm {path}.begun", "mv {path} {path}.damaged"])
def test_users_are_begun_again_with_the_command_that_was_named(
    tmp_path: Path, begin_without: str
) -> None:
    path = tmp_path / "starface2mqtt.db"
    with Users(path) as kept:
        kept.add(User(login="0011"))
    if begin_without.startswith("rm"):
        path.unlink()
    subprocess.run(begin_without.format(path=path).split(), check=True)

    with Users(path) as begun:
        assert begun.all() == []


def test_users_of_an_earlier_release_are_noted_when_they_are_opened(tmp_path: Path) -> None:
    path = tmp_path / "starface2mqtt.db"
    for _ in range(2):
        with Users(path):
            pass
        note = path.with_name("starface2mqtt.db.begun")
        assert note.stat().st_mode & 0o077 == 0
        note.unlink()


def test_a_new_file_is_whole_before_anybody_sees_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "words.db"
    failed: list[Exception] = []

    def open_it(number: int) -> None:
        try:
            with closing(open_database(path, SCHEMA)) as db, transaction(db):
                db.execute("INSERT INTO words VALUES (?)", (str(number),))
        except Exception as error:  # noqa: BLE001
            failed.append(error)

    threads = [threading.Thread(target=open_it, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    assert path.stat().st_mode & 0o777 == 0o600
    with closing(open_to_read(path)) as db:
        assert len(db.execute("SELECT word FROM words").fetchall()) == len(threads)


def test_all_of_a_transaction_is_written_or_nothing(tmp_path: Path) -> None:
    def write_half(db: sqlite3.Connection) -> None:
        with transaction(db):
            db.execute("INSERT INTO words VALUES ('a')")
            with transaction(db):  # part of the other
                db.execute("INSERT INTO words VALUES ('b')")
            raise ZeroDivisionError

    with closing(open_database(tmp_path / "words.db", SCHEMA)) as db:
        with pytest.raises(ZeroDivisionError):
            write_half(db)
        assert db.execute("SELECT word FROM words").fetchall() == []


def test_another_writer_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "words.db"
    with closing(open_database(path, SCHEMA)) as one, closing(open_database(path)) as other:
        one.execute("BEGIN IMMEDIATE")
        threading.Timer(0.2, lambda: one.execute("COMMIT")).start()
        with transaction(other):
            other.execute("INSERT INTO words VALUES ('later')")

        assert one.execute("SELECT word FROM words").fetchall() == [("later",)]


def test_a_file_that_is_only_read_is_read_without_writing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "words.db"
    with closing(open_database(path, SCHEMA)) as db:
        db.execute("INSERT INTO words VALUES ('there')")

    with closing(open_to_read(path)) as db:
        assert db.execute("SELECT word FROM words").fetchall() == [("there",)]
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            db.execute("INSERT INTO words VALUES ('more')")
