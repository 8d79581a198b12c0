import json
from collections.abc import Callable

import pytest

from bus.numbers.number import NumberProfile
from consumers.directory.directory import Directory
from consumers.directory.records import Contact, Match
from consumers.importers.push import PushRefused, push
from consumers.importers.report import Report

Reported = Callable[..., Report]

ANNA = {"key": "1", "name": "Anna", "numbers": ["044 123 45 67"]}


@pytest.fixture
def reported(swiss: NumberProfile, directory: Directory) -> Reported:
    def reported(**fields: object) -> Report:
        pushed = push(json.dumps({"source": "crm", **fields}), swiss)
        directory.apply(pushed.changes)
        return pushed.report

    return reported


def match(directory: Directory) -> Match:
    return directory.find("+41441234567", user="u")


def found(directory: Directory) -> Contact:
    contact = match(directory).contact
    assert contact is not None
    return contact


def test_a_pushed_contact_is_found_at_the_next_call(
    reported: Reported, directory: Directory
) -> None:
    reported(contacts=[ANNA])
    assert found(directory).name == "Anna"

    reported(contacts=[ANNA | {"name": "Anna Meier"}])
    assert found(directory).name == "Anna Meier"

    reported(contacts=[ANNA | {"active": False}])
    assert match(directory).contact is None


def test_a_push_leaves_the_rest_of_the_source(reported: Reported, directory: Directory) -> None:
    reported(contacts=[ANNA])
    reported(contacts=[{"key": "2", "name": "Beat", "numbers": ["044 123 45 68"]}])

    assert found(directory).name == "Anna"


def test_dossiers_matters_and_uses_are_pushed(reported: Reported, directory: Directory) -> None:
    reported(
        contacts=[ANNA],
        dossiers=[{"key": "d", "contact": "1", "title": "Meier"}],
        matters=[
            {
                "key": "m",
                "dossier": "d",
                "reference": "2026-1",
                "open": False,
                "used": [{"user": "u", "at": "2026-11-20T12:00:00+01:00"}],
            }
        ],
    )

    anna = found(directory)
    [dossier] = directory.dossiers(anna.id)
    assert [(one.reference, one.open) for one in dossier.matters] == [("2026-1", False)]
    assert [one.record for one in directory.uses("u", anna.id)] == ["matter"]


def test_what_is_to_be_removed_is_named(reported: Reported, directory: Directory) -> None:
    reported(contacts=[ANNA])
    reported(remove={"contacts": ["1"]})

    assert match(directory).contact is None


def test_a_complete_list_removes_what_it_does_not_name(
    reported: Reported, directory: Directory
) -> None:
    reported(contacts=[ANNA, ANNA | {"key": "2"}])
    reported(contacts=[ANNA], complete=["contacts"])

    assert found(directory).key == "1"


def test_a_switchboard_may_be_marked(reported: Reported, directory: Directory) -> None:
    number = {"number": "030 90182 0", "switchboard": True}
    reported(
        contacts=[
            {"key": "f", "name": "F", "kind": "company", "country": "DE", "numbers": [number]}
        ]
    )

    assert directory.find("+493090182047", user="u").quality == "switchboard"


def test_a_number_that_is_none_is_reported_and_the_contact_taken(
    reported: Reported, directory: Directory
) -> None:
    report = reported(contacts=[ANNA | {"numbers": ["044 123 45 67", "ask the office"]}])

    assert found(directory).name == "Anna"
    assert [(one.where, one.row) for one in report.refusals] == [("contacts.0", False)]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("{", "JSON"),
        ("[]", "object"),
        ("{}", "source"),
        ('{"source": "s", "contacts": [{"name": "no key"}]}', "contacts.0.key"),
        ('{"source": "s", "remove": {"users": ["x"]}}', "remove.users"),
        (
            '{"source": "s", "matters": [{"key": "m", "dossier": "d", "used": [{"user": "u", '
            '"at": "2026-11-20T12:00:00"}]}]}',
            "timezone",
        ),
        (json.dumps({"source": "s", "remove": {"contacts": ["k"] * 10001}}), "10000"),
    ],
)
def test_a_push_that_is_not_as_agreed_is_refused_and_the_field_named(
    swiss: NumberProfile, body: str, reason: str
) -> None:
    with pytest.raises(PushRefused, match=reason):
        push(body, swiss)


def test_a_refusal_does_not_repeat_what_was_sent(swiss: NumberProfile) -> None:
    with pytest.raises(PushRefused) as refused:
        push('{"source": "s", "contacts": [{"key": "1", "kind": "Anna Meier"}]}', swiss)

    assert "Anna" not in str(refused.value)
