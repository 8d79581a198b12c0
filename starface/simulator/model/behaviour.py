"""The people at the telephones: who lifts, answers and hangs up by himself, and after how long."""

from collections.abc import Callable

from starface.simulator.model.calls import LegNotification, SimulatedCall
from starface.simulator.model.pbx import SimulatedPbx
from starface.simulator.model.switches import Switches

Later = Callable[[float, Callable[[], None]], None]


class Behaviour:
    """Plans what people do after each step of a call."""

    def __init__(self, pbx: SimulatedPbx, switches: Switches, later: Later) -> None:
        self._pbx = pbx
        self._switches = switches
        self._later = later

    def follow(self, notification: LegNotification) -> None:
        """Plan what follows from one step."""
        call = self._pbx.calls.get(notification.call_id)
        if call is None:
            return
        match notification.state:
            case "PROCEEDING":
                self._own_phone_rings(call, notification.login)
            case "RINGBACK":
                self._far_end_rings(call)
            case "RINGING":
                self._phone_rings(call, notification.login)
            case "CONNECTED":
                self._talk(call, notification.login)

    def _own_phone_rings(self, call: SimulatedCall, login: str) -> None:
        habits = self._switches.of_user(login)
        after = self._switches.lift_after if habits.lift_after is None else habits.lift_after
        if habits.lifts and after is not None:
            self._when(call, login, "PROCEEDING", after, lambda: self._pbx.lift(call.id))
        self._give_up(call, login, "PROCEEDING")

    def _far_end_rings(self, call: SimulatedCall) -> None:
        dialler = call.placed_by
        if dialler is None:
            return
        if not self._inside(call):
            habits = self._switches.of_number(call.called.number)
            after = habits.answer_after
            after = self._switches.answer_after if after is None else after
            if habits.far_end == "answers":
                self._when(call, dialler, "RINGBACK", after, lambda: self._pbx.answer(call.id))
            if habits.far_end == "busy":
                self._when(call, dialler, "RINGBACK", 0.2, lambda: self._pbx.hang_up(call.id))
        self._give_up(call, dialler, "RINGBACK")

    def _phone_rings(self, call: SimulatedCall, login: str) -> None:
        after = self._switches.of_user(login).answer_after
        if after is not None:
            self._when(call, login, "RINGING", after, lambda: self._pbx.answer(call.id, login))

    def _talk(self, call: SimulatedCall, login: str) -> None:
        talk_for = self._switches.of_number(call.called.number).talk_for
        if talk_for is not None and call.placed_by == login and not self._inside(call):
            self._when(call, login, "CONNECTED", talk_for, lambda: self._pbx.hang_up(call.id))

    def _give_up(self, call: SimulatedCall, login: str, state: str) -> None:
        limit = self._switches.ring_limit
        self._when(call, login, state, limit, lambda: self._pbx.hang_up(call.id))

    def _when(
        self, call: SimulatedCall, login: str, state: str, seconds: float, job: Callable[[], None]
    ) -> None:
        """Do it later, if the call is still where it is now."""

        def still() -> None:
            leg = call.legs.get(login)
            running = self._pbx.calls.get(call.id) is call and not call.scripted
            if running and leg is not None and leg.state == state:
                job()

        self._later(seconds, still)

    def _inside(self, call: SimulatedCall) -> bool:
        own = {user.extension for user in self._pbx.users.values()}
        return call.called.number in own | {group.number for group in self._pbx.groups.values()}
