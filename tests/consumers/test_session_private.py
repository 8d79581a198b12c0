from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bus.numbers import NumberProfile
from bus.private import PrivateNumbers, changing, entry
from consumers.session_private import WithoutPrivateCalls
from starface.wire import CallListEntry, CallState

KEY = b"k" * 32
PROFILE = NumberProfile(country="CH", area_code="44")


class _Pbx:
    """A PBX with a private call and another one."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)

    def call_ids(self) -> list[str]:
        return ["mother", "client"]

    def call_state(self, call_id: str) -> CallState:
        self.asked.append(call_id)
        return CallState(id=call_id, caller_number=_NUMBERS[call_id])

    def call_list(self, since: datetime) -> list[CallListEntry]:
        return [CallListEntry(id=name, caller_number=_NUMBERS[name]) for name in _NUMBERS]


_NUMBERS = {"mother": "0445550180", "client": "0441234567"}


def _for(user: str, folder: Path) -> tuple[WithoutPrivateCalls, _Pbx]:
    one = entry(KEY, "0011", "+41445550180", "2026-11-23")
    with changing(folder) as numbers:
        numbers[one.mark] = one
    pbx = _Pbx()
    return WithoutPrivateCalls(pbx, user, PrivateNumbers(folder, KEY), PROFILE), pbx


def test_a_private_call_is_neither_running_nor_listed(tmp_path: Path) -> None:
    pbx, _ = _for("0011", tmp_path)

    assert pbx.call_ids() == ["client"]
    assert pbx.call_state("mother") is None
    assert pbx.call_state("client") is not None
    assert [one.id for one in pbx.call_list(datetime.now(UTC))] == ["client"]


def test_for_others_nothing_more_is_asked(tmp_path: Path) -> None:
    pbx, asked = _for("0012", tmp_path)

    assert pbx.call_ids() == ["mother", "client"]
    assert asked.asked == []
