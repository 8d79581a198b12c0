"""From a step of a call to the notifications of each session, with the habits of the line."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from starface.simulator.model.calls import CallParty, LegNotification
from starface.simulator.model.sessions import Session, SimulatedSessions
from starface.simulator.model.switches import Switches
from starface.simulator.notify import format as notification_format
from starface.simulator.notify.delivery import CallbackDelivery
from starface.xmlrpc.reading import Writable

_HELD = 1.0  # seconds; the longest that a swapped notification waits for the next one


@dataclass(frozen=True)
class _Notification:
    session: Session
    method: str
    params: list[Writable]
    call_id: str
    state: str


class Notifier:
    """Decides what each session is told, in which order; the callbacks bring it there."""

    def __init__(
        self,
        sessions: SimulatedSessions,
        callbacks: CallbackDelivery,
        switches: Switches,
        later: Callable[[float, Callable[[], None]], None],
    ) -> None:
        self._sessions = sessions
        self._callbacks = callbacks
        self._switches = switches
        self._later = later
        self._held: dict[tuple[Session, str], _Notification] = {}
        self._own_ringing: set[str] = set()
        self._count = 0

    def tell(self, told: LegNotification) -> None:
        """Tell every session of the user who wants to know."""
        if told.rejected and not self._switches.rejected_told:
            return
        for each in [told, *self._own_phone(told)]:
            self._tell(each)

    def _tell(self, told: LegNotification) -> None:
        for session in self._sessions.of(told.login):
            for service in sorted(session.services & notification_format.CALL_SERVICES.keys()):
                if told.new_id:
                    self._tell_new_id(session, service, told)
                else:
                    self._tell_state(session, service, told)

    def reset(self, session: Session) -> None:
        """Tell the session that nothing more will be told, where its version has a word for it."""
        if notification_format.CONNECTION_SERVICE in session.services:
            method = f"{notification_format.CONNECTION_SERVICE}.reset"
            self._callbacks.send(session, method, [], "", "")

    def _own_phone(self, told: LegNotification) -> list[LegNotification]:
        """Tell the ringing of the own phone of a placed call as a call that comes in."""
        habit = self._switches.own_phone_told
        if habit == "no" or not told.placed:
            return []
        other = told.call_id if habit == "same_id" else f"{told.call_id[:34]}-0"
        ringing = replace(told, call_id=other, caller=told.called, called=told.caller)
        if told.state == "PROCEEDING":
            self._own_ringing |= {other} if habit == "other_id" else set()
            return [replace(ringing, state="INCOMING"), replace(ringing, state="RINGING")]
        if other in self._own_ringing:
            self._own_ringing.remove(other)
            return [replace(ringing, state="HANGUP")]
        return []

    def _tell_state(self, session: Session, service: str, told: LegNotification) -> None:
        version = notification_format.CALL_SERVICES[service]
        for each in self._repeated(told):
            members = notification_format.call_state(each, version, self._switches)
            if members is None or each.state in self._switches.drop_states or self._is_lost():
                continue
            method = f"{service}.receiveCallState"
            self._pass_on(_Notification(session, method, [members], told.call_id, told.state))

    def _tell_new_id(self, session: Session, service: str, told: LegNotification) -> None:
        if notification_format.CALL_SERVICES[service] == "v30" and self._switches.id_change_told:
            params = notification_format.id_change(told, self._switches)
            method = f"{service}.callChangesIdEvent"
            self._pass_on(_Notification(session, method, params, told.call_id, ""))
        elif self._switches.unknown_id_change == "hang_up":
            self._tell_state(session, service, replace(told, state="HANGUP", new_id=""))

    def _repeated(self, told: LegNotification) -> list[LegNotification]:
        if self._switches.details_late and told.state == "RINGING":
            return [replace(told, caller=CallParty(), called=CallParty()), told]
        return [told]

    def _is_lost(self) -> bool:
        self._count += 1
        every = self._switches.drop_every
        return every > 0 and self._count % every == 0

    def _pass_on(self, letter: _Notification) -> None:
        if self._switches.order == "sent":
            self._send(letter)
            return
        key = (letter.session, letter.call_id)
        if (held := self._held.pop(key, None)) is not None:
            self._send(letter)
            self._send(held)
        else:
            self._held[key] = letter
            self._later(_HELD, lambda: self._release(key, letter))

    def _release(self, key: tuple[Session, str], letter: _Notification) -> None:
        if self._held.get(key) is letter:
            self._send(self._held.pop(key))

    def _send(self, letter: _Notification) -> None:
        self._callbacks.send(
            letter.session, letter.method, letter.params, letter.call_id, letter.state
        )
