"""Reads a dial request; a faulty one is answered too, as long as it says which it is."""

import json
import logging
from typing import NamedTuple
from uuid import UUID

from pydantic import ValidationError

from bus.events import DialRequest
from bus.inbox import why

log = logging.getLogger(__name__)


class Request(NamedTuple):
    """A dial request as it came."""

    request_id: UUID
    message: str = ""
    source: str = ""
    number: str = ""
    phone: str = ""
    time: float = 0.0  # seconds since 1970
    fault: str = ""  # why it is refused whatever it wants


def read_request(payload: bytes) -> Request | None:
    """Return the request; None when it does not even say its id."""
    try:
        told = DialRequest.model_validate_json(payload)
    except ValidationError as error:
        log.warning("faulty dial request reason=%s", why(error))
        return _faulty(payload, error)
    return Request(
        request_id=told.data.request_id,
        message=told.id,
        source=_shown(told.source[:64]),
        number=told.data.number,
        phone=_shown(told.data.phone or "")[:128],
        time=told.time.timestamp(),
    )


def _shown(text: str) -> str:
    return "".join(sign for sign in text if sign.isprintable())


def _faulty(payload: bytes, error: ValidationError) -> Request | None:
    try:
        request_id = UUID(json.loads(payload)["data"]["request_id"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    only_time = all(fault["loc"][:1] == ("time",) for fault in error.errors(include_input=False))
    return Request(request_id, fault="no_time" if only_time else "not_a_number")
