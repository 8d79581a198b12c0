"""XML-RPC documents read and written within limits, because the other side may be anybody.

`xmlrpc.client.loads` follows DTDs, takes any text for a number and raises eight kinds of exception.
Here one pass of expat checks grammar, size, depth and every value, and whatever is wrong leaves as
`Unreadable`. Its message names the fault and never repeats the input, so it may be logged.
"""

import binascii
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn, TypeAlias
from xml.parsers import expat
from xml.sax.saxutils import escape

CALL_BYTES = 64 * 1024
RESPONSE_BYTES = 1024 * 1024
DEPTH = 24
CALL_ELEMENTS = 2_000
RESPONSE_ELEMENTS = 60_000  # a call list of 1,000 entries has about 40,000

Value: TypeAlias = "bool | int | float | str | bytes | list[Value] | dict[str, Value] | None"

Writable: TypeAlias = "Value | datetime | Sequence[Writable] | Mapping[str, Writable]"


class DateTime(str):
    """A dateTime.iso8601 as it was sent: what its zone is, the reader decides."""

    __slots__ = ()


class Unreadable(Exception):
    """The document is not an XML-RPC document, or is beyond the limits."""


class Faulted(Exception):
    """The document is a fault; its text is the other side's and stays out of `str()`."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"fault {code}")
        self.code = code
        self.text = text


def read_call(
    body: bytes,
    *,
    max_bytes: int = CALL_BYTES,
    max_depth: int = DEPTH,
    max_elements: int = CALL_ELEMENTS,
) -> tuple[str, list[Value]]:
    """Read a method call: the method's name and its parameters."""
    told = _read(body, "methodCall", max_bytes, max_depth, max_elements)
    if not told:
        raise Unreadable("no method name")
    return told[0], told[1] if len(told) > 1 else []


def read_response(
    body: bytes,
    *,
    max_bytes: int = RESPONSE_BYTES,
    max_depth: int = DEPTH,
    max_elements: int = RESPONSE_ELEMENTS,
) -> Value:
    """Read the value of a method response; None also stands for an answer without a value.

    Raises Faulted when the response is a fault.
    """
    answer = _read(body, "methodResponse", max_bytes, max_depth, max_elements)
    if isinstance(answer, Faulted):
        raise answer
    if len(answer) > 1:
        raise Unreadable("more than one value")
    return answer[0] if answer else None


def write_call(method: str, params: Sequence[Writable] = ()) -> bytes:
    """Write a method call; without parameters it has no params element."""
    told = "".join(f"<param>{_written(value)}</param>" for value in params)
    told = f"<params>{told}</params>" if params else ""
    return _document(f"<methodCall><methodName>{_text(method)}</methodName>{told}</methodCall>")


def write_response(value: Writable) -> bytes:
    """Write a method response with its one value."""
    return _document(
        f"<methodResponse><params><param>{_written(value)}</param></params></methodResponse>"
    )


def write_fault(code: int, text: str) -> bytes:
    """Write a fault."""
    fault = _written({"faultCode": code, "faultString": text})
    return _document(f"<methodResponse><fault>{fault}</fault></methodResponse>")


# ---- reading

_SPACE = " \t\r\n"
_METHOD = re.compile(r"[A-Za-z0-9_.:/-]{1,128}\Z")
_INT = re.compile(r"[+-]?[0-9]{1,19}\Z")
_DOUBLE = re.compile(
    r"[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,3})?\Z"
)
_DATE_TIME = re.compile(
    r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}T[0-9]{2}:?[0-9]{2}:?[0-9]{2}"
    r"(?:[.,][0-9]{1,9})?(?:Z|[+-][0-9]{2}:?(?:[0-9]{2})?)?\Z"
)
_BOOLEANS = {"1": True, "0": False, "true": True, "false": False}
_ENCODINGS = {
    "utf-8",
    "utf8",
    "utf-16",
    "us-ascii",
    "ascii",
    "iso-8859-1",
    "iso-8859-15",
    "windows-1252",
}


def _int(digits: int) -> Callable[[str], int]:
    limit = 2 ** (digits - 1)

    def read(text: str) -> int:
        text = text.strip(_SPACE)
        if not _INT.match(text) or not -limit <= (number := int(text)) < limit:
            raise Unreadable("not an integer of its type")
        return number

    return read


def _boolean(text: str) -> bool:
    try:
        return _BOOLEANS[text.strip(_SPACE).lower()]
    except KeyError:
        raise Unreadable("not a boolean") from None


def _double(text: str) -> float:
    text = text.strip(_SPACE)
    if not _DOUBLE.match(text) or not math.isfinite(number := float(text)):
        raise Unreadable("not a double")
    return number


def _date_time(text: str) -> DateTime:
    text = text.strip(_SPACE)
    if not _DATE_TIME.match(text):
        raise Unreadable("not a dateTime")
    return DateTime(text)


def _base64(text: str) -> bytes:
    try:
        return binascii.a2b_base64("".join(text.split()), strict_mode=True)
    except ValueError:  # binascii.Error is one
        raise Unreadable("not base64") from None


def _nil(text: str) -> None:
    if text.strip(_SPACE):
        raise Unreadable("text in a nil")


