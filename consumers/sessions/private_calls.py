"""The PBX without a user's private calls: these are neither missed nor handed in.

Else each look at the running calls would find one of which there was never an event.
"""

from datetime import datetime

from bus.numbers.number import NumberProfile
from bus.numbers.private_numbers import PrivateNumbers
from bus.pbx_states import PBX_STATES
from starface.client import StarfaceClient
from starface.credential import Credential
from starface.request import Callback
from starface.settings import StarfaceSettings
from starface.wire import CallListEntry, CallState

_SHOWN = ("ringing", "connected", "held", "ended")  # with or without a number
_OUTGOING = ("dialing", "ringback")


class WithoutPrivateCalls(StarfaceClient):
    """One user's conversation with the PBX, in which his private calls do not occur."""

    def __init__(
        self,
        settings: StarfaceSettings,
        login: str,
        credential: Credential,
        callback: Callback | None,
        numbers: PrivateNumbers,
        profile: NumberProfile,
    ) -> None:
        super().__init__(settings, login, credential, callback)
        self._user = login
        self._numbers = numbers
        self._profile = profile
        self._private: set[str] = set()  # running calls, whose number may not be sent again

    def call_ids(self) -> list[str]:
        """Return the running calls; each costs a request where there are private numbers."""
        ids, state_of = super().call_ids(), super().call_state
        if not self._numbers.concerns(self._user):
            return ids
        self._private.intersection_update(ids)
        return [one for one in ids if not self._stays_out(one, state_of(one))]

    def call_state(self, call_id: str) -> CallState | None:
        """Return one call."""
        state = super().call_state(call_id)
        return None if self._stays_out(call_id, state) else state

    def call_list(self, since: datetime, until: datetime | None = None) -> list[CallListEntry]:
        """Return the calls begun since then."""
        return [one for one in super().call_list(since, until) if not self._is_private(one)]

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
