"""The PBX's own address book: contacts in blocks of attributes, whose names each PBX chooses."""

import math
from collections.abc import Iterable
from typing import Any

from starface.simulator.model.people import SimulatedContact
from starface.simulator.model.switches import Switches

_SCHEME = {
    "contact": [
        ("SURNAME", "familyname", "surname"),
        ("NAME", "firstname", "first_name"),
        ("COMPANY", "company", "company"),
    ],
    "telephone": [
        ("OFFICE_PHONE_NUMBER", "phone", "office"),
        ("MOBILE_PHONE_NUMBER", "mobile", "mobile"),
    ],
}


class NoSuchContact(Exception):
    """There is no contact with this id."""


class NoSuchPage(Exception):
    """There is no page with this number."""


class AddressBook:
    """The contacts and their tags."""

    def __init__(self, contacts: Iterable[SimulatedContact], switches: Switches) -> None:
        self._contacts = {str(number): each for number, each in enumerate(contacts, 101)}
        names = sorted({tag for each in self._contacts.values() for tag in each.tags})
        self._tags = {name: str(number) for number, name in enumerate(names, 1)}
        self._switches = switches

    def tags(self) -> list[dict[str, Any]]:
        """Return all tags."""
        return [_tag(number, name) for name, number in self._tags.items()]

    def scheme(self) -> dict[str, Any]:
        """Return the blocks without values."""
        return {"blocks": [_block(name, None) for name in _SCHEME]}

    def one(self, contact: str) -> dict[str, Any]:
        """Return one contact; raise NoSuchContact."""
        if contact not in self._contacts:
            raise NoSuchContact(contact)
        its = self._contacts[contact]
        return {
            "id": contact,
            "editable": True,
            "tags": [_tag(self._tags[name], name) for name in its.tags],
            "blocks": [_block(name, its) for name in _SCHEME],
        }

    def page(
        self, terms: str, tag: str, page: int | None, size: int, *, ascending: bool
    ) -> dict[str, Any]:
        """Return one page; what a page number below the first means is a switch.

        Raises NoSuchPage.
        """
        first = self._switches.first_page
        wanted = first if page is None else page
        if wanted < first and self._switches.page_below_first == "error":
            raise NoSuchPage
        if wanted < first and self._switches.page_below_first == "first":
            wanted = first
        fitting = [
            (number, each)
            for number, each in self._contacts.items()
            if _fits(each, terms) and (not tag or self._tagged(each, set(tag.split(","))))
        ]
        fitting.sort(key=lambda item: (item[1].surname or item[1].company).lower())
        fitting = fitting if ascending else fitting[::-1]
        begin = (wanted - first) * size
        shown = fitting[begin : begin + size] if begin >= 0 else []
        return {
            "contacts": [_summary(number, each) for number, each in shown],
            "metadata": {
                "page": wanted,
                "pagesize": size,
                "sort": "",
                "sortdirection": "ASC" if ascending else "DESC",
                "totalPages": math.ceil(len(fitting) / size),
            },
            "summaryBlockSchema": _block("contact", None),
            "phoneNumbersBlockSchema": _block("telephone", None),
        }

    def _tagged(self, contact: SimulatedContact, wanted: set[str]) -> bool:
        return any(self._tags[name] in wanted for name in contact.tags)


def _fits(contact: SimulatedContact, terms: str) -> bool:
    text = f"{contact.first_name} {contact.surname} {contact.company}".lower()
    digits = f"{contact.office} {contact.mobile}"
    return all(term in text or term.lstrip("+") in digits for term in terms.lower().split())


def _tag(number: str, name: str) -> dict[str, Any]:
    return {"id": number, "name": name, "alias": name, "owner": 0}


def _block(name: str, contact: SimulatedContact | None) -> dict[str, Any]:
    attributes = []
    for display_key, attribute, member in _SCHEME[name]:
        told = {"displayKey": display_key, "name": attribute, "i18nDisplayName": attribute.title()}
        if contact is not None:
            told["value"] = getattr(contact, member)
        attributes.append(told)
    return {"name": name, "resourceKey": f"block.{name}", "attributes": attributes}


def _summary(number: str, contact: SimulatedContact) -> dict[str, Any]:
    return {
        "id": number,
        "summaryValues": [getattr(contact, member) for _, _, member in _SCHEME["contact"]],
        "phoneNumberValues": [getattr(contact, member) for _, _, member in _SCHEME["telephone"]],
        "additionalValues": {"EXTERNALPHONE": contact.office or contact.mobile},
    }
