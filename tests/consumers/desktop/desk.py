"""A workstation with a notification service and an opener in hand."""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

from desktop_notifier import Button

from bus.events import CallerData, CallerEvent, ChoiceRequestData, Party, Reference, now
from consumers.actions.command import ActionFailed
from consumers.desktop.consumer import DesktopConsumer
from consumers.desktop.notifications import Cards
from consumers.desktop.opener import Opener
from consumers.desktop.settings import DesktopSettings

URL = "https://files.example/matters/m%2F1"
ADA = Party(number="0441234567", e164="+41441234567", name="claimed", kind="external")


class Notifier:
    """A desktop's notification service."""

    def __init__(self) -> None:
        self.shown: dict[str, tuple[str, str]] = {}
        self.labels: list[str] = []
        self.buttons: dict[str, Callable[[], None] | None] = {}
        self.history: list[tuple[str, str]] = []
        self.click: dict[str, Callable[[], None] | None] = {}

    async def send(
        self,
        *,
        title: str,
        message: str,
        buttons: Sequence[Button],
        on_clicked: Callable[[], None] | None,
        timeout: int,
    ) -> str:
        self.buttons = {one.title: one.on_pressed for one in buttons}
        self.labels = [one.title for one in buttons]
        key = str(len(self.history))
        self.history.append((title, message))
        self.shown[key] = (title, message)
        self.click[key] = on_clicked
        return key

    async def get_current_notifications(self) -> list[str]:
        return list(self.shown)

    async def clear(self, identifier: str) -> None:
        del self.shown[identifier]


class Desk:
    def __init__(self, **settings: Any) -> None:
        self.settings = DesktopSettings(**settings)
        self.notifier = Notifier()
        self.started: list[Sequence[str]] = []
        self.fails = False
        self.chosen: list[tuple[str, str | None]] = []
        self.asked: list[str] = []
        self.reported: list[tuple[str, str]] = []
        self.paused = False
        self.panel_opens = False
        self.later = 0.0
        self.cards = Cards(20, self.settings.most_notifications, lambda: self.notifier)
        self.consumer = DesktopConsumer(
            self.settings, Opener(self.settings, self._start), self.cards, lambda job: job(),
            self._choose, self._report, lambda: time.time() + self.later, lambda: self.paused,
            lambda: self.panel_opens,
        )  # fmt: skip

    def _report(self, call_id: str, reason: str) -> None:
        self.reported.append((call_id, reason))

    def _choose(self, request_id: str, data: ChoiceRequestData) -> None:
        self.asked.append(request_id)
        self.chosen.append((data.call_id, "found" if data.kind == "found" else data.id))

    def _start(self, arguments: Sequence[str]) -> None:
        if self.fails:
            raise ActionFailed("exit-1")
        self.started.append(arguments)

    def report(self, age: float = 0.0, **more: Any) -> CallerEvent:
        reported = {
            "user": "0011", "call_id": "c-1", "event_id": str(uuid4()), "trigger": "ringing",
            "caller": ADA, "quality": "exact", "action": "matter-or-dossier", "opens": "matter",
            "contact": Reference(kind="contact", id="7", title="Ada Lovelace"),
            "opened": Reference(kind="matter", id="70", title="Will", reference="2026-1"),
            "url": URL, "reason": "only-open-matter", **more,
        }  # fmt: skip
        event = CallerEvent(
            time=now() - timedelta(seconds=age), data=CallerData.model_validate(reported)
        )
        self.consumer.handle(event)
        return event

    def settled(self) -> Notifier:
        """Return what is shown once everything has been done."""
        done = threading.Event()
        self.cards._jobs.put(done.set)
        assert done.wait(10)
        return self.notifier


NewDesk = Callable[..., Desk]
TWO = [Reference(kind="contact", id=one, title=f"Frei {one}") for one in ("8", "9")]
NOTHING: dict[str, Any] = {"opens": "nothing", "opened": None, "url": None}
ON_CLICK: dict[str, Any] = NOTHING | {
    "reason": "opens-on-click", "on_click": "matter",
    "found": Reference(kind="matter", id="70", title="Will", reference="2026-1"),
}  # fmt: skip


GRACE = Party(number="0449999999", e164="+41449999999", kind="external")
HOPPER: dict[str, Any] = {
    "caller": GRACE, "contact": Reference(kind="contact", id="8", title="Grace Hopper"),
    "opened": Reference(kind="matter", id="80", title="Navy"), "url": f"{URL}8",
}  # fmt: skip
