import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from consumers.dial.placing import (
    CallNotPlaced,
    CallOrder,
    CallPlaced,
    CallPlacer,
    OutcomeUnclear,
    PlacingOutcome,
)
from consumers.users import User, Users
from runtime.secret_box import SecretBox
from runtime.sqlite import StorageUnavailable
from starface.client import StarfaceClient
from starface.credential import Credential, derive
from starface.failures import (
    AnswerUnreadable,
    CallRefused,
    LoginRefused,
    NotConnected,
    OutcomeUnknown,
    PbxFailure,
    PbxUnreachable,
    RequestForbidden,
    UnsupportedByApi,
)
from starface.settings import StarfaceSettings
from starface.wire import CallState
from tests.consumers.cutting_pbx import CuttingPbx
from tests.consumers.dial_desk import Desk

WISH = CallOrder("0011", "0441234567", "", "call-1")
CREDENTIAL = derive("sha512", "0011", "Geheim#2024")


@pytest.fixture
def users(tmp_path: Path) -> Callable[[], Users]:
    opened = functools.partial(Users, tmp_path / "of-pbx.db", SecretBox(Fernet.generate_key()))
    with opened() as users:
        users.add(User(login="0011"), CREDENTIAL)
    return opened


class FakeTelephone:
    """Answers every request in the same way."""

    def __init__(
        self, answer: str | PbxFailure, phones: Sequence[str] | PbxFailure = ("SIP/11",)
    ) -> None:
        self.credential = CREDENTIAL
        self.requests: list[tuple[str, str, str]] = []
        self._answer = answer
        self._phones = phones

    def place_call(self, number: str, phone: str = "", call_id: str = "") -> str:
        self.requests.append((number, phone, call_id))
        if isinstance(self._answer, PbxFailure):
            raise self._answer
        return self._answer

    def call_state(self, call_id: str) -> CallState | None:
        return CallState(id=call_id, pbx_state="Ringback") if call_id == "call-1" else None

    def phones(self) -> Sequence[str]:
        if isinstance(self._phones, PbxFailure):
            raise self._phones
        return self._phones


class UnreadableUsers:
    """A users' file that the disk gives only after some tries."""

    def __init__(self, users: Callable[[], Users], failures: int) -> None:
        self._users = users
        self._failures = failures

    def __call__(self) -> Users:
        self._failures -= 1
        if self._failures >= 0:
            raise StorageUnavailable("unable to open database file")
        return self._users()


def _placed(
    users: Callable[[], Users], telephone: FakeTelephone, wish: CallOrder = WISH
) -> PlacingOutcome:
    return CallPlacer(users, lambda *_: telephone).place(wish)


def test_the_call_is_asked_for_once_with_its_id(users: Callable[[], Users]) -> None:
    telephone = FakeTelephone("call-1")

    assert _placed(users, telephone) == CallPlaced("call-1")
    assert telephone.requests == [("0441234567", "", "call-1")]


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [
        (LoginRefused(""), CallNotPlaced("login")),
        (RequestForbidden(""), CallNotPlaced("no_right")),
        (NotConnected(""), CallNotPlaced("not_connected")),
        (PbxUnreachable(""), CallNotPlaced("unreachable")),
        (UnsupportedByApi(""), CallNotPlaced("api")),
        (AnswerUnreadable(""), CallNotPlaced("api")),
        (OutcomeUnknown(""), OutcomeUnclear()),
    ],
)
def test_each_failure_has_its_reason(
    users: Callable[[], Users], failure: PbxFailure, outcome: PlacingOutcome
) -> None:
    telephone = FakeTelephone(failure)

    assert _placed(users, telephone) == outcome
    assert len(telephone.requests) == 1


@pytest.mark.parametrize(
    ("phones", "phone", "reason"),
    [
        ([], "", "no_phone"),
        (["SIP/11"], "SIP/12", "other_phone"),
        (["SIP/11"], "SIP/11", "pbx"),
        (["SIP/11"], "", "pbx"),
        (PbxUnreachable(""), "", "pbx"),
    ],
)
def test_a_refusal_without_a_word_is_looked_into(
    users: Callable[[], Users], phones: Sequence[str] | PbxFailure, phone: str, reason: str
) -> None:
    telephone = FakeTelephone(CallRefused(""), phones)

    assert _placed(users, telephone, WISH._replace(phone=phone)) == CallNotPlaced(reason)
    assert len(telephone.requests) == 1


def test_without_a_token_the_pbx_is_not_asked(users: Callable[[], Users]) -> None:
    telephone = FakeTelephone("call-1")

    outcome = _placed(users, telephone, WISH._replace(user="0012"))

    assert outcome == CallNotPlaced("no_credential")
    assert telephone.requests == []


