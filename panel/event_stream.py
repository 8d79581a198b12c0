"""`/events`: everything that happens for a user, beginning with what is so now."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import falcon.asgi
from falcon.asgi import SSEvent

from bus.mqtt.inbox import BrokerUnavailable
from bus.panel_events import (
    DirectoryRequest,
    DirectoryRequestData,
    SettingsRequest,
    SettingsRequestData,
)
from panel.bus_feed import TALKING, BusFeed, undisturbed
from panel.bus_port import ANSWER_WITHIN, BusPort
from panel.login import LASTS, LoggedIn
from panel.streams import Stream, Streams
from panel.visitors import Visitors

_RUNNING_WITHIN = 2.0  # seconds
_ASK_AGAIN = 1.0  # seconds


class Events:
    """A stream of events for each browser that asks for one."""

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
            "people": self._feed.people(), "undisturbed": undisturbed(visitor.access),
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
            answer = await self._bus.ask(topic, request, ANSWER_WITHIN)
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
