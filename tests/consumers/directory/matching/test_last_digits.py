from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.directory.directory import Directory
from tests.consumers.directory.matching.contacts import (
    ANNA,
    contact,
    names,
    put,
)


@pytest.fixture
def tolerant(tmp_path: Path) -> Iterator[Directory]:
    with Directory(tmp_path / "tolerant.db", suffix_digits=8) as directory:
        yield directory


def test_the_last_digits_only_offer(tolerant: Directory) -> None:
    put(tolerant, contact("anna", ANNA), contact("beat", "+41441234568"))

    match = tolerant.find("+4941234567", user="u")

    assert (match.quality, match.contact, names(match)) == ("suffix", None, ["Anna"])


def test_the_last_digits_count_only_where_the_site_says_so(directory: Directory) -> None:
    put(directory, contact("anna", ANNA))

    assert directory.find("+4941234567", user="u").quality == "none"


def test_fewer_last_digits_than_asked_do_not_match(tolerant: Directory) -> None:
    put(tolerant, contact("anna", ANNA))

    assert tolerant.find("+4951234567", user="u").quality == "none"


def test_a_choice_does_not_make_last_digits_certain(tolerant: Directory) -> None:
    put(tolerant, contact("anna", ANNA))
    [anna] = tolerant.find("+4941234567", user="u").candidates

    assert tolerant.remember_choice("u", "+4941234567", anna.id) is False
    assert tolerant.find("+4941234567", user="u").contact is None
