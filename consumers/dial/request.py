"""Reads a dial request; a faulty one is answered too, under an id of ours if it says none."""

import json
import logging
from typing import NamedTuple
from uuid import NAMESPACE_OID, UUID, uuid5

from pydantic import ValidationError

from bus.events import DialRequest
from bus.mqtt.inbox import type_in, why

log = logging.getLogger(__name__)

_TYPE = "starface.dial.request.v1"
_FAULTS = {"time": "no_time", "number": "not_a_number", "request_id": "no_id"}


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
    """Return the request; None for a message of another type."""
    try:
        request = DialRequest.model_validate_json(payload)
    except ValidationError as error:
        if DialRequest.foreign(type_in(payload)):
            return None
        log.warning("faulty dial request reason=%s", why(error))
        return _faulty(payload, error)
    if request.type != _TYPE:
        return None
    return ParsedRequest(
        request_id=request.data.request_id,
        message=request.id,
        source=_shown(request.source[:64]),
        number=request.data.number,
        phone=_shown(request.data.phone or "")[:128],
        time=request.time.timestamp(),
    )


def _shown(text: str) -> str:
    return "".join(sign for sign in text if sign.isprintable())


def _faulty(payload: bytes, error: ValidationError) -> ParsedRequest:
    """Return what is to be refused; the same payload without an id has the same one of ours."""
    faults = {str(fault["loc"][-1]) if fault["loc"] else "" for fault in error.errors()}
    fault = _FAULTS.get(faults.pop(), "unreadable") if len(faults) == 1 else "unreadable"
    try:
        return ParsedRequest(UUID(json.loads(payload)["data"]["request_id"]), fault=fault)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ParsedRequest(uuid5(NAMESPACE_OID, payload.hex()), fault=fault)
