"""How fast a card is in a real browser, and what 200 browsers cost the panel.

    .venv/bin/python benchmarks/panel.py [CARDS] [arguments.streams]

One Chromium looks at the panel while 50 calls a second happen to others; the time is from the
moment a call's event is published until its card is in the page. Then many streams of events are
open while 5 calls a second happen to their users.
"""

import argparse
import json
import os
import selectors
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psutil
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.load import needs
from bus.events import (
    CallData,
    CallerData,
    CallerEvent,
    CallEvent,
    Party,
    Reference,
    call_event_type,
    now,
)
from bus.mqtt.connection import Connection
from bus.panel_events import Access, AccessData
from cli.demo.mosquitto import Mosquitto, free_port
from cli.site.files import broker_folder, make_site, panel_key
from cli.site.settings import Settings
from panel.login import AccessList, LoginCookies
from panel.visitors import COOKIE
from tests.panel.browser.office import BROWSER

ROOT = Path(__file__).parent.parent
LOOKS = """
window.seen = {};
new MutationObserver(() => {
  for (const { dataset } of document.querySelectorAll("[data-call]"))
    seen[dataset.call] ??= Date.now();
}).observe(document.body, {childList: true, subtree: true});
"""


class Publisher:
    """Publishes calls and their answers as gateway and caller do."""

    def __init__(self, settings: Settings, stack: ExitStack) -> None:
        self._gateway = stack.enter_context(Connection(settings.broker, "gateway", lasting=False))
        self._caller = stack.enter_context(Connection(settings.broker, "caller", lasting=False))
        self._sessions = stack.enter_context(Connection(settings.broker, "sessions", lasting=False))
        for connection in (self._gateway, self._caller, self._sessions):
            connection.wait_connected()

    def admit(self, users: list[str]) -> None:
        since = datetime.now(UTC) - timedelta(seconds=1)
        for user in users:
            access = Access(data=AccessData(user=user, name=user, since=since))
            topic = self._sessions.topics.access(user)
            self._sessions.publish(topic, access, retain=True)

    def call(self, user: str) -> tuple[str, float]:
        """Begin a call; return its id and when."""
        call_id, caller = str(uuid4()), Party(number="044", e164="+41441234567", kind="external")
        self._event(user, call_id, "ringing", caller)
        at = time.time()
        contact = Reference(kind="contact", id="1", title="Petra Zweit", company="Zweit AG")
        answer = CallerData(
            user=user, call_id=call_id, event_id="e", trigger="ringing", caller=caller,
            quality="exact", contact=contact, opens="card", url="https://cases.example/1",
        )  # fmt: skip
        topic = self._caller.topics.caller(user)
        self._caller.send(topic, CallerEvent(data=answer).encoded())
        return call_id, at

    def end(self, user: str, call_id: str) -> None:
        self._event(user, call_id, "ended", Party())

    def _event(self, user: str, call_id: str, state: str, caller: Party) -> None:
        data = CallData(
            user=user, call_id=call_id, state=state, direction="in", caller=caller,
            received_at=now(),
        )  # fmt: skip
        event = CallEvent(type=call_event_type(data.state), data=data)
        self._gateway.send(self._gateway.topics.calls(user), event.encoded())


def background(publisher: Publisher, users: list[str], per_second: float) -> threading.Event:
    stop = threading.Event()

    def run() -> None:
        count = 0
        while not stop.wait(1 / per_second):
            user = users[count % len(users)]
            call_id, _ = publisher.call(user)
            publisher.end(user, call_id)
            count += 1

    threading.Thread(target=run, daemon=True).start()
    return stop


