from datetime import UTC, datetime
from pathlib import Path

import pytest

from consumers.sessions.resync_window import ResyncWindow, UserChanges
from consumers.users import User, Users


class Clocks:
    """A clock that only goes forward, and one that people set."""

    def __init__(self) -> None:
        self.monotonic = 1_000.0
        self.wall = 1_700_000_000.0

    def advance(self, seconds: float) -> None:
        self.monotonic += seconds
        self.wall += seconds


def _well(path: Path, clocks: Clocks) -> ResyncWindow:
    return ResyncWindow(path, clock=lambda: clocks.monotonic, wall=lambda: clocks.wall)


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


def test_the_last_good_moment_survives_a_restart(tmp_path: Path, clocks: Clocks) -> None:
    window = _well(tmp_path / "s.db", clocks)
    window.note("0011", 5.0)
    window.close()
    clocks.advance(60.0)
    clocks.monotonic = 7.0  # another boot

    assert _well(tmp_path / "s.db", clocks).get("0011") == datetime.fromtimestamp(
        1_700_000_000.0 - 5.0, UTC
    )


def test_a_clock_that_jumps_hides_no_call(tmp_path: Path, clocks: Clocks) -> None:
    window = _well(tmp_path / "s.db", clocks)
    clocks.wall += 86_400.0
    window.note("0011")
    clocks.wall -= 86_400.0
    clocks.advance(30.0)

    assert window.get("0011") == datetime.fromtimestamp(clocks.wall - 30.0, UTC)


def test_a_moment_in_the_future_is_not_believed(tmp_path: Path, clocks: Clocks) -> None:
    window = _well(tmp_path / "s.db", clocks)
    window.note("0011")
    window.close()
    clocks.wall -= 3_600.0

    assert _well(tmp_path / "s.db", clocks).get("0011") == datetime.fromtimestamp(clocks.wall, UTC)


def test_who_is_forgotten_stays_forgotten(tmp_path: Path, clocks: Clocks) -> None:
    window = _well(tmp_path / "s.db", clocks)
    window.note("0011")
    window.save()
    window.forget("0011")
    window.close()

    assert _well(tmp_path / "s.db", clocks).get("0011") is None


def test_the_roster_shows_who_came_changed_and_went(tmp_path: Path) -> None:
    with Users(tmp_path / "site.db") as users:
        users.add(User(login="0011"))
        changes = UserChanges(tmp_path / "site.db")
        assert changes.changed() == {"0011"}
        assert changes.changed() == set()

        users.add(User(login="0012"))
        assert changes.changed() == {"0012"}
        users.change("0011", wanted=False)
        assert changes.changed() == {"0011"}
        users.remove("0012")
        assert changes.changed() == {"0012"}
        changes.close()
