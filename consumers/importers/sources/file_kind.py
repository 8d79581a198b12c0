"""What a file is by what is in it, whatever it is called."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from consumers.importers.report import SourceUnreadable
from consumers.importers.sources.spreadsheet import is_spreadsheet

FileKind = Literal["table", "vcard", "fritzbox"]

_FRONT = 8192  # bytes looked at
_NO_TEXT = re.compile(rb"[\x01-\x08\x0e-\x1a\x7f]")
_OTHERS = {  # what begins like this is no list of contacts, and what helps
    b"%PDF": "a PDF; export the list as CSV or vCard",
    b"\x1f\x8b": "compressed; unpack it first",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"SQLite format 3": "a database; see: contacts import sql",
    b"Rar!": "an archive; unpack it first",
    b"7z\xbc\xaf": "an archive; unpack it first",
    b"!BDN": "an Outlook data file (.pst); export the contacts as CSV in Outlook",
    b"{\\rtf": "a text with formats; save the list as CSV",
}


def file_kind(path: Path) -> FileKind:
    """Return how a file of contacts is to be read; raise SourceUnreadable for something else."""
    if path.is_dir():
        return "vcard"
    try:
        with path.open("rb") as file:
            front = file.read(_FRONT)
    except OSError as error:
        raise SourceUnreadable(f"{path}: {error.strerror}") from error
    for begin, what in _OTHERS.items():
        if front.startswith(begin):
            raise SourceUnreadable(f"{path}: {what}")
    text = front.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").lower()
    is_office = re.search(rb"xl/|opendocument|\[content_types\]", text) is not None
    if text.startswith(b"pk\x03\x04") and not is_office:
        raise SourceUnreadable(f"{path}: an archive; unpack it first")
    if re.match(rb"begin\s*:\s*v(card|addressbook)", text):
        return "vcard"
    if b"<phonebook" in text:
        return "fritzbox"
    if re.match(rb"<!doctype html|<html|<table", text):
        raise SourceUnreadable(f"{path}: a web page, perhaps instead of the export; save as CSV")
    if text.startswith(b"<?xml"):
        raise SourceUnreadable(
            f"{path}: XML, but not the telephone book of a FRITZ!Box; export the list as CSV"
        )
    if text.startswith((b"{", b"[")) and b'"' in text[:40]:
        raise SourceUnreadable(f"{path}: JSON; see: contacts import json")
    if not is_spreadsheet(path) and _is_data(front):
        raise SourceUnreadable(f"{path}: no text but data of a program; export the list as CSV")
    return "table"


def _is_data(front: bytes) -> bool:
    """Return whether many bytes are signs of no text, as they are in UTF-16 beside zeros only."""
    some = len(front) // 50
    return len(_NO_TEXT.findall(front)) > some and front.count(0) <= some
