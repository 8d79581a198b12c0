"""What can happen at the stand-in PBX: calls come in, are placed, answered, held, handed over."""

import re
import uuid
from collections.abc import Callable, Iterable
from datetime import datetime

from starface.simulator.model.calls import WAITING, Call, NoSuchGroup, Party, PlacedCall, Told
from starface.simulator.model.people import SimulatedGroup, SimulatedUser
from starface.simulator.model.switchboard import Switchboard

_DIALLABLE = re.compile(r"\+?[0-9*#]{1,32}\Z")
_CALL_ID = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")


class Pbx(Switchboard):
    """Everything that people and clients can do to a call."""

    def __init__(
        self,
        users: Iterable[SimulatedUser],
        groups: Iterable[SimulatedGroup],
        listener: Callable[[Told], None],
        now: Callable[[], datetime],
    ) -> None:
        super().__init__(users, groups, listener, now)
        self.placed: list[PlacedCall] = []

    def ring(self, login: str, caller: Party, call_id: str = "") -> Call:
        """Let a call from outside come in for one user."""
        return self._incoming([login], caller, self.party(login), "", call_id)

    def ring_group(self, group_id: str, caller: Party, call_id: str = "") -> Call:
        """Let a call from outside come in for a group; every member's phone rings."""
        if group_id not in self.groups:
            raise NoSuchGroup(group_id)
        group = self.groups[group_id]
        called = Party(group.number, group.name)
        return self._incoming(self.members(group_id), caller, called, group_id, call_id)

    def place(self, login: str, number: str, phone: str = "", call_id: str = "") -> str:
        """Ring the user's own phone first; return the call's id, or "" when refused."""
        given = self._begin(login, number, phone, call_id)
        self.placed.append(PlacedCall(given, login, number, phone, call_id, self._now()))
        return given

    def lift(self, call_id: str) -> None:
        """Lift the own phone of the user who dials; then the target is dialled."""
        call = self.call(call_id)
        login = call.placed_by
        if login is None or call.legs[login].state != "PROCEEDING":
            return
        self.step(call, login, "RINGBACK")
        target = self.at_number(call.called.number)
        if target is not None and target != login:
            self.let_ring(call, target, call.caller, self.party(target))
        elif group := self.group_at(call.called.number):
            call.group = group
            for member in self.members(group):
                if member != login:
                    self.let_ring(call, member, call.caller, call.called)

    def answer(self, call_id: str, login: str | None = None) -> None:
        """Somebody answers: this user, or the only or first one who can; else the far end."""
        call = self.call(call_id)
        waiting = [leg.login for leg in call.legs.values() if leg.state in WAITING]
        if login is not None and login not in waiting:
            waiting = []
        if waiting:
            answering = login or waiting[0]
            self.step(call, answering, "CONNECTED")
            for other in waiting:
                if other != answering:
                    self.leave(call, other)
        call.answered = True
        for leg in list(call.legs.values()):
            if leg.state in {"RINGBACK", "CONSULT"}:
                self.step(call, leg.login, "CONNECTED")

    def lift_or_answer(self, call_id: str, login: str | None = None) -> None:
        """Lift the own phone if it is that which rings, answer otherwise."""
        legs = self.call(call_id).legs.values()
        if any(leg.state == "PROCEEDING" for leg in legs):
            self.lift(call_id)
        else:
            self.answer(call_id, login)

    def hang_up(self, call_id: str, login: str | None = None) -> None:
        """End the call; with a login only this user leaves if others' phones still ring."""
        call = self.call(call_id)
        others = [leg for leg in call.legs.values() if leg.login != login]
        own = call.legs.get(login or "")
        if own and not own.outgoing and others and all(leg.state in WAITING for leg in others):
            self.leave(call, own.login)
            return
        for leg in list(call.legs.values()):
            self.leave(call, leg.login)
        self.calls.pop(call.id, None)

    def hold(self, call_id: str, login: str) -> None:
        """Park the call."""
        self.step(self.call(call_id), login, "PARKED")

    def resume(self, call_id: str, login: str) -> None:
        """Take the parked call again."""
        self.step(self.call(call_id), login, "CONNECTED")

    def confer(self, call_id: str, login: str) -> None:
        """Put the user's part of the call into a conference."""
        self.step(self.call(call_id), login, "CONFERENCE_ACTIVE")

    def consult(self, login: str, other: str) -> Call:
        """Make a second call next to a held one, to a colleague."""
        call = self.new_call(self.party(login), self.party(other))
        self.join_call(call, login, outgoing=True)
        self.step(call, login, "CONSULT")
        self.let_ring(call, other, call.caller, call.called)
        return call

    def hand_over(self, call_id: str, giver: str, taker: str, *, ringing: bool) -> None:
        """Give the call to another user: he is connected, or his phone rings."""
        call = self.call(call_id)
        caller = call.legs[giver].caller
        if ringing:
            self.let_ring(call, taker, caller, self.party(taker))
        else:
            self.join_call(call, taker, caller=caller, called=self.party(taker))
            self.step(call, taker, "CONNECTED")
        self.leave(call, giver, end=False)

    def join(self, held_id: str, second_id: str, giver: str, taker: str) -> None:
        """Complete an attended transfer: the second call becomes part of the held one."""
        held, second = self.call(held_id), self.call(second_id)
        caller = held.legs[giver].caller
        leg = second.legs.pop(taker)
        self.tell(leg, second, second_id, new_id=held_id)
        leg.caller, leg.called = caller, self.party(taker)
        held.legs[taker] = leg
        self.step(held, taker, "CONNECTED")
        self.leave(second, giver)
        self.leave(held, giver)

    def change_id(self, call_id: str) -> Call:
        """Give a running call a new id, as a transfer may."""
        call = self.calls.pop(call_id)
        call.id = str(uuid.uuid4())
        self.calls[call.id] = call
        for leg in call.legs.values():
            self.tell(leg, call, call_id, new_id=call.id)
        return call

    def divert(self, call_id: str, login: str) -> None:
        """Let the user's voicemail take the call."""
        call = self.call(call_id)
        self.step(call, login, "VOICEMAIL_LINKED")
        self.leave(call, login)

    def forget(self) -> None:
        """Lose all running calls without a word, as a crash does; the call list stays."""
        for call_id in list(self.calls):
            self.lose(call_id)

    def lose(self, call_id: str) -> None:
        """End a call of which nobody is told."""
        call = self.calls.pop(call_id)
        for leg in call.legs.values():
            self.note(call, leg)

    def _incoming(
        self, logins: list[str], caller: Party, called: Party, group: str, call_id: str
    ) -> Call:
        call = self.new_call(caller, called, call_id)
        call.group = group
        for login in logins:
            self.let_ring(call, login, caller, called)
        return call

    def _begin(self, login: str, number: str, phone: str, call_id: str) -> str:
        user = self.user(login)
        dialling = any(
            leg.state == "PROCEEDING" for call in self.calls_of(login) for leg in [call.legs[login]]
        )
        known_phone = bool(user.registered) and phone in {"", *user.registered}
        known_id = call_id in self.calls or (call_id and not _CALL_ID.match(call_id))
        if dialling or not known_phone or known_id or not _DIALLABLE.match(number):
            return ""
        called = Party(number)
        if (target := self.at_number(number)) is not None:
            called = self.party(target)
        elif group := self.group_at(number):
            called = Party(number, self.groups[group].name)
        call = self.new_call(self.party(login), called, call_id)
        self.join_call(call, login, outgoing=True)
        self.step(call, login, "PROCEEDING")
        return call.id
