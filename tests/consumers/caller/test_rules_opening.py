from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.events import Action
from consumers.caller.rules import Opening, choose
from consumers.directory.records import Contact, Dossier, Match, Matter, Use

TODAY = date(2026, 11, 23)
ANNA = Contact(id=1, source="crm", key="1", name="Anna")
MUSTER = Contact(id=2, source="crm", key="2", name="Muster AG", kind="company")
FOUND = Match(quality="exact", contact=ANNA)


def dossier(number: int, *matters: Matter, active: bool = True) -> Dossier:
    return Dossier(id=number, contact_key="c", key=f"d{number}", matters=matters, active=active)


def matter(number: int, of: int = 1, *, open: bool = True) -> Matter:
    return Matter(
        id=number, dossier_key=f"d{of}", key=f"m{number}", reference=f"R{number}", open=open
    )


def used(
    number: int,
    days_ago: int,
    hour: int | None = None,
    record: Literal["matter", "dossier"] = "matter",
) -> Use:
    on = TODAY - timedelta(days=days_ago)
    at = None if hour is None else datetime(on.year, on.month, on.day, hour, tzinfo=UTC)
    return Use(record=record, record_id=number, on=on, at=at)


def keys(opening: Opening) -> list[str]:
    return [one.key for one in opening.alternatives]


def decided(opening: Opening) -> tuple[str, str, str | None]:
    return opening.kind, opening.reason, opening.record.key if opening.record else None


# matter or dossier


def test_the_only_open_matter_opens() -> None:
    opening = choose("matter-or-dossier", FOUND, [dossier(1, matter(1))], [], TODAY)

    assert decided(opening) == ("matter", "only-open-matter", "m1")


def test_a_closed_matter_does_not_count() -> None:
    closed = dossier(1, matter(1), matter(2, open=False))

    opening = choose("matter-or-dossier", FOUND, [closed], [used(2, 0)], TODAY)

    assert decided(opening) == ("matter", "only-open-matter", "m1")


def test_the_only_open_matter_of_all_dossiers_opens() -> None:
    both = [dossier(1), dossier(2, matter(5, of=2))]

    assert decided(choose("matter-or-dossier", FOUND, both, [], TODAY))[2] == "m5"


def test_of_several_open_matters_the_one_last_used_opens() -> None:
    both = [dossier(1, matter(1), matter(2))]

    opening = choose("matter-or-dossier", FOUND, both, [used(1, 3), used(2, 2)], TODAY)

    assert decided(opening) == ("matter", "last-used-matter", "m2")
    assert keys(opening) == ["m1"]


def test_the_matter_last_used_counts_across_dossiers() -> None:
    both = [dossier(1, matter(1)), dossier(2, matter(2, of=2))]

    opening = choose("matter-or-dossier", FOUND, both, [used(2, 5)], TODAY)

    assert decided(opening) == ("matter", "last-used-matter", "m2")


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (0, ("matter", "last-used-matter", "m1")),
        (90, ("matter", "last-used-matter", "m1")),
        (91, ("dossier", "several-open-matters", "d1")),
    ],
)
def test_last_used_means_within_ninety_days_inclusive(
    days: int, expected: tuple[str, str, str | None]
) -> None:
    both = [dossier(1, matter(1), matter(2))]

    assert decided(choose("matter-or-dossier", FOUND, both, [used(1, days)], TODAY)) == expected


@pytest.mark.parametrize(
    "uses",
    [
        [used(1, 2), used(2, 2)],
        [used(1, 2, hour=9), used(2, 2)],
        [used(1, 2, hour=9), used(2, 2, hour=9)],
    ],
    ids=["on one day", "one hour unknown", "at one moment"],
)
def test_a_tie_opens_the_dossier_with_its_open_matters(uses: list[Use]) -> None:
    both = [dossier(1, matter(1), matter(2), matter(3, open=False))]

    opening = choose("matter-or-dossier", FOUND, both, uses, TODAY)

    assert decided(opening) == ("dossier", "several-open-matters", "d1")
    assert sorted(keys(opening)) == ["m1", "m2"]


