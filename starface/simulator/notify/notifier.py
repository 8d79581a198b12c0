"""From a step of a call to the notifications of each session, with the habits of the line."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from starface.simulator.model.calls import Party, Told
from starface.simulator.model.sessions import Session, Sessions
from starface.simulator.model.switches import Switches
from starface.simulator.notify import format as wording
from starface.simulator.notify.delivery import Callbacks
from starface.xmlrpc.reading import Writable

_HELD = 1.0  # seconds; the longest that a swapped notification waits for the next one


@dataclass(frozen=True)
class _Letter:
    session: Session
    method: str
    params: list[Writable]
    call_id: str
    state: str


class Telling:
    """Decides what each session is told, in which order; the callbacks bring it there."""

    def __init__(
        self,
        sessions: Sessions,
        callbacks: Callbacks,
        switches: Switches,
        later: Callable[[float, Callable[[], None]], None],
    ) -> None:
        self._sessions = sessions
        self._callbacks = callbacks
        self._switches = switches
        self._later = later
        self._held: dict[tuple[Session, str], _Letter] = {}
        self._own_ringing: set[str] = set()
        self._count = 0

    def tell(self, told: Told) -> None:
        """Tell every session of the user who wants to know."""
        if told.rejected and not self._switches.rejected_told:
            return
        for each in [told, *self._own_phone(told)]:
            self._tell(each)

    def _tell(self, told: Told) -> None:
        for session in self._sessions.of(told.login):
            for service in sorted(session.services & wording.CALL_SERVICES.keys()):
                if told.new_id:
                    self._tell_new_id(session, service, told)
                else:
                    self._tell_state(session, service, told)

    def reset(self, session: Session) -> None:
        """Tell the session that nothing more will be told, where its version has a word for it."""
        if wording.CONNECTION_SERVICE in session.services:
            method = f"{wording.CONNECTION_SERVICE}.reset"
            self._callbacks.send(session, method, [], "", "")

    def _own_phone(self, told: Told) -> list[Told]:
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

    def _tell_state(self, session: Session, service: str, told: Told) -> None:
        version = wording.CALL_SERVICES[service]
        for each in self._repeated(told):
            members = wording.call_state(each, version, self._switches)
            if members is None or each.state in self._switches.drop_states or self._is_lost():
                continue
            method = f"{service}.receiveCallState"
            self._pass_on(_Letter(session, method, [members], told.call_id, told.state))

    def _tell_new_id(self, session: Session, service: str, told: Told) -> None:
        if wording.CALL_SERVICES[service] == "v30" and self._switches.id_change_told:
            params = wording.id_change(told, self._switches)
            method = f"{service}.callChangesIdEvent"
            self._pass_on(_Letter(session, method, params, told.call_id, ""))
        elif self._switches.unknown_id_change == "hang_up":
            self._tell_state(session, service, replace(told, state="HANGUP", new_id=""))

    def _repeated(self, told: Told) -> list[Told]:
        if self._switches.details_late and told.state == "RINGING":
            return [replace(told, caller=Party(), called=Party()), told]
        return [told]

    def _is_lost(self) -> bool:
        self._count += 1
        every = self._switches.drop_every
        return every > 0 and self._count % every == 0

    def _pass_on(self, letter: _Letter) -> None:
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

    def _release(self, key: tuple[Session, str], letter: _Letter) -> None:
        if self._held.get(key) is letter:
            self._send(self._held.pop(key))

    def _send(self, letter: _Letter) -> None:
        self._callbacks.send(
            letter.session, letter.method, letter.params, letter.call_id, letter.state
        )
