from collections.abc import Sequence

from bus.numbers.number import NumberProfile
from consumers.directory.changes import Unchanged
from consumers.importers.fingerprint import fingerprinting
from consumers.importers.raw_contact import ContactReader, NumberField, RawContact
from consumers.importers.report import Report

SWISS = NumberProfile(country="CH", area_code="44")


class Known:
    """A directory that knows one contact."""

    def __init__(self, key: str, read_from: bytes) -> None:
        self._one = (key, read_from)

    def contact(self, key: str) -> object | None:
        return self if key == self._one[0] else None

    def marks(self, keys: Sequence[str]) -> dict[str, bytes]:
        return dict([self._one])


def anna(number: str = "044 123 45 67", **fields: str) -> RawContact:
    return RawContact(name="Anna", numbers=[NumberField(number)], **fields)  # type: ignore[arg-type]


def read_from(raw: RawContact, profile: NumberProfile = SWISS) -> bytes:
    record = ContactReader(profile, Report()).change(raw, "line 2")
    assert record is not None
    return record.read_from


def test_the_same_has_the_same_fingerprint() -> None:
    assert read_from(anna(key="1")) == read_from(anna(key="1"))
    assert len(read_from(anna(key="1"))) == 16


def test_whatever_is_different_has_another_one() -> None:
    others = [
        read_from(anna(key="1")),
        read_from(anna(key="2")),
        read_from(anna("044 123 45 68", key="1")),
        read_from(anna(key="1", company="Muster AG")),
        read_from(anna(key="1", country="DE")),
        read_from(RawContact(key="1", name="Anna", numbers=[NumberField("044 123 45 67", "work")])),
        read_from(anna(key="1"), NumberProfile(country="CH", area_code="31")),
    ]

    assert len(set(others)) == len(others)


def test_a_value_cannot_move_to_its_neighbour() -> None:
    fingerprint = fingerprinting(SWISS)

    assert fingerprint(["a", "b\x1fc"]) != fingerprint(["a\x1fb", "c"])
    assert fingerprint(["1", ""]) != fingerprint(["", "1"])


def test_another_mapping_makes_another_value() -> None:
    assert fingerprinting(SWISS, "one")(["a"]) != fingerprinting(SWISS, "other")(["a"])


def test_what_is_known_is_not_read_again() -> None:
    contacts = ContactReader(SWISS, Report(known=Known("1", read_from(anna(key="1")))))

    assert isinstance(contacts.change(anna(key="1"), "line 2"), Unchanged)
    assert not isinstance(contacts.change(anna("044 123 45 68", key="1"), ""), Unchanged)


def test_a_contact_without_a_key_is_known_by_what_stands_for_it() -> None:
    first = ContactReader(SWISS, Report()).change(anna(), "line 2")
    assert first is not None

    report = Report(known=Known(first.key, first.read_from))
    again = ContactReader(SWISS, report).change(anna(), "line 9")

    assert again == Unchanged(key=first.key)


def test_a_contact_of_which_something_was_refused_is_read_and_reported_each_time() -> None:
    report = Report()
    record = ContactReader(SWISS, report).change(anna("044 12", key="1"), "line 2")

    assert record is not None
    assert record.read_from == b""
    assert [one.where for one in report.refusals] == ["line 2"]


def test_a_contact_that_is_typed_in_is_read_from_nothing() -> None:
    record = ContactReader(SWISS, Report()).record(anna(key="1"))

    assert record is not None
    assert record.read_from == b""
