"""Many calls at a steady pace, to see what the gateway bears; always bounded."""

import random
import time
from collections.abc import Callable
from typing import Protocol

After = Callable[[float, Callable[[], None]], None]


class Phones(Protocol):
    """Where calls come in."""

    def ring(
        self,
        login: str,
        caller_number: str = "",
        caller_name: str = "",
        answered_after: float | None = None,
        ended_after: float | None = None,
    ) -> str:
        """Ring a user from outside."""


class LoadRun:
    """Rings one user after the other, each call from another number."""

    def __init__(
        self, phones: Phones, logins: list[str], after: After, answered: float, ended: float
    ) -> None:
        self._phones = phones
        self._logins = logins
        self._after = after
        self._pauses = (answered, ended)
        self._numbers = random.Random(0)  # noqa: S311  (the same numbers each time)
        self._count = 0

    def begin(self, rate: float, seconds: float) -> int:
        """Begin; return how many calls will have come in at the end."""
        calls = max(1, round(rate * seconds))
        self._next(calls, rate, time.monotonic())
        return calls

    def _next(self, calls: int, rate: float, began: float) -> None:
        login = self._logins[self._count % len(self._logins)]
        number = f"+4144{self._numbers.randrange(2_000_000, 9_999_999)}"
        answered, ended = self._pauses
        self._phones.ring(login, number, "", answered_after=answered, ended_after=ended)
        self._count += 1
        if self._count < calls:
            due = began + self._count / rate
            wait = max(0.0, due - time.monotonic())
            self._after(wait, lambda: self._next(calls, rate, began))
