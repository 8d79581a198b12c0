"""The PBX's words for the state of a call, and ours for them."""

import re
from functools import lru_cache

from bus.events import CallStateName

PBX_STATES: dict[str, CallStateName] = {
    "INCOMING": "incoming",
    "RINGING": "ringing",
    "REQUESTED": "dialing",
    "PROCEEDING": "dialing",
    "OUTGOING": "dialing",
    "RINGBACK": "ringback",
    "CONNECTED": "connected",
    "PARKED": "held",
    "HANGUP": "ended",
}
# Only in what the PBX answers when it is asked about a call.
ASKED_STATES: dict[str, CallStateName] = PBX_STATES | {
    "CONSULT": "held",
    "CONFERENCE_ACTIVE": "connected",
    "CONFERENCE_INACTIVE": "held",
    "CONFERENCE_CONSULT": "held",
}


@lru_cache(maxsize=100)
def notified_state(pbx_state: str) -> CallStateName:
    """Return our word for the state in a notification, however it is spelled."""
    return PBX_STATES.get(re.sub(r"[\s_-]", "", pbx_state).upper(), "other")
