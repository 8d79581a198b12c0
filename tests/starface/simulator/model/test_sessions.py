import hashlib
import xmlrpc.client
from typing import Any

import httpx
import pytest

from starface.simulator import SimulatedUser, Simulator
from tests.starface.simulator.fixtures import (
    AD_0011,
    MD5_0011,
    PREFIX,
    TLS,
    TOKEN_0011,
    PlainClient,
    anna_listens,
    listening,
    wait_until,
)

LOGIN, ALIVE = "connection.login", "connection.keepAlive"
NOT_ALLOWED = SimulatedUser("0011", "Geheim#2024", "11", "Anna", allowed=False)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("token", [TOKEN_0011, MD5_0011, AD_0011])
@pytest.mark.parametrize("user", [{}, {f"{PREFIX}user": "0011"}])
def test_every_published_token_opens_a_session(token: str, user: dict[str, str]) -> None:
    with Simulator() as simulator, PlainClient(simulator) as anna:
        anna.query |= {f"{PREFIX}auth": token} | user

        assert anna.v22(LOGIN) is True
        assert [each.login for each in simulator.sessions] == ["0011"]


@pytest.mark.parametrize(
    ("query", "tokens"),
    [
        ({f"{PREFIX}auth": TOKEN_0011[:-1] + "5"}, "sha512,md5,ad"),
        ({f"{PREFIX}auth": MD5_0011}, "sha512"),
        ({f"{PREFIX}auth": TOKEN_0011, f"{PREFIX}user": "0012"}, "sha512"),
        ({f"{PREFIX}auth": ""}, "sha512"),
    ],
)
def test_a_wrong_token_is_refused(query: dict[str, str], tokens: str) -> None:
    with Simulator() as simulator, PlainClient(simulator) as anna:
        simulator.set(tokens=tokens)
        anna.query |= query

        with pytest.raises(xmlrpc.client.Fault):
            anna.v22(LOGIN)
        assert simulator.sessions == []


@pytest.mark.parametrize(
    ("how", "status", "begin"),
    [
        ("fault", 200, "<?xml"),
        ("401", 401, "<!DOCTYPE"),
        ("403", 403, "<!DOCTYPE"),
        ("redirect", 302, "<!DOCTYPE"),
        ("html", 200, "<!DOCTYPE"),
        ("false", 200, "<?xml"),
    ],
)
def test_a_wrong_token_is_answered_in_six_ways(how: str, status: int, begin: str) -> None:
    with Simulator() as simulator, PlainClient(simulator) as anna:
        simulator.set(wrong_token=how)
        anna.query[f"{PREFIX}auth"] = "wrong"

        answer = anna.post(f"ucp.v22.requests.{LOGIN}")
        assert answer.status_code == status
        assert answer.text.startswith(begin)


def test_too_many_wrong_tokens_lock_the_user_out_for_a_time() -> None:
    clock = Clock()
    with Simulator(clock=clock) as simulator, PlainClient(simulator) as anna:
        simulator.set(lock_out_after=3, lock_out_seconds=60)
        anna.query[f"{PREFIX}auth"] = "0011:wrong"
        for _ in range(3):
            with pytest.raises(xmlrpc.client.Fault):
                anna.v22(LOGIN)

        anna.query[f"{PREFIX}auth"] = TOKEN_0011
        with pytest.raises(xmlrpc.client.Fault):
            anna.v22(LOGIN)
        clock.now += 61
        assert anna.v22(LOGIN) is True


def test_a_changed_password_ends_the_sessions_and_the_token() -> None:
    with anna_listens() as scene:
        scene.simulator.set_password("0011", "another")

        assert scene.simulator.sessions == []
        with pytest.raises(xmlrpc.client.Fault):
            scene.anna.v22(LOGIN)


def test_a_user_without_the_right_is_not_let_in() -> None:
    with Simulator(users=[NOT_ALLOWED]) as simulator, PlainClient(simulator) as anna:
        with pytest.raises(xmlrpc.client.Fault, match="UciIllegalAccessException"):
            anna.v22(LOGIN)
        simulator.set(not_allowed="false")
        assert anna.v22(LOGIN) is False


