"""Contacts from the address book of the STARFACE itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from bus.numbers.number import NumberProfile
from consumers.directory.changes import ContactRecord
from consumers.importers.raw_contact import ContactReader, NumberField, RawContact
from consumers.importers.report import Report, SourceUnreadable
from starface.failures import PbxFailure
from starface.rest_models import RestContact

_LABELS = {
    "OFFICE_PHONE_NUMBER": "work",
    "PRIVATE_PHONE_NUMBER": "home",
    "MOBILE_PHONE_NUMBER": "mobile",
    "FAX_NUMBER": "fax",
}


def starface_records(
    contacts: Iterable[RestContact],
    profile: NumberProfile,
    report: Report,
    ours: Collection[str] = (),
) -> Iterator[ContactRecord]:
    """Return the contacts of `RestClient.contacts()` but those `contacts publish` has made.

    Raises SourceUnreadable where the PBX fails.
    """
    reader = ContactReader(profile, report)
    try:
        for contact in contacts:
            if contact.id in ours:
                continue
            report.rows += 1
            raw = RawContact(
                key=contact.id,
                name=f"{contact.first('NAME')} {contact.first('SURNAME')}",
                company=contact.first("COMPANY"),
                country=contact.first("COUNTRY"),
                email=contact.first("EMAIL"),
                url=contact.first("URL"),
                numbers=[
                    NumberField(field.value, _LABELS.get(field.display_key, ""))
                    for field in contact.numbers
                ],
            )
            if record := reader.change(raw, f"contact {contact.id}"):
                yield record
    except PbxFailure as error:
        raise SourceUnreadable(str(error)) from error
