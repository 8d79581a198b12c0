"""The methods of the call interface, under the names of each version."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from starface.simulator.interface.call_methods import CallMethods
from starface.simulator.interface.user_methods import UserMethods
from starface.simulator.interface.voicemail_methods import VoicemailMethods
from starface.simulator.model.calls import NoSuchCall, NoSuchUser
from starface.simulator.model.pbx import SimulatedPbx
from starface.simulator.model.sessions import SessionCallback, SimulatedSession, SimulatedSessions
from starface.simulator.model.switches import Switches
from starface.xmlrpc.reading import Value, Writable

NO_SUCH_METHOD = 5


class MethodRefused(Exception):
    """The PBX answers with a fault."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


@dataclass(frozen=True)
class MethodRequester:
    """Who sends a request, as its query says."""

    login: str
    token: str = field(repr=False)
    under_jwt: bool
    callback: SessionCallback | None


Answer: TypeAlias = Callable[[SimulatedSession, Sequence[Value]], Writable]

_COMMON = {
    "service": ["subscribeEvents", "unsubscribeEvents", "getProvidedEvents", "getProvidedRequests"],
    "call": ["getCallIds", "getCallState", "placeCallWithPhone", "hangupCall"],
    "phone": [
        "getPhoneIds",
        "getPrimaryPhoneId",
        "setPrimaryPhoneId",
        "getAvailableDisplayNumbers",
        "getDisplayNumberId",
        "setDisplayNumberId",
        "getCallWaitingIndication",
        "setCallWaitingIndication",
    ],
    "userState": [
        "getUserState",
        "setDoNotDisturbSetting",
        "setChatPresenceMessage",
        "getAvatarImage",
        "setAvatarImageFile",
    ],
    "group": ["getGroupSettings", "setGroupSetting", "setGroupSettings"],
    "redirect": ["getRedirectSettings", "setRedirectSetting", "setRedirectSettings"],
    "functionKey": [
        "getFunctionKeys",
        "getCallInfoForKey",
        "getContactInfoForKey",
        "getImageForKey",
        "getRedirectSettingsForKey",
        "pressKey",
    ],
    "callList": [
        "getCallList",
        "deleteCallListEntry",
        "deleteCallListEntries",
        "placeCallbackCallWithPhone",
    ],
    "voicemailList": [
        "getMailboxes",
        "getVoicemailList",
        "getVoicemailFile",
        "getVoicemailFileUrl",
        "callMailboxWithPhone",
        "callVoicemailWithPhone",
        "moveVoicemailListEntry",
        "deleteVoicemailListEntry",
        "deleteVoicemailListEntries",
    ],
}
_ONLY_V30 = {
    "call": ["hold", "forward", "conference", "callVoicemailBox"],
    "functionKey": ["getALLFunctionKeys", "searchFunctionKeys"],
}
_V20 = {
    "ucp.v20.server.connection.setProvidedServices": "setProvidedServices",
    "ucp.v20.server.communication.call.getPhoneIds": "getPhoneIds",
    "ucp.v20.server.communication.call.getCallIds": "getCallIds",
    "ucp.v20.server.communication.call.getCallState": "getCallState",
    "ucp.v20.server.communication.call.placeCall": "placeCallWithPhone",
    "ucp.v20.server.communication.call.hangupCall": "hangupCall",
}
_CONNECTION = {
    "v20": ("ucp.v20.server.connection.", "probe"),
    "v22": ("ucp.v22.requests.connection.", "keepAlive"),
    "v30": ("ucp.v30.requests.connection.", "keepAlive"),
}


_VOID = frozenset(
    {"logout", "subscribeEvents", "unsubscribeEvents", "setProvidedServices", "hangupCall"}
    | {"hold", "forward", "conference", "pressKey", "setDoNotDisturbSetting"}
)
_NOTHING: dict[str, Writable] = {"true": True, "nil": None, "string": "1", "empty": ""}


