"""Makes what a real PBX sent anonymous without changing its shape; pure.

The same value gets the same pseudonym within one recording, so that a call can still be followed.
What is not known to be harmless is replaced.
"""

import hashlib
import hmac
import html
import re
import secrets
from collections.abc import Mapping

_HARMLESS = frozenset(
    {
        "state",
        "timestamp",
        "startTime",
        "direction",
        "result",
        "duration",
        "totalCount",
        "forwardType",
        "faultCode",
        "telephonyState",
        "chatPresence",
        "redirectAlwaysActive",
    }
)
_VALUE = re.compile(
    r"(?:<name>\s*(?P<name>[^<]*?)\s*</name>\s*)?<value>\s*"
    r"(?:<(?P<kind>[\w.:-]+)>)?(?P<text>[^<]+)"
)
_HIDDEN = re.compile(r"(<!\[CDATA\[|<!--)(.*?)(\]\]>|-->)", re.DOTALL)
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")
_NUMBER = re.compile(r"[+0-9*#][0-9*# ()/.-]*\Z")
_PLACE = "de.vertico.starface.callback."
_INTERNAL = 4  # digits


class Pseudonyms:
    """Replaces values, each always by the same."""

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(32)

    def body(self, document: str) -> str:
        """Return a document with harmless values only; its spelling stays as it is."""
        if "<method" not in document:
            return re.sub(r"\d", "0", re.sub(r"[^\W\d_]", "x", document))
        document = _HIDDEN.sub(lambda found: found[1] + self.text(found[2]) + found[3], document)
        return _VALUE.sub(self._value, document)

    def query(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return query parameters without login, token and address."""
        return {name: self._parameter(name, value) for name, value in given.items()}

    def path(self, given: str) -> str:
        """Return a path whose parts are replaced, except the first and what is a plain word."""
        first, *rest = given.strip("/").split("/")
        kept = [part if part in {"rest", "call"} else self.text(part) for part in rest]
        return "/" + "/".join([first, *kept])

    def text(self, value: str) -> str:
        """Return something of the same shape: an id, a number, a name."""
        if not value.strip() or value.startswith("ucp."):
            return value
        if _UUID.match(value):
            mark = self._mark(value)
            return "-".join([mark[:8], mark[8:12], mark[12:16], mark[16:20], mark[20:32]])
        if _NUMBER.match(value):
            return self._number(value)
        return "".join(map(self._letter, value, self._stream(value)))

    def _value(self, found: re.Match[str]) -> str:
        name, given = found["name"], found["text"]
        plain = found["kind"] in {"boolean", "double", "dateTime.iso8601"}
        harmless = plain or name in _HARMLESS or not given.strip()
        if harmless:
            return found[0]
        if found["kind"] == "base64":
            hidden = "AAAA"
        else:
            hidden = html.escape(self.text(html.unescape(given.strip())), quote=False)
        return found[0][: found.start("text") - found.start()] + hidden

    def _parameter(self, name: str, value: str) -> str:
        name = name.replace("_", ".")
        if name.startswith(_PLACE):
            part = name.removeprefix(_PLACE)
            if part in {"type", "port"}:
                return value
            return "gateway.example" if part == "host" else self.path(value)
        if name.endswith(".auth") and ":" in value:
            login, _, token = value.partition(":")
            return f"{self.text(login)}:{self._hex(token)}"
        return self._hex(value) if name.endswith(".auth") else self.text(value)

    def _hex(self, value: str) -> str:
        mark = self._mark(value) * (1 + len(value) // 64)
        return mark[: len(value)]

    def _number(self, value: str) -> str:
        """Keep how it is written, and an international number's first digits."""
        prefix = re.match(r"\+\d{2}|00\d{2}|0|", value)
        kept = len(prefix[0]) if prefix and len(value) > _INTERNAL else 0
        stream = self._stream(value.replace(" ", ""))
        return value[:kept] + "".join(
            str(ord(mark) % 10) if each.isdigit() else each
            for each, mark in zip(value[kept:], stream, strict=False)
        )

    @staticmethod
    def _letter(each: str, mark: str) -> str:
        letter = chr(ord("a") + ord(mark) % 26)
        if each.isdigit():
            return str(ord(mark) % 10)
        if not each.isalpha():
            return each
        if not each.isascii():
            return "ü"
        return letter.upper() if each.isupper() else letter

    def _mark(self, value: str) -> str:
        return hmac.new(self._key, value.encode(), hashlib.sha256).hexdigest()

    def _stream(self, value: str) -> str:
        digest = hashlib.shake_256(self._key + value.encode()).digest(len(value) + 32)
        return digest.decode("latin-1")
