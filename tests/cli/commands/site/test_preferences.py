import time
from collections.abc import Iterator
from datetime import datetime

import pytest

from cli.commands.site.preferences import left_alone


@pytest.fixture
def zurich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Be where clocks change, whatever this machine has."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Zurich")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("zurich")
@pytest.mark.parametrize(
    ("now", "given", "until"),
    [
        ("2026-10-24T20:00:00+02:00", "07:00", "2026-10-25T07:00:00+01:00"),
        ("2026-03-28T20:00:00+01:00", "07:00", "2026-03-29T07:00:00+02:00"),
        ("2026-10-24T20:00:00+02:00", "12h", "2026-10-25T07:00:00+01:00"),
        ("2026-10-24T20:00:00+02:00", "22:00", "2026-10-24T22:00:00+02:00"),
        ("2026-10-24T23:30:00+00:00", "07:00", "2026-10-25T07:00:00+01:00"),
    ],
)
def test_a_moment_is_what_the_clock_on_the_wall_then_shows(
    now: str, given: str, until: str
) -> None:
    assert left_alone(given, datetime.fromisoformat(now)) == until
