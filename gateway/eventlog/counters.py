"""What is counted: kept in memory for a second, then written down.

The counts are in the event log's file, so they outlive the process and all gateway processes of
a machine count together.
"""

import sqlite3
import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping

VISITS = "visits"  # of the reachability page
NOTIFICATIONS = "notifications"
CHECKS = "checks"
PRIVATE = "private"
ERASED = "erased"  # how often something was taken out of the event log
LAST = "last_notification"  # not a count: milliseconds since the epoch
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds


class Counters:
    """Counts that are not written down yet; safe for many threads."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.last = 0.0  # when the last notification was kept, seconds since the epoch

    def count(self, *names: str) -> None:
        """Count one of each."""
        with self._lock:
            for name in names:
                self._counts[name] += 1

    def add(self, counts: Mapping[str, int]) -> None:
        """Add counts, such as those that could not be written down."""
        with self._lock:
            self._counts.update(counts)

    def observe(self, name: str, seconds: float) -> None:
        """Count a duration in its bucket."""
        place = bisect_left(BUCKETS, seconds)
        bucket = BUCKETS[place] if place < len(BUCKETS) else "more"
        with self._lock:
            self._counts[f"{name}:{bucket}"] += 1
            self._counts[f"{name}:microseconds"] += int(seconds * 1_000_000)

    def take(self) -> Counter[str]:
        """Return what was counted and begin at zero."""
        with self._lock:
            taken, self._counts = self._counts, Counter()
        return taken

    def seen(self) -> Counter[str]:
        """Return what is not written down yet."""
        with self._lock:
            return self._counts.copy()


def write_down(db: sqlite3.Connection, counts: Mapping[str, int]) -> None:
    """Add counts to those in the file; runs in a transaction."""
    db.executemany(
        "INSERT INTO counters VALUES (?, ?)"
        " ON CONFLICT DO UPDATE SET value = value + excluded.value",
        [(name, more) for name, more in counts.items() if name != LAST],
    )
    if counts.get(LAST):
        db.execute(
            "INSERT INTO counters VALUES (?, ?)"
            " ON CONFLICT DO UPDATE SET value = max(value, excluded.value)",
            (LAST, counts[LAST]),
        )


def written(db: sqlite3.Connection) -> dict[str, int]:
    """Return all counts in the file."""
    return {str(name): int(value) for name, value in db.execute("SELECT * FROM counters")}
