"""What an import has read and what it refused, with the place and the reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

_KEPT = 1000  # refusals held in memory; all of them are counted


class SourceUnreadable(Exception):
    """A source cannot be read, so nothing of it is imported."""


@dataclass(frozen=True)
class ReadRefusal:
    """Something of a source that was not taken: a whole row, one number of it, or a part beside."""

    where: str
    reason: str
    row: bool = True
    what: str = "row"  # row, number or part


class KnownContacts(Protocol):
    """What the directory knows of the source."""

    def marks(self, keys: Sequence[str]) -> Mapping[str, bytes]:
        """Return from what the contacts of some keys were read; only where nothing was refused."""

    def contact(self, key: str) -> object | None:
        """Return what is known of a contact; None where it is not there."""


@dataclass
class Report:
    """Counts what an import reads; calls `on_refusal` with each refusal as it happens."""

    on_refusal: Callable[[ReadRefusal], None] | None = None
    known: KnownContacts | None = None  # where it is asked what need not be read again
    encoding: str = ""  # of the file; until it is read, that of the last one
    rows: int = 0
    refused_rows: int = 0
    refused_numbers: int = 0
    left_out: int = 0  # lines, columns and signs without which the rest could be read
    done: int = 0  # of total, in whatever the source can count: bytes, pages, rows
    total: int | None = None
    refusals: list[ReadRefusal] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Return of how much is reported that it was not taken."""
        return self.refused_rows + self.refused_numbers + self.left_out

    def refuse_row(self, where: str, reason: str) -> None:
        """Note that a row is not taken."""
        self.refused_rows += 1
        self._note(ReadRefusal(where, reason))

    def refuse_number(self, where: str, text: str, reason: str) -> None:
        """Note that a number of a row is not taken; the rest of the row is."""
        self.refused_numbers += 1
        self._note(ReadRefusal(where, f"{text!r}: {reason}", row=False, what="number"))

    def leave_out(self, where: str, reason: str) -> None:
        """Note that something beside the numbers of a row is not taken; the rest of it is."""
        self.left_out += 1
        self._note(ReadRefusal(where, reason, row=False, what="part"))

    def _note(self, refusal: ReadRefusal) -> None:
        if len(self.refusals) < _KEPT:
            self.refusals.append(refusal)
        if self.on_refusal:
            self.on_refusal(refusal)
