"""The PBX's own address book: contacts in blocks of attributes, whose names each PBX chooses."""

import math
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starface.simulator.model.people import SimulatedContact
from starface.simulator.model.switches import Switches

_PAGE = 20  # entries, where a client does not say
_LABEL = "de.vertico.starface.addressbook.block.label_"
_SCHEME: dict[str, dict[str, str]] = {  # block: display key and this installation's name for it
    "contact": {
        "SURNAME": "familyname",
        "NAME": "firstname",
        "COMPANY": "company",
        "JOB_TITLE": "jobtitle",
        "EMAIL": "email",
        "URL": "url",
        "NOTE": "note",
    },
    "telephone": {
        "OFFICE_PHONE_NUMBER": "phone",
        "MOBILE_PHONE_NUMBER": "mobile",
        "PRIVATE_PHONE_NUMBER": "homephone",
        "FAX_NUMBER": "fax",
    },
    "address": {
        "STREET": "street",
        "POSTAL_CODE": "postcode",
        "CITY": "city",
        "COUNTRY": "country",
    },
}
_SUMMARY = ("SURNAME", "NAME", "COMPANY")
_NUMBERS = tuple(_SCHEME["telephone"])


class NoSuchContact(Exception):
    """There is no contact with this id."""


class NoSuchTag(Exception):
    """There is no folder with this id."""


class NoSuchPage(Exception):
    """There is no page with this number."""


@dataclass
class _BookEntry:
    values: dict[str, str]  # by display key
    tags: set[str] = field(default_factory=set)  # ids of folders


