"""XML-RPC documents written; what XML cannot hold is refused with a ValueError."""

import binascii
import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from xml.sax.saxutils import escape

from starface.xmlrpc.values import DateTime, Writable

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_call(method: str, params: Sequence[Writable] = ()) -> bytes:
    """Write a method call; without parameters it has no params element."""
    parameters = "".join(f"<param>{_written(value)}</param>" for value in params)
    parameters = f"<params>{parameters}</params>" if params else ""
    return _document(
        f"<methodCall><methodName>{_text(method)}</methodName>{parameters}</methodCall>"
    )


def write_response(value: Writable) -> bytes:
    """Write a method response with its one value."""
    return _document(
        f"<methodResponse><params><param>{_written(value)}</param></params></methodResponse>"
    )


def write_fault(code: int, text: str) -> bytes:
    """Write a fault."""
    fault = _written({"faultCode": code, "faultString": text})
    return _document(f"<methodResponse><fault>{fault}</fault></methodResponse>")


def _document(content: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{content}\n'.encode()


def _text(text: str) -> str:
    if _NOT_XML.search(text):
        raise ValueError("a character that XML cannot hold")
    return escape(text, {"\r": "&#13;"})


def _written(value: Writable) -> str:
    return f"<value>{_content(value)}</value>"


def _content(value: Writable) -> str:
    if value is None:
        return "<nil/>"
    if isinstance(value, bool):
        return f"<boolean>{value:d}</boolean>"
    if isinstance(value, int):
        return _written_int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("a double that is no number")
        return f"<double>{value!r}</double>"
    if isinstance(value, DateTime):
        return f"<dateTime.iso8601>{_text(value)}</dateTime.iso8601>"
    if isinstance(value, str):
        return f"<string>{_text(value)}</string>"
    if isinstance(value, datetime):
        return f"<dateTime.iso8601>{value:%Y%m%dT%H:%M:%S}</dateTime.iso8601>"
    if isinstance(value, bytes):
        return f"<base64>{binascii.b2a_base64(value, newline=False).decode()}</base64>"
    if isinstance(value, Mapping):
        members = (
            f"<member><name>{_text(name)}</name>{_written(item)}</member>"
            for name, item in value.items()
        )
        return f"<struct>{''.join(members)}</struct>"
    return f"<array><data>{''.join(map(_written, value))}</data></array>"


def _written_int(value: int) -> str:
    if -(2**31) <= value < 2**31:
        return f"<int>{value}</int>"
    if -(2**63) <= value < 2**63:
        return f"<i8>{value}</i8>"
    raise ValueError("an integer of more than 64 bits")
