"""What the page asks: to log in, its stream of events, and everything a person clicks."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from typing import Any, TypeVar
from uuid import uuid4

import falcon
import falcon.asgi
from falcon.asgi import SSEvent
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from bus.events import (
    ChoiceRequest,
    ChoiceRequestData,
    Message,
    Opened,
    OpenedData,
    now,
)
from bus.journal_events import JournalRequest, JournalRequestData
from bus.mqtt.connection import Connection
from bus.mqtt.inbox import BrokerUnavailable, why
from bus.mqtt.requests import Requests
from bus.panel_events import (
    DirectoryRequest,
    DirectoryRequestData,
    SettingsRequest,
    SettingsRequestData,
)
from panel.bus_feed import TALKING, BusFeed
from panel.dial_requests import DialOrder, DialPort
from panel.login import LASTS, LoggedIn, LoginCookies, LoginThrottle
from panel.streams import Stream, Streams
from runtime.secret_box import SecretBox

log = logging.getLogger(__name__)

COOKIE = "starface2mqtt"
_LARGEST = 16_384  # bytes of a request
_BODY_WITHIN = 10.0  # seconds
_PBX_WITHIN = 20.0  # seconds
_ANSWER_WITHIN = 7.5  # seconds; a silent broker is known as one by then
_RUNNING_WITHIN = 2.0  # seconds
_ASK_AGAIN = 1.0  # seconds
_DOCTOR_WITHIN = 60.0  # seconds
_T = TypeVar("_T", bound=BaseModel)


class LoginForm(BaseModel):
    """What a person types."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    login: str = Field(min_length=1, max_length=64)
    password: SecretStr = Field(min_length=1, max_length=256)


class SwitchForm(BaseModel):
    """A click on the telephone icon."""

    on: bool


class BusPort:
    """Publishes what a person clicks, and awaits answers, from the server's loop."""

    def __init__(self, connection: Connection, requests: Requests) -> None:
        self._connection = connection
        self._requests = requests
        self.topics = connection.topics

    async def publish(self, topic: str, message: Message) -> None:
        """Publish a message and wait for the broker; raise BrokerUnavailable."""
        await asyncio.to_thread(self._connection.publish, topic, message)

    async def publish_word(self, topic: str, word: str) -> None:
        """Publish a plain word and wait for the broker; raise BrokerUnavailable."""
        await asyncio.to_thread(self._connection.publish_raw, topic, word.encode())

    async def ask(self, topic: str, request: Message, within: float) -> dict[str, Any]:
        """Return the data of the answer; raise BrokerUnavailable, or TimeoutError for none."""
        answer = self._requests.send(topic, request)
        try:
            payload = await asyncio.wait_for(asyncio.wrap_future(answer), within)
        except TimeoutError:
            if not self._connection.connected:
                raise BrokerUnavailable(self._connection.why) from None
            raise
        return dict(json.loads(payload)["data"])


class Visitors:
    """Finds out whose request it is."""

    def __init__(self, cookies: LoginCookies, feed: BusFeed) -> None:
        self._cookies = cookies
        self._feed = feed

    def find(self, req: falcon.asgi.Request) -> LoggedIn | None:
        """Return who is logged in, None for nobody; raise 503 while one cannot know."""
        cookie = req.get_cookie_values(COOKIE)
        visitor = self._cookies.read(cookie[0]) if cookie else None
        certain = self._feed.settled and self._feed.links()["broker"]
        if visitor is None and cookie and not certain:
            raise falcon.HTTPServiceUnavailable(
                title="broker", description="the broker is not reachable", retry_after=2
            )
        return visitor

    def get(self, req: falcon.asgi.Request) -> LoggedIn:
        """Return who is logged in; raise HTTPUnauthorized."""
        visitor = self.find(req)
        if visitor is None:
            raise falcon.HTTPUnauthorized(title="log-in", description="please log in")
        return visitor

    def acting(self, req: falcon.asgi.Request) -> LoggedIn:
        """Return who is logged in, for a request that changes something."""
        same_site(req)
        return self.get(req)


