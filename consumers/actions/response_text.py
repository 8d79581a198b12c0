"""The beginning of what a receiver answered, as one line that is safe to keep and to show."""

import re

from runtime.process import without_secrets

MOST = 2048  # bytes that are looked at
_LONGEST = 300  # characters that are kept
_TEXT = re.compile(r"(?:text/[\w.+-]+|application/(?:[\w.-]+\+)?(?:json|xml))\s*(?:;.*)?", re.I)
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]{1,40})", re.I)
_HIDDEN = re.compile(r"<(script|style)\b.*?(?:</\1\s*>|$)|<!--.*?(?:-->|$)|<[^<>]*>", re.I | re.S)
_BLANKS = re.compile(r"\s+")


def answer_text(content_type: str, body: bytes) -> str:
    """Return the text of an answer in one line; nothing for what is no text."""
    if content_type and not _TEXT.fullmatch(content_type.strip()):
        return ""
    text = _decoded(content_type, body[:MOST])
    if content_type.lower().startswith("text/html"):
        text = _HIDDEN.sub(" ", text)
    clean = "".join(one if one.isprintable() else " " for one in text)
    line = without_secrets(_BLANKS.sub(" ", clean).strip())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def _decoded(content_type: str, body: bytes) -> str:
    charset = _CHARSET.search(content_type)
    try:
        text = body.decode(charset[1] if charset else "utf-8", errors="ignore")
    except (LookupError, ValueError):  # no such encoding
        text = body.decode("utf-8", errors="ignore")
    undeclared = not content_type and "\0" in text
    return "" if undeclared else text
