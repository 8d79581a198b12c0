"""Contacts from the address book of the STARFACE itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bus.numbers.number import NumberProfile
from consumers.directory.changes import ContactRecord
from consumers.importers.raw_contact import NumberField, RawContact, contact_change
from consumers.importers.report import Report, SourceUnreadable
from starface import rest_models
from starface.failures import PbxFailure

_LABELS = {
    "OFFICE_PHONE_NUMBER": "work",
    "PRIVATE_PHONE_NUMBER": "home",
    "MOBILE_PHONE_NUMBER": "mobile",
    "FAX_NUMBER": "fax",
}


def starface_records(
    told: Iterable[rest_models.RestContact], profile: NumberProfile, report: Report
) -> Iterator[ContactRecord]:
    """Give the contacts of `RestClient.contacts()`; raise SourceUnreadable where the PBX fails."""
    try:
        for one in told:
            report.rows += 1
            name = f"{one.first('NAME')} {one.first('SURNAME')}".strip()
            raw = RawContact(
                key=one.id,
                name=name,
                company=one.first("COMPANY"),
                country=one.first("COUNTRY"),
                email=one.first("EMAIL"),
                url=one.first("URL"),
                numbers=[
                    NumberField(field.value, _LABELS.get(field.display_key, ""))
                    for field in one.numbers
                ],
            )
            if record := contact_change(raw, f"contact {one.id}", profile, report):
                yield record
    except PbxFailure as error:
        raise SourceUnreadable(str(error)) from error
