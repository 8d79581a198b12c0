import json
import random
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.events import CallData
from consumers.journal.calls import CallBook, LegOutcome, handed_over_by, outcome
from consumers.journal.leg import Leg
from consumers.journal.record import record_of
from tests.consumers.journal.call_events import (
    CLIENT,
    OTHER,
    START,
    WITHHELD,
    inside,
    outgoing,
    said,
)


def _book(events: Iterable[CallData]) -> CallBook:
    book = CallBook()
    for data in events:
        book.apply(data, data.received_at.timestamp(), own=data.user.removeprefix("00"))
    return book


def _leg(events: Sequence[CallData], user: str = "0011") -> Leg:
    [leg] = [leg for leg in _book(events).legs() if leg.user == user]
    return leg


def _reported(book: CallBook, leg: Leg) -> LegOutcome:
    return outcome(leg, book.other_legs(leg))


def _results(events: Iterable[CallData]) -> dict[str, tuple[str, str | None, int, int]]:
    book = _book(events)
    results: dict[str, tuple[str, str | None, int, int]] = {}
    for leg in sorted(book.legs(), key=lambda one: (one.user, one.call_id)):
        record = record_of(leg, _reported(book, leg), None)
        results[f"{leg.user} {sorted(leg.ids)}"] = (
            record.result, record.answered_by, record.ring_seconds, record.talk_seconds,
        )  # fmt: skip
    return results


def test_an_answered_call_has_its_times() -> None:
    leg = _leg(
        [said("0011", "ringing", 0), said("0011", "connected", 8), said("0011", "ended", 68)]
    )
    record = record_of(leg, outcome(leg, []), None)

    assert (record.result, record.ring_seconds, record.talk_seconds) == ("answered", 8, 60)
    assert record.party == CLIENT
    assert not record.replayed


@pytest.mark.parametrize(
    ("events", "result"),
    [
        ([said("0011", "incoming", 0), said("0011", "ended", 3)], "missed"),
        ([said("0011", "ringing", 0), said("0011", "ended", 30)], "missed"),
        ([said("0011", "ended", 30)], "missed"),
        ([said("0011", "ended", 30, direction="unknown", caller=inside(""))], "unknown"),
        ([said("0011", "connected", 0), said("0011", "ended", 30)], "answered"),
        (
            [said("0011", "ringing", 0), said("0011", "held", 4), said("0011", "ended", 9)],
            "answered",
        ),
        (
            [said("0011", "ringing", 0), said("0011", "other", 20, pbx_state="VOICEMAIL_LINKED"),
             said("0011", "ended", 40)],
            "voicemail",
        ),
        (
            [said("0011", "ringing", 0), said("0011", "other", 2, pbx_state="BUSY"),
             said("0011", "ended", 2.5)],
            "busy",
        ),
        (
            [said("0011", "ringing", 0), said("0011", "other", 2, pbx_state="Rejected"),
             said("0011", "ended", 2.5)],
            "rejected",
        ),
        ([outgoing("0011", "dialing", 0), outgoing("0011", "ended", 9)], "not-reached"),
        (
            [outgoing("0011", "dialing", 0), outgoing("0011", "ringback", 1),
             outgoing("0011", "ended", 9)],
            "not-reached",
        ),
        (
            [outgoing("0011", "dialing", 0), outgoing("0011", "ringback", 1),
             outgoing("0011", "connected", 4), outgoing("0011", "ended", 9)],
            "answered",
        ),
    ],
)  # fmt: skip
def test_what_became_of_a_call(events: list[CallData], result: str) -> None:
    leg = _leg(events)

    assert leg.over
    assert outcome(leg, []).result == result


def test_a_dial_request_whose_own_telephone_stays_on_the_hook_is_not_lifted() -> None:
    events = [outgoing("0011", "dialing", 0), outgoing("0011", "ended", 20)]
    leg = _leg(events)

    assert outcome(leg, [], not_lifted=True).result == "not-lifted"
    assert outcome(
        _leg([*events, outgoing("0011", "ringback", 9)]), [], not_lifted=True
    ).result == ("not-reached")


