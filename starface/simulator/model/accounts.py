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
class Issued:
    """An access token and the refresh token that came with it."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)


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
        self._refresh: dict[str, tuple[str, float]] = {}
        for user in users:
            self.set_password(user.login, user.password)

    def set_password(self, login: str, password: str) -> None:
        """Give a user a new password; his old tokens are worth nothing then."""
        self._tokens = {t: owner for t, owner in self._tokens.items() if owner[1] != login}
        self._passwords[login] = password
        for kind, token in tokens_of(login, password).items():
            self._tokens[token] = (kind, login)

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

    def grant_by_password(self, login: str, password: str, secret: str) -> Issued:
        """Issue tokens for a login and its password."""
        self._check_secret(secret)
        try:
            self._refuse_locked(login)
        except WrongToken:
            raise WrongGrant("invalid_grant") from None
        if self._passwords.get(login) != password:
            self._failed(login)
            raise WrongGrant("invalid_grant")
        return self._issue(login)

    def grant_by_refresh(self, refresh: str, secret: str) -> Issued:
        """Issue tokens for a refresh token; it is used up by that."""
        self._check_secret(secret)
        login, until = self._refresh.pop(refresh, ("", 0.0))
        if until <= self._clock():
            raise WrongGrant("invalid_grant")
        return self._issue(login)

    def forget_tokens(self) -> None:
        """Lose the access tokens, as a restart does; refresh tokens last."""
        self._access.clear()

    def _check_secret(self, secret: str) -> None:
        if secret != self._switches.client_secret:
            raise WrongGrant("invalid_client")

    def _issue(self, login: str) -> Issued:
        issued = Issued(_jwt_like(), secrets.token_urlsafe(32))
        now = self._clock()
        self._access[issued.access] = (login, now + self._switches.jwt_seconds)
        self._refresh[issued.refresh] = (login, now + self._switches.refresh_seconds)
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
    head = base64.urlsafe_b64encode(b'{"alg":"RS256","typ":"JWT"}').rstrip(b"=").decode()
    return f"{head}.{secrets.token_urlsafe(48)}.{secrets.token_urlsafe(64)}"
