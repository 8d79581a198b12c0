"""Which callback paths still count: as long as their session does, at every gateway.

What `sessions` retains of each user on the bus says from when on paths count; a user without any
has been removed. One process of a machine receives it and writes it into a file that all of them
read, so they know it without the broker too. Where nothing is known of a user a path counts: no
call is lost because a broker was away. docs/gateway.md has what follows from that.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter

from bus.events import UserState
from bus.mqtt.connection import Connection
from bus.mqtt.inbox import ReceivedMessage
from bus.topics import ANY_USER
from runtime import files
from starface.callback import CallbackIdentity

log = logging.getLogger(__name__)

NAME = "callbacks.json"
OVERLAP = 10_000  # milliseconds an old path counts beside a new one
_UNKNOWN_COUNTS = 86_400_000  # milliseconds a path counts of whose user nothing is retained
_LOOK = 0.5  # seconds between two looks at the file
_WRITE = 0.5  # seconds between two writes of it


@dataclass(frozen=True)
class Validity:
    """From when on a user's paths count, in milliseconds since the epoch."""

    session: int = 0  # of the newest session; an older one counts for a moment beside it
    revoked: int = 0
    link: int = 0

    def is_gone_since(self, limit: int) -> bool:
        """Return whether the user is removed for so long that being unknown says as much."""
        return 0 < self.link < limit and self == Validity(revoked=self.link, link=self.link)

    def holds(self, proof: CallbackIdentity, now: int) -> bool:
        """Return whether a path counts."""
        if proof.is_link:
            return proof.issued >= self.link
        is_newest = proof.issued >= self.session or now < self.session + OVERLAP
        return is_newest and proof.issued >= self.revoked


_FILE = TypeAdapter(dict[str, Validity])


class CallbackValidity:
    """What is known of each user's paths, as every gateway process reads it."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = folder / NAME
        self._clock = clock
        self._users: dict[str, Validity] = {}
        self._looked = 0.0
        self._seen = 0

    def holds(self, proof: CallbackIdentity) -> bool:
        """Return whether a path still counts."""
        self._read()
        now = int(self._clock() * 1000)
        known = self._users.get(proof.user)
        if known is None:
            return not self._users or proof.issued > now - _UNKNOWN_COUNTS
        return known.holds(proof, now)

    def _read(self) -> None:
        if time.monotonic() - self._looked < _LOOK:
            return
        self._looked = time.monotonic()
        try:
            seen = self._path.stat().st_mtime_ns
            if seen != self._seen:
                self._users = read_validities(self._path)
                self._seen = seen
        except FileNotFoundError:
            return
        except OSError as error:
            log.warning("callbacks not readable file=%s reason=%s", self._path, error.strerror)
        except ValueError:
            self._seen = seen  # it is written again at the next change
            log.warning(
                "what is known of callbacks stays in force: file=%s is damaged; remove it and start"
                " the gateway again, which writes it", self._path,
            )  # fmt: skip


class CallbackListener:
    """Receives from the bus what counts, and writes it down for all processes of this machine."""

    def __init__(
        self, connection: Connection, folder: Path, clock: Callable[[], float] = time.time
    ) -> None:
        self._path = folder / NAME
        self._topics = connection.topics
        self._clock = clock
        self._written = 0.0
        self.unwritten = False
        try:
            self._users = read_validities(self._path)
        except (OSError, ValueError):
            self._users = {}
        connection.subscribe(self._topics.state(ANY_USER), self.receive)

    def receive(self, received: ReceivedMessage) -> None:
        """Take in the state of a user, or that there is none any more."""
        user = self._topics.user_of(received.topic)
        known = self._users.get(user, Validity())
        if not received.payload:
            gone = max(int(self._clock() * 1000), known.session + 1)
            validity = Validity(revoked=gone, link=gone)
        else:
            try:
                data = UserState.model_validate_json(received.payload).data
            except ValueError:
                return
            if data.state == "inactive":
                validity = replace(known, revoked=_milliseconds(data.since))
            elif data.callback_since is not None:
                since = _milliseconds(data.callback_since)
                validity = replace(known, session=since, revoked=min(known.revoked, since))
            else:
                validity = known
        if validity != self._users.get(user):
            self._users[user] = validity
            self.unwritten = True
            self.write()

    def write(self) -> None:
        """Write down what has changed, unless that was done a moment ago."""
        if not self.unwritten or time.monotonic() - self._written < _WRITE:
            return
        self._written = time.monotonic()
        limit = int(self._clock() * 1000) - _UNKNOWN_COUNTS
        self._users = {
            user: known for user, known in self._users.items() if not known.is_gone_since(limit)
        }
        try:
            files.replace(self._path, _FILE.dump_json(self._users).decode())
        except OSError as error:
            log.warning("revoked callbacks not written reason=%s", error.strerror)
        else:
            self.unwritten = False


def read_validities(path: Path) -> dict[str, Validity]:
    """Return what a file says of each user; raise OSError or ValueError."""
    return _FILE.validate_json(path.read_bytes())


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
