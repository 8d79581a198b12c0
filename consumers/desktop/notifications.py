"""Notifications of the desktop: they never take the focus, one for each call, and not too many.

The desktop's own service shows them (D-Bus, Windows, macOS), so its quiet hours and its rules for
screen sharing count too. A thread of ours talks to it, in the order of the calls.
"""

import asyncio
import html
import logging
import queue
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

log = logging.getLogger(__name__)

_SERVICE, _PATH = "org.freedesktop.Notifications", "/org/freedesktop/Notifications"
_ASKED = "GetCapabilities"
_PATIENCE = 5.0  # seconds a desktop may take to show or close something
_END = 2.0  # seconds to take everything away at the end


class NotShown(Exception):
    """The desktop did not take a notification; the library has logged why."""


@dataclass(frozen=True)
class Offer:
    """A button of a notification, and what a press of it does."""

    label: str
    pressed: Callable[[], None]


@dataclass(frozen=True)
class Card:
    """What a notification shows."""

    title: str
    lines: Sequence[str]
    clicked: Callable[[], None] | None = None
    offers: Sequence[Offer] = ()

    @property
    def message(self) -> str:
        """The lines as one text."""
        return "\n".join(self.lines)


@dataclass(frozen=True)
class _Wish:
    """What is wanted of a notification: shown again, in place of one, or not any more."""

    card: Card | None = None
    again: bool = True


class Cards:
    """The notifications that are shown at present; where there is no desktop, none."""

    def __init__(
        self,
        seconds: int,
        most: int,
        make: Callable[[], Any] | None = None,
        note_shown: Callable[[str], None] = lambda _key: None,
    ) -> None:
        self._make = make or _notifier
        self._note_shown = note_shown  # called in a thread of ours, with the notification's key
        self._seconds = seconds
        self._most = most
        self._shown: OrderedDict[str, str] = OrderedDict()
        # The newest wish of each notification: a slow desktop is not asked for earlier ones.
        self._waiting: OrderedDict[str, _Wish] = OrderedDict()
        self._sweep = False  # all that is shown goes before what waits
        self._lock = threading.Lock()
        self._jobs: queue.Queue[Callable[[], None] | None] = queue.Queue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._notifier: Any = None
        self._thread = threading.Thread(target=self._work, name="cards", daemon=True)
        self._thread.start()

    def show(self, key: str, card: Card) -> None:
        """Show a notification, in place of an earlier one with the same key.

        Of many at once only the newest are shown, not each for a moment.
        """
        with self._lock:
            self._want(key, _Wish(card))
            new = [one for one, wish in self._waiting.items() if wish.card and wish.again]
            for oldest in new[: -self._most]:
                self._waiting[oldest] = _Wish()
        self._jobs.put(self._heed)

    def update(self, key: str, card: Card) -> None:
        """Show a notification in place of one that is shown or about to be; without one, none."""
        with self._lock:
            before = self._waiting.get(key)
            if before is None or before.card is not None:
                self._want(key, _Wish(card, again=before is not None and before.again))
        self._jobs.put(self._heed)

    def close(self, key: str) -> None:
        """Take a notification away, if it is still there."""
        with self._lock:
            self._want(key, _Wish())
        self._jobs.put(self._heed)

    def close_all(self) -> None:
        """Take all notifications away."""
        with self._lock:
            self._waiting.clear()
            self._sweep = True
        self._jobs.put(self._heed)

    def end(self) -> None:
        """Take all notifications away and show no more."""
        self.close_all()
        self._jobs.put(None)
        self._thread.join(_END)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
        loop = self._loop
        if loop is not None:
            loop.call_soon_threadsafe(loop.stop)
            self._looping.join(_END)
            loop.close()

    def _want(self, key: str, wish: _Wish) -> None:
        self._waiting.pop(key, None)
        self._waiting[key] = wish

    def _heed(self) -> None:
        """Do what waits longest; each wish that came has brought one such job, some for nothing."""
        with self._lock:
            sweep, self._sweep = self._sweep, False
            key, wish = self._waiting.popitem(last=False) if self._waiting else ("", None)
        if sweep:
            self._close_all()
        if wish is None:
            return
        if wish.card is None:
            self._close(key)
        elif wish.again or key in self._shown:
            self._show(key, wish.card)

    def _show(self, key: str, card: Card) -> None:
        self._close(key)
        while len(self._shown) >= self._most:
            self._close(next(iter(self._shown)))
        found = self._ask(lambda: self._sent(card))
        if isinstance(found, str):
            self._shown[key] = found
            self._note_shown(key)

    def _close_all(self) -> None:
        for key in list(self._shown):
            self._close(key)

    def _close(self, key: str) -> None:
        identifier = self._shown.pop(key, None)
        if identifier is not None:
            self._ask(lambda: self._cleared(identifier))

    async def _sent(self, card: Card) -> str:
        found: str = await self._notifier.send(
            title=card.title,
            message=card.message,
            buttons=_buttons(card.offers),
            on_clicked=card.clicked,
            timeout=self._seconds,
        )
        return found

    async def _cleared(self, identifier: str) -> None:
        if identifier in await self._notifier.get_current_notifications():
            await self._notifier.clear(identifier)

    def _ask(self, question: Callable[[], Coroutine[Any, Any, Any]]) -> object:
        """Ask the desktop; a workstation without notifications still opens files."""
        try:
            loop = self._running()
            return asyncio.run_coroutine_threadsafe(question(), loop).result(_PATIENCE)
        except NotShown:
            return None
        except Exception as error:  # noqa: BLE001  (each desktop fails with errors of its own)
            log.warning("no notification reason=%s", type(error).__name__)
            return None

    def _running(self) -> asyncio.AbstractEventLoop:
        """Return the loop the library needs; clicks are reported in it."""
        if self._loop is None:
            loop = asyncio.new_event_loop()
            self._looping = threading.Thread(target=loop.run_forever, name="notify", daemon=True)
            self._looping.start()
            self._loop = loop
        if self._notifier is None:
            made = asyncio.run_coroutine_threadsafe(_made(self._make), self._loop)
            self._notifier = made.result(_PATIENCE)
        return self._loop


