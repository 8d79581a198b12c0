import asyncio
from typing import Any

import pytest

from panel.streams import Stream, Streams


async def _next(stream: Stream) -> Any:
    async for event in stream.events():
        return event
    return None


def _run(work: Any) -> None:
    asyncio.run(work())


def test_an_event_reaches_the_browsers_of_its_user_alone() -> None:
    async def work() -> None:
        streams = Streams()
        own, others = streams.open("0011"), streams.open("0012")

        streams.publish("0011", "call", "{}")
        streams.publish("0012", "state", "{}")

        assert (await _next(own)).event == "call"
        assert (await _next(others)).event == "state"

    _run(work)


def test_a_colleague_sees_only_what_is_published_to_watchers() -> None:
    async def work() -> None:
        streams = Streams()
        watcher = streams.open("0011")
        streams.watch(watcher, frozenset({"0012"}))

        streams.publish("0012", "call", "{}")
        streams.publish_to_watchers("0012", "colleague", "{}")

        assert (await _next(watcher)).event == "colleague"
        streams.close(watcher)
        assert not streams.is_watched("0012")
        assert not streams.follows("0011")

    _run(work)


def test_a_browser_that_does_not_read_is_ended_and_holds_no_memory() -> None:
    async def work() -> None:
        stream = Streams().open("0011")

        for _ in range(2_000):
            stream.put("call", "{}")

        assert [event async for event in stream.events()] == []

    _run(work)


def test_the_oldest_stream_of_a_user_with_too_many_is_ended() -> None:
    async def work() -> None:
        streams = Streams()
        opened = [streams.open("0011") for _ in range(13)]

        assert await _next(opened[0]) is None
        streams.publish("0011", "call", "{}")
        assert (await _next(opened[12])).event == "call"

    _run(work)


@pytest.mark.parametrize("end", ["user", "all"])
def test_streams_end_with_the_login_and_with_the_server(end: str) -> None:
    async def work() -> None:
        streams = Streams()
        stream = streams.open("0011")

        if end == "user":
            streams.end_streams_of("0011")
        else:
            streams.end_all()
        await asyncio.sleep(0)

        assert await _next(stream) is None

    _run(work)
