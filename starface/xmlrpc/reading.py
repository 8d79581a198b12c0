"""XML-RPC documents read and written within limits, because the other side may be anybody.

`xmlrpc.client.loads` follows DTDs, takes any text for a number and raises eight kinds of exception.
Here one pass of expat checks grammar, size, depth and every value, and whatever is wrong leaves as
`Unreadable`. Its message names the fault and never repeats the input, so it may be logged.
"""

import codecs
import contextlib
import re
from collections.abc import Callable
from typing import Any, NoReturn
from xml.parsers import expat

from starface.xmlrpc.plain_call import read_plain_call
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
    charset: str | None = None,
) -> tuple[str, list[Value]]:
    """Return the method's name and its parameters.

    A scalar of a type this release does not know is a text, so that a member nobody needs does not
    lose a call. `charset` is the transport's and counts where the document declares none.
    """
    if len(body) <= max_bytes and (plain := read_plain_call(body, charset)):
        return plain
    call = _read(
        body, "methodCall", max_bytes, max_depth, max_elements, charset=charset, lenient=True
    )
    if not call:
        raise Unreadable("no method name")
    return call[0], call[1] if len(call) > 1 else []


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
_DECLARED = re.compile(rb"""\A<\?xml[^>]*?[\s]encoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']""")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<")  # expat reads these by itself
_ENCODINGS = {"utf-8", "ascii", "iso8859-1", "iso8859-2", "iso8859-15", "cp1250", "cp1252"}
_EVIDENCE = ("utf-8", "cp1252", "iso8859-1")  # the last one fits any bytes

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
    code, text = value.get("faultCode"), value.get("faultString")
    return Faulted(code if isinstance(code, int) else 0, text if isinstance(text, str) else "")


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


_STRUCTURE = frozenset(_GATHERED) | {"name", "methodName"}
_VALUE = _FIRST["value"]


def _read(
    body: bytes,
    root: str,
    max_bytes: int,
    max_depth: int,
    max_elements: int,
    *,
    charset: str | None = None,
    lenient: bool = False,
) -> Any:
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
        unknown = tag not in allowed
        if unknown and not (lenient and allowed is _VALUE and tag not in _STRUCTURE):
            raise Unreadable("an element where it may not be")
        if text:
            if not "".join(text).isspace():
                raise Unreadable("text between elements")
            text.clear()
        left -= 1
        if left < 0:
            raise Unreadable(f"more than {max_elements} elements")
        if unknown or tag in _LEAVES:
            allowed = _NOTHING
            return
        outer.append((items, allowed))
        if len(outer) >= max_depth:
            raise Unreadable(f"deeper than {max_depth} levels")
        items = []
        allowed = _FIRST[tag]

    def end(tag: str) -> None:
        nonlocal items, allowed
        if tag not in _GATHERED:
            items.append(_LEAVES.get(tag, str)("".join(text)))
            text.clear()
            allowed = _NEXT.get(tag, _NOTHING)
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

    body, encoding = _in_known_encoding(body, charset)
    parser = expat.ParserCreate(encoding)
    parser.buffer_text = True
    parser.ordered_attributes = True
    parser.StartDoctypeDeclHandler = _doctype
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text.append
    try:
        parser.Parse(body, True)
    except expat.ExpatError as fault:
        raise Unreadable(f"not well-formed XML: {expat.ErrorString(fault.code)}") from None
    return items[0]


def _in_known_encoding(body: bytes, charset: str | None) -> tuple[bytes, str | None]:
    """Return the document in an encoding that expat is to read, whatever it declares; None: UTF-16.

    What it declares counts, then the transport's charset, then what its bytes can be.
    """
    body = body.removeprefix(codecs.BOM_UTF8).lstrip(b" \t\r\n")
    if body.startswith(_UTF_16):
        return body, None
    declared = _DECLARED.match(body)
    for name in (declared[1].decode() if declared else charset or "utf-8", charset, *_EVIDENCE):
        with contextlib.suppress(LookupError, UnicodeDecodeError):
            if name and (known := codecs.lookup(name).name) in _ENCODINGS:
                text = body.decode(known)
                return (body if known == "utf-8" else text.encode()), "utf-8"
    return body, None


def _doctype(*_: object) -> NoReturn:
    raise Unreadable("a DOCTYPE")
