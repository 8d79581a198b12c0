"""What can be done at the control door: a model for each act, which says what it needs."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

if TYPE_CHECKING:
    from starface.simulator.control.simulator import Simulator

Text = Annotated[str, StringConstraints(max_length=200)]
Seconds = Annotated[float, Field(ge=0, le=86_400)]


class SimulatorCommand(BaseModel):
    """Something a person does at a telephone, or does to the PBX."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    def do(self, simulator: "Simulator") -> dict[str, Any]:
        """Do it; the answer says what there is to say."""
        return {}


class Ring(SimulatorCommand):
    """Ring a user, or a whole group."""

    user: Text = ""
    group: Text = ""
    caller_number: Text = ""
    caller_name: Text = ""
    answered_after: Seconds | None = None
    ended_after: Seconds | None = None
    call_id: Text = ""

    def do(self, simulator: "Simulator") -> dict[str, Any]:
        """Begin to ring."""
        values = self.model_dump(exclude={"user", "group"})
        if self.group:
            return {"call_id": simulator.ring_group(self.group, **values)}
        return {"call_id": simulator.ring(self.user, **values)}


class AnswerCall(SimulatorCommand):
    """Answer a call, or lift the own phone of a call that is placed."""

    call_id: Text
    user: Text | None = None

    def do(self, simulator: "Simulator") -> dict[str, Any]:
        """Answer."""
        simulator.answer(self.call_id, self.user)
        return {}


class HangUp(SimulatorCommand):
    """End a call, or let one user leave it."""

    call_id: Text
    user: Text | None = None

    def do(self, simulator: "Simulator") -> dict[str, Any]:
        """Hang up."""
        simulator.hang_up(self.call_id, self.user)
        return {}


class Hold(SimulatorCommand):
    """Park a call, or take it again."""

    call_id: Text
    user: Text
    on: bool = True

    def do(self, simulator: "Simulator") -> dict[str, Any]:
        """Park or resume."""
        with simulator.pbx.lock:
            act = simulator.pbx.hold if self.on else simulator.pbx.resume
            act(self.call_id, self.user)
        return {}


class Place(SimulatorCommand):
    """Dial for a user, as his own client would."""

    user: Text
    number: Text

    def do(self, simulator: "Simulator") -> dict[str, Any]:
        """Place the call; an empty id means refused."""
        return {"call_id": simulator.place(self.user, self.number)}


class RunScenario(SimulatorCommand):
    """Let a whole course of a call happen."""

    name: Text
    user: Text | None = None
    other: Text | None = None
    number: Text | None = None
    caller_number: Text | None = None
    caller_name: Text | None = None

    def do(self, simulator: "Simulator") -> dict[str, Any]:
        """Begin it."""
        values = self.model_dump(exclude={"name"}, exclude_none=True)
        return {"call_id": simulator.run(self.name, **values).call_id}


class SetSwitches(SimulatorCommand):
    """Set switches; `users.0011.lifts` reaches into a table."""

    values: dict[str, Any]

    def do(self, simulator: "Simulator") -> dict[str, Any]:
        """Set them all, or none when one is wrong."""
        simulator.set(**self.values)
        return {}


class Restart(SimulatorCommand):
    """Lose all sessions and calls, as a crash does."""

    down_for: Seconds = 0.0

    def do(self, simulator: "Simulator") -> dict[str, Any]:
        """Restart."""
        simulator.restart(self.down_for)
        return {}


class SetOutage(SimulatorCommand):
    """Take the PBX off the network, or bring it back."""

    on: bool
    kind: Literal["refuse", "silent"] = "refuse"

    def do(self, simulator: "Simulator") -> dict[str, Any]:
        """Begin or end it."""
        simulator.outage(self.on, self.kind)
        return {}


class OneOrAll(SimulatorCommand):
    """Something that is done to the sessions of one user, or of all."""

    user: Text | None = None


class Deafen(OneOrAll):
    """Make sessions half open: they look well, but get no notifications."""

    def do(self, simulator: "Simulator") -> dict[str, Any]:
        """Deafen."""
        simulator.deafen(self.user)
        return {}


class ResetSessions(OneOrAll):
    """Announce to sessions that nothing more will come, and end them."""

    def do(self, simulator: "Simulator") -> dict[str, Any]:
        """Reset."""
        simulator.reset(self.user)
        return {}


class Expire(OneOrAll):
    """End sessions without a word."""

    def do(self, simulator: "Simulator") -> dict[str, Any]:
        """Expire."""
        simulator.expire(self.user)
        return {}


class Password(SimulatorCommand):
    """Change the password of a user."""

    user: Text
    password: Text

    def do(self, simulator: "Simulator") -> dict[str, Any]:
        """Change it."""
        simulator.set_password(self.user, self.password)
        return {}


class Allow(SimulatorCommand):
    """Give or take the right to use the call interface."""

    user: Text
    on: bool

    def do(self, simulator: "Simulator") -> dict[str, Any]:
        """Give or take it."""
        simulator.allow(self.user, self.on)
        return {}


class DoNotDisturb(SimulatorCommand):
    """Have calls to a user rejected, or no more."""

    user: Text
    on: bool

    def do(self, simulator: "Simulator") -> dict[str, Any]:
        """Set it."""
        with simulator.pbx.lock:
            login = simulator.pbx.user(self.user).login
            change = simulator.pbx.do_not_disturb
            change.add(login) if self.on else change.discard(login)
        return {}


class StartLoad(SimulatorCommand):
    """Let many calls come in."""

    users: int = Field(200, ge=1, le=10_000)
    rate: float = Field(5.0, gt=0, le=200)  # calls a second
    seconds: float = Field(30.0, gt=0, le=3600)
    answered_after: float = Field(0.5, ge=0)
    ended_after: float = Field(2.0, ge=0)

    def do(self, simulator: "Simulator") -> dict[str, Any]:
        """Begin it."""
        return {"calls": simulator.load(**self.model_dump())}


ACTS: dict[str, type[SimulatorCommand]] = {
    "ring": Ring,
    "answer": AnswerCall,
    "lift": AnswerCall,
    "hangup": HangUp,
    "hold": Hold,
    "place": Place,
    "scenario": RunScenario,
    "set": SetSwitches,
    "restart": Restart,
    "outage": SetOutage,
    "deafen": Deafen,
    "reset": ResetSessions,
    "expire": Expire,
    "password": Password,
    "allow": Allow,
    "do-not-disturb": DoNotDisturb,
    "load": StartLoad,
}
