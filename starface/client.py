"""One user's conversation with the PBX, the same in all versions of its interface."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from starface import methods, wire
from starface.answers import MethodUnknown, NotDone, is_temporary
from starface.credential import Credential
from starface.failures import (
    AnswerUnreadable,
    CallRefused,
    LoginRefused,
    NotConnected,
    OutcomeUnknown,
    PbxFailure,
    RequestForbidden,
    UnsupportedByApi,
)
from starface.request import Callback, RpcRequest
from starface.settings import Api, StarfaceSettings
from starface.transport import Transport
from starface.wire import CallListEntry, CallState, FunctionKey, Group, UserPresence
from starface.xmlrpc.reading import Value

log = logging.getLogger(__name__)

_PAGE = 100  # entries of the call list in one answer
_PAGES = 100
_CALL_LIST: dict[Api, tuple[Api, ...]] = {  # whose names for it are tried
    "v20": ("v22", "v30"), "v22": ("v22", "v30"), "v30": ("v30", "v22"),
}  # fmt: skip


class StarfaceClient:
    """One user at the PBX; for one thread at a time.

    Every request is sent once. All clients of the same settings share one transport.
    """

    def __init__(
        self,
        settings: StarfaceSettings,
        login: str,
        credential: Credential,
        callback: Callback | None = None,
        *,
        transport: Transport | None = None,
    ) -> None:
        self._choose_api = settings.api == "auto"
        self._pbx = RpcRequest(settings, login, credential, callback, transport)

    @property
    def api(self) -> Api:
        """The version spoken; with `auto` it is settled by login()."""
        return self._pbx.api

    @property
    def clock_offset(self) -> timedelta | None:
        """By how much the PBX's clock is ahead of ours; None when it has not said."""
        return self._pbx.clock_offset

    @property
    def credential(self) -> Credential:
        """The credential to store; with OAuth it changes when it is refreshed."""
        return self._pbx.credential

    # ---- session

    def login(self) -> None:
        """Open the session; raise LoginRefused or RequestForbidden if it is not to be had."""
        if not self._choose_api:
            self._log_in()
            return
        first: PbxFailure | None = None
        for api in methods.candidates(self._version_or_none()):
            self._pbx.api = api
            try:
                self._log_in()
            except MethodUnknown as failure:
                first = first or failure
            else:
                return
        if first:
            raise first

    def _log_in(self) -> None:
        if not self._pbx.ask("connection.login", read=wire.truth, logging_in=True):
            raise LoginRefused(
                "STARFACE refuses the login; check login ID and password, and that the user "
                "may use the interface (right and licence at STARFACE)."
            )

    def subscribe_calls(self) -> None:
        """Ask for notifications of calls; needed after every login."""
        if self._pbx.api == "v20":
            done = self._pbx.ask(
                "connection.setProvidedServices", methods.SERVICES_V20, read=wire.truth
            )
        else:
            service = f"ucp.{self._pbx.api}.events.call"
            done = self._pbx.ask("service.subscribeEvents", service, read=wire.truth)
        if not done:
            raise RequestForbidden(
                "STARFACE does not report calls to this user; an administrator of STARFACE "
                "can give the right."
            )

    def keep_alive(self) -> bool:
        """Keep the session alive; False: the PBX does not know us, log in again.

        A refused token is a False, too: the login after it shows whether the password is wrong or
        the PBX was only starting.
        """
        try:
            return self._pbx.ask("connection.keepAlive", read=wire.truth)
        except (NotConnected, LoginRefused):
            return False

    def logout(self) -> None:
        """Close the session."""
        self._pbx.ask("connection.logout")

    def server_version(self) -> str:
        """Return the version of the PBX, such as 6.7.3.20."""
        return self._pbx.ask("system.getServerVersion", read=wire.text).strip()

    def _version_or_none(self) -> str | None:
        try:
            return self.server_version()
        except (AnswerUnreadable, RequestForbidden, NotConnected, LoginRefused):
            return None  # an old PBX does not say it, or only after a login

    # ---- calls

    def call_ids(self) -> list[str]:
        """Return the ids of the user's running calls."""
        return self._pbx.ask("call.getCallIds", read=wire.texts)

    def call_state(self, call_id: str) -> CallState | None:
        """Return the state of one call; None when the PBX does not know it."""
        members = self._pbx.ask("call.getCallState", call_id, read=wire.struct)
        if not members.get("id") and not members.get("state"):
            return None
        return wire.read(CallState, {"id": call_id, **members})

    def place_call(self, number: str, phone: str = "", call_id: str = "") -> str:
        """Have the user's phone ring, then the number; return the PBX's id of the call.

        Raises CallRefused when surely no call is placed, OutcomeUnknown when nobody knows.
        """
        try:
            placed = self._pbx.ask(
                "call.placeCallWithPhone", number, phone, call_id, read=wire.text
            )
        except MethodUnknown:
            raise
        except NotDone as failure:
            raise CallRefused(str(failure), pbx_text=failure.pbx_text) from None
        except AnswerUnreadable:
            raise OutcomeUnknown(
                "STARFACE's answer is not understood, so it is not known whether it places "
                "the call; look at the phone before dialling again."
            ) from None
        if not placed:
            raise CallRefused(
                "STARFACE places no call: it does not take the number or the phone, or another "
                "call is being placed."
            )
        return placed

    def hang_up(self, call_id: str) -> bool:
        """End a call; False when the PBX says that it did not."""
        return self._pbx.ask("call.hangupCall", call_id, read=wire.truth)

    def hold(self, call_id: str) -> None:
        """Put a call on hold."""
        self._pbx.ask("call.hold", call_id)

    def forward(self, call_id: str, extension: str) -> None:
        """Forward a call to an extension."""
        self._pbx.ask("call.forward", call_id, extension)

    def conference(self, call_ids: Sequence[str], phone: str = "") -> None:
        """Join calls into a conference."""
        self._pbx.ask("call.conference", list(call_ids), phone)

    def call_list(self, since: datetime, until: datetime | None = None) -> list[CallListEntry]:
        """Return the calls begun since then by the PBX's clock, oldest first.

        Raises UnsupportedByApi when the PBX has no call list, or does not show it to this user.
        """
        before = until or datetime.now(UTC) + timedelta(days=1)  # whatever the PBX's clock says
        for api in _CALL_LIST[self.api]:
            try:
                return self._call_list(api, since, before)
            except (NotDone, RequestForbidden) as failure:
                if is_temporary(failure):
                    raise
                log.debug("no call list api=%s reason=%s", api, failure)
        raise UnsupportedByApi(
            "STARFACE shows this user no call list, so calls missed during an outage stay unknown; "
            "an administrator can give the right to the call list, or set api = v30 in [starface]."
        )

    def _call_list(self, api: Api, since: datetime, before: datetime) -> list[CallListEntry]:
        entries: list[CallListEntry] = []
        for _ in range(_PAGES):
            page = self._pbx.ask(
                "callList.getCallList",
                *(wire.utc(before), wire.utc(since), "", "", "", "startTime", "ASCENDING"),
                *(len(entries), _PAGE),
                read=wire.call_list_page,
                api=api,
            )
            entries += page.entries
            if not page.entries or len(entries) >= page.total_count:
                break
        return entries

    # ---- the user

    def phones(self) -> list[str]:
        """Return the ids of the user's phones, such as SIP/16."""
        return self._pbx.ask("phone.getPhoneIds", read=wire.texts)

    def primary_phone(self) -> str:
        """Return the id of the phone that rings first."""
        return self._pbx.ask("phone.getPrimaryPhoneId", read=wire.text)

    def user_state(self) -> UserPresence:
        """Return what colleagues see of the user."""
        return self._pbx.ask(
            "userState.getUserState", read=lambda value: wire.read(UserPresence, value)
        )

    def set_do_not_disturb(self, on: bool) -> None:
        """Switch do not disturb."""
        self._pbx.ask("userState.setDoNotDisturbSetting", on)

    def redirects(self) -> list[dict[str, Value]]:
        """Return the user's redirects as the PBX writes them; their members are not documented."""
        return self._pbx.ask(
            "redirect.getRedirectSettings", "", "", "", "", read=wire.list_of(wire.struct)
        )

    def set_redirect(self, redirect: dict[str, Value]) -> None:
        """Change one redirect, as redirects() returned it."""
        self._pbx.ask("redirect.setRedirectSetting", redirect)

    def groups(self) -> list[Group]:
        """Return the groups of the user."""
        return self._pbx.ask("group.getGroupSettings", read=wire.list_of(wire.reader(Group)))

    def function_keys(self) -> list[FunctionKey]:
        """Return the function keys, some of which show a colleague's state."""
        return self._pbx.ask(
            "functionKey.getFunctionKeys", read=wire.list_of(wire.reader(FunctionKey))
        )

    def calls_of_key(self, key_id: str) -> list[dict[str, Value]]:
        """Return the calls of the colleague whom a key shows."""
        return self._pbx.ask(
            "functionKey.getCallInfoForKey", key_id, read=wire.list_of(wire.struct)
        )

    def press_key(self, key_id: str, parameters: Sequence[str] = ()) -> None:
        """Press a function key."""
        self._pbx.ask("functionKey.pressKey", key_id, list(parameters))
