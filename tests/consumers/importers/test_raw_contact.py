from bus.numbers.number import NumberProfile
from consumers.directory.changes import DERIVED, ContactRecord
from consumers.importers.raw_contact import ContactReader, RawContact
from consumers.importers.report import Report


def read(raw: RawContact) -> ContactRecord:
    record = ContactReader(NumberProfile(country="CH"), Report()).record(raw)
    assert isinstance(record, ContactRecord)
    return record


def test_a_company_that_is_named_twice_has_its_name_once_and_the_key_it_always_had() -> None:
    record = read(RawContact(kind="company", name="Muster AG", company="Muster AG"))

    assert (record.name, record.company) == ("Muster AG", "")
    # of the kind and both names: with another key the next import would take it for another
    assert record.key == DERIVED + "96c0d28abbb59d6da67e0fbb"
