"""The desktop process: one user's connection on this workstation, and what is handed to it."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal
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
    Sentence,
    UserState,
    now,
)
from bus.journal_events import MissedCounts
from bus.mqtt.connection import NO_SUBSCRIBERS, Connection, PublishRefused, SessionTaken
from bus.mqtt.inbox import BrokerUnavailable, ReceivedMessage
from bus.mqtt.reconnect import ReconnectPolicy
from bus.mqtt.requests import Requests
from bus.panel_events import (
    Access,
    DirectoryAnswer,
    DirectoryRequest,
    DirectoryRequestData,
    SettingsAnswer,
    SettingsRequest,
    SettingsRequestData,
)
from bus.settings import BrokerSettings, SettingsRefused
from bus.topics import level
from consumers.actions.command import ActionFailed
from consumers.desktop import texts as words
from consumers.desktop.consumer import DesktopConsumer
from consumers.desktop.history import CallHistory, ShownCall, story
from consumers.desktop.icon import HealthNotice, IconLook, Links, look, menu
from consumers.desktop.instance import CLOSE_ALL, OPEN_LAST, Spool
from consumers.desktop.notifications import Card, Cards
from consumers.desktop.opener import Opener
from consumers.desktop.settings import DesktopSettings
from consumers.desktop.tray import TrayIcon
from runtime.process import stop_on_signals
from texts import render, sentence

log = logging.getLogger(__name__)

_TICK = 0.2  # seconds between two looks for numbers to dial and other wishes
_ANSWER = 5.0  # seconds the office may take to answer


def run(login: str, settings: DesktopSettings, broker: BrokerSettings, folder: Path) -> None:
    """Serve one user on this workstation until stopped; raise AlreadyRunning or SessionTaken."""
    with Spool(folder) as spool:
        process = DesktopProcess(login, settings, broker, spool)
        stop_on_signals(process.stop)
        process.run()


class DesktopProcess:
    """One user's workstation; it starts its connection again whatever ended it."""

    def __init__(
        self,
        login: str,
        settings: DesktopSettings,
        broker: BrokerSettings,
        spool: Spool,
        notifier: Callable[[], Any] | None = None,
        tray: TrayIcon | None = None,
    ) -> None:
        self._login = login
        self._settings = settings
        self._broker = broker
        self._spool = spool
        self._language = settings.language
        self._stopping = threading.Event()
        self._panel_opens = threading.Event()
        self._cards = Cards(
            settings.notification_seconds, settings.most_notifications, notifier, self._note_shown
        )
        self._tray = tray or TrayIcon(self._post_wish)
        self._opener = Opener(settings)
        self._links = Links(panel=settings.panel)
        self._notice = HealthNotice()
        self._last: ShownCall | None = None
        self._history = CallHistory(self._keep_last, self._language, discreet=settings.discreet)
        self._questions: list[tuple[float, Future[bytes], Callable[[bytes | None], None]]] = []
        self._consumer = DesktopConsumer(
            settings, self._opener, self._cards, _in_a_thread, self._chosen, self._report,
            paused=spool.paused, opens_elsewhere=self._panel_opens.is_set,
            note=self._history.note,
        )  # fmt: skip
        self._connect()

    def stop(self) -> None:
        """End `run`; any thread may call it."""
        self._stopping.set()
        self._connection.stop()

    def run(self) -> None:
        """Serve until `stop`; raise SessionTaken when a newer workstation has the account."""
        pauses = ReconnectPolicy(self._broker.addresses, level(self._login))
        try:
            while not self._stopping.is_set():
                began = time.monotonic()
                try:
                    with self._connection:
                        self._connection.run(self._tick)
                except (SessionTaken, SettingsRefused):
                    raise
                except Exception as error:  # the user must not have to start it again
                    log.exception("started again reason=%s", type(error).__name__)
                    pauses.ended(time.monotonic() - began)
                    self._stopping.wait(pauses.pause())
                    if not self._stopping.is_set():
                        self._connect()
        finally:
            self._tray.end()
            self._cards.end()

    def _connect(self) -> None:
        """Prepare a connection; what was shown and opened already is still known."""
        connection = Connection(
            self._broker, level(self._login), lasting=False, gives_way=True
        )  # fmt: skip
        topics, login = connection.topics, self._login
        connection.subscribe(topics.access(login), self._note_access)
        connection.subscribe(topics.state(login), self._note_state)
        connection.subscribe(topics.missed(login), self._note_missed)
        connection.subscribe(topics.process("sessions"), self._note_sessions)
        connection.consume(topics.caller(login), CallerEvent, self._consumer.handle)
        connection.consume(topics.dial_result(login), DialResult, self._consumer.on_dial_result)
        self._requests = Requests(connection)
        self._connection = connection

    def _tick(self) -> float:
        """Heed wishes of other commands, answers to questions, and how the links are."""
        for wish in self._spool.wishes():
            self._perform(wish)
        for number in self._spool.take():
            if not place(self._connection, self._login, number):
                self._consumer.say("dial", sentence("desktop.not-dialled"))
        self._look_at_questions()
        links = replace(
            self._links, connected=self._connection.connected, calls=self._history.past()
        )
        seen = look(links, self._language)
        if self._settings.tray:
            self._tray.show(seen, menu(links, self._language))
        self._notify(seen, self._notice.due(seen.shape, time.monotonic()))
        return _TICK

    def _notify(self, seen: IconLook, due: Literal["failing", "well"] | None) -> None:
        if due is not None and self._settings.notification:
            text = seen.text if due == "failing" else render("desktop.icon.well", self._language)
            self._cards.show("health", Card("starface2mqtt", [text]))

    # -- what the broker says -------------------------------------------------------------

    def _note_access(self, message: ReceivedMessage) -> None:
        """Note whether the user has the panel open files, so that nothing opens twice."""
        access = Access.model_validate_json(message.payload) if message.payload else None
        by_panel = access is not None and access.data.opener == "panel"
        (self._panel_opens.set if by_panel else self._panel_opens.clear)()

    def _note_state(self, message: ReceivedMessage) -> None:
        state = UserState.model_validate_json(message.payload).data if message.payload else None
        self._links = replace(self._links, state=state)

    def _note_missed(self, message: ReceivedMessage) -> None:
        counts = MissedCounts.model_validate_json(message.payload) if message.payload else None
        self._links = replace(self._links, missed=counts.data if counts else None)

    def _note_sessions(self, message: ReceivedMessage) -> None:
        self._links = replace(self._links, sessions=message.payload == b"online")

    # -- what the user wishes -------------------------------------------------------------

    def _post_wish(self, wish: str) -> None:
        """Have a wish performed in the main thread."""
        self._connection.post(lambda: self._perform(wish))

    def _perform(self, wish: str) -> None:
        """Do what an entry of the menu or another command wishes."""
        name, _, value = wish.partition(" ")
        if name in ("on", "off"):
            self._switch(name)
        elif name == "dnd":
            self._disturb_after(int(value))
        elif name == "open":
            self._consumer.open_call(value)
        elif name == "why":
            self._explain()
        elif name == "panel":
            _in_a_thread(self._open_panel)
        elif name == CLOSE_ALL:
            self._cards.close_all()
        elif name == OPEN_LAST:
            self._consumer.open_last()

    def _switch(self, word: str) -> None:
        try:
            topic = self._connection.topics.switch(self._login)
            code = self._connection.publish_raw(topic, word.encode(), expiry=30)
        except (BrokerUnavailable, PublishRefused):
            code = NO_SUBSCRIBERS
        if code == NO_SUBSCRIBERS:
            self._consumer.say("switch", sentence("desktop.not-changed"))

    def _disturb_after(self, minutes: int) -> None:
        """Let nothing open for some minutes, 0: no longer."""
        end = now() + timedelta(minutes=minutes) if minutes else None
        request = quiet_request(end.isoformat(timespec="seconds") if end else False)

        def confirm(payload: bytes | None) -> None:
            answer = SettingsAnswer.model_validate_json(payload).data if payload else None
            if answer is None or answer.code:
                self._consumer.say("quiet", sentence("desktop.not-changed"))
            else:
                self._consumer.say("quiet", quiet_sentence(end or False))

        self._ask(self._connection.topics.settings(self._login), request, confirm)

    def _explain(self) -> None:
        """Show the story of the last call."""
        call = self._last
        request = why_request(call.call_id if call else None)

        def show(payload: bytes | None) -> None:
            answer = DirectoryAnswer.model_validate_json(payload).data if payload else None
            title, *lines = story(call, answer.trace if answer else None, self._language)
            self._cards.show("why", Card(title, lines))

        self._ask(self._connection.topics.directory(self._login), request, show)

    def _open_panel(self) -> None:
        try:
            self._opener.browse(self._settings.panel)
        except ActionFailed as error:
            self._consumer.say("panel", words.failure(str(error)))

    def _ask(self, topic: str, request: Message, then: Callable[[bytes | None], None]) -> None:
        """Ask the office; `then` gets the answer in the main thread, None when none comes."""
        try:
            future = self._requests.send(topic, request)
        except BrokerUnavailable:
            then(None)
        else:
            self._questions.append((time.monotonic() + _ANSWER, future, then))

    def _look_at_questions(self) -> None:
        waiting, self._questions = self._questions, []
        for until, future, then in waiting:
            if future.done():
                then(None if future.cancelled() else future.result())
            elif time.monotonic() < until:
                self._questions.append((until, future, then))
            else:
                future.cancel()
                then(None)

    # -- what the notifications wish, in their own thread ---------------------------------

    def _chosen(self, request_id: str, data: ChoiceRequestData) -> None:
        # That thread must not wait for the broker.
        self._connection.post(lambda: self._choose(request_id, data))

    def _choose(self, request_id: str, data: ChoiceRequestData) -> None:
        source = f"desktop/{level(self._login)}"
        request = ChoiceRequest(id=request_id, source=source, time=now(), data=data)
        topic = self._connection.topics.choose(self._login)
        if not _asked(self._connection, topic, request):
            self._consumer.say("choose", sentence("desktop.not-chosen"))

    def _note_shown(self, key: str) -> None:
        self._connection.post(lambda: self._history.note_shown(key))

    def _report(self, call_id: str, failure: str) -> None:
        self._connection.post(lambda: self._publish_opened(call_id, failure))

    def _publish_opened(self, call_id: str, failure: str) -> None:
        """Say what became of an opening; the office can do without it."""
        self._history.note_opened(call_id, failure)
        state: Literal["done", "failed"] = "failed" if failure else "done"
        data = OpenedData(call_id=call_id, state=state, reason=failure[:64])
        topic = self._connection.topics.opened(self._login)
        _asked(self._connection, topic, Opened(source="desktop", data=data))

    def _keep_last(self, call: ShownCall) -> None:
        self._last = call
        self._spool.keep_last(call.model_dump_json())


