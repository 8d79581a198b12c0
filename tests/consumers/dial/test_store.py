import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from consumers.dial.settings import DialSettings
from consumers.dial.store import DialRecord, DialStore, Rejected, Repeated

OPEN = DialSettings(per_minute=1000, per_hour=1000, site_per_hour=1000, double_click=0)


def _asked(request_id: str = "id-1", number: str = "n-1", **changes: object) -> DialRecord:
    plain: dict[str, object] = {
        "user": "0011", "request_id": request_id, "message": f"message-{request_id}",
        "number": number, "shown": "", "door": "", "at": 1000.0,
    }  # fmt: skip
    return DialRecord(**(plain | changes))  # type: ignore[arg-type]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "dial.db"


def _at_once(path: Path, work: Callable[[DialStore], list[bool]]) -> list[bool]:
    """Do the same in four processes' place, each with a connection of its own."""

    def one(name: int) -> list[bool]:
        with closing(DialStore(path, f"dial-{name}")) as book:
            return work(book)

    with ThreadPoolExecutor(4) as four:
        return [won for wins in four.map(one, range(4)) for won in wins]


def test_of_four_who_claim_a_request_one_gets_it(path: Path) -> None:
    def claim_all(book: DialStore) -> list[bool]:
        claims = [book.claim(_asked(f"id-{n}", user=f"user-{n}"), OPEN) for n in range(25)]
        return [isinstance(claim, DialRecord) for claim in claims]

    assert sum(_at_once(path, claim_all)) == 25


def test_a_limit_holds_to_the_unit_however_many_claim_at_the_same_time(path: Path) -> None:
    limits = OPEN.model_copy(update={"site_per_hour": 10})

    def claim_own(book: DialStore) -> list[bool]:
        name = id(book)
        claims = [book.claim(_asked(f"{name}-{n}", user=f"{name}-{n}"), limits) for n in range(25)]
        return [isinstance(claim, DialRecord) for claim in claims]

    assert sum(_at_once(path, claim_own)) == 10


def test_a_user_has_one_open_call_however_many_claim_at_the_same_time(path: Path) -> None:
    def claim_own(book: DialStore) -> list[bool]:
        claims = [book.claim(_asked(f"{id(book)}-{n}", f"n-{n}"), OPEN) for n in range(10)]
        return [isinstance(claim, DialRecord) for claim in claims]

    assert sum(_at_once(path, claim_own)) == 1


def test_what_is_known_of_a_request_comes_before_every_limit(path: Path) -> None:
    with closing(DialStore(path, "dial")) as book:
        book.claim(_asked(), OPEN)
        none_at_all = OPEN.model_copy(update={"per_minute": 0})

        again = book.claim(_asked(at=1001.0), none_at_all)

        assert isinstance(again, Repeated)
        assert again.same_message


def test_a_transaction_that_fails_leaves_no_claim(path: Path) -> None:
    def fail(book: DialStore) -> None:
        with book.transaction():
            book.claim(_asked(), OPEN)
            raise ZeroDivisionError

    with closing(DialStore(path, "dial")) as book:
        with pytest.raises(ZeroDivisionError):
            fail(book)

        assert isinstance(book.claim(_asked(), OPEN), DialRecord)


def test_a_clock_set_back_frees_no_calls(path: Path) -> None:
    limits = OPEN.model_copy(update={"per_minute": 1})
    with closing(DialStore(path, "dial")) as book:
        first = book.claim(_asked(at=5000.0), limits)
        assert isinstance(first, DialRecord)
        book.advance(first.serial, "ended", b"", 5000.0, final=True)

        barred = book.claim(_asked("id-2", "n-2", at=1400.0), limits)

        assert isinstance(barred, Rejected)
        assert barred.reason == "minute"


def test_a_claim_is_on_disk_before_anything_else_happens(path: Path) -> None:
    with closing(DialStore(path, "dial")) as book:
        book.claim(_asked(), OPEN)

        with closing(sqlite3.connect(path)) as db:
            assert db.execute("SELECT claimed FROM requests").fetchall() == [(1000.0,)]
        assert book._db.execute("PRAGMA synchronous").fetchone() == (2,)
