import pytest

from consumers.directory.search_text import search_forms, search_text


@pytest.mark.parametrize(
    ("kept", "looked_for"),
    [
        ("Müller", "Mueller"), ("Mueller", "Müller"), ("Müller", "muller"), ("Strasse", "Straße"),
        ("Łukasz", "lukasz"), ("Æther", "aether"), ("O’Neill", "o'neill"), ("Ærø", "AERO"),
    ],
)  # fmt: skip
def test_a_name_is_found_in_each_spelling(kept: str, looked_for: str) -> None:
    assert any(form in search_text("x", kept) for form in search_forms(looked_for))


def test_a_few_letters_stay_as_they_are() -> None:
    assert search_forms("uel") == ("uel", "uel")
    assert all(form not in search_text("Müller") for form in search_forms("uel"))


def test_a_text_without_umlauts_is_kept_once() -> None:
    assert search_text("Ada", "ADA GmbH") == "ada\nada gmbh"
