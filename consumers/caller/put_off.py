"""Actions that wait: for a delay, for a directory that cannot be read, or to be taken up again.

They wait on disk too, so that whichever process serves the user next goes on with them.
"""

from dataclasses import dataclass, replace

from bus.events import CallEvent
from consumers.caller.store import CallerStore, Claim

Key = tuple[str, str, str]  # user, call and mark of the action


@dataclass(frozen=True)
class Waiting:
    """An action put off; `again` if an earlier process had begun it."""

    since: float
    due: float
    event: CallEvent
    again: bool = False


class PutOff:
    """What waits, by user, call and trigger."""

    def __init__(self, store: CallerStore) -> None:
        self._store = store
        self._waiting: dict[Key, Waiting] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def __contains__(self, key: Key) -> bool:
        return key in self._waiting

    def add(self, key: Key, waiting: Waiting) -> None:
        """Let an action wait."""
        if not waiting.again:  # else it is on disk as begun
            self._store.put_off(Claim(*key, waiting.since, waiting.event.model_dump_json()))
        self._waiting[key] = waiting

    def learn(self, key: Key, event: CallEvent) -> None:
        """Go on with a later event of the same call, which may tell more."""
        if key in self._waiting:
            waiting = self._waiting[key]
            self.add(key, replace(waiting, event=event))

    def due(self, moment: float) -> list[tuple[Key, Waiting]]:
        """Return what has waited long enough; it waits no more."""
        found = [(key, one) for key, one in self._waiting.items() if one.due <= moment]
        for key, _ in found:
            del self._waiting[key]
        return found

    def settle(self, key: Key, waiting: Waiting, *, opened: bool) -> None:
        """Forget on disk what had waited, unless it has opened or waits once more."""
        if key in self._waiting or opened:
            return
        if waiting.again:
            self._store.done(*key)
        else:
            self._store.no_longer_put_off(*key)

    def give_up(self, key: Key) -> None:
        """Let an action wait no more."""
        if key in self._waiting:
            self.settle(key, self._waiting.pop(key), opened=False)

    def drop(self, user: str, call_id: str) -> bool:
        """Let nothing of a call wait any more; False if nothing did."""
        dropped = [one for one in self._waiting if one[:2] == (user, call_id)]
        for key in dropped:
            self.give_up(key)
        return bool(dropped)
