"""The REST interface: configuration and address book, no calls."""

import base64
import secrets
from collections.abc import Callable
from typing import Any

import falcon

from starface.simulator.model.accounts import SimulatedAccounts, WrongToken, rest_secret
from starface.simulator.model.address_book import AddressBook, NoSuchContact, NoSuchPage
from starface.simulator.model.pbx import SimulatedPbx
from starface.simulator.model.people import SimulatedUser
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
        """Give a nonce."""
        nonce = secrets.token_urlsafe(8)
        self._nonces.add(nonce)
        resp.media = {"loginType": self._switches.login_type, "nonce": nonce, "secret": ""}

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Take the nonce with its secret for a token; each nonce once."""
        told = _object(req)
        nonce, secret = str(told.get("nonce", "")), str(told.get("secret", ""))
        login = self._login_in(secret, nonce)
        known = nonce in self._nonces
        self._nonces.discard(nonce)
        if not known or not self._fits(login, nonce, secret):
            raise falcon.HTTPBadRequest(title="login failed")
        token = secrets.token_hex(16)
        self._tokens[token] = (login, self._clock() + self._switches.rest_token_seconds)
        resp.media = {"token": token}

    def on_delete(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Give the token back."""
        self._tokens.pop(req.get_header("authToken") or "", None)
        resp.status = falcon.HTTP_204

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


class RestUsers:
    """The users of the PBX."""

    def __init__(self, pbx: SimulatedPbx, logins: RestLogins) -> None:
        self._users = dict(enumerate(pbx.users.values(), 1))
        self._logins = logins

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List those in whose name, login or extension the search term occurs."""
        self._logins.login_of(req)
        term = (req.get_param("searchTerm") or "").lower()
        resp.media = [
            _user(number, user)
            for number, user in self._users.items()
            if term in f"{user.login} {user.name} {user.extension}".lower()
        ]

    def on_get_me(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return the user who asks."""
        login = self._logins.login_of(req)
        resp.media = next(_user(n, user) for n, user in self._users.items() if user.login == login)

    def on_get_one(self, req: falcon.Request, resp: falcon.Response, number: int) -> None:
        """Return one user."""
        self._logins.login_of(req)
        if number not in self._users:
            raise falcon.HTTPNotFound
        resp.media = _user(number, self._users[number])

    def on_get_accounts(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List all accounts with their extensions."""
        self._logins.login_of(req)
        resp.media = [
            {
                "accountId": number,
                "displayInformation": user.name,
                "firstName": user.name.partition(" ")[0],
                "lastName": user.name.partition(" ")[2],
                "primaryInternalPhoneNumber": user.extension,
                "type": "USER",
            }
            for number, user in self._users.items()
        ]


class RestContacts:
    """The address book over HTTP."""

    def __init__(self, book: AddressBook, logins: RestLogins) -> None:
        self._book = book
        self._logins = logins

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return one page of those that fit."""
        self._logins.login_of(req)
        try:
            resp.media = self._book.page(
                terms=req.get_param("searchTerms") or "",
                tag=",".join(req.get_param_as_list("tags") or []),
                page=req.get_param_as_int("page"),
                size=req.get_param_as_int("pagesize", min_value=1) or 20,
                ascending=(req.get_param("sortdirection") or "ASC") == "ASC",
            )
        except NoSuchPage:
            raise falcon.HTTPBadRequest(title="no such page") from None

    def on_get_one(self, req: falcon.Request, resp: falcon.Response, contact: str) -> None:
        """Return one contact with all its blocks."""
        self._logins.login_of(req)
        try:
            resp.media = self._book.one(contact)
        except NoSuchContact:
            raise falcon.HTTPNotFound from None

    def on_get_scheme(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return how this installation names the attributes."""
        self._logins.login_of(req)
        resp.media = self._book.scheme()

    def on_get_tags(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List the tags."""
        self._logins.login_of(req)
        resp.media = self._book.tags()


class RestVersion:
    """The version of the server."""

    def __init__(self, switches: Switches, logins: RestLogins) -> None:
        self._switches = switches
        self._logins = logins

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return it."""
        self._logins.login_of(req)
        resp.media = {"version": self._switches.server_version}


def add_rest(
    app: falcon.App[falcon.Request, falcon.Response],
    pbx: SimulatedPbx,
    book: AddressBook,
    switches: Switches,
    logins: RestLogins,
) -> None:
    """Add the REST interface to the app of the PBX."""
    users, contacts = RestUsers(pbx, logins), RestContacts(book, logins)
    app.add_route("/rest/login", logins)
    app.add_route("/rest/users", users)
    app.add_route("/rest/users/me", users, suffix="me")
    app.add_route("/rest/users/{number:int}", users, suffix="one")
    app.add_route("/rest/accounts", users, suffix="accounts")
    app.add_route("/rest/contacts", contacts)
    app.add_route("/rest/contacts/scheme", contacts, suffix="scheme")
    app.add_route("/rest/contacts/tags", contacts, suffix="tags")
    app.add_route("/rest/contacts/{contact}", contacts, suffix="one")
    app.add_route("/rest/server/version", RestVersion(switches, logins))


def _object(req: falcon.Request) -> dict[str, Any]:
    told = req.get_media()
    if not isinstance(told, dict):
        raise falcon.HTTPBadRequest(title="not an object")
    return told


def _user(number: int, user: SimulatedUser) -> dict[str, Any]:
    first, _, family = user.name.partition(" ")
    return {
        "id": number,
        "login": user.login,
        "firstName": first,
        "familyName": family,
        "email": user.email,
        "language": "de",
        "namespace": "local",
        "personId": 1000 + number,
        "missedCallReport": False,
    }
