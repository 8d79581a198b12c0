"""Call events for the journal's tests, at seconds after a fixed beginning."""

from datetime import UTC, datetime, timedelta
from typing import Any

from bus.events import CallData, CallEvent, CallStateName, Direction, Party, call_event_type

BEGIN = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
START = BEGIN.timestamp()
CLIENT = Party(number="0041443334455", e164="+41443334455", name="Muster AG", kind="external")
OTHER = Party(number="0041791112233", e164="+41791112233", kind="external")
WITHHELD = Party(kind="withheld")


def inside(number: str, name: str = "") -> Party:
    return Party(number=number, name=name, kind="internal")


def said(
    user: str,
    state: CallStateName,
    at: float,
    call_id: str = "c-1",
    caller: Party = CLIENT,
    called: Party | None = None,
    direction: Direction = "in",
    pbx_at: float | None = None,
    **more: Any,
) -> CallData:
    """Return what an event says."""
    if pbx_at is not None:
        more["pbx_time"] = (BEGIN + timedelta(seconds=pbx_at)).strftime("%Y%m%dT%H:%M:%S")
    more.setdefault("pbx_state", state.upper())
    return CallData(
        user=user, call_id=call_id, state=state, direction=direction, caller=caller,
        called=called or inside(user.removeprefix("00")), received_at=BEGIN + timedelta(seconds=at),
        **more,
    )  # fmt: skip


def outgoing(user: str, state: CallStateName, at: float, **more: Any) -> CallData:
    """Return what an event of a call says that the user placed."""
    own = inside(user.removeprefix("00"))
    return said(user, state, at, caller=own, called=CLIENT, direction="out", **more)


def event(data: CallData, **more: Any) -> CallEvent:
    """Return an event as the gateway publishes it."""
    return CallEvent(
        type=call_event_type(data.state), source="gateway/g", subject=data.call_id,
        time=data.received_at, data=data, **more,
    )  # fmt: skip
