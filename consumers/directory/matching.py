"""The ladder from a number to whose it is: the same directory gives the same answer all day.

Pure decisions; the directory is handed in as a `ContactQueries`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from consumers.directory.records import Contact, Match, Quality

OFFERED = 50  # candidates at most
SHORTEST_STEM = 7  # digits with the country code; anything shorter would be half a country
LONGEST_EXTENSION = 6  # digits
SHORTEST_SUFFIX = 7  # digits; a short number must not match the end of a long one

# A lone zero behind a hyphen is how a switchboard is written; "-00" may be mere grouping.
_WRITTEN_ZERO = re.compile(r"\d(?:\s*[-\u2010-\u2015\u2212]\s*|[ ,]*DW\.?\s*)(0)\s*$", re.I)
_WRITTEN_ZEROS = re.compile(r"\d(?:\s*[-\u2010-\u2015\u2212]\s*|[ ,]*DW\.?\s*)(0{1,4})\s*$", re.I)


class Found(NamedTuple):
    """A contact that has a number, and the priority of its source."""

    contact: Contact
    priority: int
    stem: str = ""


class ContactQueries(Protocol):
    """What the ladder asks of the directory; it gives only active contacts."""

    def exact(self, e164: str) -> Sequence[Found]:
        """Return who has the number, in whatever spelling of the same subscriber."""

    def switchboards(self, stems: Sequence[str]) -> Sequence[Found]:
        """Return who has a switchboard with one of the stems."""

    def ending(self, digits: str) -> Sequence[Found]:
        """Return who has a number with these last digits."""

    def employer(self, contact: Contact) -> Contact | None:
        """Return the company a person works for."""

    def chosen(self, user: str, e164: str) -> int | None:
        """Return the id of the contact this user means by the number."""


def match(queries: ContactQueries, e164: str, *, user: str, suffix_digits: int = 0) -> Match:
    """Find whose a number is, on the first rung that has somebody."""
    if found := queries.exact(e164):
        return _decided(queries, "exact", found, queries.chosen(user, e164))
    stems = possible_stems(e164)
    if stems and (companies := _companies(queries, queries.switchboards(stems))):
        return _decided(queries, "switchboard", companies, queries.chosen(user, e164))
    if suffix_digits and len(e164) > max(suffix_digits, SHORTEST_SUFFIX):
        ending = queries.ending(e164[-max(suffix_digits, SHORTEST_SUFFIX) :])
        if ending:
            return Match(quality="suffix", candidates=_distinct(_deciding(ending)))
    return Match()


def leads_to(queries: ContactQueries, e164: str, contact_id: int) -> bool:
    """Return whether a number still leads to a contact, so that choosing it makes sense."""
    found = [*queries.exact(e164), *_companies(queries, queries.switchboards(possible_stems(e164)))]
    return any(one.contact.id == contact_id for one in found)


def possible_stems(e164: str) -> list[str]:
    """Return the stems of which a number may be an extension."""
    shortest = max(SHORTEST_STEM + 1, len(e164) - LONGEST_EXTENSION)
    return [e164[:end] for end in range(shortest, len(e164))]


def stem_of(raw: str, e164: str, *, marked: bool, extension_digits: int = 0) -> str:
    """Return what comes before the extensions of a switchboard, or nothing without evidence.

    Evidence is a number written with `-0`, or one that is marked or labelled; that it ends in
    zeros is none. How many zeros stand for the extension is said by the hyphen or by the source,
    and is otherwise one: a longer block of numbers may be shared with a neighbour.
    """
    written = (_WRITTEN_ZEROS if marked else _WRITTEN_ZERO).search(raw)
    zeros = written[1] if written else "0" * (extension_digits or 1)
    if marked and not written and not e164.endswith(zeros):
        zeros = ""
    if not e164 or not (written or marked) or not e164.endswith(zeros):
        return ""
    stem = e164.removesuffix(zeros) if zeros else e164
    return stem if len(stem) > SHORTEST_STEM else ""


def _companies(queries: ContactQueries, found: Sequence[Found]) -> list[Found]:
    """Return the companies behind switchboards; a person's own card would be a guess."""
    companies = []
    for one in found:
        contact = one.contact if one.contact.kind == "company" else queries.employer(one.contact)
        if contact is not None:
            companies.append(Found(contact, one.priority, one.stem))
    deciding = _deciding(companies)
    longest = max((len(one.stem) for one in deciding), default=0)
    return [one for one in companies if len(one.stem) == longest or one not in deciding]


def _decided(
    queries: ContactQueries, quality: Quality, found: Sequence[Found], chosen: int | None
) -> Match:
    candidates = _distinct(_deciding(found))
    for one in found:
        if one.contact.id == chosen:
            decided = candidates != (one.contact,)
            return Match(
                quality=quality,
                remembered=decided,
                contact=one.contact,
                employer=queries.employer(one.contact),
                candidates=_with(candidates, one.contact) if decided else (),
            )
    if len(candidates) > 1:
        return Match(quality="several", candidates=candidates)
    [contact] = candidates
    return Match(quality=quality, contact=contact, employer=queries.employer(contact))


def _deciding(found: Sequence[Found]) -> list[Found]:
    """Keep the source of highest priority; sources of one priority decide together."""
    highest = max((one.priority for one in found), default=0)
    return [one for one in found if one.priority == highest]


def _distinct(found: Sequence[Found]) -> tuple[Contact, ...]:
    contacts = {one.contact.id: one.contact for one in found}.values()
    ordered = sorted(contacts, key=lambda one: (one.name.casefold(), one.source, one.key))
    return tuple(ordered[:OFFERED])


def _with(candidates: tuple[Contact, ...], contact: Contact) -> tuple[Contact, ...]:
    return candidates if contact in candidates else (contact, *candidates)
