"""Reads a dial request; a faulty one is answered too, as long as it says which it is."""

import json
import logging
from typing import NamedTuple
from uuid import UUID

from pydantic import ValidationError

from bus.events import DialRequest
from bus.mqtt.inbox import why

log = logging.getLogger(__name__)

_TYPE = "starface.dial.request.v1"
_FAULTS = {"time": "no_time", "number": "not_a_number"}


class ParsedRequest(NamedTuple):
    """A dial request as it came."""

    request_id: UUID
    message: str = ""
    source: str = ""
    number: str = ""
    phone: str = ""
    time: float = 0.0  # seconds since 1970
    fault: str = ""  # why it is refused whatever it wants


def read_request(payload: bytes) -> ParsedRequest | None:
    """Return the request; None for another type, and when it does not even say its id."""
    try:
        told = DialRequest.model_validate_json(payload)
    except ValidationError as error:
        log.warning("faulty dial request reason=%s", why(error))
        return _faulty(payload, error)
    if told.type != _TYPE:
        log.warning("ignored a message of another type")
        return None
    return ParsedRequest(
        request_id=told.data.request_id,
        message=told.id,
        source=_shown(told.source[:64]),
        number=told.data.number,
        phone=_shown(told.data.phone or "")[:128],
        time=told.time.timestamp(),
    )


def _shown(text: str) -> str:
    return "".join(sign for sign in text if sign.isprintable())


def _faulty(payload: bytes, error: ValidationError) -> ParsedRequest | None:
    try:
        request_id = UUID(json.loads(payload)["data"]["request_id"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    faults = {str(fault["loc"][-1]) for fault in error.errors(include_input=False)}
    fault = _FAULTS.get(faults.pop(), "unreadable") if len(faults) == 1 else "unreadable"
    return ParsedRequest(request_id, fault=fault)
