"""One readable line for one message on the bus."""

from collections.abc import Callable
from typing import Any

from bus.events import (
    CallerData,
    CallerEvent,
    CallEvent,
    ChoiceRequest,
    DialRequest,
    DialResult,
    Message,
    Opened,
    UserState,
)
from bus.topics import Topics


def line(topic: str, payload: bytes, topics: Topics) -> str | None:
    """Return what a message says in one line, None for what a person need not see."""
    try:
        user = topics.user_of(topic)
    except ValueError:
        return None
    kind = topic.removeprefix(topics.everything_of(user).removesuffix("#"))
    if kind == "set":
        return f"{user:8} switch-{payload.decode(errors='replace')} requested"
    if kind not in _SHOWN:
        return None
    model, show = _SHOWN[kind]
    try:
        message = model.model_validate_json(payload)
    except ValueError:
        return f"{user:8} {kind}: unreadable"
    return f"{message.time.astimezone():%H:%M:%S} {user:8} {show(message)}"


def _call(event: CallEvent) -> str:
    data = event.data
    caller = data.caller.e164 or data.caller.number or data.caller.kind
    called = data.called.e164 or data.called.number or data.called.kind
    return f"{data.state:10} {caller} → {called}  call {data.call_id}"


def _caller(event: CallerEvent) -> str:
    return caller_line(event.data)


def caller_line(data: CallerData) -> str:
    """Return who is calling and what opened, or why nothing did."""
    who = data.contact.title if data.contact else data.quality
    if data.opened is not None:
        return f"{'opens':10} {data.opens} {data.opened.title} for {who}  {data.url or ''}".rstrip()
    return f"{data.opens:10} {who}: {data.sentence.en if data.sentence else data.reason}"


def _state(event: UserState) -> str:
    data = event.data
    return f"{data.state:10} {data.detail.en if data.detail else ''}".rstrip()


def _choice(event: ChoiceRequest) -> str:
    data = event.data
    if data.kind == "found":
        return f"{'chooses':10} what was found"
    return f"{'chooses':10} {f'{data.kind} {data.id}' if data.id else 'nobody any more'}"


def _opened(event: Opened) -> str:
    data = event.data
    said = "opened" if data.state == "done" else f"could not open ({data.reason})"
    return f"{'desktop':10} {said}  call {data.call_id}"


def _dial(event: DialRequest) -> str:
    return f"{'dial':10} {event.data.number}"


def _result(event: DialResult) -> str:
    return f"{event.data.state:10} {event.data.sentence.en}"


_SHOWN: dict[str, tuple[type[Message], Callable[[Any], str]]] = {
    "calls": (CallEvent, _call),
    "caller": (CallerEvent, _caller),
    "choose": (ChoiceRequest, _choice),
    "opened": (Opened, _opened),
    "state": (UserState, _state),
    "dial": (DialRequest, _dial),
    "dial/result": (DialResult, _result),
}
