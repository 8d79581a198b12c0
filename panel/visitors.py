"""`/session`: logging in and out, and whose request it is."""

import asyncio
import json
import logging
import time

import falcon
import falcon.asgi
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from bus.mqtt.inbox import BrokerUnavailable
from bus.panel_events import SettingsRequest, SettingsRequestData
from panel.bus_feed import BusFeed
from panel.bus_port import BusPort
from panel.forms import read_form, same_site
from panel.login import LASTS, LoggedIn, LoginCookies
from runtime.failed_attempts import FailedAttempts
from runtime.secret_box import SecretBox

log = logging.getLogger(__name__)

COOKIE = "starface2mqtt"
_PBX_WITHIN = 20.0  # seconds
_WRONG_A_MINUTE = 5  # passwords of a login and address


class LoginForm(BaseModel):
    """What a person types."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    login: str = Field(min_length=1, max_length=64)
    password: SecretStr = Field(min_length=1, max_length=256)


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
        self._wrong = FailedAttempts(_WRONG_A_MINUTE, 60.0)

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
        who = (form.login, address)
        code = "wait"
        if not self._wrong.reached(who):
            code = await self._checked(form)
        if code:
            if code == "refused":
                self._wrong.note(who)
            await asyncio.sleep(max(0.0, self._failure_takes - (time.monotonic() - started)))
            log.info("login refused address=%s reason=%s", address, code)
            resp.status = _LOGIN_STATUS.get(code, falcon.HTTP_503)
            resp.media = {"title": "not logged in", "code": code}
            return
        self._wrong.forget(who)
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
