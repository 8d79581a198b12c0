from collections.abc import Callable, Iterator
from functools import partial

import pytest

from bus.events import DialRequest, DialRequestData, now
from bus.mqtt.client import ClientFactory
from bus.mqtt.connection import Connection
from bus.mqtt.mqtt5_client import CodecClient
from bus.mqtt.paho_client import PahoClient
from bus.settings import BrokerSettings

Connect = Callable[..., Connection]


@pytest.fixture(params=[PahoClient, CodecClient])
def clients(request: pytest.FixtureRequest) -> ClientFactory:
    """Every promise of a connection is kept with either library."""
    chosen: ClientFactory = request.param
    return chosen


@pytest.fixture
def connection(clients: ClientFactory) -> Connect:
    return partial(Connection, clients=clients)


@pytest.fixture
def connect(broker_settings: BrokerSettings, connection: Connect) -> Iterator[Connect]:
    opened: list[Connection] = []

    def connected(account: str, **options: object) -> Connection:
        made = connection(broker_settings, account, **options)
        opened.append(made.__enter__())
        made.wait_connected()
        return made

    yield connected
    for made in opened:
        made.__exit__(None, None, None)


def dial_request() -> DialRequest:
    return DialRequest(
        time=now(),
        data=DialRequestData(number="+41", request_id="7f3c8a52-4b0c-4dd1-9a55-000000000001"),
    )


def work_until(connection: Connection, condition: Callable[[], object]) -> None:
    for _ in range(500):
        if condition():
            return
        connection.work(0.02)
    raise AssertionError("waited in vain")