@pytest.mark.parametrize("late", [0.1, 3.0, 9.0])
def test_an_answer_that_comes_after_the_end_counts_and_opens_nothing_again(late: float) -> None:
    ringing, end = said("0011", "ringing", 0, pbx_at=0), said("0011", "ended", 60, pbx_at=60)
    leg = _leg([ringing, end, said("0011", "connected", 60 + late, pbx_at=10)])

    assert leg.over
    record = record_of(leg, outcome(leg, []), None)
    assert (record.result, record.talk_seconds, record.ring_seconds) == ("answered", 50, 10)


def test_ringing_that_comes_after_the_end_opens_nothing_again() -> None:
    leg = _leg([said("0011", "ended", 5), said("0011", "ringing", 6), said("0011", "incoming", 7)])

    assert leg.over
    assert len(leg.segments()) == 1


def test_a_queue_that_rings_again_is_one_call_with_all_its_ringing() -> None:
    leg = _leg(
        [said("0011", "ringing", 0), said("0011", "ended", 20), said("0011", "ringing", 40),
         said("0011", "connected", 45), said("0011", "ended", 105)]
    )  # fmt: skip
    record = record_of(leg, outcome(leg, []), None)

    assert (record.ring_seconds, record.talk_seconds, record.result) == (25, 60, "answered")


def test_a_queue_that_rings_again_at_once_is_read_by_the_clock_of_the_pbx() -> None:
    results = [said("0011", "ringing", 0, pbx_at=0), said("0011", "ended", 20, pbx_at=20),
            said("0011", "ringing", 24, pbx_at=24)]  # fmt: skip
    assert not _leg(results).over
    leg = _leg(
        [*results, said("0011", "connected", 27, pbx_at=27), said("0011", "ended", 87, pbx_at=87)]
    )

    assert record_of(leg, outcome(leg, []), None).talk_seconds == 60


def test_an_id_that_changes_is_one_call_whenever_it_is_said() -> None:
    events = [
        said("0011", "ringing", 0), said("0011", "other", 5, call_id="c-2", previous_call_id="c-1"),
        said("0011", "connected", 6, call_id="c-2"), said("0011", "ended", 66, call_id="c-2"),
    ]  # fmt: skip
    for order in permutations(events):
        leg = _leg(order)
        assert leg.call_id == "c-1"
        assert leg.ids == {"c-1", "c-2"}
        assert record_of(leg, outcome(leg, []), None).talk_seconds == 60


def test_ids_that_go_in_a_circle_end_nowhere_but_here() -> None:
    leg = _leg(
        [said("0011", "ringing", 0, call_id="a"),
         said("0011", "other", 1, call_id="b", previous_call_id="a"),
         said("0011", "other", 2, call_id="a", previous_call_id="b"),
         said("0011", "ended", 3, call_id="a")]
    )  # fmt: skip

    assert leg.call_id in ("a", "b")
    assert leg.over


def test_the_client_counts_and_not_the_colleague_who_put_him_through() -> None:
    book = _book(
        [said("0012", "ringing", 0, caller=inside("11", "Anna"), direction="internal"),
         said("0012", "connected", 3, caller=inside("11", "Anna"), direction="internal"),
         said("0012", "connected", 20, caller=CLIENT, direction="in"), said("0012", "ended", 80)]
    )  # fmt: skip
    [leg] = book.legs()

    assert leg.party == CLIENT
    assert leg.direction == "in"
    assert handed_over_by(leg, [], {"11": "0011", "12": "0012"}.get) == "0011"


def test_a_group_call_handed_on_says_by_whom_though_the_end_of_its_ringing_is_lost() -> None:
    book = _book([
        said("0011", "ringing", 0, group="7"), said("0012", "ringing", 0, group="7"),
        said("0012", "connected", 6, group="7"), said("0012", "ended", 22, group="7"),
        said("0011", "ringing", 22.3), said("0011", "connected", 27), said("0011", "ended", 41),
    ])  # fmt: skip
    first, second = (book.find(user, "c-1") for user in ("0012", "0011"))
    assert first is not None
    assert second is not None

    assert handed_over_by(second, book.other_legs(second), lambda _: None) == "0012"
    assert handed_over_by(first, book.other_legs(first), lambda _: None) is None


