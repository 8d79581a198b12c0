"""Parameters of a request, as the types they should have.

Of a method call: TypeError or ValueError otherwise. Of a REST request: status 400 otherwise.
"""

from datetime import UTC, datetime
from typing import Any

import falcon

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


def object_of(req: falcon.Request) -> dict[str, Any]:
    """Return the object that a REST request brings."""
    body = req.get_media(default_when_empty=None)
    if not isinstance(body, dict):
        raise falcon.HTTPBadRequest(title="not an object")
    return body


def whole(req: falcon.Request, name: str, least: int = 0) -> int | None:
    """Return a number of the query; None where it is missing or empty."""
    given = req.get_param(name)
    if not given:
        return None
    try:
        number = int(given)
    except ValueError:
        raise falcon.HTTPBadRequest(title=f"{name} is no number") from None
    if number < least:
        raise falcon.HTTPBadRequest(title=f"{name} is below {least}")
    return number
