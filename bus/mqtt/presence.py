"""The presence of a process: `online`, `offline` and which start is meant."""

from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from typing import Literal
from uuid import uuid4

from bus.events import ProcessDetail, ProcessDetailData, now
from bus.topics import Topics


@dataclass(frozen=True)
class Presence:
    """One start of one process; by the start id a late will of an earlier one is recognised."""

    name: str
    start_id: str = field(default_factory=lambda: uuid4().hex)
    since: datetime = field(default_factory=now)
    faults: tuple[str, ...] = ()  # what this process cannot do, though it does the rest
    machine: str | None = None
    directory: str | None = None

    def online(self, topics: Topics) -> list[tuple[str, bytes]]:
        """Return topic and payload of what is retained while the process lives."""
        return self._messages(topics, "online")

    def offline(self, topics: Topics) -> list[tuple[str, bytes]]:
        """Return topic and payload of what is retained after an orderly end."""
        return self._messages(topics, "offline")

    def _messages(
        self, topics: Topics, state: Literal["online", "offline"]
    ) -> list[tuple[str, bytes]]:
        detail = ProcessDetail(
            source=f"process/{self.name}",
            data=ProcessDetailData(
                name=self.name,
                start_id=self.start_id,
                state=state,
                since=self.since,
                version=version("starface2mqtt"),
                faults=tuple(fault[:256] for fault in self.faults[:20]),
                machine=self.machine,
                directory=self.directory,
            ),
        )
        return [
            (topics.process(self.name), state.encode()),
            (topics.process_detail(self.name), detail.encoded()),
        ]
