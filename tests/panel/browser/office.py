"""An office in a browser: the whole of the demo, real processes and a real Chromium."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import httpx
import psutil
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Playwright

from cli.demo.mosquitto import Mosquitto, free_ports
from cli.demo.stage import Ports, Stage
from starface.settings import Api
from starface.simulator import DEFAULT_USERS
from tests.conftest import ROOT, wait_until

ANNA, BERND = DEFAULT_USERS[:2]
MEIER, FREI, NOBODY = "+41441234567", "+41445550180", "+41445556677"
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
AXE = ROOT / ".venv" / "share"
_FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENCE = 20_000  # milliseconds, on a machine with much to do


class Office:
    """A demo's stage with a browser in front of it."""

    def __init__(self, folder: Path, playwright: Playwright, api: Api = "v22") -> None:
        self._open = contextlib.ExitStack()
        self.stage = Stage(folder / "office", Ports(*_ports()), api=api)
        self._playwright = playwright
        self._browser: Browser

    def __enter__(self) -> Self:
        self._open.enter_context(self.stage)
        assert BROWSER is not None, "deploy/browser installs it"
        self._browser = self._playwright.chromium.launch(executable_path=BROWSER, args=_FLAGS)
        self._open.callback(self._browser.close)
        wait_until(self._answers, 60)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def address(self) -> str:
        """Where the panel is."""
        return f"http://127.0.0.1:{self.stage.ports.panel}/"

    def desk(self, login: str = ANNA.login, **options: Any) -> "Desk":
        """Return the browser of somebody who has just logged in."""
        options = {"locale": "de-CH", "viewport": {"width": 1280, "height": 860}} | options
        desk = Desk(self, self._browser.new_context(**options))
        desk.log_in(login)
        return desk

    def visitor(self, **options: Any) -> "Desk":
        """Return the browser of somebody who has not logged in."""
        return Desk(self, self._browser.new_context(**{"locale": "de-CH"} | options))

    def phones(self, act: str, **values: Any) -> dict[str, Any]:
        """Do something at the telephones."""
        return self.stage.at_the_phones(act, **values)

    def ring(self, number: str, user: str | None = ANNA.login, group: str = "") -> str:
        """Let a number call; return the call's id."""
        target = {"group": group} if group else {"user": user}
        return str(self.phones("ring", caller_number=number, **target)["call_id"])

    def process(self, name: str) -> psutil.Process:
        """Return a process of the office, its broker or its PBX."""
        if name == "broker":
            return psutil.Process(self.broker.pid)
        ours = {each.cmdline()[-1]: each for each in psutil.Process().children() if each.cmdline()}
        if name == "pbx":
            return ours[str(self.stage.ports.pbx_control)]
        return next(each for each in ours["up"].children() if each.name() == name)

    def kill(self, name: str) -> None:
        """Kill a process; its parent starts another."""
        self.process(name).kill()

    @contextlib.contextmanager
    def stopped(self, name: str) -> Iterator[None]:
        """Have a process of the office stand still for a while."""
        process = self.process(name)
        family = [process, *process.children(recursive=True)]
        for each in family:
            each.suspend()
        try:
            yield
        finally:
            for each in family:
                each.resume()

    @property
    def broker(self) -> Mosquitto:
        """The office's broker."""
        return self.stage.broker

    def _answers(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.address}session", timeout=2).status_code == 200
        return False


class Desk:
    """One person's browser."""

    def __init__(self, office: Office, context: BrowserContext) -> None:
        self.office = office
        self.context = context
        self.faults: list[str] = []
        context.set_default_timeout(PATIENCE)
        self.page = self.tab()

    def tab(self) -> Page:
        """Open a tab."""
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.goto(self.office.address)
        return page

    def log_in(self, login: str, password: str | None = None) -> None:
        """Type login and password."""
        known = {user.login: user.password for user in DEFAULT_USERS}
        self.page.fill("input[name=username]", login)
        self.page.fill("input[name=password]", password or known[login])
        self.page.click("form .button")
        if password is None:
            self.page.wait_for_selector(".switch.active")

    def card(self, call_id: str) -> Locator:
        """Return the card of a call."""
        return self.page.locator(f'[data-call="{call_id}"]')

    def row(self, text: str) -> Locator:
        """Return the row of the journal that holds a text."""
        return self.page.locator("#calls .row", has_text=text).first

    def go(self, page: str) -> None:
        """Open one of the pages."""
        self.page.evaluate(f"location.hash = '#/{page}'")

    def axe(self) -> list[str]:
        """Return what axe-core finds wrong with what is shown."""
        [script] = AXE.glob("axe-*.min.js")
        # The page's policy lets no script of others in; the debugger does.
        self.page.evaluate(script.read_text() + ";0")
        found = self.page.evaluate(
            "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']})"
            ".then(found => found.violations.map("
            "one => one.id + ' ' + one.nodes.map(node => node.html).join(' ')))"
        )
        return [str(one)[:600] for one in found]

    def close(self) -> None:
        """Close the browser; nothing in it may have failed."""
        self.context.close()
        assert self.faults == []


def _ports() -> range:
    first = free_ports(7)
    return range(first, first + 7)