async def _made(make: Callable[[], Any]) -> Any:
    return make()


def _buttons(offers: Sequence[Offer]) -> list[Any]:
    if not offers:
        return []
    from desktop_notifier import Button

    return [Button(title=one.label, on_pressed=one.pressed) for one in offers]


def _notifier() -> Any:
    from desktop_notifier import DesktopNotifier, Icon  # an extra: only workstations need it

    class MarkupNotifier(DesktopNotifier):
        async def send(self, *, message: str, **more: Any) -> str:  # type: ignore[override]
            text = html.escape(message, quote=False) if await _reads_markup() else message
            shown: list[bool] = []  # the library gives an identifier of what failed as well
            dispatched = partial(shown.append, True)
            identifier = await super().send(message=text, on_dispatched=dispatched, **more)
            if not shown:
                raise NotShown
            return identifier

    logging.getLogger("desktop_notifier.backends.base").addFilter(in_one_line)
    # A name of the freedesktop icon theme; other systems show their own.
    return MarkupNotifier(app_name="starface2mqtt", app_icon=Icon(name="call-start"))


async def _reads_markup() -> bool:
    """Return whether the notification service takes a text for markup; after a restart it may."""
    if sys.platform != "linux":
        return False
    from dbus_fast import Message
    from dbus_fast.aio import MessageBus

    question = Message(destination=_SERVICE, path=_PATH, interface=_SERVICE, member=_ASKED)
    bus = await MessageBus().connect()
    try:
        answer = await bus.call(question)
    finally:
        bus.disconnect()
    return answer is not None and bool(answer.body) and "body-markup" in answer.body[0]


def in_one_line(record: logging.LogRecord) -> bool:
    """Say what the library could not show without a page of traceback for each call."""
    if record.exc_info and record.exc_info[0] is not None:
        record.msg, record.args = f"{record.msg} reason=%s", (record.exc_info[0].__name__,)
        record.exc_info = None
    return True
