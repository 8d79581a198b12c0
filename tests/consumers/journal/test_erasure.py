import shutil
from contextlib import closing
from pathlib import Path

import pytest

from bus.journal_events import ColleagueMessage
from bus.settings import SettingsRefused
from consumers.journal.erasure import (
    ERASED,
    erase,
    erase_again,
    forget_user,
    read_erased,
    records_of,
)
from consumers.journal.store import Filter, JournalStore
from tests.consumers.journal.call_events import OTHER
from tests.consumers.journal.test_requests import Desk

KEY = b"k" * 32
NUMBER = "+41443334455"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    desk = Desk(tmp_path)
    desk.missed("0011", "c-1", 0)
    desk.missed("0011", "c-2", 100, caller=OTHER)
    desk.ask(action="note", call_id="c-1", text="wants a contract")
    desk.ask(action="note", call_id="c-2", text="also reached at 044 333 44 55, says +41443334455")
    desk.ask(action="message", colleague="0012", call_id="c-1", text="call back 0443334455")
    desk.store.counts_published(["0011", "0012"])
    desk.store.close()
    return tmp_path


def _all(folder: Path) -> list[tuple[str, str, str | None]]:
    with closing(JournalStore(folder / "journal.db")) as store:
        return [(one.user, one.call_id, one.note) for one in store.select(Filter(), 99)[0]]


def test_an_erased_number_is_in_no_record_note_message_nor_byte(folder: Path) -> None:
    count, clean = erase(folder, NUMBER, KEY)

    assert (count, clean) == (3, True)
    assert _all(folder) == [("0011", "c-2", "also reached at…, says…")]
    for file in folder.iterdir():
        assert b"443334455" not in file.read_bytes(), file.name
    with closing(JournalStore(folder / "journal.db")) as store:
        assert store.counts_due() == ["0011", "0012"]


def test_what_was_erased_is_erased_again_in_a_backup_that_is_put_back(folder: Path) -> None:
    backup = folder / "backup.db"
    shutil.copy(folder / "journal.db", backup)
    erase(folder, NUMBER, KEY)
    for name in ("journal.db-wal", "journal.db-shm"):
        (folder / name).unlink(missing_ok=True)
    shutil.copy(backup, folder / "journal.db")

    with closing(JournalStore(folder / "journal.db")) as store:
        assert erase_again(store, folder, KEY) == 3
        assert erase_again(store, folder, KEY) == 0
    assert [call_id for _, call_id, _ in _all(folder)] == ["c-2"]
    assert "4433" not in (folder / ERASED).read_text()


@pytest.mark.parametrize("damaged", [b"", b"{", b"[1]", b'{"a": null}', b"\xff" * 9])
def test_a_damaged_list_of_erased_numbers_is_named_with_the_way_out(
    tmp_path: Path, damaged: bytes
) -> None:
    (tmp_path / ERASED).write_bytes(damaged)

    with pytest.raises(SettingsRefused, match=rf"{tmp_path / ERASED} is damaged.*mv "):
        read_erased(tmp_path)


def test_a_later_call_of_an_erased_number_is_a_call_like_any_other(folder: Path) -> None:
    erase(folder, NUMBER, KEY)
    desk = Desk(folder)
    desk.missed("0011", "c-9", 10**8)
    with closing(desk.store):
        assert erase_again(desk.store, folder, KEY) == 0
    assert "c-9" in [call_id for _, call_id, _ in _all(folder)]


@pytest.mark.parametrize("keep", [False, True])
def test_a_user_who_goes_takes_his_calls_along_unless_the_office_keeps_them(
    folder: Path, keep: bool
) -> None:
    assert records_of(folder, "0011") == 2

    forget_user(folder, "0011", keep_records=keep)

    assert records_of(folder, "0011") == (2 if keep else 0)
    with closing(JournalStore(folder / "journal.db")) as store:
        [message] = store.select(Filter(user="0012"), 9)[0]
    assert message.message == ColleagueMessage(text="call back 0443334455", by=None)


def test_without_a_journal_there_is_nothing_to_erase(tmp_path: Path) -> None:
    assert erase(tmp_path, NUMBER, KEY) == (0, True)
    assert forget_user(tmp_path, "0011") == 0
