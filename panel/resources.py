"""Everything a person clicks or asks: to switch, to choose, to dial, calls, contacts, settings."""

import asyncio
import json
from typing import TypeVar
from uuid import uuid4

import falcon
import falcon.asgi
from pydantic import BaseModel

from bus.events import ChoiceRequest, ChoiceRequestData, Opened, OpenedData, now
from bus.journal_events import JournalRequest, JournalRequestData
from bus.panel_events import (
    DirectoryRequest,
    DirectoryRequestData,
    SettingsRequest,
    SettingsRequestData,
)
from panel.bus_feed import BusFeed
from panel.bus_port import ANSWER_WITHIN, BusPort, answered
from panel.dial_requests import DialOrder, DialPort
from panel.forms import read_form
from panel.visitors import Visitors

_DOCTOR_WITHIN = 60.0  # seconds
_T = TypeVar("_T", bound=BaseModel)


class SwitchForm(BaseModel):
    """A click on the telephone icon."""

    on: bool


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
        within = _DOCTOR_WITHIN if data.action == "doctor" else ANSWER_WITHIN
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
