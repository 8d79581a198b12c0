import json
import time
from pathlib import Path

import pytest

from consumers.desktop.instance import AlreadyRunning, Spool


def test_there_is_one_process_for_a_user(tmp_path: Path) -> None:
    with Spool(tmp_path / "0011"):
        with pytest.raises(AlreadyRunning), Spool(tmp_path / "0011"):
            pass
        with Spool(tmp_path / "0012"):
            pass
    with Spool(tmp_path / "0011"):
        pass


def test_a_number_that_was_handed_over_is_taken_once(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for number in ("tel:+41441234567", "044 123 45 67"):
        spool.hand_over(number)

    assert sorted(spool.take()) == ["044 123 45 67", "tel:+41441234567"]
    assert spool.take() == []


def test_what_was_handed_over_earlier_comes_first(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for number in ("9", "1", "5"):
        spool.hand_over(number)

    assert spool.take() == ["9", "1", "5"]


def test_what_is_erased_while_it_is_taken_is_not_dialled(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    (tmp_path / "gone.dial").symlink_to(tmp_path / "erased")  # listed, and not there
    spool.hand_over("1")

    assert spool.take() == ["1"]


def test_an_old_or_foreign_file_is_not_dialled(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    reported = [{"number": "1", "at": time.time() - 60}, {"number": 1, "at": time.time()}, [], "x"]
    for place, one in enumerate(reported):
        (tmp_path / f"{place}.dial").write_text(json.dumps(one))
    (tmp_path / "half.half").write_text("{")

    assert spool.take() == []
    assert list(tmp_path.glob("*.dial")) == []


@pytest.mark.parametrize("name", ["lock", "*.dial"])
def test_only_the_user_can_read_what_was_handed_over(tmp_path: Path, name: str) -> None:
    with Spool(tmp_path / "spool") as spool:
        spool.hand_over("044 123 45 67")

        [path] = (tmp_path / "spool").glob(name)
        assert path.stat().st_mode & 0o077 == 0


def test_a_pause_ends_by_itself_and_outlives_the_process(tmp_path: Path) -> None:
    Spool(tmp_path).pause(time.time() + 60)
    assert Spool(tmp_path).paused()

    Spool(tmp_path).pause(time.time() - 1)
    assert not Spool(tmp_path).paused()


@pytest.mark.parametrize("given", ["", "{}", "[]", '{"until": "soon"}'])
def test_a_pause_that_cannot_be_read_is_none(tmp_path: Path, given: str) -> None:
    (tmp_path / "paused").write_text(given)

    assert not Spool(tmp_path).paused()


def test_a_wish_is_no_number_and_is_taken_once(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.ask("close-all")

    assert spool.take() == []
    assert spool.wishes() == ["close-all"]
    assert spool.wishes() == []
