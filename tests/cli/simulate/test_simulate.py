import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.simulate.simulate import app
from starface.simulator import Simulator
from tests.starface.simulator.fixtures import anna_listens, listening, wait_until

RECORDED = """{"at": "2026-01-01T00:00:00+00:00", "method": "POST", "path": "/starface/x",
"query": {}, "headers": {"content-type": "text/xml"},
"body": "<methodCall><methodName>ucp.v20.client.connection.reset</methodName></methodCall>"}"""


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        simulator.switches.speed = 20
        yield simulator


def said(simulator: Simulator, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--control", simulator.control_url])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_user_is_rung_answered_and_hung_up(simulator: Simulator) -> None:
    rung = said(simulator, "ring", "0011", "--from", "+41441234567", "--name", "Dupont")
    [call_id] = re.findall(r"call (\S+)", rung.output)

    assert "RINGING     from +41441234567" in said(simulator, "phones").output
    assert said(simulator, "answer", call_id).exit_code == 0
    assert "CONNECTED" in said(simulator, "phones").output
    assert said(simulator, "hangup", call_id).exit_code == 0
    assert simulator.pbx.calls == {}


def test_a_ring_can_take_its_course_by_itself() -> None:
    with anna_listens(speed=20) as scene:
        said(scene.simulator, "ring", "0011", "--answer-after", "1", "--end-after", "3")

        assert scene.states(4) == ["INCOMING", "RINGING", "CONNECTED", "HANGUP"]


def test_the_own_phone_is_lifted(simulator: Simulator) -> None:
    simulator.set(lift_after=None)
    call_id = simulator.place("0011", "0441")

    wait_until(lambda: said(simulator, "lift", call_id).exit_code == 0)
    assert simulator.pbx.call(call_id).legs["0011"].state == "RINGBACK"


def test_scenarios_are_listed_with_a_sentence() -> None:
    listed = CliRunner().invoke(app, ["scenario"]).output

    assert re.search(r"attended-transfer +Answer a call, ask a colleague", listed)


def test_a_scenario_begins(simulator: Simulator) -> None:
    began = said(simulator, "scenario", "own-phone-not-lifted", "--user", "0012")

    assert began.output.startswith("own-phone-not-lifted begins. call ")
    assert [each.login for each in simulator.placed] == ["0012"]


def test_switches_are_set_and_shown(simulator: Simulator) -> None:
    pairs = ["repeat=2", "lift_after=none", "drop_states=RINGING,HANGUP", "users.0011.lifts=false"]
    assert said(simulator, "set", *pairs, "country=49").exit_code == 0

    assert simulator.switches.repeat == 2
    assert simulator.switches.lift_after is None
    assert simulator.switches.drop_states == {"RINGING", "HANGUP"}
    assert simulator.switches.users["0011"].lifts is False
    assert simulator.switches.country == "49"
    assert 'number_format="00"' in said(simulator, "set").output


def test_an_outage_and_a_restart_are_ordered() -> None:
    with anna_listens() as scene:
        assert said(scene.simulator, "outage", "--on").exit_code == 0
        assert said(scene.simulator, "outage", "--off").exit_code == 0
        assert len(scene.simulator.sessions) == 1
        assert said(scene.simulator, "restart").exit_code == 0
        assert scene.simulator.sessions == []


def test_any_act_of_the_door_can_be_done() -> None:
    with anna_listens() as scene:
        assert said(scene.simulator, "do", "deafen", "user=0011").exit_code == 0
        assert scene.simulator.sessions[0].silence == "half open"
        assert "there are: ring, answer" in said(scene.simulator, "do", "dance").stderr


def test_a_load_reports_how_it_was_answered() -> None:
    with anna_listens() as scene:
        scene.simulator.hang_up(scene.simulator.ring("0011"))
        wait_until(scene.simulator.idle)
        result = said(scene.simulator, "load", "--users", "1", "--rate", "5", "--seconds", "1")

        assert "5 calls in 1 s" in result.output
        assert "sent 20 times: 20 × 200; answered within p50" in result.output


def test_a_load_that_nobody_receives_says_so(simulator: Simulator) -> None:
    result = said(simulator, "load", "--rate", "1", "--seconds", "1")

    assert "no user is logged in" in result.output


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["ring", "0099"], "there is no user 0099; `simulate phones` lists them"),
        (["hangup", "x"], "there is no running call x; `simulate phones` lists them"),
        (["scenario", "x"], "no scenario 'x'; there are: attended-transfer, blind-transfer"),
        (["set", "nothing=1"], "there is no nothing; `simulate set` lists the switches"),
        (["set", "repeat=many"], "repeat: Input should be a valid integer"),
    ],
)
def test_what_goes_wrong_is_one_line_with_the_fix(
    simulator: Simulator, words: list[str], sentence: str
) -> None:
    result = said(simulator, *words)

    assert result.exit_code == 1
    [line] = result.stderr.splitlines()
    assert line.startswith(f"starface2mqtt: {sentence}")


