"""Who takes the links, by what name: the same on every kind of workstation."""

NAME = "starface2mqtt"
SCHEMES = ("tel", "callto")
DESCRIPTION = "STARFACE: dials telephone numbers, the own telephone rings first"


class RegistrationRefused(Exception):
    """This system does not let a program register itself; the sentence says what to do."""
