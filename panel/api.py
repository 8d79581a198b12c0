"""The HTTP routes: applications have calls placed with a token, people use the page."""

import asyncio
import ipaddress
import logging
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit
from uuid import UUID

import falcon
import falcon.asgi

from bus.mqtt.connection import PublishRefused
from bus.mqtt.inbox import BrokerUnavailable
from bus.mqtt.publication import Unconfirmed
from panel import forms, openapi, resources
from panel.applications import Application
from panel.bus_feed import BusFeed
from panel.bus_port import BusPort
from panel.dial_requests import DialNotRunning, DialOrder, DialPort
from panel.event_stream import Events
from panel.login import LoginCookies
from panel.pages import add_page, serialize_error
from panel.settings import PanelSettings
from panel.streams import Streams
from panel.visitors import LoginResource, Visitors
from runtime.configuration import SettingsRefused
from runtime.secret_box import SecretBox

log = logging.getLogger(__name__)

_LARGEST = 4096  # bytes of a request
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_NO_TLS = (
    "this panel is reached without TLS; passwords and callers could be read on the way. Open it by "
    "https://, or give [panel] certificate and private_key, or a trusted_proxy that speaks TLS"
)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]


class TokenPort(Protocol):
    """Whose token it is."""

    def find(self, token: str) -> Application | None:
        """Return the application, None for an unknown token."""


class HostCheck:
    """Lets nobody in who asks for another host or comes from another page."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    async def process_request(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """Refuse a foreign Host, as of a rebound name, and a foreign Origin."""
        origin = req.get_header("Origin")
        if not self._is_ours(f"//{req.get_header('Host') or ''}"):
            raise falcon.HTTPError(
                "421 Misdirected Request",
                description="this name is not in hosts of the section [panel]",
            )
        if origin is not None and not self._is_ours(origin):
            raise falcon.HTTPForbidden(description="asked by a page of another site")

    async def process_response(
        self,
        req: falcon.asgi.Request,
        resp: falcon.asgi.Response,
        resource: object,
        req_succeeded: bool,
    ) -> None:
        """Add the headers that keep a browser from doing more than shown."""
        resp.set_headers(_HEADERS)
        if "cache-control" not in resp.headers:
            resp.cache_control = ["no-store"]
        if req.scheme == "https":
            resp.set_header("Strict-Transport-Security", "max-age=31536000")

    def _is_ours(self, url: str) -> bool:
        try:
            return (urlsplit(url).hostname or "") in self._names
        except ValueError:
            return False


class Dial:
    """`POST /api/v1/users/{login}/dial`."""

    def __init__(self, dial_port: DialPort, tokens: TokenPort, patience: float) -> None:
        self._dial_port = dial_port
        self._tokens = tokens
        self._patience = patience

    async def on_post(
        self, req: falcon.asgi.Request, resp: falcon.asgi.Response, login: str
    ) -> None:
        """Have a call placed and answer what the PBX makes of it."""
        application = _authorized(self._tokens, req, login)
        wish = await _dial_order(req)
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(
            None, self._dial_port.ask, login, wish, application.name
        )
        try:
            result = await asyncio.wait_for(asyncio.wrap_future(answer), self._patience)
        except TimeoutError as error:
            self._dial_port.cancel((login, wish.request_id), answer)
            raise falcon.HTTPServiceUnavailable(
                title="No answer from the dial process",
                description=f"ask later for request_id {wish.request_id}, do not dial again",
            ) from error
        resp.text = result.model_dump_json()
        resp.status = openapi.status_of(result)
        resp.content_location = resp.location = f"{req.path}/{wish.request_id}"

    async def on_get_request(
        self, req: falcon.asgi.Request, resp: falcon.asgi.Response, login: str, request_id: UUID
    ) -> None:
        """Answer the last stage of a request."""
        _authorized(self._tokens, req, login)
        result = self._dial_port.find(login, request_id)
        if result is None:
            raise falcon.HTTPNotFound(description="nothing is known of this request")
        resp.text = result.model_dump_json()


class Description:
    """`GET /api/v1/openapi.json`."""

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """Answer the OpenAPI document."""
        resp.media = openapi.document()


@dataclass(frozen=True)
class PeoplePorts:
    """What the pages of people need beside the applications' dialling."""

    bus: BusPort
    feed: BusFeed
    streams: Streams
    cookies: LoginCookies
    box: SecretBox
    failure_takes: float = 1.0  # seconds a login that fails takes at least, whatever the reason


