"""What a user prefers: actions, the triggers that call for them, and hours of the week without."""

import re
from dataclasses import dataclass
from datetime import datetime, time
from typing import Literal

from bus.events import Action

Trigger = Literal["ringing", "connected", "ended", "outgoing", "party-change", "click"]
Actions = dict[Trigger, Action]

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FORM = re.compile(
    r"(?:(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))?)?\s*"
    r"(?:(?P<start>\d\d:\d\d)-(?P<end>\d\d:\d\d))?"
)


class HoursRefused(ValueError):
    """The text is no span of hours; the sentence says how one is written."""


@dataclass(frozen=True)
class Hours:
    """A span of hours on some days; one that ends before it starts runs over midnight."""

    days: frozenset[int]
    start: time
    end: time

    def hold(self, moment: datetime) -> bool:
        """Return whether a local moment lies within."""
        clock = moment.time().replace(tzinfo=None)
        today, yesterday = moment.weekday(), (moment.weekday() - 1) % 7
        if self.start < self.end:
            return today in self.days and self.start <= clock < self.end
        return (today in self.days and clock >= self.start) or (
            yesterday in self.days and clock < self.end
        )


def read_hours(text: str) -> Hours:
    """Read `18:00-07:00`, `mon-fri 12:00-13:00` or `sat-sun`; raise HoursRefused."""
    form = _FORM.fullmatch(text.strip().lower())
    if form is None or not text.strip():
        raise HoursRefused(f"{text[:40]!r}: write 18:00-07:00, mon-fri 12:00-13:00 or sat-sun")
    try:
        days = _days(form["first"], form["last"])
        start = time.fromisoformat(form["start"]) if form["start"] else time.min
        end = time.fromisoformat(form["end"]) if form["end"] else time.max
    except ValueError:
        raise HoursRefused(f"{text[:40]!r}: days are mon to sun, hours 00:00 to 23:59") from None
    if start == end:
        raise HoursRefused(f"{text[:40]!r}: start and end are the same")
    return Hours(days, start, end)


def _days(first: str | None, last: str | None) -> frozenset[int]:
    if first is None:
        return frozenset(range(7))
    begin = _DAYS.index(first)
    length = (_DAYS.index(last or first) - begin) % 7 + 1
    return frozenset((begin + offset) % 7 for offset in range(length))
