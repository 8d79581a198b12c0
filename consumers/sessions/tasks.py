"""What is asked of the PBX for one user: tasks for a worker thread, which decide nothing."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import SecretStr

from consumers.sessions.callback_check import RESYNC, Gateway, NotTaken, Proof, locally, prove
from consumers.sessions.faults import Phase, code_of
from consumers.sessions.missed_calls import MARGIN, Gap, ended_structs, is_news, running_struct
from starface.callback import callback_path
from starface.client import StarfaceClient
from starface.credential import Credential
from starface.failures import LoginRefused, PbxFailure, RequestForbidden, UnsupportedByApi
from starface.request import Callback
from starface.settings import StarfaceSettings
from starface.wire import CallListEntry

log = logging.getLogger(__name__)


OpenPbx = Callable[[str, Credential, Callback | None], StarfaceClient]


@dataclass(frozen=True)
class Resynced:
    """Whether what was missed is handed in, and whether the PBX shows a call list: None: unasked.

    Without a call list only the calls that are running still are known.
    """

    done: bool
    listed: bool | None = None


@dataclass(frozen=True)
class OpenSession:
    """A session is open, and as much as that handed in of what was missed."""

    pbx: StarfaceClient
    callback: Callback
    resynced: Resynced


@dataclass(frozen=True)
class Alive:
    """What the PBX says of a session, and of its calls if it was asked."""

    known: bool
    calls: list[str] | None = None


@dataclass(frozen=True)
class Failed:
    """A task failed; the code is one of FAULTS, the reason for the log.

    The credential may have been refreshed all the same, and then the old one is void.
    """

    code: str
    reason: str = ""
    credential: Credential | None = None


class PbxTasks:
    """The tasks of one site."""

    def __init__(
        self,
        settings: StarfaceSettings,
        site_key: bytes,
        open_pbx: OpenPbx,
        gateway: Gateway,
        callback_host: Callable[[StarfaceSettings], str],
    ) -> None:
        self._settings = settings
        self._key = site_key
        self._open_pbx = open_pbx
        self._gateway = gateway
        self._callback_host = callback_host

    def log_in(
        self, user: str, credential: Credential, gap: Gap | None, *, local: bool
    ) -> OpenSession | Failed:
        """Log in, subscribe, and hand in what was missed; without a gap that is left for later."""
        try:
            callback = self._callback(user, credential)
        except ValueError:
            return Failed("login-too-long")
        except OSError:
            return Failed("pbx-unreachable", "there is no way to the PBX")
        pbx = self._open_pbx(user, credential, callback)
        phase: Phase = "login"
        try:
            pbx.login()
            phase = "subscription"
            pbx.subscribe_calls()
        except PbxFailure as failure:
            code = code_of(failure, phase)
            if isinstance(failure, LoginRefused) and not failure.pbx_text and phase == "login":
                code = self._code_of_refusal(code)
            return Failed(code, str(failure), pbx.credential)
        if gap is None:
            return OpenSession(pbx, callback, Resynced(done=False))
        return OpenSession(pbx, callback, self.resync(pbx, callback, gap, local=local))

    def keep_alive(self, pbx: StarfaceClient, *, look: bool) -> Alive | Failed:
        """Keep the session, and see which calls are running."""
        try:
            if not pbx.keep_alive():
                return Alive(known=False)
            return Alive(known=True, calls=pbx.call_ids() if look else None)
        except PbxFailure as failure:
            return Failed(code_of(failure, "keep-alive"), str(failure))

    def resync(self, pbx: StarfaceClient, callback: Callback, gap: Gap, *, local: bool) -> Resynced:
        """Hand in what was missed."""
        address = locally(callback) if local else callback
        listed: bool | None = None
        try:
            ids = pbx.call_ids()
            states = [state for each in ids if (state := pbx.call_state(each)) is not None]
            entries: list[CallListEntry] = []
            gap = gap.by_clock_of_pbx(pbx.clock_offset)
            if gap.since is not None:
                try:
                    entries, listed = pbx.call_list(gap.since - MARGIN), True
                except UnsupportedByApi as failure:
                    log.debug("no call list reason=%s", failure)
                    listed = False
            structs = ended_structs(gap, ids, entries)
            structs += [running_struct(state) for state in states if is_news(state, gap)]
            for struct in structs:
                self._gateway.post(address, RESYNC, [struct])
        except PbxFailure as failure:
            log.info("missed calls not read reason=%s", failure)
            return Resynced(done=False, listed=listed)
        except NotTaken as failure:
            log.info("missed calls not taken by the gateway reason=%s", failure)
            return Resynced(done=False, listed=listed)
        if structs:
            log.info("handed in calls count=%d", len(structs))
        return Resynced(done=True, listed=listed)

    def log_out(self, pbx: StarfaceClient) -> None:
        """Close the session; a PBX that does not answer closes it by itself."""
        try:
            pbx.logout()
        except PbxFailure as failure:
            log.info("not logged out reason=%s", failure)

    def prove(self, user: str) -> Proof:
        """Check the callback address with a path of this user."""
        try:
            callback = self._callback(user, None)
        except (OSError, ValueError):
            return Proof("callback-unreachable")
        return prove(self._gateway, callback, self._settings.location)

    def probe(self) -> str | None:
        """Ask the PBX for its version, without anybody's token; None when it speaks XML-RPC.

        `login-unclear`: it answers and shows a login page, or does not speak to strangers.
        """
        pbx = self._open_pbx("", Credential("sha512", SecretStr("")), None)
        try:
            pbx.server_version()
        except LoginRefused as failure:
            return None if failure.pbx_text or failure.certain else "login-unclear"
        except (RequestForbidden, UnsupportedByApi):
            return None
        except PbxFailure as failure:
            return None if failure.pbx_text else code_of(failure, "login")
        return None

    def _callback(self, user: str, credential: Credential | None) -> Callback:
        settings = self._settings
        # With OAuth nobody knows what the PBX will echo, so the path names no token.
        known = credential is not None and credential.kind != "oauth"
        token = credential.secret.get_secret_value() if credential and known else None
        return Callback(
            settings.callback_scheme,
            self._callback_host(settings),
            settings.callback_port,
            callback_path(user, self._key, token),
        )

    def _code_of_refusal(self, code: str) -> str:
        """Return whose fault a refusal without a word is, by what a stranger gets."""
        pbx = self._open_pbx("", Credential("sha512", SecretStr("")), None)
        try:
            pbx.server_version()
        except PbxFailure as failure:
            if failure.pbx_text:
                return code
            refused = isinstance(failure, RequestForbidden) or (
                isinstance(failure, LoginRefused) and failure.certain
            )
            return "login-doubtful" if refused else "login-unclear"
        return code
