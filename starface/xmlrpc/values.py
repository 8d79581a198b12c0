"""The values of XML-RPC: what they are for us, and how their texts are checked by pattern."""

import binascii
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

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


SPACE = " \t\r\n"
_INT = re.compile(r"[+-]?[0-9]{1,19}\Z")
_DOUBLE = re.compile(
    r"[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,3})?\Z"
)
_DATE_TIME = re.compile(
    r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}T[0-9]{2}:?[0-9]{2}:?[0-9]{2}"
    r"(?:[.,][0-9]{1,9})?(?:Z|[+-][0-9]{2}:?(?:[0-9]{2})?)?\Z"
)
_BOOLEANS = {"1": True, "0": False, "true": True, "false": False}


def _int(digits: int) -> Callable[[str], int]:
    limit = 2 ** (digits - 1)

    def read(text: str) -> int:
        text = text.strip(SPACE)
        if not _INT.match(text) or not -limit <= (number := int(text)) < limit:
            raise Unreadable("not an integer of its type")
        return number

    return read


def _boolean(text: str) -> bool:
    try:
        return _BOOLEANS[text.strip(SPACE).lower()]
    except KeyError:
        raise Unreadable("not a boolean") from None


def _double(text: str) -> float:
    text = text.strip(SPACE)
    if not _DOUBLE.match(text) or not math.isfinite(number := float(text)):
        raise Unreadable("not a double")
    return number


def _date_time(text: str) -> DateTime:
    text = text.strip(SPACE)
    if not _DATE_TIME.match(text):
        raise Unreadable("not a dateTime")
    return DateTime(text)


def _base64(text: str) -> bytes:
    try:
        return binascii.a2b_base64("".join(text.split()), strict_mode=True)
    except ValueError:  # binascii.Error is one
        raise Unreadable("not base64") from None


def _nil(text: str) -> None:
    if text.strip(SPACE):
        raise Unreadable("text in a nil")


SCALARS: dict[str, Callable[[str], Value]] = {
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