@pytest.mark.parametrize("answered", [True, False])
@pytest.mark.parametrize("lost", [(), (2,), (4,), (2, 4)])
def test_a_transfer_that_comes_back_is_missed_only_if_nobody_takes_it_then(
    answered: bool, lost: tuple[int, ...]
) -> None:
    events = [
        said("0011", "ringing", 0), said("0011", "connected", 5), said("0011", "ended", 20),
        said("0012", "ringing", 20.3), said("0012", "ended", 40), said("0011", "ringing", 40.3),
        *([said("0011", "connected", 46)] if answered else []), said("0011", "ended", 60),
    ]  # fmt: skip
    book = _book(event for place, event in enumerate(events) if place not in lost)
    colleague = book.find("0012", "c-1")
    assert colleague is not None
    if 4 in lost:
        colleague.end_inferred(START + 50)

    expected = LegOutcome("answered-elsewhere", "0011") if answered else LegOutcome("missed")
    assert _reported(book, colleague) == expected


def test_a_transfer_soon_taken_back_is_known_though_its_last_end_is_lost() -> None:
    book = _book([
        said("0011", "ringing", 0), said("0011", "connected", 5), said("0011", "ended", 12),
        said("0012", "ringing", 12.3), said("0012", "ended", 16),
        said("0011", "ringing", 16.3), said("0011", "connected", 21),
    ])  # fmt: skip
    colleague = book.find("0012", "c-1")
    assert colleague is not None

    assert _reported(book, colleague) == LegOutcome("answered-elsewhere", "0011")


@pytest.mark.parametrize("answered", [True, False])
def test_a_blind_transfer_is_a_record_for_each_who_had_it(answered: bool) -> None:
    events = [
        said("0011", "ringing", 0), said("0011", "connected", 5), said("0011", "ended", 60),
        said("0012", "ringing", 60.5),
        *([said("0012", "connected", 66)] if answered else []), said("0012", "ended", 90),
    ]  # fmt: skip
    book = _book(events)
    first, second = (book.find(user, "c-1") for user in ("0011", "0012"))
    assert first is not None
    assert second is not None

    assert _reported(book, first).result == "answered"
    assert _reported(book, second).result == ("answered" if answered else "missed")
    assert handed_over_by(second, book.other_legs(second), lambda _: None) == "0011"
    assert handed_over_by(first, book.other_legs(first), lambda _: None) is None


def _group(*more: CallData) -> list[CallData]:
    users = ("0011", "0012", "0013")
    rings = [said(user, "ringing", 0.1 * place, group="7") for place, user in enumerate(users)]
    return [*rings, *more]


def test_a_group_call_that_a_colleague_answers_is_missed_by_nobody() -> None:
    results = _results(
        _group(said("0012", "connected", 5, group="7"), said("0011", "ended", 5.1, group="7"),
               said("0013", "ended", 4.9, group="7"), said("0012", "ended", 65, group="7"))
    )  # fmt: skip

    assert {key[:4]: value[:2] for key, value in results.items()} == {
        "0011": ("answered-elsewhere", "0012"),
        "0012": ("answered", "0012"),
        "0013": ("answered-elsewhere", "0012"),
    }


def test_a_group_call_nobody_answers_is_missed_by_all() -> None:
    results = _results(
        _group(*[said(user, "ended", 30, group="7") for user in ("0011", "0012", "0013")])
    )

    assert {value[0] for value in results.values()} == {"missed"}


def test_who_declined_a_call_of_the_group_did_not_miss_what_another_took_later() -> None:
    results = _results(
        _group(said("0011", "ended", 3, group="7"), said("0012", "connected", 25, group="7"),
               said("0013", "ended", 25, group="7"), said("0012", "ended", 65, group="7"))
    )  # fmt: skip

    assert results["0011 ['c-1']"][:2] == ("answered-elsewhere", "0012")


