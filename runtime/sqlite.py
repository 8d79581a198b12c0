"""The one way to open and write a SQLite file.

Nobody else opens a database file, not even for a look: closing any descriptor of a file releases
all locks that this process holds on it (POSIX), those of SQLite too, and the next process that
closes the database deletes the log under it. So a file is made elsewhere and put in its place.

A disk that is full or fails is waited for (`is_unavailable`), and a file that is damaged is named
with the way out (`DatabaseDamaged`), or set aside where what it holds can be made again.
"""

import errno
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from runtime.configuration import SettingsRefused
from runtime.files import give_to_owner_of_folder, keep_private, private, private_folder, replace

log = logging.getLogger(__name__)

PATIENCE = 5.0  # seconds until another process holds a file too long
LOOK_AGAIN = 2  # milliseconds; SQLite's own waiting sleeps longer and longer, up to 100
_CHECK, _LONGEST_CHECK = 0.3, 2.0  # seconds of work, and on a busy machine, to look a file through
_STEPS = 20_000  # of SQLite's machine between two looks at the clock
_RESTORE = "restore it from a backup, or begin without it: mv {path} {path}.damaged"
_FILES = ("", "-wal", "-shm")
_TEXT = partial(str, encoding="utf-8", errors="replace")  # one wrong octet stops nobody
_WAITED_FOR = {
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOMEM,
}  # fmt: skip
_FORBIDDEN = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}
_NO_ROOM = {
    errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE,
}  # fmt: skip
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP}  # of a file system that has none
_checked: set[tuple[int, int]] = set()  # device and inode of what was looked through


class StorageUnavailable(SettingsRefused):
    """The disk does not take or give anything now; the sentence names the file."""


class DatabaseDamaged(SettingsRefused):
    """The file is no whole database; the sentence names it and says what to do."""


def open_database(
    path: Path,
    schema: str = "",
    *,
    durable: bool = False,
    patience: float = PATIENCE,
    only_owner: bool = False,
    irreplaceable: bool = False,
    expendable: str = "",
    secondary: bool = False,
    remedy: str = _RESTORE,
    first: str = "",
) -> sqlite3.Connection:
    """Open a file others may have open too, made if it is missing; for any thread, under a lock.

    `durable`: what is committed survives a power cut, else only the end of the process.
    `only_owner`: a file that others may read is refused. `irreplaceable`: one that was here is not
    made again when it is missing; a note beside it says that it was. `expendable`: what is lost
    with a damaged file that is set aside and made again. `secondary`: where it cannot be opened,
    that is kept in memory. `first`: what is said to SQLite before a new file is written. Raises
    SettingsRefused, of which DatabaseDamaged and StorageUnavailable are kinds.
    """
    note, aside = (path.with_name(f"{path.name}.{end}") for end in ("begun", "damaged"))
    # The note first: another process may begin the file meanwhile.
    if irreplaceable and note.exists() and not path.exists() and not aside.exists():
        raise DatabaseDamaged(
            f"{path}: the file is missing, and it was here before; restore it from a backup, or"
            f" begin without it: rm {note}"
        )
    try:
        db = _open_or_make(path, schema, first, durable, patience, remedy, only_owner)
        if irreplaceable and not note.exists():
            with suppress(OSError):
                replace(note, f"{path.name} was made here; without this note it is made again.\n")
        return db
    except DatabaseDamaged as error:
        if not expendable:
            raise
        aside = _set_aside(path)
        log.error("%s; set aside as %s and made again, without %s", error, aside, expendable)
        return _open_or_make(path, schema, first, durable, patience, remedy, only_owner)
    except SettingsRefused as error:
        if not secondary or _passes(error):
            raise
        log.error("%s; meanwhile %s is kept in memory only", error, expendable)
        db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        _execute_all(db, schema)
        return db


def open_to_read(path: Path, remedy: str = _RESTORE) -> sqlite3.Connection:
    """Open a file that exists, to read only, as long as nobody may write beside it either."""
    try:
        return _checked_database(path, f"{_uri(path)}?mode=ro", PATIENCE, remedy)
    except StorageUnavailable:
        log_of_writes = path.with_name(f"{path.name}-wal")
        with suppress(OSError):
            if not log_of_writes.exists() or not log_of_writes.stat().st_size:
                return _checked_database(path, f"{_uri(path)}?immutable=1", PATIENCE, remedy)
        raise


def write(
    db: sqlite3.Connection, sql: str, values: Sequence[Any] = (), patience: float = PATIENCE
) -> sqlite3.Cursor:
    """Do one statement that writes, or begins to, as soon as no other process does."""
    limit = time.monotonic() + patience
    while True:
        try:
            return db.execute(sql, values)
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() >= limit:
                raise


@contextmanager
def transaction(db: sqlite3.Connection, patience: float = PATIENCE) -> Iterator[None]:
    """Write all of the block or nothing of it; inside another transaction it is part of that."""
    if db.in_transaction:
        yield
        return
    write(db, "BEGIN IMMEDIATE", patience=patience)
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


@contextmanager
def without_disk(db: sqlite3.Connection) -> Iterator[None]:
    """Have what is written in the block wait for no disk; a power cut may take it back.

    For a connection that was opened as durable, and outside of a transaction.
    """
    db.execute("PRAGMA synchronous = NORMAL")
    try:
        yield
    finally:
        db.execute("PRAGMA synchronous = FULL")


def is_unavailable(error: BaseException) -> bool:
    """Return whether the disk is full, held or failing, so the work is worth repeating."""
    if isinstance(error, OSError):
        return error.errno in _NO_ROOM
    if isinstance(error, StorageUnavailable) or _code(error) in _WAITED_FOR:
        return True
    return error.__cause__ is not None and is_unavailable(error.__cause__)


