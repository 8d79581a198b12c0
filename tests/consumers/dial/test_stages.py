import pytest

from bus.events import CallStateName
from consumers.dial.stages import QUIET, ending, next_stage, state_of


@pytest.mark.parametrize(
    ("told", "ours"),
    [
        ("PROCEEDING", "dialing"), ("Outgoing", "dialing"), ("ringback", "ringback"),
        ("RINGING", "ringing"), ("CONNECTED", "connected"), ("PARKED", "held"),
        ("CONFERENCE_ACTIVE", "connected"), ("HANGUP", "ended"), ("", "other"), ("NEW", "other"),
    ],
)  # fmt: skip
def test_the_pbxs_words_become_ours(told: str, ours: CallStateName) -> None:
    assert state_of(told) == ours


@pytest.mark.parametrize(
    ("reached", "told"),
    [
        ("claimed", "own-phone-not-lifted"), ("accepted", "own-phone-not-lifted"),
        ("own-phone-ringing", "own-phone-not-lifted"), ("remote-ringing", "not-reached"),
        ("connected", "ended"),
    ],
)  # fmt: skip
def test_how_a_call_ended_follows_from_how_far_it_came(reached: str, told: str) -> None:
    assert ending(reached) == told
    assert next_stage(reached, "ended") == (told, True)


def test_a_state_nobody_knows_says_nothing() -> None:
    assert next_stage("accepted", "other") is None


def test_every_stage_that_is_not_the_end_is_asked_about_in_time() -> None:
    assert set(QUIET) == {"accepted", "own-phone-ringing", "remote-ringing", "connected"}
