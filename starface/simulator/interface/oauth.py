"""Where version 10 gives out access tokens: discovery that redirects, and the token endpoint."""

import falcon

from starface.simulator.model.accounts import SimulatedAccounts, WrongGrant
from starface.simulator.model.switches import Switches

_REALM = "/auth/realms/pbx"
_DISCOVERY = "/.well-known/openid-configuration"
_TOKEN = f"{_REALM}/oauth2/token"


class Discovery:
    """What is where."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Send the client to the realm."""
        raise falcon.HTTPFound(f"{_REALM}{_DISCOVERY}")

    def on_get_realm(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Name the endpoints."""
        resp.media = {
            "issuer": f"{req.prefix}{_REALM}",
            "token_endpoint": f"{req.prefix}{_TOKEN}",
            "authorization_endpoint": f"{req.prefix}{_REALM}/oauth2/auth",
            "grant_types_supported": ["password", "refresh_token"],
        }


class TokenEndpoint:
    """Gives access tokens for a password or a refresh token."""

    def __init__(self, accounts: SimulatedAccounts, switches: Switches) -> None:
        self._accounts = accounts
        self._switches = switches

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer one grant; errors are told as OAuth tells them."""
        form = {str(name): str(value) for name, value in req.get_media().items()}
        try:
            issued = self._granted(form)
        except WrongGrant as refusal:
            resp.status = falcon.HTTP_401 if "client" in str(refusal) else falcon.HTTP_400
            resp.media = {"error": str(refusal)}
            return
        resp.set_header("Cache-Control", "no-store")
        resp.media = {
            "access_token": issued[0],
            "expires_in": self._switches.jwt_seconds,
            "refresh_token": issued[1],
            "refresh_expires_in": self._switches.refresh_seconds,
            "token_type": "Bearer",
            "scope": "login",
        }

    def _granted(self, form: dict[str, str]) -> tuple[str, str]:
        if form.get("client_id") != "rest-client-headless":
            raise WrongGrant("invalid_client")
        secret = form.get("client_secret", "")
        match form.get("grant_type"):
            case "password":
                login, password = form.get("username", ""), form.get("password", "")
                issued = self._accounts.grant_by_password(login, password, secret)
            case "refresh_token":
                issued = self._accounts.grant_by_refresh(form.get("refresh_token", ""), secret)
            case _:
                raise WrongGrant("unsupported_grant_type")
        return issued.access, issued.refresh


def add_oauth(
    app: falcon.App[falcon.Request, falcon.Response],
    accounts: SimulatedAccounts,
    switches: Switches,
) -> None:
    """Add discovery and token endpoint to the app of the PBX."""
    discovery = Discovery()
    app.add_route(_DISCOVERY, discovery)
    app.add_route(f"{_REALM}{_DISCOVERY}", discovery, suffix="realm")
    app.add_route(_TOKEN, TokenEndpoint(accounts, switches))