def test_on_one_day_the_later_hour_decides() -> None:
    both = [dossier(1, matter(1), matter(2))]

    opening = choose("matter-or-dossier", FOUND, both, [used(1, 2, 9), used(2, 2, 8)], TODAY)

    assert decided(opening)[2] == "m1"


def test_several_open_matters_nobody_used_open_their_dossier() -> None:
    both = [dossier(1, matter(2), matter(1)), dossier(2)]

    opening = choose("matter-or-dossier", FOUND, both, [], TODAY)

    assert decided(opening) == ("dossier", "several-open-matters", "d1")
    assert keys(opening) == ["m1", "m2"]


def test_open_matters_in_several_dossiers_offer_these_dossiers() -> None:
    three = [dossier(1, matter(1)), dossier(2, matter(2, of=2)), dossier(3)]

    opening = choose("matter-or-dossier", FOUND, three, [], TODAY)

    assert decided(opening) == ("nothing", "several-dossiers", None)
    assert keys(opening) == ["d1", "d2"]


def test_without_an_open_matter_the_dossier_opens() -> None:
    opening = choose("matter-or-dossier", FOUND, [dossier(1, matter(1, open=False))], [], TODAY)

    assert decided(opening) == ("dossier", "no-open-matter", "d1")


def test_several_dossiers_without_an_open_matter_are_offered() -> None:
    opening = choose("matter-or-dossier", FOUND, [dossier(1), dossier(2)], [], TODAY)

    assert decided(opening) == ("nothing", "several-dossiers", None)


def test_dossiers_are_offered_with_the_one_last_used_first() -> None:
    both = [dossier(1), dossier(2), dossier(3)]
    uses = [used(2, 400, record="dossier"), used(3, 3, record="dossier")]

    assert keys(choose("matter-or-dossier", FOUND, both, uses, TODAY)) == ["d3", "d2", "d1"]


@pytest.mark.parametrize("action", ["matter-or-dossier", "dossier"])
def test_a_contact_without_a_dossier_gets_the_card(action: Action) -> None:
    assert decided(choose(action, FOUND, [], [], TODAY)) == ("card", "no-dossier", "1")


@pytest.mark.parametrize("action", ["matter-or-dossier", "dossier"])
def test_an_inactive_dossier_does_not_exist(action: Action) -> None:
    gone = dossier(1, matter(1), active=False)

    assert decided(choose(action, FOUND, [gone], [], TODAY)) == ("card", "no-dossier", "1")


def test_an_employee_without_a_dossier_gets_the_own_card_and_the_employer_beside_it() -> None:
    employee = Match(quality="exact", contact=ANNA, employer=MUSTER)

    opening = choose("matter-or-dossier", employee, [], [], TODAY)

    assert (opening.kind, opening.record, opening.employer) == ("card", ANNA, MUSTER)


# dossier


def test_the_dossier_opens_whatever_matters_it_has() -> None:
    opening = choose("dossier", FOUND, [dossier(1, matter(1))], [used(1, 0)], TODAY)

    assert decided(opening) == ("dossier", "only-dossier", "d1")


def test_several_dossiers_are_offered() -> None:
    both = [dossier(1, matter(1)), dossier(2)]

    assert decided(choose("dossier", FOUND, both, [], TODAY))[:2] == ("nothing", "several-dossiers")


# business card and none


def test_a_business_card_is_a_business_card() -> None:
    opening = choose("business-card", FOUND, [dossier(1, matter(1))], [], TODAY)

    assert decided(opening) == ("card", "business-card", "1")


def test_no_action_opens_nothing_and_asks_nothing() -> None:
    several = Match(quality="several", candidates=(ANNA, MUSTER))

    for match in (FOUND, several, Match()):
        opening = choose("none", match, [dossier(1, matter(1))], [], TODAY, new_contact=True)
        assert (opening.kind, opening.reason, opening.alternatives) == ("nothing", "no-action", ())


