import re

import pytest

from consumers.dial import texts as dial_words
from consumers.dial.texts import DialAnswer

STAGES = ["accepted", "own-phone-ringing", "remote-ringing", "connected", "not-reached",
          "own-phone-not-lifted", "ended"]  # fmt: skip
REASONS = [
    "not_a_number", "unreadable", "own_number", "unknown_user", "expired", "future", "no_time",
    "duplicate-id",
    "double-click", "busy", "minute", "hour", "site", "foreign", "off", "no_credential",
    "not_connected", "login", "no_right", "no_phone", "other_phone", "pbx", "api", "unreachable",
]  # fmt: skip
CODES = {  # of the contract: never renamed
    "not_a_number", "emergency", "premium", "international", "denied_prefix", "feature_code",
    "expired", "duplicate", "rate", "busy", "inactive", "not_allowed", "refused_by_pbx",
    "unreachable", "unknown_outcome",
}  # fmt: skip


def _sentences() -> list[DialAnswer]:
    return [
        *(dial_words.stage(state) for state in STAGES),  # type: ignore[arg-type]
        *(dial_words.refused(reason, age=20, limit=6) for reason in REASONS),
        *(
            dial_words.unknown(why)
            for why in ("no_answer", "interrupted", "not_there", "no_outcome")
        ),
    ]


@pytest.mark.parametrize("answer", _sentences(), ids=lambda answer: answer.sentence.en[:40])
def test_everything_is_said_in_both_languages_in_whole_sentences(answer: DialAnswer) -> None:
    assert answer.sentence.de != answer.sentence.en
    for sentence in (answer.sentence.de, answer.sentence.en):
        assert re.fullmatch(r"[A-ZÄÖÜ].*[.)]", sentence)
        assert "{" not in sentence


def test_only_the_codes_of_the_contract_are_used() -> None:
    used = {answer.code for answer in _sentences()} - {None}

    assert used <= CODES


def test_a_refusal_is_final_and_a_stage_is_not() -> None:
    assert dial_words.refused("busy").final
    assert not dial_words.stage("accepted").final
    assert dial_words.stage("ended", final=True).final
