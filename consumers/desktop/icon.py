"""What the telephone icon of a workstation shows and offers, from what is known of the links."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bus.events import UserStateData
from bus.journal_events import MissedData
from texts import Language, pick, render

Shape = Literal["active", "off", "failing"]

DISTURB_AFTER = (30, 60, 120)  # minutes for which nothing is to open
_SETTLED = 15.0  # seconds a fault or its end lasts before it is worth a notification


@dataclass(frozen=True)
class MenuCall:
    """A call as the menu lists it; a click on it opens what it was about."""

    call_id: str
    title: str
    at: datetime


@dataclass(frozen=True)
class Links:
    """What the workstation knows of its user and of the processes it depends on."""

    connected: bool = False  # with the broker
    sessions: bool | None = None  # whether that process is online; None: not known yet
    state: UserStateData | None = None
    missed: MissedData | None = None
    calls: Sequence[MenuCall] = ()  # newest first
    panel: str = ""  # its address


@dataclass(frozen=True)
class IconLook:
    """How the icon looks: its shape, its text, and the number of missed calls on it."""

    shape: Shape
    text: str
    missed: int = 0


@dataclass(frozen=True)
class MenuEntry:
    """A line of the menu; without a wish it only says something or has entries of its own."""

    label: str
    wish: str = ""
    entries: Sequence["MenuEntry"] = ()
    by_click: bool = False  # on the icon itself


def look(links: Links, language: Language) -> IconLook:
    """Return how the icon looks; a broken link outweighs what was last known behind it."""
    missed = links.missed.open if links.missed else 0
    state = links.state
    if not links.connected:
        return IconLook("failing", render("desktop.icon.no-broker", language), missed)
    if not links.sessions:
        return IconLook("failing", render("desktop.icon.no-sessions", language), missed)
    if state is None:
        return IconLook("failing", render("desktop.icon.no-state", language), missed)
    if state.state == "failing":
        said = pick(state.sentence, language) if state.sentence else ""
        text = said or render("desktop.icon.failing", language)
        return IconLook("failing", text, missed)
    shape: Shape = "active" if state.state == "active" else "off"
    return IconLook(shape, render(f"desktop.icon.{shape}", language), missed)


def menu(links: Links, language: Language) -> list[MenuEntry]:
    """Return the entries of the icon's menu; a click on the icon is the switch."""

    def words(key: str, **values: object) -> str:
        return render(f"desktop.menu.{key}", language, **values)

    is_on = links.state is None or links.state.state != "inactive"
    shown = look(links, language)
    switch = MenuEntry(words("off"), "off", by_click=True)
    quiet = [MenuEntry(words(f"for-{span}"), f"dnd {span}") for span in DISTURB_AFTER]
    calls = [
        MenuEntry(f"{call.at.astimezone():%H:%M}  {call.title}", f"open {call.call_id}")
        for call in links.calls
    ]
    entries = [
        MenuEntry(shown.text),
        switch if is_on else MenuEntry(words("on"), "on", by_click=True),
        MenuEntry(words("quiet"), entries=[*quiet, MenuEntry(words("quiet-end"), "dnd 0")]),
        MenuEntry(words("calls"), entries=calls) if calls else MenuEntry(words("no-calls")),
        MenuEntry(words("missed", count=shown.missed), "panel" if links.panel else ""),
        MenuEntry(words("why"), "why" if calls else ""),
    ]
    return [*entries, MenuEntry(words("panel"), "panel")] if links.panel else entries


class HealthNotice:
    """Says once that the icon fails, and once that all is well again; not at each flicker."""

    def __init__(self, settled: float = _SETTLED) -> None:
        self._settled = settled
        self._failing = False  # as the user knows it
        self._differs_since: float | None = None

    def due(self, shape: Shape, now: float) -> Literal["failing", "well"] | None:
        """Return what the user is to be shown now, None for nothing."""
        if (shape == "failing") == self._failing:
            self._differs_since = None
            return None
        if self._differs_since is None:
            self._differs_since = now
        if now - self._differs_since < self._settled:
            return None
        self._failing, self._differs_since = not self._failing, None
        return "failing" if self._failing else "well"
