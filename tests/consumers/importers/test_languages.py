import pytest

from consumers.importers.languages import fit

WEST = ("de", "fr", "it")


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("Müller", "M¸ller"),
        ("Jürg", "JŸrg"),
        ("Görlitz", "GÜrlitz"),
        ("JÜRG", "JüRG"),
        ("Lefèvre", "Lefävre"),
        ("D’Alò", "D•Alò"),
        ("Müller’s", "Mü’llers"),
        ("Größe", "Größе"),  # the last letter is Cyrillic
    ],
)
def test_a_word_fits_better_than_what_it_is_misread_as(right: str, wrong: str) -> None:
    assert fit(right, WEST) > fit(wrong, WEST)


def test_a_word_counts_in_the_language_in_which_it_fits_best() -> None:
    assert fit("Dvořák", ("de", "cs")) == fit("Dvořák", ("cs",)) > fit("Dvořák", ("de",))


def test_plain_letters_say_nothing() -> None:
    assert fit("Meier", WEST) == 0.0
