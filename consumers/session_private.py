"""The PBX without a user's private calls: these are neither missed nor handed in.

Else each look at the running calls would find one of which no event was ever heard.
"""

from datetime import datetime

from bus.numbers import NumberProfile
from bus.private import PrivateNumbers
from consumers.session_errands import Pbx
from starface.token import Credential
from starface.wire import CallListEntry, CallState


class WithoutPrivateCalls:
    """One user's conversation with the PBX, in which his private calls do not occur."""

    def __init__(
        self, pbx: Pbx, user: str, numbers: PrivateNumbers, profile: NumberProfile
    ) -> None:
        self._pbx = pbx
        self._user = user
        self._numbers = numbers
        self._profile = profile

    @property
    def credential(self) -> Credential:
        """The credential to store."""
        return self._pbx.credential

    def login(self) -> None:
        """Open the session."""
        self._pbx.login()

    def subscribe_calls(self) -> None:
        """Ask for notifications."""
        self._pbx.subscribe_calls()

    def keep_alive(self) -> bool:
        """Tell that we are there."""
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
        return [one for one in ids if not self._is_private(self._pbx.call_state(one))]

    def call_state(self, call_id: str) -> CallState | None:
        """Return one call."""
        state = self._pbx.call_state(call_id)
        return None if self._is_private(state) else state

    def call_list(self, since: datetime) -> list[CallListEntry]:
        """Return the calls begun since then."""
        return [one for one in self._pbx.call_list(since) if not self._is_private(one)]

    def _is_private(self, call: CallState | CallListEntry | None) -> bool:
        if call is None or not self._numbers.concerns(self._user):
            return False
        return any(
            self._numbers.names(self._user, one, self._profile)
            for one in (call.caller_number, call.called_number)
        )