def test_a_stand_in_that_is_not_there_is_one_line() -> None:
    result = CliRunner().invoke(app, ["phones", "--control", "http://127.0.0.1:1"])

    assert result.exit_code == 1
    [line] = result.stderr.splitlines()
    assert "start one with `starface2mqtt simulate run`" in line


def test_a_file_of_users_that_is_wrong_names_the_place(tmp_path: Path) -> None:
    path = tmp_path / "users.toml"
    path.write_text('[[users]]\nlogin = "1"\npassword = "x"\nname = "A"\n')
    result = CliRunner().invoke(app, ["run", "--users", str(path)])

    assert result.exit_code == 1
    assert "users.toml: users.0.extension: Field required" in result.stderr


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(app, ["run", "--port", str(port)])

    assert result.exit_code == 1
    assert f"port {port} (STARFACE) is taken" in result.stderr


@contextmanager
def started(*words: str) -> Iterator[subprocess.Popen[str]]:
    """Start a command as a process of its own; it is ended with the block."""
    command = [sys.executable, "-c", "from cli.simulate.simulate import app; app()", *words]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"}
    ) as process:
        kill = threading.Timer(30, process.kill)
        kill.start()
        try:
            yield process
        finally:
            process.terminate()
            process.wait()
            kill.cancel()


def line_with(process: subprocess.Popen[str], text: str) -> str:
    assert process.stdout is not None
    return next(line for line in process.stdout if text in line)


def test_a_stand_in_says_who_has_a_phone_and_leaves_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "users.toml"
    path.write_text(
        '[[users]]\nlogin = "0042"\npassword = "geheim"\nextension = "42"\nname = "Eva"\n'
    )
    ports = ["--port", str(free_port()), "--control-port", str(free_port())]
    with started("run", "--users", str(path), *ports, "--set", "repeat=2") as process:
        assert "geheim" in line_with(process, "0042")
        assert f"--control http://127.0.0.1:{ports[3]}" in line_with(process, "simulate phones")
        process.send_signal(signal.SIGTERM)

        assert process.wait(5) == 0


def test_a_recording_is_made_and_sent_again(tmp_path: Path) -> None:
    with listening() as receiver:
        path = tmp_path / "0001-reset.json"
        path.write_text(RECORDED)
        folder, port = tmp_path / "new", free_port()
        to = f"http://127.0.0.1:{receiver.port}/starface/a/b/c"
        words = ["record", str(folder), "--host", "127.0.0.1", "--port", str(port)]
        with started(*words, "--forward", f"http://127.0.0.1:{receiver.port}") as process:
            line_with(process, "records what arrives")
            passed = ["replay", str(path), "--to", f"http://127.0.0.1:{port}/starface/a/b/c"]
            assert CliRunner().invoke(app, passed).output.startswith("200 POST")
            assert line_with(process, "0001-reset.json")
        again = CliRunner().invoke(app, ["replay", str(folder), "--to", to, "--user", "0012"])

        assert again.exit_code == 0
        assert [each.method.rpartition(".")[2] for each in receiver.received] == ["reset", "reset"]


def test_a_refused_replay_ends_with_an_error(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_text(RECORDED)
    with listening() as receiver:
        receiver.status = 403
        to = f"http://127.0.0.1:{receiver.port}/x"
        result = CliRunner().invoke(app, ["replay", str(path), "--to", to])

    assert (result.exit_code, result.output.split()[0]) == (1, "403")


def test_a_replay_to_nobody_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_text(RECORDED)
    result = CliRunner().invoke(app, ["replay", str(path), "--to", "http://127.0.0.1:1/x"])

    assert result.exit_code == 1
    assert "nobody answers at that address" in result.stderr
