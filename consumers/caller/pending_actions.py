"""The actions for calls and how far each is: one table, by user, call and mark.

An action waits (for a delay, for a directory that cannot be read, or until what waited at the
broker is looked through), is claimed on disk, begun, and done once the broker has the answer and
the last program has ended. What waited at the broker is looked through before anything opens, as
the end of a call may wait behind its ringing. What waits and what is claimed is on disk, so that
whichever process serves the user next continues with it. A claim without its done means that the
process died between: it is done again while the call is young, without the programs that were
started (executors.py). So nothing waits for the disk itself: what a power cut takes back is
repeated just the same.
"""

import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Protocol

from bus.events import Action, CallerData, CallEvent
from consumers.caller.calls import ActionKeys, Key, Transition, Trigger, keys_of
from consumers.caller.settings import CallerSettings
from consumers.users import User, UserPreferences
from runtime.sqlite import transaction, write

_SHOWING: frozenset[Trigger] = frozenset({"ringing", "connected", "outgoing"})
_LATE = 1.5  # seconds beyond what is usual between notification and arrival
_QUIET = 0.5  # seconds without a late event after which all that waited has come
_USUAL = 50  # events by which a clock that differs is distinguished from a backlog
_CAPACITY = 20_000  # calls
_ALWAYS: frozenset[Trigger] = frozenset({"ringing", "outgoing"})  # answered even if nothing opens
_NOTE_DONE = "INSERT OR IGNORE INTO claims VALUES (?, ?, ?, 'done', ?, NULL)"


class BrokerLink(Protocol):
    """What is asked of the connection to the broker."""

    @property
    def connected(self) -> bool:
        """Whether the broker is connected."""


@dataclass(frozen=True, slots=True)
class Claim:
    """An action that was begun, or deferred, and not done; `event` is the call event it is for."""

    key: Key
    at: float
    event: str
    begun: bool


@dataclass(slots=True)
class PendingAction:
    """One action; most of it is empty most of the time."""

    event: CallEvent | None = None  # while it waits
    since: float = 0.0
    due: float = 0.0
    begun: bool = False  # an earlier process had claimed it
    undelivered: bool = False  # the broker does not have the answer yet
    executing: int = 0  # programs at work for it
    had: Action | None = None  # what a party had opened by a change or by hand
    digest: bytes = b""  # the last answer, so that a repeat stays silent
    found_nobody: bool = False  # a number was looked up for it last, and nobody had it


@dataclass(frozen=True, slots=True)
class DueAction:
    """An action that an event calls for; with a delay it waits already."""

    trigger: Trigger
    keys: ActionKeys
    delay: float = 0.0


