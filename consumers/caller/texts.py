"""The sentences of `why` and of answers, made of codes and values where they are read."""

from collections.abc import Iterable, Mapping
from functools import cache
from string import Formatter

from bus.events import Sentence, TraceStep
from runtime.one_line import shown
from texts import LANGUAGES, Language, catalogue

_LONGEST = 500  # characters, as the contract allows
_VALUE = 128  # characters of one value
_ANSWER = 300  # characters of what a receiver said
_OWN = ("triggers", "plan", "options", "sooner")  # lists and commands made here, never cut
_TRANSLATED = ("action", "trigger", "triggers", "plan", "number", "executor", "found", "colleague")


def sentence(code: str, values: Mapping[str, object] | None = None) -> Sentence:
    """Return the sentence of a code such as `action.ended` in all languages."""
    return sentence_with(code, kept_values(code, values or {}))


def sentence_with(code: str, kept: Mapping[str, str]) -> Sentence:
    """Return the sentence of a code and the values that are kept of it, in all languages."""
    return Sentence(**{language: _filled(code, kept, language) for language in LANGUAGES})


def step_sentence(step: TraceStep, language: Language) -> str:
    """Return what a step of a trace says; one of an earlier release brings its words along."""
    written = step.en if language not in ("de", "en") else getattr(step, language)
    code = f"{step.step}.{step.code}"
    return str(written) or _filled(code, kept_values(code, step.values), language)


def kept_values(code: str, values: Mapping[str, object]) -> dict[str, str]:
    """Return the values a sentence is made of: each one line, cut to what fits there."""
    return {
        key: _fitting(str(values[key]), _most(key))
        for key in sorted(values_needed(code) & values.keys())
    }


@cache
def values_needed(code: str) -> frozenset[str]:
    """Return the names of the values in the sentence of a code."""
    template = catalogue("en").get(f"caller.{code}", "")
    return frozenset(name for _, name, _, _ in Formatter().parse(template) if name)


def _filled(code: str, values: Mapping[str, str], language: Language) -> str:
    """Return a sentence; an unknown code says itself."""
    template = catalogue(language).get(f"caller.{code}")
    if template is None:
        return code
    return template.format_map(_translated(values, language))[:_LONGEST]


class _Values(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "–"


def _translated(values: Mapping[str, str], language: Language) -> _Values:
    words = _Values(values)
    for key in _TRANSLATED:
        if key in values:
            last = f" {_word('or', language)}" if key == "triggers" else ","
            words[key] = _in_words(values[key], language, last)
    if "outcome" in values:
        words["outcome"] = _outcome(values["outcome"], language)
    return words


def _word(code: str, language: Language) -> str | None:
    return catalogue(language).get(f"caller.word.{code}")


def _in_words(codes: str, language: Language, before_last: str) -> str:
    """Translate codes with commas between, or pairs of them; anything else stays as it is."""
    pairs = [[_word(code, language) for code in pair.split("=")] for pair in codes.split(",")]
    if not all(all(pair) for pair in pairs):
        return codes
    *first, last = [" ".join(word for word in pair if word) for pair in pairs]
    return f"{', '.join(first)}{before_last} {last}" if first else last


def _outcome(code: str, language: Language) -> str:
    """Return how an executor ended, to be put behind its state; the code stands in any case."""
    if not code:
        return ""
    words = catalogue(language)
    known = (words.get(f"caller.outcome.{start}") for start in _starts(code))
    said = next((one for one in known if one), "")
    return f", {said} ({code})" if said else f" ({code})"


def _starts(code: str) -> Iterable[str]:
    """Return what a code may be known by: itself, or what it begins with."""
    if code == "exit-0" or code.startswith("status-2"):
        return ()
    if code.startswith("Connect"):
        return ("Connect",)
    if code.startswith("status-5"):
        return ("status-5",)
    parts = code.split("-")
    return ["-".join(parts[:count]) for count in range(len(parts), 0, -1)]


def _fitting(value: str, most: int) -> str:
    """Return a value as one line; most are that already."""
    fits = len(value) <= most and value.isprintable() and not value[:1].isspace()
    return value if fits and not value[-1:].isspace() else shown(value, most)


def _most(key: str) -> int:
    if key in _OWN:
        return _LONGEST
    return _ANSWER if key == "answer" else _VALUE
