"""One log line for many of a kind, so that trouble that repeats does not fill a disk."""

import logging
import time
from collections.abc import Callable


class LogLimit:
    """Logs the first of a kind at once, then at most one line a period with how many there were."""

    def __init__(
        self,
        logger: logging.Logger,
        period: float = 10.0,  # seconds
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = logger
        self._period = period
        self._clock = clock
        self._silent_until: dict[str, float] = {}  # by message, of which a program has few
        self._left_out: dict[str, int] = {}

    def log(self, level: int, message: str, *values: object) -> None:
        """Log a message with its values, or count it."""
        now = self._clock()
        if now < self._silent_until.get(message, now):
            self._left_out[message] = self._left_out.get(message, 0) + 1
            return
        self._silent_until[message] = now + self._period
        more = self._left_out.pop(message, 0)
        self._log.log(level, f"{message} more=%d" if more else message, *values, *[more][:more])
