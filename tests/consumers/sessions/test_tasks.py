from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from pydantic import SecretStr

from bus.events import CallData
from consumers.sessions.callback_check import CHECK, RESYNC, NotTaken, Proof
from consumers.sessions.missed_calls import MARGIN, Gap
from consumers.sessions.tasks import Alive, Failed, OpenSession, PbxTasks, Resynced
from starface.callback import CallbackIdentity as Proven
from starface.callback import read_path
from starface.client import StarfaceClient
from starface.credential import Credential
from starface.failures import (
    AnswerUnreadable,
    LoginRefused,
    NotConnected,
    OutcomeUnknown,
    PbxFailure,
    PbxUnreachable,
    RequestForbidden,
    UnsupportedByApi,
)
from starface.request import Callback
from starface.settings import StarfaceSettings
from starface.wire import CallListEntry, CallState
from starface.xmlrpc.reading import Writable

KEY = b"k" * 32
TOKEN = Credential("sha512", SecretStr("0011:abc"))
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SETTINGS = StarfaceSettings(host="pbx.example.net", callback_host="office.example.net")


@dataclass
class FakePbx:
    """A PBX that does what it is asked, and notes what it is asked."""

    fails: dict[str, PbxFailure] = field(default_factory=dict)
    known: bool = True
    running: dict[str, CallState] = field(default_factory=dict)
    listed: list[CallListEntry] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    since: datetime | None = None
    credential: Credential = TOKEN
    clock_offset: timedelta | None = None

    @property
    def client(self) -> StarfaceClient:
        """The same, as the tasks take it."""
        return cast(StarfaceClient, self)

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if what in self.fails:
            raise self.fails[what]

    def login(self) -> None:
        self._ask("login")

    def subscribe_calls(self) -> None:
        self._ask("subscribe")

    def keep_alive(self) -> bool:
        self._ask("keep-alive")
        return self.known

    def logout(self) -> None:
        self._ask("logout")

    def server_version(self) -> str:
        self._ask("version")
        return "9.0.1.4"

    def call_ids(self) -> list[str]:
        self._ask("ids")
        return list(self.running)

    def call_state(self, call_id: str) -> CallState | None:
        return self.running.get(call_id)

    def call_list(self, since: datetime) -> list[CallListEntry]:
        self._ask("list")
        self.since = since
        return self.listed


@dataclass
class FakeGateway:
    """A gateway that takes everything, or nothing."""

    refuses: str = ""
    certificate_ends: datetime | None = None
    taken: list[tuple[Callback, str, list[Writable]]] = field(default_factory=list)

    def post(self, callback: Callback, method: str, params: list[Writable]) -> None:
        if self.refuses:
            raise NotTaken(self.refuses)
        self.taken.append((callback, method, params))

    def states(self) -> list[tuple[object, object]]:
        return [
            (struct["id"], struct["state"])
            for _, method, [struct] in self.taken
            if method == RESYNC and isinstance(struct, dict)
        ]


@pytest.fixture
def pbx() -> FakePbx:
    return FakePbx()


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
def tasks(pbx: FakePbx, gateway: FakeGateway) -> PbxTasks:
    return _tasks(pbx, gateway, lambda settings: settings.callback_host)


def _tasks(pbx: FakePbx, gateway: FakeGateway, host: Callable[[StarfaceSettings], str]) -> PbxTasks:
    return PbxTasks(SETTINGS, KEY, lambda _login, _credential, _callback: pbx.client, gateway, host)


def _log_in(tasks: PbxTasks, gap: Gap | None = None) -> OpenSession | Failed:
    return tasks.log_in("0011", TOKEN, gap, local=False)


def _proof(callback: Callback) -> Proven:
    who, session, mac = callback.path.split("/")[2:]
    return read_path(who, session, mac, KEY)


def test_a_login_subscribes_too(tasks: PbxTasks, pbx: FakePbx) -> None:
    opened = _log_in(tasks)

    assert isinstance(opened, OpenSession)
    assert pbx.asked == ["login", "subscribe"]


def test_the_pbx_gets_a_path_that_proves_user_and_token(tasks: PbxTasks) -> None:
    opened = _log_in(tasks)

    assert isinstance(opened, OpenSession)
    assert opened.callback.host == "office.example.net"
    proof = _proof(opened.callback)
    assert proof.user == "0011"
    assert proof.fits("0011:abc", KEY)
    assert not proof.fits("0011:other", KEY)