def is_damage(error: BaseException) -> bool:
    """Return whether a file is no whole database any more."""
    damage = (DatabaseDamaged, UnicodeDecodeError)  # the latter where its schema is no text
    return isinstance(error, damage) or _code(error) in _DAMAGE


def _open_or_make(
    path: Path, schema: str, first: str, durable: bool, patience: float, remedy: str,
    only_owner: bool,
) -> sqlite3.Connection:  # fmt: skip
    try:
        if not path.exists():
            _make(path, schema, first)
        elif only_owner:
            private(path)
        else:
            keep_private(path)
    except OSError as error:
        raise _refusal(path, error) from error
    return _opened(path, schema, durable, patience, remedy)


def _opened(
    path: Path, schema: str, durable: bool, patience: float, remedy: str
) -> sqlite3.Connection:
    db = _checked_database(path, str(path), patience, remedy)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        _execute_all(db, schema)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        db.close()
        raise _refused(path, error, remedy) from error
    return db


def _checked_database(path: Path, name: str, patience: float, remedy: str) -> sqlite3.Connection:
    try:
        found = path.stat()
    except OSError as error:
        raise _refusal(path, error) from error
    if not found.st_size:
        raise DatabaseDamaged(f"{path}: the file is empty; {remedy.format(path=path)}")
    uri = name.startswith("file:")
    try:
        db = sqlite3.connect(
            name, timeout=patience, isolation_level=None, check_same_thread=False, uri=uri
        )
    except sqlite3.Error as error:
        raise _refused(path, error, remedy) from error
    db.text_factory = _TEXT
    try:
        _look_through(db, (found.st_dev, found.st_ino))
    except (sqlite3.Error, UnicodeDecodeError) as error:
        db.close()
        raise _refused(path, error, remedy) from error
    return db


def _look_through(db: sqlite3.Connection, file: tuple[int, int]) -> None:
    """Raise what SQLite finds wrong with a file within a short time; once in a process."""
    if file in _checked:
        return
    ours, limit = time.thread_time() + _CHECK, time.monotonic() + _LONGEST_CHECK
    db.set_progress_handler(lambda: time.thread_time() > ours or time.monotonic() > limit, _STEPS)
    try:
        found = [str(row[0]) for row in db.execute("PRAGMA quick_check(1)")]
    except sqlite3.OperationalError as error:
        if _code(error) == sqlite3.SQLITE_ERROR:  # nothing else is asked than how the file is
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        if _code(error) != sqlite3.SQLITE_INTERRUPT:
            raise
        found = ["ok"]  # as far as we came
    finally:
        db.set_progress_handler(None, 0)
    if found != ["ok"]:
        damage = sqlite3.DatabaseError(found[0].replace("\n", " "))
        damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise damage
    _checked.add(file)


def _make(path: Path, schema: str, first: str) -> None:
    """Make a new file aside and put it in its place whole, unless another process was faster."""
    private_folder(path.parent)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        draft.unlink(missing_ok=True)
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with closing(sqlite3.connect(draft, isolation_level=None)) as db:
            db.execute("PRAGMA synchronous = OFF")
            db.execute(first)
            db.execute("BEGIN")
            _execute_all(db, schema)
            db.execute("COMMIT")
            db.execute("PRAGMA journal_mode = WAL")
        with draft.open("rb") as file:  # nobody has it open yet
            os.fsync(file)
        give_to_owner_of_folder(draft)
        _put_in_place(draft, path)
    except sqlite3.Error as error:
        raise _refused(path, error, _RESTORE) from error
    except OSError as error:
        raise _refusal(path, error) from error
    finally:
        for name in _FILES:
            with suppress(OSError):
                draft.with_name(f"{draft.name}{name}").unlink(missing_ok=True)


def _put_in_place(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was faster
    except OSError as error:
        if error.errno not in _NO_LINKS or path.exists():
            raise
        draft.rename(path)


def _set_aside(path: Path) -> Path:
    aside = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S}")
    for name in _FILES:
        with suppress(FileNotFoundError):
            path.with_name(f"{path.name}{name}").replace(aside.with_name(f"{aside.name}{name}"))
    return aside


def _refused(path: Path, error: sqlite3.Error | UnicodeDecodeError, remedy: str) -> SettingsRefused:
    if is_damage(error):
        return DatabaseDamaged(f"{path}: the file is damaged ({error}); {remedy.format(path=path)}")
    if is_unavailable(error):
        return StorageUnavailable(
            f"{path}: {error}; the account this runs as must be able to write there, and the disk"
            " must have room"
        )
    return SettingsRefused(f"{path}: {error}; {remedy.format(path=path)}")


def _refusal(path: Path, error: OSError) -> SettingsRefused:
    kind = StorageUnavailable if is_unavailable(error) else SettingsRefused
    return kind(
        f"{path}: {error.strerror or error}; the account this runs as must be able to write there"
    )


def _execute_all(db: sqlite3.Connection, script: str) -> None:
    for statement in script.split(";\n"):
        db.execute(statement)


def _passes(error: SettingsRefused) -> bool:
    """Return whether a disk that is full or held is why, which a process waits for."""
    cause = error.__cause__
    return isinstance(cause, sqlite3.Error | OSError) and (
        _code(cause) in _WAITED_FOR - _FORBIDDEN or getattr(cause, "errno", 0) in _NO_ROOM
    )


def _code(error: BaseException) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF if isinstance(error, sqlite3.Error) else 0


def _uri(path: Path) -> str:
    return f"file:{quote(str(path.resolve()))}"
