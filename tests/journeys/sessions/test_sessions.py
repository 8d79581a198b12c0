from collections.abc import Iterator
from pathlib import Path

import pytest

from bus.mqtt.connection import Connection
from cli.demo.mosquitto import free_port
from consumers.users import User
from starface.credential import derive
from starface.oauth import log_in
from starface.simulator import DEFAULT_USERS, SimulatedUser, Simulator
from starface.simulator.model.switches import Switches
from tests.conftest import wait_until
from tests.gateway.running import GatewayProcess
from tests.journeys.sessions.sessions_running import (
    Listener,
    Office,
    SessionsProcess,
    SessionsThread,
    Stage,
    open_stage,
    subscribed,
)

ANNA, BERND, CLARA = (person.login for person in DEFAULT_USERS)
WITHIN = 15.0  # seconds


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    accounts = [
        "sessions",
        "sessions-2",
        "sessions-3",
        "sessions-4",
        *(person.login for person in DEFAULT_USERS),
    ]
    with open_stage(tmp_path_factory.mktemp("stage"), accounts) as opened:
        yield opened


@pytest.fixture(scope="module")
def listener(stage: Stage) -> Listener:
    return stage.listener


@pytest.fixture(scope="module")
def gateway(stage: Stage) -> GatewayProcess:
    return stage.gateway


@pytest.fixture(scope="module")
def pbx() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture(scope="module")
def office(
    tmp_path_factory: pytest.TempPathFactory, pbx: Simulator, gateway: GatewayProcess
) -> Office:
    return Office(tmp_path_factory.mktemp("office"), DEFAULT_USERS, pbx.port, gateway.port)


@pytest.fixture(scope="module")
def process(office: Office, stage: Stage) -> Iterator[SessionsProcess]:
    with SessionsProcess(office, stage.broker) as started:
        yield started


@pytest.fixture
def sessions(process: SessionsProcess, pbx: Simulator, listener: Listener) -> SessionsProcess:
    """The sessions, with everybody active."""
    wait_until(lambda: _all_active(listener, pbx), WITHIN)
    return process


def _switch(stage: Stage, login: str, payload: bytes) -> None:
    with Connection(stage.broker, login) as user:
        user.wait_connected()
        user.publish_raw(user.topics.switch(login), payload)


def _active(listener: Listener, pbx: Simulator, login: str) -> bool:
    return listener.state(login) == "active" and subscribed(pbx, login)


def _all_active(listener: Listener, pbx: Simulator) -> bool:
    return all(_active(listener, pbx, login) for login in (ANNA, BERND, CLARA))


def test_a_restarted_pbx_has_everybody_again_and_the_next_call_arrives(
    pbx: Simulator, sessions: SessionsProcess, listener: Listener
) -> None:
    pbx.restart(down_for=0.5)
    wait_until(lambda: listener.state(ANNA) == "failing")
    wait_until(lambda: _all_active(listener, pbx), WITHIN)
    call_id = pbx.ring(ANNA, "+41441234567")

    wait_until(lambda: listener.received(ANNA, call_id))
    assert not listener.received(ANNA, call_id)[0].replayed


def test_a_user_is_switched_off_and_on_by_any_mqtt_client(
    stage: Stage, pbx: Simulator, sessions: SessionsProcess, listener: Listener
) -> None:
    _switch(stage, BERND, b" OFF\n")
    wait_until(lambda: listener.state(BERND) == "inactive" and not subscribed(pbx, BERND))
    _switch(stage, BERND, b"on")

    wait_until(lambda: _all_active(listener, pbx))


def test_the_last_choice_of_a_user_survives_a_restart_and_nobody_is_logged_out(
    stage: Stage, pbx: Simulator, sessions: SessionsProcess, listener: Listener
) -> None:
    _switch(stage, CLARA, b"off")
    wait_until(lambda: listener.state(CLARA) == "inactive" and not subscribed(pbx, CLARA))
    logouts = pbx.requests["ucp.v22.requests.connection.logout"]

    assert sessions.stop() == 0
    assert subscribed(pbx, ANNA)
    assert pbx.requests["ucp.v22.requests.connection.logout"] == logouts

    listener.states.clear()
    sessions.start()
    wait_until(lambda: listener.state(ANNA) == "active")
    wait_until(lambda: listener.state(CLARA) == "inactive")
    assert not subscribed(pbx, CLARA)

    _switch(stage, CLARA, b"on")
    wait_until(lambda: _all_active(listener, pbx))


