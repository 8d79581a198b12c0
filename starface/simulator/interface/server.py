"""The HTTP face of the stand-in PBX: /xml-rpc, /rest and the token endpoint in one app."""

import logging
from collections import Counter

import falcon

from starface.simulator.interface.faults import BEFORE, FaultInjector, html, redirect
from starface.simulator.interface.methods import MethodRefused, MethodRequester, Methods
from starface.simulator.model.accounts import SimulatedAccounts, WrongToken
from starface.simulator.model.pbx import SimulatedPbx
from starface.simulator.model.sessions import SessionCallback
from starface.simulator.model.switches import Switches
from starface.simulator.notify import format as notification_format
from starface.xmlrpc.reading import Unreadable, Value, read_call, write_fault, write_response

log = logging.getLogger(__name__)

_PREFIX = "de.vertico.starface."
_VERSION_METHOD = "ucp.v30.requests.system.getServerVersion"
_LONGEST = 1024 * 1024


class XmlRpc:
    """The call interface."""

    def __init__(
        self,
        pbx: SimulatedPbx,
        accounts: SimulatedAccounts,
        methods: Methods,
        trouble: FaultInjector,
        switches: Switches,
    ) -> None:
        self.requests: Counter[str] = Counter()
        self.placements: Counter[str] = Counter()
        self._pbx = pbx
        self._accounts = accounts
        self._methods = methods
        self._trouble = trouble
        self._switches = switches

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer one method call, with the trouble that is switched on."""
        resp.content_type = "text/xml;charset=UTF-8"
        try:
            method, params = read_call(req.bounded_stream.read(_LONGEST), max_bytes=_LONGEST)
        except Unreadable:
            resp.status = falcon.HTTP_400
            return
        with self._pbx.lock:
            self._count(method, params)
        trouble = self._trouble.met_by(method)
        if trouble not in BEFORE:
            self._answer(method, params, req, resp)
            self._spell(resp)
        self._trouble.make(trouble, req, resp)
        if self._switches.chunked and resp.data:
            resp.stream, resp.data = iter([resp.data[:9], resp.data[9:]]), None

    def _answer(
        self, method: str, params: list[Value], req: falcon.Request, resp: falcon.Response
    ) -> None:
        if method == _VERSION_METHOD and self._switches.version_to_strangers:
            resp.data = write_response(self._switches.server_version)
            return
        try:
            with self._pbx.lock:
                requester = self._requester(req)
                resp.data = write_response(self._methods.call(method, params, requester))
        except MethodRefused as refusal:
            resp.data = write_fault(refusal.code, refusal.text)
        except WrongToken:
            under_jwt = req.get_param(f"{_PREFIX}jwt") is not None
            self._refuse(
                self._switches.wrong_jwt if under_jwt else self._switches.wrong_token, resp
            )

    def _spell(self, resp: falcon.Response) -> None:
        if resp.data and str(resp.content_type).startswith("text/xml"):
            resp.data = notification_format.spelt(resp.data, self._switches)

    def _requester(self, req: falcon.Request) -> MethodRequester:
        user = req.get_param(f"{_PREFIX}user") or ""
        jwt = req.get_param(f"{_PREFIX}jwt")
        token = jwt or req.get_param(f"{_PREFIX}auth") or ""
        owner = self._accounts.owner_of_jwt if jwt else self._accounts.owner
        return MethodRequester(owner(token, user), token, jwt is not None, _callback(req))

    def _refuse(self, how: str, resp: falcon.Response) -> None:
        match how:
            case "401":
                html(resp, falcon.HTTP_401)
            case "403":
                html(resp, falcon.HTTP_403)
            case "redirect":
                redirect(resp, "/auth/login")
            case "html":
                html(resp, falcon.HTTP_200)
            case "false":
                resp.data = write_response(False)
            case _:
                resp.data = write_fault(0, "UciIllegalAccessException")

    def _count(self, method: str, params: list[Value]) -> None:
        self.requests[method] += 1
        if method.endswith((".placeCallWithPhone", ".placeCall")) and len(params) > 2:
            self.placements[str(params[2])] += 1


def _callback(req: falcon.Request) -> SessionCallback | None:
    host = req.get_param(f"{_PREFIX}callback.host")
    if not host:
        return None
    scheme = req.get_param(f"{_PREFIX}callback.type") or "http"
    port = req.get_param_as_int(f"{_PREFIX}callback.port") or (443 if scheme == "https" else 80)
    return SessionCallback(scheme, host, port, req.get_param(f"{_PREFIX}callback.path") or "/")


def create_app(xml_rpc: XmlRpc) -> falcon.App[falcon.Request, falcon.Response]:
    """Put the resources together."""
    app = falcon.App()
    app.req_options.strip_url_path_trailing_slash = True
    app.add_route("/xml-rpc", xml_rpc)
    return app