class PendingActions:
    """What is under way for the calls of a process."""

    def __init__(
        self,
        db: sqlite3.Connection,
        settings: CallerSettings,
        broker: BrokerLink,
        clock: Callable[[], float],
    ) -> None:
        self._db = db
        self._settings = settings
        self._backlog = Backlog(broker, settings.clock_tolerance, clock)
        self._clock = clock
        self._calls: dict[tuple[str, str], dict[str, PendingAction]] = {}
        self._waiting: dict[Key, PendingAction] = {}
        self._openings: dict[str, deque[float]] = {}  # of each user, the latest

    # ---- due

    def due_by(self, user: User, transition: Transition, event: CallEvent) -> DueAction | None:
        """Return the action an event calls for now, None if there is none or it waits."""
        self._backlog.arrived(event.data.received_at)
        call, trigger = transition.call, _wanted(user, transition)
        if trigger is None and self._was_unknown(transition):
            trigger = "ringing"
        if trigger is None:
            return None
        keys = keys_of(call, trigger)
        if (
            transition.begins
            and "party-change" in user.triggers
            and self._claimed_for_another(keys, trigger)
        ):
            trigger, keys = "party-change", keys_of(call, "party-change")
        if trigger == "connected" or (trigger == "party-change" and trigger in user.triggers):
            # What was to open on ringing could only be wrong from now on.
            self.give_up(keys.ringing)
        if keys.own in self._waiting:
            self._update(keys.own, event)
            return None
        delay = self.delay(user) if trigger == "ringing" and trigger in user.triggers else 0.0
        if delay and self.was_answered(keys.own):
            delay = 0.0
        if delay or not (
            trigger == "ended" or self._backlog.looked_through or self._too_old(event)
        ):
            self.defer(keys.own, event, self._clock() + delay)
            return DueAction(trigger, keys, delay) if delay else None
        return DueAction(trigger, keys)

    def delay(self, user: User | None) -> float:
        """Return how long a ringing is to wait for this user, in seconds."""
        wished = UserPreferences.of(user).delay if user is not None and user.preferences else None
        return self._settings.delay if wished is None else wished

    def _was_unknown(self, transition: Transition) -> bool:
        """Return whether a call is answered whose caller nobody knew; perhaps somebody does now."""
        call = transition.call
        ringing = (call.user, call.call_id, "ringing")
        return "connected" in transition.due and self.found_nobody(ringing)

    def _claimed_for_another(self, keys: ActionKeys, trigger: Trigger) -> bool:
        """Return whether an earlier process had a trigger of this call dealt with for another."""
        return (
            trigger in _SHOWING
            and keys.party_known
            and self._claimed(keys.own)
            and not self._claimed(keys.of_party)
        )

    def _too_old(self, event: CallEvent) -> bool:
        """Return whether nothing opens for an event in any case, so that it need not wait."""
        age = self._clock() - event.data.received_at.timestamp()
        return age > self._settings.max_age + self._settings.clock_tolerance

    # ---- waiting

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def defer(self, key: Key, event: CallEvent, due: float, *, since: float | None = None) -> None:
        """Let an action wait; one that an earlier process claimed is on disk as that."""
        action = self._action(key)
        action.since = self._clock() if since is None else since
        action.event, action.due = event, due
        if not action.begun:
            write(
                self._db,
                "INSERT INTO claims VALUES (?, ?, ?, 'put-off', ?, ?) ON CONFLICT DO UPDATE"
                " SET event = excluded.event WHERE state = 'put-off'",
                (*key, action.since, event.model_dump_json()),
            )
        self._waiting[key] = action

    def resume_claimed(self, claim: Claim, event: CallEvent, due: float) -> None:
        """Let what an earlier process claimed or deferred wait until it can be looked at."""
        self._action(claim.key).begun = claim.begun
        self.defer(claim.key, event, due, since=claim.at)

    def _update(self, key: Key, event: CallEvent) -> None:
        """Continue with a later event of the same call, which may say more."""
        action = self._waiting[key]
        self.defer(key, event, action.due, since=action.since)

    def due(self) -> list[tuple[Key, PendingAction]]:
        """Return what has waited long enough."""
        if not self._waiting or not self._backlog.looked_through:
            return []
        now = self._clock()
        return [(key, action) for key, action in self._waiting.items() if action.due <= now]

    @contextmanager
    def taken(self, key: Key) -> Iterator[None]:
        """Let what waits be done in the block; where that fails, it keeps waiting."""
        action = self._waiting.pop(key)
        try:
            yield
        except BaseException:
            self._waiting.setdefault(key, action)
            raise

    def settle(self, key: Key, *, opened: bool) -> None:
        """Forget on disk what had waited, unless it has opened or waits once more."""
        if key in self._waiting or opened:
            return
        if self._action(key).begun:
            self.done(key)
        else:
            write(
                self._db,
                "DELETE FROM claims WHERE user = ? AND call_id = ? AND trigger = ?"
                " AND state = 'put-off'",
                key,
            )

    def give_up(self, key: Key) -> None:
        """Let an action wait no more."""
        if self._waiting.pop(key, None) is not None:
            self.settle(key, opened=False)

    def give_up_call(self, user: str, call_id: str) -> bool:
        """Let nothing of a call wait any more; False if nothing did."""
        keys = [key for key in self._waiting if key[:2] == (user, call_id)]
        for key in keys:
            self.give_up(key)
        return bool(keys)

    # ---- claimed

    def claim(self, keys: ActionKeys, trigger: Trigger, event: CallEvent, action: Action) -> bool:
        """Claim an action for this process; the party has then had its opening."""
        now = self._clock()
        if trigger in _SHOWING and self._opened_the_same(keys, action):
            return False
        with transaction(self._db):
            claimed = self._db.execute(
                "INSERT INTO claims VALUES (?, ?, ?, 'open', ?, ?) ON CONFLICT DO UPDATE"
                " SET state = 'open', at = excluded.at, event = excluded.event"
                " WHERE state = 'put-off'",
                (*keys.own, now, event.model_dump_json()),
            ).rowcount
            if claimed and trigger in _SHOWING:
                self._db.execute(_NOTE_DONE, (*keys.of_party, now))
        if claimed and trigger == "party-change":
            self._action(keys.of_party).had = action
        return claimed > 0

    def unfinished(self) -> list[Claim]:
        """Return what any process has begun or deferred on disk and never done, oldest first."""
        rows = self._db.execute(
            "SELECT user, call_id, trigger, at, event, state = 'open' FROM claims"
            " WHERE state <> 'done' ORDER BY at"
        )
        return [Claim(tuple(key), at, event or "", bool(begun)) for *key, at, event, begun in rows]

    def done(self, key: Key) -> None:
        """Note on disk that an action is done; its event is no longer needed."""
        write(
            self._db,
            "UPDATE claims SET state = 'done', event = NULL"
            " WHERE user = ? AND call_id = ? AND trigger = ?",
            key,
        )

    def pass_over(self, keys: ActionKeys) -> None:
        """Note that a trigger of a call was seen and nothing was to open."""
        for key in (keys.own, keys.of_party):
            write(self._db, _NOTE_DONE, (*key, self._clock()))

    def opened_by_hand(self, keys: ActionKeys, action: Action) -> None:
        """Note that a person had something opened; the call opens no more of that by itself."""
        write(self._db, _NOTE_DONE, (*keys.of_party, self._clock()))
        self._action(keys.of_party).had = action

    def _opened_the_same(self, keys: ActionKeys, action: Action) -> bool:
        """Return whether the party had this opened by a change, or by hand.

        What an earlier process opened counts as the same, as it may be for the same event.
        """
        had = self._find(keys.of_party)
        if had is not None and had.had is not None:
            return had.had == action
        return self._claimed(keys.of_party) and not self._claimed(keys.ringing)

    def _claimed(self, key: Key) -> bool:
        found = self._db.execute(
            "SELECT 1 FROM claims WHERE user = ? AND call_id = ? AND trigger = ?"
            " AND state <> 'put-off'",
            key,
        )
        return found.fetchone() is not None

    # ---- begun and done

    def openings_in_last_minute(self, user: str) -> int:
        """Return how often something opened for a user within a minute."""
        openings, now = self._openings.get(user, deque()), self._clock()
        while openings and now - openings[0] > 60:
            openings.popleft()
        return len(openings)

    def opens(self, key: Key) -> None:
        """Note that something opens, and the answer is on its way to the broker."""
        self._openings.setdefault(key[0], deque(maxlen=600)).append(self._clock())
        self._action(key).undelivered = True

    def delivered(self, key: Key) -> None:
        """Note that the broker has the answer."""
        self._action(key).undelivered = False
        self._note_if_done(key)

    def executing(self, key: Key, count: int) -> None:
        """Note how many programs are at work."""
        self._action(key).executing = count

    def executed(self, key: Key) -> None:
        """Note that a program has ended."""
        action = self._action(key)
        action.executing = max(0, action.executing - 1)
        self._note_if_done(key)

    def _note_if_done(self, key: Key) -> None:
        action = self._action(key)
        if not action.undelivered and not action.executing:
            self.done(key)

    # ---- answered

    def is_news(self, key: Key, data: CallerData) -> bool:
        """Keep an answer; return whether it says something new to its user."""
        action, digest = self._action(key), _digest(data)
        action.found_nobody = data.quality == "none" and bool(data.caller.e164)
        news, action.digest = action.digest != digest, digest
        return news

    def was_answered(self, key: Key) -> bool:
        """Return whether the user had an answer before."""
        action = self._find(key)
        return action is not None and bool(action.digest)

    def found_nobody(self, key: Key) -> bool:
        """Return whether a number was looked up last, and nobody had it."""
        action = self._find(key)
        return action is not None and action.found_nobody

    def reopen(self, user: str, call_id: str) -> None:
        """Forget what was answered to a call that had ended here and begins again."""
        for action in self._calls.get((user, call_id), {}).values():
            action.digest, action.found_nobody = b"", False

    # ---- the table

    def _find(self, key: Key) -> PendingAction | None:
        return self._calls.get(key[:2], {}).get(key[2])

    def _action(self, key: Key) -> PendingAction:
        actions = self._calls.get(key[:2])
        if actions is None:
            actions = self._calls[key[:2]] = {}
            if len(self._calls) > _CAPACITY:
                del self._calls[next(iter(self._calls))]
        if (found := actions.get(key[2])) is None:
            found = actions[key[2]] = PendingAction()
        return found


