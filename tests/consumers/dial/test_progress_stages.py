import pytest

from consumers.dial.progress import QUIET, ending, next_stage


@pytest.mark.parametrize(
    ("reached", "given"),
    [
        ("claimed", "own-phone-not-lifted"), ("accepted", "own-phone-not-lifted"),
        ("own-phone-ringing", "own-phone-not-lifted"), ("remote-ringing", "not-reached"),
        ("connected", "ended"),
    ],
)  # fmt: skip
def test_how_a_call_ended_follows_from_how_far_it_came(reached: str, given: str) -> None:
    assert ending(reached) == given
    assert next_stage(reached, "ended") == (given, True)


def test_a_state_nobody_knows_says_nothing() -> None:
    assert next_stage("accepted", "other") is None


def test_every_stage_that_is_not_the_end_is_asked_about_in_time() -> None:
    assert set(QUIET) == {"accepted", "own-phone-ringing", "remote-ringing", "connected"}
