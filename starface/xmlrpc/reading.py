"""XML-RPC documents read and written within limits, because the other side may be anybody.

`xmlrpc.client.loads` follows DTDs, takes any text for a number and raises eight kinds of exception.
Here one pass of expat checks grammar, size, depth and every value, and whatever is wrong leaves as
`Unreadable`. Its message names the fault and never repeats the input, so it may be logged.
"""

import codecs
import contextlib
import re
import sys
from collections.abc import Callable
from html.entities import html5
from typing import Any, NoReturn
from xml.parsers import expat
from xml.sax.saxutils import escape

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

    What is of a type this release does not know, or not as its type has it, is a text, so that a
    member nobody needs does not lose a call, nor does a name that was written as XML forbids.
    `charset` is the transport's and counts where the document declares none.
    """
    if len(body) <= max_bytes and (plain := read_plain_call(body, charset)):
        return plain
    limits = "methodCall", max_bytes, max_depth, max_elements
    try:
        call = _read(body, *limits, charset=charset, lenient=True)
    except NotWellFormed:
        call = _read(_repaired(body, charset), *limits, lenient=True)
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


class NotWellFormed(Unreadable):
    """The document is no XML."""


_METHOD = re.compile(r"[A-Za-z0-9_.:/-]{1,128}\Z")
_DECLARED = re.compile(rb"""\A<\?xml[^>]*?[\s]encoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']""")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<")  # expat reads these by itself
_ENCODING = re.compile(
    r"utf-8|ascii|(?:iso8859-|cp)[0-9]+|koi8-.|mac-[a-z]+|shift_jis.*|euc_..|gb.*|big5.*|tis-620"
)
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
    if len(members) != len(items) and any(members[name] != value for name, value in items):
        raise Unreadable("a member twice")
    return members


def _array(items: list[Any]) -> Any:
    return _one(items) if items else []


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
    "array": _array,
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
    within = 0  # elements of an unknown one that are open

    def start(tag: str, _: object) -> None:
        nonlocal items, allowed, left, within
        if within:
            within += 1
            return
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
            within = int(unknown)
            return
        outer.append((items, allowed))
        if len(outer) >= max_depth:
            raise Unreadable(f"deeper than {max_depth} levels")
        items = []
        allowed = _FIRST[tag]

    def end(tag: str) -> None:
        nonlocal items, allowed, within
        if within:
            within -= 1
        if within:
            return
        if tag not in _GATHERED:
            written = "".join(text)
            try:
                items.append(_LEAVES.get(tag, str)(written))
            except Unreadable:
                if not lenient or tag not in SCALARS:
                    raise
                items.append(written)
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
        raise NotWellFormed(f"not well-formed XML: {expat.ErrorString(fault.code)}") from None
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
            if name and _ENCODING.fullmatch(known := codecs.lookup(name).name):
                text = body.decode(known)
                return (body if known == "utf-8" else text.encode()), "utf-8"
    return body, None


def _repaired(body: bytes, charset: str | None) -> bytes:
    """Return a document without what XML forbids: Apache's writer leaves it in names.

    It writes a character beyond U+FFFF as two references, and control characters as references.
    """
    body, encoding = _in_known_encoding(body, charset)
    text = body.decode(encoding or "utf-16", "replace")
    text = _REFERENCE.sub(_spelled_out, text)
    text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return _DECLARATION.sub("", _FORBIDDEN.sub("", text)).encode()


_REFERENCE = re.compile(r"&(?:#([0-9]{1,7});|#x([0-9a-fA-F]{1,6});|([A-Za-z0-9]{1,32};))?")
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*\?>")


def _spelled_out(reference: re.Match[str]) -> str:
    decimal, hexadecimal, name = reference.groups()
    if decimal or hexadecimal:
        code = int(decimal) if decimal else int(hexadecimal, 16)
        return escape(chr(code)) if code <= sys.maxunicode else ""
    return escape(html5.get(name or "", reference[0]))


def _doctype(*_: object) -> NoReturn:
    raise Unreadable("a DOCTYPE")
