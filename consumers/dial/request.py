"""Reads a dial request; a faulty one is answered too, under an id of ours if it says none."""

import json
import logging
from datetime import UTC, datetime
from uuid import NAMESPACE_OID, UUID, uuid5

from pydantic import ValidationError

from bus.events import DialRequest, DialRequestData
from bus.mqtt.inbox import type_in, why

log = logging.getLogger(__name__)

_TYPE = "starface.dial.request.v1"
_FAULTS = {"time": "no_time", "number": "not_a_number", "request_id": "no_id"}
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


def read_request(payload: bytes) -> tuple[DialRequest, str] | None:
    """Return a request and why it is refused whatever it wants, or nothing to that.

    None for a message of another type.
    """
    try:
        request = DialRequest.model_validate_json(payload)
    except ValidationError as error:
        if DialRequest.foreign(type_in(payload)):
            return None
        log.warning("faulty dial request reason=%s", why(error))
        faults = {str(fault["loc"][-1]) if fault["loc"] else "" for fault in error.errors()}
        fault = _FAULTS.get(faults.pop(), "unreadable") if len(faults) == 1 else "unreadable"
        return _nameless(payload), fault
    return (request, "") if request.type == _TYPE else None


def _nameless(payload: bytes) -> DialRequest:
    """Return a request with nothing but an id: the same for the same payload where it has none."""
    try:
        request_id = UUID(json.loads(payload)["data"]["request_id"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        request_id = uuid5(NAMESPACE_OID, payload.hex())
    data = DialRequestData(number="", request_id=request_id)
    return DialRequest(id=str(request_id), time=_NO_TIME, data=data)
