"""Where version 10 gives out access tokens: discovery, login page and token endpoint."""

import base64
import binascii
import html
import re
from urllib.parse import urlencode

import falcon

from starface.simulator.model.accounts import (
    CLIENTS,
    Issued,
    SimulatedAccounts,
    WrongGrant,
    WrongToken,
)
from starface.simulator.model.switches import Switches

_REALM = "/auth/realms/pbx"
_DISCOVERY = "/.well-known/openid-configuration"
_TOKEN = f"{_REALM}/oauth2/token"
_AUTHORIZATION = f"{_REALM}/oauth2/auth"
_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|\[::1\]|localhost)(:\d+)?/callback")
_PAGE = """<!DOCTYPE html><html><body><h1>STARFACE</h1><p>{message}</p>
<form method="post" action="?{query}">
<label>Login <input name="username"></label>
<label>Password <input name="password" type="password"></label>
<button>Login</button></form></body></html>"""


class Discovery:
    """What is where."""

    def __init__(self, scheme: str) -> None:
        self._scheme = scheme  # as clients see it; TLS is taken off before us

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Send the client to the realm."""
        raise falcon.HTTPFound(f"{_REALM}{_DISCOVERY}")

    def on_get_realm(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Name the endpoints."""
        origin = f"{self._scheme}://{req.netloc}"
        resp.media = {
            "issuer": f"{origin}{_REALM}",
            "token_endpoint": f"{origin}{_TOKEN}",
            "authorization_endpoint": f"{origin}{_AUTHORIZATION}",
            "grant_types_supported": ["password", "authorization_code", "refresh_token"],
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": [
                "client_secret_basic",
                "client_secret_post",
                "none",
            ],
        }


class LoginPage:
    """Where a person logs in with a browser, and is sent back to the program with a code."""

    def __init__(self, accounts: SimulatedAccounts) -> None:
        self._accounts = accounts

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Show the form; a wrong request ends here and is redirected nowhere."""
        self._check(req)
        self._show(req, resp, "")

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Check the password and send the browser back."""
        self._check(req)
        form = _form(req)
        try:
            code = self._accounts.issue_code(
                form.get("username", ""),
                form.get("password", ""),
                req.get_param("client_id") or "",
                req.get_param("redirect_uri") or "",
                req.get_param("code_challenge") or "",
            )
        except WrongToken:
            self._show(req, resp, "Login or password is wrong.")
            return
        answer = {"code": code, "state": req.get_param("state") or ""}
        resp.status = falcon.HTTP_302
        resp.set_header("Location", f"{req.get_param('redirect_uri')}?{urlencode(answer)}")

    @staticmethod
    def _check(req: falcon.Request) -> None:
        client = CLIENTS.get(req.get_param("client_id") or "")
        if client is None or client.needs_secret:
            raise falcon.HTTPBadRequest(title="unauthorized_client")
        redirect = req.get_param("redirect_uri") or ""
        if redirect != client.redirect and not (client.loopback and _LOOPBACK.fullmatch(redirect)):
            raise falcon.HTTPBadRequest(title="invalid_redirect_uri")
        if req.get_param("response_type") != "code":
            raise falcon.HTTPBadRequest(title="unsupported_response_type")
        scopes = set((req.get_param("scope") or "").split())
        if not scopes <= client.scopes:
            raise falcon.HTTPBadRequest(title="invalid_scope")
        if not req.get_param("code_challenge") or req.get_param("code_challenge_method") != "S256":
            raise falcon.HTTPBadRequest(title="invalid_request: PKCE with S256 is needed")

    @staticmethod
    def _show(req: falcon.Request, resp: falcon.Response, message: str) -> None:
        resp.content_type = "text/html;charset=UTF-8"
        resp.text = _PAGE.format(message=message, query=html.escape(req.query_string))


class TokenEndpoint:
    """Gives access tokens for a password, a code of the login page or a refresh token."""

    def __init__(self, accounts: SimulatedAccounts, switches: Switches) -> None:
        self._accounts = accounts
        self._switches = switches

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer one grant; errors have OAuth's form."""
        try:
            issued = self._granted(_form(req) | _basic(req))
        except WrongGrant as refusal:
            resp.status = falcon.HTTP_401 if "client" in str(refusal) else falcon.HTTP_400
            resp.media = {"error": str(refusal)}
            return
        resp.set_header("Cache-Control", "no-store")
        resp.media = {
            "access_token": issued.access,
            "expires_in": self._switches.jwt_seconds,
            "refresh_token": issued.refresh,
            "refresh_expires_in": self._accounts.refresh_seconds(issued.client),
            "token_type": "Bearer",
            "scope": " ".join(sorted(CLIENTS[issued.client].scopes)),
        }

    def _granted(self, form: dict[str, str]) -> Issued:
        client, secret = form.get("client_id", ""), form.get("client_secret", "")
        self._accounts.check_client(client, secret)
        match form.get("grant_type"):
            case "password":
                login, password = form.get("username", ""), form.get("password", "")
                return self._accounts.grant_by_password(login, password, client)
            case "authorization_code":
                code, verifier = form.get("code", ""), form.get("code_verifier", "")
                redirect = form.get("redirect_uri", "")
                return self._accounts.grant_by_code(code, verifier, redirect, client)
            case "refresh_token":
                return self._accounts.grant_by_refresh(form.get("refresh_token", ""), client)
            case _:
                raise WrongGrant("unsupported_grant_type")


def add_oauth(
    app: falcon.App[falcon.Request, falcon.Response],
    accounts: SimulatedAccounts,
    switches: Switches,
    scheme: str,
) -> None:
    """Add discovery, login page and token endpoint to the app of the PBX."""
    discovery = Discovery(scheme)
    app.add_route(_DISCOVERY, discovery)
    app.add_route(f"{_REALM}{_DISCOVERY}", discovery, suffix="realm")
    app.add_route(_AUTHORIZATION, LoginPage(accounts))
    app.add_route(_TOKEN, TokenEndpoint(accounts, switches))


def _form(req: falcon.Request) -> dict[str, str]:
    """Return the parameters, which may stand in the address and in the form."""
    body = req.get_media() if req.content_length else {}
    form = body.items() if isinstance(body, dict) else ()
    return {str(name): str(value) for name, value in [*req.params.items(), *form]}


def _basic(req: falcon.Request) -> dict[str, str]:
    """Return the client and its secret from HTTP Basic, nothing where there is none."""
    kind, _, given = (req.auth or "").partition(" ")
    if kind.lower() != "basic":
        return {}
    try:
        client, _, secret = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise WrongGrant("invalid_client") from None
    return {"client_id": client, "client_secret": secret}
