"""The section [desktop] of a workstation's own configuration."""

from typing import Literal, Self

from pydantic import Field, model_validator

from bus.events import UserName
from bus.settings import Section
from consumers.actions.url_templates import FOR_PROGRAMS, Host, places
from texts import Language

_IN_ANSWERS = FOR_PROGRAMS - {"source"}  # an answer does not name the source of a contact
_WINDOWS_SHELL = (".bat", ".cmd")


class DesktopSettings(Section):
    """What happens on this workstation when somebody calls."""

    user: UserName | None = None  # the STARFACE login; None: the name of the broker account
    opens: Literal["browser", "program", "click", "nothing"] = "browser"
    program: tuple[str, ...] = ()  # with opens = "program": its arguments, with {placeholders}
    schemes: tuple[str, ...] = ("https",)
    hosts: tuple[Host, ...] = ()  # empty: any the office's caller process allows
    notification: bool = True
    notification_seconds: int = Field(default=20, ge=0, le=600)  # 0: as long as the call
    most_notifications: int = Field(default=3, ge=1, le=20)  # the oldest makes way
    discreet: bool = False  # name and number only after a click; the office may demand it too
    close_at_end: bool = True  # False: the notification of a call that is over stays
    tray: bool = True  # the telephone icon, where the desktop has a tray
    panel: str = Field(default="", pattern=r"^(https?://[^\s]+)?$")  # its address, for the menu
    language: Language = "de"
    max_age: float = Field(default=30.0, ge=1, le=60)  # seconds
    clock_tolerance: float = Field(default=5.0, ge=0, le=600)  # seconds

    @model_validator(mode="after")
    def _with_program(self) -> Self:
        if (self.opens == "program") != bool(self.program):
            raise ValueError('program: needed with opens = "program", and only then')
        for argument in self.program[1:]:
            places(argument, _IN_ANSWERS)
        if self.program and ("{" in self.program[0] or _by_shell(self.program[0])):
            raise ValueError("program: the program must be written out, and be no .bat or .cmd")
        if not self.notification_seconds and not self.close_at_end:
            raise ValueError("close_at_end: a notification without an end needs it")
        return self


def _by_shell(program: str) -> bool:
    return program.lower().endswith(_WINDOWS_SHELL)
