"""Who takes part in which call of the stand-in PBX, and in what state. No network, no own clock.

Whoever calls a method holds `lock`; whoever listens is told of each step and must not wait.
"""

import threading
import uuid
from collections.abc import Callable, Iterable
from datetime import datetime

from starface.simulator.model.call_list import CallList, Entry
from starface.simulator.model.calls import Call, Leg, NoSuchCall, NoSuchUser, Party, Told
from starface.simulator.model.people import SimulatedGroup, SimulatedUser


class Switchboard:
    """Users, groups, running calls and the call list; what happens to them decides the Pbx."""

    def __init__(
        self,
        users: Iterable[SimulatedUser],
        groups: Iterable[SimulatedGroup],
        listener: Callable[[Told], None],
        now: Callable[[], datetime],
    ) -> None:
        self.lock = threading.RLock()
        self.users = {user.login: user for user in users}
        self.groups = {group.id: group for group in groups}
        self.calls: dict[str, Call] = {}
        self.call_list = CallList()
        self.do_not_disturb: set[str] = set()
        self.one_call_only: set[str] = set()
        self._listener = listener
        self._now = now

    # ---- finding

    def user(self, login: str) -> SimulatedUser:
        """Return the user; raise NoSuchUser."""
        if login not in self.users:
            raise NoSuchUser(login)
        return self.users[login]

    def call(self, call_id: str) -> Call:
        """Return the running call; raise NoSuchCall."""
        if call_id not in self.calls:
            raise NoSuchCall(call_id)
        return self.calls[call_id]

    def calls_of(self, login: str) -> list[Call]:
        """Return the running calls in which the user takes part."""
        return [call for call in self.calls.values() if login in call.legs]

    def members(self, group_id: str) -> list[str]:
        """Return the logins of a group's members."""
        return [user.login for user in self.users.values() if group_id in user.groups]

    def party(self, login: str) -> Party:
        """Return a user as one end of a call."""
        user = self.user(login)
        return Party(user.extension, user.name)

    # ---- steps

    def new_call(self, caller: Party, called: Party, call_id: str = "") -> Call:
        """Begin a call in which nobody takes part yet."""
        call = Call(call_id or str(uuid.uuid4()), caller, called, self._now())
        self.calls[call.id] = call
        return call

    def join_call(
        self,
        call: Call,
        login: str,
        *,
        outgoing: bool = False,
        caller: Party | None = None,
        called: Party | None = None,
    ) -> None:
        """Let a user take part; his ends of the call may be other than those of the call."""
        ends = (caller or call.caller, called or call.called)
        call.legs[login] = Leg(login, outgoing, *ends, self._now())

    def let_ring(self, call: Call, login: str, caller: Party, called: Party) -> None:
        """Let a user's phone ring, unless he takes no calls now."""
        self.join_call(call, login, caller=caller, called=called)
        call.legs[login].rejected = self._busy(login)
        self.step(call, login, "INCOMING")
        if call.legs[login].rejected:
            self.leave(call, login)
        else:
            self.step(call, login, "RINGING")

    def step(self, call: Call, login: str, state: str) -> None:
        """Bring a participant into a state, and tell him."""
        leg = call.legs[login]
        leg.state = state
        if state == "CONNECTED":
            call.answered = True
            leg.connected = leg.connected or self._now()
        self.tell(leg, call, call.id)

    def leave(self, call: Call, login: str, *, end: bool = True) -> None:
        """Let a participant hang up; the call ends with the last one."""
        leg = call.legs.pop(login)
        leg.state = "HANGUP"
        self.note(call, leg)
        self.tell(leg, call, call.id)
        if end and not call.legs:
            self.calls.pop(call.id, None)

    def note(self, call: Call, leg: Leg) -> None:
        """Put a finished part of a call on the call list."""
        self.call_list.add(
            Entry(
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

    def tell(self, leg: Leg, call: Call, call_id: str, new_id: str = "") -> None:
        """Tell a participant what his part of the call is now."""
        ends = (leg.caller, leg.called)
        told = (leg.login, call_id, leg.state, *ends, call.group, self._now())
        self._listener(Told(*told, new_id=new_id, rejected=leg.rejected, placed=leg.outgoing))

    def at_number(self, number: str) -> str | None:
        """Return who has this extension."""
        return next((u.login for u in self.users.values() if u.extension == number), None)

    def group_at(self, number: str) -> str:
        """Return which group has this number; "" for none."""
        return next((g.id for g in self.groups.values() if g.number == number), "")

    def _busy(self, login: str) -> bool:
        talking = len(self.calls_of(login)) > 1 and login in self.one_call_only
        return talking or login in self.do_not_disturb
