"""What a contact is read from, as one short value: the same again need not be read again."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b

import phonenumbers

from bus.numbers import fast_path as number_quick
from bus.numbers import number as numbers
from bus.numbers import numbering_plan as number_plan
from bus.numbers import profile as number_profile
from bus.numbers import reading as number_reading
from bus.numbers import spelling as number_text
from bus.numbers.number import NumberProfile
from consumers.directory import changes, matching
from consumers.directory import records as contacts
from consumers.importers import raw_contact
from consumers.importers.numbers import countries, number_readings, second_lines
from consumers.importers.numbers import fields as number_fields

_RULES = (
    *(number_plan, number_profile, number_quick, number_reading, number_text),
    *(numbers, changes, contacts, matching),
    *(countries, raw_contact, number_fields, number_readings, second_lines),
)
_SIZE = 16  # bytes


def fingerprint(values: Sequence[object], profile: NumberProfile) -> bytes:
    """Give what differs if a value, the office's profile or our rules of reading differ."""
    digest = _rules(profile).copy()
    digest.update(repr(values).encode())
    return digest.digest()


@lru_cache(maxsize=16)
def _rules(profile: NumberProfile) -> blake2b:
    """Begin with all that decides what a text is read as, down to our own code."""
    digest = blake2b(f"{phonenumbers.__version__} {profile!r}".encode(), digest_size=_SIZE)
    for module in _RULES:
        digest.update(inspect.getsource(module).encode())
    return digest
