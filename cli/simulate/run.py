"""The commands about the stand-in that stay, and those about recordings."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.simulate.failures import plainly, stop_requested
from cli.simulate.simulate_switches import pairs

if TYPE_CHECKING:
    from starface.simulator import Simulator

CONTROL = "http://127.0.0.1:8071"


def run(
    users: Annotated[Path | None, typer.Option(help="TOML file: users, groups, contacts.")] = None,
    count: Annotated[int, typer.Option(min=0, help="Make this many users, from 1001 on.")] = 0,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of the PBX.")] = 8070,
    control_port: Annotated[int, typer.Option(help="Port of the control door.")] = 8071,
    certificate: Annotated[Path | None, typer.Option(help="Speak TLS with this one (PEM).")] = None,
    key: Annotated[Path | None, typer.Option(help="Key of the certificate, if apart.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE of a switch.")] = None,
) -> None:  # fmt: skip
    """Run a stand-in STARFACE until it is asked to stop."""
    from cli.demo.ports import require_free
    from starface.simulator import DEFAULT_USERS, Simulator, many_users
    from starface.simulator.model.people_file import read_people

    with plainly():
        options: dict[str, Any] = {"users": many_users(count) if count else DEFAULT_USERS}
        if users is not None:
            people, groups, contacts = read_people(users)
            options = {"users": people, "groups": groups, "contacts": contacts}
        require_free(
            {"STARFACE": port, "control door": control_port},
            "Choose others with --port and --control-port.",
        )
        if certificate is not None:
            options["certificate"] = (certificate, key or certificate)
        simulator = Simulator(host=host, port=port, control_port=control_port, **options)
        simulator.set(**pairs(set_ or []))
        with simulator:
            stopped = stop_requested()
            _introduce(simulator)
            stopped.wait()


def record(
    folder: Annotated[Path, typer.Argument(help="Where the files go.")] = Path("recordings"),
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "0.0.0.0",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8080,
    forward: Annotated[
        str | None, typer.Option(help="Pass everything on to this address, and its answer back.")
    ] = None,
) -> None:
    """Write down what a real PBX sends, with numbers, names and tokens made anonymous."""
    from cli.demo.ports import require_free
    from starface.simulator.interface.http_port import HttpPort
    from starface.simulator.recordings.recorder import Recorder, create_recorder

    with plainly():
        require_free({"recorder": port}, "Choose another with --port.")
        folder.mkdir(parents=True, exist_ok=True)
        recorder = Recorder(folder, forward, lambda path: typer.echo(path))
        with HttpPort(create_recorder(recorder), host, port, threads=4):
            stopped = stop_requested()
            then = f", passed on to {forward}" if forward else ""
            typer.echo(f"records what arrives at port {port} into {folder}/{then}; Ctrl+C ends it")
            stopped.wait()


def replay(
    files: Annotated[list[Path], typer.Argument(help="Recordings, or folders of them.")],
    to: Annotated[str, typer.Option(help="Address of the callback, with its whole path.")],
    user: Annotated[str | None, typer.Option(help="Login ID to put into the query.")] = None,
) -> None:
    """Send recordings to a gateway, in the order of their names."""
    import httpx

    from starface.simulator.recordings.recordings import read, send

    with plainly(), httpx.Client(timeout=10) as client:
        found = [
            each for file in files for each in (file.glob("*.json") if file.is_dir() else [file])
        ]
        refused = 0
        for notification in read(found):
            status = send(notification, to, client, user)
            refused += status >= 400
            typer.echo(f"{status} {notification.method} {notification.at}")
        if refused:
            raise typer.Exit(1)


def _introduce(simulator: "Simulator") -> None:
    typer.echo(f"A stand-in STARFACE answers at {simulator.url} (/xml-rpc and /rest).")
    typer.echo(f"Its telephones, to ring and answer by hand: {simulator.control_url}/\n")
    people = list(simulator.pbx.users.values())
    for user in people[:10]:
        typer.echo(f"  {user.login:8} {user.password:14} extension {user.extension:6} {user.name}")
    if len(people) > 10:
        typer.echo(f"  ... and {len(people) - 10} more, passwords alike")
    option = "" if simulator.control_url == CONTROL else f" --control {simulator.control_url}"
    first = people[0].login
    typer.echo("\nNext, in another terminal:")
    for command in (
        f"ring {first} --from +41441234567 --answer-after 3 --end-after 10",
        f"scenario click-to-dial --user {first}",
        "phones",
        "set number_format=national",
    ):
        typer.echo(f"  starface2mqtt simulate {command}{option}")