def test_a_token_that_cannot_be_opened_is_as_none(
    tmp_path: Path, users: Callable[[], Users]
) -> None:
    assert _placed(users, FakeTelephone("call-1")) == CallPlaced("call-1")
    foreign = functools.partial(Users, tmp_path / "of-pbx.db", SecretBox(Fernet.generate_key()))

    assert _placed(foreign, FakeTelephone("call-1")) == CallNotPlaced("no_credential")


def test_a_refreshed_credential_is_kept(users: Callable[[], Users]) -> None:
    telephone = FakeTelephone("call-1")
    telephone.credential = Credential("oauth", SecretStr("fresh"))

    _placed(users, telephone)

    with users() as opened:
        assert opened.credential("0011") == telephone.credential


def test_the_pbxs_word_for_a_state_becomes_ours(users: Callable[[], Users]) -> None:
    placing = CallPlacer(users, lambda *_: FakeTelephone(""))

    assert placing.state("0011", "call-1") == "ringback"
    assert placing.state("0011", "call-2") is None


@pytest.fixture
def cutting(request: pytest.FixtureRequest) -> Iterator[CuttingPbx]:
    pbx = CuttingPbx(request.param)
    yield pbx
    pbx.close()


def _desk_at(folder: Path, users: Callable[[], Users], port: int) -> Desk:
    """A dial process whose PBX is the real client at a port."""
    desk = Desk(folder, per_minute=1000, per_hour=1000, site_per_hour=1000, double_click=0)
    settings = StarfaceSettings(host="127.0.0.1", port=port, scheme="http", read_timeout=0.2)
    placing = CallPlacer(users, functools.partial(StarfaceClient, settings))
    desk.pbx.outcome = placing.place
    desk.pbx.state = placing.state  # type: ignore[method-assign]
    return desk


@pytest.mark.parametrize(
    ("cutting", "tries"),
    [("fin", 40), ("rst", 40), ("fin-acted", 40), ("rst-acted", 40), ("half", 35), ("silence", 5)],
    indirect=["cutting"],
)
def test_a_cut_connection_is_one_request_and_reported_as_unknown(
    tmp_path: Path, users: Callable[[], Users], cutting: CuttingPbx, tries: int
) -> None:
    desk = _desk_at(tmp_path, users, cutting.port)
    requests = [desk.dial(f"044 123 45 {last:02}") for last in range(tries)]

    desk.pass_time(3)

    assert cutting.placements == {str(request): 1 for request in requests}
    for request in requests:
        assert desk.reported(request)[0] == "unknown"
        cleared_up = ["unknown", "accepted", "own-phone-ringing"]
        assert (desk.reported(request) == cleared_up) == (str(request) in cutting.acted)


@pytest.mark.parametrize("cutting", ["fin"], indirect=True)
def test_a_call_the_pbx_does_not_know_was_not_placed_in_the_end(
    tmp_path: Path, users: Callable[[], Users], cutting: CuttingPbx
) -> None:
    desk = _desk_at(tmp_path, users, cutting.port)
    request = desk.dial()

    desk.pass_time(60)

    assert desk.reported(request) == ["unknown", "unknown"]
    assert desk.last().data.final
    assert cutting.placements == {str(request): 1}


def test_a_token_the_disk_does_not_give_at_once_is_waited_for(users: Callable[[], Users]) -> None:
    telephone = FakeTelephone("call-1")

    outcome = CallPlacer(UnreadableUsers(users, 2), lambda *_: telephone).place(WISH)

    assert outcome == CallPlaced("call-1")
    assert len(telephone.requests) == 1


def test_a_token_the_disk_does_not_give_in_time_is_a_reason(users: Callable[[], Users]) -> None:
    telephone = FakeTelephone("call-1")
    placer = CallPlacer(UnreadableUsers(users, 99), lambda *_: telephone, storage_within=0.3)

    assert placer.place(WISH) == CallNotPlaced("storage")
    with pytest.raises(PbxFailure):
        placer.state("0011", "call-1")
    assert telephone.requests == []


def test_a_token_that_was_renewed_is_kept_however_late_the_disk_takes_it(
    users: Callable[[], Users],
) -> None:
    renewed = derive("sha512", "0011", "renewed")

    class Renewing(FakeTelephone):
        def place_call(self, number: str, phone: str = "", call_id: str = "") -> str:
            self.credential = renewed
            unreadable[0] = UnreadableUsers(users, 2)
            return super().place_call(number, phone, call_id)

    telephone = Renewing("call-1")
    unreadable: list[Callable[[], Users]] = [users]
    placer = CallPlacer(lambda: unreadable[0](), lambda *_: telephone)

    assert placer.place(WISH) == CallPlaced("call-1")
    assert len(telephone.requests) == 1
    with users() as read:
        assert read.credential("0011") == renewed
