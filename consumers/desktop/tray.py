"""The telephone icon in the tray: draws it and shows its menu, where the desktop has a tray.

On Linux a menu needs PyGObject with an AppIndicator; an X11 tray without shows the icon alone,
and a click on it switches. On macOS icons belong to the main thread, which is not ours to give.
"""

import logging
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

from consumers.desktop.icon import IconLook, MenuEntry

log = logging.getLogger(__name__)

_SIZE = 64  # pixels
_COLOURS = {"active": "#1668dc", "off": "#8a8f98", "failing": "#d46b08"}
_END = 2.0  # seconds to take the icon away
_LONGEST = 120  # characters of a text beside the icon; Windows shows no more than 127


class TrayUnsupported(Exception):
    """This system shows no icon of ours."""


class TrayIcon:
    """The icon, as long as it is wanted; it does nothing where it cannot be shown.

    A thread of ours talks to the desktop, which may never answer: only the newest look waits.
    """

    def __init__(
        self, perform: Callable[[str], None], make: Callable[..., Any] | None = None
    ) -> None:
        self._perform = perform
        self._make = make or _pystray_icon
        self._icon: Any = None
        self._wanted: tuple[IconLook, Sequence[MenuEntry]] | None = None
        self._ending = False
        self._changed = threading.Event()
        self._thread: threading.Thread | None = None

    def show(self, look: IconLook, entries: Sequence[MenuEntry]) -> None:
        """Show a look and a menu, if they are not shown already."""
        if self._wanted == (look, entries):
            return
        self._wanted = look, entries
        self._changed.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="tray", daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Take the icon away."""
        self._ending = True
        self._changed.set()
        if self._thread is not None:
            self._thread.join(_END)

    def _work(self) -> None:
        try:
            while self._changed.wait() and not self._ending:
                self._changed.clear()
                if self._wanted is not None:
                    self._update(*self._wanted)
            if self._icon is not None:
                self._icon.stop()
        except Exception as error:  # noqa: BLE001  (each desktop fails with errors of its own)
            log.warning(
                "no telephone icon reason=%s; calls open and are shown all the same",
                type(error).__name__,
            )

    def _update(self, look: IconLook, entries: Sequence[MenuEntry]) -> None:
        image, text, menu = drawn(look), look.text[:_LONGEST], self._menu(entries)
        if self._icon is None:
            self._icon = self._make("starface2mqtt", image, text, menu)
            threading.Thread(target=self._icon.run, name="icon", daemon=True).start()
        else:
            self._icon.icon, self._icon.title, self._icon.menu = image, text, menu

    def _menu(self, entries: Sequence[MenuEntry]) -> Any:
        from pystray import Menu, MenuItem

        def item(entry: MenuEntry) -> Any:
            action: Any = None
            if entry.entries:
                action = self._menu(entry.entries)
            elif entry.wish:

                def action(_icon: Any, _item: Any) -> None:
                    self._perform(entry.wish)

            return MenuItem(entry.label, action, default=entry.by_click, enabled=action is not None)

        return Menu(*map(item, entries))


def drawn(look: IconLook) -> Any:
    """Return the picture: full and blue, a grey ring, or a triangle; with the missed calls."""
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGBA", (_SIZE, _SIZE))
    draw, colour = ImageDraw.Draw(image), _COLOURS[look.shape]
    inside = "white"
    if look.shape == "active":
        draw.rounded_rectangle((2, 2, 61, 61), 14, fill=colour)
    elif look.shape == "off":
        draw.ellipse((3, 3, 60, 60), outline=colour, width=5)
        inside = colour
    else:
        draw.polygon(((32, 2), (62, 60), (2, 60)), fill=colour)
    if look.shape == "failing":
        draw.rounded_rectangle((29, 20, 35, 42), 3, fill=inside)
        draw.ellipse((28, 46, 36, 54), fill=inside)
    else:  # a handset
        draw.arc((16, 16, 48, 56), 200, 340, fill=inside, width=7)
        draw.rounded_rectangle((13, 29, 25, 42), 4, fill=inside)
        draw.rounded_rectangle((39, 29, 51, 42), 4, fill=inside)
    if look.missed:
        draw.ellipse((34, 34, 63, 63), fill="#c62828", outline="white", width=2)
        count = str(look.missed) if look.missed < 10 else "9+"
        draw.text((48, 48), count, fill="white", font=ImageFont.load_default(18), anchor="mm")
    return image


def _pystray_icon(name: str, image: Any, title: str, menu: Any) -> Any:
    if sys.platform == "darwin":
        raise TrayUnsupported("macOS shows icons for programs with a main loop of its own")
    import pystray  # an extra: only workstations need it

    logging.getLogger("pystray._base").addFilter(_Once())
    icon = pystray.Icon(name, image, title, menu)
    if type(icon).__module__ == "pystray._xorg":  # it forgets to ask X for clicks
        from Xlib import X

        mask = X.ExposureMask | X.StructureNotifyMask | X.ButtonPressMask
        icon._window.change_attributes(event_mask=mask)
    return icon


class _Once(logging.Filter):
    """Lets the library complain once, without a traceback, where there is no tray."""

    def __init__(self) -> None:
        super().__init__()
        self._passed = False

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a complaint is the first."""
        first, self._passed = not self._passed, True
        record.exc_info = None
        return first
