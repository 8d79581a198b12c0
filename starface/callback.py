"""The path at which the PBX calls us back: it says whose call it is, and proves it.

Notifications are unsigned, so the path is the proof (`starface-protocol` 5.1 leaves nothing
else): `/starface/{who}/{session}/{mac}`. Any gateway can check it with the site's key alone.
"""

import base64
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime

PREFIX = "/starface"
TEST_USER = "starface2mqtt-doctor"  # whose notifications are checks of our own
_ISSUED, _RANDOM, _TOKEN_MARK, _MAC = 7, 5, 9, 16  # bytes; the proof alone must not be guessed
_LONGEST = 127  # characters; nothing is known of longer paths at the PBX
_SESSION, _LINK = 0xF1, 0xF2  # what a path is for
_NO_TOKEN = bytes(_TOKEN_MARK)


class PathRefused(Exception):
    """The path was not made by this site."""


@dataclass(frozen=True)
class CallbackIdentity:
    """What a genuine path says: the user, the login it was made for, and a mark of its token."""

    user: str
    session: str
    token_mark: bytes
    issued: int  # milliseconds since the epoch; 0: by a release that did not say
    is_link: bool  # printed for a person, and so no session's

    def fits(self, token: str, key: bytes) -> bool:
        """Return whether this token opened the session; any fits a session opened without."""
        if self.token_mark == _NO_TOKEN:
            return True
        return hmac.compare_digest(self.token_mark, _mark(token, key))


def callback_path(user: str, key: bytes, token: str | None = None, *, is_link: bool = False) -> str:
    """Return a new path for one login; raise ValueError when the login is too long for it."""
    mark = _mark(token, key) if token else _NO_TOKEN
    who = _text(user.encode())
    issued = bytes([_LINK if is_link else _SESSION]) + int(time.time() * 1000).to_bytes(6)
    session = _text(issued + secrets.token_bytes(_RANDOM) + mark)
    path = f"{PREFIX}/{who}/{session}/{_text(_mac(who, session, key))}"
    if len(path) > _LONGEST:
        raise ValueError("the login is too long for a callback path: at most 48 bytes")
    return path


def issued_at(path: str) -> datetime:
    """Return when a path of ours was made."""
    session = _bytes(path.split("/")[3])
    return datetime.fromtimestamp(int.from_bytes(session[1:_ISSUED]) / 1000, UTC)


def read_path(who: str, session: str, mac: str, key: bytes) -> CallbackIdentity:
    """Check the three parts of a path; raise PathRefused, in constant time for the proof."""
    try:
        given = _bytes(mac)
        session_bytes = _bytes(session)
        user = _bytes(who).decode()
    except ValueError as error:
        raise PathRefused from error
    if not hmac.compare_digest(given, _mac(who, session, key)):
        raise PathRefused
    if len(session_bytes) != _ISSUED + _RANDOM + _TOKEN_MARK:
        raise PathRefused
    kind, at = session_bytes[0], int.from_bytes(session_bytes[1:_ISSUED])
    issued = at if kind in (_LINK, _SESSION) else 0
    return CallbackIdentity(
        user, session, session_bytes[_ISSUED + _RANDOM :], issued, kind != _SESSION
    )


def _mac(who: str, session: str, key: bytes) -> bytes:
    signed = f"callback {who} {session}".encode()
    return hmac.new(key, signed, hashlib.sha256).digest()[:_MAC]


def _mark(token: str, key: bytes) -> bytes:
    return hmac.new(key, b"token " + token.encode(), hashlib.sha256).digest()[:_TOKEN_MARK]


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    if not text.isascii() or "=" in text:
        raise ValueError("not base64url")
    raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if _text(raw) != text:  # the last character has bits that do not count
        raise ValueError("not the only spelling")
    return raw
