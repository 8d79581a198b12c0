"""XML as address books write it: in any encoding, and with signs that XML forbids."""

from __future__ import annotations

import re
from functools import partial
from html import unescape
from xml.sax.saxutils import escape

from consumers.importers.encodings import decoded

_FRONT = 200  # bytes in which the declaration is
_DECLARED = re.compile(r"<\?xml(?:[^>]*encoding=[\"'](?P<charset>[^\"']+))?[^>]*\?>", re.I)
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffd-\uffff]")
# Names of HTML, numbers of signs, `&` alone, and what is forbidden itself.
_DOUBTFUL = re.compile(rf"<!\[CDATA\[.*?\]\]>|&(?:#?\w{{1,31}};)?|{_FORBIDDEN.pattern}", re.DOTALL)


def readable(octets: bytes, instead: str) -> str:
    """Return XML that a parser reads, without declaration; `instead` of each forbidden sign."""
    declared = _DECLARED.search(octets[:_FRONT].replace(b"\0", b"").decode("ascii", "replace"))
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = decoded(octets, (declared and declared["charset"]) or "utf-8")
    text = _DECLARED.sub("", text.removeprefix("\ufeff"), count=1)
    return _DOUBTFUL.sub(partial(_sign, instead), text)


def _sign(instead: str, found: re.Match[str]) -> str:
    written = found[0]
    if written.startswith("<"):
        return _FORBIDDEN.sub(instead, written)
    sign = unescape(written)
    if sign in ("\t", "\n", "\r"):
        return written
    return instead if not sign or _FORBIDDEN.search(sign) else escape(sign)