def _names() -> dict[str, str]:
    names = dict(_V20)
    for version in ("v22", "v30"):
        families = [_COMMON, _ONLY_V30] if version == "v30" else [_COMMON]
        for family, methods in ((f, m) for each in families for f, m in each.items()):
            names |= {f"ucp.{version}.requests.{family}.{method}": method for method in methods}
    return names


NAMES = _names()
_V22_CALL_LIST = "ucp.v22.requests.callList."


class Methods:
    """Answers each method call; the caller holds the lock of the PBX."""

    def __init__(
        self,
        pbx: SimulatedPbx,
        sessions: SimulatedSessions,
        switches: Switches,
        clock: Callable[[], float],
    ) -> None:
        self._pbx = pbx
        self._sessions = sessions
        self._switches = switches
        self._clock = clock
        self._answers = self._found(
            [CallMethods(pbx, switches), UserMethods(pbx), VoicemailMethods(pbx)]
        )

    def call(self, method: str, params: Sequence[Value], requester: MethodRequester) -> Writable:
        """Answer one method call; raise Refused."""
        answer = self._answer(method, params, requester)
        if answer is True and method.rpartition(".")[2] in _VOID:
            return _NOTHING[self._switches.void]
        return answer

    def _answer(self, method: str, params: Sequence[Value], requester: MethodRequester) -> Writable:
        version = _version(method)
        if version not in self._switches.versions:
            raise MethodRefused(NO_SUCH_METHOD, f"no such method: {method}")
        prefix, alive = _CONNECTION[version]
        if method == f"{prefix}login":
            return self._log_in(version, requester)
        if method == f"{prefix}{alive}":
            return self._sessions.seen(requester.login, requester.callback) is not None
        if method == f"{prefix}logout":
            return self._log_out(requester)
        return self._within(method, params, requester)

    def _within(self, method: str, params: Sequence[Value], requester: MethodRequester) -> Writable:
        session = self._sessions.seen(requester.login, requester.callback)
        if method not in NAMES or self._is_left_out(method):
            raise MethodRefused(NO_SUCH_METHOD, f"no such method: {method}")
        if session is None:
            raise MethodRefused(0, "UcpNotConnectedException")
        answer = self._answers[NAMES[method]]
        try:
            return answer(session, params)
        except (IndexError, TypeError, ValueError) as error:
            raise MethodRefused(0, "UciException: wrong parameters") from error
        except (NoSuchCall, NoSuchUser) as error:
            raise MethodRefused(0, f"UciException: {type(error).__name__}") from error

    def _is_left_out(self, method: str) -> bool:
        return method.startswith(_V22_CALL_LIST) and not self._switches.v22_call_list

    @staticmethod
    def _found(parts: Sequence[object]) -> dict[str, Answer]:
        return {
            name: next(getattr(p, _attribute(name)) for p in parts if hasattr(p, _attribute(name)))
            for name in set(NAMES.values())
        }

    def _log_in(self, version: str, requester: MethodRequester) -> bool:
        if not self._pbx.user(requester.login).allowed:
            if self._switches.not_allowed == "false":
                return False
            raise MethodRefused(0, "UciIllegalAccessException: request not allowed to the user")
        self._sessions.log_in(
            SimulatedSession(
                requester.login,
                version,
                requester.callback,
                requester.token,
                requester.under_jwt,
                self._clock(),
            )
        )
        return True

    def _log_out(self, requester: MethodRequester) -> bool:
        session = self._sessions.seen(requester.login, requester.callback)
        if session is not None:
            self._sessions.log_out(session)
        return True


def _version(method: str) -> str:
    parts = method.split(".")
    known = len(parts) > 2 and parts[0] == "ucp" and parts[1] in _CONNECTION
    return parts[1] if known else "none"


def _attribute(method: str) -> str:
    """Return `get_call_ids` for `getCallIds`."""
    method = method.replace("ALL", "All")
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in method)
