from pathlib import Path

from bus.numbers.private_numbers import changing, entry
from starface.simulator import DEFAULT_USERS, Simulator
from tests.conftest import wait_until
from tests.gateway.running import KEY
from tests.journeys.sessions.sessions_running import (
    Listener,
    Office,
    SessionsProcess,
    open_stage,
    subscribed,
)

ANNA = DEFAULT_USERS[0].login
MOTHER = "+41445550180"
_LOGIN, _LOOK = "ucp.v22.requests.connection.login", "ucp.v22.requests.call.getCallIds"


def _keep_private(*folders: Path) -> None:
    for folder in folders:
        one = entry(KEY, ANNA, MOTHER, "2026-11-23")
        with changing(folder) as numbers:
            numbers[one.mark] = one


def _active(listener: Listener, pbx: Simulator, login: str) -> bool:
    return listener.state(login) == "active" and subscribed(pbx, login)


def test_a_private_call_leaves_nothing_and_the_session_continues(tmp_path: Path) -> None:
    with (
        Simulator() as pbx,
        open_stage(tmp_path, ("sessions", *(one.login for one in DEFAULT_USERS))) as stage,
    ):
        office = Office(tmp_path / "office", DEFAULT_USERS, pbx.port, stage.gateway.port)
        _keep_private(office.folder, stage.gateway.folder)
        stage.gateway.stop()
        stage.gateway.start()
        with SessionsProcess(office, stage.broker):
            listener = stage.listener
            wait_until(lambda: all(_active(listener, pbx, one.login) for one in DEFAULT_USERS))
            logins, states = pbx.requests[_LOGIN], len(listener.states[ANNA])

            private = pbx.ring(ANNA, MOTHER)
            looks = pbx.requests[_LOOK]
            wait_until(lambda: pbx.requests[_LOOK] > looks + 12)  # four for each user
            client = pbx.ring(ANNA, "+41441234567")
            wait_until(lambda: listener.received(ANNA, client))

            assert listener.received(ANNA, private) == []
            assert pbx.requests[_LOGIN] == logins
            assert len(listener.states[ANNA]) == states
            pbx.restart(down_for=0.5)
            wait_until(lambda: pbx.requests[_LOGIN] > logins)
            wait_until(lambda: _active(listener, pbx, ANNA))
            assert listener.received(ANNA, private) == []
    for path in [path for path in tmp_path.rglob("*") if path.is_file()]:
        assert b"5550180" not in path.read_bytes(), path
