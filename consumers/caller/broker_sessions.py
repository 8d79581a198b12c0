"""The broker's sessions of caller processes that come and go.

A session keeps what is published for its account while nobody is connected. So those of new
processes are begun before the old ones end, and those nobody will come back to are dropped, with
what the broker retains about their processes.
"""

import json
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

from bus.mqtt.connection import Connection
from bus.mqtt.inbox import BrokerUnavailable, ReceivedMessage
from bus.settings import BrokerSettings
from consumers.caller.process import followed
from runtime.files import replace

log = logging.getLogger(__name__)

_AT_ONCE = 50  # connections
_PATIENCE = 3.0  # seconds for a connection
Assignment = Mapping[str, Sequence[str] | None]  # by account: the users of a process, None for all


def begin_sessions(brokers: Mapping[str, BrokerSettings], served: Assignment) -> None:
    """Have the broker keep from now on what is for these accounts; raise BrokerUnavailable.

    Unless all of them are let in, nothing is kept for any.
    """
    for keeping in (False, True):
        for accounts in _parts(list(served)):
            with ExitStack() as stack:
                connections = []
                for account in accounts:
                    connection = Connection(brokers[account], account)
                    for topic_filter in followed(connection.topics, served[account]):
                        if keeping:
                            connection.subscribe(topic_filter, _leave_it)
                    connections.append(stack.enter_context(connection))
                for connection in connections:
                    connection.wait_connected(_PATIENCE)


def drop_sessions(brokers: Mapping[str, BrokerSettings]) -> None:
    """Have the broker forget these accounts, as many as it can; raise BrokerUnavailable."""
    failed: list[str] = []
    for accounts in _parts(list(brokers)):
        with ExitStack() as stack:
            connections = {
                account: stack.enter_context(Connection(brokers[account], account, lasting=False))
                for account in accounts
            }
            for account, connection in connections.items():
                topics = connection.topics
                try:
                    connection.wait_connected(_PATIENCE)
                    for topic in (topics.process(account), topics.process_detail(account)):
                        connection.publish_raw(topic, b"", retain=True)
                except BrokerUnavailable as error:
                    failed.append(str(error))
    if failed:
        raise BrokerUnavailable(failed[0])


class BrokerSessions:
    """Which accounts may have a session at the broker, on disk: a process may end at any moment."""

    def __init__(self, path: Path, first: Collection[str]) -> None:
        self._path = path
        self._accounts = self._read(first)

    def besides(self, accounts: Collection[str]) -> set[str]:
        """Return who has a session beside these."""
        return self._accounts - set(accounts)

    def add(self, accounts: Collection[str]) -> None:
        """Note that these are going to have a session."""
        self._write(self._accounts | set(accounts))

    def remove(self, accounts: Collection[str]) -> None:
        """Note that these have none any more."""
        self._write(self._accounts - set(accounts))

    def _read(self, first: Collection[str]) -> set[str]:
        try:
            return {str(one) for one in json.loads(self._path.read_text())}
        except FileNotFoundError:
            return set(first)
        except (OSError, ValueError) as error:
            log.warning("sessions not known path=%s reason=%s", self._path, error)
            return set(first)

    def _write(self, accounts: set[str]) -> None:
        if accounts == self._accounts:
            return
        self._accounts = accounts
        try:
            replace(self._path, json.dumps(sorted(accounts)) + "\n")
        except OSError as error:  # a session too many is all it costs
            log.warning("sessions not noted path=%s reason=%s", self._path, error)


def _leave_it(_arrived: ReceivedMessage) -> None:
    """Do nothing: what is not acknowledged comes again to the process it is meant for."""


def _parts(accounts: list[str]) -> Iterator[list[str]]:
    rest = iter(accounts)
    while part := list(islice(rest, _AT_ONCE)):
        yield part
