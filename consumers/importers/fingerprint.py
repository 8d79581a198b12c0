"""What a contact is read from, as one short value: the same again need not be read again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b
from importlib.metadata import version

import phonenumbers

from bus.numbers.number import NumberProfile

_SIZE = 16  # bytes


def fingerprinting(
    profile: NumberProfile, meaning: object = ""
) -> Callable[[Sequence[object]], bytes]:
    """Return what makes a value of texts: another one for other texts, profiles and releases.

    `meaning` is what else decides how the texts are read, such as the mapping of their columns.
    """
    rules = f"{version('starface2mqtt')} {phonenumbers.__version__} {profile!r} {meaning!r}"
    begun = blake2b(rules.encode("utf-8", "replace"), digest_size=_SIZE)

    def fingerprint(texts: Sequence[object]) -> bytes:
        digest = begun.copy()
        digest.update(repr(texts).encode("utf-8", "replace"))
        return digest.digest()

    return fingerprint
