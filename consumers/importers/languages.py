"""How well a word fits the languages of address books: by the letters that stand side by side.

They are learnt from `languages.toml`; where a name is misread, its language lacks a word like it.
"""

from __future__ import annotations

import math
import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from pathlib import Path

_UNSEEN = 2e-5  # share of a letter that a language does not have
_LETTERS = re.compile(r"[^\W\d_]+")
# How much rarer than German the languages are in the lists we read, as logarithms.
_RARER = {
    "de": 0.0,
    "fr": -0.7,
    "it": -1.2,
    "es": -1.5,
    "pt": -1.5,
    "nl": -1.5,
    "da": -2.0,
    "sv": -2.0,
    "fi": -2.5,
    "is": -4.0,
    "pl": -1.5,
    "cs": -1.5,
    "hu": -1.5,
    "hr": -1.5,
    "ro": -2.0,
    "tr": -1.5,
    "lt": -3.0,
    "ru": -1.5,
    "uk": -2.5,
    "bg": -3.0,
    "el": -1.5,
}
_OPENING, _CLOSING, _ALONE = (
    frozenset("«„“‘‚»¿¡"),
    frozenset("»“”«…°º®™ª"),
    frozenset("–—…§°®©™·•«»€"),
)
_NO_LETTER, _HALF_A_LETTER, _WRONG_CASE, _TWO_ALPHABETS = -14.0, -20.0, -8.0, -12.0
_QUOTATION, _LONE = -9.0, -4.0


class _Language:
    """The letters of one language, by what stands before them."""

    def __init__(self, words: Iterable[str]) -> None:
        self._pairs: Counter[tuple[str, str]] = Counter()
        for word in words:
            self._pairs.update(pairwise(f"^{word.lower()}$"))
        self._first: Counter[str] = Counter()
        self._second: Counter[str] = Counter()
        for (first, second), count in self._pairs.items():
            self._first[first] += count
            self._second[second] += count
        self._logarithms: dict[tuple[str, str], float] = {}

    def fit(self, pair: tuple[str, str]) -> float:
        """Return the logarithm of how often the second letter follows the first."""
        if pair not in self._logarithms:
            share = max(self._second[pair[1]] / self._second.total(), _UNSEEN)
            self._logarithms[pair] = math.log(
                (self._pairs[pair] + share) / (self._first[pair[0]] + 1)
            )
        return self._logarithms[pair]


def fit(text: str, languages: Iterable[str]) -> float:
    """Return how well some text without blanks fits the best of the languages, 0 at the best."""
    pairs = [
        pair
        for word in _LETTERS.findall(text)
        for pair in pairwise(f"^{word.lower()}$")
        if not (pair[0] + pair[1]).isascii()
    ]
    best = (
        max(_RARER[name] + sum(map(_language(name).fit, pairs)) for name in languages)
        if pairs
        else 0.0
    )
    return best + _spelling(text)


@cache
def _language(name: str) -> _Language:
    return _Language(_words()[name].split())


@cache
def _words() -> dict[str, str]:
    file = Path(__file__).with_name("languages.toml")
    return tomllib.loads(file.read_text(encoding="utf-8"))


def _spelling(text: str) -> float:
    """Return what is against a text: signs where none stand, case, two alphabets."""
    fit = 0.0
    for place, sign in enumerate(text):
        if sign > "\x7f" and not sign.isalpha():
            fit += _sign(sign, text[:place], text[place + 1 :])
    for word in _LETTERS.findall(text):
        fit += _case(word)
        alphabets = {unicodedata.name(sign, "?").split()[0] for sign in word}
        fit += _TWO_ALPHABETS if len(alphabets) > 1 else 0.0
    return fit


def _sign(sign: str, before: str, after: str) -> float:
    if sign == "\ufffd" or sign < "\xa0":
        return _HALF_A_LETTER
    behind_letter, before_letter = before[-1:].isalpha(), after[:1].isalpha()
    if not behind_letter and not before_letter:
        return _LONE if sign in _ALONE else _NO_LETTER
    if behind_letter and before_letter:  # `D’Angelo`, `Müller’s`
        short = sign == "’" and (len(before) <= 2 or len(after) <= 1)
        return _QUOTATION if short else _NO_LETTER
    fits = sign in (_CLOSING if behind_letter else _OPENING)
    return _QUOTATION if fits else _NO_LETTER


def _case(word: str) -> float:
    """Return what is against a letter beyond ASCII that is large among small ones, or small."""
    if word[1:].islower() or word.isupper():
        return 0.0
    large = sum(map(str.isupper, word)) * 2 > len(word)
    odd = any(
        second.islower() if large else second.isupper()
        for first, second in pairwise(f"^{word}")
        if not (first + second).isascii() and second != "ß"
    )
    return _WRONG_CASE if odd else 0.0