def test_a_group_call_handed_back_to_a_member_is_his_and_says_by_whom() -> None:
    events = _group(
        said("0012", "connected", 5, group="7"), said("0011", "ended", 5.1, group="7"),
        said("0013", "ended", 5, group="7"), said("0012", "ended", 60, group="7"),
        said("0011", "ringing", 60.5, group="7"), said("0011", "connected", 64, group="7"),
        said("0011", "ended", 100, group="7"),
    )  # fmt: skip
    book = _book(events)
    leg = book.find("0011", "c-1")
    assert leg is not None

    assert _reported(book, leg).result == "answered"
    assert handed_over_by(leg, book.other_legs(leg), lambda _: None) == "0012"


def test_an_internal_call_is_placed_by_one_and_missed_by_the_other() -> None:
    anna, bert = inside("11"), inside("12")
    book = _book(
        [said("0011", "dialing", 0, caller=anna, called=bert, direction="internal"),
         said("0012", "ringing", 0.2, caller=anna, called=bert, direction="internal"),
         said("0011", "ringback", 0.3, caller=anna, called=bert, direction="internal"),
         said("0011", "ended", 20, caller=anna, called=bert, direction="internal"),
         said("0012", "ended", 20, caller=anna, called=bert, direction="internal")]
    )  # fmt: skip
    placed, rang = (book.find(user, "c-1") for user in ("0011", "0012"))
    assert placed is not None
    assert rang is not None

    assert (_reported(book, placed).result, placed.party) == ("not-reached", bert)
    assert (_reported(book, rang).result, rang.party) == ("missed", anna)


def test_an_internal_call_that_is_answered_was_answered_elsewhere_for_nobody() -> None:
    anna, bert = inside("11"), inside("12")
    ends: dict[str, object] = {"caller": anna, "called": bert, "direction": "internal"}
    results = _results(
        [said("0011", "dialing", 0, **ends), said("0012", "ringing", 0.2, **ends),  # type: ignore[arg-type]
         said("0012", "connected", 4, **ends), said("0011", "connected", 4.1, **ends),  # type: ignore[arg-type]
         said("0011", "ended", 20, **ends), said("0012", "ended", 20, **ends)]  # type: ignore[arg-type]
    )  # fmt: skip

    assert {value[0] for value in results.values()} == {"answered"}


def test_details_that_come_later_are_kept_and_nothing_takes_them_away() -> None:
    nobody = inside("").model_copy(update={"kind": "unknown"})
    nameless = CLIENT.model_copy(update={"name": ""})
    leg = _leg(
        [said("0011", "incoming", 0, caller=nobody), said("0011", "ringing", 1),
         said("0011", "connected", 3, caller=nameless), said("0011", "ended", 9, caller=WITHHELD)]
    )  # fmt: skip

    assert leg.party == CLIENT


def test_what_the_outage_hid_has_the_times_of_the_pbx() -> None:
    leg = _leg(
        [said("0011", "connected", 3600, pbx_at=10, replayed=True),
         said("0011", "ended", 3600, pbx_at=130, replayed=True)]
    )  # fmt: skip
    record = record_of(leg, outcome(leg, []), None)

    assert (record.replayed, record.talk_seconds) == (True, 120)
    assert record.started.minute == 0


# ---- whatever the order, however often, and with a restart anywhere in between

_STATES = st.sampled_from(
    ["incoming", "ringing", "dialing", "ringback", "connected", "held", "ended", "other"]
)
_EVENTS = st.lists(
    st.builds(
        lambda user, state, at, call_id, before, caller, pbx: said(
            user, state, at, call_id=call_id, caller=caller,
            previous_call_id=before if before != call_id else None,
            pbx_at=at - 1 if pbx else None, group="7" if user == "0013" else None,
        ),
        st.sampled_from(["0011", "0012", "0013"]), _STATES, st.integers(0, 120).map(float),
        st.sampled_from(["a", "b", "c"]), st.sampled_from([None, None, None, "a", "b"]),
        st.sampled_from([CLIENT, OTHER, WITHHELD, inside("12", "Bert")]), st.booleans(),
    ),
    max_size=14,
)  # fmt: skip


def _shuffled(events: list[CallData], seed: int) -> list[CallData]:
    dice = random.Random(seed)
    repeated = events + dice.choices(events, k=len(events)) if events else []
    dice.shuffle(repeated)
    return repeated


