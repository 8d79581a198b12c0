"""One publisher for each event log: the process that holds the lock publishes, others wait.

The lock is the operating system's, so it is free the moment its holder dies, and the next process
resumes where the log says. A connection to the broker that fails for good is replaced.
"""

import logging
import math
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from bus.events import Info, InfoData
from bus.messages import MESSAGES
from bus.mqtt.client import ClientFactory
from bus.mqtt.connection import Connection, NetworkDead, PublishRefused, SessionTaken
from bus.mqtt.inbox import BrokerUnavailable
from bus.mqtt.presence import Presence
from bus.settings import BrokerSettings, SettingsRefused
from gateway.callbacks import CallbackListener
from gateway.eventlog.counters import Counters
from gateway.eventlog.file import LogUnavailable
from gateway.eventlog.reader import EventReader
from gateway.publishing.publisher import EventPublisher
from gateway.publishing.rollback import LogPutBack
from gateway.publishing.wakeup import WakeupListener
from runtime.lock import locked

log = logging.getLogger(__name__)

LOCK = "events.lock"
_AGAIN = 5.0  # seconds until another process may have left our account at the broker
_PRUNE = 60.0  # seconds between two looks for what is too old
_LAST_WORDS = 1.5  # seconds for what is still in the log when the process is to stop
_PRUNE_CROWDED = 1.0  # seconds, while the log is near its greatest size
_PIECE, _PIECES = 200, 10  # events that give way at once, and how often in a row


@dataclass(frozen=True)
class PublisherSettings:
    """What the publisher needs to know."""

    folder: Path
    account: str
    broker: BrokerSettings
    clients: ClientFactory
    keep: float  # seconds
    greatest: int  # bytes


class PublisherLeader:
    """A thread that publishes, or waits until it may."""

    def __init__(self, settings: PublisherSettings, counters: Counters) -> None:
        self.on_elected: Callable[[], object] = (
            bool  # called once, when this process begins to publish
        )
        self._settings = settings
        self._counters = counters
        self._stopping = threading.Event()
        self._connection: Connection | None = None
        self._publisher: EventPublisher | None = None
        self._elected = threading.Event()
        self._pruned = 0.0
        self._thread = threading.Thread(target=self._wait_for_lock, name="publisher", daemon=True)

    def start(self) -> None:
        """Begin to publish as soon as no other process does."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Send what can be sent at once, say goodbye and end."""
        self._stopping.set()
        connection = self._connection
        if connection is not None:
            connection.stop()
        if self._elected.is_set():
            self._thread.join(timeout)

    @property
    def broker(self) -> str | None:
        """What is wrong with the broker; None when nothing is."""
        connection = self._connection
        if connection is None:
            return "not connected to the broker yet"
        return None if connection.connected else connection.why

    @property
    def refused(self) -> int:
        """How many users have events which the broker does not take."""
        publisher = self._publisher
        return publisher.refused if publisher else 0

    def _wait_for_lock(self) -> None:
        with locked(self._settings.folder / LOCK, math.inf):
            self._elected.set()
            self.on_elected()
            pause = 1.0
            while not self._stopping.is_set():
                try:
                    self._publish()
                except SessionTaken as error:
                    log.error("not publishing reason=%s", error)
                    pause = _AGAIN
                except LogPutBack:
                    continue  # under its new identity
                except (NetworkDead, LogUnavailable, SettingsRefused, sqlite3.Error) as error:
                    log.error("publishing failed reason=%s", error)
                except Exception:  # else notifications would be taken and never published
                    log.exception("publishing failed")
                self._stopping.wait(pause)

    def _publish(self) -> None:
        settings = self._settings
        reader = EventReader(settings.folder)
        gateway = f"{settings.account}-{reader.identity}"
        connection = Connection(
            settings.broker,
            settings.account,
            presence=Presence(settings.account, machine=settings.broker.machine),
            clients=settings.clients,
        )
        publisher = EventPublisher(connection, reader, gateway, self._counters, settings.keep)
        connection.republish(lambda: _announce(connection))
        callbacks = CallbackListener(connection, settings.folder)
        listener = WakeupListener(settings.folder, publisher.wake)
        try:
            with connection:
                self._connection, self._publisher = connection, publisher
                if not self._stopping.is_set():
                    log.info("publishing gateway=%s", gateway)
                    connection.run(self._ticking(publisher, reader, callbacks))
                publisher.finish(_LAST_WORDS)
        finally:
            self._connection = self._publisher = None
            listener.close()
            reader.mark.write(at_once=True)
            reader.close()

    def _ticking(
        self, publisher: EventPublisher, reader: EventReader, callbacks: CallbackListener
    ) -> Callable[[], float]:
        def tick() -> float:
            now = time.monotonic()
            if now - self._pruned > (_PRUNE_CROWDED if self._is_crowded(reader) else _PRUNE):
                self._pruned = now
                self._prune(reader)
            callbacks.write()
            reader.mark.write()
            return publisher.tick()

        return tick

    def _prune(self, reader: EventReader) -> None:
        settings = self._settings
        try:
            gone = reader.prune(time.time() - settings.keep)
            gone += reader.empty_before(time.time() - settings.keep)
            reader.forget_calls_before(time.time() - settings.keep)
            for _ in range(_PIECES):  # what is kept only to be asked for again gives way
                gone_now = reader.prune(time.time(), _PIECE) if self._is_crowded(reader) else 0
                gone += gone_now
                if not gone_now:
                    break
        except LogUnavailable as error:
            log.warning("nothing pruned reason=%s", error)
            return
        if gone:
            log.info("forgot old events count=%s", gone)
            self._pruned = 0.0  # there may be more

    def _is_crowded(self, reader: EventReader) -> bool:
        return reader.size() > 0.8 * self._settings.greatest


def _announce(connection: Connection) -> None:
    """Publish what another program needs to know before it subscribes, retained."""
    topics = connection.topics
    info = Info(
        source="gateway",
        data=InfoData(
            version=version("starface2mqtt"),
            base=topics.base,
            schemas={name: f"docs/schemas/{name}.json" for name in MESSAGES},
            documentation="docs/asyncapi.json",
        ),
    )
    try:
        connection.publish(topics.info(), info, retain=True)
    except (BrokerUnavailable, PublishRefused) as error:
        log.warning("information not published reason=%s", error)