def cards(settings: Settings, publisher: Publisher, cookie: str, count: int) -> list[float]:
    """Return the seconds from event to card, each."""
    address = f"http://{settings.panel.listen}/"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=BROWSER, args=["--headless=new", "--no-sandbox", "--disable-gpu"]
        )
        context = browser.new_context()
        context.add_cookies([{"name": COOKIE, "value": cookie, "url": address}])
        page = context.new_page()
        page.goto(address)
        page.wait_for_selector("#switch.failing, #switch.active, #switch.off")
        page.wait_for_timeout(1500)
        page.evaluate(LOOKS)
        began = {}
        for _ in range(count):
            call_id, at = publisher.call("0011")
            began[call_id] = at
            page.wait_for_timeout(120)
            publisher.end("0011", call_id)
        page.wait_for_timeout(1000)
        seen = page.evaluate("seen")
        browser.close()
    missing = began.keys() - seen.keys()
    assert not missing, f"{len(missing)} cards never came"
    return [seen[call_id] / 1000 - at for call_id, at in began.items()]


def streams(settings: Settings, cookies: list[str], stack: ExitStack) -> list[socket.socket]:
    """Open a stream for each cookie, and read it so that none is behind."""
    opened = []
    for cookie in cookies:
        connection = stack.enter_context(socket.create_connection(settings.panel.address))
        connection.sendall(
            f"GET /events HTTP/1.1\r\nHost: localhost\r\nCookie: {COOKIE}={cookie}\r\n\r\n".encode()
        )
        opened.append(connection)

    def read() -> None:

        selector = selectors.DefaultSelector()
        for connection in opened:
            selector.register(connection, selectors.EVENT_READ)
        while True:
            try:
                for key, _ in selector.select(1):
                    if not key.fileobj.recv(65_536):  # type: ignore[union-attr]
                        selector.unregister(key.fileobj)
            except (OSError, ValueError):
                return

    threading.Thread(target=read, daemon=True).start()
    return opened


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cards", type=int, nargs="?", default=300)
    parser.add_argument("streams", type=int, nargs="?", default=200)
    arguments = parser.parse_args()
    needs("mosquitto", "mosquitto")
    if BROWSER is None:
        raise SystemExit("no browser is here; on Debian: sudo apt install chromium")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        ports = {"broker": free_port(), "panel": free_port()}
        settings = make_site(
            Path(folder) / "site",
            {
                "broker": {"port": ports["broker"]},
                "panel": {"listen": f"127.0.0.1:{ports['panel']}"},
                "site": {"country": "CH", "area_code": "44", "log_level": "WARNING"},
            },
        )
        conf = ROOT / "mosquitto.conf"
        stack.enter_context(Mosquitto(conf, broker_folder(settings), ports["broker"]))
        panel = subprocess.Popen(
            [sys.executable, "-m", "cli", "--config", str(settings.file), "panel"], cwd=ROOT
        )
        stack.callback(panel.wait)
        stack.callback(panel.send_signal, signal.SIGTERM)
        publisher = Publisher(settings, stack)
        users = ["0011", *(str(1000 + number) for number in range(max(arguments.streams, 500)))]
        publisher.admit(users)
        known = AccessList(settings.broker.topics())
        issue = LoginCookies(panel_key(settings), known).issue
        while True:
            try:
                socket.create_connection(settings.panel.address).close()
                break
            except OSError:
                time.sleep(0.2)
        time.sleep(3)
        stop = background(publisher, users[1:], 50)
        taken = sorted(cards(settings, publisher, issue("0011"), arguments.cards))
        stop.set()
        process = psutil.Process(panel.pid)
        alone = process.memory_full_info()
        streams(settings, [issue(user) for user in users[1 : arguments.streams + 1]], stack)
        time.sleep(8)
        stop = background(publisher, users[1 : arguments.streams + 1], 5)
        process.cpu_percent()
        time.sleep(20)
        share = process.cpu_percent()
        memory = process.memory_full_info()
        stop.set()
        result = {
            "cards": len(taken),
            "card_p50_ms": round(statistics.median(taken) * 1000),
            "card_p99_ms": round(taken[int(len(taken) * 0.99)] * 1000),
            "card_worst_ms": round(taken[-1] * 1000),
            "one_browser_rss_mb": round(alone.rss / 1e6),
            "streams": len(process.net_connections("tcp")) - 2,
            "streams_rss_mb": round(memory.rss / 1e6),
            "streams_uss_mb": round(memory.uss / 1e6),
            "streams_cpu_percent": round(share, 1),
            "load": os.getloadavg()[0],
        }
        print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
