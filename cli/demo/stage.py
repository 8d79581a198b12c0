"""The stage of the demo: a broker, a stand-in PBX and all processes, each a process of its own."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx

from bus.access.roles import Right
from cli.demo.embedded_broker import EmbeddedBroker, installed
from cli.demo.mosquitto import BrokerNotStarted, Mosquitto, program
from cli.demo.ports import require_free
from cli.site.context import CommandFailed
from cli.site.files import add_user_account, broker_folder, changed_roles, make_site, seal
from cli.site.settings import Settings, read
from cli.site.shipped import shipped
from consumers.directory.directory import Directory
from consumers.importers.sample import sample
from consumers.users import User, Users
from starface.credential import derive
from starface.settings import Api
from starface.simulator.model.people import DEFAULT_USERS

FIRST_PORT = "DEMO_PORTS"
_ADVICE = f"Choose others: make demo {FIRST_PORT}=28080 takes seven ports from 28080 on"
_SHOWN = ("0011", "0012")
_PATIENCE = 12.0  # seconds a process may take to end, `up` with all of its own


@dataclass(frozen=True)
class Ports:
    """The ports of the demo."""

    gateway: int = 8080
    gateway_tls: int = 8081
    pbx: int = 8070
    pbx_control: int = 8071
    broker: int = 1884  # Debian's own Mosquitto sits on 1883
    operations: int = 9080
    panel: int = 8090

    @classmethod
    def chosen(cls, environment: Mapping[str, str]) -> Self:
        """Return the ports of DEMO_PORTS, or the usual ones; raise ValueError."""
        first = environment.get(FIRST_PORT, "")
        if not first:
            return cls()
        if not first.isdigit() or not 1024 <= int(first) <= 65_000:
            raise ValueError(f"{FIRST_PORT}={first}: name one port from 1024 to 65000")
        return cls(*range(int(first), int(first) + 7))


class Stage:
    """Everything running; use it in a `with` block."""

    def __init__(
        self, folder: Path, ports: Ports, *, embedded: bool = False, api: Api = "v22"
    ) -> None:
        self.folder = folder
        self._api = api
        self._embedded = embedded
        self.ports = ports
        self.broker: Mosquitto
        self.broker_name = ""
        self.settings: Settings
        self._open = ExitStack()
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        require_free({key: int(value) for key, value in vars(self.ports).items()}, _ADVICE)
        _clear(self.folder)
        try:
            self.settings = self._site()
            self._start_broker()
            self._start(
                "simulator",
                ["simulate", "run", "--port", str(self.ports.pbx),
                 "--control-port", str(self.ports.pbx_control)],
            )  # fmt: skip
            self._start("processes", ["--config", str(self.settings.file), "up"])
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End everything, the processes before the PBX and the broker."""
        for process in reversed(self._processes):
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_PATIENCE)
            if process.poll() is None:
                process.kill()
                process.wait()
        self._processes.clear()
        self._open.close()

    def at_the_phones(self, act: str, **values: Any) -> dict[str, Any]:
        """Do something at the telephones of the stand-in PBX."""
        url = f"http://127.0.0.1:{self.ports.pbx_control}/do/{act}"
        answer = httpx.post(url, json=values, timeout=5)
        answer.raise_for_status()
        return dict(answer.json())

    def pbx_answers(self) -> bool:
        """Return whether the stand-in PBX is up."""
        with contextlib.suppress(httpx.HTTPError):
            url = f"http://127.0.0.1:{self.ports.pbx_control}/phones"
            return httpx.get(url, timeout=1).status_code == 200
        return False

    def ended(self) -> str | None:
        """Return which log says why something ended, None while all runs."""
        for process, name in zip(self._processes, ("simulator", "processes"), strict=False):
            if process.poll() is not None:
                return str(self.folder / f"{name}.log")
        return None

    def _site(self) -> Settings:
        settings = make_site(self.folder, demo_values(self.ports, self._api))
        with Users(settings.database, seal(settings)) as users:
            for known in DEFAULT_USERS:
                if known.login in _SHOWN:
                    user = User(login=known.login, name=known.name, extension=known.extension)
                    users.add(user, derive("sha512", known.login, known.password))
                    add_user_account(settings, known.login)
        with changed_roles(settings) as roles:
            for login in _SHOWN:  # they see each other's state
                roles.supervise(login, Right(reads=("state",)), set(_SHOWN) - {login}, ())
        Directory(settings.database).apply(sample(settings.site.numbers))
        return read(settings.file)

    def _start_broker(self) -> None:
        folder = broker_folder(self.settings)
        if program() is not None and not self._embedded:
            broker = Mosquitto(shipped("mosquitto.conf"), folder, self.ports.broker)
            self.broker = self._open.enter_context(broker)
            self.broker_name = "Mosquitto"
        elif installed():
            from bus.settings import read_accounts

            passwords = read_accounts(self.settings.broker.accounts_file)
            self._open.enter_context(EmbeddedBroker(folder, self.ports.broker, passwords))
            self.broker_name = "iotcore, the embedded broker (for trying out only)"
        else:
            raise BrokerNotStarted(
                "there is no broker: apt-get install mosquitto, "
                f"or {sys.executable} -m pip install iotcore"
            )

    def _start(self, name: str, words: list[str]) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            self._processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "cli", *words],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                    env=os.environ | {"PYTHONUNBUFFERED": "1"},
                )
            )  # fmt: skip


def _clear(folder: Path) -> None:
    """Empty the demo's folder; raise CommandFailed for one that an earlier demo did not make."""
    mark = folder / ".starface2mqtt-demo"
    try:
        if folder.exists() and any(folder.iterdir()) and not mark.exists():
            raise CommandFailed(f"{folder} holds other things than a demo's; name another --folder")
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(mode=0o700, parents=True)
        mark.touch()
    except OSError as error:
        raise CommandFailed(f"{folder} cannot be emptied: {error.strerror}") from error


def demo_values(ports: Ports, api: Api = "v22") -> dict[str, dict[str, Any]]:
    """Return how the demo's configuration differs from the commented one."""
    return {
        "site": {"country": "CH", "area_code": "44"},
        "starface": {
            "host": "127.0.0.1",
            "port": ports.pbx,
            "api": api,
            "scheme": "http",
            "callback_host": "127.0.0.1",
            "callback_port": ports.gateway,
            "extension_may_differ": True,
            "keep_alive": 5,
        },
        "broker": {"port": ports.broker},
        "gateway": {
            "listen": [f"127.0.0.1:{ports.gateway}", f"127.0.0.1:{ports.gateway_tls}"],
            "operations": f"127.0.0.1:{ports.operations}",
        },
        "caller": {
            "matter": "https://cases.example/matters/{id}",
            "dossier": "https://cases.example/dossiers/{id}",
            "card": "https://cases.example/contacts/{id}",
            "new_contact": "https://cases.example/contacts/new?number={e164}",
        },
        "panel": {"listen": f"127.0.0.1:{ports.panel}"},
    }
