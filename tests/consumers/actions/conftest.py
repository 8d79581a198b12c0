import pytest

from tests.hostile_names import HOSTILE


@pytest.fixture(params=range(len(HOSTILE)))
def hostile_name(request: pytest.FixtureRequest) -> str:
    return HOSTILE[request.param]


@pytest.fixture
def hostile_names() -> tuple[str, ...]:
    return HOSTILE
