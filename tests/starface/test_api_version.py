from collections.abc import Iterator

import pytest

from starface.api_version import PbxClients
from starface.client import StarfaceClient
from starface.credential import derive
from starface.failures import PbxUnreachable
from starface.settings import Api, StarfaceSettings
from starface.simulator import Simulator

CREDENTIAL = derive("sha512", "0011", "Geheim#2024")


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


def _settings(simulator: Simulator, api: str) -> StarfaceSettings:
    return StarfaceSettings.model_validate(
        {"host": "127.0.0.1", "port": simulator.port, "scheme": "http", "api": api}
    )


@pytest.mark.parametrize("api", ["v20", "v22", "v30"])
def test_a_version_that_is_set_is_spoken(simulator: Simulator, api: Api) -> None:
    telephone = PbxClients(_settings(simulator, api))("0011", CREDENTIAL)

    assert telephone.api == api
    assert sum(simulator.requests.values()) == 0


@pytest.mark.parametrize("api", ["v20", "v22", "v30"])
def test_auto_finds_the_version_the_pbx_speaks_and_places_once(
    simulator: Simulator, api: Api
) -> None:
    simulator.switches.versions = frozenset({api})
    StarfaceClient(_settings(simulator, api), "0011", CREDENTIAL).login()
    telephones = PbxClients(_settings(simulator, "auto"))

    placed = telephones("0011", CREDENTIAL).place_call("0441234567", "", "call-1")

    assert placed == "call-1"
    assert simulator.placements == {"call-1": 1}
    asked = sum(simulator.requests.values())
    telephones("0011", CREDENTIAL)
    assert sum(simulator.requests.values()) == asked


def test_while_the_pbx_is_away_the_version_stays_open(simulator: Simulator) -> None:
    telephones = PbxClients(_settings(simulator, "auto"))
    simulator.outage(on=True)

    with pytest.raises(PbxUnreachable):
        telephones("0011", CREDENTIAL)

    simulator.outage(on=False)
    assert telephones("0011", CREDENTIAL).api in ("v22", "v30")
