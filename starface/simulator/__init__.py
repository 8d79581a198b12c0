"""A stand-in PBX that speaks the real protocol."""

from starface.simulator.control.simulator import Simulator
from starface.simulator.model.people import (
    DEFAULT_USERS,
    SimulatedContact,
    SimulatedGroup,
    SimulatedUser,
    many_users,
)
from starface.simulator.model.switches import NumberHabits, Switches, UserHabits

__all__ = [
    "DEFAULT_USERS",
    "NumberHabits",
    "SimulatedContact",
    "SimulatedGroup",
    "SimulatedUser",
    "Simulator",
    "Switches",
    "UserHabits",
    "many_users",
]
