"""The PBX's side of a dial request: one request to place the call, never a second one."""

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from bus.events import CallStateName
from bus.pbx_states import ASKED_STATES
from consumers.users import Users
from runtime.outage import repeat_until_stored
from runtime.secret_box import SealBroken
from runtime.sqlite import is_unavailable
from starface.credential import Credential
from starface.failures import (
    AnswerUnreadable,
    CallRefused,
    LoginRefused,
    NotConnected,
    OutcomeUnknown,
    PbxFailure,
    PbxUnreachable,
    RequestForbidden,
    UnsupportedByApi,
)
from starface.wire import CallState

log = logging.getLogger(__name__)

_STORAGE_WITHIN = 10.0  # seconds; later nobody expects his phone to ring any more


class CredentialUnavailable(PbxFailure):
    """The disk does not give the user's credential now; the PBX was asked nothing."""


class Telephone(Protocol):
    """As much of the PBX's client as dialling needs."""

    @property
    def credential(self) -> Credential:
        """The credential to store."""

    def place_call(self, number: str, phone: str = "", call_id: str = "") -> str:
        """Place a call once."""

    def call_state(self, call_id: str) -> CallState | None:
        """Return the state of a call, None when it is not known."""

    def phones(self) -> Sequence[str]:
        """Return the user's phones."""


class CallOrder(NamedTuple):
    """What the PBX is to be asked."""

    user: str
    number: str
    phone: str
    call_id: str


class CallPlaced(NamedTuple):
    """The PBX places the call."""

    call_id: str


class CallNotPlaced(NamedTuple):
    """Surely no call is placed."""

    reason: str


class OutcomeUnclear(NamedTuple):
    """Nobody knows whether a call is placed."""


PlacingOutcome = CallPlaced | CallNotPlaced | OutcomeUnclear
_REASONS: dict[type[PbxFailure], str] = {
    LoginRefused: "login",
    RequestForbidden: "no_right",
    NotConnected: "not_connected",
    PbxUnreachable: "unreachable",
    UnsupportedByApi: "api",
    AnswerUnreadable: "api",
}


class CallPlacer:
    """Asks the PBX in the name of the user; may be used from several threads."""

    def __init__(
        self,
        users: Callable[[], AbstractContextManager[Users]],
        telephone: Callable[[str, Credential], Telephone],
        storage_within: float = _STORAGE_WITHIN,
    ) -> None:
        self._users = users
        self._storage_within = storage_within
        self._telephone = telephone

    def place(self, order: CallOrder) -> PlacingOutcome:
        """Have the user's phone ring, then the number."""
        try:
            credential = self._credential(order.user)
        except CredentialUnavailable:
            return CallNotPlaced("storage")
        if credential is None:
            return CallNotPlaced("no_credential")
        try:
            telephone = self._telephone(order.user, credential)
        except PbxFailure:
            return CallNotPlaced("unreachable")
        outcome = self._placed(telephone, order)
        self._keep(order.user, credential, telephone)
        return outcome

    def state(self, user: str, call_id: str) -> CallStateName | None:
        """Return how far a call is, None when the PBX does not know it; raise PbxFailure."""
        credential = self._credential(user)
        if credential is None:
            raise NotConnected("there is no token of this user")
        telephone = self._telephone(user, credential)
        found = telephone.call_state(call_id)
        self._keep(user, credential, telephone)
        return ASKED_STATES.get(found.state, "other") if found else None

    def _credential(self, user: str) -> Credential | None:
        def read() -> Credential | None:
            with self._users() as users:
                return users.credential(user)

        try:
            return repeat_until_stored("dial", read, self._storage_within)
        except SealBroken:
            log.error("the token cannot be opened with the seal key user=%s", user)
            return None
        except Exception as error:
            if not is_unavailable(error):
                raise
            raise CredentialUnavailable(str(error)) from error

    def _placed(self, telephone: Telephone, order: CallOrder) -> PlacingOutcome:
        try:
            return CallPlaced(telephone.place_call(order.number, order.phone, order.call_id))
        except CallRefused:
            return CallNotPlaced(_why_refused(telephone, order.phone))
        except OutcomeUnknown:
            return OutcomeUnclear()
        except PbxFailure as failure:
            log.warning("not placed request=%s reason=%s", order.call_id, type(failure).__name__)
            return CallNotPlaced(_reason(failure))

    def _keep(self, user: str, used: Credential, telephone: Telephone) -> None:
        """Store a credential that was refreshed on the way, however long the disk needs for it."""

        def keep() -> None:
            with self._users() as users:
                users.keep_credential(user, telephone.credential)

        if telephone.credential != used:
            repeat_until_stored("dial", keep)


def _reason(failure: PbxFailure) -> str:
    return next((reason for kind, reason in _REASONS.items() if isinstance(failure, kind)), "pbx")


def _why_refused(telephone: Telephone, phone: str) -> str:
    """Find out why a PBX that says nothing but no places no call."""
    try:
        phones = telephone.phones()
    except PbxFailure:
        return "pbx"
    if not phones:
        return "no_phone"
    return "other_phone" if phone and phone not in phones else "pbx"