class LoginResource:
    """`/session`: log in, log out, who it is."""

    def __init__(
        self,
        visitors: Visitors,
        bus: BusPort,
        cookies: LoginCookies,
        box: SecretBox,
        failure_takes: float,
    ) -> None:
        self._visitors = visitors
        self._bus = bus
        self._cookies = cookies
        self._box = box
        self._failure_takes = failure_takes
        self._throttle = LoginThrottle()

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """Return who is logged in; nobody is no fault."""
        visitor = self._visitors.find(req)
        if visitor is None:
            resp.media = {"user": None}
            return
        resp.media = {
            "user": visitor.user, "name": visitor.access.name, "admin": visitor.access.admin,
            "language": visitor.access.language,
        }  # fmt: skip

    async def on_post(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """Log in; a failure takes the same time and has the same answer, whatever the reason."""
        same_site(req)
        form = await read_form(req, LoginForm)
        started, address = time.monotonic(), req.remote_addr
        code = "wait"
        if self._throttle.admits(form.login, address):
            code = await self._checked(form)
        if code:
            if code == "refused":
                self._throttle.note_wrong(form.login, address)
            await asyncio.sleep(max(0.0, self._failure_takes - (time.monotonic() - started)))
            log.info("login refused address=%s reason=%s", address, code)
            resp.status = _LOGIN_STATUS.get(code, falcon.HTTP_503)
            resp.media = {"title": "not logged in", "code": code}
            return
        self._throttle.forget(form.login, address)
        log.info("logged in user=%s", form.login)
        resp.media = {"user": form.login}
        resp.set_cookie(
            COOKIE, self._cookies.issue(form.login), max_age=LASTS, path=f"{req.root_path}/",
            http_only=True, secure=req.scheme == "https", same_site="Strict",
        )  # fmt: skip

    async def on_delete(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """Log out in this browser."""
        same_site(req)
        resp.unset_cookie(COOKIE, same_site="Strict", path=f"{req.root_path}/")
        resp.media = {}

    async def _checked(self, form: LoginForm) -> str:
        """Return the code of what is wrong, empty when the PBX takes login and password."""
        content = {
            "login": form.login, "password": form.password.get_secret_value(), "at": time.time(),
        }  # fmt: skip
        sealed = self._box.close(SecretStr(json.dumps(content)))
        request = SettingsRequest(data=SettingsRequestData(action="login", sealed=sealed))
        try:
            topic = self._bus.topics.settings(form.login)
            answer = await self._bus.ask(topic, request, _PBX_WITHIN)
        except BrokerUnavailable:
            return "broker"
        except TimeoutError:
            return "unanswered"
        return str(answer.get("code") or "")


_LOGIN_STATUS = {
    "refused": falcon.HTTP_403, "wait": falcon.HTTP_429, "forbidden": falcon.HTTP_403,
}  # fmt: skip


class Events:
    """`/events`: everything that happens for a user, beginning with what is so now."""

    def __init__(self, visitors: Visitors, bus: BusPort, feed: BusFeed, streams: Streams) -> None:
        self._visitors = visitors
        self._bus = bus
        self._feed = feed
        self._streams = streams

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """Open a stream."""
        visitor = self._visitors.get(req)
        resp.set_header("X-Accel-Buffering", "no")
        resp.sse = self._events(visitor)

    async def _events(self, visitor: LoggedIn) -> AsyncIterator[SSEvent | None]:
        stream = self._streams.open(visitor.user)
        renewal = asyncio.create_task(self._renew(stream, visitor))
        try:
            yield SSEvent(event="hello", json=self._hello(visitor), retry=1000)
            for name, payload in (
                ("state", self._feed.state(visitor.user)),
                ("missed", self._feed.missed(visitor.user)),
            ):
                if payload:
                    yield SSEvent(event=name, text=payload)
            async for event in stream.events():
                yield event
        finally:
            renewal.cancel()
            self._streams.close(stream)

    def _hello(self, visitor: LoggedIn) -> dict[str, Any]:
        return {
            "user": visitor.user, "name": visitor.access.name, "admin": visitor.access.admin,
            "opener": visitor.access.opener, "links": self._feed.links(),
            "people": self._feed.people(),
        }  # fmt: skip

    async def _renew(self, stream: Stream, visitor: LoggedIn) -> None:
        """Send the running calls and the colleagues; end the stream with the login."""
        sent = await self._send_running(stream, visitor)
        await self._send_colleagues(stream, visitor)
        while not sent:  # else a card whose end was missed would stay
            await asyncio.sleep(_ASK_AGAIN)
            sent = await self._send_running(stream, visitor)
        await asyncio.sleep(max(0.0, visitor.at + LASTS - time.time()))
        stream.end()

    async def _send_running(self, stream: Stream, visitor: LoggedIn) -> bool:
        calls = await self._running(visitor.user)
        if calls is not None:
            stream.put("running", json.dumps(calls))
        return calls is not None

    async def _send_colleagues(self, stream: Stream, visitor: LoggedIn) -> None:
        request = SettingsRequest(data=SettingsRequestData(action="colleagues"))
        try:
            topic = self._bus.topics.settings(visitor.user)
            answer = await self._bus.ask(topic, request, _ANSWER_WITHIN)
        except (BrokerUnavailable, TimeoutError):
            return
        stream.put("names", json.dumps(answer.get("names", {})))
        colleagues = answer.get("colleagues", [])
        logins = [str(one["login"]) for one in colleagues]
        self._streams.watch(stream, frozenset(logins))
        stream.put("colleagues", json.dumps(colleagues))
        for login in logins:
            running = await self._running(login)
            if running is not None:
                calls = [one["call"] for one in running]
                talking = {call["call_id"] for call in calls if call["state"] in TALKING}
                self._feed.note_running(login, talking)
            stream.put("colleague", json.dumps(self._feed.colleague(login)))

    async def _running(self, user: str) -> list[dict[str, Any]] | None:
        request = DirectoryRequest(data=DirectoryRequestData(action="calls"))
        try:
            topic = self._bus.topics.directory(user)
            answer = await self._bus.ask(topic, request, _RUNNING_WITHIN)
        except (BrokerUnavailable, TimeoutError):
            return None
        return list(answer.get("calls", []))


class PersonalResource:
    """Something a person clicks or asks; the cookie says who it is."""

    def __init__(self, visitors: Visitors, bus: BusPort) -> None:
        self._visitors = visitors
        self._bus = bus


class Switch(PersonalResource):
    """`POST /switch`: a click on the telephone icon."""

    async def on_post(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """Request that the interface is switched on or off."""
        visitor = self._visitors.acting(req)
        form = await read_form(req, SwitchForm)
        topic = self._bus.topics.switch(visitor.user)
        await self._bus.publish_word(topic, "on" if form.on else "off")
        resp.media = {}


class Choose(PersonalResource):
    """`POST /choose`: which of several is meant, or that what was found is to open."""

    async def on_post(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """Publish a choice; the answer comes as an event that names the id of the request."""
        visitor = self._visitors.acting(req)
        data = await read_form(req, ChoiceRequestData)
        request = ChoiceRequest(source="process/panel", time=now(), data=data)
        await self._bus.publish(self._bus.topics.choose(visitor.user), request)
        resp.media = {"id": request.id}


class WasOpened(PersonalResource):
    """`POST /opened`: what became of what was to open in a browser."""

    async def on_post(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """Publish it."""
        visitor = self._visitors.acting(req)
        data = await read_form(req, OpenedData)
        message = Opened(source="process/panel", data=data)
        await self._bus.publish(self._bus.topics.opened(visitor.user), message)
        resp.media = {}


class DialNumber:
    """`POST /call`: a number a person dials; the stages come as events."""

    def __init__(self, visitors: Visitors, dial_port: DialPort, patience: float) -> None:
        self._visitors = visitors
        self._dial_port = dial_port
        self._patience = patience

    async def on_post(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """Have a call placed."""
        visitor = self._visitors.acting(req)
        order = await read_form(req, DialOrder)
        answer = await asyncio.to_thread(self._dial_port.ask, visitor.user, order, "panel")
        try:
            result = await asyncio.wait_for(asyncio.wrap_future(answer), self._patience)
        except TimeoutError as error:
            self._dial_port.cancel((visitor.user, order.request_id), answer)
            raise falcon.HTTPServiceUnavailable(title="unanswered") from error
        resp.data = result.model_dump_json().encode()


class AskJournal(PersonalResource):
    """`POST /journal`: calls, notes, messages."""

    async def on_post(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """Pass a question on, and its answer back."""
        visitor = self._visitors.acting(req)
        data = await read_form(req, JournalRequestData)
        request = JournalRequest(source="process/panel", data=_own(data))
        topic = self._bus.topics.journal(visitor.user)
        resp.media = await answered(self._bus, topic, request, "journal")


class AskDirectory(PersonalResource):
    """`POST /directory`: contacts, choices, why."""

    async def on_post(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """Pass a question on, and its answer back."""
        visitor = self._visitors.acting(req)
        data = await read_form(req, DirectoryRequestData)
        request = DirectoryRequest(source="process/panel", data=_own(data))
        topic = self._bus.topics.directory(visitor.user)
        resp.media = await answered(self._bus, topic, request, "caller")


class AskSettings(PersonalResource):
    """`POST /settings`: what a user chose, colleagues, his calls; for administrators the site."""

    def __init__(self, visitors: Visitors, bus: BusPort, feed: BusFeed) -> None:
        super().__init__(visitors, bus)
        self._feed = feed

    async def on_post(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """Pass a question on, and its answer back."""
        visitor = self._visitors.acting(req)
        data = await read_form(req, SettingsRequestData)
        if data.action == "login":
            raise falcon.HTTPForbidden(description="log in at /session")
        request = SettingsRequest(source="process/panel", data=_own(data))
        topic = self._bus.topics.settings(visitor.user)
        within = _DOCTOR_WITHIN if data.action == "doctor" else _ANSWER_WITHIN
        content = await answered(self._bus, topic, request, "sessions", within)
        if data.action == "status":
            content |= {"links": self._feed.links()}
            if visitor.access.admin:
                content |= {
                    "processes": self._feed.processes(),
                    "states": {
                        one["login"]: json.loads(self._feed.state(one["login"]) or "{}").get("data")
                        for one in content.get("users", [])
                    },
                }
        resp.media = content


def _own(data: _T) -> _T:
    """Return a request with an id of ours: nobody awaits another's answer."""
    return data.model_copy(update={"request_id": str(uuid4()), "account": None})


async def answered(
    bus: BusPort, topic: str, request: Message, process: str, within: float = _ANSWER_WITHIN
) -> dict[str, Any]:
    """Return an answer; raise 503 that names the process which gave none."""
    try:
        return await bus.ask(topic, request, within)
    except TimeoutError as error:
        raise falcon.HTTPServiceUnavailable(title="unanswered", description=process) from error


def same_site(req: falcon.asgi.Request) -> None:
    """Raise HTTPForbidden for what another page has the browser send."""
    if req.get_header("Sec-Fetch-Site") not in (None, "same-origin", "none"):
        raise falcon.HTTPForbidden(description="asked by a page of another site")


async def read_form(req: falcon.asgi.Request, kind: type[_T]) -> _T:
    """Return the JSON body as a model; raise an HTTPError that names the fault, never a value."""
    return parse_form(await read_body(req, _LARGEST), kind)


async def read_body(req: falcon.asgi.Request, largest: int) -> bytes:
    """Return a JSON body that is not too large and comes in time."""
    if (req.content_type or "").partition(";")[0].strip().lower() != "application/json":
        raise falcon.HTTPUnsupportedMediaType(description="send application/json")
    if (req.content_length or 0) > largest:
        raise falcon.HTTPContentTooLarge(description=f"at most {largest} bytes")
    try:
        body = await asyncio.wait_for(req.stream.read(largest + 1), _BODY_WITHIN)
    except TimeoutError as error:
        raise falcon.HTTPError(falcon.HTTP_408) from error
    if len(body) > largest:
        raise falcon.HTTPContentTooLarge(description=f"at most {largest} bytes")
    return bytes(body)


def parse_form(body: bytes, kind: type[_T]) -> _T:
    """Return a body as a model; raise HTTPBadRequest."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise falcon.HTTPBadRequest(description=why(error)) from error
