"""XML-RPC documents read and written within limits, because the other side may be anybody.

`xmlrpc.client.loads` follows DTDs, takes any text for a number and raises eight kinds of exception.
Here one pass of expat checks grammar, size, depth and every value, and whatever is wrong leaves as
`Unreadable`. Its message names the fault and never repeats the input, so it may be logged.
"""

import re
from collections.abc import Callable
from typing import Any, NoReturn
from xml.parsers import expat

from starface.xmlrpc.values import SCALARS, SPACE, DateTime, Faulted, Unreadable, Value, Writable
from starface.xmlrpc.writing import write_call, write_fault, write_response

__all__ = [
    "CALL_BYTES",
    "DateTime",
    "Faulted",
    "Unreadable",
    "Value",
    "Writable",
    "read_call",
    "read_response",
    "write_call",
    "write_fault",
    "write_response",
]

CALL_BYTES = 64 * 1024
RESPONSE_BYTES = 1024 * 1024
DEPTH = 24
CALL_ELEMENTS = 2_000
RESPONSE_ELEMENTS = 60_000  # a call list of 1,000 entries has about 40,000


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


_METHOD = re.compile(r"[A-Za-z0-9_.:/-]{1,128}\Z")
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

# What may begin the content of an element that holds elements.
_FIRST: dict[str, frozenset[str]] = {
    "methodCall": frozenset({"methodName"}),
    "methodResponse": frozenset({"params", "fault"}),
    "params": frozenset({"param"}),
    "param": frozenset({"value"}),
    "fault": frozenset({"value"}),
    "value": frozenset({*SCALARS, "array", "struct"}),
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
    **dict.fromkeys((*SCALARS, "array", "struct", "data", "params", "fault"), _NOTHING),
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
    if not _METHOD.match(text := text.strip(SPACE)):
        raise Unreadable("not a method name")
    return text


_LEAVES: dict[str, Callable[[str], Value]] = {**SCALARS, "name": str, "methodName": _method}
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
