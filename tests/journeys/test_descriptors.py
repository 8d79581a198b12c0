"""A process that has no descriptor left waits for one, and says so in a few lines."""

import resource
from pathlib import Path
from typing import Any

import pytest

from bus.settings import BrokerSettings
from tests.conftest import wait_until
from tests.journeys.caller.caller_office import Office


@pytest.mark.parametrize("spare", [0, 1, 3])
def test_a_caller_without_descriptors_waits_and_then_opens_all(
    tmp_path: Path, broker_settings: BrokerSettings, connect: Any, capfd: Any, spare: int
) -> None:
    office = Office(tmp_path, broker_settings, connect)
    calls = [f"c-{number}" for number in range(10)]
    with office.caller() as process:
        wait_until(lambda: (office.data / "caller.db").exists())
        descriptors = len(list(Path(f"/proc/{process.pid}/fd").iterdir()))
        limit = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (descriptors + spare, limit[1]))
        for call in calls:
            office.report(call_id=call)
        for _ in range(100):
            office.panel.work(0.01)
        assert process.poll() is None
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, limit)
        for call in calls:
            office.wait_for(call_id=call, opens="matter")

    assert len(capfd.readouterr().err.splitlines()) < 10 * len(calls)
