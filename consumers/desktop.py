"""The desktop process: answers of one user in; a file opens, a notification shows who calls."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

from bus.connection import NO_SUBSCRIBERS, Connection, PublishRefused
from bus.events import (
    CallerData,
    CallerEvent,
    DialRequest,
    DialRequestData,
    DialResult,
    Sentence,
    now,
)
from bus.inbox import Arrived, BrokerUnavailable
from bus.process import stop_on_signals
from bus.settings import BrokerSettings
from bus.topics import level
from consumers.actions.failure import ActionFailed
from consumers.caller_sentences import shown
from consumers.desktop_cards import Cards
from consumers.desktop_opener import Opener
from consumers.desktop_settings import DesktopSettings
from consumers.desktop_spool import Spool
from consumers.recent import Recent

log = logging.getLogger(__name__)

_TICK = 0.2  # seconds between two looks for numbers to dial
# Reasons for which nothing is shown: the call is nobody's business here, or somebody wants peace.
_SILENT = frozenset(
    {"internal-ignored", "interface-off", "own-dialling", "not-chosen", "already-opened",
     "do-not-disturb", "quiet-hours", "too-old", "answered-elsewhere", "ended"}
)  # fmt: skip
_WITHHELD = Sentence(de="Unterdrückte Nummer", en="Withheld number")
_UNKNOWN = Sentence(de="Unbekannter Anrufer", en="Unknown caller")
_SEVERAL = Sentence(de="Mehrere kommen in Frage", en="It may be one of several")
_SWITCHBOARD = Sentence(de="Durchwahl von", en="Extension of")
_NO_DIALLING = Sentence(
    de="Nicht gewählt: der Vermittler ist nicht erreichbar.",
    en="Not dialled: the broker or the dial process cannot be reached.",
)


class DesktopConsumer:
    """Opens and shows what the answers to one user's calls say, each once."""

    def __init__(
        self,
        settings: DesktopSettings,
        opener: Opener,
        cards: Cards,
        do: Callable[[Callable[[], None]], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._opener = opener
        self._cards = cards
        self._do = do
        self._clock = clock
        self._seen: Recent[str, None] = Recent(1_000)
        self._opened: Recent[tuple[str, str], None] = Recent(1_000)

    def handle(self, event: CallerEvent, _arrived: Arrived | None = None) -> None:
        """Act on one answer."""
        age = self._clock() - event.time.timestamp()
        limit = self._settings.max_age + self._settings.clock_tolerance
        if self._seen.holds(event.id) or age > limit:
            log.debug("repeated or too old event=%s age=%.0f", event.id, age)
            return
        self._seen.keep(event.id, None)
        data = event.data
        if data.trigger == "closed":
            self._cards.close(data.call_id)
        elif data.trigger != "outcome":
            self._act(data)

    def tell(self, result: DialResult, _arrived: Arrived | None = None) -> None:
        """Say what became of a number that was to be dialled, if it did not work."""
        data = result.data
        if data.state in ("refused", "unknown", "not-reached", "own-phone-not-lifted"):
            self.say(f"dial-{data.request_id}", data.sentence)

    def say(self, key: str, sentence: Sentence) -> None:
        """Show a sentence."""
        if self._settings.notification:
            self._cards.show(key, "starface2mqtt", [self._words(sentence)])

    def _act(self, data: CallerData) -> None:
        key = (data.call_id, data.trigger)
        wanted = self._settings.opens in ("browser", "program")
        if wanted and data.opens != "nothing" and not self._opened.holds(key):
            self._opened.keep(key, None)
            self._do(lambda: self._open(data))
        if self._settings.notification and data.reason not in _SILENT:
            title, lines = self._card(data)
            clicked = (lambda: self._do(lambda: self._open(data))) if data.url else None
            self._cards.show(data.call_id, title, lines, clicked)

    def _open(self, data: CallerData) -> None:
        try:
            self._opener.open(data)
        except ActionFailed as error:
            log.error("not opened event=%s reason=%s", data.event_id, error)

    def _card(self, data: CallerData) -> tuple[str, list[str]]:
        party = data.called if data.direction == "out" else data.caller
        number = party.e164 or party.number
        if data.contact is not None:
            title = data.contact.title
            if data.quality == "switchboard":
                title = f"{self._words(_SWITCHBOARD)} {title}"
        elif party.kind == "withheld":
            title, number = self._words(_WITHHELD), ""
        else:
            title = party.name or number or self._words(_UNKNOWN)
        lines = [number, data.group or ""]
        if data.opened is not None:
            lines.append(f"{data.opened.reference or ''} {data.opened.title}".strip())
        elif data.candidates and data.contact is None:
            names = ", ".join(one.title for one in data.candidates[:3])
            lines.append(f"{self._words(_SEVERAL)}: {names}")
        return shown(title), [shown(line) for line in lines if line]

    def _words(self, sentence: Sentence) -> str:
        return sentence.de if self._settings.language == "de" else sentence.en


def run(login: str, settings: DesktopSettings, broker: BrokerSettings, folder: Path) -> None:
    """Serve one user on this workstation until told to stop; raise AlreadyRunning."""
    with ExitStack() as stack:
        spool = stack.enter_context(Spool(folder))
        cards = Cards(settings.notification_seconds, settings.most_notifications)
        stack.callback(cards.close_all)
        consumer = DesktopConsumer(settings, Opener(settings), cards, _in_a_thread)
        connection = Connection(broker, level(login), lasting=False)
        topics = connection.topics
        connection.consume(topics.caller(login), CallerEvent, consumer.handle)
        connection.consume(topics.dial_result(login), DialResult, consumer.tell)

        def dial() -> float:
            for number in spool.take():
                if not place(connection, login, number):
                    consumer.say("dial", _NO_DIALLING)
            return _TICK

        stop_on_signals(connection.stop)
        with connection:
            connection.run(dial)


def place(connection: Connection, login: str, number: str) -> bool:
    """Ask for a number to be dialled; False if nobody is there to do it."""
    request = DialRequest(
        source=f"desktop/{level(login)}",
        time=now(),
        data=DialRequestData(number=number, request_id=uuid4()),
    )
    try:
        code = connection.publish(connection.topics.dial(login), request)
    except (BrokerUnavailable, PublishRefused) as error:
        log.error("not dialled reason=%s", error)
        return False
    return code != NO_SUBSCRIBERS


def _in_a_thread(job: Callable[[], None]) -> None:
    """Do something that may be slow; a workstation has few calls at once."""
    threading.Thread(target=job, name="desktop", daemon=True).start()