def create_app(
    dial_port: DialPort,
    tokens: TokenPort,
    settings: PanelSettings,
    people: PeoplePorts | None = None,
) -> falcon.asgi.App[falcon.asgi.Request, falcon.asgi.Response]:
    """Return the application with all routes; without `people` only those of applications."""
    app = falcon.asgi.App(middleware=[HostCheck(settings.names)])
    app.req_options.strip_url_path_trailing_slash = True
    dial = Dial(dial_port, tokens, settings.patience)
    app.add_route("/api/v1/users/{login}/dial", dial)
    app.add_route("/api/v1/users/{login}/dial/{request_id:uuid}", dial, suffix="request")
    app.add_route("/api/v1/openapi.json", Description())
    add_page(app)
    if people is not None:
        _add_people(app, people, dial_port, settings.patience)
    app.set_error_serializer(serialize_error)
    for fault in (BrokerUnavailable, PublishRefused, DialNotRunning):
        app.add_error_handler(fault, _unavailable)
    return app


def _add_people(
    app: falcon.asgi.App[falcon.asgi.Request, falcon.asgi.Response],
    people: PeoplePorts,
    dial_port: DialPort,
    patience: float,
) -> None:
    bus, feed = people.bus, people.feed
    visitors = Visitors(people.cookies, feed)
    session = LoginResource(visitors, bus, people.cookies, people.box, people.failure_takes)
    app.add_route("/session", session)
    app.add_route("/events", Events(visitors, bus, feed, people.streams))
    app.add_route("/switch", resources.Switch(visitors, bus))
    app.add_route("/choose", resources.Choose(visitors, bus))
    app.add_route("/opened", resources.WasOpened(visitors, bus))
    app.add_route("/call", resources.DialNumber(visitors, dial_port, patience))
    app.add_route("/journal", resources.AskJournal(visitors, bus))
    app.add_route("/directory", resources.AskDirectory(visitors, bus))
    app.add_route("/settings", resources.AskSettings(visitors, bus, feed))


class Entrance:
    """Lets in what is HTTP/1, over TLS or from this machine, and takes the prefix off the path."""

    def __init__(self, app: Asgi, prefix: str, *, tls: bool) -> None:
        self._app = app
        self._prefix = prefix
        self._tls = tls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["http_version"] not in ("1.0", "1.1"):
            await _plain_answer(send, 400, "this server speaks HTTP/1.1")
        elif not self._tls and scope["scheme"] != "https" and not _is_local(scope.get("client")):
            await _plain_answer(send, 403, _NO_TLS)
        else:
            await self._app(self._within_prefix(scope), receive, send)

    def _within_prefix(self, scope: Scope) -> Scope:
        path = str(scope["path"])
        if not self._prefix or not f"{path}/".startswith(f"{self._prefix}/"):
            return scope
        rest = path.removeprefix(self._prefix) or "/"
        return {**scope, "path": rest, "root_path": self._prefix}


def _is_local(client: Iterable[Any] | None) -> bool:
    address = next(iter(client or ()), "")
    try:
        return ipaddress.ip_address(str(address)).is_loopback
    except ValueError:
        return False


async def _plain_answer(send: Send, status: int, text: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{text}\n".encode()})


def _authorized(tokens: TokenPort, req: falcon.asgi.Request, login: str) -> Application:
    scheme, _, token = (req.auth or "").partition(" ")
    try:
        application = tokens.find(token.strip()) if scheme.lower() == "bearer" else None
    except SettingsRefused as error:
        log.error("not asked reason=%s", error)
        raise falcon.HTTPServiceUnavailable(
            title="Nothing was dialled", description="the tokens cannot be read just now"
        ) from error
    if application is None:
        raise falcon.HTTPUnauthorized(
            description="an application's token is needed: starface2mqtt application add",
            challenges=["Bearer"],
        )
    if not application.may_dial_for(login):
        log.warning("token of another user's application=%s user=%s", application.name, login)
        raise falcon.HTTPForbidden(description="this token is not for this user")
    return application


async def _dial_order(req: falcon.asgi.Request) -> DialOrder:
    return forms.parse_form(await forms.read_body(req, _LARGEST), DialOrder)


async def _unavailable(
    req: falcon.asgi.Request,
    resp: falcon.asgi.Response,
    error: Exception,
    params: dict[str, object],
) -> None:
    log.error("not asked reason=%s", error)
    word, title, description = next(
        words for kind, *words in _UNAVAILABLE if isinstance(error, kind)
    )
    if req.path.startswith("/api/"):
        raise falcon.HTTPServiceUnavailable(title=title, description=description)
    raise falcon.HTTPServiceUnavailable(title=word, description="dial")  # the page has sentences


_UNAVAILABLE: tuple[tuple[type[Exception], str, str, str], ...] = (
    (DialNotRunning, "process", "Nothing was dialled", "no dial process is running"),
    (Unconfirmed, "unconfirmed", "No answer from the broker",
     "ask later for the request_id, do not dial again"),
    (Exception, "broker", "Nothing was dialled", "the broker is not reachable"),
)  # fmt: skip
