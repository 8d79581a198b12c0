"""A workstation with the desktop's own openers: a file opens in the browser, a link is dialled.

Where Xvfb and xdg-utils are installed (`deploy/virtual-display`), a browser registered for the
scheme is found under a virtual display; elsewhere by $BROWSER, as on a system without a desktop.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from bus.events import DialRequest
from bus.settings import BrokerSettings
from consumers.caller.texts import step_sentence
from consumers.caller.trace_store import find
from tests.journeys.caller.caller_office import ROOT, Office

URL = "https://files.example/matters/m%2F1"
_BROWSER = """#!/bin/sh
printf '%s\\n' "$@" > {received}.half
mv {received}.half {received}
"""
# As xdg-open does it where there is no display.
_WITHOUT_XDG = '#!/bin/sh\nexec "$BROWSER" "$1"\n'


class Workstation:
    """A user's home with a browser, on a display if there can be one."""

    def __init__(self, folder: Path, display: str | None) -> None:
        self.received = folder / "received"
        self.display = display
        self._programs = folder / "bin"
        self._programs.mkdir(parents=True)
        browser = self._program("browser", _BROWSER.format(received=self.received))
        self.environment = {
            "HOME": str(folder),
            "PATH": f"{self._programs}:{os.environ['PATH']}",
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_DATA_HOME": str(folder / "data"),
            "XDG_STATE_HOME": str(folder / "state"),
        }
        if display is None:
            self.environment["BROWSER"] = str(browser)
            if shutil.which("xdg-open") is None:
                self._program("xdg-open", _WITHOUT_XDG)
        else:
            self.environment["DISPLAY"] = display
            self._register(browser, folder / "data" / "applications")

    def configure(self, broker: BrokerSettings) -> None:
        password = json.loads(broker.accounts_file.read_text())["0011"]
        path = Path(self.environment["XDG_CONFIG_HOME"]) / "starface2mqtt" / "desktop.toml"
        path.parent.mkdir(parents=True)
        path.write_text(
            f'[broker]\nport = {broker.port}\naccount = "0011"\npassword = "{password}"\n'
            "[desktop]\nnotification = false\n"
        )
        path.chmod(0o600)

    def configure_further(self, lines: str) -> None:
        path = Path(self.environment["XDG_CONFIG_HOME"]) / "starface2mqtt" / "desktop.toml"
        path.write_text(path.read_text() + lines)

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "cli", "desktop", *words]

    def run(self, *words: str) -> None:
        subprocess.run(words, cwd=ROOT, env=self.environment, check=True, timeout=50)

    def click(self, link: str) -> None:
        """Open a link as a browser does."""
        if self.display is not None:
            self.run("xdg-open", link)
            return
        entry = Path(self.environment["XDG_DATA_HOME"]) / "applications" / "starface2mqtt.desktop"
        [line] = [one for one in entry.read_text().splitlines() if one.startswith("Exec=")]
        words = shlex.split(line.removeprefix("Exec="))
        self.run(*(link if word == "%u" else word for word in words))

    def _program(self, name: str, text: str) -> Path:
        path = self._programs / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def _register(self, browser: Path, applications: Path) -> None:
        applications.mkdir(parents=True)
        Path(self.environment["XDG_CONFIG_HOME"]).mkdir()
        (applications / "browser.desktop").write_text(
            f"[Desktop Entry]\nType=Application\nName=Browser\nExec={browser} --new-tab %u\n"
            "MimeType=x-scheme-handler/https;\n"
        )
        self.run("xdg-mime", "default", "browser.desktop", "x-scheme-handler/https")


@contextmanager
def _display() -> Iterator[str | None]:
    """Give a virtual display, None where it is not installed."""
    program = shutil.which("Xvfb")
    if program is None or shutil.which("xdg-open") is None or shutil.which("xdg-mime") is None:
        yield None
        return
    reading, writing = os.pipe()
    with subprocess.Popen(
        [program, "-displayfd", str(writing), "-nolisten", "tcp", "-screen", "0", "640x480x8"],
        pass_fds=[writing], stderr=subprocess.DEVNULL,
    ) as server:  # fmt: skip
        os.close(writing)
        try:
            with os.fdopen(reading) as reported:
                yield f":{reported.readline().strip()}"
        finally:
            server.terminate()


@pytest.fixture
def office(tmp_path: Path, broker_settings: BrokerSettings, connect: Any) -> Office:
    return Office(tmp_path, broker_settings, connect)


@pytest.fixture(params=["display", "terminal"])
def workstation(
    request: pytest.FixtureRequest, tmp_path: Path, broker_settings: BrokerSettings
) -> Iterator[Workstation]:
    with _display() as display:
        made = Workstation(tmp_path / "home", display if request.param == "display" else None)
        made.configure(broker_settings)
        yield made


@contextmanager
def _at_work(workstation: Workstation, office: Office) -> Iterator[None]:
    words = workstation.command("run")
    with subprocess.Popen(words, cwd=ROOT, env=workstation.environment) as process:
        try:
            office.wait(office.desktop_receives)
            yield
            process.terminate()
            assert process.wait(5) == 0
        finally:
            process.kill()


def test_a_call_opens_the_file_in_the_registered_browser(
    office: Office, workstation: Workstation
) -> None:
    with office.caller(), _at_work(workstation, office):
        office.report()
        office.wait(workstation.received.exists)

    flag = ["--new-tab"] if workstation.display else []
    assert workstation.received.read_text().splitlines() == [*flag, URL]


def test_the_story_of_a_call_says_whether_the_workstation_opened_it(
    office: Office, workstation: Workstation
) -> None:
    workstation.configure_further('schemes = ["dms"]\n')  # so the address is not allowed there

    def reported() -> str:
        return " ".join(
            step_sentence(step, "en")
            for story in find(office.data, last=99)
            for step in story.steps
        )

    with office.caller(), _at_work(workstation, office):
        office.report()
        office.wait(lambda: "workstation (desktop): failed" in reported())

    assert "do not allow the address (address-refused)" in reported()
    assert office.wait_for(trigger="outcome").reason == "executor-failed"


@pytest.mark.parametrize("running", [True, False], ids=["process running", "no process"])
def test_a_link_that_is_clicked_becomes_a_dial_request(
    office: Office, workstation: Workstation, running: bool
) -> None:
    requests: list[DialRequest] = []
    office.dial.consume(
        office.dial.topics.dial("0011"), DialRequest, lambda reported, _: requests.append(reported)
    )
    workstation.run(*workstation.command("install"))
    with _at_work(workstation, office) if running else nullcontext():
        workstation.click("tel:+41441234567")
        office.wait(lambda: (office.dial.work(0.02), requests)[1])
        workstation.click("callto:044%20123%2045%2067")
        office.wait(lambda: (office.dial.work(0.02), len(requests) > 1)[1])

    numbers = [request.data.number for request in requests]
    assert numbers == ["tel:+41441234567", "callto:044%20123%2045%2067"]


def test_a_link_taken_back_is_nobodys(workstation: Workstation) -> None:
    workstation.run(*workstation.command("install"))
    workstation.run(*workstation.command("uninstall"))

    reported = Path(workstation.environment["XDG_CONFIG_HOME"]) / "mimeapps.list"
    assert "starface2mqtt" not in reported.read_text()
