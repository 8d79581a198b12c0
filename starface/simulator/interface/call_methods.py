"""What the methods about services, calls and past calls do and answer, in every version."""

from collections.abc import Sequence
from datetime import UTC

from starface.simulator.interface.parameters import count, moment, optional, text
from starface.simulator.model.call_list import CallListFilter, PastCall
from starface.simulator.model.calls import LegNotification
from starface.simulator.model.pbx import SimulatedPbx
from starface.simulator.model.sessions import SimulatedSession
from starface.simulator.model.switches import Switches
from starface.simulator.notify import format as notification_format
from starface.xmlrpc.reading import Value, Writable

_EVENTS = ["ucp.v22.events.call", "ucp.v30.events.call"]


class CallMethods:
    """One function for each method; parameters come as they were sent."""

    def __init__(self, pbx: SimulatedPbx, switches: Switches) -> None:
        self._pbx = pbx
        self._switches = switches

    # ---- service

    def subscribe_events(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Subscribe the session to one service."""
        who.services.add(text(params[0]))
        return True

    def unsubscribe_events(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Unsubscribe it."""
        who.services.discard(text(params[0]))
        return True

    def set_provided_services(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Subscribe to a list of services, as v20 does."""
        if not isinstance(params[0], list):
            raise TypeError
        who.services = {text(name) for name in params[0]}
        return True

    def get_provided_events(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Name the services that can be subscribed."""
        return [name for name in _EVENTS if name.split(".")[1] in self._switches.versions]

    def get_provided_requests(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Name the families of methods."""
        return [f"ucp.{who.version}.requests.{name}" for name in ("connection", "service", "call")]

    # ---- calls

    def get_call_ids(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Name the running calls of the user."""
        return [call.id for call in self._pbx.calls_of(who.login)]

    def get_call_state(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Return one call; an empty struct when it is unknown."""
        call = self._pbx.calls.get(text(params[0]))
        if call is None or who.login not in call.legs:
            return {}
        leg = call.legs[who.login]
        at = leg.connected or leg.started
        members = LegNotification(
            who.login, call.id, leg.state, leg.caller, leg.called, call.group, at
        )
        plain = self._switches.model_copy(
            update={"first_event": "complete", "v22_special_states": "same"}
        )
        return notification_format.call_state(members, who.version, plain) or {}

    def place_call_with_phone(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Ring the user's own phone first, then the target."""
        number, phone, call_id = [optional(value) for value in [*params, "", ""][:3]]
        return self._pbx.place(who.login, number, phone, call_id)

    def hangup_call(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """End the call for this user."""
        call = self._pbx.calls.get(text(params[0]))
        if call is None or who.login not in call.legs:
            return False
        self._pbx.hang_up(call.id, who.login)
        return True

    def hold(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Park a call."""
        call = self._pbx.call(text(params[0]))
        if who.login not in call.legs:
            raise ValueError
        self._pbx.hold(call.id, who.login)
        return True

    def forward(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Hand a call to an extension, without asking there."""
        call, extension = self._pbx.call(text(params[0])), text(params[1])
        taker = next((u for u in self._pbx.users.values() if u.extension == extension), None)
        if taker is None or who.login not in call.legs:
            raise ValueError
        self._pbx.hand_over(call.id, who.login, taker.login, ringing=True)
        return True

    def conference(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Put several calls of the user together."""
        if not isinstance(params[0], list) or len(params[0]) < 2:
            raise ValueError
        for call in [self._pbx.call(text(call_id)) for call_id in params[0]]:
            self._pbx.confer(call.id, who.login)
        return True

    def call_voicemail_box(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Ring the user's phone, then his voicemail."""
        return self._pbx.place(who.login, "*98", optional([*params, ""][0]))

    # ---- call list

    def get_call_list(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Return one page of the past calls."""
        before, after, direction, result, group, _, order, offset, limit = params
        wanted = CallListFilter(
            moment(before),
            moment(after),
            optional(direction),
            optional(result),
            optional(group),
            optional(order) == "ASCENDING",
            count(offset),
            count(limit),
        )
        entries, total = self._pbx.call_list.of(who.login, wanted)
        return {"entries": [self._entry(entry) for entry in entries], "totalCount": total}

    def delete_call_list_entry(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Delete one past call from the list."""
        self._pbx.call_list.remove(who.login, {text(params[0])})
        return True

    def delete_call_list_entries(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Delete several."""
        if not isinstance(params[0], list):
            raise TypeError
        self._pbx.call_list.remove(who.login, {text(each) for each in params[0]})
        return True

    def place_callback_call_with_phone(
        self, who: SimulatedSession, params: Sequence[Value]
    ) -> Writable:
        """Call back the other end of a past call."""
        wanted, phone, call_id = [optional(value) for value in [*params, "", ""][:3]]
        entries, _ = self._pbx.call_list.of(who.login, CallListFilter())
        entry = next((each for each in entries if each.call_id == wanted), None)
        if entry is None:
            return ""
        number = entry.caller if entry.direction == "INBOUND" else entry.called
        return self._pbx.place(who.login, number, phone, call_id)

    def _entry(self, entry: PastCall) -> dict[str, Writable]:
        members: dict[str, Writable] = {
            "id": entry.call_id,
            "direction": entry.direction,
            "result": entry.result,
            "callerNumber": notification_format.number_as_sent(entry.caller, self._switches),
            "calledNumber": notification_format.number_as_sent(
                entry.called, self._switches, called=True
            ),
            "callDescription": entry.name,
            "startTime": entry.started.astimezone(UTC),
            "duration": round(entry.seconds),
        }
        return members | ({"groupId": entry.group} if entry.group else {})
