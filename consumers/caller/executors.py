"""Hands an action to every executor; none waits for another, and none hides another's failure."""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bus.events import CallerData, CallerEvent
from consumers.actions.command import ActionFailed, Command
from consumers.actions.redaction import nameless, without_names
from consumers.actions.webhook import WebhookResult, Webhooks
from consumers.caller.settings import CallerSettings
from runtime.sqlite import open_database, write
from runtime.worker_pool import WorkerPool

log = logging.getLogger(__name__)

_THREADS = 4
_WAITING = 1_000  # jobs; more would be older than any call
_KEPT = 86_400.0  # seconds; an action is repeated for some minutes at most
_SCHEMA = """
CREATE TABLE IF NOT EXISTS started (event_id TEXT, executor TEXT, at REAL NOT NULL,
    PRIMARY KEY (event_id, executor)) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class ActionResult:
    """What became of an executor's work; `mark` is what a command's action was claimed by."""

    executor: str
    user: str
    call_id: str
    mark: str  # empty where it is no command's
    done: bool
    reason: str
    answer: str = ""  # what a webhook's receiver said, for the story alone


class StartedPrograms:
    """Which programs were started for which answer, so that none is started again after a kill."""

    def __init__(self, path: Path) -> None:
        self._db = open_database(path, _SCHEMA)
        self._lock = threading.Lock()
        with self._lock:
            write(self._db, "DELETE FROM started WHERE at < ?", (time.time() - _KEPT,))

    def add(self, event_id: str, executor: str) -> None:
        """Note a program that runs; where the disk takes nothing, it may be started once more."""
        values = (event_id, executor, time.time())
        with self._lock, suppress(sqlite3.Error):
            write(self._db, "INSERT OR IGNORE INTO started VALUES (?, ?, ?)", values)

    def has(self, event_id: str, executor: str) -> bool:
        """Return whether a program was started, by whichever process."""
        with self._lock:
            found = self._db.execute(
                "SELECT 1 FROM started WHERE event_id = ? AND executor = ?", (event_id, executor)
            )
            return found.fetchone() is not None

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()


class Executors:
    """The webhooks and commands of the site, with the threads they run in."""

    stands_by = False

    def __init__(
        self,
        settings: CallerSettings,
        path: Path,
        finished: Callable[[ActionResult], None],
        users: Collection[str] | None = None,
    ) -> None:
        self._commands = tuple(Command(one) for one in settings.commands)
        self._webhook_settings = settings.webhooks
        self._webhooks = Webhooks(path, settings.webhooks, self._webhook_finished, users=users)
        self._finished = finished
        self._started = StartedPrograms(path)
        self._workers = WorkerPool("actions", _THREADS, capacity=_WAITING)
        self.do = self._workers.do  # whatever else is done beside the call events

    def start(self) -> None:
        """Begin with what an earlier process left."""
        self._webhooks.start()

    def hand_over(self, event: CallerEvent, values: Mapping[str, str], mark: str) -> int:
        """Begin the work of the executors an answer names; return how many commands are at it.

        A program that an earlier process started for this very answer is left out.
        """
        data, wanted = event.data, queued(event.data)
        for webhook in self._webhook_settings:
            if webhook.name in wanted:
                sent = event if webhook.names else nameless(event)
                self._webhooks.add(
                    webhook.name, event.id, data.user, data.call_id, sent.encoded()
                )  # fmt: skip
        commands = [
            one
            for one in self._commands
            if one.name in wanted and not self._started.has(event.id, one.name)
        ]
        for command in commands:
            self._workers.do(partial(self._run, command, event, values, mark))
        return len(commands)

    def stop(self, timeout: float = 3.0) -> None:
        """Finish what is in hand, as far as the time allows."""
        limit = time.monotonic() + timeout
        self._workers.close(timeout)
        self._webhooks.stop(max(0.5, limit - time.monotonic()))
        self._started.close()

    def _run(
        self, command: Command, event: CallerEvent, values: Mapping[str, str], mark: str
    ) -> None:
        data = event.data
        try:
            shown = values if command.names else without_names(values)
            started = partial(self._started.add, event.id, command.name)
            reason, done = command.run(shown, started), True
        except ActionFailed as error:
            reason, done = str(error), False
            log.error("command failed name=%s event=%s reason=%s", command.name, event.id, reason)
        self._finished(ActionResult(command.name, data.user, data.call_id, mark, done, reason))

    def _webhook_finished(self, sent: WebhookResult) -> None:
        self._finished(
            ActionResult(
                sent.name, sent.user, sent.call_id, "", sent.done, sent.reason, sent.answer
            )
        )


def queued(data: CallerData) -> frozenset[str]:
    """Return the executors that are to begin."""
    return frozenset(one.executor for one in data.outcomes if one.state == "queued")
