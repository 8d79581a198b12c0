"""What a workstation makes of answers: a file opens, a notification shows who calls."""

import logging
import time
from collections.abc import Callable
from uuid import uuid4

import texts
from bus.events import (
    CallerData,
    CallerEvent,
    ChoiceRequestData,
    DialResult,
    Reference,
    Sentence,
)
from bus.mqtt.inbox import ReceivedMessage
from consumers.actions.command import ActionFailed
from consumers.desktop import texts as words
from consumers.desktop.notifications import Card, Cards, Offer
from consumers.desktop.opener import Opener, other_party
from consumers.desktop.settings import DesktopSettings
from runtime.bounded_dict import Recent

log = logging.getLogger(__name__)

_LAST_FOR = 600.0  # seconds after a call in which a key still opens what it was about
_LONGEST_CALL = 14_400.0  # seconds, if its end is never reported
_EACH = frozenset({"chosen", "party-change"})
# Reasons for which nothing is shown: the call is nobody's business here, or somebody wants peace.
_SILENT = frozenset(
    {"internal-ignored", "interface-off", "own-dialling", "not-chosen", "already-opened",
     "do-not-disturb", "quiet-hours", "too-old", "answered-elsewhere", "ended"}
)  # fmt: skip
# Those for which not even what is shown already may name somebody else: it is taken away.
_HIDING = frozenset(
    {"do-not-disturb", "quiet-hours", "interface-off", "answered-elsewhere", "ended"}
)  # fmt: skip


