"""What was lately seen, so that a repeat is known: bounded, the oldest goes first."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """The newest keys, each with a value."""

    def __init__(self, capacity: int = 20_000) -> None:
        self._capacity = capacity
        self._kept: OrderedDict[K, V] = OrderedDict()

    def holds(self, key: K) -> bool:
        """Return whether a key was kept lately."""
        return key in self._kept

    def value(self, key: K) -> V | None:
        """Return what was kept with a key, None if it was not."""
        return self._kept.get(key)

    def keep(self, key: K, value: V) -> None:
        """Keep a key as the newest."""
        self._kept[key] = value
        self._kept.move_to_end(key)
        if len(self._kept) > self._capacity:
            self._kept.popitem(last=False)

    def drop(self, key: K) -> None:
        """Keep a key no more."""
        self._kept.pop(key, None)
