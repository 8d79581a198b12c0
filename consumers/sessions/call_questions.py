"""Answers what the journal asks of a user's calls: which are running, and what became of past ones.

Only this process may ask the PBX as a user; a question runs beside the sessions, in a worker.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from bus.journal_events import ListedCall, PbxAnswer, PbxAnswerData, PbxRequest
from bus.mqtt.requests import Requester, Responder
from consumers.sessions.user import UserContext
from runtime.worker_pool import AnsweringPool
from starface.client import StarfaceClient
from starface.failures import PbxFailure
from starface.wire import CallListEntry

log = logging.getLogger(__name__)


class CallQuestions:
    """Questions about the calls of users who are logged in."""

    def __init__(
        self, contexts: Mapping[str, UserContext], workers: AnsweringPool, responder: Responder
    ) -> None:
        self._contexts = contexts
        self._workers = workers
        self._responder = responder

    def handle(self, request: PbxRequest, requester: Requester) -> PbxAnswer | None:
        """Return an answer at once only when the PBX cannot be asked."""
        request_id = request.data.request_id
        context = self._contexts.get(requester.user)
        if context is None or context.pbx is None or context.session.stage != "active":
            return PbxAnswer(data=PbxAnswerData(request_id=request_id, code="not-logged-in"))
        ask = partial(_ask, context.pbx, request_id, request.data.since)
        self._workers.submit(ask, self._then(requester, request_id))
        return None

    def _then(self, requester: Requester, request_id: str) -> Callable[[PbxAnswer | None], None]:
        failed = PbxAnswer(data=PbxAnswerData(request_id=request_id, code="failed"))
        return lambda answer: self._responder.answer(requester, answer or failed)


def _ask(pbx: StarfaceClient, request_id: str, since: datetime | None) -> PbxAnswer:
    try:
        running = tuple(pbx.call_ids())
    except PbxFailure as failure:
        log.info("running calls not read reason=%s", failure)
        return PbxAnswer(data=PbxAnswerData(request_id=request_id, code="pbx-failed"))
    listed = None if since is None else _listed(pbx, since)
    return PbxAnswer(data=PbxAnswerData(request_id=request_id, running=running, listed=listed))


def _listed(pbx: StarfaceClient, since: datetime) -> tuple[ListedCall, ...] | None:
    try:
        entries = pbx.call_list(since)
    except PbxFailure as failure:  # not every version of its interface has one
        log.info("call list not read reason=%s", failure)
        return None
    return tuple(
        ListedCall(
            call_id=entry.id,
            number=entry.caller_number if _is_inbound(entry) else entry.called_number,
            group=entry.group,
            answered=entry.result.upper() == "ANSWERED",
            started=entry.started_at,
        )
        for entry in entries
    )


def _is_inbound(entry: CallListEntry) -> bool:
    return entry.direction.upper() == "INBOUND"
