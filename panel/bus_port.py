"""The bus as the server's loop reaches it: publishing what people click, and asking."""

import asyncio
import json
from typing import Any

import falcon

from bus.events import Message
from bus.mqtt.connection import Connection
from bus.mqtt.inbox import BrokerUnavailable
from bus.mqtt.requests import Requests

ANSWER_WITHIN = 7.5  # seconds; a silent broker is known as one by then


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


async def answered(
    bus: BusPort, topic: str, request: Message, process: str, within: float = ANSWER_WITHIN
) -> dict[str, Any]:
    """Return an answer; raise 503 that names the process which gave none."""
    try:
        return await bus.ask(topic, request, within)
    except TimeoutError as error:
        raise falcon.HTTPServiceUnavailable(title="unanswered", description=process) from error
