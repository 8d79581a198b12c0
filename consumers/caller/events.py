"""The events a caller process tells: an answer, that a card is to close, that an executor failed.

Their ids follow from what they tell, so that a repeat after a crash is recognised by its id.
"""

from dataclasses import replace
from uuid import NAMESPACE_OID, uuid5

from bus.events import CallerData, CallerEvent, Outcome, TraceStep
from consumers.actions.executors import ActionResult
from consumers.caller.answer import CallerAnswer, who
from consumers.caller.calls import Call, reason_of
from consumers.caller.texts import sentence
from consumers.users import User


def answered(data: CallerData, outcomes: tuple[Outcome, ...]) -> CallerEvent:
    """Tell who it is and what opens."""
    return _event(data.model_copy(update={"outcomes": outcomes}))


def already_opened(answer: CallerAnswer) -> CallerAnswer:
    """Return the same answer where nothing opens because something did."""
    changes = {
        "opens": "nothing", "opened": None, "url": None, "reason": "already-opened",
        "sentence": sentence("action.already-opened"),
    }  # fmt: skip
    return replace(answer, data=answer.data.model_copy(update=changes), used=None)


def opened_before(answer: CallerAnswer) -> CallerAnswer:
    """Return the same answer where a click opens what opened before a colleague had the call."""
    changes = {
        "reason": "opened-before", "sentence": sentence("action.opened-before"),
        "on_click": answer.data.opens, "found": answer.data.opened,
    }  # fmt: skip
    answer = already_opened(answer)
    return replace(answer, data=answer.data.model_copy(update=changes))


def forgotten(user: User, call_id: str, request_id: str) -> CallerEvent:
    """Tell that a choice came for a call of which nothing is known here."""
    data = _of(Call(user.login, call_id, event_id=request_id), "chosen", "call-forgotten", ())
    said = sentence("action.call-forgotten", who(user, "chosen"))
    return _event(data.model_copy(update={"sentence": said}))


def closed(
    call: Call, colleague: str, trace: tuple[TraceStep, ...], *, discreet: bool
) -> CallerEvent:
    """Return that the cards of a call are to close, and who has it where a colleague does."""
    reason = reason_of(call)
    update = {
        "sentence": sentence(f"closed.{reason}", {"colleague": colleague}),
        "answered_by": call.elsewhere or None,
        "discreet": discreet,
    }
    return _event(_of(call, "closed", reason, trace).model_copy(update=update))


def failed(call: Call, result: ActionResult, trace: tuple[TraceStep, ...]) -> CallerEvent:
    """Tell that an executor could not do its work."""
    outcome = Outcome(executor=result.executor, state="failed", reason=result.reason)
    data = _of(call, "outcome", "executor-failed", trace)
    said = sentence("executor.failed", {"executor": result.executor, "outcome": result.reason})
    return _event(data.model_copy(update={"outcomes": (outcome,), "sentence": said}))


def _of(call: Call, trigger: str, reason: str, trace: tuple[TraceStep, ...]) -> CallerData:
    return CallerData(
        user=call.user,
        call_id=call.call_id,
        event_id=call.event_id,
        trigger=trigger,
        caller=call.caller,
        called=call.called,
        direction=call.direction,
        group=call.group,
        reason=reason,
        trace=trace,
    )


def _event(data: CallerData) -> CallerEvent:
    opened = data.opened.id if data.opened is not None else ""
    outcomes = " ".join(f"{one.executor}={one.state}" for one in data.outcomes)
    parts = (
        data.user, data.call_id, data.event_id, data.trigger, data.opens, opened, data.reason,
        data.url or "", outcomes,
    )  # fmt: skip
    return CallerEvent(
        id=str(uuid5(NAMESPACE_OID, "|".join(parts))), subject=data.call_id, data=data
    )