def test_with_oauth_the_path_names_no_token(tasks: PbxTasks) -> None:
    opened = tasks.log_in("0011", Credential("oauth", SecretStr("r")), None, local=False)

    assert isinstance(opened, OpenSession)
    assert _proof(opened.callback).fits("whatever", KEY)


@pytest.mark.parametrize(
    ("what", "failure", "code"),
    [
        ("login", LoginRefused("no", pbx_text="wrong"), "login-refused"),
        ("login", LoginRefused("no"), "login-refused"),
        ("login", RequestForbidden("no", pbx_text="UciIllegalAccess"), "login-forbidden"),
        ("login", PbxUnreachable("gone"), "pbx-unreachable"),
        ("subscribe", RequestForbidden("no"), "subscription-refused"),
        ("subscribe", NotConnected("who"), "session-lost"),
        ("subscribe", OutcomeUnknown("cut"), "pbx-silent"),
    ],
)
def test_what_fails_at_a_login_is_named(
    tasks: PbxTasks, pbx: FakePbx, what: str, failure: PbxFailure, code: str
) -> None:
    pbx.fails[what] = failure

    failed = _log_in(tasks)

    assert isinstance(failed, Failed)
    assert failed.code == code


@pytest.mark.parametrize("answer", [RequestForbidden("403"), LoginRefused("401")])
def test_a_refusal_that_strangers_get_too_leaves_the_password_in_doubt(
    tasks: PbxTasks, pbx: FakePbx, answer: PbxFailure
) -> None:
    pbx.fails = {"login": LoginRefused("403"), "version": answer}

    failed = _log_in(tasks)

    assert isinstance(failed, Failed)
    assert failed.code == "login-doubtful"


@pytest.mark.parametrize(
    "answer", [LoginRefused("page", certain=False), AnswerUnreadable("502"), OutcomeUnknown("cut")]
)
def test_a_login_page_of_a_pbx_that_is_not_well_is_no_wrong_password(
    tasks: PbxTasks, pbx: FakePbx, answer: PbxFailure
) -> None:
    pbx.fails = {"login": LoginRefused("page"), "version": answer}

    failed = _log_in(tasks)

    assert isinstance(failed, Failed)
    assert failed.code == "login-unclear"


def test_no_way_to_the_pbx_is_reported(pbx: FakePbx, gateway: FakeGateway) -> None:
    def no_way(_: StarfaceSettings) -> str:
        raise OSError

    failed = _log_in(_tasks(pbx, gateway, no_way))

    assert isinstance(failed, Failed)
    assert failed.code == "pbx-unreachable"
    assert pbx.asked == []


def test_a_login_too_long_for_a_path_is_reported(tasks: PbxTasks) -> None:
    failed = tasks.log_in("x" * 64, TOKEN, None, local=False)

    assert isinstance(failed, Failed)
    assert failed.code == "login-too-long"


def test_a_login_hands_in_what_was_missed(
    tasks: PbxTasks, pbx: FakePbx, gateway: FakeGateway
) -> None:
    pbx.running = {"r": CallState(id="r", pbx_state="CONNECTED")}
    pbx.listed = [CallListEntry(id="m", result="MISSED", start_time="20261123T120100")]
    known = CallData(user="0011", call_id="k", state="ringing", received_at=NOON)

    opened = _log_in(tasks, Gap(since=NOON, running={"k": known}))

    assert isinstance(opened, OpenSession)
    assert opened.resynced == Resynced(done=True, listed=True)
    assert gateway.states() == [("k", "HANGUP"), ("m", "HANGUP"), ("r", "CONNECTED")]
    assert pbx.since == NOON - MARGIN


@pytest.mark.parametrize("ahead", [timedelta(hours=-1), timedelta(), timedelta(hours=2)])
def test_the_call_list_is_read_by_the_clock_of_the_pbx(
    tasks: PbxTasks, pbx: FakePbx, gateway: FakeGateway, ahead: timedelta
) -> None:
    pbx.clock_offset = ahead
    pbx.listed = [
        CallListEntry(result="MISSED", start_time=f"{NOON + ahead + later:%Y%m%dT%H%M%S}")
        for later in (timedelta(minutes=-1), timedelta(minutes=1))
    ]

    _log_in(tasks, Gap(since=NOON))

    assert pbx.since == NOON + ahead - MARGIN
    assert len(gateway.states()) == 1