class DesktopConsumer:
    """Opens and shows what the answers to one user's calls say, each once."""

    def __init__(
        self,
        settings: DesktopSettings,
        opener: Opener,
        cards: Cards,
        do: Callable[[Callable[[], None]], None],
        choose: Callable[[str, ChoiceRequestData], None],
        report: Callable[[str, str], None],
        clock: Callable[[], float] = time.time,
        paused: Callable[[], bool] = lambda: False,
        opens_elsewhere: Callable[[], bool] = lambda: False,
        note: Callable[[CallerData], None] = lambda _data: None,
    ) -> None:
        self._settings = settings
        self._opener = opener
        self._cards = cards
        self._do = do
        self._choose = choose
        self._report = report
        self._clock = clock
        self._paused = paused
        self._opens_elsewhere = opens_elsewhere
        self._note = note
        self._newest: Recent[str, CallerData] = Recent(1_000)  # of each call, to open it later
        self._last: CallerData | None = None  # what the last call is about, if it can be opened
        self._last_call = ""
        self._last_until = 0.0
        self._parties: Recent[str, str] = Recent(1_000)  # whom each call's notification shows
        self._openable: Recent[tuple[str, str], CallerData] = Recent(1_000)  # by call and party
        self._seen: Recent[str, None] = Recent(1_000)
        self._chosen: Recent[str, None] = Recent(1_000)  # requests that were made here
        self._opened: Recent[tuple[str, str], None] = Recent(1_000)
        self._revealed: Recent[tuple[str, str], None] = Recent(1_000)  # whom the user has seen

    def handle(self, event: CallerEvent, _arrived: ReceivedMessage | None = None) -> None:
        """Act on one answer."""
        age = self._clock() - event.time.timestamp()
        limit = self._settings.max_age + self._settings.clock_tolerance
        if event.id in self._seen or age > limit:
            log.debug("repeated or too old event=%s age=%.0f", event.id, age)
            return
        self._seen[event.id] = None
        data = event.data
        if data.trigger == "closed":
            if data.call_id == self._last_call:
                self._last_until = min(self._last_until, self._clock() + _LAST_FOR)
            if data.answered_by and data.sentence and self._settings.notification_seconds:
                self._cards.update(data.call_id, self._taken(data, data.sentence))
            elif self._settings.close_at_end or data.reason != "ended":
                self._cards.close(data.call_id)
                self._cards.close(_not_opened(data.call_id))
        elif data.trigger != "outcome":
            self._act(data)

    def on_dial_result(self, result: DialResult, _arrived: ReceivedMessage | None = None) -> None:
        """Say what became of a number that was to be dialled, if it did not work."""
        data = result.data
        if data.state in ("refused", "unknown", "not-reached", "own-phone-not-lifted"):
            self.say(f"dial-{data.request_id}", data.sentence)

    def say(self, key: str, sentence: Sentence) -> None:
        """Show a sentence."""
        if self._settings.notification:
            line = texts.pick(sentence, self._settings.language)
            self._cards.show(key, Card("starface2mqtt", [line]))

    def open_last(self) -> None:
        """Open what the last call is about, as a click on its notification does."""
        if self._last is not None and self._clock() < self._last_until:
            self._clicks(self._last)()

    def open_call(self, call_id: str) -> None:
        """Open what an earlier call is about, if it can be opened."""
        data = self._newest.get(call_id)
        if data is not None:
            self._clicks(data)()

    def _act(self, data: CallerData) -> None:
        if self._can_open(data):
            self._openable[_with(data)] = data
            self._newest[data.call_id] = data
        kept = self._openable.get(_with(data)) if data.reason == "already-opened" else None
        shown, another = data.reason not in _SILENT, self._is_another(data)
        if shown or another:
            self._last, self._last_call = self._openable.get(_with(data)), data.call_id
            self._last_until = self._clock() + _LONGEST_CALL
        # A choice is opened each time it is made, anything else once for each call and party.
        key = (data.call_id, data.event_id if data.trigger in _EACH else data.trigger)
        opens = data.opens != "nothing" and self._opens_by_itself(data)
        paused, chosen_here = self._paused(), data.event_id in self._chosen
        self._note(data)
        if paused and not chosen_here:
            if opens:
                self._report(data.call_id, "paused")
            return
        if opens and key not in self._opened:
            self._opened[key] = None
            self._do(lambda: self._open(data))
        if paused or not self._settings.notification:
            return
        if shown:
            self._cards.show(data.call_id, self._card(data))
        elif another and data.reason in _HIDING:
            self._cards.close(data.call_id)
        elif another:  # somebody who is back, or for whom nothing opens
            self._cards.update(data.call_id, self._card(kept or data))

    def _is_another(self, data: CallerData) -> bool:
        """Return whether the call is with somebody else than is shown, and note who that is."""
        _, party = _with(data)
        before = self._parties.get(data.call_id)
        another = data.trigger == "party-change" or before not in (None, party)
        if another or data.reason not in _SILENT:
            self._parties[data.call_id] = party
        return another

    def _can_open(self, data: CallerData) -> bool:
        """Return whether there is something that a click would open here."""
        there = data.url is not None or data.on_click != "nothing"
        return there and self._settings.opens != "nothing"

    def _opens_by_itself(self, data: CallerData) -> bool:
        wanted = self._settings.opens
        if data.event_id in self._chosen:
            return wanted != "nothing"
        return wanted in ("browser", "program") and not self._opens_elsewhere()

    def _open(self, data: CallerData) -> None:
        try:
            self._opener.open(data)
        except ActionFailed as error:
            log.error("not opened event=%s reason=%s", data.event_id, error)
            self._report(data.call_id, str(error))
            if str(error) != "no-address":  # then only the caller is shown
                self.say(_not_opened(data.call_id), words.failure(str(error)))
        else:
            self._report(data.call_id, "")

    def _taken(self, data: CallerData, sentence: Sentence) -> Card:
        """Return what stays for a moment of a call that a colleague has taken."""
        language = self._settings.language
        hidden = data.discreet or self._settings.discreet
        title = words.call(data, language) if hidden else words.title(data, language)
        return Card(title, [texts.pick(sentence, language)])

    def _card(self, data: CallerData) -> Card:
        hidden = data.discreet or self._settings.discreet
        if hidden and _with(data) not in self._revealed:
            language = self._settings.language
            lines = [words.called_line(data), texts.render("desktop.reveal", language)]
            return Card(words.call(data, language), [line for line in lines if line],
                        lambda: self._reveal(data))  # fmt: skip
        return self._full_card(data)

    def _reveal(self, data: CallerData) -> None:
        self._revealed[_with(data)] = None
        self._cards.show(data.call_id, self._full_card(data))

    def _full_card(self, data: CallerData) -> Card:
        language = self._settings.language
        first, last = [], []
        if data.on_click != "nothing" and self._can_open(data):
            first = [Offer(texts.render("desktop.open", language), self._finds(data))]
        if data.remembered:
            last = [Offer(texts.render("desktop.forget", language), self._chooses(data, None))]
        room = words.MOST_OFFERS - len(first) - len(last)
        offers = [
            Offer(words.label(one), self._chooses(data, one)) for one in words.offers(data)[:room]
        ]  # fmt: skip
        offers = [*first, *offers, *last]
        clicked = self._clicks(data) if self._can_open(data) else None
        return Card(words.title(data, language), words.lines(data, language), clicked, offers)

    def _clicks(self, data: CallerData) -> Callable[[], None]:
        """Return what a click on the notification does."""
        if data.url is None and data.on_click != "nothing":
            return self._finds(data)
        return lambda: self._do(lambda: self._open(data))

    def _finds(self, data: CallerData) -> Callable[[], None]:
        return lambda: self._ask(ChoiceRequestData(call_id=data.call_id, kind="found"))

    def _chooses(self, data: CallerData, reference: Reference | None) -> Callable[[], None]:
        chosen = ChoiceRequestData(call_id=data.call_id)
        if reference is not None:
            chosen = chosen.model_copy(update={"kind": reference.kind, "id": reference.id})
        return lambda: self._ask(chosen)

    def _ask(self, chosen: ChoiceRequestData) -> None:
        """Have the office answer a press; its answer names the request as its event."""
        request_id = str(uuid4())
        self._chosen[request_id] = None
        self._choose(request_id, chosen)


def _with(data: CallerData) -> tuple[str, str]:
    """Return what distinguishes one party of a call from another."""
    party = other_party(data)
    return data.call_id, party.e164 or party.number or party.name or party.kind


def _not_opened(call_id: str) -> str:
    """Return the key of the notification that something did not open for a call."""
    return f"open-{call_id}"
