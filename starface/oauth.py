"""Access tokens of version 10: asked for with the password once, then kept fresh by refreshing."""

import logging
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from pydantic import SecretStr

from starface.credential import Credential
from starface.failures import AnswerUnreadable, LoginRefused, PbxFailure, RequestForbidden
from starface.json_client import JsonClient, Reply
from starface.settings import StarfaceSettings

_DISCOVERY = "/.well-known/openid-configuration"
_EARLY = 30.0  # seconds before its end at which a token is renewed
_USUAL_LIFE = 300.0  # seconds, if the PBX does not say

log = logging.getLogger(__name__)


class AccessTokens:
    """The access tokens of one user, one after the other.

    The refresh token may change with each renewal; `credential` is the one to store.
    """

    def __init__(
        self,
        settings: StarfaceSettings,
        credential: Credential,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._credential = credential
        self._access = ""
        self._good_until = 0.0

    @property
    def credential(self) -> Credential:
        """The refresh token as it is now."""
        return self._credential

    def current(self) -> str:
        """Return an access token that is good for a while; renew it if need be."""
        if self._clock() >= self._good_until:
            self.renew()
        return self._access

    def renew(self) -> None:
        """Get a new access token; raise LoginRefused when the refresh token is not accepted."""
        refresh_token = self._credential.secret.get_secret_value()
        self._take(_asked(self._settings, grant_type="refresh_token", refresh_token=refresh_token))

    def _take(self, told: dict[str, Any]) -> None:
        access, refresh = told.get("access_token"), told.get("refresh_token")
        if not isinstance(access, str) or not access:
            raise AnswerUnreadable("STARFACE's login service answers without an access token.")
        self._access = access
        life = told.get("expires_in")
        seconds = float(life) if isinstance(life, int | float) and life > 0 else _USUAL_LIFE
        self._good_until = self._clock() + seconds - min(_EARLY, seconds / 3)
        if isinstance(refresh, str) and refresh:
            self._credential = Credential("oauth", SecretStr(refresh))
        log.debug("access token renewed life=%d", seconds)


def log_in(settings: StarfaceSettings, login: str, password: str) -> AccessTokens:
    """Exchange login and password for tokens; the password is not kept."""
    told = _asked(
        settings,
        grant_type="password",
        scope=settings.oauth_scope,
        username=login,
        password=password,
    )
    if not told.get("refresh_token"):
        raise AnswerUnreadable(
            "STARFACE's login service gives no refresh token; check oauth_client_id and "
            "oauth_scope in [starface]."
        )
    tokens = AccessTokens(settings, Credential("oauth", SecretStr("")))
    tokens._take(told)
    return tokens


@lru_cache(maxsize=8)
def _token_endpoint(settings: StarfaceSettings) -> str:
    told = JsonClient(settings).discover(_DISCOVERY)
    endpoint = told.get("token_endpoint") if isinstance(told, dict) else None
    if not isinstance(endpoint, str) or not endpoint.startswith(("https://", "http://")):
        raise AnswerUnreadable(
            "STARFACE has no login service (OAuth came with version 10); "
            "set auth to another method in [starface]."
        )
    if settings.scheme == "https" and not endpoint.startswith("https://"):
        raise AnswerUnreadable("STARFACE's login service is not behind TLS; no password is sent.")
    return endpoint


def _asked(settings: StarfaceSettings, **form: str) -> dict[str, Any]:
    form["client_id"] = settings.oauth_client_id
    if settings.oauth_client_secret is not None:
        form["client_secret"] = settings.oauth_client_secret.get_secret_value()
    reply = JsonClient(settings).ask("POST", _token_endpoint(settings), form=form)
    if reply.status != 200 or not isinstance(reply.json, dict):
        raise _refused(reply)
    return reply.json


def _refused(reply: Reply) -> PbxFailure:
    error = reply.json.get("error") if isinstance(reply.json, dict) else None
    if error in ("invalid_client", "unauthorized_client"):
        return LoginRefused(
            "STARFACE does not accept this program; check oauth_client_id and oauth_client_secret "
            "in [starface] (Admin, Server, Status, REST-API)."
        )
    if error == "access_denied" or reply.status == 403:
        return RequestForbidden(
            'The user needs the right "API access with OAuth password grant" '
            '("API Zugriff mit OAuth Password Grant"); an administrator of STARFACE can give it.'
        )
    if error == "invalid_grant" or reply.status == 401:
        return LoginRefused(
            "STARFACE does not accept login ID and password, or the login has lapsed after hours "
            "without contact; give the password again."
        )
    return AnswerUnreadable(
        f"STARFACE's login service answers with the HTTP status {reply.status}; "
        "check oauth_client_id and oauth_scope in [starface]."
    )
