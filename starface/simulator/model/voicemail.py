"""What callers have said to the users' mailboxes."""

import itertools
from dataclasses import dataclass
from datetime import datetime

# A sound of no length.
WAVE = b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data\0\0\0\0"
INBOX = "INBOX"


@dataclass
class VoicemailEntry:
    """One message in a mailbox."""

    id: str
    login: str
    caller: str
    name: str
    called: str
    at: datetime
    seconds: int = 5
    folder: str = INBOX


class Voicemail:
    """The messages of all users; each has one mailbox."""

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._entries: list[VoicemailEntry] = []

    def add(self, login: str, caller: str, name: str, called: str, at: datetime) -> None:
        """Keep a message."""
        number = str(next(self._ids))
        self._entries.append(VoicemailEntry(number, login, caller, name, called, at))

    def of(self, login: str, folder: str = "") -> list[VoicemailEntry]:
        """Return a user's messages of one folder or of all, the newest first."""
        its = [each for each in self._entries if each.login == login]
        return [each for each in reversed(its) if folder in {"", each.folder}]

    def one(self, login: str, entry_id: str) -> VoicemailEntry:
        """Return one message of the user; raise ValueError."""
        for entry in self.of(login):
            if entry.id == entry_id:
                return entry
        raise ValueError(entry_id)

    def remove(self, login: str, entry_id: str) -> None:
        """Delete a message; raise ValueError if the user has no such one."""
        self._entries.remove(self.one(login, entry_id))
