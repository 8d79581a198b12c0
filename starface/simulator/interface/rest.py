"""The REST interface: login, routes and the form of errors; no calls."""

import base64
import secrets
from collections.abc import Callable

import falcon

from starface.simulator.interface.parameters import object_of
from starface.simulator.interface.rest_contacts import RestContacts
from starface.simulator.interface.rest_people import RestPeople
from starface.simulator.model.accounts import SimulatedAccounts, WrongToken, rest_secret
from starface.simulator.model.address_book import AddressBook
from starface.simulator.model.pbx import SimulatedPbx
from starface.simulator.model.switches import Switches


class RestLogins:
    """Nonces given out and tokens in use."""

    def __init__(
        self, accounts: SimulatedAccounts, switches: Switches, clock: Callable[[], float]
    ) -> None:
        self._accounts = accounts
        self._switches = switches
        self._clock = clock
        self._nonces: set[str] = set()
        self._tokens: dict[str, tuple[str, float]] = {}

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return a nonce."""
        nonce = secrets.token_urlsafe(8)
        self._nonces.add(nonce)
        resp.media = {"loginType": self._switches.login_type, "nonce": nonce, "secret": ""}

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Take the nonce with its secret for a token; each nonce once."""
        offered = object_of(req)
        nonce, secret = str(offered.get("nonce", "")), str(offered.get("secret", ""))
        login = self._login_in(secret, nonce)
        known = nonce in self._nonces
        self._nonces.discard(nonce)
        if not known or not self._fits(login, nonce, secret):
            raise falcon.HTTPBadRequest(title="login failed")
        token = secrets.token_hex(16)
        self._tokens[token] = (login, self._clock() + self._switches.rest_token_seconds)
        resp.media = {"token": token}

    def on_delete(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Take the token back."""
        self._tokens.pop(req.get_header("authToken") or "", None)
        resp.status = falcon.HTTP_204

    def process_resource(
        self, req: falcon.Request, resp: falcon.Response, resource: object, params: object
    ) -> None:
        """Let nobody without a token at anything but the login."""
        if req.path.startswith("/rest/") and resource is not self:
            req.context.login = self.login_of(req)

    def login_of(self, req: falcon.Request) -> str:
        """Return who asks; 401 when nobody does."""
        kind, _, bearer = (req.get_header("Authorization") or "").partition(" ")
        if kind == "Bearer":
            try:
                return self._accounts.owner_of_jwt(bearer, "")
            except WrongToken:
                raise falcon.HTTPUnauthorized from None
        login, until = self._tokens.get(req.get_header("authToken") or "", ("", 0.0))
        if until <= self._clock():
            raise falcon.HTTPUnauthorized
        return login

    def forget(self) -> None:
        """Lose all tokens, as a restart does."""
        self._nonces.clear()
        self._tokens.clear()

    @staticmethod
    def _login_in(secret: str, nonce: str) -> str:
        """Find the login in front of a hash, or in what Active Directory is to be asked."""
        if ":" in secret:
            return secret.partition(":")[0]
        try:
            return base64.b64decode(secret).decode().partition(nonce)[0]
        except ValueError:
            return ""

    def _fits(self, login: str, nonce: str, secret: str) -> bool:
        try:
            password = self._accounts.password(login)
        except KeyError:
            return False
        if self._switches.login_type == "ActiveDirectory":
            return secret == base64.b64encode(f"{login}{nonce}{password}".encode()).decode()
        return secret == rest_secret(login, password, nonce)


class RestServer:
    """The version and state of the server."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches

    def on_get_version(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return the version."""
        resp.media = {"version": self._switches.server_version}

    def on_get_state(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return that it runs."""
        resp.media = {"state": "RUNNING"}


def add_rest(
    app: falcon.App[falcon.Request, falcon.Response],
    pbx: SimulatedPbx,
    accounts: SimulatedAccounts,
    book: AddressBook,
    switches: Switches,
    logins: RestLogins,
) -> None:
    """Add the REST interface to the app of the PBX."""
    people, contacts, server = RestPeople(pbx, accounts), RestContacts(book), RestServer(switches)
    app.add_middleware(logins)
    app.set_error_serializer(_as_the_vendor_does)
    app.add_route("/rest/login", logins)
    app.add_route("/rest/users", people)
    app.add_route("/rest/users/me", people, suffix="me")
    app.add_route("/rest/users/{number}", people, suffix="one")
    app.add_route("/rest/users/{number}/avatar", people, suffix="avatar")
    app.add_route("/rest/accounts", people, suffix="accounts")
    app.add_route("/rest/groups", people, suffix="groups")
    app.add_route("/rest/groups/{number}", people, suffix="group")
    app.add_route("/rest/phonenumbers", people, suffix="numbers")
    app.add_route("/rest/phonenumbers/{number}", people, suffix="number")
    app.add_route("/rest/redirects", people, suffix="redirects")
    app.add_route("/rest/redirects/{redirect}", people, suffix="redirect")
    app.add_route("/rest/contacts", contacts)
    app.add_route("/rest/contacts/scheme", contacts, suffix="scheme")
    app.add_route("/rest/contacts/tags", contacts, suffix="tags")
    app.add_route("/rest/contacts/tags/{tag}", contacts, suffix="tag")
    app.add_route("/rest/contacts/{contact}", contacts, suffix="one")
    app.add_route("/rest/server/version", server, suffix="version")
    app.add_route("/rest/server/state", server, suffix="state")


def _as_the_vendor_does(
    req: falcon.Request, resp: falcon.Response, error: falcon.HTTPError
) -> None:
    resp.media = {"code": error.status_code, "message": error.title or error.status}
