"""What a contact is read from, as one short value: the same again need not be read again."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from importlib.metadata import version

import phonenumbers

from bus.numbers.number import NumberProfile

_SIZE = 16  # bytes


def fingerprint(values: Sequence[object], profile: NumberProfile) -> bytes:
    """Return what differs if a value, the office's profile or the release differs."""
    digest = _rules(profile).copy()
    digest.update(repr(values).encode("utf-8", "replace"))
    return digest.digest()


@lru_cache(maxsize=16)
def _rules(profile: NumberProfile) -> blake2b:
    """Begin with all that decides what a text is read as."""
    rules = f"{version('starface2mqtt')} {phonenumbers.__version__} {profile!r}"
    return blake2b(rules.encode(), digest_size=_SIZE)
