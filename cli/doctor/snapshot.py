"""What the broker has retained of a site: its processes and its users, read once."""

import time
from dataclasses import dataclass, field
from datetime import datetime

from bus.events import ProcessDetail, ProcessDetailData, UserState, UserStateData
from bus.mqtt.connection import Connection
from bus.mqtt.inbox import ReceivedMessage
from bus.topics import ANY_USER

_QUIET = 0.5  # seconds without a retained message after which all have come
_LONGEST = 10.0  # seconds


@dataclass
class Snapshot:
    """Processes by name, `online` or `offline`, with their details; users by login."""

    processes: dict[str, str] = field(default_factory=dict)
    details: dict[str, ProcessDetailData] = field(default_factory=dict)
    users: dict[str, UserStateData] = field(default_factory=dict)
    said_at: dict[str, datetime] = field(default_factory=dict)  # when each user's state was said

    def online(self, process: str) -> bool:
        """Return whether a process is connected."""
        return self.processes.get(process) == "online"


def snapshot(connection: Connection) -> Snapshot:
    """Return what is retained now; the connection is up."""
    found = Snapshot()
    came_at = time.monotonic()

    def keep(received: ReceivedMessage) -> None:
        nonlocal came_at
        if received.retained:  # what changes meanwhile comes live, and without an end
            came_at = time.monotonic()
        if not received.payload:
            return
        if received.topic.endswith("/state"):
            state = UserState.model_validate_json(received.payload)
            found.users[state.data.user] = state.data
            found.said_at[state.data.user] = state.time
        elif received.topic.endswith("/detail"):
            detail = ProcessDetail.model_validate_json(received.payload)
            found.details[detail.data.name] = detail.data
        else:
            found.processes[received.topic.rpartition("/")[2]] = received.payload.decode()

    connection.subscribe(connection.topics.processes(), keep)
    connection.subscribe(connection.topics.state(ANY_USER), keep)
    until = time.monotonic() + _LONGEST
    while (left := min(came_at + _QUIET, until) - time.monotonic()) > 0:
        connection.work(left)
    return found
