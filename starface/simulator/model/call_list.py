"""The PBX's own list of past calls; it fills also while nobody is logged in."""

from collections import deque
from dataclasses import dataclass
from datetime import datetime

_KEPT = 20_000


@dataclass(frozen=True)
class PastCall:
    """One past call of one user."""

    call_id: str
    login: str
    direction: str
    answered: bool
    caller: str
    called: str
    name: str
    group: str
    started: datetime
    seconds: float  # ringing included

    @property
    def result(self) -> str:
        """The result in the words of the PBX."""
        return "ANSWERED" if self.answered else "MISSED"


@dataclass(frozen=True)
class CallListFilter:
    """What somebody wants to see of his call list; empty means all."""

    before: datetime | None = None
    after: datetime | None = None
    direction: str = ""
    result: str = ""
    group: str = ""
    ascending: bool = False
    offset: int = 0
    limit: int = 0

    def fits(self, entry: PastCall) -> bool:
        """Return whether an entry is wanted."""
        return (
            (self.before is None or entry.started < self.before)
            and (self.after is None or entry.started > self.after)
            and self.direction in {"", entry.direction}
            and self.result in {"", entry.result}
            and self.group in {"", entry.group or "NON_GROUP"}
        )


class CallList:
    """The newest past calls of all users."""

    def __init__(self) -> None:
        self._entries: deque[PastCall] = deque(maxlen=_KEPT)

    def add(self, entry: PastCall) -> None:
        """Note a call that is over."""
        self._entries.append(entry)

    def of(self, login: str, wanted: CallListFilter) -> tuple[list[PastCall], int]:
        """Return the wanted page of a user's calls, and how many fit in all."""
        fitting = [e for e in self._entries if e.login == login and wanted.fits(e)]
        fitting.sort(key=lambda entry: entry.started, reverse=not wanted.ascending)
        end = wanted.offset + wanted.limit if wanted.limit > 0 else None
        return fitting[wanted.offset : end], len(fitting)

    def remove(self, login: str, call_ids: set[str]) -> None:
        """Delete entries of one user."""
        kept = [e for e in self._entries if e.login != login or e.call_id not in call_ids]
        self._entries = deque(kept, maxlen=_KEPT)
