"""Streams of events to browsers: what the bus says of a user, as it comes.

The bus's thread hands a message over; the server's loop sends it to each stream of its user. A
stream that is not read fast enough is ended: the browser opens another and begins with what is
so now.
"""

import asyncio
import json
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from typing import Any

from falcon.asgi import SSEvent

log = logging.getLogger(__name__)

_BEHIND = 500  # events a stream may be behind
_MOST_PER_USER = 12
_PING = 3.0  # seconds; the page takes three without one for the end

Event = tuple[str, str]  # name and JSON


class Stream:
    """The events of one browser."""

    def __init__(self, user: str) -> None:
        self.user = user
        self.colleagues: frozenset[str] = frozenset()
        self._queue: asyncio.Queue[Event | None] = asyncio.Queue(_BEHIND)
        self._over = False

    def put(self, name: str, payload: str) -> None:
        """Send an event; a stream that is too far behind is ended."""
        try:
            self._queue.put_nowait((name, payload))
        except asyncio.QueueFull:
            self.end()

    def end(self) -> None:
        """End the stream; the browser opens another if it may."""
        if not self._over:
            self._over = True
            with suppress(asyncio.QueueEmpty):
                while True:
                    self._queue.get_nowait()
            self._queue.put_nowait(None)

    async def events(self) -> AsyncIterator[SSEvent]:
        """Yield the events as they come, and a ping when none does."""
        while True:
            try:
                event = await asyncio.wait_for(self._queue.get(), _PING)
            except TimeoutError:
                yield SSEvent(event="ping", text="")
                continue
            if event is None:
                return
            yield SSEvent(event=event[0], text=event[1])


class Streams:
    """All streams of this process; only `publish` and `post` may be called from another thread."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._by_user: dict[str, list[Stream]] = defaultdict(list)
        self._watchers: dict[str, set[Stream]] = defaultdict(set)

    def open(self, user: str) -> Stream:
        """Return a new stream; the oldest of a user who has too many is ended."""
        self._loop = asyncio.get_running_loop()
        stream = Stream(user)
        streams = self._by_user[user]
        streams.append(stream)
        if len(streams) > _MOST_PER_USER:
            streams.pop(0).end()
        return stream

    def close(self, stream: Stream) -> None:
        """Forget a stream."""
        streams = self._by_user.get(stream.user, [])
        if stream in streams:
            streams.remove(stream)
        if not streams:
            self._by_user.pop(stream.user, None)
        self.watch(stream, frozenset())

    def watch(self, stream: Stream, colleagues: frozenset[str]) -> None:
        """Have a stream follow the state of colleagues."""
        for login in stream.colleagues - colleagues:
            self._watchers[login].discard(stream)
            if not self._watchers[login]:
                del self._watchers[login]
        for login in colleagues - stream.colleagues:
            self._watchers[login].add(stream)
        stream.colleagues = colleagues

    def follows(self, user: str) -> bool:
        """Return whether anybody here looks at a user's own events."""
        return user in self._by_user

    def is_watched(self, user: str) -> bool:
        """Return whether a colleague looks at a user's state."""
        return user in self._watchers

    def publish(self, user: str, name: str, payload: str) -> None:
        """Send an event to all streams of a user."""
        if user in self._by_user:
            self.post(lambda: self._each(self._by_user.get(user, ()), name, payload))

    def publish_to_watchers(self, user: str, name: str, payload: str) -> None:
        """Send an event to those who may see a user's state."""
        if user in self._watchers:
            self.post(lambda: self._each(self._watchers.get(user, ()), name, payload))

    def publish_to_all(self, name: str, content: Any) -> None:
        """Send an event to everybody."""
        payload = json.dumps(content)
        self.post(lambda: self._each(self._all(), name, payload))

    def end_streams_of(self, user: str) -> None:
        """End a user's streams: he is logged out, or what he may see has changed."""
        self.post(lambda: _end(self._by_user.get(user, ())))

    def end_all(self) -> None:
        """End every stream, as the server stops."""
        self.post(lambda: _end(self._all()))

    def post(self, work: Callable[[], object]) -> None:
        """Have work done in the server's loop."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: the process is ending
                self._loop.call_soon_threadsafe(work)

    def _all(self) -> list[Stream]:
        return [stream for streams in self._by_user.values() for stream in streams]

    def _each(self, streams: Iterable[Stream], name: str, payload: str) -> None:
        for stream in list(streams):
            stream.put(name, payload)


def _end(streams: Iterable[Stream]) -> None:
    for stream in list(streams):
        stream.end()
