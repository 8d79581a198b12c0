"""The numbers a user keeps to himself: his calls with them are nobody's business.

They are kept as keyed hashes, not as numbers: the file shows who has private numbers, never which.
The key is the site's, so one file serves all machines of a site. It is read again when it changes.
"""

import hmac
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from bus.events import UserName
from bus.numbers.number import NumberProfile, read_number, same_subscriber_keys
from bus.settings import SettingsRefused, private
from runtime.files import replace
from runtime.lock import locked

log = logging.getLogger(__name__)

NAME = "private-numbers.json"
_LOOK_AGAIN = 1.0  # seconds between two looks whether the file has changed
_PATIENCE = 10.0  # seconds for another command to end
_SHOWN = 2  # digits by which a user knows his numbers


class PrivateNumber(BaseModel):
    """One number of one user, unreadable."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    user: UserName
    mark: str  # keyed hash of user and number
    ends: str  # its last digits
    added: str  # the day


_Version = tuple[int, int]
_LIST = TypeAdapter(tuple[PrivateNumber, ...])
_NOTHING: frozenset[str] = frozenset()


class PrivateNumbers:
    """The list as a process that handles calls needs it: a look costs nothing without one."""

    def __init__(
        self, folder: Path, site_key: bytes, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = folder / NAME
        self._key = site_key
        self._clock = clock
        self._version: _Version | None = _version(self._path)
        self._unreadable: _Version | None = None  # reported
        self._in_use = self._version is not None
        self._marks = _by_user(read_list(self._path))
        self._looked = clock()

    @property
    def in_use(self) -> bool:
        """Whether there is a list, be it empty by now: a call may be under way."""
        if self._clock() - self._looked >= _LOOK_AGAIN:
            self._look()
        return self._in_use

    def concerns(self, user: str) -> bool:
        """Return whether a user has private numbers."""
        return self.in_use and user in self._marks

    def holds(self, user: str, number: str) -> bool:
        """Return whether a number, in E.164 or as an extension's digits, is private for a user.

        One behind which the same subscriber answers, such as an Italian one without its zero, is.
        """
        if not self.in_use or not number:
            return False
        marks = self._marks.get(user, _NOTHING)
        if not marks:
            return False
        spelled = (number, *same_subscriber_keys(number))
        return any(number_mark(self._key, user, one) in marks for one in spelled)

    def names(self, user: str, text: str, profile: NumberProfile) -> bool:
        """Return whether a text, in any spelling, is a private number of a user."""
        if not self.concerns(user):
            return False
        read = read_number(text, profile)
        return self.holds(user, read.e164 or read.short or "")

    def mark(self, *words: str) -> str:
        """Return what recognises some words again without showing them."""
        return _mark(self._key, "private call", *words)

    def _look(self) -> None:
        self._looked = self._clock()
        version = _version(self._path)
        if version == self._version:
            return
        self._in_use = self._in_use or version is not None
        try:
            self._marks = _by_user(read_list(self._path))
        except SettingsRefused as error:  # looked at again, since access may be all it lacks
            if version != self._unreadable:
                log.error("the earlier private numbers stay in force reason=%s", error)
            self._unreadable = version
        else:
            self._version = version


def number_mark(site_key: bytes, user: str, number: str) -> str:
    """Return what is kept of a user's private number."""
    return _mark(site_key, "private number", user, number)


def read_list(path: Path) -> tuple[PrivateNumber, ...]:
    """Return what is in a file; raise SettingsRefused."""
    try:
        private(path)
        return _LIST.validate_json(path.read_bytes())
    except FileNotFoundError:
        return ()
    except (OSError, ValidationError) as error:
        raise SettingsRefused(
            f"{path}: the private numbers cannot be read; restore the file, or remove it and name"
            " them again: starface2mqtt private add"
        ) from error


@contextmanager
def changing(folder: Path) -> Iterator[dict[str, PrivateNumber]]:
    """Hold the list for a change, by mark; two commands at once change one after the other."""
    path = folder / NAME
    with locked(path.with_suffix(".lock"), _PATIENCE):
        before = read_list(path)
        numbers = {one.mark: one for one in before}
        yield numbers
        if tuple(numbers.values()) != before:
            replace(path, _LIST.dump_json(tuple(numbers.values()), indent=1).decode() + "\n")


def forget_user(folder: Path, user: str) -> None:
    """Drop all private numbers of a user."""
    if not (folder / NAME).exists():
        return
    with changing(folder) as numbers:
        for mark in [mark for mark, one in numbers.items() if one.user == user]:
            del numbers[mark]


def entry(site_key: bytes, user: str, number: str, day: str) -> PrivateNumber:
    """Return a number as it is kept."""
    mark = number_mark(site_key, user, number)
    ends = number[-_SHOWN:] if len(number) > 2 * _SHOWN else ""
    return PrivateNumber(user=user, mark=mark, ends=ends, added=day)


def _mark(key: bytes, *words: str) -> str:
    return hmac.digest(key, "\0".join(words).encode(), "sha256").hex()[:32]


def _by_user(numbers: tuple[PrivateNumber, ...]) -> dict[str, frozenset[str]]:
    marks: dict[str, set[str]] = {}
    for one in numbers:
        marks.setdefault(one.user, set()).add(one.mark)
    return {user: frozenset(theirs) for user, theirs in marks.items()}


def _version(path: Path) -> _Version | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino
