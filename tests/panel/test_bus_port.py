import asyncio
from concurrent.futures import Future
from typing import Any

from bus.events import Message
from panel.bus_port import BusPort
from tests.panel.conftest import TOPICS


def test_an_answer_of_the_bus_is_read_as_data() -> None:
    class Answering:
        def send(self, topic: str, request: Message) -> Any:
            answer: Future[bytes] = Future()
            answer.set_result(b'{"data": {"code": null}}')
            return answer

    class Connection:
        topics = TOPICS

    port = BusPort(Connection(), Answering())  # type: ignore[arg-type]

    assert asyncio.run(port.ask("topic", Message(type="x"), 1.0)) == {"code": None}