def test_the_process_leaves_in_time_while_the_pbx_is_silent(
    pbx: Simulator, sessions: SessionsProcess, listener: Listener
) -> None:
    pbx.outage(on=True, kind="silent")
    wait_until(lambda: listener.code(ANNA) == "pbx-silent")

    assert sessions.stop() == 0  # it waits 5 s

    pbx.outage(on=False)
    sessions.start()
    wait_until(lambda: _all_active(listener, pbx), WITHIN)


def test_a_wrong_password_is_said_and_not_tried_again_until_it_is_mended(
    pbx: Simulator, office: Office, sessions: SessionsProcess, listener: Listener
) -> None:
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
    with office.users() as users:
        users.remove(CLARA)
    wait_until(lambda: CLARA not in listener.states and not subscribed(pbx, CLARA))
    with office.users() as users:
        users.add(User(login=CLARA), derive("sha512", CLARA, "Roth?1313"))

    wait_until(lambda: _all_active(listener, pbx))


def test_calls_missed_while_the_gateway_was_away_are_handed_in_when_it_is_back(
    pbx: Simulator, gateway: GatewayProcess, sessions: SessionsProcess, listener: Listener
) -> None:
    gateway.kill()
    wait_until(lambda: listener.code(ANNA) in {"gateway-offline", "callback-unreachable"}, WITHIN)
    call_id = pbx.ring(ANNA, "+41441234567")
    wait_until(pbx.idle)
    assert not listener.received(ANNA, call_id)
    gateway.start()

    wait_until(lambda: listener.received(ANNA, call_id), WITHIN)
    assert listener.received(ANNA, call_id)[0].replayed
    wait_until(lambda: listener.state(ANNA) == "active")


def test_a_pbx_that_is_not_there_is_said_and_waited_for(tmp_path: Path, stage: Stage) -> None:
    port, listener = free_port(), stage.listener
    person = SimulatedUser("0099", "Geheim#2024", "11", "Anna Beispiel")
    office = Office(tmp_path / "office", [person], port, stage.gateway.port)
    with SessionsThread(office, stage.broker, "sessions-2"):
        wait_until(lambda: listener.code("0099") == "pbx-unreachable")
        with Simulator([person], port=port) as pbx:
            wait_until(lambda: _active(listener, pbx, "0099"), WITHIN)


def test_a_session_outlives_its_access_tokens_and_the_new_refresh_token_is_stored(
    tmp_path: Path, stage: Stage
) -> None:
    listener, person = stage.listener, SimulatedUser("0098", "Geheim#2024", "98", "Dora Neu")
    with Simulator([person], switches=Switches(jwt_seconds=1)) as pbx:
        office = Office(
            tmp_path / "office", [person], pbx.port, stage.gateway.port,
            auth="oauth", oauth_client_secret=pbx.switches.client_secret,
        )  # fmt: skip
        first = log_in(office.settings, "0098", "Geheim#2024").credential
        with office.users() as users:
            users.keep_credential("0098", first)
        with SessionsThread(office, stage.broker, "sessions-3"), office.users() as users:
            wait_until(lambda: _active(listener, pbx, "0098"))
            wait_until(lambda: users.credential("0098") != first)
            stored = users.credential("0098")
            wait_until(lambda: users.credential("0098") != stored)

            pbx.restart()
            wait_until(lambda: listener.state("0098") == "failing")
            wait_until(lambda: _active(listener, pbx, "0098"), WITHIN)


def test_with_the_usual_interval_too_a_short_restart_is_noticed_in_time_again_and_again(
    tmp_path: Path, stage: Stage
) -> None:
    listener = stage.listener
    people = [
        SimulatedUser(f"009{number}", "Geheim#2024", f"9{number}", "Anna Beispiel")
        for number in range(4)
    ]
    with Simulator(people) as pbx:
        office = Office(tmp_path / "office", people, pbx.port, stage.gateway.port, keep_alive=30)
        with SessionsThread(office, stage.broker, "sessions-4"):
            for _ in range(2):
                wait_until(lambda: all(_active(listener, pbx, each.login) for each in people))
                pbx.restart()
                wait_until(
                    lambda: all(_active(listener, pbx, each.login) for each in people), WITHIN
                )
