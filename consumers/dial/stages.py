"""How far a dialled call has come, learned from call events and from the PBX's own words.

Any step may be missing: what counts is the furthest that was ever seen, never the way there.
"""

from bus.events import CallStateName, DialState

QUIET = {  # seconds without news after which the PBX is asked
    "accepted": 20.0,
    "own-phone-ringing": 30.0,
    "remote-ringing": 45.0,
    "connected": 300.0,
}
_OF_EVENT: dict[CallStateName, DialState] = {
    "incoming": "own-phone-ringing",
    "ringing": "own-phone-ringing",
    "dialing": "own-phone-ringing",
    "ringback": "remote-ringing",
    "connected": "connected",
    "held": "connected",
    "ended": "ended",
}
_OF_PBX: dict[str, CallStateName] = {
    "REQUESTED": "dialing",
    "PROCEEDING": "dialing",
    "OUTGOING": "dialing",
    "INCOMING": "incoming",
    "RINGING": "ringing",
    "RINGBACK": "ringback",
    "CONNECTED": "connected",
    "PARKED": "held",
    "CONSULT": "held",
    "CONFERENCE_ACTIVE": "connected",
    "CONFERENCE_INACTIVE": "held",
    "CONFERENCE_CONSULT": "held",
    "HANGUP": "ended",
}


def state_of(pbx_state: str) -> CallStateName:
    """Return our word for what the PBX answers about a call."""
    return _OF_PBX.get(pbx_state.upper(), "other")


def next_stage(reached: str, state: CallStateName) -> tuple[DialState, bool] | None:
    """Return the stage a call reaches and whether it is the last; None if it says nothing new."""
    stage = _OF_EVENT.get(state)
    if stage is None:
        return None
    return (ending(reached), True) if stage == "ended" else (stage, False)


def ending(reached: str) -> DialState:
    """Return the outcome of a call that is over."""
    if reached == "connected":
        return "ended"
    return "not-reached" if reached == "remote-ringing" else "own-phone-not-lifted"