def test_a_session_ends_after_a_minute_of_silence() -> None:
    clock = Clock()
    with Simulator(clock=clock) as simulator, PlainClient(simulator) as anna:
        assert anna.v22(ALIVE) is False
        anna.v22(LOGIN)
        clock.now += 59
        assert anna.v22(ALIVE) is True
        clock.now += 59
        assert anna.v22(ALIVE) is True
        clock.now += 61
        assert anna.v22(ALIVE) is False


def test_nothing_goes_without_a_session() -> None:
    with (
        Simulator() as simulator,
        PlainClient(simulator) as anna,
        pytest.raises(xmlrpc.client.Fault, match="UcpNotConnectedException"),
    ):
        anna.v22("call.getCallIds")


def test_the_version_of_the_server_is_reported_without_a_login() -> None:
    with Simulator() as simulator, PlainClient(simulator) as anyone:
        anyone.query = {}

        assert anyone.v30("system.getServerVersion") == "9.0.1.4"


def test_a_version_that_is_not_served_is_a_fault() -> None:
    with Simulator() as simulator, PlainClient(simulator) as anna:
        simulator.set(versions="v30")

        with pytest.raises(xmlrpc.client.Fault) as refusal:
            anna.v22(LOGIN)
        assert refusal.value.faultCode == 5
        assert anna.v30(LOGIN) is True


@pytest.mark.parametrize("method", ["functionKey.searchFunctionKeys", "call.hold", "nothing.atAll"])
def test_what_v22_does_not_have_is_a_fault(method: str) -> None:
    with anna_listens() as scene, pytest.raises(xmlrpc.client.Fault) as refusal:
        scene.anna.v22(method, "")
    assert refusal.value.faultCode == 5


def test_the_call_list_may_be_missing_in_v22() -> None:
    with anna_listens(v22_call_list=False) as scene:
        with pytest.raises(xmlrpc.client.Fault) as refusal:
            scene.anna.v22("callList.getCallList", "")
        assert refusal.value.faultCode == 5


def test_a_second_login_keeps_the_subscription_unless_it_is_switched() -> None:
    with anna_listens() as scene:
        scene.anna.v22(LOGIN)
        scene.simulator.ring("0011")
        assert scene.received.wait_for(1)

    with anna_listens(login_clears_subscriptions=True) as scene:
        scene.anna.v22(LOGIN)
        scene.simulator.ring("0011")
        scene.simulator.idle()
        assert scene.received.received == []


def test_v20_speaks_with_its_own_words() -> None:
    with listening() as receiver, Simulator() as simulator:
        simulator.switches.speed = 100
        with PlainClient(simulator, receiver) as anna:
            server = "ucp.v20.server."
            assert anna.call(f"{server}connection.probe") is False
            assert anna.call(f"{server}connection.login") is True
            services = ["ucp.v20.client.communication.call", "ucp.v20.client.connection"]
            assert anna.call(f"{server}connection.setProvidedServices", services) is True
            assert anna.call(f"{server}communication.call.getPhoneIds") == ["SIP/11"]
            call = anna.call(f"{server}communication.call.placeCall", "0441", "", "")
            assert anna.call(f"{server}communication.call.hangupCall", call) is True
            simulator.reset("0011")

            reset = "ucp.v20.client.connection.reset"
            wait_until(lambda: reset in [each.method for each in receiver.received])
            *states, last = [each.method for each in receiver.received]
            assert last == reset
            assert set(states) == {"ucp.v20.client.communication.call.receiveCallState"}
            assert anna.call(f"{server}connection.probe") is False


def test_a_login_needs_a_new_subscription() -> None:
    with anna_listens() as scene:
        scene.anna.v22(LOGIN)
        scene.simulator.ring("0011")
        assert len(scene.simulator.notifications) == 0

        scene.anna.log_in()
        scene.simulator.ring("0011")
        assert set(scene.states(2)) == {"INCOMING", "RINGING"}


