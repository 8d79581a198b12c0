"""Access tokens of version 10: got by password or browser once, then kept fresh by refreshing."""

import base64
import hashlib
import hmac
import logging
import secrets
import time
from collections.abc import Callable
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from pydantic import SecretStr

from starface.credential import Credential
from starface.failures import AnswerUnreadable, LoginRefused, PbxFailure, RequestForbidden
from starface.json_client import JsonClient, Reply
from starface.settings import StarfaceSettings

_DISCOVERY = "/.well-known/openid-configuration"
_EARLY = 30.0  # seconds before its end at which a token is renewed
_USUAL_LIFE = 300.0  # seconds, if the PBX does not say
_LOOK_AGAIN = 0.5  # seconds
_BROWSER_SECONDS = 10.0  # for one request of the browser
_DONE = "<!DOCTYPE html><title>starface2mqtt</title><p>✓</p>".encode()

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

    def _take(self, answer: dict[str, Any]) -> None:
        access, refresh = answer.get("access_token"), answer.get("refresh_token")
        if not isinstance(access, str) or not access:
            raise AnswerUnreadable("STARFACE's login service answers without an access token.")
        self._access = access
        life = answer.get("expires_in")
        seconds = float(life) if isinstance(life, int | float) and life > 0 else _USUAL_LIFE
        self._good_until = self._clock() + seconds - min(_EARLY, seconds / 3)
        if isinstance(refresh, str) and refresh:
            self._credential = Credential("oauth", SecretStr(refresh))
        log.debug("access token renewed life=%d", seconds)


class BrowserLogin:
    """A login in the person's own browser (authorization code with PKCE): no password comes here.

    The browser comes back to a port of this machine, which a `with` block keeps open; `url` is the
    address to open.
    """

    def __init__(self, settings: StarfaceSettings) -> None:
        self._settings = settings
        self._verifier = secrets.token_urlsafe(48)
        self._state = secrets.token_urlsafe(16)
        self._answer: dict[str, str] = {}
        self._server = HTTPServer(("127.0.0.1", 0), self._handler())
        self._server.timeout = _LOOK_AGAIN

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.server_close()

    @property
    def url(self) -> str:
        """The address of the PBX's login page for this login."""
        digest = hashlib.sha256(self._verifier.encode()).digest()
        question = {
            "client_id": self._settings.oauth_client_id,
            "redirect_uri": self._redirect,
            "response_type": "code",
            "scope": self._settings.oauth_scope,
            "state": self._state,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return f"{_endpoint(self._settings, 'authorization_endpoint')}?{urlencode(question)}"

    def wait(self, seconds: float = 300.0) -> AccessTokens:
        """Return the tokens once the person has logged in; raise LoginRefused after so long."""
        limit = time.monotonic() + seconds
        while not self._answer:
            if time.monotonic() >= limit:
                raise LoginRefused("Nobody logged in with the browser in time; try again.")
            self._server.handle_request()
        if "code" not in self._answer:
            raise LoginRefused(
                "STARFACE's login page refuses this program; check oauth_client_id and oauth_scope "
                "in [starface]."
            )
        answer = _asked(
            self._settings,
            grant_type="authorization_code",
            code=self._answer["code"],
            redirect_uri=self._redirect,
            code_verifier=self._verifier,
        )
        return _tokens(self._settings, answer)

    @property
    def _redirect(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/callback"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        login = self

        class LoginAnswer(BaseHTTPRequestHandler):
            timeout = _BROWSER_SECONDS

            def do_GET(self) -> None:
                where = urlsplit(self.path)
                answer = dict(parse_qsl(where.query))
                is_ours = where.path == "/callback" and hmac.compare_digest(
                    answer.get("state", "").encode(), login._state.encode()
                )
                if is_ours and ("code" in answer or "error" in answer):
                    login._answer = answer
                self.send_response(200 if is_ours else 404)
                self.send_header("Content-Type", "text/html; charset=UTF-8")
                self.end_headers()
                self.wfile.write(_DONE if is_ours else b"")

            def log_message(self, *_: object) -> None:
                """Log nothing: the code is in the address."""

        return LoginAnswer


def log_in(settings: StarfaceSettings, login: str, password: str) -> AccessTokens:
    """Exchange login and password for tokens; the password is not kept."""
    answer = _asked(
        settings,
        grant_type="password",
        scope=settings.oauth_scope,
        username=login,
        password=password,
    )
    return _tokens(settings, answer)


def _tokens(settings: StarfaceSettings, answer: dict[str, Any]) -> AccessTokens:
    if not answer.get("refresh_token"):
        raise AnswerUnreadable(
            "STARFACE's login service gives no refresh token; check oauth_client_id and "
            "oauth_scope in [starface]."
        )
    tokens = AccessTokens(settings, Credential("oauth", SecretStr("")))
    tokens._take(answer)
    return tokens


@lru_cache(maxsize=8)
def _endpoint(settings: StarfaceSettings, name: str) -> str:
    document = JsonClient(settings).discover(_DISCOVERY)
    endpoint = document.get(name) if isinstance(document, dict) else None
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
    reply = JsonClient(settings).ask("POST", _endpoint(settings, "token_endpoint"), form=form)
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
