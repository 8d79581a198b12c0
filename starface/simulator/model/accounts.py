"""Whose a token is. Computed from the dossier, not with our client's code: it is to be checked."""

import base64
import hashlib
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from starface.simulator.model.people import SimulatedUser
from starface.simulator.model.switches import Switches


class WrongToken(Exception):
    """Nobody's token, or not of the user who is named, or the user is locked out."""


class WrongGrant(Exception):
    """No access token for this; the argument is the OAuth error code."""


@dataclass(frozen=True)
class OAuthClient:
    """A program that the PBX knows."""

    scopes: frozenset[str]
    needs_secret: bool = False
    redirect: str = ""  # the one address of its own
    loopback: bool = False  # any port of this machine, path /callback
    refresh_seconds: int | None = None  # None: the switch


CLIENTS = {
    "rest-client-headless": OAuthClient(frozenset({"login"}), needs_secret=True),
    "rest-client": OAuthClient(frozenset({"pbx-login"}), loopback=True),
    "windows-app": OAuthClient(
        frozenset({"pbx-login"}), redirect="starface-app://login", refresh_seconds=90 * 86_400
    ),
}
_CODE_SECONDS = 60.0


@dataclass(frozen=True)
class Issued:
    """An access token and the refresh token that came with it."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    client: str = ""


@dataclass(frozen=True)
class _LoginCode:
    login: str
    client: str
    redirect: str
    challenge: str
    until: float


@dataclass
class _Failures:
    count: int = 0
    until: float = 0.0


def _sha512(text: str) -> str:
    return hashlib.sha512(text.encode()).hexdigest()


def tokens_of(login: str, password: str) -> dict[str, str]:
    """Return each kind of token of a user."""
    starred = f"{login}*{password}"
    return {
        "sha512": f"{login}:{_sha512(f'{login}*{_sha512(password)}')}",
        "md5": hashlib.md5(starred.encode(), usedforsecurity=False).hexdigest(),
        "ad": base64.b64encode(starred.encode()).decode(),
    }


def rest_secret(login: str, password: str, nonce: str) -> str:
    """Return the secret with which a user answers the nonce of the REST login."""
    return f"{login}:{_sha512(f'{login}{nonce}{_sha512(password)}')}"


class SimulatedAccounts:
    """Passwords, tokens and lock-outs of all users."""

    def __init__(
        self, users: Iterable[SimulatedUser], switches: Switches, clock: Callable[[], float]
    ) -> None:
        self._switches = switches
        self._clock = clock
        self._passwords: dict[str, str] = {}
        self._tokens: dict[str, tuple[str, str]] = {}
        self._failures: dict[str, _Failures] = {}
        self._access: dict[str, tuple[str, float]] = {}
        self._refresh: dict[str, tuple[str, float, str]] = {}  # login, end, client
        self._codes: dict[str, _LoginCode] = {}
        for user in users:
            self.set_password(user.login, user.password)

    def set_password(self, login: str, password: str) -> None:
        """Give a user a new password; his old tokens are worth nothing then."""
        self._tokens = {t: owner for t, owner in self._tokens.items() if owner[1] != login}
        self._passwords[login] = password
        for kind, token in tokens_of(login, password).items():
            self._tokens[token] = (kind, login)

    def remove(self, login: str) -> None:
        """Forget a user with all tokens."""
        self._tokens = {t: owner for t, owner in self._tokens.items() if owner[1] != login}
        self._access = {t: owner for t, owner in self._access.items() if owner[0] != login}
        self._passwords.pop(login, None)

    def password(self, login: str) -> str:
        """Return a user's password; it is no secret here."""
        return self._passwords[login]

    def owner(self, token: str, user: str) -> str:
        """Return whose token of the old kinds this is."""
        kind, login = self._tokens.get(token, ("", ""))
        suspect = user or login or token.partition(":")[0]
        self._refuse_locked(suspect)
        if kind not in self._switches.tokens or user not in {"", login}:
            self._failed(suspect)
            raise WrongToken
        self._failures.pop(login, None)
        return login

    def owner_of_jwt(self, token: str, user: str) -> str:
        """Return whose access token this is, while it lasts."""
        login, until = self._access.get(token, ("", 0.0))
        if "jwt" not in self._switches.tokens or until <= self._clock() or user not in {"", login}:
            raise WrongToken
        return login

    def check_client(self, client: str, secret: str) -> None:
        """Raise WrongGrant unless the PBX knows the program, and its secret where it has one."""
        known = CLIENTS.get(client)
        if known is None or (known.needs_secret and secret != self._switches.client_secret):
            raise WrongGrant("invalid_client")

    def grant_by_password(self, login: str, password: str, client: str) -> Issued:
        """Issue tokens for a login and its password."""
        if not CLIENTS[client].needs_secret:
            raise WrongGrant("unauthorized_client")
        try:
            self._check_password(login, password)
        except WrongToken:
            raise WrongGrant("invalid_grant") from None
        return self._issue(login, client)

    def issue_code(
        self, login: str, password: str, client: str, redirect: str, challenge: str
    ) -> str:
        """Return the code with which a program fetches the tokens; raise WrongToken."""
        self._check_password(login, password)
        code = secrets.token_urlsafe(24)
        until = self._clock() + _CODE_SECONDS
        self._codes[code] = _LoginCode(login, client, redirect, challenge, until)
        return code

    def grant_by_code(self, code: str, verifier: str, redirect: str, client: str) -> Issued:
        """Issue tokens for a code, once, to the program that proves that it asked for it."""
        given = self._codes.pop(code, None)
        digest = hashlib.sha256(verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if given is None or given.until <= self._clock():
            raise WrongGrant("invalid_grant")
        if (client, redirect, challenge) != (given.client, given.redirect, given.challenge):
            raise WrongGrant("invalid_grant")
        return self._issue(given.login, client)

    def grant_by_refresh(self, refresh: str, client: str) -> Issued:
        """Issue tokens for a refresh token of this program; it is used up by that."""
        login, until, owner = self._refresh.pop(refresh, ("", 0.0, ""))
        if until <= self._clock() or owner != client:
            raise WrongGrant("invalid_grant")
        return self._issue(login, client)

    def refresh_seconds(self, client: str) -> int:
        """Return how long a refresh token of this program lasts."""
        return CLIENTS[client].refresh_seconds or self._switches.refresh_seconds

    def forget_tokens(self) -> None:
        """Lose the access tokens, as a restart does; refresh tokens last."""
        self._access.clear()

    def _check_password(self, login: str, password: str) -> None:
        self._refuse_locked(login)
        if self._passwords.get(login) != password:
            self._failed(login)
            raise WrongToken

    def _issue(self, login: str, client: str) -> Issued:
        issued = Issued(_jwt_like(), _jwt_like(), client)
        now = self._clock()
        self._access[issued.access] = (login, now + self._switches.jwt_seconds)
        self._refresh[issued.refresh] = (login, now + self.refresh_seconds(client), client)
        return issued

    def _refuse_locked(self, login: str) -> None:
        failures = self._failures.get(login)
        if failures is not None and failures.until > self._clock():
            raise WrongToken

    def _failed(self, login: str) -> None:
        if login not in self._passwords or not self._switches.lock_out_after:
            return
        failures = self._failures.setdefault(login, _Failures())
        failures.count += 1
        if failures.count >= self._switches.lock_out_after:
            failures.count = 0
            failures.until = self._clock() + self._switches.lock_out_seconds


def _jwt_like() -> str:
    head = (
        base64.urlsafe_b64encode(b'{"alg":"RS256","typ":"JWT","kid":"key-1"}').rstrip(b"=").decode()
    )
    return f"{head}.{secrets.token_urlsafe(48)}.{secrets.token_urlsafe(64)}"
