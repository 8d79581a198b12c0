import ast
import re
import string
from pathlib import Path

import pytest

import texts
from tests.conftest import ROOT
from texts import LANGUAGES, Language, catalogue, preferred

ROOMS = ("bus", "gateway", "consumers", "panel", "cli", "texts")
PAGE = ROOT / "panel" / "page" / "js"
SOURCES = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]


def _placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_says_the_same_with_the_same_values(language: Language) -> None:
    english, here = catalogue("en"), catalogue(language)

    assert here.keys() == english.keys()
    for key, text in here.items():
        assert text.strip() == text != "", key
        assert _placeholders(text) == _placeholders(english[key]), key


def test_no_sentence_is_left_in_another_language() -> None:
    for language in LANGUAGES[1:]:
        same = [
            key
            for key, text in catalogue(language).items()
            if text == catalogue("de")[key] and len(text.split()) > 3
        ]
        assert same == []


def test_the_office_is_addressed_formally_and_in_its_words() -> None:
    german, french = " ".join(catalogue("de").values()), " ".join(catalogue("fr").values())

    assert "Vermittler" not in german
    assert not {"du", "dein", "dir", "dich"} & set(german.lower().split())
    assert not {"tu", "ton", "tes", "toi"} & set(french.lower().split())


def test_no_key_is_unused_and_none_is_missing() -> None:
    constants, prefixes = _keys_in_sources()
    keys = catalogue("en").keys()

    unused = [
        key for key in keys if key not in constants and not key.startswith(tuple(prefixes or "-"))
    ]
    assert unused == []
    rooms = {key.partition(".")[0] for key in keys}
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in SOURCES}
    named = {one for one in constants if one.partition(".")[0] in rooms and _is_key(one)} - modules
    assert [one for one in sorted(named) if one not in keys and not one.endswith(".key")] == []


def test_a_sentence_travels_in_all_languages_and_values_never_break_it() -> None:
    sentence = texts.sentence("desktop.not-opened", code="{x}" + "y" * 900)

    assert "{x}" in sentence.de
    assert all(len(getattr(sentence, language)) <= 500 for language in LANGUAGES)
    assert texts.pick(sentence, "fr").startswith("Non ouvert")


def test_a_sentence_of_an_earlier_release_is_read_in_english() -> None:
    sentence = texts.sentence("desktop.open").model_copy(update={"fr": ""})

    assert texts.pick(sentence, "fr") == "Open"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("fr-CH, de;q=0.8", "fr"), ("xx, it;q=0.1", "it"), ("de;q=0, fr;q=0.1", "fr"),
        ("", "en"), (None, "en"), ("de;q=x", "en"),
    ],
)  # fmt: skip
def test_a_browser_says_its_language(header: str | None, language: Language) -> None:
    assert preferred(header) == language


def _keys_in_sources() -> tuple[set[str], set[str]]:
    """Return the texts in the sources that may be keys, and what keys made of parts begin with."""
    constants: set[str] = set()
    prefixes: set[str] = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(Path(path).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                constants.add(node.value)
            elif isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                start = str(node.values[0].value)
                if _is_key(start.rstrip(".") + ".x") and start.endswith("."):
                    prefixes.add(start)
    for path in PAGE.glob("*.js"):
        script = path.read_text(encoding="utf-8")
        words = {f"panel.{word}" for word in re.findall(r'"([a-z0-9.-]+)"', script)}
        constants |= words & catalogue("en").keys()  # chosen among others, as in t(a ? "b" : "c")
        constants |= {f"panel.{word}" for word in re.findall(r'\bt\("([^"]+)"', script)}
        prefixes |= {f"panel.{word}" for word in re.findall(r"`([a-z]+\.)\$\{", script)}
    return constants, prefixes


def _is_key(text: str) -> bool:
    parts = text.split(".")
    return (
        len(parts) > 1
        and parts[-1] not in ("toml", "db", "log")
        and all(part and part.replace("-", "a").replace("_", "a").isalnum() for part in parts)
    )