def quiet_request(end: bool | str) -> SettingsRequest:
    """Return the request that nothing opens until a moment; True: until ended, False: it ends."""
    data = SettingsRequestData(action="change", changes={"do_not_disturb": end})
    return SettingsRequest(source="desktop", data=data)


def quiet_sentence(end: bool | datetime) -> Sentence:
    """Return what is said once nothing opens until a moment, or calls open again."""
    if isinstance(end, datetime):
        return sentence("desktop.quiet-until", time=f"{end.astimezone():%H:%M}")
    return sentence("desktop.quiet" if end else "desktop.quiet-over")


def why_request(call_id: str | None) -> DirectoryRequest:
    """Return the question for the story of a call."""
    data = DirectoryRequestData(action="why", call_id=call_id)
    return DirectoryRequest(source="desktop", data=data)


def place(connection: Connection, login: str, number: str, request_id: UUID | None = None) -> bool:
    """Ask for a number to be dialled; False if nothing is running that does it."""
    request = DialRequest(
        source=f"desktop/{level(login)}",
        time=now(),
        data=DialRequestData(number=number, request_id=request_id or uuid4()),
    )
    return _asked(connection, connection.topics.dial(login), request)


def _asked(connection: Connection, topic: str, request: Message) -> bool:
    """Ask something of the office; False if nothing is running that does it."""
    try:
        code = connection.publish(topic, request)
    except (BrokerUnavailable, PublishRefused) as error:
        log.error("not asked topic=%s reason=%s", topic.rpartition("/")[2], error)
        return False
    return code != NO_SUBSCRIBERS


def _in_a_thread(job: Callable[[], None]) -> None:
    """Do something that may be slow; a workstation has few calls at once."""
    threading.Thread(target=job, name="desktop", daemon=True).start()
