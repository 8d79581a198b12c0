from collections.abc import Iterator

import pytest

from bus.numbers.number import NumberProfile
from consumers.importers.report import Report, SourceUnreadable
from consumers.importers.sources.starface_book import starface_records
from starface.failures import PbxUnreachable
from starface.rest_models import Attribute, RestContact


def book_contact(contact_id: str, **fields: str) -> RestContact:
    reported = tuple(Attribute(display_key=key, value=value) for key, value in fields.items())
    return RestContact(id=contact_id, fields=reported)


def test_a_contact_of_the_address_book_is_a_contact(swiss: NumberProfile, report: Report) -> None:
    reported = book_contact(
        "17",
        NAME="Anna",
        SURNAME="Meier",
        COMPANY="Muster AG",
        OFFICE_PHONE_NUMBER="+41441234567",
        MOBILE_PHONE_NUMBER="079 555 01 01",
        FAX_NUMBER="0441234568",
    )

    [contact] = starface_records([reported], swiss, report)

    assert (contact.key, contact.kind, contact.name) == ("17", "person", "Anna Meier")
    assert contact.company == "Muster AG"
    assert [(one.e164, one.label) for one in contact.numbers] == [
        ("+41441234567", "work"),
        ("+41795550101", "mobile"),
        ("+41441234568", "fax"),
    ]


def test_a_contact_without_a_name_is_its_company(swiss: NumberProfile, report: Report) -> None:
    [contact] = starface_records([book_contact("1", COMPANY="Muster AG")], swiss, report)

    assert (contact.kind, contact.name) == ("company", "Muster AG")


def test_a_contact_without_any_name_is_refused(swiss: NumberProfile, report: Report) -> None:
    assert list(starface_records([book_contact("9", PHONE_NUMBER="117")], swiss, report)) == []
    assert [one.where for one in report.refusals] == ["contact 9"]


def test_a_failure_of_the_pbx_refuses_the_import(swiss: NumberProfile, report: Report) -> None:
    def reported() -> Iterator[RestContact]:
        yield book_contact("1", NAME="Anna")
        raise PbxUnreachable("STARFACE does not answer.")

    with pytest.raises(SourceUnreadable, match="does not answer"):
        list(starface_records(reported(), swiss, report))
