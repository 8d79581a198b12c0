"""What is made of a telephone number, why, and what would be dialled."""

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from bus.numbers.number import (
    Number,
    NumberProfile,
    ReadingStep,
    explain,
    read_number,
    same_subscriber_keys,
)
from bus.settings import SettingsRefused
from cli.site import settings as configuration
from cli.site.languages import chosen_language, terminal_language
from consumers.dial.policy import Dialable, DialPolicy, decide
from consumers.dial.texts import DialRefusal
from consumers.importers.numbers.fields import read_field
from texts import Language, render

_IN_WORDS = ("reading", "kind", "reason")  # values of a step that are codes


class _Site(NamedTuple):
    profile: NumberProfile
    policy: DialPolicy
    language: Language
    country: str | None  # the contact's, beside the site's


def report(
    config: Path | None, text: str, country: str | None, lang: str | None, *, as_json: bool
) -> str:
    """Return what `starface2mqtt number` prints; raise SettingsRefused."""
    site = _site(config, country, lang)
    found = read_number(text, site.profile, country=site.country)
    steps = explain(text, site.profile, country=site.country)
    abroad = bool(site.country and found.e164 and found.dialable)
    decision = decide(found.e164 or text if abroad else text, site.profile, site.policy)
    numbers = _in_a_field(found, site)
    if as_json:
        document = _as_json(found, steps, decision, site.language) | {"field": numbers}
        return json.dumps(document, ensure_ascii=False, indent=2)
    sentences = [step_sentence(step, site.language) for step in steps]
    if numbers:
        sentences.append(_importing(numbers, site.language))
    return "\n".join([*sentences, _dialling(decision, site.language)])


def _in_a_field(found: Number, site: _Site) -> list[str]:
    """Give the numbers an import would find in a text that is no number by itself."""
    if found.kind != "unknown":
        return []
    field = read_field(found.raw, site.profile, country=site.country or "")
    return [one.e164 or one.raw for one in field.numbers]


def _importing(numbers: list[str], language: Language) -> str:
    return render("number.import", language, numbers=", ".join(numbers))


def step_sentence(step: ReadingStep, language: Language) -> str:
    """Return what one step of the reading found or did, for a person."""
    words = {
        name: render(f"number.word.{value}", language) if name in _IN_WORDS else value
        for name, value in step.values.items()
    }
    return render(f"number.step.{step.code}", language, **words)


def _site(config: Path | None, country: str | None, lang: str | None) -> _Site:
    """Return the configured site, or one in the country named where nothing is configured."""
    chosen = chosen_language(lang) if lang else None
    try:
        configuration.find(config)
    except SettingsRefused:
        if config is not None or os.environ.get("STARFACE2MQTT_CONFIG"):
            raise
        profile = NumberProfile(country=country or "CH")
        return _Site(profile, DialPolicy(), chosen or terminal_language(), None)
    settings = configuration.read(config)
    return _Site(
        settings.site.numbers, settings.dial.policy, chosen or settings.site.language, country
    )


def _dialling(decision: Dialable | DialRefusal, language: Language) -> str:
    if isinstance(decision, Dialable):
        return render("number.dialled", language, number=decision.dialled)
    sentence = decision.sentence(language)
    return render("number.not-dialled", language, code=decision.code, sentence=sentence)


def _as_json(
    found: Number,
    steps: tuple[ReadingStep, ...],
    decision: Dialable | DialRefusal,
    language: Language,
) -> dict[str, Any]:
    return {
        **found.model_dump(),
        "same_subscriber": list(same_subscriber_keys(found.e164)) if found.e164 else [],
        "steps": [
            {"code": step.code, "values": step.values, "sentence": step_sentence(step, language)}
            for step in steps
        ],
        "dial": _decision(decision, language),
    }


def _decision(decision: Dialable | DialRefusal, language: Language) -> dict[str, Any]:
    if isinstance(decision, Dialable):
        return {"allowed": True, "dialled": decision.dialled}
    return {
        "allowed": False,
        "code": decision.code,
        "sentence": decision.sentence(language),
    }
