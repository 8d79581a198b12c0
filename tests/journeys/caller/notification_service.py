"""A desktop's notification service on a session bus of its own, with somebody who presses."""

import asyncio
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dbus_fast import Message, MessageType
from dbus_fast.aio import MessageBus

NAME = "org.freedesktop.Notifications"
PATH = "/org/freedesktop/Notifications"
_INTERFACE = f"""<node><interface name="{NAME}">
<method name="Notify"><arg type="s" direction="in"/><arg type="u" direction="in"/>
<arg type="s" direction="in"/><arg type="s" direction="in"/><arg type="s" direction="in"/>
<arg type="as" direction="in"/><arg type="a{{sv}}" direction="in"/><arg type="i" direction="in"/>
<arg type="u" direction="out"/></method>
<method name="CloseNotification"><arg type="u" direction="in"/></method>
<method name="GetCapabilities"><arg type="as" direction="out"/></method>
<method name="GetServerInformation"><arg type="s" direction="out"/><arg type="s" direction="out"/>
<arg type="s" direction="out"/><arg type="s" direction="out"/></method>
<signal name="NotificationClosed"><arg type="u"/><arg type="u"/></signal>
<signal name="ActionInvoked"><arg type="u"/><arg type="s"/></signal>
</interface></node>"""


@dataclass(frozen=True)
class Shown:
    """A notification as the desktop got it."""

    number: int
    title: str
    message: str
    buttons: dict[str, str]  # key by label
    hints: dict[str, Any]


class NotificationService:
    """Shows nothing, remembers everything; use it in a `with` block."""

    def __init__(self, address: str, *, markup: bool) -> None:
        self.address = address
        self._capabilities = ["actions", "body", *(["body-markup"] if markup else [])]
        self.shown: dict[int, Shown] = {}
        self._count = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._bus = self._do(self._begin())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._bus.disconnect)
        self._do(self._bus.wait_for_disconnect())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def press(self, card: Shown, label: str) -> None:
        """Press a button of a notification, which also closes it."""
        self.shown.pop(card.number, None)
        for member, signature, body in (
            ("ActionInvoked", "us", [card.number, card.buttons[label]]),
            ("NotificationClosed", "uu", [card.number, 2]),
        ):
            self._loop.call_soon_threadsafe(self._report, member, signature, body)

    def titles(self) -> list[str]:
        """Return what is shown at present."""
        return [one.title for one in self.shown.values()]

    def _do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _begin(self) -> MessageBus:
        bus = await MessageBus(bus_address=self.address).connect()
        bus.add_message_handler(self._answered)
        await bus.request_name(NAME)
        return bus

    def _answered(self, asked: Message) -> Message | bool:
        if asked.message_type != MessageType.METHOD_CALL or asked.path != PATH:
            return False
        answers: dict[str, tuple[str, list[Any]]] = {
            "Introspect": ("s", [_INTERFACE]),
            "GetCapabilities": ("as", [self._capabilities]),
            "GetServerInformation": ("ssss", ["stand-in", "tests", "1", "1.2"]),
            "CloseNotification": ("", []),
        }
        if asked.member == "Notify":
            return Message.new_method_return(asked, "u", [self._notify(asked.body)])
        if asked.member == "CloseNotification":
            self.shown.pop(asked.body[0], None)
        signature, body = answers.get(asked.member or "", ("", []))
        return Message.new_method_return(asked, signature, body)

    def _notify(self, body: list[Any]) -> int:
        _, _, _, title, message, actions, hints, _ = body
        self._count += 1
        buttons = dict(zip(actions[1::2], actions[::2], strict=True))
        self.shown[self._count] = Shown(self._count, title, message, buttons, hints)
        return self._count

    def _report(self, member: str, signature: str, body: list[Any]) -> None:
        self._bus.send(Message.new_signal(PATH, NAME, member, signature, body))


@contextmanager
def notification_service(
    folder: Path, *, markup: bool = False
) -> Iterator[NotificationService | None]:
    """Give a desktop's service on a bus of its own, None where there is no D-Bus."""
    with session_bus(folder) as address:
        if address is None:
            yield None
            return
        with NotificationService(address, markup=markup) as service:
            yield service


@contextmanager
def session_bus(folder: Path) -> Iterator[str | None]:
    """Give the address of a bus on which nobody is, None where there is no D-Bus."""
    program = shutil.which("dbus-daemon")
    if program is None:
        yield None
        return
    words = [program, "--session", "--nofork", "--print-address", f"--address=unix:dir={folder}"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as daemon:
        try:
            assert daemon.stdout is not None
            yield daemon.stdout.readline().strip()
        finally:
            daemon.terminate()
