"""What can happen at the stand-in PBX: calls come in, are placed, answered, held, handed over."""

import hashlib
import re
import threading
import uuid
from collections.abc import Callable, Iterable
from datetime import datetime

from starface.simulator.model.call_list import CallList, PastCall
from starface.simulator.model.calls import (
    WAITING,
    CallLeg,
    CallParty,
    LegNotification,
    NoSuchCall,
    NoSuchGroup,
    NoSuchUser,
    PlacedCall,
    SimulatedCall,
)
from starface.simulator.model.people import SimulatedGroup, SimulatedUser
from starface.simulator.model.redirects import Redirects
from starface.simulator.model.voicemail import Voicemail

_DIALLABLE = re.compile(r"\+?[0-9*#]{1,32}\Z")
_CALL_ID = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")


class SimulatedPbx:
    """Users, groups, running calls and the call list, and all that can be done to a call.

    A caller of a method holds `lock`; the listener gets each step and must not wait.
    """

    def __init__(
        self,
        users: Iterable[SimulatedUser],
        groups: Iterable[SimulatedGroup],
        listener: Callable[[LegNotification], None],
        now: Callable[[], datetime],
    ) -> None:
        self.lock = threading.RLock()
        self.users = {user.login: user for user in users}
        self.groups = {group.id: group for group in groups}
        self.calls: dict[str, SimulatedCall] = {}
        self.call_list = CallList()
        self.redirects = Redirects()
        self.voicemail = Voicemail()
        self.avatars: dict[str, tuple[str, bytes]] = {}  # content type and picture
        self.do_not_disturb: set[str] = set()
        self.one_call_only: set[str] = set()
        self._listener = listener
        self._now = now
        self.placed: list[PlacedCall] = []

    def user(self, login: str) -> SimulatedUser:
        """Return the user; raise NoSuchUser."""
        if login not in self.users:
            raise NoSuchUser(login)
        return self.users[login]

    def call(self, call_id: str) -> SimulatedCall:
        """Return the running call; raise NoSuchCall."""
        if call_id not in self.calls:
            raise NoSuchCall(call_id)
        return self.calls[call_id]

    def calls_of(self, login: str) -> list[SimulatedCall]:
        """Return the running calls in which the user takes part."""
        return [call for call in self.calls.values() if login in call.legs]

    def members(self, group_id: str) -> list[str]:
        """Return the logins of a group's members."""
        return [user.login for user in self.users.values() if group_id in user.groups]

    def avatar_hash(self, login: str) -> str:
        """Return by what a client sees that a picture is another one; empty without one."""
        _, picture = self.avatars.get(login, ("", b""))
        return hashlib.sha256(picture).hexdigest() if picture else ""

    def party(self, login: str) -> CallParty:
        """Return a user as one end of a call."""
        user = self.user(login)
        return CallParty(user.extension, user.name)

    def ring(self, login: str, caller: CallParty, call_id: str = "") -> SimulatedCall:
        """Let a call from outside come in for one user."""
        return self._incoming([login], caller, self.party(login), "", call_id)

    def ring_group(self, group_id: str, caller: CallParty, call_id: str = "") -> SimulatedCall:
        """Let a call from outside come in for a group; every member's phone rings."""
        if group_id not in self.groups:
            raise NoSuchGroup(group_id)
        group = self.groups[group_id]
        called = CallParty(group.number, group.name)
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

    def consult(self, login: str, other: str) -> SimulatedCall:
        """Make a second call next to a held one, to a colleague."""
        call = self.new_call(self.party(login), self.party(other))
        self.join_call(call, login, outgoing=True)
        self.step(call, login, "CONSULT")
        self.let_ring(call, other, call.caller, call.called)
        return call

    def hand_over(self, call_id: str, giver: str, taker: str, *, ringing: bool) -> None:
        """Hand the call to another user: he is connected, or his phone rings."""
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
        self.notify(leg, second, second_id, new_id=held_id)
        leg.caller, leg.called = caller, self.party(taker)
        held.legs[taker] = leg
        self.step(held, taker, "CONNECTED")
        self.leave(second, giver)
        self.leave(held, giver)

    def change_id(self, call_id: str) -> SimulatedCall:
        """Return a running call a new id, as a transfer may."""
        call = self.calls.pop(call_id)
        call.id = str(uuid.uuid4())
        self.calls[call.id] = call
        for leg in call.legs.values():
            self.notify(leg, call, call_id, new_id=call.id)
        return call

    def divert(self, call_id: str, login: str) -> None:
        """Let the user's voicemail take the call."""
        call = self.call(call_id)
        self.step(call, login, "VOICEMAIL_LINKED")
        leg = call.legs[login]
        caller, called = leg.caller, leg.called
        self.voicemail.add(login, caller.number, caller.name, called.number, self._now())
        self.leave(call, login)

    def forget(self) -> None:
        """Lose all running calls without a word, as a crash does; the call list stays."""
        for call_id in list(self.calls):
            self.lose(call_id)

    def lose(self, call_id: str) -> None:
        """End a call without a notification."""
        call = self.calls.pop(call_id)
        for leg in call.legs.values():
            self.note(call, leg)

    def new_call(self, caller: CallParty, called: CallParty, call_id: str = "") -> SimulatedCall:
        """Begin a call in which nobody takes part yet."""
        call = SimulatedCall(call_id or str(uuid.uuid4()), caller, called, self._now())
        self.calls[call.id] = call
        return call

    def join_call(
        self,
        call: SimulatedCall,
        login: str,
        *,
        outgoing: bool = False,
        caller: CallParty | None = None,
        called: CallParty | None = None,
    ) -> None:
        """Let a user take part; his ends of the call may be other than those of the call."""
        ends = (caller or call.caller, called or call.called)
        call.legs[login] = CallLeg(login, outgoing, *ends, self._now())

    def let_ring(
        self, call: SimulatedCall, login: str, caller: CallParty, called: CallParty
    ) -> None:
        """Let a user's phone ring, unless he takes no calls now."""
        self.join_call(call, login, caller=caller, called=called)
        call.legs[login].rejected = self._busy(login)
        self.step(call, login, "INCOMING")
        if call.legs[login].rejected:
            self.leave(call, login)
        else:
            self.step(call, login, "RINGING")

    def step(self, call: SimulatedCall, login: str, state: str) -> None:
        """Bring a participant into a state, and notify him."""
        leg = call.legs[login]
        leg.state = state
        if state == "CONNECTED":
            call.answered = True
            leg.connected = leg.connected or self._now()
        self.notify(leg, call, call.id)

    def leave(self, call: SimulatedCall, login: str, *, end: bool = True) -> None:
        """Let a participant hang up; the call ends with the last one."""
        leg = call.legs.pop(login)
        leg.state = "HANGUP"
        self.note(call, leg)
        self.notify(leg, call, call.id)
        if end and not call.legs:
            self.calls.pop(call.id, None)

    def note(self, call: SimulatedCall, leg: CallLeg) -> None:
        """Put a finished part of a call on the call list."""
        self.call_list.add(
            PastCall(
                call_id=call.id,
                login=leg.login,
                direction="OUTBOUND" if leg.outgoing else "INBOUND",
                answered=leg.connected is not None or (bool(call.group) and call.answered),
                caller=leg.caller.number,
                called=leg.called.number,
                name=leg.called.name if leg.outgoing else leg.caller.name,
                group=call.group,
                started=leg.started,
                seconds=(self._now() - leg.started).total_seconds(),
            )
        )

    def notify(self, leg: CallLeg, call: SimulatedCall, call_id: str, new_id: str = "") -> None:
        """Notify a participant of what his part of the call is now."""
        ends = (leg.caller, leg.called)
        leg_values = (leg.login, call_id, leg.state, *ends, call.group, self._now())
        self._listener(
            LegNotification(*leg_values, new_id=new_id, rejected=leg.rejected, placed=leg.outgoing)
        )

    def at_number(self, number: str) -> str | None:
        """Return who has this extension."""
        return next((u.login for u in self.users.values() if u.extension == number), None)

    def group_at(self, number: str) -> str:
        """Return which group has this number; "" for none."""
        return next((g.id for g in self.groups.values() if g.number == number), "")

    def _incoming(
        self, logins: list[str], caller: CallParty, called: CallParty, group: str, call_id: str
    ) -> SimulatedCall:
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
        called = CallParty(number)
        if (target := self.at_number(number)) is not None:
            called = self.party(target)
        elif group := self.group_at(number):
            called = CallParty(number, self.groups[group].name)
        call = self.new_call(self.party(login), called, call_id)
        self.join_call(call, login, outgoing=True)
        self.step(call, login, "PROCEEDING")
        return call.id

    def _busy(self, login: str) -> bool:
        talking = len(self.calls_of(login)) > 1 and login in self.one_call_only
        return talking or login in self.do_not_disturb