def test_a_pbx_that_does_not_say_its_time_is_measured_by_its_events(
    tasks: PbxTasks, pbx: FakePbx
) -> None:
    _log_in(tasks, Gap(since=NOON, clock_offset=timedelta(hours=-1)))

    assert pbx.since == NOON - timedelta(hours=1) - MARGIN


def test_without_a_call_list_the_running_calls_are_handed_in(
    tasks: PbxTasks, pbx: FakePbx, gateway: FakeGateway
) -> None:
    pbx.running = {"r": CallState(id="r", pbx_state="RINGING")}
    pbx.fails["list"] = UnsupportedByApi("v22")

    opened = _log_in(tasks, Gap(since=NOON))

    assert isinstance(opened, OpenSession)
    assert opened.resynced == Resynced(done=True, listed=False)
    assert gateway.states() == [("r", "RINGING")]


def test_what_cannot_be_handed_in_is_still_owed_and_the_session_stands(
    tasks: PbxTasks, pbx: FakePbx, gateway: FakeGateway
) -> None:
    pbx.running = {"r": CallState(id="r", pbx_state="RINGING")}
    gateway.refuses = "callback-unreachable"

    opened = _log_in(tasks, Gap())

    assert isinstance(opened, OpenSession)
    assert opened.resynced == Resynced(done=False)


def test_behind_a_firewall_the_short_way_to_the_gateway_is_taken(
    tasks: PbxTasks, pbx: FakePbx, gateway: FakeGateway
) -> None:
    pbx.running = {"r": CallState(id="r", pbx_state="RINGING")}

    tasks.log_in("0011", TOKEN, Gap(), local=True)

    [(callback, _, _)] = gateway.taken
    assert callback.host == "127.0.0.1"


def test_a_keep_alive_looks_at_the_calls_when_asked_to(tasks: PbxTasks, pbx: FakePbx) -> None:
    pbx.running = {"r": CallState(id="r", pbx_state="RINGING")}

    assert tasks.keep_alive(pbx.client, look=False) == Alive(known=True)
    assert tasks.keep_alive(pbx.client, look=True) == Alive(known=True, calls=["r"])


def test_a_session_the_pbx_does_not_know_is_not_looked_at(tasks: PbxTasks, pbx: FakePbx) -> None:
    pbx.known = False

    assert tasks.keep_alive(pbx.client, look=True) == Alive(known=False)
    assert pbx.asked == ["keep-alive"]


def test_a_logout_that_fails_harms_nobody(tasks: PbxTasks, pbx: FakePbx) -> None:
    pbx.fails["logout"] = OutcomeUnknown("cut")

    tasks.log_out(pbx.client)

    assert pbx.asked == ["logout"]


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (None, None),
        (LoginRefused("a page", certain=False), "login-unclear"),
        (LoginRefused("401 to strangers"), None),
        (LoginRefused("to strangers", pbx_text="AuthException"), None),
        (RequestForbidden("to strangers"), None),
        (AnswerUnreadable("no such method", pbx_text="NoSuchMethod"), None),
        (AnswerUnreadable("502"), "pbx-unreadable"),
        (OutcomeUnknown("cut"), "pbx-silent"),
        (PbxUnreachable("gone"), "pbx-unreachable"),
    ],
)
def test_a_probe_finds_out_whether_the_pbx_answers(
    tasks: PbxTasks, pbx: FakePbx, answer: PbxFailure | None, found: str | None
) -> None:
    if answer is not None:
        pbx.fails["version"] = answer

    assert tasks.probe() == found


def test_the_callback_is_proven_with_a_path_of_a_user(
    tasks: PbxTasks, gateway: FakeGateway
) -> None:
    assert tasks.prove("0011") == Proof(None)
    [(callback, method, params)] = gateway.taken
    assert (method, params) == (CHECK, [])
    assert _proof(callback).user == "0011"


def test_a_token_that_was_refreshed_on_the_way_to_a_failure_is_handed_back(
    tasks: PbxTasks, pbx: FakePbx
) -> None:
    pbx.credential = Credential("oauth", SecretStr("fresh"))
    pbx.fails["subscribe"] = OutcomeUnknown("cut")

    failed = tasks.log_in("0011", Credential("oauth", SecretStr("old")), None, local=False)

    assert isinstance(failed, Failed)
    assert failed.credential == Credential("oauth", SecretStr("fresh"))