class AddressBook:
    """The contacts and their folders, which the vendor calls tags."""

    def __init__(self, contacts: Iterable[SimulatedContact], switches: Switches) -> None:
        self._switches = switches
        self._contacts: dict[str, _BookEntry] = {}
        self._tags: dict[str, str] = {}
        given = list(contacts)
        for name in sorted({tag for contact in given for tag in contact.tags}):
            self.add_tag(name)
        by_name = {name: number for number, name in self._tags.items()}
        for contact in given:
            values = {
                "NAME": contact.first_name,
                "SURNAME": contact.surname,
                "COMPANY": contact.company,
                "OFFICE_PHONE_NUMBER": contact.office,
                "MOBILE_PHONE_NUMBER": contact.mobile,
            }
            number = self._next(self._contacts, 101)
            self._contacts[number] = _BookEntry(values, {by_name[name] for name in contact.tags})

    # ---- folders

    def tags(self, page: int | None = None, size: int | None = None) -> list[dict[str, Any]]:
        """Return one page of the folders; raise NoSuchPage."""
        shown, _ = self._paged(list(self._tags), page, size)
        return [self._tag(number) for number in shown]

    def tag(self, tag_id: str) -> dict[str, Any]:
        """Return one folder; raise NoSuchTag."""
        return self._tag(self._number(tag_id, self._tags, NoSuchTag))

    def add_tag(self, name: str) -> dict[str, Any]:
        """Make a folder."""
        number = self._next(self._tags, 1)
        self._tags[number] = name
        return self._tag(number)

    def rename_tag(self, tag_id: str, name: str) -> None:
        """Rename a folder; raise NoSuchTag."""
        self._tags[self._number(tag_id, self._tags, NoSuchTag)] = name

    def remove_tag(self, tag_id: str) -> None:
        """Remove a folder, not its contacts; raise NoSuchTag."""
        number = self._number(tag_id, self._tags, NoSuchTag)
        del self._tags[number]
        for entry in self._contacts.values():
            entry.tags.discard(number)

    # ---- contacts

    def scheme(self) -> dict[str, Any]:
        """Return the blocks without values."""
        return {
            "detailBlocks": [_block(name, fields) for name, fields in _SCHEME.items()],
            "summaryBlock": _block("contact", _SUMMARY),
            "phoneNumbersBlock": _block("telephone", _NUMBERS),
        }

    def one(self, contact_id: str) -> dict[str, Any]:
        """Return one contact; raise NoSuchContact."""
        number = self._number(contact_id, self._contacts, NoSuchContact)
        entry = self._contacts[number]
        numbers = [entry.values[key] for key in _NUMBERS if entry.values.get(key)]
        return {
            "id": self._id(number),
            "accountId": 0,
            "editable": True,
            "jabberId": "",
            "primaryExternalNumber": next(iter(numbers), ""),
            "primaryInternalNumber": "",
            "tags": [self._tag(tag) for tag in sorted(entry.tags, key=int)],
            "blocks": [_block(name, fields, entry.values) for name, fields in _SCHEME.items()],
        }

    def add(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Write a new contact; raise ValueError for what is none, NoSuchTag."""
        number = self._next(self._contacts, 101)
        self._contacts[number] = self._entry(body)
        return self.one(number)

    def change(self, contact_id: str, body: Mapping[str, Any]) -> None:
        """Replace a contact; raise NoSuchContact, ValueError, NoSuchTag."""
        number = self._number(contact_id, self._contacts, NoSuchContact)
        self._contacts[number] = self._entry(body)

    def remove(self, contact_id: str) -> None:
        """Remove a contact; raise NoSuchContact."""
        del self._contacts[self._number(contact_id, self._contacts, NoSuchContact)]

    def page(
        self,
        terms: str,
        tags: Sequence[str],
        page: int | None,
        size: int | None,
        *,
        ascending: bool = True,
    ) -> dict[str, Any]:
        """Return one page of those that fit; raise NoSuchPage."""
        wanted = {number for number in self._tags if {number, self._id(number)} & set(tags)}
        fitting = [
            number
            for number, entry in self._contacts.items()
            if _fits(entry.values, terms) and (not tags or entry.tags & wanted)
        ]
        fitting.sort(key=lambda number: _sorted_by(self._contacts[number].values))
        shown, at = self._paged(fitting if ascending else fitting[::-1], page, size)
        return {
            "contacts": [self._summary(number) for number in shown],
            "metadata": {
                "page": at,
                "pagesize": size or _PAGE,
                "sort": "",
                "sortdirection": "ASC" if ascending else "DESC",
                "totalPages": math.ceil(len(fitting) / (size or _PAGE)),
            },
            "summaryBlockSchema": _block("contact", _SUMMARY),
            "phoneNumbersBlockSchema": _block("telephone", _NUMBERS),
        }

    # ---- shared

    def _paged(
        self, numbers: Sequence[str], page: int | None, size: int | None
    ) -> tuple[Sequence[str], int]:
        """Return a page and its number; what a number below the first means is a switch."""
        first = self._switches.first_page
        wanted = first if page is None else page
        if wanted < first and self._switches.page_below_first == "error":
            raise NoSuchPage
        if wanted < first and self._switches.page_below_first == "first":
            wanted = first
        begin = (wanted - first) * (size or _PAGE)
        return numbers[begin : begin + (size or _PAGE)] if begin >= 0 else [], wanted

    def _entry(self, body: Mapping[str, Any]) -> _BookEntry:
        try:
            fields = [each for block in body["blocks"] for each in block["attributes"]]
            values = {str(each["displayKey"]): str(each.get("value") or "") for each in fields}
            tags = [str(tag["id"]) for tag in body.get("tags") or []]
        except (AttributeError, KeyError, TypeError):
            raise ValueError("a contact has blocks of attributes") from None
        if not any(values.values()):
            raise ValueError("a contact without a value")
        return _BookEntry(values, {self._number(tag, self._tags, NoSuchTag) for tag in tags})

    def _number(self, given: str, kept: Mapping[str, object], absent: type[Exception]) -> str:
        """Return our own number behind an id, in whichever form it was given out."""
        for number in kept:
            if given in {number, _guid(number)}:
                return number
        raise absent(given)

    def _id(self, number: str) -> str:
        return _guid(number) if self._switches.guid_ids else number

    def _tag(self, number: str) -> dict[str, Any]:
        name = self._tags[number]
        return {"id": self._id(number), "name": name, "alias": name, "owner": "SYSTEM"}

    def _summary(self, number: str) -> dict[str, Any]:
        values = self._contacts[number].values
        numbers = [values.get(key, "") for key in _NUMBERS]
        return {
            "id": self._id(number),
            "summaryValues": [values.get(key, "") for key in _SUMMARY],
            "phoneNumberValues": numbers,
            "additionalValues": {"EXTERNALPHONE": next(filter(None, numbers), "")},
        }

    @staticmethod
    def _next(kept: Mapping[str, object], first: int) -> str:
        return str(max((int(number) + 1 for number in kept), default=first))


def _guid(number: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"starface-{number}"))


def _sorted_by(values: Mapping[str, str]) -> str:
    return (values.get("SURNAME") or values.get("COMPANY") or "").lower()


def _fits(values: Mapping[str, str], terms: str) -> bool:
    text = " ".join(values.values()).lower()
    return all(term in text or term.lstrip("+") in text for term in terms.lower().split())


def _block(
    name: str, keys: Iterable[str], values: Mapping[str, str] | None = None
) -> dict[str, Any]:
    return {
        "name": name,
        "resourceKey": f"{_LABEL}{name}",
        "attributes": [
            {
                "displayKey": key,
                "name": _SCHEME[name][key],
                "i18nDisplayName": _SCHEME[name][key].title(),
                "value": None if values is None else values.get(key, ""),
                "additionalValues": {},
            }
            for key in keys
        ],
    }
