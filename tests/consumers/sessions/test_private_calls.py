from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from bus.numbers.number import NumberProfile
from bus.numbers.private_numbers import PrivateNumbers, changing, entry
from consumers.sessions.private_calls import WithoutPrivateCalls
from starface.client import StarfaceClient
from starface.credential import Credential
from starface.settings import StarfaceSettings
from starface.wire import CallListEntry, CallState

KEY = b"k" * 32
PROFILE = NumberProfile(country="CH", area_code="44")


class _Asked(StarfaceClient):
    """A PBX with a private call and another one."""

    asked: list[str]
    states: dict[str, CallState]

    def call_ids(self) -> list[str]:
        return ["mother", "client"]

    def call_state(self, call_id: str) -> CallState | None:
        self.asked.append(call_id)
        return self.states.get(call_id, CallState(id=call_id, caller_number=_NUMBERS[call_id]))

    def call_list(self, since: datetime, until: datetime | None = None) -> list[CallListEntry]:
        return [CallListEntry(id=name, caller_number=_NUMBERS[name]) for name in _NUMBERS]


class _Pbx(WithoutPrivateCalls, _Asked):
    """What the sessions ask, with that PBX behind it."""


_NUMBERS = {"mother": "0445550180", "client": "0441234567"}
_NUMBERS = {"mother": "0445550180", "client": "0441234567"}


def _for(user: str, folder: Path) -> _Pbx:
    one = entry(KEY, "0011", "+41445550180", "2026-11-23")
    with changing(folder) as numbers:
        numbers[one.mark] = one
    token = Credential("sha512", SecretStr("x"))
    settings = StarfaceSettings(host="pbx.example")
    pbx = _Pbx(settings, user, token, None, PrivateNumbers(folder, KEY), PROFILE)
    pbx.asked, pbx.states = [], {}
    return pbx


def test_a_private_call_is_neither_running_nor_listed(tmp_path: Path) -> None:
    pbx = _for("0011", tmp_path)

    assert pbx.call_ids() == ["client"]
    assert pbx.call_state("mother") is None
    assert pbx.call_state("client") is not None
    assert [one.id for one in pbx.call_list(datetime.now(UTC))] == ["client"]


def test_for_others_nothing_more_is_asked(tmp_path: Path) -> None:
    pbx = _for("0012", tmp_path)

    assert pbx.call_ids() == ["mother", "client"]
    assert pbx.asked == []


@pytest.mark.parametrize(
    ("state", "caller", "called", "counts"),
    [
        ("INCOMING", "", "11", False),
        ("REQUESTED", "11", "", False),
        ("QUEUED", "", "", False),
        ("INCOMING", "0441234567", "", True),
        ("RINGBACK", "", "0441234567", True),
        ("RINGING", "", "11", True),
        ("CONNECTED", "", "11", True),
    ],
)
def test_a_call_is_missed_only_once_the_pbx_says_with_whom_it_is(
    tmp_path: Path, state: str, caller: str, called: str, *, counts: bool
) -> None:
    pbx = _for("0011", tmp_path)
    pbx.states["client"] = CallState(
        id="client", pbx_state=state, caller_number=caller, called_number=called
    )

    assert pbx.call_ids() == (["client"] if counts else [])


def test_a_private_call_stays_out_until_both_ends_are_others(tmp_path: Path) -> None:
    pbx = _for("0011", tmp_path)

    def look(caller: str) -> list[str]:
        pbx.states["mother"] = CallState(
            id="mother", pbx_state="CONNECTED", caller_number=caller, called_number="11"
        )
        return pbx.call_ids()

    assert look("0445550180") == ["client"]
    assert look("") == ["client"]
    assert look("0441234567") == ["mother", "client"]
    assert look("") == ["mother", "client"]
