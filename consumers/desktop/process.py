"""The desktop process: one user's connection on this workstation, and what is handed to it."""

import logging
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Literal
from uuid import UUID, uuid4

from bus.events import (
    CallerEvent,
    ChoiceRequest,
    ChoiceRequestData,
    DialRequest,
    DialRequestData,
    DialResult,
    Message,
    Opened,
    OpenedData,
    now,
)
from bus.mqtt.connection import NO_SUBSCRIBERS, Connection, PublishRefused
from bus.mqtt.inbox import BrokerUnavailable, ReceivedMessage
from bus.panel_events import Access
from bus.settings import BrokerSettings
from bus.topics import level
from consumers.desktop.consumer import DesktopConsumer
from consumers.desktop.instance import CLOSE_ALL, OPEN_LAST, Spool
from consumers.desktop.notifications import Cards
from consumers.desktop.opener import Opener
from consumers.desktop.settings import DesktopSettings
from runtime.process import stop_on_signals
from texts import sentence

log = logging.getLogger(__name__)

_TICK = 0.2  # seconds between two looks for numbers to dial and other wishes


def run(login: str, settings: DesktopSettings, broker: BrokerSettings, folder: Path) -> None:
    """Serve one user on this workstation until asked to stop; raise AlreadyRunning."""
    with ExitStack() as stack:
        spool = stack.enter_context(Spool(folder))
        cards = Cards(settings.notification_seconds, settings.most_notifications)
        stack.callback(cards.end)
        connection = Connection(broker, level(login), lasting=False, gives_way=True)

        def chosen(request_id: str, data: ChoiceRequestData) -> None:
            # A press is reported in the notifications' thread, which must not wait for the broker.
            connection.post(lambda: choose(request_id, data))

        def choose(request_id: str, data: ChoiceRequestData) -> None:
            source = f"desktop/{level(login)}"
            request = ChoiceRequest(id=request_id, source=source, time=now(), data=data)
            if not _asked(connection, connection.topics.choose(login), request):
                consumer.say("choose", sentence("desktop.not-chosen"))

        def report(call_id: str, reason: str) -> None:
            connection.post(
                lambda: _report_opened(connection, connection.topics.opened(login), call_id, reason)
            )

        panel_opens = threading.Event()
        opener = Opener(settings)
        consumer = DesktopConsumer(
            settings, opener, cards, _in_a_thread, chosen, report, paused=spool.paused,
            opens_elsewhere=panel_opens.is_set,
        )  # fmt: skip
        topics = connection.topics

        def note_access(message: ReceivedMessage) -> None:
            """Note whether the user has the panel open files, so that nothing opens twice."""
            access = Access.model_validate_json(message.payload) if message.payload else None
            (panel_opens.set if access and access.data.opener == "panel" else panel_opens.clear)()

        connection.subscribe(topics.access(login), note_access)
        connection.consume(topics.caller(login), CallerEvent, consumer.handle)
        connection.consume(topics.dial_result(login), DialResult, consumer.on_dial_result)

        wishes = {CLOSE_ALL: cards.close_all, OPEN_LAST: consumer.open_last}

        def heed() -> float:
            for wish in spool.wishes():
                wishes.get(wish, _nothing)()
            for number in spool.take():
                if not place(connection, login, number):
                    consumer.say("dial", sentence("desktop.not-dialled"))
            return _TICK

        stop_on_signals(connection.stop)
        with connection:
            connection.run(heed)


def place(connection: Connection, login: str, number: str, request_id: UUID | None = None) -> bool:
    """Ask for a number to be dialled; False if nothing is running that does it."""
    request = DialRequest(
        source=f"desktop/{level(login)}",
        time=now(),
        data=DialRequestData(number=number, request_id=request_id or uuid4()),
    )
    return _asked(connection, connection.topics.dial(login), request)


def _report_opened(connection: Connection, topic: str, call_id: str, reason: str) -> None:
    """Say what became of an opening; the office can do without it."""
    state: Literal["done", "failed"] = "failed" if reason else "done"
    data = OpenedData(call_id=call_id, state=state, reason=reason[:64])
    _asked(connection, topic, Opened(source="desktop", data=data))


def _asked(connection: Connection, topic: str, request: Message) -> bool:
    """Ask something of the office; False if nothing is running that does it."""
    try:
        code = connection.publish(topic, request)
    except (BrokerUnavailable, PublishRefused) as error:
        log.error("not asked topic=%s reason=%s", topic.rpartition("/")[2], error)
        return False
    return code != NO_SUBSCRIBERS


def _nothing() -> None:
    """Do nothing at a wish of another release."""


def _in_a_thread(job: Callable[[], None]) -> None:
    """Do something that may be slow; a workstation has few calls at once."""
    threading.Thread(target=job, name="desktop", daemon=True).start()