# who it is


ACTIONS = ["matter-or-dossier", "dossier", "business-card"]


@pytest.mark.parametrize("action", ACTIONS)
def test_several_contacts_are_offered_and_nothing_opens(action: Action) -> None:
    several = Match(quality="several", candidates=(ANNA, MUSTER))

    opening = choose(action, several, [dossier(1, matter(1))], [], TODAY, new_contact=True)

    assert (opening.kind, opening.reason) == ("nothing", "several-contacts")
    assert opening.alternatives == (ANNA, MUSTER)


@pytest.mark.parametrize("action", ACTIONS)
def test_the_last_digits_never_open(action: Action) -> None:
    opening = choose(action, Match(quality="suffix", candidates=(ANNA,)), [], [], TODAY)

    assert (opening.kind, opening.reason) == ("nothing", "suffix-only")
    assert opening.alternatives == (ANNA,)


def test_the_action_is_done_for_the_company_of_a_switchboard_and_labelled() -> None:
    match = Match(quality="switchboard", contact=MUSTER)

    opening = choose("matter-or-dossier", match, [dossier(1, matter(1))], [], TODAY)

    assert (opening.kind, opening.quality) == ("matter", "switchboard")


def test_a_remembered_choice_is_shown_as_remembered() -> None:
    match = Match(quality="exact", remembered=True, contact=ANNA)

    assert choose("business-card", match, [], [], TODAY).remembered


@pytest.mark.parametrize("action", ACTIONS)
def test_an_unknown_caller_is_a_new_contact_where_the_site_has_a_page_for_it(
    action: Action,
) -> None:
    with_page = choose(action, Match(), [], [], TODAY, new_contact=True)
    without = choose(action, Match(), [], [], TODAY)

    assert (with_page.kind, with_page.reason) == ("new-contact", "new-contact")
    assert (without.kind, without.reason) == ("nothing", "unknown-caller")


# always


matters = st.builds(matter, st.integers(1, 6), open=st.booleans())
dossiers = st.lists(
    st.builds(
        lambda number, inside, active: dossier(
            number,
            *[one.model_copy(update={"id": number * 10 + one.id}) for one in inside],
            active=active,
        ),
        st.integers(1, 4),
        st.lists(matters, max_size=4, unique_by=lambda one: one.id),
        st.booleans(),
    ),
    max_size=3,
    unique_by=lambda one: one.id,
)
uses = st.lists(
    st.builds(used, st.integers(10, 46), st.integers(0, 120), st.none() | st.integers(0, 23)),
    max_size=5,
    unique_by=lambda one: one.record_id,
)


@given(kept=dossiers, uses=uses, order=st.randoms())
def test_the_order_in_which_things_are_reported_changes_nothing(
    kept: list[Dossier], uses: list[Use], order: Random
) -> None:
    first = choose("matter-or-dossier", FOUND, kept, uses, TODAY)
    shuffled = [
        one.model_copy(update={"matters": tuple(order.sample(one.matters, len(one.matters)))})
        for one in order.sample(kept, len(kept))
    ]

    again = choose("matter-or-dossier", FOUND, shuffled, order.sample(uses, len(uses)), TODAY)

    assert decided(again) == decided(first)
    assert keys(again) == keys(first)


@given(kept=dossiers, uses=uses)
def test_what_opens_is_open_and_active(kept: list[Dossier], uses: list[Use]) -> None:
    opening = choose("matter-or-dossier", FOUND, kept, uses, TODAY)

    active = {one.id for one in kept if one.active}
    if opening.kind == "matter":
        assert isinstance(opening.record, Matter)
        assert opening.record.open
        assert opening.record.id // 10 in active
    elif opening.kind == "dossier":
        assert isinstance(opening.record, Dossier)
        assert opening.record.id in active
