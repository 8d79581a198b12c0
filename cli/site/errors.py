"""What a command says when it cannot do its work: one line with the fault and the fix."""

import sqlite3
import sys

from pydantic import ValidationError

from bus.access.roles import RightsRefused
from bus.mqtt.connection import NetworkDead, PublishRefused, SessionTaken
from bus.mqtt.inbox import BrokerUnavailable, why
from bus.settings import SettingsRefused
from cli.site.context import CommandFailed
from consumers.users import UserUnknown
from starface.failures import PbxFailure

_REPORTED = (
    BrokerUnavailable,
    CommandFailed,
    NetworkDead,
    PbxFailure,
    PublishRefused,
    RightsRefused,
    SessionTaken,
    SettingsRefused,
    UserUnknown,
)


def sentence(error: Exception) -> str | None:
    """Return the line for a person, None for a fault in the program itself."""
    if isinstance(error, ValidationError):
        return why(error)
    if isinstance(error, ModuleNotFoundError):
        return (
            f"the Python package {error.name} is missing: this installation has no server part;"
            f" install it: {sys.executable} -m pip install 'starface2mqtt[server]'"
        )
    if isinstance(error, OSError) and error.filename is not None:
        return (
            f"{error.filename}: {error.strerror}; the account this runs as must be able to read and"
            " write there"
        )
    if isinstance(error, sqlite3.Error):
        return (
            f"a file in the data folder cannot be used: {error}; starface2mqtt doctor looks for"
            " the cause"
        )
    return str(error) if isinstance(error, _REPORTED) else None
