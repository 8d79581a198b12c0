"""The PBX without a user's private calls: these are neither missed nor handed in.

Else each look at the running calls would find one of which there was never an event.
"""

from datetime import datetime, timedelta

from bus.numbers.number import NumberProfile
from bus.numbers.private_numbers import PrivateNumbers
from bus.pbx_states import PBX_STATES
from consumers.sessions.tasks import PbxSession
from starface.credential import Credential
from starface.wire import CallListEntry, CallState

_SHOWN = ("ringing", "connected", "held", "ended")  # with or without a number
_OUTGOING = ("dialing", "ringback")


class WithoutPrivateCalls:
    """One user's conversation with the PBX, in which his private calls do not occur."""

    def __init__(
        self, pbx: PbxSession, user: str, numbers: PrivateNumbers, profile: NumberProfile
    ) -> None:
        self._pbx = pbx
        self._user = user
        self._numbers = numbers
        self._profile = profile
        self._private: set[str] = set()  # running calls, whose number may not be sent again

    @property
    def credential(self) -> Credential:
        """The credential to store."""
        return self._pbx.credential

    @property
    def clock_offset(self) -> timedelta | None:
        """By how much the PBX's clock is ahead of ours."""
        return self._pbx.clock_offset

    def login(self) -> None:
        """Open the session."""
        self._pbx.login()

    def subscribe_calls(self) -> None:
        """Ask for notifications."""
        self._pbx.subscribe_calls()

    def keep_alive(self) -> bool:
        """Keep the session."""
        return self._pbx.keep_alive()

    def logout(self) -> None:
        """Close the session."""
        self._pbx.logout()

    def server_version(self) -> str:
        """Return the version of the PBX."""
        return self._pbx.server_version()

    def call_ids(self) -> list[str]:
        """Return the running calls; each costs a request where there are private numbers."""
        ids = self._pbx.call_ids()
        if not self._numbers.concerns(self._user):
            return ids
        self._private.intersection_update(ids)
        return [one for one in ids if not self._stays_out(one, self._pbx.call_state(one))]

    def call_state(self, call_id: str) -> CallState | None:
        """Return one call."""
        state = self._pbx.call_state(call_id)
        return None if self._stays_out(call_id, state) else state

    def call_list(self, since: datetime) -> list[CallListEntry]:
        """Return the calls begun since then."""
        return [one for one in self._pbx.call_list(since) if not self._is_private(one)]

    def _stays_out(self, call_id: str, state: CallState | None) -> bool:
        """Return whether the gateway keeps a call out: it is private, or may prove to be."""
        if state is None or not self._numbers.concerns(self._user):
            return False
        if self._is_private(state):
            self._private.add(call_id)
        elif state.caller_number and state.called_number:
            self._private.discard(call_id)  # another has taken it over
        return call_id in self._private or _is_said_to_nobody(state)

    def _is_private(self, call: CallState | CallListEntry | None) -> bool:
        if call is None or not self._numbers.concerns(self._user):
            return False
        return any(
            self._numbers.names(self._user, one, self._profile)
            for one in (call.caller_number, call.called_number)
        )


def _is_said_to_nobody(state: CallState) -> bool:
    """Return whether it is not said yet with whom a call is; the gateway waits for that."""
    word = PBX_STATES.get(state.state)
    other = state.called_number if word in _OUTGOING else state.caller_number
    return word not in _SHOWN and not other
