"""What workstations say they opened, told to the consumer as the end of an executor's work."""

import logging
from collections.abc import Callable
from typing import Protocol

from bus.events import Opened
from bus.mqtt.inbox import ReceivedMessage
from bus.topics import Topics
from consumers.actions.executors import Finished
from consumers.caller.calls import Call

log = logging.getLogger(__name__)

EXECUTOR = "desktop"


class Answers(Protocol):
    """What is asked of the consumer that answers calls."""

    def find_call(self, user: str, call_id: str) -> Call | None:
        """Return a call that is known here, None for any other."""

    def finished(self, told: Finished) -> None:
        """Note what became of an executor's work."""


def hears_opened(answers: Answers, topics: Topics) -> Callable[[Opened, ReceivedMessage], None]:
    """Return what hears a workstation; of a call that is not known here nothing is noted."""

    def hear(told: Opened, arrived: ReceivedMessage) -> None:
        data = told.data
        call = answers.find_call(topics.user_of(arrived.topic), data.call_id)
        if call is None:
            log.debug("opened for a call that is not known event=%s", told.id)
            return
        done = data.state == "done"
        answers.finished(Finished(EXECUTOR, call.user, call.call_id, "", done, data.reason))

    return hear
