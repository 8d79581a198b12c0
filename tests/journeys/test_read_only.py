"""A folder that may only be read: each process says which file, waits, and begins when it may."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from bus.mqtt.connection import Connection
from cli.demo.mosquitto import Mosquitto, free_port
from cli.site.files import add_user_account, broker_folder, make_site, seal
from cli.site.settings import Settings, read
from consumers.users import User, Users
from starface.credential import derive
from tests.conftest import ROOT, wait_until

PROCESSES = ("gateway", "sessions", "caller", "dial", "journal", "panel")
COMMANDS = (
    ("user", "list"), ("status",), ("why",), ("dials",), ("off", "0011"),
    ("user", "set", "0011", "--action", "none"), ("private", "add", "0445550101", "--user", "0011"),
)  # fmt: skip


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let nobody write into a folder: root ignores its mode, but not how it is mounted."""
    if os.geteuid():
        folder.chmod(0o500)
        try:
            yield
        finally:
            folder.chmod(0o700)
        return
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Settings]:
    """A site with one user, and its broker."""
    settings = make_site(
        tmp_path / "site",
        {
            "broker": {"port": free_port()},
            "gateway": {"listen": [f"127.0.0.1:{free_port()}"], "operations": ""},
            "panel": {"listen": f"127.0.0.1:{free_port()}"},
            "starface": {"host": "127.0.0.1", "port": free_port(), "scheme": "http"},
        },
    )
    add_user_account(settings, "0011")
    with Users(settings.database, seal(settings)) as users:
        users.add(User(login="0011", extension="11"), derive("sha512", "0011", "a password"))
    with Mosquitto(ROOT / "mosquitto.conf", broker_folder(settings), settings.broker.port):
        yield read(settings.file)


@contextmanager
def running(settings: Settings, name: str) -> Iterator[tuple["subprocess.Popen[bytes]", Path]]:
    """Run a process as `up` would; yield it and what it logs."""
    log = settings.folder.parent / f"{name}.log"
    words = [name, "--active"] if name == "caller" else [name]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli", "--config", settings.file, *words],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        yield process, log
        process.terminate()
        assert process.wait(15) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("again", [False, pytest.param(True, id="again", marks=pytest.mark.long)])
@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_names_the_file_and_begins_once_it_may_write(
    site: Settings, name: str, again: bool
) -> None:
    online: list[bytes] = []
    with Connection(site.broker, "cli-1", lasting=False) as person:
        account = "caller-for-0011" if name == "caller" else name
        person.subscribe(
            person.topics.process(account), lambda message: online.append(message.payload)
        )

        def is_online() -> bool:
            person.work(0.02)
            return online[-1:] == [b"online"]

        if again:
            with running(site, name):
                wait_until(is_online)
            wait_until(lambda: not is_online())
        file = f"{site.site.data_folder}/"
        with ExitStack() as started:
            with read_only(site.site.data_folder):
                process, log = started.enter_context(running(site, name))
                wait_until(lambda: file in log.read_text(), 60)
                assert process.poll() is None
            wait_until(is_online, 60)

    written = log.read_text()
    assert "Traceback" not in written
    assert written.count("ERROR") <= 3


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_says_what_it_cannot_write_in_one_sentence(
    site: Settings, words: tuple[str, ...]
) -> None:
    with read_only(site.site.data_folder):
        done = subprocess.run(
            [sys.executable, "-m", "cli", "--config", site.file, *words],
            cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    reads = words in [("why",), ("dials",)]
    assert (str(site.site.data_folder) in done.stderr) != reads


def test_the_desktop_says_which_file_and_ends(tmp_path: Path) -> None:
    settings = tmp_path / "desktop.toml"
    settings.write_text('[broker]\nhost = "localhost"\naccount = "0011"\npassword = "secret"\n')
    settings.chmod(0o600)
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    with read_only(folder):
        done = subprocess.run(
            [sys.executable, "-m", "cli", "--config", settings, "desktop", "run"],
            cwd=ROOT, env=os.environ | {"XDG_STATE_HOME": str(folder)},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert f"{folder}/" in line
