"""Parameters of a method call, as the types they should have; TypeError or ValueError otherwise."""

from datetime import UTC, datetime

from starface.xmlrpc.reading import Value


def text(value: Value) -> str:
    """Return a string."""
    if not isinstance(value, str):
        raise TypeError
    return value


def optional(value: Value) -> str:
    """Return a string; nil is an empty one."""
    return "" if value is None else text(value)


def count(value: Value) -> int:
    """Return a number that is not negative."""
    if not isinstance(value, int) or value < 0:
        raise ValueError
    return value


def moment(value: Value) -> datetime | None:
    """Read a time without a zone as UTC, as the one known client means it."""
    if not (text := optional(value)):
        return None
    return datetime.strptime(text[:17], "%Y%m%dT%H:%M:%S").replace(tzinfo=UTC)
