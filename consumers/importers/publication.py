"""Contacts of the directory in the address book of the STARFACE, for the displays of telephones.

They stand in a folder of their own, and nothing is changed but the entries made here: which they
are is kept in the directory. An entry is noted before it is made, so one whose answer was lost is
found in the folder the next time and not made twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b

from consumers.directory.directory import Directory
from consumers.directory.records import Contact, ContactNumber
from starface.rest import NotThere, RestClient
from starface.rest_models import RestTag

_FIELDS = {  # the fields for numbers, and the labels they are for
    "OFFICE_PHONE_NUMBER": ("work", "direct", "switchboard", "main", ""),
    "PHONE_NUMBER": ("work", "direct", "switchboard", "main", ""),
    "MOBILE_PHONE_NUMBER": ("mobile",),
    "PRIVATE_PHONE_NUMBER": ("home",),
    "FAX_NUMBER": ("fax",),
}

Values = dict[str, str]  # by the display key of the field


@dataclass(frozen=True)
class PublicationStep:
    """One entry to be added, changed or removed."""

    contact_id: int
    entry: str  # the PBX's id of it; nothing for a new one
    values: Values  # nothing to remove it

    @property
    def kind(self) -> str:
        """Return whether it is `added`, `changed` or `removed`."""
        return "removed" if not self.values else "changed" if self.entry else "added"


@dataclass(frozen=True)
class PublicationPlan:
    """What is to be done, what stays, and how many numbers have no field left."""

    steps: list[PublicationStep]
    kept: int
    without_field: int


class PublishedFolder:
    """The entries of one folder, and the contacts they are made of."""

    def __init__(self, directory: Directory, book: RestClient, folder: str) -> None:
        self._directory = directory
        self._book = book
        self._folder = folder
        self._scheme = book.contact_scheme()

    def plan(self, sources: Collection[str] = ()) -> PublicationPlan:
        """Return what differs between the directory and the entries made here.

        A number stands in one entry: that of the source which decides who calls.
        """
        made = self._directory.published(self._folder)
        fields = {field.display_key for block in self._scheme for field in block.attributes}
        steps: list[PublicationStep] = []
        kept = without_field = 0
        seen: set[str] = set()
        for contact in self._contacts(sources):
            numbers = [
                number
                for number in self._directory.numbers(contact.id)
                if number.e164 and number.e164 not in seen
            ]
            if not numbers:
                continue
            seen |= {number.e164 for number in numbers}
            values, left = entry_values(contact, numbers, fields)
            without_field += left
            entry, digest = made.pop(contact.id, ("", ""))
            if entry and digest == _digest(values):
                kept += 1
            else:
                steps.append(PublicationStep(contact.id, entry, values))
        gone = [PublicationStep(contact_id, entry, {}) for contact_id, (entry, _) in made.items()]
        return PublicationPlan([*gone, *steps], kept, without_field)

    def carry_out(
        self,
        steps: Iterable[PublicationStep],
        per_second: float = 5.0,
        wait: Callable[[float], object] = time.sleep,
    ) -> Iterator[PublicationStep]:
        """Carry out steps, so many in a second at most; yield each that is done."""
        tag = self._tag()
        for step in steps:
            if step.values:
                self._write(step, tag)
            else:
                self._remove(step)
            yield step
            wait(1 / per_second)

    def _contacts(self, sources: Collection[str]) -> Iterator[Contact]:
        for source in self._directory.sources():
            if source.active and (not sources or source.name in sources):
                yield from (
                    contact for contact in self._directory.contacts(source.name) if contact.active
                )

    def _tag(self) -> RestTag:
        for tag in self._book.tags():
            if tag.name == self._folder:
                return tag
        self._book.add_tag(self._folder)
        for tag in self._book.tags():
            if tag.name == self._folder:
                return tag
        raise NotThere(f"STARFACE has made no folder {self._folder}; make it there first.")

    def _write(self, step: PublicationStep, tag: RestTag) -> None:
        digest = _digest(step.values)
        noted = self._directory.published(self._folder).get(step.contact_id)
        entry = step.entry or (self._found(step.values, tag) if noted == ("", digest) else "")
        if entry:
            try:
                self._book.change_contact(entry, self._scheme, step.values, [tag])
            except NotThere:  # removed there by hand
                entry = ""
        if not entry:
            self._directory.keep_published(self._folder, step.contact_id, "", digest)
            entry = self._book.add_contact(self._scheme, step.values, [tag])
            entry = entry or self._found(step.values, tag)
        self._directory.keep_published(self._folder, step.contact_id, entry, digest)

    def _remove(self, step: PublicationStep) -> None:
        try:
            if step.entry:
                self._book.remove_contact(step.entry)
        except NotThere:  # removed there by hand
            pass
        self._directory.forget_published(self._folder, step.contact_id)

    def _found(self, values: Values, tag: RestTag) -> str:
        """Return the entry with just these values that is noted for no contact; "" for none."""
        known = {entry for entry, _ in self._directory.published(self._folder).values()}
        for listed in self._book.contacts(tag_ids=(tag.id,)):
            if listed.id not in known:
                full = self._book.contact(listed.id)
                if {
                    field.display_key: field.value for field in full.fields if field.value
                } == values:
                    return listed.id
        return ""


def entry_values(
    contact: Contact, numbers: Iterable[ContactNumber], fields: Collection[str]
) -> tuple[Values, int]:
    """Return an entry in the fields the PBX has, and how many numbers have none left."""
    if contact.kind == "company":
        values = {"COMPANY": contact.name}
    else:
        first, _, last = contact.name.rpartition(" ")
        values = {"NAME": first, "SURNAME": last, "COMPANY": contact.company}
    left = 0
    for number in numbers:
        own = [field for field, labels in _FIELDS.items() if number.label in labels]
        others = [field for field in _FIELDS if field != "FAX_NUMBER"]
        free = [field for field in (*own, *others) if field in fields and field not in values]
        if free:
            values[free[0]] = number.e164
        else:
            left += 1
    return {key: value for key, value in values.items() if value and key in fields}, left


def _digest(values: Values) -> str:
    return blake2b(repr(sorted(values.items())).encode(), digest_size=16).hexdigest()
