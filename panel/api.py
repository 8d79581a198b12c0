"""The HTTP door: applications have calls placed with a token, people from a small page."""

import asyncio
import logging
from concurrent.futures import Future
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit
from uuid import UUID

import falcon
import falcon.asgi
from pydantic import ValidationError

from bus.events import DialResultData
from bus.mqtt.connection import PublishRefused
from bus.mqtt.inbox import BrokerUnavailable, why
from panel import openapi
from panel.applications import Application
from panel.dial_requests import DialOrder, RequestKey
from panel.settings import PanelSettings

log = logging.getLogger(__name__)

_LARGEST = 4096  # bytes of a request
_PAGE = Path(__file__).parent / "page"
_KINDS = {".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css"}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class DialPort(Protocol):
    """The bus as far as the door needs it."""

    def ask(self, user: str, wish: DialOrder, application: str) -> Future[DialResultData]:
        """Publish a dial request."""

    def cancel(self, key: RequestKey, answer: Future[DialResultData]) -> None:
        """Wait no longer."""

    def find(self, user: str, request_id: UUID) -> DialResultData | None:
        """Return the last stage of a request."""


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
            raise falcon.HTTPNotFound(description="nothing was heard of this request")
        resp.text = result.model_dump_json()


class Description:
    """`GET /api/v1/openapi.json`."""

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """Answer the OpenAPI document."""
        resp.media = openapi.document()


class Page:
    """One file of the small page that dials a number."""

    def __init__(self, name: str) -> None:
        self._content = (_PAGE / name).read_text(encoding="utf-8")
        self._kind = _KINDS[Path(name).suffix]

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """Answer the file."""
        resp.content_type = self._kind
        resp.text = self._content


def create_app(
    dial_port: DialPort, tokens: TokenPort, settings: PanelSettings
) -> falcon.asgi.App[falcon.asgi.Request, falcon.asgi.Response]:
    """Put the door together."""
    app = falcon.asgi.App(middleware=[HostCheck(settings.names)])
    app.req_options.strip_url_path_trailing_slash = True
    dial = Dial(dial_port, tokens, settings.patience)
    app.add_route("/api/v1/users/{login}/dial", dial)
    app.add_route("/api/v1/users/{login}/dial/{request_id:uuid}", dial, suffix="request")
    app.add_route("/api/v1/openapi.json", Description())
    app.add_route("/dial", Page("dial.html"))
    app.add_route("/dial.js", Page("dial.js"))
    app.add_route("/dial.css", Page("dial.css"))
    app.add_error_handler(BrokerUnavailable, _unavailable)
    app.add_error_handler(PublishRefused, _unavailable)
    return app


def _authorized(tokens: TokenPort, req: falcon.asgi.Request, login: str) -> Application:
    scheme, _, token = (req.auth or "").partition(" ")
    application = tokens.find(token.strip()) if scheme.lower() == "bearer" else None
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
    if (req.content_type or "").partition(";")[0].strip().lower() != "application/json":
        raise falcon.HTTPUnsupportedMediaType(description="send application/json")
    if (req.content_length or 0) > _LARGEST:
        raise falcon.HTTPContentTooLarge(description=f"at most {_LARGEST} bytes")
    body = await req.stream.read(_LARGEST + 1)
    if len(body) > _LARGEST:
        raise falcon.HTTPContentTooLarge(description=f"at most {_LARGEST} bytes")
    try:
        return DialOrder.model_validate_json(body)
    except ValidationError as error:
        raise falcon.HTTPBadRequest(description=why(error)) from error


async def _unavailable(
    req: falcon.asgi.Request,
    resp: falcon.asgi.Response,
    error: Exception,
    params: dict[str, object],
) -> None:
    log.error("not asked reason=%s", error)
    raise falcon.HTTPServiceUnavailable(
        title="Nothing was dialled", description="the broker or the dial process is not there"
    )
