"""The usual shape of a method call, a struct of scalars, read without an XML parser.

A parser calls us back for every element, which costs more than all else the gateway does with a
notification. These patterns match nothing that the strict reader would read in another way: no
attribute, reference, comment, CDATA or carriage return, no character that XML forbids. Whatever
they do not match is left to that reader.
"""

import re

from starface.xmlrpc.values import SCALARS, Unreadable, Value

_MOST = 100  # members
_SPACE = r"[ \t\r\n]*+"
_TEXT = r"([^<>&\x00-\x08\x0b-\x1f\ufffe\uffff]*+)"
_METHOD = r"[ \t\n]*+([A-Za-z0-9_.:/-]{1,128}+)[ \t\n]*+"
_UTF_8 = frozenset({None, "utf-8", "utf8"})


def _spaced(*tags: str) -> str:
    return "".join(f"{_SPACE}{tag}" for tag in tags)


_HEAD = re.compile(
    rf'{_SPACE}(?:<\?xml version="1\.0"(?P<declared> encoding="[Uu][Tt][Ff]-8")?\?>)?{_SPACE}'
    r'<methodCall(?: xmlns:ex="http://ws\.apache\.org/xmlrpc/namespaces/extensions")?>'
    rf"{_SPACE}<methodName>{_METHOD}</methodName>"
    + _spaced("<params>", "<param>", "<value>", "<struct>")
)
_MEMBER = re.compile(
    rf"{_SPACE}<member>{_SPACE}<name>{_TEXT}</name>{_SPACE}<value>"
    rf"(?:{_TEXT}|{_SPACE}<(string|int|i4|boolean|dateTime\.iso8601)>{_TEXT}</\3>{_SPACE})"
    rf"</value>{_SPACE}</member>"
)
_TAIL = re.compile(
    _spaced("</struct>", "</value>", "</param>", "</params>", "</methodCall>") + _SPACE
)


def read_plain_call(body: bytes, charset: str | None) -> tuple[str, list[Value]] | None:
    """Return method and parameters; None when the strict reader has to look."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    head = _HEAD.match(text)
    if head is None or not (head["declared"] or (charset and charset.lower()) in _UTF_8):
        return None
    members: dict[str, Value] = {}
    at, count = head.end(), 0
    while member := _MEMBER.match(text, at):
        name, untyped, kind, typed = member.groups()
        try:
            members[name] = SCALARS[kind](typed) if kind else untyped
        except Unreadable:
            return None
        at, count = member.end(), count + 1
    if len(members) != count or not 0 < count <= _MOST or not _TAIL.fullmatch(text, at):
        return None
    return head[2], [members]
