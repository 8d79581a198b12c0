"""The icon: its three pictures, and how it is shown on a desktop with a tray and without."""

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from consumers.desktop.icon import IconLook, MenuEntry, Shape
from consumers.desktop.tray import TrayIcon, drawn
from tests.conftest import wait_until

ACTIVE = IconLook("active", "Active")
SWITCH = [MenuEntry("Switch off", "off", by_click=True)]


def _silhouette(shape: Shape, missed: int = 0) -> bytes:
    """Return where a picture has something, whatever its colours."""
    return bytes(drawn(IconLook(shape, "", missed)).getchannel("A").tobytes())


def test_the_looks_differ_by_shape_and_not_only_by_colour() -> None:
    assert len({_silhouette(shape) for shape in ("active", "off", "failing")}) == 3


def test_missed_calls_are_counted_on_the_icon() -> None:
    pictures = {drawn(IconLook("active", "", count)).tobytes() for count in (0, 1, 2, 10)}

    assert len(pictures) == 4
    assert drawn(IconLook("off", "", 10)).tobytes() == drawn(IconLook("off", "", 99)).tobytes()


class Desktop:
    """What pystray's icon is to the desktop, without one."""

    def __init__(self, name: str, icon: Any, title: str, menu: Any) -> None:
        self.icon, self.title, self.menu = icon, title, menu
        self.ended = False

    def run(self) -> None:
        pass

    def stop(self) -> None:
        self.ended = True


@pytest.fixture
def _dummy(monkeypatch: pytest.MonkeyPatch) -> None:
    if not os.environ.get("DISPLAY"):
        monkeypatch.setenv("PYSTRAY_BACKEND", "dummy")  # its menus need no display


@pytest.mark.usefixtures("_dummy")
def test_an_icon_takes_new_looks_and_hands_on_wishes() -> None:
    wishes: list[str] = []
    made: list[Desktop] = []

    def make(*given: Any) -> Desktop:
        made.append(Desktop(*given))
        return made[-1]

    tray = TrayIcon(wishes.append, make)
    tray.show(ACTIVE, SWITCH)
    wait_until(lambda: made)
    inner = [MenuEntry("30 minutes", "dnd 30")]
    tray.show(IconLook("off", "Off"), [MenuEntry("Off"), MenuEntry("Quiet", entries=inner)])
    wait_until(lambda: made[0].title == "Off" and len(list(made[0].menu)) == 2)
    said, quiet = made[0].menu
    [span] = quiet.submenu
    span(made[0])
    tray.end()

    assert not said.enabled
    assert wishes == ["dnd 30"]
    assert made[0].ended
    assert len(made) == 1


def test_a_desktop_without_a_tray_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)

    def refuse(*_given: Any) -> Any:
        raise ImportError

    os.environ.setdefault("PYSTRAY_BACKEND", "dummy")
    tray = TrayIcon(lambda _: None, refuse)
    for shape in ("active", "off"):
        tray.show(IconLook(shape, shape), SWITCH)
    tray.end()

    assert [one.message for one in caplog.records].count(
        "no telephone icon reason=ImportError; calls open and are shown all the same"
    ) == 1


_SHOWN = """
import sys, threading
from consumers.desktop.icon import IconLook, MenuEntry
from consumers.desktop.tray import TrayIcon
pressed = threading.Event()
def perform(wish):
    print(wish, flush=True)
    pressed.set()
tray = TrayIcon(perform)
tray.show(IconLook("active", "Active"), [MenuEntry("Switch off", "off", by_click=True)])
pressed.wait(20)
tray.end()
"""


@pytest.fixture
def display() -> Iterator[str]:
    program = shutil.which("Xvfb")
    if program is None or sys.platform != "linux":
        pytest.skip("Xvfb is not installed here: deploy/virtual-display")
    reading, writing = os.pipe()
    with subprocess.Popen(
        [program, "-displayfd", str(writing), "-nolisten", "tcp", "-screen", "0", "320x200x24"],
        pass_fds=[writing], stderr=subprocess.DEVNULL,
    ) as server:  # fmt: skip
        os.close(writing)
        try:
            with os.fdopen(reading) as number:
                yield f":{number.readline().strip()}"
        finally:
            server.terminate()


def test_a_click_on_the_icon_in_a_real_tray_switches(display: str) -> None:
    from Xlib import X
    from Xlib.display import Display
    from Xlib.ext import xtest

    screen = Display(display)
    root = screen.screen().root
    panel = root.create_window(0, 0, 100, 40, 0, screen.screen().root_depth)
    panel.map()
    panel.set_selection_owner(screen.intern_atom("_NET_SYSTEM_TRAY_S0"), X.CurrentTime)
    screen.sync()
    with subprocess.Popen(
        [sys.executable, "-c", _SHOWN], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"DISPLAY": display, "PYSTRAY_BACKEND": "xorg"},
    ) as process:  # fmt: skip
        try:
            wait_until(screen.pending_events)
            docked = screen.next_event()
            icon = screen.create_resource_object("window", docked.data[1][2])
            icon.reparent(panel, 0, 0)
            icon.configure(width=24, height=24)
            icon.map()
            root.warp_pointer(12, 12)
            for kind in (X.ButtonPress, X.ButtonRelease):
                xtest.fake_input(screen, kind, 1)
            screen.sync()
            said, complaints = process.communicate(timeout=30)
        finally:
            process.kill()

    assert (said, complaints) == ("off\n", "")
    screen.close()


def test_without_a_display_the_icon_is_missing_and_the_process_lives() -> None:
    environment = {key: value for key, value in os.environ.items() if key != "DISPLAY"}
    ended = subprocess.run(
        [sys.executable, "-c", _SHOWN.replace("wait(20)", "wait(0)")],
        env=environment | {"PYSTRAY_BACKEND": "xorg"}, capture_output=True, text=True, timeout=30,
    )  # fmt: skip

    assert ended.returncode == 0
    assert ended.stderr.count("no telephone icon") == 1