_SCALARS: dict[str, Callable[[str], Value]] = {
    "string": str,
    "int": _int(32),
    "i4": _int(32),
    "i8": _int(64),
    "ex:i8": _int(64),
    "boolean": _boolean,
    "double": _double,
    "dateTime.iso8601": _date_time,
    "base64": _base64,
    "nil": _nil,
    "ex:nil": _nil,
}
# What may begin the content of an element that holds elements.
_FIRST: dict[str, frozenset[str]] = {
    "methodCall": frozenset({"methodName"}),
    "methodResponse": frozenset({"params", "fault"}),
    "params": frozenset({"param"}),
    "param": frozenset({"value"}),
    "fault": frozenset({"value"}),
    "value": frozenset({*_SCALARS, "array", "struct"}),
    "array": frozenset({"data"}),
    "data": frozenset({"value"}),
    "struct": frozenset({"member"}),
    "member": frozenset({"name"}),
}
# What may follow in the parent once an element has ended; missing here: another of the same.
_NOTHING: frozenset[str] = frozenset()
_NEXT: dict[str, frozenset[str]] = {
    "methodName": frozenset({"params"}),
    "name": frozenset({"value"}),
    **dict.fromkeys((*_SCALARS, "array", "struct", "data", "params", "fault"), _NOTHING),
}


def _one(items: list[Any]) -> Any:
    if len(items) != 1:
        raise Unreadable("not exactly one value")
    return items[0]


def _all(items: list[Any]) -> Any:
    return items


def _member(items: list[Any]) -> Any:
    if len(items) != 2:
        raise Unreadable("not exactly one value of a member")
    return items


def _struct(items: list[Any]) -> Any:
    members = dict(items)
    if len(members) != len(items):
        raise Unreadable("a member twice")
    return members


def _fault(items: list[Any]) -> Any:
    value = _one(items)
    if not isinstance(value, dict):
        raise Unreadable("a fault without members")
    code, told = value.get("faultCode"), value.get("faultString")
    return Faulted(code if isinstance(code, int) else 0, told if isinstance(told, str) else "")


def _method(text: str) -> str:
    if not _METHOD.match(text := text.strip(_SPACE)):
        raise Unreadable("not a method name")
    return text


_LEAVES: dict[str, Callable[[str], Value]] = {**_SCALARS, "name": str, "methodName": _method}
_GATHERED: dict[str, Callable[[list[Any]], Any]] = {
    "methodCall": _all,
    "methodResponse": _one,
    "params": _all,
    "param": _one,
    "fault": _fault,
    "value": _one,
    "array": _one,
    "data": _all,
    "struct": _struct,
    "member": _member,
}


def _read(body: bytes, root: str, max_bytes: int, max_depth: int, max_elements: int) -> Any:
    """Read the content of the root element, in one pass.

    The handlers share the local names of this function, not an object's attributes, because it
    runs for every notification and its time is the gateway's time.
    """
    if len(body) > max_bytes:
        raise Unreadable(f"larger than {max_bytes} bytes")
    outer: list[tuple[list[Any], frozenset[str]]] = []
    items: list[Any] = []
    allowed = frozenset({root})
    text: list[str] = []
    left = max_elements

    def start(tag: str, _: object) -> None:
        nonlocal items, allowed, left
        if tag not in allowed:
            raise Unreadable("an element where it may not be")
        if text:
            if not "".join(text).isspace():
                raise Unreadable("text between elements")
            text.clear()
        left -= 1
        if left < 0:
            raise Unreadable(f"more than {max_elements} elements")
        if tag in _LEAVES:
            allowed = _NOTHING
            return
        outer.append((items, allowed))
        if len(outer) >= max_depth:
            raise Unreadable(f"deeper than {max_depth} levels")
        items = []
        allowed = _FIRST[tag]

    def end(tag: str) -> None:
        nonlocal items, allowed
        if tag in _LEAVES:
            items.append(_LEAVES[tag]("".join(text)))
            text.clear()
            allowed = _NEXT[tag]
            return
        if tag == "value" and not items:
            items.append("".join(text))  # a value without a type is a string
        elif text and not "".join(text).isspace():
            raise Unreadable("text between elements")
        text.clear()
        value = _GATHERED[tag](items)
        items, allowed = outer.pop()
        items.append(value)
        allowed = _NEXT.get(tag, allowed)

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.ordered_attributes = True
    parser.XmlDeclHandler = _declared
    parser.StartDoctypeDeclHandler = _doctype
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text.append
    try:
        parser.Parse(body, True)
    except expat.ExpatError as fault:
        raise Unreadable(f"not well-formed XML: {expat.ErrorString(fault.code)}") from None
    except (LookupError, ValueError):  # from the codec of a declared encoding
        raise Unreadable("not in the encoding it declares") from None
    return items[0]


def _declared(_: str, encoding: str | None, __: int) -> None:
    if encoding is not None and encoding.lower() not in _ENCODINGS:
        raise Unreadable("an encoding that is not accepted")


def _doctype(*_: object) -> NoReturn:
    raise Unreadable("a DOCTYPE")


# ---- writing

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


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
