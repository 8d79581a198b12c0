import stat
from pathlib import Path

import pytest

from bus.numbers.number import NumberProfile
from bus.numbers.private_numbers import (
    NAME,
    PrivateNumbers,
    changing,
    entry,
    forget_user,
    read_list,
)
from bus.settings import SettingsRefused

KEY = b"k" * 32
MOTHER = "+41445550180"


def _add(folder: Path, user: str = "0011", number: str = MOTHER) -> None:
    one = entry(KEY, user, number, "2026-11-23")
    with changing(folder) as numbers:
        numbers[one.mark] = one


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_number_is_private_for_its_user_alone(tmp_path: Path) -> None:
    _add(tmp_path)
    numbers = PrivateNumbers(tmp_path, KEY)

    assert numbers.holds("0011", MOTHER)
    assert not numbers.holds("0012", MOTHER)
    assert not numbers.holds("0011", "+41445550181")
    assert not numbers.holds("0011", "")


def test_the_file_holds_no_number_and_is_for_the_owner_alone(tmp_path: Path) -> None:
    _add(tmp_path)

    path = tmp_path / NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "555018" not in path.read_text()


def test_the_marks_reveal_nothing_without_the_sites_key(tmp_path: Path) -> None:
    _add(tmp_path)

    assert not PrivateNumbers(tmp_path, b"another key of this length......").holds("0011", MOTHER)


def test_a_short_number_is_not_found_by_its_end(tmp_path: Path) -> None:
    assert entry(KEY, "0011", "17", "2026-11-23").ends == ""


def test_a_change_counts_without_a_restart(tmp_path: Path) -> None:
    clock = _Clock()
    numbers = PrivateNumbers(tmp_path, KEY, clock)
    assert not numbers.in_use

    _add(tmp_path)
    clock.now = 2.0
    assert numbers.holds("0011", MOTHER)

    forget_user(tmp_path, "0011")
    clock.now = 4.0
    assert not numbers.holds("0011", MOTHER)
    assert numbers.in_use


def test_without_a_change_the_file_is_not_looked_at_for_each_call(tmp_path: Path) -> None:
    numbers = PrivateNumbers(tmp_path, KEY, _Clock())
    _add(tmp_path)

    assert not numbers.in_use


def test_what_was_private_stays_so_when_the_file_breaks(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = _Clock()
    _add(tmp_path)
    numbers = PrivateNumbers(tmp_path, KEY, clock)
    (tmp_path / NAME).write_text("{")
    clock.now = 2.0

    assert numbers.holds("0011", MOTHER)
    assert "stay in force" in caplog.text


def test_a_broken_file_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / NAME).touch(mode=0o600)

    with pytest.raises(SettingsRefused, match="cannot be read"):
        PrivateNumbers(tmp_path, KEY)


def test_a_file_others_may_read_is_refused(tmp_path: Path) -> None:
    _add(tmp_path)
    (tmp_path / NAME).chmod(0o644)

    with pytest.raises(SettingsRefused, match="chmod 600"):
        read_list(tmp_path / NAME)


@pytest.mark.parametrize("text", ["044 555 01 80", "0041445550180", "tel:+41-44-555-01-80"])
def test_any_spelling_names_a_private_number(tmp_path: Path, text: str) -> None:
    _add(tmp_path)
    profile = NumberProfile(country="CH", area_code="44")

    assert PrivateNumbers(tmp_path, KEY).names("0011", text, profile)


def test_a_list_that_could_be_read_only_later_counts_then(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = _Clock()
    numbers = PrivateNumbers(tmp_path, KEY, clock)
    _add(tmp_path)
    (tmp_path / NAME).chmod(0o644)  # copied from another machine
    for clock.now in (2.0, 4.0):
        assert not numbers.holds("0011", MOTHER)
    assert len(caplog.records) == 1

    (tmp_path / NAME).chmod(0o600)
    clock.now = 6.0
    assert numbers.holds("0011", MOTHER)


def test_a_list_that_comes_back_as_it_was_counts_again(tmp_path: Path) -> None:
    clock = _Clock()
    _add(tmp_path)
    numbers = PrivateNumbers(tmp_path, KEY, clock)
    aside = (tmp_path / NAME).rename(tmp_path / "aside")
    clock.now = 2.0
    assert not numbers.holds("0011", MOTHER)
    assert numbers.in_use

    aside.rename(tmp_path / NAME)
    clock.now = 4.0
    assert numbers.holds("0011", MOTHER)


@pytest.mark.parametrize(
    ("named", "given"),
    [("+390471123456", "+39471123456"), ("+39471123456", "+390471123456")],
)
def test_an_italian_number_is_private_with_and_without_its_zero(
    tmp_path: Path, named: str, given: str
) -> None:
    _add(tmp_path, number=named)
    numbers = PrivateNumbers(tmp_path, KEY)

    assert numbers.holds("0011", given)
    assert not numbers.holds("0011", "+390471123457")
