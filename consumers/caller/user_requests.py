"""Takes what users choose among several, and what their workstations have opened.

A choice is written beside the call events, since writing to the directory may wait for an import.
"""

import logging
import re
import time
from collections.abc import Callable

from bus.events import ChoiceRequest, Opened
from bus.mqtt.inbox import ReceivedMessage
from bus.topics import Topics
from consumers.caller.answer import UserChoice
from consumers.caller.calls import Call
from consumers.caller.consumer import CallerConsumer
from consumers.caller.executors import ActionResult
from consumers.directory.directory import Directory, DirectoryUnavailable
from runtime.bounded_dict import Recent

log = logging.getLogger(__name__)

_OWN_ID = re.compile(r"[0-9]{1,18}")
EXECUTOR = "desktop"
_FRESH = 30.0  # seconds; an older click is not meant any more


class UserRequests:
    """Each choice once: kept by `do` in the background, opened by `post` in the main thread."""

    def __init__(
        self,
        consumer: CallerConsumer,
        directory: Directory,
        topics: Topics,
        do: Callable[[Callable[[], None]], None],
        post: Callable[[Callable[[], None]], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._consumer = consumer
        self._directory = directory
        self._topics = topics
        self._do = do
        self._post = post
        self._clock = clock
        self._seen: Recent[tuple[str, str], None] = Recent(1_000)

    def choose(self, request: ChoiceRequest, arrived: ReceivedMessage) -> None:
        """Take one choice; the user is the one of the topic."""
        user = self._topics.user_of(arrived.topic)
        key = (user, request.id)
        age = self._clock() - request.time.timestamp()
        if key in self._seen or abs(age) > _FRESH:
            log.info("choice repeated or too old event=%s age=%.0f", request.id, age)
            return
        self._seen[key] = None
        call = self._consumer.find_call(user, request.data.call_id)
        if call is None or call.restored:
            log.warning("choice for a call that is not known event=%s user=%s", request.id, user)
            self._consumer.refuse(user, request.data.call_id, request.id)
            return
        self._do(lambda: self._take(call, request))

    def note_opened(self, opened: Opened, arrived: ReceivedMessage) -> None:
        """Note what a workstation has opened; of an unknown call nothing is noted."""
        data = opened.data
        call = self._consumer.find_call(self._topics.user_of(arrived.topic), data.call_id)
        if call is None:
            log.debug("opened for a call that is not known event=%s", opened.id)
            return
        done = data.state == "done"
        self._consumer.finished(
            ActionResult(EXECUTOR, call.user, call.call_id, "", done, data.reason)
        )

    def _take(self, call: Call, request: ChoiceRequest) -> None:
        """Remember the choice and have it opened; what cannot be kept still opens."""
        chosen = request.data
        choice = UserChoice(chosen.kind, chosen.id) if chosen.id is not None else None
        if chosen.kind == "found":  # nobody was chosen, so nothing is to be remembered
            choice = UserChoice(chosen.kind, "")
        e164 = call.other_party.e164
        try:
            if e164 is not None and choice is None:
                self._directory.forget_choice(call.user, e164)
            elif e164 is not None and choice is not None and choice.kind == "contact":
                kept = bool(_OWN_ID.fullmatch(choice.id)) and self._directory.remember_choice(
                    call.user, e164, int(choice.id)
                )
                log.info("chosen event=%s user=%s remembered=%s", request.id, call.user, kept)
        except DirectoryUnavailable as error:
            log.warning("choice not kept event=%s reason=%s", request.id, error)
        self._post(lambda: self._consumer.choose(call, choice, request.id))
