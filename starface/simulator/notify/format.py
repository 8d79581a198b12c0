"""How the stand-in PBX words a notification: every switch of its spelling, without I/O."""

import re
from collections.abc import Mapping
from datetime import UTC
from urllib.parse import quote
from zoneinfo import ZoneInfo

from starface.simulator.model.calls import CallParty, LegNotification
from starface.simulator.model.sessions import SimulatedSession
from starface.simulator.model.switches import Switches
from starface.xmlrpc.reading import Writable, write_call

CALL_SERVICES = {
    "ucp.v20.client.communication.call": "v20",
    "ucp.v22.events.call": "v22",
    "ucp.v30.events.call": "v30",
}
CONNECTION_SERVICE = "ucp.v20.client.connection"
_SPECIAL = frozenset({"PARKED", "CONSULT", "VOICEMAIL_LINKED"})
_BETWEEN = re.compile(r"(<string></string>|<value></value>)|>(?=<)")
_STRING = re.compile(r"<string>(.*?)</string>", re.DOTALL)


def call_state(
    notification: LegNotification, version: str, switches: Switches
) -> dict[str, Writable] | None:
    """Return the struct of one notification; None when this version gets none."""
    state = _state(notification.state, version, switches)
    if state is None:
        return None
    caller, called = notification.caller, notification.called
    if notification.state == "INCOMING" and switches.first_event in {"incomplete", "empty"}:
        caller, called = CallParty(), CallParty()
        state = "" if switches.first_event == "empty" else state
    members: dict[str, Writable] = {"id": notification.call_id, "state": state}
    members |= _timestamp(notification, switches)
    members |= {
        "callerNumber": number_as_sent(caller.number, switches),
        "callerName": caller.name,
        "calledNumber": number_as_sent(called.number, switches, called=True),
        "calledName": called.name,
    }
    members |= _group(notification.group, version, switches)
    if switches.extra_members:
        members |= {"accountId": "4711", "channelNames": ["SIP/11-0000002a"], "forwardType": "NONE"}
    return members


def id_change(notification: LegNotification, switches: Switches) -> list[Writable]:
    """Return the parameters that carry a call's new id; their form is nowhere documented."""
    if switches.id_change == "pair":
        return [notification.call_id, notification.new_id]
    old, new = switches.id_change.split("/")
    return [{old: notification.call_id, new: notification.new_id}]


def body(method: str, params: list[Writable], switches: Switches) -> bytes:
    """Return the document of a notification."""
    return spelt(write_call(method, params), switches)


def spelt(document: bytes, switches: Switches) -> bytes:
    """Return a document in the spelling that is set."""
    text = document.decode()
    if switches.bare_values:
        text = _STRING.sub(r"\1", text)
    if switches.layout == "spread":
        text = _BETWEEN.sub(lambda found: found[1] or ">\n  ", text)
    return text.encode()


def target(session: SimulatedSession, switches: Switches) -> str:
    """Return path and query under which a session is notified."""
    assert session.callback is not None  # noqa: S101  (asked by the only caller)
    query: list[str] = []
    if switches.callback_user != "none":
        name = "de.vertico.starface.user"
        name = name.replace(".", "_") if switches.callback_user == "underscores" else name
        query.append(f"{name}={quote(session.login, safe='')}")
    habit = switches.callback_auth_under_jwt if session.under_jwt else switches.callback_auth
    if habit != "none":
        kept = ":" if habit == "colon" else ""
        query.append(f"de.vertico.starface.auth={quote(session.token, safe=kept)}")
    path = session.callback.path
    return f"{path}?{'&'.join(query)}" if query else path


def number_as_sent(number: str, switches: Switches, *, called: bool = False) -> str:
    """Return an external number in the configured format; others as they are.

    Only who calls can withhold his number.
    """
    if not number.startswith("+"):
        return number
    match switches.number_format:
        case "withheld" if not called:
            return ""
        case "00" | "withheld":
            return "00" + number[1:]
        case "national" if number.startswith(f"+{switches.country}"):
            kept_zero = "" if switches.country == "39" else "0"
            return kept_zero + number[1 + len(switches.country) :]
        case "national":
            return "00" + number[1:]
        case _:
            return number


def _state(state: str, version: str, switches: Switches) -> str | None:
    if state == "INCOMING" and switches.first_event == "none":
        return None
    if state in _SPECIAL and version != "v30":
        if switches.v22_special_states == "none":
            return None
        if switches.v22_special_states == "connected":
            state = "CONNECTED"
    if state == "PROCEEDING" and version == "v30":
        state = "OUTGOING"
    return state.lower() if switches.lower_case else state


def _timestamp(notification: LegNotification, switches: Switches) -> Mapping[str, Writable]:
    match switches.timestamp:
        case "none":
            return {}
        case "utc":
            return {"timestamp": notification.at.astimezone(UTC)}
        case "string":
            return {"timestamp": f"{notification.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"}
        case _:
            return {"timestamp": notification.at.astimezone(ZoneInfo(switches.time_zone))}


def _group(group: str, version: str, switches: Switches) -> Mapping[str, Writable]:
    if switches.group_member == "none" or (not group and version != "v30"):
        return {}
    auto = "groupId" if version == "v30" else "groupID"
    return {auto if switches.group_member == "auto" else switches.group_member: group}
