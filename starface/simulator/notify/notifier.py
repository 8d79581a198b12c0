"""From a step of a call to the notifications of each session, with the habits of the line."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from starface.simulator.model.calls import CallParty, LegNotification
from starface.simulator.model.sessions import SimulatedSession, SimulatedSessions
from starface.simulator.model.switches import Switches
from starface.simulator.notify import format as notification_format
from starface.simulator.notify.delivery import CallbackDelivery
from starface.xmlrpc.reading import Writable

_HELD = 1.0  # seconds; the longest that a swapped notification waits for the next one


@dataclass(frozen=True)
class _Notification:
    session: SimulatedSession
    method: str
    params: list[Writable]
    call_id: str
    state: str


class Notifier:
    """Decides which notifications each session gets, in which order; delivery brings them there."""

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
        self._held: dict[tuple[SimulatedSession, str], _Notification] = {}
        self._own_ringing: set[str] = set()
        self._count = 0

    def notify(self, notification: LegNotification) -> None:
        """Notify every session of the user that has subscribed."""
        if notification.rejected and not self._switches.rejected_notified:
            return
        for each in [notification, *self._own_phone(notification)]:
            self._notify(each)

    def _notify(self, notification: LegNotification) -> None:
        for session in self._sessions.of(notification.login):
            for service in sorted(session.services & notification_format.CALL_SERVICES.keys()):
                if notification.new_id:
                    self._notify_new_id(session, service, notification)
                else:
                    self._notify_state(session, service, notification)

    def reset(self, session: SimulatedSession) -> None:
        """Announce that nothing more will come, where the session's version has a word for it."""
        if notification_format.CONNECTION_SERVICE in session.services:
            method = f"{notification_format.CONNECTION_SERVICE}.reset"
            self._callbacks.send(session, method, [], "", "")

    def _own_phone(self, notification: LegNotification) -> list[LegNotification]:
        """Return the ringing of the own phone of a placed call as a call that comes in."""
        habit = self._switches.own_phone_notified
        if habit == "no" or not notification.placed:
            return []
        other = notification.call_id if habit == "same_id" else f"{notification.call_id[:34]}-0"
        ringing = replace(
            notification, call_id=other, caller=notification.called, called=notification.caller
        )
        if notification.state == "PROCEEDING":
            self._own_ringing |= {other} if habit == "other_id" else set()
            return [replace(ringing, state="INCOMING"), replace(ringing, state="RINGING")]
        if other in self._own_ringing:
            self._own_ringing.remove(other)
            return [replace(ringing, state="HANGUP")]
        return []

    def _notify_state(
        self, session: SimulatedSession, service: str, notification: LegNotification
    ) -> None:
        version = notification_format.CALL_SERVICES[service]
        for each in self._repeated(notification):
            members = notification_format.call_state(each, version, self._switches)
            if members is None or each.state in self._switches.drop_states or self._is_lost():
                continue
            method = f"{service}.receiveCallState"
            self._pass_on(
                _Notification(session, method, [members], notification.call_id, notification.state)
            )

    def _notify_new_id(
        self, session: SimulatedSession, service: str, notification: LegNotification
    ) -> None:
        if (
            notification_format.CALL_SERVICES[service] == "v30"
            and self._switches.id_change_notified
        ):
            params = notification_format.id_change(notification, self._switches)
            method = f"{service}.callChangesIdEvent"
            self._pass_on(_Notification(session, method, params, notification.call_id, ""))
        elif self._switches.unknown_id_change == "hang_up":
            self._notify_state(session, service, replace(notification, state="HANGUP", new_id=""))

    def _repeated(self, notification: LegNotification) -> list[LegNotification]:
        if self._switches.details_late and notification.state == "RINGING":
            return [replace(notification, caller=CallParty(), called=CallParty()), notification]
        return [notification]

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

    def _release(self, key: tuple[SimulatedSession, str], letter: _Notification) -> None:
        if self._held.get(key) is letter:
            self._send(self._held.pop(key))

    def _send(self, letter: _Notification) -> None:
        self._callbacks.send(
            letter.session, letter.method, letter.params, letter.call_id, letter.state
        )