def _state(book: CallBook) -> list[str]:
    return sorted(
        json.dumps(leg.as_dict() | {"news_at": 0}, sort_keys=True, default=str)
        for leg in book.legs()
    )


@given(_EVENTS, st.integers())
@settings(max_examples=50)
def test_order_and_repeats_change_nothing(events: list[CallData], seed: int) -> None:
    assert _state(_book(events)) == _state(_book(_shuffled(events, seed)))


@given(_EVENTS, st.integers(0, 14))
@settings(max_examples=30)
def test_a_restart_in_between_changes_nothing(events: list[CallData], cut: int) -> None:
    kept = [json.loads(json.dumps(leg.as_dict())) for leg in _book(events[:cut]).legs()]
    legs = [Leg.from_dict(one) for one in kept]
    book = CallBook(lambda call_id: [leg for leg in legs if call_id in leg.ids])
    for data in events[cut:]:
        book.apply(data, data.received_at.timestamp(), own=data.user.removeprefix("00"))
    for call_id in ("a", "b", "c"):
        for user in ("0011", "0012", "0013"):
            book.find(user, call_id)

    assert _state(book) == _state(_book(events))


@given(_EVENTS)
@settings(max_examples=50)
def test_whatever_comes_has_a_result_and_times_that_make_sense(events: list[CallData]) -> None:
    book = _book(events)
    for leg in book.legs():
        segments = leg.segments()
        for before, after in pairwise(segments):
            assert before.ended is not None
            assert before.started <= before.ended <= after.started
        if leg.over and leg.begun:
            record = record_of(leg, _reported(book, leg), None)
            assert record.ring_seconds >= 0
            assert record.talk_seconds >= 0
            assert record.ended is not None
            assert record.started <= record.ended
            assert (record.result == "answered") == (record.answered is not None)


@given(_EVENTS, st.integers())
@settings(max_examples=30)
def test_what_continues_what_does_not_depend_on_the_order(
    events: list[CallData], seed: int
) -> None:
    def wholes(book: CallBook) -> list[tuple[str, list[str], bool]]:
        return sorted(
            (whole.user, sorted(whole.ids), whole.over)
            for leg in book.legs()
            for whole in [book.whole(leg)]
        )

    assert wholes(_book(events)) == wholes(_book(_shuffled(events, seed)))


Scenario = Callable[[], list[CallData]]
_SCENARIOS: list[Scenario] = [
    lambda: _group(said("0012", "connected", 5, group="7"), said("0011", "ended", 5.1, group="7"),
                   said("0013", "ended", 5, group="7"), said("0012", "ended", 65, group="7")),
    lambda: _group(*[said(user, "ended", 30, group="7") for user in ("0011", "0012", "0013")]),
    lambda: [said("0011", "ringing", 0), said("0011", "connected", 5), said("0011", "ended", 60),
             said("0012", "ringing", 60.5), said("0012", "connected", 66),
             said("0012", "ended", 90)],
    lambda: [said("0011", "ringing", 0), said("0011", "ended", 20), said("0011", "ringing", 40),
             said("0011", "connected", 45), said("0011", "ended", 105)],
    lambda: [outgoing("0011", "dialing", 0), outgoing("0011", "ringback", 2),
             outgoing("0011", "connected", 9), outgoing("0011", "ended", 30)],
]  # fmt: skip


@pytest.mark.parametrize("scenario", _SCENARIOS)
@given(seed=st.integers())
@settings(max_examples=10)
def test_a_scenario_ends_the_same_however_it_is_reported(scenario: Scenario, seed: int) -> None:
    events = scenario()

    assert _results(_shuffled(events, seed)) == _results(events)


@given(seed=st.integers(), missing=st.integers(0, 20))
@settings(max_examples=30)
def test_one_event_that_is_lost_never_makes_an_answered_call_a_missed_one(
    seed: int, missing: int
) -> None:
    """As long as the connection itself was results to somebody, or the end says nothing else."""
    events = _SCENARIOS[0]()
    lost = events.pop(missing % len(events))
    results = {key[:4]: value[0] for key, value in _results(_shuffled(events, seed)).items()}

    if lost.state != "connected":
        assert results.get("0012") in ("answered", None)
        assert results.get("0011") in ("answered-elsewhere", None)
