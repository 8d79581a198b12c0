from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from cryptography.fernet import Fernet
from typer.testing import CliRunner, Result

from cli.commands.people import own_calls
from cli.site.context import CommandFailed
from consumers.users import User, Users
from runtime.secret_box import SecretBox
from starface.client import StarfaceClient
from starface.credential import derive
from starface.failures import UnsupportedByApi
from starface.settings import StarfaceSettings
from starface.simulator import DEFAULT_USERS, SimulatedUser, Simulator

app = typer.Typer(pretty_exceptions_enable=False)
for command in (own_calls.hangup, own_calls.hold, own_calls.forward, own_calls.phones):
    app.command()(command)


@app.callback()
def _config(context: typer.Context, config: Path) -> None:
    context.obj = {"config": config}


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    anna = SimulatedUser("0011", "Geheim#2024", "11", "Anna", phones=("SIP/11", "SIP/11.Client"))
    with Simulator([anna, *DEFAULT_USERS[1:]]) as simulator:
        simulator.switches.lift_after = None
        yield simulator


@pytest.fixture
def site(tmp_path: Path, simulator: Simulator) -> Path:
    secrets = tmp_path / "secrets"
    secrets.mkdir(0o700)
    key = Fernet.generate_key()
    (secrets / "seal.key").write_bytes(key)
    (secrets / "seal.key").chmod(0o600)
    path = tmp_path / "starface2mqtt.toml"
    path.write_text(
        "[site]\ninternal_digits = 2\n[starface]\n"
        f'host = "127.0.0.1"\nport = {simulator.port}\nscheme = "http"\napi = "v30"\n'
    )
    starface = StarfaceSettings(host="127.0.0.1", port=simulator.port, scheme="http", api="v30")
    with Users(tmp_path / "data" / "starface2mqtt.db", SecretBox(key)) as users:
        for user in DEFAULT_USERS[:2]:
            credential = derive("sha512", user.login, user.password)
            users.add(User(login=user.login, extension=user.extension), credential)
            StarfaceClient(starface, user.login, credential).login()
    return path


def _run(site: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [str(site), *words])


def test_the_only_running_call_is_ended(site: Path, simulator: Simulator) -> None:
    simulator.place("0011", "0441234567")

    assert _run(site, "hangup", "--as", "0011").exit_code == 0
    assert simulator.pbx.calls == {}


def test_of_several_calls_one_must_be_named(site: Path, simulator: Simulator) -> None:
    for _ in range(2):
        simulator.answer(simulator.ring("0011", "0441234567"))

    result = _run(site, "hangup", "--as", "0011")

    assert isinstance(result.exception, CommandFailed)
    assert len(simulator.pbx.calls) == 2


def test_a_colleagues_call_is_not_ended(site: Path, simulator: Simulator) -> None:
    colleagues = simulator.place("0012", "0441234567")

    result = _run(site, "hangup", colleagues, "--as", "0011")

    assert isinstance(result.exception, CommandFailed)
    assert list(simulator.pbx.calls) == [colleagues]


def test_a_call_is_held(site: Path, simulator: Simulator) -> None:
    call = simulator.ring("0011", "0441234567")
    simulator.answer(call)

    assert _run(site, "hold", "--as", "0011").exit_code == 0
    assert simulator.pbx.call(call).legs["0011"].state == "PARKED"


def test_holding_needs_the_newer_interface(site: Path, simulator: Simulator) -> None:
    site.write_text(site.read_text().replace("v30", "v22"))
    simulator.place("0011", "0441234567")

    assert isinstance(_run(site, "hold", "--as", "0011").exception, UnsupportedByApi)


def test_a_call_is_handed_to_a_colleague(site: Path, simulator: Simulator) -> None:
    call = simulator.ring("0011", "0441234567")
    simulator.answer(call)

    assert _run(site, "forward", "12", "--as", "0011").exit_code == 0
    assert simulator.pbx.call(call).legs["0012"].state == "RINGING"


@pytest.mark.parametrize("target", ["0441234567", "+8821234567", "*21*0441234567#", "112"])
def test_a_call_is_never_forwarded_to_the_outside(
    site: Path, simulator: Simulator, target: str
) -> None:
    call = simulator.ring("0011", "0441234567")
    simulator.answer(call)

    result = _run(site, "forward", "--as", "0011", "--", target)

    assert isinstance(result.exception, CommandFailed)
    assert simulator.requests["ucp.v30.requests.call.forward"] == 0


def test_telephones_are_shown_and_one_is_chosen(site: Path) -> None:
    assert _run(site, "phones", "--as", "0011", "--default", "SIP/11.Client").exit_code == 0

    shown = _run(site, "phones", "--as", "0011").output.splitlines()

    assert [line.split()[0] for line in shown] == ["SIP/11", "SIP/11.Client"]
    assert "first at STARFACE" in shown[0]
    assert "rings when dialling" in shown[1]


def test_a_telephone_of_somebody_else_is_not_chosen(site: Path) -> None:
    result = _run(site, "phones", "--as", "0011", "--default", "SIP/12")

    assert isinstance(result.exception, CommandFailed)
    assert "SIP/11, SIP/11.Client" in str(result.exception)