@pytest.mark.parametrize(
    ("second_login", "given"),
    [("replaces", {"/second"}), ("keeps_first", {"/x"}), ("adds", {"/x", "/second"})],
)
def test_a_second_login_of_a_user_takes_the_callback_by_switch(
    second_login: str, given: set[str]
) -> None:
    with anna_listens(second_login=second_login) as scene:
        with PlainClient(scene.simulator, scene.received, path="/second") as second:
            second.log_in()
        scene.simulator.ring("0011")

        wait_until(scene.simulator.idle)
        assert {each.path for each in scene.received.received} == given


@pytest.mark.parametrize("ends_others", [True, False])
def test_a_logout_ends_other_sessions_by_switch(ends_others: bool) -> None:
    with anna_listens(second_login="adds", logout_ends_others=ends_others) as scene:
        with PlainClient(scene.simulator, scene.received, path="/second") as second:
            second.log_in()
            assert second.v22("connection.logout") is True

        assert len(scene.simulator.sessions) == (0 if ends_others else 1)


def test_a_restart_forgets_sessions_and_calls_without_a_word() -> None:
    with anna_listens() as scene:
        scene.simulator.ring("0011")
        scene.states(2)
        scene.simulator.restart()

        assert scene.anna.v22(ALIVE) is False
        scene.anna.log_in()
        assert scene.anna.v22("call.getCallIds") == []
        assert scene.received.states == ["INCOMING", "RINGING"]


def access_token(simulator: Simulator, **form: str) -> dict[str, Any]:
    fields = {"client_id": "rest-client-headless", "client_secret": "simulator-secret"} | form
    url = f"{simulator.url}/.well-known/openid-configuration"
    found = httpx.get(url, follow_redirects=True, verify=TLS).json()
    answer: dict[str, Any] = httpx.post(found["token_endpoint"], data=fields, verify=TLS).json()
    return answer


PASSWORD = {"grant_type": "password", "username": "0011", "password": "Geheim#2024"}


def test_an_access_token_opens_a_session_until_it_expires() -> None:
    clock = Clock()
    with Simulator(clock=clock) as simulator, PlainClient(simulator) as anna:
        issued = access_token(simulator, **PASSWORD)
        anna.query = {f"{PREFIX}jwt": issued["access_token"]}

        assert issued["expires_in"] == 300
        assert anna.v30(LOGIN) is True
        clock.now += 301
        answer = anna.post(f"ucp.v30.requests.{ALIVE}")
        assert answer.status_code == 302


def test_a_refresh_token_is_good_once() -> None:
    with Simulator() as simulator, PlainClient(simulator) as anna:
        refresh = access_token(simulator, **PASSWORD)["refresh_token"]
        fields = {"grant_type": "refresh_token", "refresh_token": refresh}

        anna.query = {f"{PREFIX}jwt": access_token(simulator, **fields)["access_token"]}
        assert anna.v30(LOGIN) is True
        assert access_token(simulator, **fields) == {"error": "invalid_grant"}


@pytest.mark.parametrize(
    ("form", "error"),
    [
        (PASSWORD | {"password": "wrong"}, "invalid_grant"),
        (PASSWORD | {"client_secret": "wrong"}, "invalid_client"),
        (PASSWORD | {"grant_type": "something"}, "unsupported_grant_type"),
    ],
)
def test_a_wrong_grant_is_answered_as_oauth_says(form: dict[str, str], error: str) -> None:
    with Simulator() as simulator:
        assert access_token(simulator, **form) == {"error": error}


def test_tokens_of_other_users_do_not_open_a_session() -> None:
    with Simulator() as simulator, PlainClient(simulator) as anna:
        anna.query[f"{PREFIX}auth"] = hashlib.md5(b"0012*Geheim#2024").hexdigest()

        with pytest.raises(xmlrpc.client.Fault):
            anna.v22(LOGIN)
