import pytest

from bus.events import CallStateName
from bus.pbx_states import ASKED_STATES, notified_state
from starface.wire import CallState


@pytest.mark.parametrize(
    ("given", "ours"),
    [
        ("PROCEEDING", "dialing"), ("Outgoing", "dialing"), ("ringback", "ringback"),
        ("RINGING", "ringing"), ("CONNECTED", "connected"), ("PARKED", "held"),
        ("CONFERENCE_ACTIVE", "connected"), ("HANGUP", "ended"), ("", "other"), ("NEW", "other"),
    ],
)  # fmt: skip
def test_the_pbxs_words_become_ours(given: str, ours: CallStateName) -> None:
    asked = CallState(id="c-1", state=given).state
    assert ASKED_STATES.get(asked, "other") == ours


@pytest.mark.parametrize(
    ("given", "ours"),
    [("ring_back", "ringback"), (" Connected", "connected"), ("CONSULT", "other"), ("", "other")],
)
def test_a_notified_state_is_read_however_it_is_spelled(given: str, ours: CallStateName) -> None:
    assert notified_state(given) == ours
