from collections.abc import Iterator
from pathlib import Path
from typing import Any

import falcon.testing
import pytest

from bus.numbers.number import NumberProfile
from gateway.admission import Admission, RateLimits
from gateway.app import create_app
from gateway.callbacks import CallbackValidity
from gateway.eventlog.counters import Counters
from gateway.eventlog.writer import EventLog
from gateway.source_addresses import SourceAddresses
from tests.gateway.running import KEY

PROFILE = NumberProfile(country="CH", area_code="44")
XML = {"Content-Type": "text/xml"}


def post(
    client: falcon.testing.TestClient, path: str, body: bytes, **options: Any
) -> falcon.testing.Result:
    """Notify the gateway as a PBX does."""
    headers = options.pop("headers", XML)
    return client.simulate_post(path, body=body, headers=headers, **options)


@pytest.fixture
def events(tmp_path: Path) -> Iterator[EventLog]:
    opened = EventLog(tmp_path, "gateway", Counters(), lambda: None, greatest=100_000_000)
    yield opened
    opened.close()


@pytest.fixture
def client(events: EventLog, tmp_path: Path) -> falcon.testing.TestClient:
    door = Admission(KEY, SourceAddresses(()), RateLimits(1_000, 1_000), CallbackValidity(tmp_path))
    return falcon.testing.TestClient(create_app(events, door, PROFILE))