class Backlog:
    """Watches how late events come, and whether the broker is connected at all."""

    def __init__(self, broker: BrokerLink, tolerance: float, clock: Callable[[], float]) -> None:
        self._broker = broker
        self._tolerance = tolerance  # seconds two clocks may differ
        self._clock = clock
        self._was_connected = broker.connected
        self._last = float("-inf")
        self._delays: deque[float] = deque(maxlen=_USUAL)

    def arrived(self, received_at: datetime) -> None:
        """Note an event by the moment the gateway received it."""
        now = self._clock()
        delay = now - received_at.timestamp()
        self._delays.append(delay)
        usual = 0.0
        if len(self._delays) == _USUAL:
            usual = min(max(0.0, min(self._delays)), self._tolerance)
        if delay - usual > _LATE:
            self._last = now

    @property
    def looked_through(self) -> bool:
        """Whether nothing waits any more that could be about a call at hand."""
        connected, now = self._broker.connected, self._clock()
        if connected and not self._was_connected:
            self._last = now  # what waited at the broker comes now
        self._was_connected = connected
        return connected and now - self._last >= _QUIET


def _wanted(user: User, transition: Transition) -> Trigger | None:
    """Return which trigger counts of those that an event calls for: one, as all open the same.

    Another party is answered in any case. A call that rang here and was handed over is a change of
    party only for those for whom nothing opens when it rings.
    """
    wanted = [one for one in transition.due if one in _ALWAYS or one in user.triggers]
    if transition.changed:
        return "connected" if "connected" in wanted else "party-change"
    rang = "ringing" not in transition.due
    order: tuple[Trigger, ...] = ("connected", "party-change", "ringing")
    if rang and "ringing" in user.triggers:
        order = ("connected", "ringing")
    return next((one for one in (*order, "outgoing", "ended") if one in wanted), None)


def _digest(data: CallerData) -> bytes:
    """Return what is the same for answers that look the same; small, as many are kept."""
    shown = (
        data.reason, data.opens, data.caller, data.called, data.contact, data.url, data.candidates,
    )  # fmt: skip
    return blake2b(repr(shown).encode(), digest_size=16).digest()
