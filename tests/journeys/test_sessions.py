from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bus.connection import Connection
from bus.settings import BrokerSettings
from cli.mosquitto import free_port
from starface.simulator import DEFAULT_USERS, SimulatedUser, Simulator
from starface.token import derive
from starface.users import User
from tests.conftest import wait_until
from tests.gateway.running import GatewayProcess
from tests.journeys.sessions_running import (
    Listener,
    Office,
    SessionsProcess,
    subscribed,
)

Connect = Callable[..., Connection]
ANNA, BERND, CLARA = (person.login for person in DEFAULT_USERS)
WITHIN = 15.0  # seconds


@pytest.fixture
def gateway(tmp_path: Path, broker_settings: BrokerSettings) -> Iterator[GatewayProcess]:
    with GatewayProcess(tmp_path / "gateway", broker_settings, free_port()) as process:
        yield process


@pytest.fixture
def pbx() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def office(tmp_path: Path, pbx: Simulator, gateway: GatewayProcess) -> Office:
    return Office(tmp_path / "office", DEFAULT_USERS, pbx.port, gateway.port)


@pytest.fixture
def sessions(office: Office, broker_settings: BrokerSettings) -> Iterator[SessionsProcess]:
    with SessionsProcess(office, broker_settings) as process:
        yield process


@pytest.fixture
def listener(connect: Connect) -> Iterator[Listener]:
    with Listener(connect("panel")) as heard:
        yield heard


def _all_active(listener: Listener, pbx: Simulator) -> bool:
    return all(
        listener.state(login) == "active" and subscribed(pbx, login)
        for login in (ANNA, BERND, CLARA)
    )


def test_a_restarted_pbx_has_everybody_again_and_the_next_call_arrives(
    pbx: Simulator, sessions: SessionsProcess, listener: Listener
) -> None:
    wait_until(lambda: _all_active(listener, pbx))

    pbx.restart(down_for=0.5)
    wait_until(lambda: listener.state(ANNA) == "failing")
    wait_until(lambda: _all_active(listener, pbx), WITHIN)
    call_id = pbx.ring(ANNA, "+41441234567")

    wait_until(lambda: listener.heard(ANNA, call_id))
    assert not listener.heard(ANNA, call_id)[0].replayed


def test_a_user_is_switched_off_and_on_by_any_mqtt_client(
    pbx: Simulator, sessions: SessionsProcess, listener: Listener, connect: Connect
) -> None:
    wait_until(lambda: _all_active(listener, pbx))
    user = connect(BERND)

    user.publish_raw(user.topics.switch(BERND), b" OFF\n")
    wait_until(lambda: listener.state(BERND) == "inactive" and not subscribed(pbx, BERND))
    user.publish_raw(user.topics.switch(BERND), b"on")

    wait_until(lambda: _all_active(listener, pbx))


def test_the_last_choice_of_a_user_survives_a_restart_and_nobody_is_logged_out(
    pbx: Simulator,
    office: Office,
    broker_settings: BrokerSettings,
    listener: Listener,
    connect: Connect,
) -> None:
    with SessionsProcess(office, broker_settings) as sessions:
        wait_until(lambda: _all_active(listener, pbx))
        user = connect(CLARA)
        user.publish_raw(user.topics.switch(CLARA), b"off")
        wait_until(lambda: listener.state(CLARA) == "inactive")
        logouts = pbx.requests["ucp.v22.requests.connection.logout"]
        listener.states.clear()

        assert sessions.stop() == 0
        assert subscribed(pbx, ANNA)
        assert pbx.requests["ucp.v22.requests.connection.logout"] == logouts

        sessions.start()
        wait_until(lambda: listener.state(ANNA) == "active")
        wait_until(lambda: listener.state(CLARA) == "inactive")
        assert not subscribed(pbx, CLARA)


def test_a_wrong_password_is_said_and_not_tried_again_until_it_is_mended(
    pbx: Simulator, office: Office, sessions: SessionsProcess, listener: Listener
) -> None:
    wait_until(lambda: _all_active(listener, pbx))
    with office.users() as users:
        users.add(User(login=CLARA), derive("sha512", CLARA, "wrong"))

    wait_until(lambda: listener.state(CLARA) == "failing")
    state = listener.states[CLARA][-1]
    assert state.link == "login"
    assert state.sentence is not None
    tries = pbx.requests["ucp.v22.requests.connection.login"]
    beats = pbx.requests["ucp.v22.requests.connection.keepAlive"]
    wait_until(lambda: pbx.requests["ucp.v22.requests.connection.keepAlive"] > beats + 8)
    assert pbx.requests["ucp.v22.requests.connection.login"] == tries

    with office.users() as users:
        users.add(User(login=CLARA), derive("sha512", CLARA, "Roth?1313"))
    wait_until(lambda: _all_active(listener, pbx))


def test_users_who_come_and_go_are_noticed_without_a_restart(
    pbx: Simulator, office: Office, sessions: SessionsProcess, listener: Listener
) -> None:
    wait_until(lambda: _all_active(listener, pbx))

    with office.users() as users:
        users.remove(CLARA)
    wait_until(lambda: CLARA not in listener.states and not subscribed(pbx, CLARA))
    with office.users() as users:
        users.add(User(login=CLARA), derive("sha512", CLARA, "Roth?1313"))

    wait_until(lambda: _all_active(listener, pbx))


def test_calls_missed_while_the_gateway_was_away_are_handed_in_when_it_is_back(
    pbx: Simulator, gateway: GatewayProcess, sessions: SessionsProcess, listener: Listener
) -> None:
    wait_until(lambda: _all_active(listener, pbx))

    gateway.kill()
    wait_until(lambda: listener.code(ANNA) in {"gateway-offline", "callback-unreachable"}, WITHIN)
    call_id = pbx.ring(ANNA, "+41441234567")
    wait_until(pbx.idle)
    assert not listener.heard(ANNA, call_id)
    gateway.start()

    wait_until(lambda: listener.heard(ANNA, call_id), WITHIN)
    assert listener.heard(ANNA, call_id)[0].replayed
    wait_until(lambda: listener.state(ANNA) == "active")


def test_a_pbx_that_is_not_there_is_said_and_waited_for(
    tmp_path: Path, gateway: GatewayProcess, broker_settings: BrokerSettings, listener: Listener
) -> None:
    port = free_port()
    person = SimulatedUser(ANNA, "Geheim#2024", "11", "Anna Beispiel")
    office = Office(tmp_path / "office", [person], port, gateway.port)
    with SessionsProcess(office, broker_settings):
        wait_until(lambda: listener.code(ANNA) == "pbx-unreachable")
        with Simulator([person], port=port) as pbx:
            wait_until(lambda: listener.state(ANNA) == "active" and subscribed(pbx, ANNA), WITHIN)
